//! How one step moves. The table that every pair of (status, event) has a place in:
//!
//! ```text
//!                 intent   done  skipped  failed  unknown  await  not_sent  approve  skip  retry
//!  waiting          ✓        ✓      ✓       ✓        ·       ✓       ·         ·       ✓      ·
//!  awaiting         ·        ·      ·       ·        ·       =       ·         ✓       ✓      ·
//!  intent           other    ✓      ·       ✓        ✓       ✓       ✓         ·       ·      ·
//!  unknown          ✓        ✓      ·       ✓        =       ✓       ·         ·       ·      ·
//!  done             ·        =      ·       ·        ·       ·       ·         ·       ·      drift
//!  skipped          ·        ·      =       ·        ·       ·       ·         ·       ·      ·
//!  failed           ·        ·      ·       =        ·       ·       ·         ·       ✓      ✓
//! ```
//!
//! `✓` moves, `=` is a repetition and changes nothing, `·` is refused, `other`: only where the
//! standing intent is of another life, `drift`: only where drift was found.

use crate::model::{
    AbortReason, BootId, Epoch, Event, Failure, Intent, MemberId, NeedsOperator, OnFailure,
    Outcome, PlannedStep, RegionId, Rejection, Run, RunId, RunStatus, SkipReason, State, StepId,
    StepRecord, StepStatus, Variant, Wall,
};

use super::apply::wrong_status;
use super::consent;
use super::open::begin_abort;

/// What a new intent says of itself.
pub(super) struct NewIntent<'a> {
    pub attempt: u32,
    pub member: &'a MemberId,
    pub boot: BootId,
    pub epoch: Epoch,
    pub variant: Variant,
    pub before: Option<&'a str>,
}

/// Whether a need is met: it is done (or was skipped on purpose), or the step that stands in for
/// it is, or it failed and the runbook says to continue.
pub fn need_is_met(run: &Run, need: &StepId) -> bool {
    let (Some(step), Some(record)) = (run.planned(need), run.steps.get(need)) else {
        return false;
    };
    match &record.status {
        StepStatus::Done { .. } | StepStatus::Skipped { .. } => true,
        StepStatus::Failed { .. } => match &step.or_else {
            Some(stand_in) if is_done(run, stand_in) => true,
            Some(stand_in) if !has_given_up(run, stand_in) => false,
            Some(_) | None => step.on_failure == OnFailure::Continue,
        },
        StepStatus::Waiting
        | StepStatus::AwaitingApproval
        | StepStatus::Intent { .. }
        | StepStatus::Unknown { .. } => false,
    }
}

/// Whether the state, read linearizably, still allows the call of that attempt: the run is open,
/// unpaused and of this epoch, and the step stands at this life's intent.
///
/// # Errors
///
/// Why not, in words.
pub fn may_call(
    state: &State,
    run: &RunId,
    step: &StepId,
    attempt: u32,
    boot: BootId,
) -> Result<(), String> {
    let Some(run) = state.runs.get(run).filter(|run| run.is_open()) else {
        return Err(format!("run {run} is not open"));
    };
    if let Some(paused) = &run.paused {
        return Err(format!("run {} is paused by {}", run.id, paused.by));
    }
    let epoch = state.apps.get(&run.application).map(|app| app.epoch);
    if epoch != Some(run.epoch) {
        return Err(format!("epoch {} is no longer the newest", run.epoch));
    }
    if !state.epoch_is_known(&run.application) {
        return Err("the ledger was restored, and its epoch is not known yet".to_owned());
    }
    if matches!(run.status, RunStatus::Aborting { .. }) && !is_restoring(run, step) {
        return Err(format!("run {} is being aborted", run.id));
    }
    match run.steps.get(step).map(|record| &record.status) {
        Some(StepStatus::Intent {
            attempt: standing,
            boot: of,
            ..
        }) if *standing == attempt && *of == boot => Ok(()),
        Some(status) => Err(format!("step {step} stands at {}", status.as_str())),
        None => Err(format!("run {} has no step {step}", run.id)),
    }
}

/// Whether a waiting step may begin now.
pub(super) fn may_begin(run: &Run, step: &PlannedStep) -> bool {
    if run.paused.is_some() || !step.needs.iter().all(|need| need_is_met(run, need)) {
        return false;
    }
    let restoring = run.restoring.iter().any(|r| r.id == step.id);
    match &run.status {
        RunStatus::Executing => match &step.stands_in_for {
            None => !restoring,
            Some(principal) => run
                .steps
                .get(principal)
                .is_some_and(|r| matches!(r.status, StepStatus::Failed { .. })),
        },
        // What is still on its way must land before it can be given back.
        RunStatus::Aborting { .. } => {
            restoring
                && run
                    .plan
                    .steps
                    .iter()
                    .filter_map(|s| run.steps.get(&s.id))
                    .all(|r| !r.status.is_in_flight())
        }
        RunStatus::NeedsOperator { .. }
        | RunStatus::Soaking { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => false,
    }
}

/// The Region that must stay well just now, while its new traffic bakes.
pub fn baking(run: &Run) -> Option<&RegionId> {
    run.in_order().find_map(|(step, record)| {
        let Intent::Bake { region, .. } = &step.intent else {
            return None;
        };
        (record.status == StepStatus::Waiting && may_begin(run, step)).then_some(region)
    })
}

fn is_done(run: &Run, id: &StepId) -> bool {
    run.steps
        .get(id)
        .is_some_and(|r| matches!(r.status, StepStatus::Done { .. }))
}

fn is_failed(run: &Run, id: &StepId) -> bool {
    run.steps
        .get(id)
        .is_some_and(|r| matches!(r.status, StepStatus::Failed { .. }))
}

/// At rest without having reached its goal.
fn has_given_up(run: &Run, id: &StepId) -> bool {
    run.steps.get(id).is_some_and(|record| {
        matches!(
            record.status,
            StepStatus::Failed { .. } | StepStatus::Skipped { .. }
        )
    })
}

/// Whether a step may begin: its needs are met, and a stand-in's principal has failed.
fn check_ready(run: &Run, step: &PlannedStep) -> Result<(), Rejection> {
    if let Some(need) = step.needs.iter().find(|need| !need_is_met(run, need)) {
        return Err(unmet(step, need));
    }
    match &step.stands_in_for {
        Some(principal) if !is_failed(run, principal) => Err(unmet(step, principal)),
        Some(_) | None => Ok(()),
    }
}

fn unmet(step: &PlannedStep, need: &StepId) -> Rejection {
    Rejection::NeedUnmet {
        step: step.id.clone(),
        need: need.clone(),
    }
}

fn is_restoring(run: &Run, id: &StepId) -> bool {
    run.restoring.iter().any(|step| &step.id == id)
}

fn planned(run: &Run, id: &StepId) -> Result<PlannedStep, Rejection> {
    run.planned(id)
        .cloned()
        .ok_or_else(|| Rejection::NoSuchStep {
            run: run.id.clone(),
            step: id.clone(),
        })
}

fn record_mut<'a>(run: &'a mut Run, id: &StepId) -> Result<&'a mut StepRecord, Rejection> {
    let missing = Rejection::NoSuchStep {
        run: run.id.clone(),
        step: id.clone(),
    };
    run.steps.get_mut(id).ok_or(missing)
}

fn misplaced(step: &StepId, status: &StepStatus, what: &str) -> Rejection {
    Rejection::StepStatus {
        step: step.clone(),
        status: status.as_str().to_owned(),
        what: what.to_owned(),
    }
}

/// A write is about to be made.
pub(super) fn intent(
    run: &mut Run,
    now: Wall,
    id: &StepId,
    new: &NewIntent<'_>,
) -> Result<Event, Rejection> {
    let allowed = match &run.status {
        RunStatus::Executing => true,
        RunStatus::Aborting { .. } => is_restoring(run, id),
        RunStatus::NeedsOperator { .. }
        | RunStatus::Soaking { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => false,
    };
    if !allowed {
        return Err(wrong_status(run, "a new intent"));
    }
    if let Some(paused) = &run.paused {
        return Err(Rejection::Paused {
            run: run.id.clone(),
            by: paused.by.clone(),
        });
    }
    if new.epoch != run.epoch {
        return Err(Rejection::WrongEpoch {
            expected: run.epoch,
            got: new.epoch,
        });
    }
    let step = planned(run, id)?;
    check_ready(run, &step)?;
    consent::check_intent(run, &step)?;
    let ready_at = run.ready_at(&step);
    let run_id = run.id.clone();
    let record = record_mut(run, id)?;
    match &record.status {
        StepStatus::Waiting | StepStatus::Unknown { .. } => {}
        // Of this very life the outcome must come first; a predecessor's will never come.
        StepStatus::Intent { boot, .. } if *boot != new.boot => {}
        StepStatus::Intent { .. }
        | StepStatus::AwaitingApproval
        | StepStatus::Done { .. }
        | StepStatus::Skipped { .. }
        | StepStatus::Failed { .. } => return Err(misplaced(id, &record.status, "an intent")),
    }
    if !step.intent.writes() {
        return Err(misplaced(
            id,
            &record.status,
            "an intent (it writes nothing)",
        ));
    }
    if new.variant == Variant::Escalated && !may_escalate(&step.intent, record) {
        return Err(misplaced(id, &record.status, "an escalation"));
    }
    if new.attempt != record.attempts + 1 {
        return Err(Rejection::WrongAttempt {
            step: id.clone(),
            expected: record.attempts + 1,
            got: new.attempt,
        });
    }
    record.attempts = new.attempt;
    let begun = record.started_at.unwrap_or(ready_at);
    // Where nobody was there to begin it in time, its time begins now.
    let missed = record.status == StepStatus::Waiting && now >= begun + step.timeout;
    record.started_at = Some(if missed { now } else { begun });
    if record.before.is_none() {
        record.before = new.before.map(str::to_owned);
    }
    record.status = StepStatus::Intent {
        attempt: new.attempt,
        member: new.member.clone(),
        boot: new.boot,
        at: now,
        variant: new.variant,
    };
    Ok(Event::StepMoved {
        run: run_id,
        step: id.clone(),
    })
}

/// Data may be lost only where the plan granted it or a person did.
fn may_escalate(intent: &Intent, record: &StepRecord) -> bool {
    match intent {
        Intent::AuroraPromote { escalate_after, .. } => {
            escalate_after.is_some() || record.approved_by.is_some()
        }
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
    }
}

/// Something became of a step.
pub(super) fn outcome(
    run: &mut Run,
    now: Wall,
    id: &StepId,
    attempt: u32,
    outcome: &Outcome,
    after: Option<&str>,
) -> Result<Event, Rejection> {
    match run.status {
        RunStatus::Executing | RunStatus::NeedsOperator { .. } | RunStatus::Aborting { .. } => {}
        RunStatus::Soaking { .. } | RunStatus::Completed | RunStatus::Aborted { .. } => {
            return Err(wrong_status(run, "an outcome"));
        }
    }
    let step = planned(run, id)?;
    let ready = check_ready(run, &step);
    let ready_at = run.ready_at(&step);
    let run_id = run.id.clone();
    let given_up = run.abort.is_some() && !is_restoring(run, id);
    let aborted = StepStatus::Skipped {
        why: SkipReason::Aborted,
    };
    let record = record_mut(run, id)?;
    if attempt != record.attempts {
        return Err(Rejection::WrongAttempt {
            step: id.clone(),
            expected: record.attempts,
            got: attempt,
        });
    }
    if record.status == StepStatus::Waiting {
        ready?;
    }
    let harmless = is_harmless(&step, &record.status, outcome);
    let in_flight = record.status.is_in_flight();
    let waiting = record.status == StepStatus::Waiting;
    let next = match (outcome, &record.status) {
        (Outcome::Done { partly }, _) if waiting || in_flight => StepStatus::Done {
            wrote: in_flight,
            partly: *partly,
        },
        (Outcome::Failed { failure }, _) if waiting || in_flight => StepStatus::Failed {
            failure: failure.clone(),
        },
        (Outcome::Skipped { why }, StepStatus::Waiting) => StepStatus::Skipped { why: why.clone() },
        (Outcome::Unknown { why }, StepStatus::Intent { at, variant, .. }) => StepStatus::Unknown {
            attempt,
            at: *at,
            why: why.clone(),
            variant: *variant,
        },
        // Once the run is being aborted nothing that has not begun ever will.
        (Outcome::AwaitingApproval, _) if in_flight && given_up => aborted,
        (Outcome::NotSent { .. }, StepStatus::Intent { .. }) if given_up => aborted,
        (Outcome::AwaitingApproval, _) if waiting || in_flight => StepStatus::AwaitingApproval,
        (Outcome::NotSent { .. }, StepStatus::Intent { .. }) => StepStatus::Waiting,

        (Outcome::Done { .. }, StepStatus::Done { .. })
        | (Outcome::Skipped { .. }, StepStatus::Skipped { .. })
        | (Outcome::Failed { .. }, StepStatus::Failed { .. })
        | (Outcome::Unknown { .. }, StepStatus::Unknown { .. })
        | (Outcome::AwaitingApproval, StepStatus::AwaitingApproval) => return Ok(Event::NoChange),

        (Outcome::Done { .. }, status) => return Err(misplaced(id, status, "done")),
        (Outcome::Skipped { .. }, status) => return Err(misplaced(id, status, "skipped")),
        (Outcome::Failed { .. }, status) => return Err(misplaced(id, status, "failed")),
        (Outcome::Unknown { .. }, status) => return Err(misplaced(id, status, "unknown")),
        (Outcome::AwaitingApproval, status) => {
            return Err(misplaced(id, status, "awaiting approval"));
        }
        (Outcome::NotSent { .. }, status) => return Err(misplaced(id, status, "not sent")),
    };
    record.started_at.get_or_insert(ready_at);
    if let Some(after) = after {
        record.after = Some(after.to_owned());
    }
    record.status = next;
    record.harmless += u32::from(harmless);
    if record.status.is_at_rest() {
        record.ended_at = Some(now);
    }
    if given_up && !record.may_have_written() {
        rest_unneeded(run, now, &step.restoring_id());
    }
    come_to_rest(run, now, &step);
    Ok(Event::StepMoved {
        run: run_id,
        step: id.clone(),
    })
}

/// Whether the attempt that stands has certainly changed nothing.
fn is_harmless(step: &PlannedStep, status: &StepStatus, outcome: &Outcome) -> bool {
    let stands = matches!(status, StepStatus::Intent { .. });
    match outcome {
        Outcome::NotSent { .. } => stands,
        // A hook that says no may have done half of it.
        Outcome::Failed {
            failure: Failure::Refused { .. },
        } => stands && step.intent.is_observable(),
        Outcome::Failed { .. }
        | Outcome::Done { .. }
        | Outcome::Skipped { .. }
        | Outcome::Unknown { .. }
        | Outcome::AwaitingApproval => false,
    }
}

/// What follows for the rest of the run when a step has ended.
fn come_to_rest(run: &mut Run, now: Wall, step: &PlannedStep) {
    let Some(status) = run.steps.get(&step.id).map(|record| record.status.clone()) else {
        return;
    };
    match status {
        StepStatus::Done { .. } | StepStatus::Skipped { .. } => {
            if let Some(stand_in) = &step.or_else {
                rest_unneeded(run, now, stand_in);
            }
        }
        StepStatus::Failed { failure } => {
            if let Some(stand_in) = &step.or_else
                && let Some(record) = run.steps.get_mut(stand_in)
                && matches!(
                    record.status,
                    StepStatus::Waiting | StepStatus::AwaitingApproval
                )
            {
                // The other way is tried before anything is given up. For data a person decides.
                if step.intent.is_data_step() {
                    record.status = StepStatus::AwaitingApproval;
                }
                return;
            }
            // A stand-in's failure is its principal's.
            let principal = step
                .stands_in_for
                .as_ref()
                .and_then(|id| run.plan.step(id))
                .cloned();
            let judged = principal.as_ref().unwrap_or(step);
            fail(run, now, judged, failure);
        }
        StepStatus::Waiting
        | StepStatus::AwaitingApproval
        | StepStatus::Intent { .. }
        | StepStatus::Unknown { .. } => {}
    }
}

fn rest_unneeded(run: &mut Run, now: Wall, stand_in: &StepId) {
    if let Some(record) = run.steps.get_mut(stand_in)
        && matches!(
            record.status,
            StepStatus::Waiting | StepStatus::AwaitingApproval
        )
    {
        record.status = StepStatus::Skipped {
            why: SkipReason::NotNeeded,
        };
        record.ended_at = Some(now);
    }
}

fn fail(run: &mut Run, now: Wall, step: &PlannedStep, failure: Failure) {
    let hold = RunStatus::NeedsOperator {
        reason: NeedsOperator::StepFailed {
            step: step.id.clone(),
            failure,
        },
    };
    match step.on_failure {
        OnFailure::Continue => {}
        OnFailure::Hold => {
            // While aborting, only a step that gives back matters enough to ask.
            if run.abort.is_none() || is_restoring(run, &step.id) {
                run.status = hold;
            }
        }
        OnFailure::Compensate => {
            if run.abort.is_some() {
            } else if run.may_have_promoted() {
                run.status = hold;
            } else {
                begin_abort(
                    run,
                    now,
                    AbortReason::Compensated {
                        step: step.id.clone(),
                    },
                );
            }
        }
    }
}

/// A person's word on a step that waits for one.
pub(super) fn approve(
    run: &mut Run,
    now: Wall,
    id: &StepId,
    by: &str,
    granted: bool,
) -> Result<Event, Rejection> {
    let step = planned(run, id)?;
    let run_id = run.id.clone();
    let (allowed, ready) = (
        consent::check_word(run, &step, by),
        check_ready(run, &step).is_ok(),
    );
    let record = record_mut(run, id)?;
    if record.status != StepStatus::AwaitingApproval {
        return Err(misplaced(id, &record.status, "an approval"));
    }
    if granted {
        allowed?;
    }
    record.approved_by = granted.then(|| by.to_owned());
    if !granted {
        record.status = StepStatus::Failed {
            failure: Failure::Declined { by: by.to_owned() },
        };
        record.ended_at = Some(now);
    } else if matches!(step.intent, Intent::Approval { .. }) {
        record.status = StepStatus::Done {
            wrote: false,
            partly: false,
        };
        record.ended_at = Some(now);
    } else {
        // Its time begins when it may, which is later where it was asked for beforehand.
        record.status = StepStatus::Waiting;
        record.started_at = ready.then_some(now);
    }
    come_to_rest(run, now, &step);
    Ok(Event::StepMoved {
        run: run_id,
        step: id.clone(),
    })
}

/// A person decides that a step is not needed.
pub(super) fn skip(run: &mut Run, now: Wall, id: &StepId, by: &str) -> Result<Event, Rejection> {
    let step = planned(run, id)?;
    let run_id = run.id.clone();
    let record = record_mut(run, id)?;
    match &record.status {
        StepStatus::Waiting | StepStatus::AwaitingApproval | StepStatus::Failed { .. } => {}
        StepStatus::Intent { .. }
        | StepStatus::Unknown { .. }
        | StepStatus::Done { .. }
        | StepStatus::Skipped { .. } => return Err(misplaced(id, &record.status, "a skip")),
    }
    record.status = StepStatus::Skipped {
        why: SkipReason::Operator(by.to_owned()),
    };
    record.ended_at = Some(now);
    come_to_rest(run, now, &step);
    take_up_again(run, now);
    // Without its stand-in a failed step is finally failed.
    if let Some(principal) = step
        .stands_in_for
        .as_ref()
        .and_then(|id| planned(run, id).ok())
        && let Some(StepStatus::Failed { failure }) =
            run.steps.get(&principal.id).map(|r| r.status.clone())
        && run.status == RunStatus::Executing
    {
        fail(run, now, &principal, failure);
    }
    Ok(Event::StepMoved {
        run: run_id,
        step: id.clone(),
    })
}

/// A person asks for a step to be tried again: one that failed, or one whose goal has drifted.
/// What would then wait for ever is refused.
pub(super) fn retry(run: &mut Run, now: Wall, id: &StepId) -> Result<Event, Rejection> {
    let step = planned(run, id)?;
    if run.abort.is_some() && !is_restoring(run, id) {
        return Err(wrong_status(run, "a retry of what was given up"));
    }
    if let Some(principal) = &step.stands_in_for
        && !is_failed(run, principal)
    {
        return Err(unmet(&step, principal));
    }
    let drifted = matches!(
        &run.status,
        RunStatus::NeedsOperator { reason: NeedsOperator::Drift { step, .. } } if step == id
    );
    let run_id = run.id.clone();
    let asked_first = consent::is_to_be_asked(run, &step);
    let record = record_mut(run, id)?;
    match &record.status {
        StepStatus::Failed { .. } => {}
        StepStatus::Done { .. } if drifted => {}
        StepStatus::Done { .. }
        | StepStatus::Waiting
        | StepStatus::AwaitingApproval
        | StepStatus::Intent { .. }
        | StepStatus::Unknown { .. }
        | StepStatus::Skipped { .. } => return Err(misplaced(id, &record.status, "a retry")),
    }
    record.status = if asked_first {
        StepStatus::AwaitingApproval
    } else {
        StepStatus::Waiting
    };
    record.started_at = Some(now);
    record.ended_at = None;
    if matches!(run.status, RunStatus::Soaking { .. }) {
        run.status = RunStatus::Executing;
    }
    take_up_again(run, now);
    Ok(Event::StepMoved {
        run: run_id,
        step: id.clone(),
    })
}

/// Steps that may begin again after they might not for a while: their time begins now.
pub(super) fn begin_anew(run: &mut Run, now: Wall) {
    let ready: Vec<StepId> = run
        .in_order()
        .filter(|(step, record)| {
            record.status == StepStatus::Waiting && check_ready(run, step).is_ok()
        })
        .map(|(step, _)| step.id.clone())
        .collect();
    for id in ready {
        if let Some(record) = run.steps.get_mut(&id) {
            record.started_at = Some(now);
        }
    }
}

/// After a person's hand: goes on unless another failure still asks for one.
pub(super) fn take_up_again(run: &mut Run, now: Wall) {
    if !matches!(run.status, RunStatus::NeedsOperator { .. }) {
        return;
    }
    let blocking = run.in_order().find_map(|(step, record)| {
        let StepStatus::Failed { failure } = &record.status else {
            return None;
        };
        let relevant = run.abort.is_none() || is_restoring(run, &step.id);
        let covered = step.stands_in_for.is_some() || need_is_met(run, &step.id);
        let other_way_open = step
            .or_else
            .as_ref()
            .is_some_and(|other| !has_given_up(run, other));
        (relevant && !covered && !other_way_open).then(|| NeedsOperator::StepFailed {
            step: step.id.clone(),
            failure: failure.clone(),
        })
    });
    run.status = match (blocking, &run.abort) {
        (Some(reason), _) => RunStatus::NeedsOperator { reason },
        (None, Some(reason)) => RunStatus::Aborting {
            reason: reason.clone(),
        },
        (None, None) => RunStatus::Executing,
    };
    if !matches!(run.status, RunStatus::NeedsOperator { .. }) {
        begin_anew(run, now);
    }
}
