//! `arc.routing_control`: which Regions' routing controls are on, in Amazon Application Recovery
//! Controller.
//!
//! ```text
//!  a read    ──▶ endpoint that answered last ──no answer──▶ the next … until one answers
//!  a write   ──▶ endpoint that answered the look ──nothing was sent, and the proof holds──▶ the next
//!                before it, or of this attempt's  └─anything else──▶ the outcome; a further attempt
//!                number                                              has its own intent and proof,
//!                                                                    and begins elsewhere
//! ```
//!
//! The cluster's five Regional endpoints are a data plane: no Region's control plane must answer, and any
//! of them sets what all of them tell. A change sets states, so that one of unknown outcome may be
//! repeated at another endpoint: but only as a new attempt.
//!
//! Invariant: a write is sent to at most one endpoint per [`apply`].
//! Invariant: no write turns off all the controls that it names.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_route53recoverycluster::types::{
    RoutingControlState, UpdateRoutingControlStateEntry as Entry,
};

use super::Held;
use super::classify::{read_error, unobserved};
use super::clients::Clients;
use super::gate::Gate;
use crate::model::{ClusterEndpoint, RegionId, RoutingState};
use crate::ports::{CallOutcome, Goal, Observation, Proof, ReadError};

/// What the cluster says where a safety rule forbids the change (ARC routing control API reference,
/// `UpdateRoutingControlStates`, errors: HTTP 409).
const CONFLICT: &str = "ConflictException";

/// The code of such a refusal here.
pub(super) const SAFETY_RULE: &str = "safety_rule";

/// What this process has last met at the cluster's endpoints. Lost with it: then they are tried in the
/// plan's order.
#[derive(Debug, Default)]
pub(super) struct Endpoints(Mutex<Met>);

#[derive(Clone, Debug, Default)]
struct Met {
    /// Whose has answered a read last.
    answered: Option<RegionId>,
    /// At whose a write was last without an answer that says what became of it.
    doubted: Option<RegionId>,
}

impl Endpoints {
    fn met(&self) -> MutexGuard<'_, Met> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a read: the one that answered last, then the others in turn.
    fn to_read<'a>(&self, endpoints: &'a [ClusterEndpoint]) -> Vec<&'a ClusterEndpoint> {
        let mut order: Vec<&ClusterEndpoint> = endpoints.iter().collect();
        if let Some(answered) = &self.met().answered {
            order.sort_by_key(|endpoint| &endpoint.region != answered);
        }
        order
    }

    /// For a write: every attempt begins with another, so that a member that knows nothing of the
    /// attempts before it does not repeat them. Whoever has just answered the look at the goal goes
    /// before all, and whoever left a write without an answer comes last.
    fn to_write<'a>(
        &self,
        endpoints: &'a [ClusterEndpoint],
        attempt: u32,
    ) -> Vec<&'a ClusterEndpoint> {
        let mut order: Vec<&ClusterEndpoint> = endpoints.iter().collect();
        let before = usize::try_from(attempt.saturating_sub(1)).unwrap_or(0);
        let first = before % order.len().max(1);
        order.rotate_left(first);
        let met = self.met();
        order.sort_by_key(|endpoint| {
            let here = Some(&endpoint.region);
            if here == met.doubted.as_ref() {
                2
            } else {
                u8::from(here != met.answered.as_ref())
            }
        });
        order
    }

    fn answered(&self, endpoint: &ClusterEndpoint) {
        self.met().answered = Some(endpoint.region.clone());
    }

    fn wrote(&self, endpoint: &ClusterEndpoint, outcome: &CallOutcome) {
        let mut met = self.met();
        match outcome {
            CallOutcome::Unknown { .. } | CallOutcome::Busy { .. } => {
                met.doubted = Some(endpoint.region.clone());
            }
            CallOutcome::Accepted | CallOutcome::Refused { .. } | CallOutcome::NotSent { .. } => {
                met.doubted = None;
            }
        }
    }
}

/// What is wanted of the cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    pub(super) endpoints: &'a [ClusterEndpoint],
    pub(super) states: &'a [RoutingState],
    pub(super) override_safety_rules: &'a [String],
}

/// Is every control as it is wanted?
pub(super) async fn observe(
    held: &Held,
    endpoints: &[ClusterEndpoint],
    wanted: &[RoutingState],
) -> Observation {
    let mut seen = Vec::new();
    for state in wanted {
        match read(held, endpoints, &state.arn).await {
            Ok(on) => seen.push(RoutingState {
                on,
                ..state.clone()
            }),
            Err(error) => return unobserved(&error),
        }
    }
    let goal = if seen == wanted {
        Goal::Met
    } else {
        Goal::NotMet
    };
    Observation {
        goal,
        seen: format!("routing controls {}", RoutingState::words(&seen)),
    }
}

/// Sets all of them in one call.
pub(super) async fn apply(
    held: &Held,
    change: &Change<'_>,
    attempt: u32,
    proof: &Proof,
) -> CallOutcome {
    if !change.states.iter().any(|state| state.on) {
        return CallOutcome::Refused {
            code: "nothing_would_serve".to_owned(),
            message: "this change turns no routing control on: make a new plan".to_owned(),
        };
    }
    let mut last = "the plan names no endpoint of the cluster".to_owned();
    for endpoint in held.cluster.to_write(change.endpoints, attempt) {
        let outcome = send(&held.clients, endpoint, change, proof).await;
        match outcome {
            // Certainly nothing was sent, and still nobody else may lead: this is the same write.
            CallOutcome::NotSent { why } if proof.holds() => {
                last = format!("endpoint {}: {why}", endpoint.region);
            }
            outcome => {
                held.cluster.wrote(endpoint, &outcome);
                return outcome;
            }
        }
    }
    CallOutcome::NotSent { why: last }
}

async fn send(
    clients: &Clients,
    endpoint: &ClusterEndpoint,
    change: &Change<'_>,
    proof: &Proof,
) -> CallOutcome {
    let entries = change.states.iter().map(|state| {
        Entry::builder()
            .routing_control_arn(&state.arn)
            .routing_control_state(if state.on {
                RoutingControlState::On
            } else {
                RoutingControlState::Off
            })
            .build()
    });
    let entries = match entries.collect::<Result<Vec<Entry>, _>>() {
        Ok(entries) => entries,
        Err(error) => {
            return CallOutcome::Refused {
                code: "invalid_request".to_owned(),
                message: format!("the request cannot be made: {error}"),
            };
        }
    };
    let rules = change.override_safety_rules;
    let gate = Gate::new(proof);
    let result = clients
        .routing_control(endpoint)
        .write
        .update_routing_control_states()
        .set_update_routing_control_state_entries(Some(entries))
        .set_safety_rules_to_override((!rules.is_empty()).then(|| rules.to_vec()))
        .customize()
        .interceptor(gate.clone())
        .send()
        .await;
    judged(gate.conclude(result))
}

/// Elsewhere a conflict is something else under way. Here a rule forbids what was asked: asking again
/// would not help, and only the runbook's author may override it.
fn judged(outcome: CallOutcome) -> CallOutcome {
    match outcome {
        CallOutcome::Busy { code, message } if code == CONFLICT => CallOutcome::Refused {
            code: SAFETY_RULE.to_owned(),
            message: format!(
                "a safety rule of the control panel forbids it: {message} (bring about what the rule \
                 demands, then retry the step; or name the rule's ARN in `override_safety_rules` of the \
                 step, and plan anew)"
            ),
        },
        CallOutcome::Accepted
        | CallOutcome::Busy { .. }
        | CallOutcome::Refused { .. }
        | CallOutcome::NotSent { .. }
        | CallOutcome::Unknown { .. } => outcome,
    }
}

/// How each Region's control stands. One that cannot be read is left out: where the others of the
/// application's levers stand is known all the same.
pub(super) async fn read_traffic(held: &Held) -> Vec<(RegionId, bool)> {
    let mut states = Vec::new();
    let Some(cluster) = &held.application.resources.routing_cluster else {
        return states;
    };
    for region in &held.application.regions {
        let Some(arn) = &region.resources.routing_control_arn else {
            continue;
        };
        match read(held, &cluster.endpoints, arn).await {
            Ok(on) => states.push((region.name.clone(), on)),
            Err(error) => {
                tracing::warn!(app = %held.application.name, region = %region.name, %error, "a routing control is not read");
                // Whoever does not answer for one of them does not for the others.
                break;
            }
        }
    }
    states
}

/// The state of a control, from whichever endpoint answers first.
async fn read(held: &Held, endpoints: &[ClusterEndpoint], arn: &str) -> Result<bool, ReadError> {
    let mut last = ReadError::Unobservable {
        what: format!("routing control {arn}"),
        why: "no endpoint of the cluster is named".to_owned(),
    };
    for endpoint in held.cluster.to_read(endpoints) {
        match read_at(&held.clients, endpoint, arn).await {
            Ok(on) => {
                held.cluster.answered(endpoint);
                return Ok(on);
            }
            Err(error @ ReadError::Refused { .. }) => return Err(error),
            Err(error @ ReadError::Unobservable { .. }) => last = error,
        }
    }
    Err(last)
}

/// The state of a control as that endpoint tells it.
pub(super) async fn read_at(
    clients: &Clients,
    endpoint: &ClusterEndpoint,
    arn: &str,
) -> Result<bool, ReadError> {
    let what = format!("routing control {arn} at {}", endpoint.region);
    let answer = clients
        .routing_control(endpoint)
        .read
        .get_routing_control_state()
        .routing_control_arn(arn)
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    match answer.routing_control_state() {
        RoutingControlState::On => Ok(true),
        RoutingControlState::Off => Ok(false),
        // The SDK may learn new states; none of them says that users are let in.
        other => Err(ReadError::Unobservable {
            what,
            why: format!("it is {}", other.as_str()),
        }),
    }
}

#[cfg(test)]
#[path = "routing_control_tests.rs"]
mod tests;
