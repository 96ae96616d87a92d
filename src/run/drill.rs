//! How a game day begins and ends in the replicated state.
//!
//! Invariant: a drill leaves brake, cool-down and quarantine as they are; a rehearsal takes no run's
//! place and moves no epoch either.
//! Invariant: where a run is open no drill is but the one that it is a part of: opening another's ends
//! the drill, in one command.

use crate::model::{
    AppId, CompletedDrill, Drill, DrillCause, DrillCheck, DrillEnd, DrillId, DrillMode,
    DrillOutcome, DrillReport, Drills, Event, HoldReason, LiveDrill, LivePhase, Millis, Origin,
    RegionId, RehearsedStep, Rejection, RunId, State, Wall,
};

use super::audit::cut;
use super::live_drill::end_live;

/// Closed drills that are kept of one application: ten weeks of weekly ones, to compare with.
pub const KEPT_DRILLS: usize = 10;

/// Longer than a rehearsal of the slowest detection, shorter than anybody forgets that it goes on.
pub const LONGEST_DRILL: Millis = Millis::from_mins(4 * 60);

/// Bytes of a name, a line, a summary.
const NAME: usize = 128;
pub(super) const LINE: usize = 512;
const SUMMARY: usize = 1_024;
/// Steps, checks, and what is listed within one of them: more than any plan has.
const STEPS: usize = 200;
const LISTED: usize = 32;

/// What is asked for.
pub(super) struct Asked<'a> {
    pub id: &'a DrillId,
    pub app: &'a AppId,
    pub mode: DrillMode,
    pub from: &'a RegionId,
    pub to: Option<&'a RegionId>,
    pub by: &'a str,
    pub reason: &'a str,
    pub max_duration: Millis,
    pub soak: Option<Millis>,
}

/// The last drill of that application that came to its end, of whichever mode: when, and whether it
/// passed. One that real life or a person ended says nothing and is none.
pub fn last_completed<'a>(state: &'a State, app: &AppId) -> Option<&'a CompletedDrill> {
    let completed = &state.drills.get(app)?.completed;
    completed.values().max_by_key(|drill| drill.at)
}

/// The same, of that mode alone.
pub fn last_completed_of<'a>(
    state: &'a State,
    app: &AppId,
    mode: DrillMode,
) -> Option<&'a CompletedDrill> {
    state.drills.get(app)?.completed.get(&mode)
}

/// Begins one, if no run and no other drill of the application is under way.
pub(super) fn begin(state: &mut State, now: Wall, asked: &Asked<'_>) -> Result<Event, Rejection> {
    let no = |why: &str| {
        Err(Rejection::NoDrill {
            why: why.to_owned(),
        })
    };
    let app = asked.app;
    if let Some(open) = state.open_drill(app) {
        if &open.id == asked.id && open.by == asked.by {
            return Ok(Event::NoChange);
        }
        let reason = HoldReason::DrillOpen {
            drill: open.id.clone(),
            by: open.by.clone(),
        };
        return Err(Rejection::Guard { reason });
    }
    if let Some(run) = state.open_run(app) {
        let reason = HoldReason::run_open(run);
        return Err(Rejection::Guard { reason });
    }
    if asked.max_duration == Millis::ZERO || asked.max_duration > LONGEST_DRILL {
        return no("it must be allowed some time, and no more than four hours");
    }
    let live = match asked.mode {
        DrillMode::Rehearse => None,
        DrillMode::Live => Some(set_out(state, asked)?),
    };
    let next = match state.drills.get(app) {
        Some(drills) => drills.next_id(app),
        None => Drills::default().next_id(app),
    };
    if next != *asked.id {
        return no("another drill was begun and ended since this one was asked for");
    }
    let drills = state.drills.entry(app.clone()).or_default();
    drills.count += 1;
    drills.open = Some(Drill {
        id: asked.id.clone(),
        number: drills.count,
        application: app.clone(),
        mode: asked.mode,
        from: asked.from.clone(),
        to: asked.to.cloned(),
        by: cut(asked.by, NAME),
        reason: cut(asked.reason, LINE),
        begun_at: now,
        max_duration: asked.max_duration,
        live,
        end: None,
    });
    Ok(Event::DrillMoved {
        drill: asked.id.clone(),
    })
}

/// A live one that has just begun.
fn set_out(state: &State, asked: &Asked<'_>) -> Result<LiveDrill, Rejection> {
    let no = |why: String| Err(Rejection::NoDrill { why });
    let Some(soak) = asked.soak.filter(|soak| *soak < asked.max_duration) else {
        return no("it must be told how long to stay, and that is shorter than all of it".into());
    };
    if asked.to.is_none_or(|to| to == asked.from) {
        return no("it must be told where to, and that is elsewhere".into());
    }
    let known = state.apps.get(asked.app);
    if let Some(active) = known.and_then(|app| app.active.as_ref())
        && active != asked.from
    {
        return no(format!("it leaves {}, but {active} serves", asked.from));
    }
    if !state.epoch_is_known(asked.app) {
        return Err(Rejection::Guard {
            reason: HoldReason::EpochUnknown,
        });
    }
    Ok(LiveDrill {
        soak,
        phase: LivePhase::Switching,
        there: None,
        back: None,
        arrived_at: None,
        turned_at: None,
        cut: None,
    })
}

/// Ends that one. One that has ended stays as it ended.
pub(super) fn close(
    state: &mut State,
    now: Wall,
    id: &DrillId,
    outcome: DrillOutcome,
    report: &DrillReport,
) -> Result<Event, Rejection> {
    let known = state
        .drill(id)
        .ok_or_else(|| Rejection::NoSuchDrill { drill: id.clone() })?;
    if known.end.is_some() {
        return Ok(Event::NoChange);
    }
    if known.live.is_some() {
        let why = "a live drill is turned home, not closed".to_owned();
        return Err(Rejection::NoDrill { why });
    }
    let app = known.application.clone();
    end(state, now, &app, outcome, None, bounded(report));
    Ok(Event::DrillMoved { drill: id.clone() })
}

/// A run was opened: real life wins.
pub(super) fn overtaken_by_run(
    state: &mut State,
    now: Wall,
    app: &AppId,
    run: &RunId,
    origin: &Origin,
) {
    let cause = if origin.is_automatic() {
        DrillCause::RealOutage
    } else {
        DrillCause::RunOpened
    };
    let summary = format!("run {run} was opened: real life goes first");
    end_empty(state, now, app, cause, summary);
}

/// The ledger has begun anew: what was under way is not any more.
pub(super) fn forget_open(state: &mut State, now: Wall, why: &str) {
    let apps: Vec<AppId> = state.drills.keys().cloned().collect();
    for app in apps {
        end_empty(state, now, &app, DrillCause::Restored, cut(why, LINE));
    }
}

fn end_empty(state: &mut State, now: Wall, app: &AppId, cause: DrillCause, summary: String) {
    let is_live = |drill: &Drill| drill.live.is_some();
    if state.open_drill(app).is_some_and(is_live) {
        return end_live(state, now, app, cause, &summary);
    }
    let report = DrillReport {
        summary,
        ..DrillReport::default()
    };
    end(state, now, app, DrillOutcome::Ended, None, report);
}

pub(super) fn end(
    state: &mut State,
    now: Wall,
    app: &AppId,
    outcome: DrillOutcome,
    cause: Option<DrillCause>,
    report: DrillReport,
) {
    let Some(drills) = state.drills.get_mut(app) else {
        return;
    };
    let Some(mut drill) = drills.open.take() else {
        return;
    };
    drill.end = Some(DrillEnd {
        at: now,
        outcome,
        cause,
        report,
    });
    // The newest of a mode is kept whole; of the others what one compares with.
    for older in drills.closed.iter_mut().filter(|d| d.mode == drill.mode) {
        if let Some(end) = &mut older.end {
            end.report.guards.clear();
            end.report.plan = None;
            end.report.steps.clear();
        }
    }
    if outcome != DrillOutcome::Ended {
        let completed = CompletedDrill {
            drill: drill.id.clone(),
            mode: drill.mode,
            at: now,
            passed: outcome == DrillOutcome::Passed,
        };
        drills.completed.insert(drill.mode, completed);
    }
    drills.closed.push_back(drill);
    while drills.closed.len() > KEPT_DRILLS {
        drills.closed.pop_front();
    }
}

/// Its texts as long as a person reads, and no more of anything than a plan can have.
fn bounded(report: &DrillReport) -> DrillReport {
    let check = |check: &DrillCheck| DrillCheck {
        name: cut(&check.name, NAME),
        held: check.held,
        seen: cut(&check.seen, LINE),
    };
    let step = |step: &RehearsedStep| RehearsedStep {
        id: step.id.clone(),
        uses: cut(&step.uses, NAME),
        goal: cut(&step.goal, LINE),
        outlook: step.outlook,
        seen: step.seen.as_deref().map(|seen| cut(seen, LINE)),
        permissions: step
            .permissions
            .iter()
            .take(LISTED)
            .map(|permission| cut(permission, LINE))
            .collect(),
        control_plane: step.control_plane.as_deref().map(|name| cut(name, NAME)),
        obstacles: step
            .obstacles
            .iter()
            .take(LISTED)
            .map(|(code, text)| (cut(code, NAME), cut(text, LINE)))
            .collect(),
    };
    DrillReport {
        summary: cut(&report.summary, SUMMARY),
        clocks: report.clocks,
        checks: report.checks.iter().take(LISTED).map(check).collect(),
        guards: report.guards.iter().take(LISTED).cloned().collect(),
        plan: report.plan.clone(),
        steps: report.steps.iter().take(STEPS).map(step).collect(),
    }
}
