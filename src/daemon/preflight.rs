//! A last look before a run is opened: does everything exist that its steps will change?
//!
//! A name that is wrong in the configuration (a database that does not exist, a listener that was
//! deleted) would otherwise be found when half of the run is done. So nothing is begun that is
//! known to be impossible; what merely does not answer is no reason to wait in an outage.
//!
//! Invariant: only reads, and at most [`WITHIN`] of time that the users wait.

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::model::{AppId, CommandBody, Goal, HoldReason, Millis, OnFailure, Plan, PlannedStep};
use crate::ports::Actuator;

use super::perform::Performer;

/// World time for all looks together. AWS answers a read in a few hundred milliseconds; whoever
/// takes longer is left to the step itself.
const WITHIN: Millis = Millis::from_secs(2);

/// Why the run that `body` opens could not be completed; `None` if nothing is known against it.
pub(super) async fn refusal(
    performer: &Performer,
    app: &AppId,
    body: &CommandBody,
) -> Option<HoldReason> {
    let CommandBody::OpenRun { plan, .. } = body else {
        return None;
    };
    let found = tokio::select! {
        found = first_impossible(performer.actuator.as_ref(), app, plan) => found,
        () = performer.clock.sleep(WITHIN) => None,
    };
    if let Some(reason) = &found {
        tracing::warn!(%app, %reason, remedy = reason.remedy(), "no run is opened");
    }
    found
}

async fn first_impossible(actuator: &dyn Actuator, app: &AppId, plan: &Plan) -> Option<HoldReason> {
    let mut looks: FuturesUnordered<_> = plan
        .steps
        .iter()
        .filter(|step| must_succeed(step))
        .map(async |step| (step, actuator.observe(app, &step.intent).await))
        .collect();
    while let Some((step, look)) = looks.next().await {
        let why = match look.goal {
            Goal::Impossible { code, message } => format!("{message} ({code})"),
            Goal::StaleEpoch { seen } => {
                format!("epoch {seen} has been here, which is newer than this plan's")
            }
            Goal::Met
            | Goal::PartlyMet
            | Goal::UnderWay
            | Goal::NotMet
            | Goal::Unobservable { .. } => continue,
        };
        return Some(HoldReason::PlanImpossible {
            step: Some(step.id.clone()),
            why,
        });
    }
    None
}

/// Whether the run cannot go on without this very step, and its goal can be read without asking the
/// application's users' way in.
fn must_succeed(step: &PlannedStep) -> bool {
    let or_not = match step.on_failure {
        OnFailure::Continue => true,
        OnFailure::Hold | OnFailure::Compensate => step.best_effort,
    };
    step.intent.writes()
        && step.intent.is_observable()
        && !or_not
        && step.or_else.is_none()
        && step.stands_in_for.is_none()
}
