//! Whose word the loss of data needs, where a person asked for the run.
//!
//! ```text
//!  opened ──asked by ada, policy other_person──▶ data step: awaiting approval
//!                                                   │ approve by ada: refused
//!                                                   │ approve by bob ──▶ waiting ──▶ intent
//! ```
//!
//! Kept with the run when it is opened and checked here, in the replicated state: a leader that is
//! configured otherwise, or has been talked round, cannot help whoever asked.
//!
//! Invariant: under `other_person` no step that loses data is begun in a run that a person asked
//! for, unless another person approved it or the data guard saw the lag within `rpo_max`.

use crate::model::{
    DataLossApproval, DataLossGrant, Intent, Origin, PlannedStep, Promotion, Rejection, Run,
    StepId, StepStatus, is_same_person,
};

/// Who asked for the run, where their own word is not enough.
fn asker(run: &Run) -> Option<&str> {
    match (&run.origin, &run.plan.data_loss, run.data_loss_approval) {
        // Planned so: it stays so, whatever the policy that came with it.
        (_, Some(DataLossGrant::AskedBy(name)), _)
        | (Origin::Operator { name, .. }, _, DataLossApproval::OtherPerson) => Some(name),
        (Origin::Operator { .. }, _, DataLossApproval::Anyone) | (Origin::Quorum { .. }, _, _) => {
            None
        }
    }
}

/// Whether the step may lose data and nothing but a person's word allows it to.
fn needs_a_word(run: &Run, step: &PlannedStep) -> bool {
    let within_rpo = matches!(run.plan.data_loss, Some(DataLossGrant::WithinRpo { .. }));
    asker(run).is_some() && !within_rpo && loses_data(&step.intent)
}

fn loses_data(intent: &Intent) -> bool {
    match intent {
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
    }
}

/// A run has just been opened: its steps that need another person's word wait for it from now on,
/// so that whoever gives it need not wait for the rest of the run. A stand-in waits for its turn.
pub(super) fn ask_beforehand(run: &mut Run) {
    let asked: Vec<StepId> = run
        .plan
        .steps
        .iter()
        .filter(|step| step.stands_in_for.is_none() && needs_a_word(run, step))
        .map(|step| step.id.clone())
        .collect();
    for id in asked {
        if let Some(record) = run.steps.get_mut(&id) {
            record.status = StepStatus::AwaitingApproval;
        }
    }
}

/// Whether the step, about to be tried again, must be asked for first.
pub(super) fn is_to_be_asked(run: &Run, step: &PlannedStep) -> bool {
    needs_a_word(run, step) && approver(run, step).is_none()
}

fn approver<'a>(run: &'a Run, step: &PlannedStep) -> Option<&'a str> {
    run.steps.get(&step.id)?.approved_by.as_deref()
}

/// Whether this person may grant the step.
///
/// # Errors
///
/// If they asked for the run, and the loss of data needs another's word.
pub(super) fn check_word(run: &Run, step: &PlannedStep, by: &str) -> Result<(), Rejection> {
    match asker(run) {
        Some(asker) if step.intent.is_data_step() && is_same_person(asker, by) => {
            Err(refused(run, step, asker))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether the step may be begun.
///
/// # Errors
///
/// If it may lose data and nobody but whoever asked for the run has said that it may.
pub(super) fn check_intent(run: &Run, step: &PlannedStep) -> Result<(), Rejection> {
    let Some(asker) = asker(run).filter(|_| needs_a_word(run, step)) else {
        return Ok(());
    };
    match approver(run, step) {
        Some(by) if !is_same_person(asker, by) => Ok(()),
        Some(_) | None => Err(refused(run, step, asker)),
    }
}

fn refused(run: &Run, step: &PlannedStep, asker: &str) -> Rejection {
    Rejection::NeedsOtherPerson {
        run: run.id.clone(),
        step: step.id.clone(),
        by: asker.to_owned(),
    }
}
