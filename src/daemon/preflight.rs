//! A last look before a run is opened: does everything exist that its steps will change?
//!
//! A name that is wrong in the configuration (a database that does not exist, a listener that was
//! deleted) would otherwise be found when half of the run is done. So nothing is begun that is
//! known to be impossible; what merely does not answer is no reason to wait in an outage.
//!
//! Invariant: only reads, and at most [`WITHIN`] of time that the users wait.

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::model::{AppId, CommandBody, Goal, HoldReason, Millis, OnFailure, PlannedStep};
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
    let (CommandBody::OpenRun { plan, .. }
    | CommandBody::OpenEvacuationRun { plan, .. }
    | CommandBody::OpenDrillRun { plan, .. }) = body
    else {
        return None;
    };
    let found = missing(performer, app, &plan.steps).await;
    if let Some(reason) = &found {
        tracing::warn!(%app, %reason, remedy = reason.remedy(), "no run is opened");
    }
    found
}

/// What the steps change and is not there; `None` if nothing is known against it in time.
pub(super) async fn missing(
    performer: &Performer,
    app: &AppId,
    steps: &[PlannedStep],
) -> Option<HoldReason> {
    tokio::select! {
        found = first_impossible(performer.actuator.as_ref(), app, steps) => found,
        () = performer.clock.sleep(WITHIN) => None,
    }
}

async fn first_impossible(
    actuator: &dyn Actuator,
    app: &AppId,
    steps: &[PlannedStep],
) -> Option<HoldReason> {
    let mut looks: FuturesUnordered<_> = steps
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
/// application's users' way in. What stands on an earlier step of the run is not there yet.
fn must_succeed(step: &PlannedStep) -> bool {
    let or_not = match step.on_failure {
        OnFailure::Continue => true,
        OnFailure::Hold | OnFailure::Compensate => step.best_effort,
    };
    step.intent.writes()
        && step.intent.is_observable()
        && !step.intent.follows_its_own_run()
        && !or_not
        && step.or_else.is_none()
        && step.stands_in_for.is_none()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::model::{
        Alarm, AlarmState, CallOutcome, Intent, LagSample, NodegroupRef, NodegroupSize,
        Observation, RegionId, StepId, Traffic,
    };
    use crate::ports::{Call, Proof, ReadError};

    /// Only the standby's dial exists.
    struct Ruins;

    #[async_trait]
    impl Actuator for Ruins {
        async fn observe(&self, _: &AppId, intent: &Intent) -> Observation {
            let goal = match intent {
                Intent::Dial { region, .. } if region.as_str() == "eu-central-1" => Goal::NotMet,
                intent => Goal::Impossible {
                    code: "NotFound".to_owned(),
                    message: format!("{} finds nothing", intent.name()),
                },
            };
            let seen = String::new();
            Observation { goal, seen }
        }

        async fn apply(&self, _: &AppId, _: &Call<'_>, _: &Proof) -> CallOutcome {
            panic!("a preflight changes nothing")
        }

        async fn read_traffic(&self, _: &AppId) -> Result<Traffic, ReadError> {
            panic!("a preflight looks at goals")
        }

        async fn read_lag(&self, _: &AppId, _: &RegionId) -> Result<Vec<LagSample>, ReadError> {
            panic!("a preflight looks at goals")
        }

        async fn read_capacity(
            &self,
            _: &AppId,
            _: &RegionId,
        ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
            panic!("a preflight looks at goals")
        }

        async fn read_alarms(&self, _: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
            panic!("a preflight looks at goals")
        }
    }

    fn dial(id: &str, region: &str) -> PlannedStep {
        PlannedStep {
            id: id.into(),
            intent: Intent::Dial {
                region: region.into(),
                endpoint_group_arn: format!("arn of {region}"),
                percent: 0,
            },
            needs: Vec::new(),
            timeout: Millis::from_secs(60),
            on_failure: OnFailure::Hold,
            or_else: None,
            stands_in_for: None,
            best_effort: false,
            restore: None,
            before: None,
        }
    }

    async fn blamed(steps: &[PlannedStep]) -> Option<StepId> {
        match first_impossible(&Ruins, &"shop".into(), steps).await? {
            HoldReason::PlanImpossible { step, why } => {
                assert_eq!(why, "global_accelerator.dial finds nothing (NotFound)");
                step
            }
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn a_step_that_can_never_succeed_is_named() {
        let raise = dial("raise", "eu-central-1");
        assert_eq!(blamed(std::slice::from_ref(&raise)).await, None);
        let steps = [raise, dial("lower", "eu-west-1")];
        assert_eq!(blamed(&steps).await, Some("lower".into()));
    }

    #[tokio::test]
    async fn what_the_run_can_do_without_does_not_stop_it() {
        let lower = || dial("lower", "eu-west-1");
        let dispensable = [
            PlannedStep {
                on_failure: OnFailure::Continue,
                ..lower()
            },
            PlannedStep {
                best_effort: true,
                ..lower()
            },
            PlannedStep {
                or_else: Some("other-way".into()),
                ..lower()
            },
            PlannedStep {
                stands_in_for: Some("principal".into()),
                ..lower()
            },
            PlannedStep {
                intent: Intent::Wait {
                    duration: Millis::from_secs(1),
                },
                ..lower()
            },
        ];
        assert_eq!(blamed(&dispensable).await, None);
    }
}
