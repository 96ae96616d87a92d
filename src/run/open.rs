//! How a run begins and ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    AbortReason, AppId, AppState, DrillId, Epoch, Event, HoldReason, Millis, NeedsOperator, Origin,
    Plan, PlannedStep, Rejection, Run, RunId, RunLimits, RunStatus, SkipReason, State, StepId,
    StepRecord, StepStatus, Wall,
};

use super::apply::{KEPT_RUNS, app_mut, open_run, wrong_status};
use super::evacuate;
use super::steps::baking;
use super::{consent, drill, live_drill, shares, steer};

/// What the brake counts within.
const BRAKE_WINDOW: Millis = Millis::from_mins(24 * 60);

/// Opens a run, if everything that must never be two is still one.
///
/// A pause ends at a date that a person named: that is compared with the proposer's date.
pub(super) fn open(
    state: &mut State,
    now: Wall,
    at: Wall,
    plan: &Plan,
    origin: &Origin,
    limits: &RunLimits,
) -> Result<Event, Rejection> {
    open_for(state, now, at, plan, origin, limits, None)
}

/// The same; as a part of that game day, if any.
pub(super) fn open_for(
    state: &mut State,
    now: Wall,
    at: Wall,
    plan: &Plan,
    origin: &Origin,
    limits: &RunLimits,
    part_of: Option<&DrillId>,
) -> Result<Event, Rejection> {
    let id = plan.run_id();
    if let Some(run) = state.runs.get(&id)
        && run.plan.hash == plan.hash
        && run.is_open()
    {
        return Ok(Event::NoChange);
    }
    check_plan(plan)?;
    shares::check(state, plan)?;
    if !state.epoch_is_known(&plan.application) {
        return Err(Rejection::Guard {
            reason: HoldReason::EpochUnknown,
        });
    }
    check_guards(state, now, at, plan, origin, limits)?;

    let known = state.apps.get(&plan.application);
    let expected = known.map_or(Epoch(0), |app| app.epoch).next();
    if expected != plan.epoch {
        return Err(Rejection::WrongEpoch {
            expected,
            got: plan.epoch,
        });
    }
    if let Some(active) = known.and_then(|app| app.active.as_ref())
        && active != &plan.from
        // A share is moved wherever the writer is; the writer only from where it is.
        && (!plan.kind.moves_share() || plan.steps.iter().any(|s| s.intent.is_data_step()))
    {
        return Err(Rejection::BadPlan {
            why: format!("it leaves {}, but {active} serves", plan.from),
        });
    }

    let app = app_mut(state, &plan.application);
    app.epoch = plan.epoch;
    app.open_run = Some(id.clone());
    // A drill's run starts no cool-down, nor brings back one that was acknowledged.
    app.acknowledged &= part_of.is_some();
    if origin.is_automatic() {
        forget_other_days(&mut app.automatic_runs, now);
        app.automatic_runs.push(now);
        let limit = limits.brake as usize;
        if app.automatic_runs.len() >= limit {
            app.brake_latched = true;
        }
    }
    if limits.quarantine && !plan.kind.is_graceful() {
        // An older quarantine is not this run's to lift.
        app.quarantined.entry(plan.from.clone()).or_insert(now);
    }

    shares::opened(app, plan, &id, now);

    let steps = plan
        .steps
        .iter()
        .map(|step| (step.id.clone(), StepRecord::waiting()))
        .collect();
    let mut run = Run {
        id: id.clone(),
        application: plan.application.clone(),
        epoch: plan.epoch,
        plan: plan.clone(),
        origin: origin.clone(),
        opened_at: now,
        closed_at: None,
        executed_at: None,
        status: RunStatus::Executing,
        abort: None,
        soak: limits.soak,
        data_loss_approval: limits.data_loss_approval,
        paused: None,
        steps,
        restoring: Vec::new(),
        findings: Vec::new(),
        drill: part_of.cloned(),
    };
    consent::ask_beforehand(&mut run);
    state.runs.insert(id.clone(), run);
    live_drill::word_taken(state, &plan.application);
    if part_of.is_none() {
        drill::overtaken_by_run(state, now, &plan.application, &id, origin);
    }
    Ok(Event::RunOpened { run: id })
}

/// A plan must hold together whoever proposes it: the engine walks it without looking back.
fn check_plan(plan: &Plan) -> Result<(), Rejection> {
    let bad = |why: String| Err(Rejection::BadPlan { why });
    if plan.from == plan.to {
        return bad(format!("it goes from {} to itself", plan.from));
    }
    if plan.steps.is_empty() {
        return bad("it has no steps".to_owned());
    }
    let mut ids = BTreeSet::new();
    for step in &plan.steps {
        if !ids.insert(&step.id) {
            return bad(format!("two steps are called {}", step.id));
        }
    }
    for step in &plan.steps {
        let named = step.needs.iter().chain(&step.or_else);
        for other in named.chain(&step.stands_in_for) {
            if !ids.contains(other) {
                return bad(format!(
                    "step {} names {other}, which is not there",
                    step.id
                ));
            }
        }
    }
    // Steps are peeled off as their needs are; what cannot be peeled goes in a circle.
    let mut left: Vec<&PlannedStep> = plan.steps.iter().collect();
    let mut peeled: BTreeSet<&StepId> = BTreeSet::new();
    while !left.is_empty() {
        let before = left.len();
        let (ready, rest): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|step| step.needs.iter().all(|need| peeled.contains(need)));
        peeled.extend(ready.iter().map(|step| &step.id));
        left = rest;
        if left.len() == before {
            return bad(format!("step {} waits for itself", left[0].id));
        }
    }
    Ok(())
}

/// The guards that `apply` checks again for itself.
///
/// Planned windows are not among them. They are configuration, and `apply` reads nothing but the state
/// and the command: it could only hold the leader's file against the leader's word. A member whose file
/// differs in anything that is voted under is no leader for long; windows are not part of that, and what
/// holds at any price is a pause, which is in the state.
fn check_guards(
    state: &State,
    now: Wall,
    at: Wall,
    plan: &Plan,
    origin: &Origin,
    limits: &RunLimits,
) -> Result<(), Rejection> {
    let refuse = |reason: HoldReason| Err(Rejection::Guard { reason });
    let wanted: BTreeSet<String> = plan
        .steps
        .iter()
        .filter_map(|step| step.intent.resource())
        .collect();
    for run in state.runs.values().filter(|run| run.is_open()) {
        if run.application == plan.application {
            return refuse(HoldReason::run_open(run));
        }
        for step in &run.plan.steps {
            if let Some(resource) = step.intent.resource()
                && wanted.contains(&resource)
            {
                return refuse(HoldReason::ResourceBusy {
                    resource,
                    run: run.id.clone(),
                });
            }
        }
    }
    if !origin.is_automatic() {
        return Ok(());
    }
    if let Some(pause) = state.automation_pause(&plan.application, at) {
        return refuse(HoldReason::AutomationPaused {
            reason: pause.reason.clone(),
            by: pause.by.clone(),
        });
    }
    let unknown = AppState::default();
    let app = state.apps.get(&plan.application).unwrap_or(&unknown);
    let runs = recent(&app.automatic_runs, now).count();
    let runs = u32::try_from(runs).unwrap_or(u32::MAX);
    if app.brake_latched || runs >= limits.brake {
        return refuse(HoldReason::BrakeLatched {
            runs,
            limit: limits.brake,
        });
    }
    if let Some(closed) = app.last_closed_at
        && !app.acknowledged
        && now.since(closed) < limits.cool_down
    {
        return refuse(HoldReason::CoolDown {
            remaining: (closed + limits.cool_down).since(now),
        });
    }
    if limits.quarantine && app.quarantined.contains_key(&plan.to) {
        return refuse(HoldReason::Quarantined {
            region: plan.to.clone(),
        });
    }
    Ok(())
}

fn recent(runs: &[Wall], now: Wall) -> impl Iterator<Item = &Wall> {
    runs.iter().filter(move |at| now.since(**at) < BRAKE_WINDOW)
}

fn forget_other_days(runs: &mut Vec<Wall>, now: Wall) {
    runs.retain(|at| now.since(*at) < BRAKE_WINDOW);
}

/// After a step has come to rest: is the whole plan executed?
///
/// A run that has executed serves from `to`, whatever becomes of its soak; but where the writer is,
/// the application is: a plan that moves data has moved the application only if the data moved, and
/// a person who skipped that step has moved the users alone.
pub(super) fn follow_execution(state: &mut State, id: &RunId) {
    let now = state.time;
    let Some(run) = state.runs.get_mut(id) else {
        return;
    };
    if run.status != RunStatus::Executing {
        return;
    }
    if !run.steps.values().all(|record| record.status.is_at_rest()) {
        return;
    }
    let ended = run.steps.values().filter_map(|record| record.ended_at);
    let executed_at = ended.fold(now, Wall::max);
    run.executed_at = Some(executed_at);
    run.status = RunStatus::Soaking {
        until: executed_at + run.soak,
    };
    let stays = if run.plan.kind.moves_share() {
        !has_promoted(run)
    } else {
        moves_data(run) && !has_promoted(run)
    };
    shares::executed(state, id);
    let Some(run) = state.runs.get(id).cloned() else {
        return;
    };
    let app = app_mut(state, &run.application);
    if run.plan.kind.moves_share() {
        steer::follow_roles(app, &run);
    }
    if stays {
        return;
    }
    app.active = Some(run.plan.to.clone());
    if !run.plan.kind.moves_share() {
        steer::follow_roles(app, &run);
    }
    evacuate::follow(state, now, id);
}

fn moves_data(run: &Run) -> bool {
    let mut steps = run.plan.steps.iter();
    steps.any(|step| step.intent.is_data_step())
}

fn has_promoted(run: &Run) -> bool {
    run.in_order().any(|(step, record)| {
        step.intent.is_data_step() && matches!(record.status, StepStatus::Done { .. })
    })
}

/// Ends a soak that is over, or an abort that has come to rest.
pub(super) fn close(state: &mut State, now: Wall, id: &RunId) -> Result<Event, Rejection> {
    let run = open_run(state, id, "closing it")?;
    let status = match &run.status {
        RunStatus::Soaking { until } if now >= *until => RunStatus::Completed,
        RunStatus::Aborting { reason } => {
            if let Some((step, _)) = run.in_order().find(|(_, r)| !r.status.is_at_rest()) {
                return Err(Rejection::InFlight {
                    step: step.id.clone(),
                });
            }
            RunStatus::Aborted {
                reason: reason.clone(),
            }
        }
        RunStatus::Soaking { .. }
        | RunStatus::Executing
        | RunStatus::NeedsOperator { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => return Err(wrong_status(run, "closing it")),
    };
    finish(state, now, id, status);
    Ok(Event::RunClosed { run: id.clone() })
}

/// Ends an automatic run whose votes no longer hold and that has written nothing.
pub(super) fn abandon_stale(state: &mut State, now: Wall, id: &RunId) -> Result<Event, Rejection> {
    let run = open_run(state, id, "abandoning it")?;
    still_its_own(run)?;
    if !run.origin.is_automatic() || run.anything_intended() || run.status != RunStatus::Executing {
        return Err(wrong_status(run, "abandoning it as stale"));
    }
    for record in run.steps.values_mut() {
        if !record.status.is_at_rest() {
            record.status = StepStatus::Skipped {
                why: SkipReason::Aborted,
            };
            record.ended_at = Some(now);
        }
    }
    let app = run.application.clone();
    finish(
        state,
        now,
        id,
        RunStatus::Aborted {
            reason: AbortReason::Stale,
        },
    );
    // Opening it used up an acknowledgement; whatever let it open lets its successor.
    app_mut(state, &app).acknowledged = true;
    Ok(Event::RunClosed { run: id.clone() })
}

/// A paused run is in a person's hands: nothing ends it but their word.
fn still_its_own(run: &Run) -> Result<(), Rejection> {
    match &run.paused {
        None => Ok(()),
        Some(paused) => Err(Rejection::Paused {
            run: run.id.clone(),
            by: paused.by.clone(),
        }),
    }
}

/// Begins to end an automatic run because the Region that it leaves is back. Once its data may have
/// been moved nothing is decided anew.
pub(super) fn abort_recovered(
    state: &mut State,
    now: Wall,
    id: &RunId,
) -> Result<Event, Rejection> {
    let run = open_run(state, id, "giving it back")?;
    still_its_own(run)?;
    let in_time = run.status == RunStatus::Executing && !run.may_have_promoted();
    if !run.origin.is_automatic() || !in_time {
        return Err(wrong_status(run, "giving it back"));
    }
    let region = run.plan.from.clone();
    begin_abort(run, now, AbortReason::Recovered { region });
    Ok(Event::RunMoved { run: id.clone() })
}

/// Begins to end a run because the Region that it gives more and more traffic does not stay well. Once
/// its data may have been moved, what it changed cannot be given back, and the run is held instead.
pub(super) fn abort_worsened(
    state: &mut State,
    now: Wall,
    id: &RunId,
    why: &str,
) -> Result<Event, Rejection> {
    let run = open_run(state, id, "stepping back")?;
    still_its_own(run)?;
    let baked = baking(run).cloned();
    let (Some(region), false) = (baked, run.may_have_promoted()) else {
        return Err(wrong_status(run, "stepping back"));
    };
    let detail = why.to_owned();
    begin_abort(run, now, AbortReason::Worsened { region, detail });
    Ok(Event::RunMoved { run: id.clone() })
}

/// Begins to end a run on a person's word.
pub(super) fn abort(
    state: &mut State,
    now: Wall,
    id: &RunId,
    by: &str,
    reason: &str,
) -> Result<Event, Rejection> {
    let run = open_run(state, id, "an abort")?;
    // Begun once: beginning anew would forget which of what gives back is in flight.
    if run.abort.is_some() {
        return Ok(Event::NoChange);
    }
    match run.status {
        RunStatus::Executing | RunStatus::NeedsOperator { .. } if run.executed_at.is_none() => {}
        RunStatus::Executing
        | RunStatus::NeedsOperator { .. }
        | RunStatus::Aborting { .. }
        | RunStatus::Soaking { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => return Err(wrong_status(run, "an abort")),
    }
    begin_abort(
        run,
        now,
        AbortReason::Operator {
            name: by.to_owned(),
            reason: reason.to_owned(),
        },
    );
    Ok(Event::RunMoved { run: id.clone() })
}

/// No new intents but those that give back; before the promotion intent, everything that the run
/// may have changed is given back, last change first. A promotion that certainly came to nothing is
/// none, and a step that certainly changed nothing has nothing to give back.
pub(super) fn begin_abort(run: &mut Run, now: Wall, reason: AbortReason) {
    let restore_allowed = !run.may_have_promoted();
    let mut restoring: Vec<PlannedStep> = Vec::new();
    if restore_allowed {
        let mut touched: Vec<(Wall, &PlannedStep)> = run
            .plan
            .steps
            .iter()
            .filter_map(|step| {
                let record = run.steps.get(&step.id)?;
                record
                    .may_have_written()
                    .then_some((record.started_at.unwrap_or(now), step))
            })
            .collect();
        // Of two that began in one millisecond the plan's order tells which came last.
        touched.reverse();
        touched.sort_by_key(|(started, _)| std::cmp::Reverse(*started));
        for (_, step) in touched {
            let Some(restore) = &step.restore else {
                continue;
            };
            let needs = restoring.last().map(|last| last.id.clone());
            restoring.push(PlannedStep {
                id: step.restoring_id(),
                intent: restore.clone(),
                needs: needs.into_iter().collect(),
                timeout: step.timeout,
                on_failure: crate::model::OnFailure::Hold,
                or_else: None,
                stands_in_for: None,
                best_effort: false,
                restore: None,
                before: None,
            });
        }
    }
    for record in run.steps.values_mut() {
        if matches!(
            record.status,
            StepStatus::Waiting | StepStatus::AwaitingApproval
        ) {
            record.status = StepStatus::Skipped {
                why: SkipReason::Aborted,
            };
            record.ended_at = Some(now);
        }
    }
    let records: BTreeMap<StepId, StepRecord> = restoring
        .iter()
        .map(|step| (step.id.clone(), StepRecord::waiting()))
        .collect();
    run.steps.extend(records);
    run.restoring = restoring;
    run.status = RunStatus::Aborting {
        reason: reason.clone(),
    };
    run.abort = Some(reason);
}

/// Clears cool-down and brake, and accepts an executed run as it stands.
pub(super) fn acknowledge(state: &mut State, now: Wall, app: &AppId) -> Result<Event, Rejection> {
    let accepted = state.open_run(app).and_then(|run| match &run.status {
        RunStatus::Soaking { .. }
        | RunStatus::NeedsOperator {
            reason: NeedsOperator::Drift { .. },
        } => Some(run.id.clone()),
        RunStatus::Executing
        | RunStatus::NeedsOperator { .. }
        | RunStatus::Aborting { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => None,
    });
    if let Some(id) = accepted {
        finish(state, now, &id, RunStatus::Completed);
    }
    let app_state = app_mut(state, app);
    app_state.acknowledged = true;
    app_state.brake_latched = false;
    app_state.automatic_runs.clear();
    live_drill::word_taken(state, app);
    Ok(Event::Acknowledged { app: app.clone() })
}

pub(super) fn finish(state: &mut State, now: Wall, id: &RunId, status: RunStatus) {
    let Some(run) = state.runs.get_mut(id) else {
        return;
    };
    let aborted = matches!(status, RunStatus::Aborted { .. });
    let wrote = run.anything_intended();
    let undone = aborted && run.gave_everything_back();
    let (from, opened_at) = (run.plan.from.clone(), run.opened_at);
    let (promoted, of_drill) = (has_promoted(run), run.drill.is_some());
    let said_no = run.origin.is_automatic()
        && matches!(
            &status,
            RunStatus::Aborted {
                reason: AbortReason::Operator { .. }
            }
        );
    run.status = status;
    run.closed_at = Some(now);
    let run = run.clone();

    let app = app_mut(state, &run.application);
    app.open_run = None;
    app.last_run = Some(id.clone());
    // A run that wrote nothing moved nothing: it starts no cool-down. But a person who has ended an
    // automatic run has said no, and the same votes would open the next one at once.
    // Nor does a drill's: whatever is decided in earnest does not wait for it.
    if !of_drill && (wrote || !aborted || said_no) {
        app.last_closed_at = Some(now);
    }
    // Where the writer is, the application is.
    if aborted && promoted {
        app.active = Some(run.plan.to.clone());
        steer::follow_roles(app, &run);
    }
    // The Region was not left after all, so nothing keeps it from being a candidate.
    if undone && app.quarantined.get(&from) == Some(&opened_at) {
        app.quarantined.remove(&from);
    }
    if undone && app.away.get(&from).is_some_and(|away| &away.run == id) {
        app.away.remove(&from);
    }
    forget_other_days(&mut app.automatic_runs, now);
    evacuate::follow(state, now, id);
    live_drill::follow(state, now, id);

    state.closed.push_back(id.clone());
    while state.closed.len() > KEPT_RUNS {
        if let Some(oldest) = state.closed.pop_front() {
            state.runs.remove(&oldest);
        }
    }
}

/// A promotion that an aborted run had given up has landed: where the writer is, the application is,
/// and a person should look before anything moves by itself again. A newer run knows better.
pub(super) fn landed_late(app: &mut AppState, now: Wall, run: &Run) {
    if app.open_run.is_some() || app.last_run.as_ref() != Some(&run.id) {
        return;
    }
    app.active = Some(run.plan.to.clone());
    steer::follow_roles(app, run);
    app.last_closed_at = Some(now);
    app.acknowledged = false;
}
