//! The evacuation of a Region in the replicated state: how it begins, goes on and ends.
//!
//! ```text
//!  BeginEvacuation ─▶ waiting ─OpenEvacuationRun─▶ running ─executed─▶ moved ─┐
//!                      ▲   │ HoldEvacuee               └──aborted──▶ failed   │ CloseEvacuation
//!                      └─ held ─OpenEvacuationRun─▶                           ▼
//!  StopEvacuation: nothing new is begun                                   completed
//! ```
//!
//! Invariant: one open evacuation of a Region.
//! Invariant: a run is opened for it only when it is that application's turn (`super::waves`), and
//! once: what a person has aborted is theirs.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    AppId, Departure, Evacuation, EvacuationId, EvacuationStatus, Evacuee, EvacueeStatus, Event,
    HoldReason, Origin, Plan, RegionId, Rejection, RunId, RunLimits, RunStatus, State, Wall,
};

use super::open;
use super::waves::{Turn, all_out, is_out, turns};

/// Evacuations that are remembered, the open ones beside them.
pub const KEPT_EVACUATIONS: usize = 20;

/// The most applications that one may move at the same time: more would only queue at the limits of
/// one account's control planes.
pub const MOST_PARALLEL: u32 = 50;

/// What is asked for.
pub(super) struct Begin<'a> {
    pub id: &'a EvacuationId,
    pub region: &'a RegionId,
    pub by: &'a str,
    pub reason: &'a str,
    pub parallel: u32,
    pub allow_data_loss: bool,
    pub waves: &'a [Vec<Departure>],
}

pub(super) fn begin(state: &mut State, now: Wall, ask: &Begin<'_>) -> Result<Event, Rejection> {
    if let Some(open) = state.evacuation_of(ask.region) {
        // The same person's word, proposed again because its answer was lost.
        if &open.id == ask.id && open.by == ask.by && open.reason == ask.reason {
            return Ok(Event::NoChange);
        }
        return Err(Rejection::EvacuationOpen {
            id: open.id.clone(),
            region: open.region.clone(),
            by: open.by.clone(),
        });
    }
    if state.evacuations.contains_key(ask.id) {
        return refuse(ask.id, "there was one of that name already");
    }
    if ask.parallel == 0 || ask.parallel > MOST_PARALLEL {
        let why = format!("between 1 and {MOST_PARALLEL} runs may be under way at a time");
        return refuse(ask.id, why);
    }
    let evacuation = Evacuation {
        id: ask.id.clone(),
        region: ask.region.clone(),
        by: ask.by.to_owned(),
        reason: ask.reason.to_owned(),
        parallel: ask.parallel,
        allow_data_loss: ask.allow_data_loss,
        begun_at: now,
        status: EvacuationStatus::Running,
        applications: evacuees(state, ask)?,
    };
    if all_out(state, &evacuation) {
        return refuse(ask.id, format!("no application serves from {}", ask.region));
    }
    state.evacuations.insert(ask.id.clone(), evacuation);
    forget(state);
    Ok(moved(ask.id))
}

/// Each application in its wave; what it depends on must be in an earlier one.
fn evacuees(state: &State, ask: &Begin<'_>) -> Result<BTreeMap<AppId, Evacuee>, Rejection> {
    let mut evacuees = BTreeMap::new();
    let mut before: BTreeSet<&AppId> = BTreeSet::new();
    for (wave, departures) in (1..).zip(ask.waves) {
        for departure in departures {
            let app = &departure.application;
            if let Some(needed) = departure.depends_on.iter().find(|d| !before.contains(d)) {
                return refuse(ask.id, format!("{app} would go before {needed}"));
            }
            let serves = state.serves_from(app, &departure.home);
            let status = if serves == ask.region {
                EvacueeStatus::Waiting
            } else {
                EvacueeStatus::Elsewhere {
                    region: serves.clone(),
                }
            };
            let evacuee = Evacuee {
                wave,
                priority: departure.priority,
                depends_on: departure.depends_on.clone(),
                home: departure.home.clone(),
                status,
            };
            if evacuees.insert(app.clone(), evacuee).is_some() {
                return refuse(ask.id, format!("{app} is named twice"));
            }
        }
        before.extend(departures.iter().map(|departure| &departure.application));
    }
    Ok(evacuees)
}

/// Opens the run of an application whose turn it is.
pub(super) fn open_run(
    state: &mut State,
    now: Wall,
    at: Wall,
    id: &EvacuationId,
    plan: &Plan,
    origin: &Origin,
    limits: &RunLimits,
) -> Result<Event, Rejection> {
    let app = &plan.application;
    let evacuation = find(state, id)?;
    let Some(evacuee) = evacuation.applications.get(app) else {
        return refuse(id, format!("{app} is none of its applications"));
    };
    let run = RunId(format!("{}-{}", plan.application, plan.epoch));
    let opened =
        matches!(&evacuee.status, EvacueeStatus::Running { run: known, .. } if known == &run);
    if !opened {
        let turn = turns(state, now, evacuation).remove(app);
        if turn != Some(Turn::Now) {
            let why = turn.unwrap_or(Turn::Never);
            return refuse(id, format!("{app}: {why}"));
        }
        if plan.from != evacuation.region {
            return refuse(id, format!("the plan of {app} leaves {}", plan.from));
        }
        if let Some(other) = state.evacuation_of(&plan.to) {
            let reason = HoldReason::BeingEvacuated {
                region: plan.to.clone(),
                evacuation: other.id.clone(),
            };
            return Err(Rejection::Guard { reason });
        }
    }
    let event = open::open(state, now, at, plan, origin, limits)?;
    if opened {
        return Ok(event);
    }
    let (run, to) = (run, plan.to.clone());
    set(state, id, app, EvacueeStatus::Running { run, to });
    Ok(event)
}

/// Writes down why an application whose turn has come is not moved.
pub(super) fn hold(
    state: &mut State,
    now: Wall,
    id: &EvacuationId,
    app: &AppId,
    reason: &HoldReason,
) -> Result<Event, Rejection> {
    let evacuation = find(state, id)?;
    if !evacuation.is_open() {
        return refuse(id, "it has ended");
    }
    let Some(evacuee) = evacuation.applications.get(app) else {
        return refuse(id, format!("{app} is none of its applications"));
    };
    let since = match &evacuee.status {
        EvacueeStatus::Waiting | EvacueeStatus::Elsewhere { .. } => now,
        EvacueeStatus::Held { reason: known, .. } if known == reason => {
            return Ok(Event::NoChange);
        }
        // Held is held, for whatever reason at the time.
        EvacueeStatus::Held { since, .. } => *since,
        EvacueeStatus::Running { .. }
        | EvacueeStatus::Moved { .. }
        | EvacueeStatus::Failed { .. } => return refuse(id, format!("{app} waits for nothing")),
    };
    let reason = reason.clone();
    set(state, id, app, EvacueeStatus::Held { reason, since });
    Ok(moved(id))
}

pub(super) fn stop(
    state: &mut State,
    now: Wall,
    id: &EvacuationId,
    by: &str,
    reason: &str,
) -> Result<Event, Rejection> {
    let evacuation = find(state, id)?;
    match &evacuation.status {
        EvacuationStatus::Running => {}
        EvacuationStatus::Stopped { .. } => return Ok(Event::NoChange),
        EvacuationStatus::Completed { .. } => return refuse(id, "it is completed"),
    }
    let status = EvacuationStatus::Stopped {
        by: by.to_owned(),
        reason: reason.to_owned(),
        at: now,
    };
    set_status(state, id, status);
    forget(state);
    Ok(moved(id))
}

/// A ledger that others may have overtaken goes on with none.
pub(super) fn stop_all(state: &mut State, now: Wall, by: &str, reason: &str) {
    for evacuation in state.evacuations.values_mut().filter(|e| e.is_open()) {
        evacuation.status = EvacuationStatus::Stopped {
            by: by.to_owned(),
            reason: reason.to_owned(),
            at: now,
        };
    }
}

pub(super) fn close(state: &mut State, now: Wall, id: &EvacuationId) -> Result<Event, Rejection> {
    let evacuation = find(state, id)?;
    match &evacuation.status {
        EvacuationStatus::Running => {}
        EvacuationStatus::Stopped { .. } => return refuse(id, "it was stopped"),
        EvacuationStatus::Completed { .. } => return Ok(Event::NoChange),
    }
    let mut left = evacuation.applications.iter();
    if let Some((app, _)) = left.find(|(app, e)| !is_out(state, evacuation, app, e)) {
        return refuse(id, format!("{app} has not moved"));
    }
    set_status(state, id, EvacuationStatus::Completed { at: now });
    forget(state);
    Ok(moved(id))
}

/// A run has moved: if it is one of an evacuation's, so has its application.
pub(super) fn follow(state: &mut State, now: Wall, id: &RunId) {
    let Some(run) = state.runs.get(id) else {
        return;
    };
    let status = match &run.status {
        RunStatus::Soaking { .. } | RunStatus::Completed => EvacueeStatus::Moved {
            run: id.clone(),
            to: run.plan.to.clone(),
            at: run.executed_at.unwrap_or(now),
        },
        RunStatus::Aborted { .. } => EvacueeStatus::Failed {
            run: id.clone(),
            at: now,
        },
        RunStatus::Executing | RunStatus::NeedsOperator { .. } | RunStatus::Aborting { .. } => {
            return;
        }
    };
    let app = run.application.clone();
    for evacuation in state.evacuations.values_mut() {
        let evacuee = evacuation.applications.get_mut(&app);
        if let Some(evacuee) = evacuee
            && matches!(&evacuee.status, EvacueeStatus::Running { run, .. } if run == id)
        {
            evacuee.status = status.clone();
        }
    }
}

fn find<'a>(state: &'a State, id: &EvacuationId) -> Result<&'a Evacuation, Rejection> {
    let found = state.evacuations.get(id);
    found.ok_or_else(|| Rejection::NoSuchEvacuation { id: id.clone() })
}

fn set(state: &mut State, id: &EvacuationId, app: &AppId, status: EvacueeStatus) {
    let evacuation = state.evacuations.get_mut(id);
    if let Some(evacuee) = evacuation.and_then(|e| e.applications.get_mut(app)) {
        evacuee.status = status;
    }
}

fn set_status(state: &mut State, id: &EvacuationId, status: EvacuationStatus) {
    if let Some(evacuation) = state.evacuations.get_mut(id) {
        evacuation.status = status;
    }
}

/// The oldest that have ended make room.
fn forget(state: &mut State) {
    let mut ended: Vec<(Wall, EvacuationId)> = state
        .evacuations
        .values()
        .filter(|evacuation| !evacuation.is_open())
        .map(|evacuation| (evacuation.begun_at, evacuation.id.clone()))
        .collect();
    ended.sort();
    let surplus = ended.len().saturating_sub(KEPT_EVACUATIONS);
    for (_, id) in ended.drain(..surplus) {
        state.evacuations.remove(&id);
    }
}

fn moved(id: &EvacuationId) -> Event {
    Event::EvacuationMoved { id: id.clone() }
}

fn refuse<T>(id: &EvacuationId, why: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::Evacuation {
        id: id.clone(),
        why: why.into(),
    })
}
