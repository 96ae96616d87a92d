//! Steering: the one lever that needs nobody else. Its goal is read from the agreed state, and its call
//! is a command of the ledger; everything else is handed on to AWS.
//!
//! Invariant: what is told of a Region is what is agreed; a call whose outcome is not known is looked
//! for in the state, as it would be at AWS.

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::{
    Alarm, AlarmState, AppId, Application, BootId, CallOutcome, Command, CommandBody, Event, Goal,
    Intent, LagSample, NodegroupRef, NodegroupSize, Observation, RegionId, Rejection, RestoredHow,
    State, Traffic, open_word,
};
use crate::ports::{Actuator, Call, Clock, Ledger, LedgerError, Proof, ReadError};

/// An actuator that steers by the ledger, and has all other actions done by the one behind it.
pub(super) struct Steering {
    pub outward: Arc<dyn Actuator>,
    pub ledger: Arc<dyn Ledger>,
    pub clock: Arc<dyn Clock>,
    pub boot: BootId,
    pub apps: Arc<[Application]>,
}

impl Steering {
    fn seen(&self, app: &AppId, region: &RegionId, serve: bool) -> Observation {
        let state = self.ledger.state();
        let app = self.apps.iter().find(|known| &known.name == app);
        let known = app.and_then(|app| state.apps.get(&app.name));
        let Some(stands) = app.and_then(|app| app.steered(known, region)) else {
            let message = format!("{region} is no Region of it");
            return impossible("no_such_region", message);
        };
        if nobody_asks(&state) {
            let message =
                "without the cluster no health check asks what is steered here".to_owned();
            return impossible("no_cluster", message);
        }
        let word = stands.as_str();
        // Said by role alone it would change as soon as another Region serves.
        let goal = if stands.by_run && stands.open == serve {
            Goal::Met
        } else {
            Goal::NotMet
        };
        let seen = match stands.by_run {
            true => format!("{region} is steered {word}"),
            false => format!("{region} is {word} by its role"),
        };
        Observation { goal, seen }
    }

    async fn steer(&self, call: &Call<'_>, proof: &Proof) -> CallOutcome {
        if nobody_asks(&self.ledger.state()) {
            return CallOutcome::Refused {
                code: "no_cluster".to_owned(),
                message: "without the cluster no health check asks what is steered here".to_owned(),
            };
        }
        if !proof.holds() {
            let why = "the proof of leadership has run out".to_owned();
            return CallOutcome::NotSent { why };
        }
        let command = Command {
            at: self.clock.now().wall,
            body: CommandBody::Steer {
                run: call.run.clone(),
                step: call.step.clone(),
                attempt: call.attempt,
                boot: self.boot,
            },
        };
        match self.ledger.propose(command).await {
            Ok(Ok(event)) => {
                if let Event::Steered { app, region, open } = &event {
                    tracing::info!(%app, %region, to = open_word(*open), "steered");
                }
                CallOutcome::Accepted
            }
            Ok(Err(rejection @ Rejection::LastOpen { .. })) => CallOutcome::Refused {
                code: "last_open".to_owned(),
                message: rejection.to_string(),
            },
            // Applied and refused: certainly without effect.
            Ok(Err(rejection)) => CallOutcome::NotSent {
                why: rejection.to_string(),
            },
            Err(error @ LedgerError::NotLeader) => CallOutcome::NotSent {
                why: error.to_string(),
            },
            Err(error @ (LedgerError::Unknown { .. } | LedgerError::Stopped { .. })) => {
                CallOutcome::Unknown {
                    why: error.to_string(),
                }
            }
        }
    }
}

/// A journal of one person's: there is no member whom anybody asks.
fn nobody_asks(state: &State) -> bool {
    state
        .restored
        .as_ref()
        .is_some_and(|restored| restored.how == RestoredHow::BreakGlass)
}

fn impossible(code: &str, message: String) -> Observation {
    Observation {
        seen: message.clone(),
        goal: Goal::Impossible {
            code: code.to_owned(),
            message,
        },
    }
}

#[async_trait]
impl Actuator for Steering {
    async fn observe(&self, app: &AppId, intent: &Intent) -> Observation {
        match intent {
            Intent::Steer { region, serve, .. } => self.seen(app, region, *serve),
            Intent::Dial { .. }
            | Intent::Weight { .. }
            | Intent::Route53Failover { .. }
            | Intent::Route53Weights { .. }
            | Intent::RoutingControl { .. }
            | Intent::AuroraPromote { .. }
            | Intent::ScaleNodegroup { .. }
            | Intent::HttpCheck { .. }
            | Intent::HttpRequest { .. }
            | Intent::Approval { .. }
            | Intent::Bake { .. }
            | Intent::Wait { .. } => self.outward.observe(app, intent).await,
        }
    }

    async fn apply(&self, app: &AppId, call: &Call<'_>, proof: &Proof) -> CallOutcome {
        match call.intent {
            Intent::Steer { .. } => self.steer(call, proof).await,
            Intent::Dial { .. }
            | Intent::Weight { .. }
            | Intent::Route53Failover { .. }
            | Intent::Route53Weights { .. }
            | Intent::RoutingControl { .. }
            | Intent::AuroraPromote { .. }
            | Intent::ScaleNodegroup { .. }
            | Intent::HttpCheck { .. }
            | Intent::HttpRequest { .. }
            | Intent::Approval { .. }
            | Intent::Bake { .. }
            | Intent::Wait { .. } => self.outward.apply(app, call, proof).await,
        }
    }

    async fn read_traffic(&self, app: &AppId) -> Result<Traffic, ReadError> {
        self.outward.read_traffic(app).await
    }

    async fn read_alarms(&self, app: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
        self.outward.read_alarms(app).await
    }

    async fn read_lag(
        &self,
        app: &AppId,
        secondary: &RegionId,
    ) -> Result<Vec<LagSample>, ReadError> {
        self.outward.read_lag(app, secondary).await
    }

    async fn read_capacity(
        &self,
        app: &AppId,
        region: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
        self.outward.read_capacity(app, region).await
    }
}
