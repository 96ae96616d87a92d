//! Five bugs that this checker must find, each planted at a seam of the model: the code under test is
//! the product's own, whole. They show that the properties can fail, and which one tells.

use failoverd::model::{
    Command, CommandBody, Epoch, Event, Rejection, RunStatus, SkipReason, State, StepStatus,
};

use crate::setting::shop;

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Act without outside agreement: each controller is told that it is the only member.
    Alone,
    /// Skip the leadership proof: the shell believes its own copy of the state instead of reading
    /// linearizably.
    Unproven,
    /// Reuse an epoch: a run that ends aborted gives its own back.
    EpochReused,
    /// Age votes by delivery: a sheet is dated by when it arrived, not by the challenge it echoes.
    AgedByDelivery,
    /// Let an abort close a run with a call in flight: it takes what is in flight for skipped.
    ClosedInFlight,
}

/// The transition function, wrapped where a bug wants it wrong.
pub fn apply(bug: Option<Bug>, state: &mut State, command: &Command) -> Result<Event, Rejection> {
    let event = failoverd::run::apply(state, command)?;
    match (bug, &command.body) {
        (Some(Bug::EpochReused), CommandBody::CloseRun { run }) => {
            let aborted = state.runs.get(run).is_some_and(|run| {
                matches!(run.status, RunStatus::Aborted { .. }) && event != Event::NoChange
            });
            if aborted && let Some(app) = state.apps.get_mut(&shop()) {
                app.epoch = Epoch(app.epoch.0 - 1);
            }
        }
        (Some(Bug::ClosedInFlight), CommandBody::Abort { run, .. }) => {
            for record in state
                .runs
                .get_mut(run)
                .into_iter()
                .flat_map(|run| run.steps.values_mut())
            {
                if record.status.is_in_flight() {
                    record.status = StepStatus::Skipped {
                        why: SkipReason::Aborted,
                    };
                }
            }
        }
        _ => {}
    }
    Ok(event)
}
