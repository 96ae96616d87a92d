//! Global Accelerator over json 1.1, in us-west-2 only.

use serde_json::{Value, json};

use crate::model::RegionId;
use crate::sandbox::EndpointSetup;

use super::super::world::{Group, GroupUpdate, Refusal, State};
use super::json::Json;
use super::params::{list, number, only, optional, text, unknown_thing};
use super::reply::Reply;
use super::time::epoch;

const BAD: &str = "InvalidArgumentException";

/// Carries out one operation.
pub(super) fn perform(
    state: &mut State,
    region: &RegionId,
    operation: &str,
    p: &Value,
) -> Result<Reply, Refusal> {
    if region.as_str() != "us-west-2" {
        // There is no such service elsewhere: the real name does not resolve.
        return Err(Refusal::bad(
            "UnrecognizedClientException",
            format!("Global Accelerator is called in us-west-2, not in {region}"),
        ));
    }
    let body = match operation {
        "DescribeEndpointGroup" => {
            only(p, &["EndpointGroupArn"])?;
            let group = state.accelerator.group(text(p, "EndpointGroupArn", BAD)?)?;
            json!({"EndpointGroup": endpoint_group(state, group)})
        }
        "UpdateEndpointGroup" => {
            only(
                p,
                &[
                    "EndpointGroupArn",
                    "TrafficDialPercentage",
                    "EndpointConfigurations",
                ],
            )?;
            let update = GroupUpdate {
                dial: dial(p)?,
                endpoints: endpoints(p)?,
            };
            let group = state.update_group(text(p, "EndpointGroupArn", BAD)?, update)?;
            json!({"EndpointGroup": endpoint_group(state, &group)})
        }
        "DescribeAccelerator" => {
            only(p, &["AcceleratorArn"])?;
            accelerator(state, p)?;
            let a = &state.accelerator;
            json!({"Accelerator": {
                "AcceleratorArn": a.arn,
                "Name": "shop",
                "IpAddressType": "IPV4",
                "Enabled": true,
                "IpSets": [{
                    "IpFamily": "IPv4",
                    "IpAddressFamily": "IPv4",
                    "IpAddresses": ["198.51.100.1", "198.51.100.2"],
                }],
                "DnsName": "a1234567890abcdef.awsglobalaccelerator.com",
                "Status": a.status(state.now),
                "CreatedTime": epoch(a.created),
                "LastModifiedTime": epoch(a.modified),
            }})
        }
        "ListListeners" => {
            only(p, &["AcceleratorArn", "MaxResults", "NextToken"])?;
            accelerator(state, p)?;
            json!({"Listeners": [{
                "ListenerArn": state.accelerator.listener_arn,
                "PortRanges": [{"FromPort": 443, "ToPort": 443}],
                "Protocol": "TCP",
                "ClientAffinity": "NONE",
            }]})
        }
        "ListEndpointGroups" => {
            only(p, &["ListenerArn", "MaxResults", "NextToken"])?;
            let arn = text(p, "ListenerArn", BAD)?;
            if arn != state.accelerator.listener_arn {
                return Err(Refusal::bad(
                    "ListenerNotFoundException",
                    format!("The listener {arn} does not exist"),
                ));
            }
            let groups: Vec<Value> = state
                .accelerator
                .groups
                .iter()
                .map(|group| endpoint_group(state, group))
                .collect();
            json!({"EndpointGroups": groups})
        }
        other => return Err(unknown_thing(&format!("globalaccelerator {other}"))),
    };
    Ok(Json::Rpc.answer(&body))
}

/// Whether it changes anything.
pub(super) fn mutates(operation: &str) -> bool {
    operation == "UpdateEndpointGroup"
}

fn accelerator(state: &State, p: &Value) -> Result<(), Refusal> {
    let arn = text(p, "AcceleratorArn", BAD)?;
    if arn == state.accelerator.arn {
        Ok(())
    } else {
        Err(Refusal::bad(
            "AcceleratorNotFoundException",
            format!("The accelerator {arn} does not exist"),
        ))
    }
}

fn dial(p: &Value) -> Result<Option<f64>, Refusal> {
    match p.get("TrafficDialPercentage") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .map(Some)
            .ok_or_else(|| Refusal::bad(BAD, "TrafficDialPercentage is not a number")),
    }
}

fn endpoints(p: &Value) -> Result<Option<Vec<EndpointSetup>>, Refusal> {
    if p.get("EndpointConfigurations").is_none_or(Value::is_null) {
        return Ok(None);
    }
    list(p, "EndpointConfigurations")
        .iter()
        .map(|endpoint| {
            only(
                endpoint,
                &["EndpointId", "Weight", "ClientIPPreservationEnabled"],
            )?;
            let weight = number(endpoint, "Weight", BAD)?
                // The service's own default.
                .unwrap_or(128);
            Ok(EndpointSetup {
                id: text(endpoint, "EndpointId", BAD)?.to_owned(),
                weight: u8::try_from(weight).map_err(|_| {
                    Refusal::bad(BAD, format!("Weight {weight} is not between 0 and 255"))
                })?,
                // True is the default for load balancers.
                client_ip_preservation: endpoint
                    .get("ClientIPPreservationEnabled")
                    .and_then(Value::as_bool)
                    .unwrap_or(true),
            })
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}

fn endpoint_group(state: &State, group: &Group) -> Value {
    let healthy = state.edge_believes(&group.region);
    let endpoints: Vec<Value> = group
        .endpoints
        .iter()
        .map(|endpoint| {
            json!({
                "EndpointId": endpoint.id,
                "Weight": endpoint.weight,
                "HealthState": if healthy { "HEALTHY" } else { "UNHEALTHY" },
                "ClientIPPreservationEnabled": endpoint.client_ip_preservation,
            })
        })
        .collect();
    json!({
        "EndpointGroupArn": group.arn,
        "EndpointGroupRegion": group.region,
        "EndpointDescriptions": endpoints,
        "TrafficDialPercentage": group.dial,
        "HealthCheckPort": 443,
        "HealthCheckProtocol": "TCP",
        "HealthCheckIntervalSeconds": 10,
        "ThresholdCount": 3,
        "PortOverrides": [],
    })
}

/// The operation that the target header names.
pub(super) fn operation(target: Option<&str>) -> Result<String, Refusal> {
    target
        .and_then(|target| target.strip_prefix("GlobalAccelerator_V20180706."))
        .map(str::to_owned)
        .ok_or_else(|| {
            unknown_thing(&format!(
                "globalaccelerator x-amz-target {}",
                target.unwrap_or("(none)")
            ))
        })
}

/// Parameters of a JSON body.
pub(super) fn parameters(body: &[u8]) -> Result<Value, Refusal> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|e| Refusal::bad("SerializationException", e.to_string()))?;
    // An empty name is as good as none.
    match optional(&value, "EndpointGroupArn") {
        Some("") => Err(Refusal::bad(BAD, "EndpointGroupArn is empty")),
        Some(_) | None => Ok(value),
    }
}
