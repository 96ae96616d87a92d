//! Route 53 over rest-xml, version 2013-04-01.

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::model::{AliasTarget, FailoverRole, RecordSet, RegionId};
use crate::sandbox::{CheckKind, CheckSetup, HealthCheckSetup};

use super::super::world::{Action, RecordKey, Refusal, State, normal_name, printed_name};
use super::params::{flag, list, number, only, optional, text, unknown_thing};
use super::reply::Reply;
use super::time::iso;
use super::{Head, xml};

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// The most record sets of one page, as in the real service.
const PAGE: usize = 300;

const BAD: &str = "InvalidInput";

/// Operation and parameters of a request.
pub(super) fn read(head: &Head, body: &[u8]) -> Result<(String, Value), Refusal> {
    let path: Vec<&str> = head.path.trim_matches('/').split('/').collect();
    let mut params = Map::new();
    for (name, value) in &head.query {
        let name = match name.as_str() {
            "name" => "StartRecordName",
            "type" => "StartRecordType",
            "identifier" => "StartRecordIdentifier",
            "maxitems" => "MaxItems",
            "marker" => "Marker",
            other => other,
        };
        params.insert(name.to_owned(), Value::String(value.clone()));
    }
    let operation = match (&head.method, path.as_slice()) {
        (&Method::GET, ["2013-04-01", "hostedzone", zone, "rrset"]) => {
            params.insert("HostedZoneId".to_owned(), json!(zone));
            "ListResourceRecordSets"
        }
        (&Method::POST, ["2013-04-01", "hostedzone", zone, "rrset"]) => {
            let lists = ["Changes", "ResourceRecords"];
            let document =
                xml::parse(body, &lists).map_err(|why| Refusal::bad("MalformedXML", why))?;
            if let Value::Object(members) = document {
                params.extend(members);
            }
            params.insert("HostedZoneId".to_owned(), json!(zone));
            "ChangeResourceRecordSets"
        }
        (&Method::GET, ["2013-04-01", "hostedzone", zone]) => {
            params.insert("Id".to_owned(), json!(zone));
            "GetHostedZone"
        }
        (&Method::GET, ["2013-04-01", "change", id]) => {
            params.insert("Id".to_owned(), json!(id));
            "GetChange"
        }
        (&Method::GET, ["2013-04-01", "healthcheck", id]) => {
            params.insert("HealthCheckId".to_owned(), json!(id));
            "GetHealthCheck"
        }
        (&Method::GET, ["2013-04-01", "healthcheck", id, "status"]) => {
            params.insert("HealthCheckId".to_owned(), json!(id));
            "GetHealthCheckStatus"
        }
        (&Method::GET, ["2013-04-01", "healthcheck"]) => "ListHealthChecks",
        (method, _path) => return Ok((format!("{method} {}", head.path), Value::Null)),
    };
    Ok((operation.to_owned(), Value::Object(params)))
}

/// Carries out one operation.
pub(super) fn perform(state: &mut State, operation: &str, p: &Value) -> Result<Reply, Refusal> {
    match operation {
        "ListResourceRecordSets" => list_record_sets(state, p),
        "ChangeResourceRecordSets" => change_record_sets(state, p),
        "GetHostedZone" => {
            only(p, &["Id"])?;
            zone(state, text(p, "Id", BAD)?)?;
            let setup = &state.dns.setup;
            Ok(answer(
                "GetHostedZoneResponse",
                &json!({
                    "HostedZone": {
                        "Id": format!("/hostedzone/{}", setup.hosted_zone_id),
                        "Name": setup.zone_name,
                        "CallerReference": "sandbox",
                        "Config": {"PrivateZone": false},
                        "ResourceRecordSetCount": state.dns.records.len(),
                    },
                    "DelegationSet": {"NameServers": ["ns-1.example.", "ns-2.example."]},
                }),
            ))
        }
        "GetChange" => {
            only(p, &["Id"])?;
            let id = text(p, "Id", BAD)?;
            let change = state
                .dns
                .changes
                .iter()
                .find(|change| change.id == id)
                .ok_or_else(|| {
                    Refusal::missing(
                        "NoSuchChange",
                        format!("Could not find resource with ID: {id}"),
                    )
                })?;
            let status = if change.in_sync <= state.now {
                "INSYNC"
            } else {
                "PENDING"
            };
            let info = change_info(&change.id, status, iso(change.submitted));
            Ok(answer("GetChangeResponse", &json!({"ChangeInfo": info})))
        }
        "GetHealthCheck" => {
            only(p, &["HealthCheckId"])?;
            let check = match own_check(state, p) {
                Some(own) => own_health_check(own),
                None => {
                    let (region, check) = find_check(state, p)?;
                    health_check(region, check)
                }
            };
            Ok(answer(
                "GetHealthCheckResponse",
                &json!({"HealthCheck": check}),
            ))
        }
        "GetHealthCheckStatus" => {
            only(p, &["HealthCheckId"])?;
            let healthy = match own_check(state, p) {
                Some(CheckSetup {
                    kind: CheckKind::Calculated { .. },
                    ..
                }) => {
                    return Err(Refusal::bad(
                        BAD,
                        "The status of a calculated health check cannot be read.",
                    ));
                }
                Some(own) => state.dns.own_checks.believes(&own.check.id),
                None => {
                    let (region, _check) = find_check(state, p)?;
                    state.checkers_believe(region)
                }
            };
            Ok(answer(
                "GetHealthCheckStatusResponse",
                &json!({"HealthCheckObservations": observations(state, healthy)}),
            ))
        }
        "ListHealthChecks" => {
            only(p, &["Marker", "MaxItems"])?;
            let checks: Vec<Value> = state
                .dns
                .checks
                .iter()
                .map(|(region, check)| health_check(region, check))
                .chain(state.dns.own_checks.all().iter().map(own_health_check))
                .collect();
            Ok(answer(
                "ListHealthChecksResponse",
                &json!({
                    "HealthChecks": checks,
                    "Marker": "",
                    "IsTruncated": false,
                    "MaxItems": "100",
                }),
            ))
        }
        other => Err(unknown_thing(&format!("route53 {other}"))),
    }
}

/// Whether it changes anything.
pub(super) fn mutates(operation: &str) -> bool {
    operation == "ChangeResourceRecordSets"
}

/// An error in this protocol.
pub(super) fn refuse(refusal: &Refusal) -> Reply {
    Reply::new(
        refusal.status,
        "text/xml",
        xml::error(NAMESPACE, refusal).into_bytes(),
    )
}

fn answer(root: &str, value: &Value) -> Reply {
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut inner = String::new();
    if let Value::Object(members) = value {
        for (name, value) in members {
            xml::element(&mut inner, name, value, &|list| {
                list.strip_suffix('s').unwrap_or(list).to_owned()
            });
        }
    }
    body.push_str(&format!("<{root} xmlns=\"{NAMESPACE}\">{inner}</{root}>"));
    Reply::new(200, "text/xml", body.into_bytes())
}

fn zone(state: &State, id: &str) -> Result<(), Refusal> {
    let id = id.trim_start_matches("/hostedzone/");
    if state.dns.setup.hosted_zone_id == id {
        Ok(())
    } else {
        Err(Refusal::missing(
            "NoSuchHostedZone",
            format!("No hosted zone found with ID: {id}"),
        ))
    }
}

fn change_info(id: &str, status: &str, submitted: String) -> Value {
    json!({"Id": format!("/change/{id}"), "Status": status, "SubmittedAt": submitted})
}

fn find_check<'a>(
    state: &'a State,
    p: &Value,
) -> Result<&'a (RegionId, HealthCheckSetup), Refusal> {
    let id = text(p, "HealthCheckId", BAD)?;
    let mut checks = state.dns.checks.iter();
    checks.find(|(_, check)| check.id == id).ok_or_else(|| {
        Refusal::missing(
            "NoSuchHealthCheck",
            format!("A health check with id {id} does not exist."),
        )
    })
}

/// Where the checkers of a health check stand unless it says otherwise, one of several each.
const CHECKERS: [(&str, &str); 4] = [
    ("eu-west-1", "54.228.16.1"),
    ("us-east-1", "54.243.31.192"),
    ("us-west-2", "54.244.52.192"),
    ("ap-southeast-1", "54.251.31.128"),
];

/// What each checker last found. Whether the answer is turned round (`Inverted`) or not asked for
/// (`Disabled`) they do not know.
fn observations(state: &State, healthy: bool) -> Vec<Value> {
    let status = if healthy {
        "Success: HTTP Status Code 200, OK"
    } else {
        "Failure: The health checker could not establish a connection within the timeout limit."
    };
    CHECKERS
        .iter()
        .map(|(at, address)| {
            json!({
                "Region": at,
                "IPAddress": address,
                "StatusReport": {"Status": status, "CheckedTime": iso(state.now)},
            })
        })
        .collect()
}

fn own_check<'a>(state: &'a State, p: &Value) -> Option<&'a CheckSetup> {
    state
        .dns
        .own_checks
        .get(text(p, "HealthCheckId", BAD).ok()?)
}

fn own_health_check(own: &CheckSetup) -> Value {
    let CheckSetup { check, kind } = own;
    let mut config = match kind {
        CheckKind::Http { address, path, .. } => json!({
            "Type": "HTTP",
            "IPAddress": address.ip().to_string(),
            "Port": address.port(),
            "ResourcePath": path,
            "RequestInterval": 10,
            "FailureThreshold": 3,
            "MeasureLatency": false,
        }),
        CheckKind::Calculated {
            children,
            threshold,
        } => json!({
            "Type": "CALCULATED",
            "HealthThreshold": threshold,
            "ChildHealthChecks": children,
        }),
    };
    config["Inverted"] = json!(check.inverted);
    config["Disabled"] = json!(check.disabled);
    json!({
        "Id": check.id,
        "CallerReference": "sandbox",
        "HealthCheckConfig": config,
        "HealthCheckVersion": 1,
    })
}

fn health_check(region: &RegionId, check: &HealthCheckSetup) -> Value {
    if let Some(arn) = &check.routing_control_arn {
        return json!({
            "Id": check.id,
            "CallerReference": "sandbox",
            "HealthCheckConfig": {
                "Type": "RECOVERY_CONTROL",
                "RoutingControlArn": arn,
                "Inverted": check.inverted,
                "Disabled": check.disabled,
            },
            "HealthCheckVersion": 1,
        });
    }
    json!({
        "Id": check.id,
        "CallerReference": "sandbox",
        "HealthCheckConfig": {
            "Type": "HTTP",
            "FullyQualifiedDomainName": format!("shop.{region}.elb.amazonaws.com"),
            "ResourcePath": "/health",
            "Port": 80,
            "RequestInterval": 10,
            "FailureThreshold": 3,
            "MeasureLatency": false,
            "Inverted": check.inverted,
            "Disabled": check.disabled,
        },
        "HealthCheckVersion": 1,
    })
}

fn list_record_sets(state: &State, p: &Value) -> Result<Reply, Refusal> {
    only(
        p,
        &[
            "HostedZoneId",
            "StartRecordName",
            "StartRecordType",
            "StartRecordIdentifier",
            "MaxItems",
        ],
    )?;
    zone(state, text(p, "HostedZoneId", BAD)?)?;
    let name = optional(p, "StartRecordName").map(normal_name);
    let record_type = optional(p, "StartRecordType");
    let set = optional(p, "StartRecordIdentifier");
    if name.is_none() && record_type.is_some() || record_type.is_none() && set.is_some() {
        return Err(Refusal::bad(
            BAD,
            "A start type needs a start name, and a start identifier needs both",
        ));
    }
    let page = match number(p, "MaxItems", BAD)? {
        Some(0) => return Err(Refusal::bad(BAD, "MaxItems must be at least 1")),
        Some(asked) => PAGE.min(usize::try_from(asked).unwrap_or(PAGE)),
        None => PAGE,
    };
    let start = name
        .as_deref()
        .map(|name| RecordKey::new(name, record_type.unwrap_or(""), set));
    let mut rest = state
        .dns
        .records
        .iter()
        .filter(|(key, _)| start.as_ref().is_none_or(|start| *key >= start))
        .map(|(_, set)| set);
    let sets: Vec<Value> = rest.by_ref().take(page).map(record_set).collect();
    let mut result = json!({
        "ResourceRecordSets": sets,
        "IsTruncated": false,
        "MaxItems": page.to_string(),
    });
    if let Some(next) = rest.next() {
        result["IsTruncated"] = json!(true);
        result["NextRecordName"] = json!(printed_name(&next.name));
        result["NextRecordType"] = json!(next.record_type);
        result["NextRecordIdentifier"] = json!(next.set_identifier);
    }
    Ok(answer("ListResourceRecordSetsResponse", &result))
}

fn record_set(set: &RecordSet) -> Value {
    let values: Vec<Value> = set.values.iter().map(|v| json!({"Value": v})).collect();
    json!({
        "Name": printed_name(&set.name),
        "Type": set.record_type,
        "SetIdentifier": set.set_identifier,
        "Failover": set.failover,
        "Weight": set.weight,
        "TTL": set.ttl,
        "ResourceRecords": set.alias.is_none().then_some(values),
        "AliasTarget": set.alias.as_ref().map(|alias| json!({
            "HostedZoneId": alias.hosted_zone_id,
            "DNSName": printed_name(&alias.dns_name),
            "EvaluateTargetHealth": alias.evaluate_target_health,
        })),
        "HealthCheckId": set.health_check_id,
    })
}

fn change_record_sets(state: &mut State, p: &Value) -> Result<Reply, Refusal> {
    only(p, &["HostedZoneId", "ChangeBatch"])?;
    zone(state, text(p, "HostedZoneId", BAD)?)?;
    let batch = p
        .get("ChangeBatch")
        .ok_or_else(|| Refusal::bad(BAD, "ChangeBatch is missing"))?;
    only(batch, &["Comment", "Changes"])?;
    let changes = list(batch, "Changes")
        .iter()
        .map(read_change)
        .collect::<Result<Vec<_>, _>>()?;
    let change = state.change_records(changes)?;
    let info = change_info(&change.id, "PENDING", iso(change.submitted));
    Ok(answer(
        "ChangeResourceRecordSetsResponse",
        &json!({"ChangeInfo": info}),
    ))
}

fn read_change(change: &Value) -> Result<(Action, RecordSet), Refusal> {
    only(change, &["Action", "ResourceRecordSet"])?;
    let action = match text(change, "Action", BAD)? {
        "CREATE" => Action::Create,
        "DELETE" => Action::Delete,
        "UPSERT" => Action::Upsert,
        other => return Err(Refusal::bad(BAD, format!("Invalid action: {other}"))),
    };
    let set = change
        .get("ResourceRecordSet")
        .ok_or_else(|| Refusal::bad(BAD, "ResourceRecordSet is missing"))?;
    only(
        set,
        &[
            "Name",
            "Type",
            "SetIdentifier",
            "Failover",
            "Weight",
            "TTL",
            "ResourceRecords",
            "AliasTarget",
            "HealthCheckId",
        ],
    )?;
    let failover = match optional(set, "Failover") {
        None => None,
        Some("PRIMARY") => Some(FailoverRole::Primary),
        Some("SECONDARY") => Some(FailoverRole::Secondary),
        Some(other) => return Err(Refusal::bad(BAD, format!("Invalid failover: {other}"))),
    };
    let weight = match number(set, "Weight", BAD)? {
        None => None,
        Some(weight) => Some(u8::try_from(weight).map_err(|_too_large| {
            let why = format!("Value '{weight}' at 'weight' must be less than or equal to 255");
            Refusal::bad(BAD, why)
        })?),
    };
    let alias = match set.get("AliasTarget") {
        None => None,
        Some(alias) => {
            only(alias, &["HostedZoneId", "DNSName", "EvaluateTargetHealth"])?;
            Some(AliasTarget {
                hosted_zone_id: text(alias, "HostedZoneId", BAD)?.to_owned(),
                dns_name: normal_name(text(alias, "DNSName", BAD)?),
                evaluate_target_health: flag(alias, "EvaluateTargetHealth"),
            })
        }
    };
    let values = list(set, "ResourceRecords")
        .iter()
        .map(|record| Ok(text(record, "Value", BAD)?.to_owned()))
        .collect::<Result<Vec<_>, Refusal>>()?;
    Ok((
        action,
        RecordSet {
            name: normal_name(text(set, "Name", BAD)?),
            record_type: text(set, "Type", BAD)?.to_owned(),
            set_identifier: optional(set, "SetIdentifier").map(str::to_owned),
            failover,
            weight,
            ttl: number(set, "TTL", BAD)?,
            values,
            alias,
            health_check_id: optional(set, "HealthCheckId").map(str::to_owned),
        },
    ))
}
