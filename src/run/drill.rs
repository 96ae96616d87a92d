//! How a game day begins and ends in the replicated state.
//!
//! Invariant: a drill takes no run's place, moves no epoch, and leaves brake, cool-down and quarantine
//! as they are.
//! Invariant: where a run is open no drill is: opening the one ends the other, in one command.

use crate::model::{
    AppId, Drill, DrillCheck, DrillEnd, DrillId, DrillMode, DrillOutcome, DrillReport, Drills,
    Event, HoldReason, Millis, RegionId, RehearsedStep, Rejection, RunId, State, Wall,
};

use super::audit::cut;

/// Closed drills that are kept of one application: ten weeks of weekly ones, to compare with.
pub const KEPT_DRILLS: usize = 10;

/// Longer than a rehearsal of the slowest detection, shorter than anybody forgets that it goes on.
pub const LONGEST_DRILL: Millis = Millis::from_mins(4 * 60);

/// Bytes of a name, a line, a summary.
const NAME: usize = 128;
const LINE: usize = 512;
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
    match asked.mode {
        DrillMode::Rehearse => {}
        DrillMode::Live => return no("this release rehearses; it drills nothing live"),
    }
    if asked.max_duration == Millis::ZERO || asked.max_duration > LONGEST_DRILL {
        return no("it must be allowed some time, and no more than four hours");
    }
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
        end: None,
    });
    Ok(Event::DrillMoved {
        drill: asked.id.clone(),
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
    let app = known.application.clone();
    end(state, now, &app, outcome, bounded(report));
    Ok(Event::DrillMoved { drill: id.clone() })
}

/// A run was opened: real life wins.
pub(super) fn overtaken_by_run(state: &mut State, now: Wall, app: &AppId, run: &RunId) {
    let summary = format!("run {run} was opened: real life goes first");
    end_empty(state, now, app, summary);
}

/// The ledger has begun anew: what was under way is not any more.
pub(super) fn forget_open(state: &mut State, now: Wall, why: &str) {
    let apps: Vec<AppId> = state.drills.keys().cloned().collect();
    for app in apps {
        end_empty(state, now, &app, cut(why, LINE));
    }
}

fn end_empty(state: &mut State, now: Wall, app: &AppId, summary: String) {
    let report = DrillReport {
        summary,
        ..DrillReport::default()
    };
    end(state, now, app, DrillOutcome::Ended, report);
}

fn end(state: &mut State, now: Wall, app: &AppId, outcome: DrillOutcome, report: DrillReport) {
    let Some(drills) = state.drills.get_mut(app) else {
        return;
    };
    let Some(mut drill) = drills.open.take() else {
        return;
    };
    drill.end = Some(DrillEnd {
        at: now,
        outcome,
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
