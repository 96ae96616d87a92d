//! A live game day in the replicated state: there, a while, and back.
//!
//! ```text
//!  BeginDrill ─▶ switching ──run completed──▶ soaking ──MoveDrill──▶ returning ──run completed──▶ ended
//!                   │ MoveDrill                  │                       │
//!                   │  data not moved: its run is aborted, then ended    │
//!                   │  else: no soak, back at once                       │
//!                   └────────── a real outage, another's run: ended where it stands ──────────────┘
//! ```
//!
//! Invariant: while it soaks no run of it is open, and nothing is held for it: whatever happens then is
//! decided as on any other day.
//! Invariant: its runs lose no data by its own doing: a plan that could is not opened for it.
//! Invariant: what `open` asks of an operator's run it asks of these.

use crate::model::{
    AbortReason, AppId, Away, CutShort, Drill, DrillCause, DrillCheck, DrillClocks, DrillId,
    DrillReport, Event, Intent, LiveDrill, LivePhase, Millis, Origin, Plan, Promotion, RegionId,
    Rejection, Run, RunId, RunLimits, RunStatus, State, Wall,
};

use super::audit::cut;
use super::drill::{LINE, end};
use super::open;

/// The way that its next run goes.
fn next_way(drill: &Drill) -> Option<(&RegionId, &RegionId)> {
    let (live, to) = (drill.live.as_ref()?, drill.to.as_ref()?);
    match live.phase {
        LivePhase::Switching => Some((&drill.from, to)),
        LivePhase::Returning => Some((to, &drill.from)),
        LivePhase::Soaking { .. } => None,
    }
}

/// Opens one of its two runs.
pub(super) fn open_run(
    state: &mut State,
    now: Wall,
    at: Wall,
    id: &DrillId,
    plan: &Plan,
    origin: &Origin,
    limits: &RunLimits,
) -> Result<Event, Rejection> {
    let drill = find(state, id)?;
    if drill.application != plan.application {
        return refuse(format!("{id} is no drill of {}", plan.application));
    }
    let Some(live) = &drill.live else {
        return refuse(format!("{id} is a rehearsal: it opens no run"));
    };
    let run = plan.run_id();
    let known = [&live.there, &live.back].contains(&&Some(run.clone()));
    if !known {
        check_way(drill, live, plan)?;
        check_harmless(plan, origin)?;
    }
    // It does not keep its application's place to watch over what it left: it gives it up, and what it
    // left is watched as what any closed run left.
    let limits = RunLimits {
        soak: Millis::ZERO,
        ..*limits
    };
    let event = open::open_for(state, now, at, plan, origin, &limits, Some(id))?;
    if let Some(live) = live_mut(state, &plan.application) {
        match live.phase {
            LivePhase::Switching => live.there = Some(run),
            LivePhase::Returning => live.back = Some(run),
            LivePhase::Soaking { .. } => {}
        }
    }
    Ok(event)
}

fn check_way(drill: &Drill, live: &LiveDrill, plan: &Plan) -> Result<(), Rejection> {
    let opened = match live.phase {
        LivePhase::Switching => live.there.as_ref(),
        LivePhase::Soaking { .. } => None,
        LivePhase::Returning => live.back.as_ref(),
    };
    if let Some(other) = opened {
        return refuse(format!("{other} was its run on this way already"));
    }
    if live.phase == LivePhase::Switching && live.cut.is_some() {
        return refuse("it is being stopped".to_owned());
    }
    match next_way(drill) {
        Some((from, to)) if (from, to) == (&plan.from, &plan.to) => Ok(()),
        Some((from, to)) => refuse(format!(
            "it goes from {from} to {to}, and the plan from {} to {}",
            plan.from, plan.to
        )),
        None => refuse(format!("it is {}", live.phase.as_str())),
    }
}

/// A game day hands over, or does nothing: never a plan that could lose data, whoever grants it.
fn check_harmless(plan: &Plan, origin: &Origin) -> Result<(), Rejection> {
    let loses_data = plan.steps.iter().any(|step| match &step.intent {
        Intent::AuroraPromote {
            method,
            escalate_after,
            ..
        } => *method != Promotion::Switchover || escalate_after.is_some(),
        Intent::Dial { .. }
        | Intent::Weight { .. }
        | Intent::Route53Failover { .. }
        | Intent::Route53Weights { .. }
        | Intent::RoutingControl { .. }
        | Intent::ScaleNodegroup { .. }
        | Intent::Steer { .. }
        | Intent::HttpCheck { .. }
        | Intent::HttpRequest { .. }
        | Intent::Approval { .. }
        | Intent::Bake { .. }
        | Intent::Wait { .. } => false,
    });
    if !plan.kind.is_graceful() || plan.data_loss.is_some() || loses_data {
        return refuse("its plan could lose data".to_owned());
    }
    if origin.is_automatic() {
        return refuse("a person asks for it, not the quorum".to_owned());
    }
    Ok(())
}

/// Turns it home, or ends it where it stands.
pub(super) fn move_on(
    state: &mut State,
    now: Wall,
    id: &DrillId,
    cause: DrillCause,
    why: &str,
) -> Result<Event, Rejection> {
    let Some(drill) = state.drill(id) else {
        return Err(Rejection::NoSuchDrill { drill: id.clone() });
    };
    if drill.end.is_some() {
        return Ok(Event::NoChange);
    }
    let Some(live) = drill.live.clone() else {
        return refuse(format!("{id} is a rehearsal"));
    };
    let app = drill.application.clone();
    let why = cut(why, LINE);
    let open = state.open_run(&app).map(|run| run.id.clone());
    if cause.ends() {
        if cause == DrillCause::Refused && open.is_some() {
            return refuse("its run is open".to_owned());
        }
        if cause == DrillCause::RealOutage {
            give_way(state, now, open.as_ref(), &why);
        }
        end_live(state, now, &app, cause, &why);
        return Ok(moved(id));
    }
    match live.phase {
        // On its way back already: there is nothing to turn.
        LivePhase::Returning => return Ok(Event::NoChange),
        LivePhase::Soaking { until } => {
            if cause == DrillCause::Soaked && now < until {
                return refuse("it has not stayed as long as it was to".to_owned());
            }
            turn(state, now, &app, cause, &why);
        }
        LivePhase::Switching => {
            if cause == DrillCause::Soaked {
                return refuse("it has not arrived".to_owned());
            }
            if live.cut.is_some() {
                return Ok(Event::NoChange);
            }
            mark_cut(state, now, &app, cause, &why);
            match &live.there {
                None => end_live(state, now, &app, cause, &why),
                // A paused run is in a person's hands; it may be their word that this is.
                Some(run) if cause == DrillCause::Operator => {
                    stop_run(state, now, Some(run), &why, true);
                }
                Some(run) => stop_run(state, now, Some(run), &why, false),
            }
        }
    }
    Ok(moved(id))
}

/// The real outage wins: what its run has not begun to move with the data is given back, so that the
/// failover finds its place free. Once the data may be moving, nothing is decided anew.
fn give_way(state: &mut State, now: Wall, run: Option<&RunId>, why: &str) {
    stop_run(state, now, run, why, false);
}

fn stop_run(state: &mut State, now: Wall, run: Option<&RunId>, why: &str, though_paused: bool) {
    let Some(run) = run.and_then(|id| state.runs.get_mut(id)) else {
        return;
    };
    let begun = run.abort.is_some() || run.executed_at.is_some() || !run.is_open();
    let of_persons = run.paused.is_some() && !though_paused;
    if run.drill.is_none() || begun || of_persons || run.may_have_promoted() {
        return;
    }
    let detail = why.to_owned();
    open::begin_abort(run, now, AbortReason::DrillOver { detail });
}

fn mark_cut(state: &mut State, now: Wall, app: &AppId, cause: DrillCause, why: &str) {
    if cause == DrillCause::Soaked {
        return;
    }
    if let Some(live) = live_mut(state, app) {
        live.cut.get_or_insert(CutShort {
            cause,
            why: why.to_owned(),
            at: now,
        });
    }
}

fn turn(state: &mut State, now: Wall, app: &AppId, cause: DrillCause, why: &str) {
    mark_cut(state, now, app, cause, why);
    if let Some(live) = live_mut(state, app) {
        live.phase = LivePhase::Returning;
        live.turned_at = Some(now);
    }
}

/// A run is closed: if it is one of a drill's, the drill goes on, or is over.
pub(super) fn follow(state: &mut State, now: Wall, id: &RunId) {
    let Some(run) = state.runs.get(id) else {
        return;
    };
    let Some(of) = run.drill.clone() else {
        return;
    };
    let app = run.application.clone();
    let completed = run.status == RunStatus::Completed;
    let told = match &run.status {
        RunStatus::Aborted { reason } => format!("run {id} was aborted: {reason}"),
        RunStatus::Completed
        | RunStatus::Executing
        | RunStatus::NeedsOperator { .. }
        | RunStatus::Aborting { .. }
        | RunStatus::Soaking { .. } => format!("run {id} moved the users, and not the data"),
    };
    let Some(drill) = state.open_drill(&app).filter(|drill| drill.id == of) else {
        // It was ended before its run was: where that has left the application is still to be told.
        if let Some(drill) = state.drill(&of).cloned() {
            leave_word(state, now, &drill, "the drill was over before its run was");
        }
        return;
    };
    let Some(live) = drill.live.clone() else {
        return;
    };
    let serves = serves_from(state, drill).clone();
    let (home, to) = (drill.from.clone(), drill.to.clone());
    if live.there.as_ref() == Some(id) {
        match (&live.cut, completed && Some(&serves) == to.as_ref()) {
            (None, true) => arrive(state, now, &app, live.soak),
            (Some(_), true) => {
                arrive(state, now, &app, live.soak);
                if let Some(live) = live_mut(state, &app) {
                    live.phase = LivePhase::Returning;
                    live.turned_at = Some(now);
                }
            }
            (Some(cut), false) => end_live(state, now, &app, cut.cause, &cut.why),
            (None, false) => end_live(state, now, &app, DrillCause::RunFailed, &told),
        }
    } else if live.back.as_ref() == Some(id) {
        if completed && serves == home {
            end_live(state, now, &app, DrillCause::Soaked, "");
        } else {
            end_live(state, now, &app, DrillCause::RunFailed, &told);
        }
    }
}

fn arrive(state: &mut State, now: Wall, app: &AppId, soak: Millis) {
    if let Some(live) = live_mut(state, app) {
        live.arrived_at = Some(now);
        live.phase = LivePhase::Soaking { until: now + soak };
    }
}

/// Ends the live drill of that application, with everything that can be said of it by then.
pub(super) fn end_live(state: &mut State, now: Wall, app: &AppId, cause: DrillCause, why: &str) {
    let Some(drill) = state.open_drill(app).cloned() else {
        return;
    };
    let report = report(state, now, &drill, cause, why);
    let cut_by = drill.live.as_ref().and_then(|live| live.cut.as_ref());
    let held = report.checks.iter().all(|check| check.held);
    let (outcome, ended_by) = match (cause, cut_by) {
        (DrillCause::Soaked, Some(cut)) => (cut.cause.outcome(), Some(cut.cause)),
        (DrillCause::Soaked, None) if held => (DrillCause::Soaked.outcome(), None),
        (DrillCause::Soaked, None) => (DrillCause::RunFailed.outcome(), None),
        (cause, _) => (cause.outcome(), Some(cause)),
    };
    end(state, now, app, outcome, ended_by, report);
    // Whose run has taken its place says itself where it goes.
    if cause != DrillCause::RunOpened {
        leave_word(state, now, &drill, why);
    }
}

/// Where the application was left, if that is not where it came from and nothing is under way.
fn leave_word(state: &mut State, now: Wall, drill: &Drill, why: &str) {
    let app = &drill.application;
    let region = serves_from(state, drill).clone();
    if region == drill.from || state.open_run(app).is_some() {
        return;
    }
    if let Some(drills) = state.drills.get_mut(app) {
        drills.away = Some(Away {
            drill: drill.id.clone(),
            region,
            home: drill.from.clone(),
            why: cut(why, LINE),
            at: now,
        });
    }
}

/// Somebody knows, or moves the application: nothing is left to be told.
pub(super) fn word_taken(state: &mut State, app: &AppId) {
    if let Some(drills) = state.drills.get_mut(app) {
        drills.away = None;
    }
}

fn serves_from<'a>(state: &'a State, drill: &'a Drill) -> &'a RegionId {
    let known = state.apps.get(&drill.application);
    known
        .and_then(|app| app.active.as_ref())
        .unwrap_or(&drill.from)
}

fn report(state: &State, now: Wall, drill: &Drill, cause: DrillCause, why: &str) -> DrillReport {
    let Some(live) = &drill.live else {
        return DrillReport::default();
    };
    let run = |id: &Option<RunId>| id.as_ref().and_then(|id| state.runs.get(id));
    let (there, back) = (run(&live.there), run(&live.back));
    let took = |run: Option<&Run>| run.and_then(|run| Some(run.executed_at?.since(run.opened_at)));
    let clocks = DrillClocks {
        execute: took(there),
        soak: live
            .arrived_at
            .map(|arrived| live.turned_at.unwrap_or(now).since(arrived)),
        back: took(back),
        total: Some(now.since(drill.begun_at)),
        ..DrillClocks::default()
    };
    let to = drill.to.as_ref().map_or("", |to| to.as_str());
    let mut checks = vec![way("switched", there, &drill.from, to, why)];
    if live.arrived_at.is_some() {
        checks.push(soaked(live, clocks.soak.unwrap_or_default(), why));
    }
    if live.turned_at.is_some() {
        checks.push(way("returned", back, to, &drill.from, why));
    }
    checks.push(undisturbed([there, back].into_iter().flatten()));
    checks.push(in_time(
        drill,
        live,
        cause,
        clocks.total.unwrap_or_default(),
    ));
    let summary = match (cause, &live.cut) {
        (DrillCause::Soaked, None) => format!(
            "{} was left for {to} in {} and taken back in {}, after a soak of {}",
            drill.from,
            clocks.execute.unwrap_or_default(),
            clocks.back.unwrap_or_default(),
            clocks.soak.unwrap_or_default(),
        ),
        (DrillCause::Soaked, Some(cut)) => {
            format!("{} serves again; it was cut short: {}", drill.from, cut.why)
        }
        (_, _) => why.to_owned(),
    };
    DrillReport {
        summary,
        clocks,
        checks,
        ..DrillReport::default()
    }
}

fn check(name: &str, held: bool, seen: String) -> DrillCheck {
    DrillCheck {
        name: name.to_owned(),
        held,
        seen: cut(&seen, LINE),
    }
}

fn way(
    name: &str,
    run: Option<&Run>,
    from: impl std::fmt::Display,
    to: impl std::fmt::Display,
    why: &str,
) -> DrillCheck {
    let Some(run) = run else {
        return check(name, false, format!("no run was opened: {why}"));
    };
    let held = run.status == RunStatus::Completed;
    let seen = match run.executed_at.filter(|_| held) {
        Some(at) => format!(
            "run {} from {from} to {to} in {}",
            run.id,
            at.since(run.opened_at)
        ),
        None => format!("run {} is {}: {why}", run.id, run.status.as_str()),
    };
    check(name, held, seen)
}

fn soaked(live: &LiveDrill, soak: Millis, why: &str) -> DrillCheck {
    let seen = match (&live.cut, live.turned_at) {
        (Some(cut), _) => format!("{soak} of {}: {}", live.soak, cut.why),
        (None, Some(_)) => format!("{soak}, and nothing turned it home before"),
        (None, None) => format!("{soak} of {}: {why}", live.soak),
    };
    check(
        "soaked",
        live.cut.is_none() && live.turned_at.is_some(),
        seen,
    )
}

/// That nobody else changed what its runs had left.
fn undisturbed<'a>(runs: impl Iterator<Item = &'a Run>) -> DrillCheck {
    let found: Vec<String> = runs
        .flat_map(|run| &run.findings)
        .map(|finding| format!("{}: {}", finding.step, finding.text))
        .collect();
    let seen = if found.is_empty() {
        "nobody changed what its runs had left".to_owned()
    } else {
        found.join("; ")
    };
    check("undisturbed", found.is_empty(), seen)
}

fn in_time(drill: &Drill, live: &LiveDrill, cause: DrillCause, total: Millis) -> DrillCheck {
    let up = |cause| cause == DrillCause::TimeUp;
    let cut_by_time = up(cause) || live.cut.as_ref().is_some_and(|cut| up(cut.cause));
    let held = !cut_by_time && total <= drill.max_duration;
    let allowed = drill.max_duration;
    check("in_time", held, format!("{total} of {allowed} allowed"))
}

fn find<'a>(state: &'a State, id: &DrillId) -> Result<&'a Drill, Rejection> {
    let drill = state
        .drill(id)
        .ok_or_else(|| Rejection::NoSuchDrill { drill: id.clone() })?;
    if drill.end.is_some() {
        return refuse(format!("{id} has ended"));
    }
    Ok(drill)
}

fn live_mut<'a>(state: &'a mut State, app: &AppId) -> Option<&'a mut LiveDrill> {
    let drills = state.drills.get_mut(app)?;
    drills.open.as_mut()?.live.as_mut()
}

fn moved(id: &DrillId) -> Event {
    Event::DrillMoved { drill: id.clone() }
}

fn refuse<T>(why: String) -> Result<T, Rejection> {
    Err(Rejection::NoDrill { why })
}
