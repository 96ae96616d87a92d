//! Routing controls over json 1.0, at the endpoints of their cluster.

use serde_json::{Value, json};

use crate::model::RegionId;

use super::super::world::{Refusal, RoutingControls, State, no_routing_cluster};
use super::json::Json;
use super::params::{list, only, text, texts, unknown_thing};
use super::reply::Reply;

const BAD: &str = "ValidationException";

/// Carries out one operation at the endpoint in that Region.
pub(super) fn perform(
    state: &mut State,
    region: &RegionId,
    operation: &str,
    p: &Value,
) -> Result<Reply, Refusal> {
    let routing = state.routing.as_ref().ok_or_else(no_routing_cluster)?;
    if !routing.has_endpoint(region) {
        return Err(no_routing_cluster());
    }
    let body = match operation {
        "GetRoutingControlState" => {
            only(p, &["RoutingControlArn"])?;
            let arn = text(p, "RoutingControlArn", BAD)?;
            json!({
                "RoutingControlArn": arn,
                "RoutingControlState": word(routing.is_on(arn)?),
                "RoutingControlName": name(routing, arn),
            })
        }
        "ListRoutingControls" => {
            only(p, &["ControlPanelArn", "MaxResults", "NextToken"])?;
            let controls: Vec<Value> = routing
                .controls()
                .iter()
                .map(|(region, arn)| {
                    Ok(json!({
                        "RoutingControlArn": arn,
                        "RoutingControlState": word(routing.is_on(arn)?),
                        "RoutingControlName": region,
                    }))
                })
                .collect::<Result<_, Refusal>>()?;
            json!({"RoutingControls": controls})
        }
        "UpdateRoutingControlStates" => {
            only(
                p,
                &["UpdateRoutingControlStateEntries", "SafetyRulesToOverride"],
            )?;
            let entries = list(p, "UpdateRoutingControlStateEntries");
            let wanted = entries.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
            if wanted.is_empty() {
                return Err(Refusal::bad(BAD, "No routing control is named"));
            }
            state.set_controls(&wanted, &texts(p, "SafetyRulesToOverride"))?;
            json!({})
        }
        other => return Err(unknown_thing(&format!("route53-recovery-cluster {other}"))),
    };
    Ok(Json::Rpc0.answer(&body))
}

/// Whether it changes anything.
pub(super) fn mutates(operation: &str) -> bool {
    operation == "UpdateRoutingControlStates"
}

fn entry(entry: &Value) -> Result<(String, bool), Refusal> {
    only(entry, &["RoutingControlArn", "RoutingControlState"])?;
    let arn = text(entry, "RoutingControlArn", BAD)?.to_owned();
    match text(entry, "RoutingControlState", BAD)? {
        "On" => Ok((arn, true)),
        "Off" => Ok((arn, false)),
        other => Err(Refusal::bad(
            BAD,
            format!("Invalid routing control state: {other}"),
        )),
    }
}

fn word(on: bool) -> &'static str {
    if on { "On" } else { "Off" }
}

fn name<'a>(routing: &'a RoutingControls, arn: &str) -> Option<&'a RegionId> {
    let mut controls = routing.controls().iter();
    controls
        .find(|(_, known)| known == arn)
        .map(|(region, _)| region)
}

/// The operation that the target header names.
pub(super) fn operation(target: Option<&str>) -> Result<String, Refusal> {
    target
        .and_then(|target| target.strip_prefix("ToggleCustomerAPI."))
        .map(str::to_owned)
        .ok_or_else(|| {
            let target = target.unwrap_or("(none)");
            unknown_thing(&format!("route53-recovery-cluster x-amz-target {target}"))
        })
}

/// Parameters of a JSON body.
pub(super) fn parameters(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|e| Refusal::bad("SerializationException", e.to_string()))
}
