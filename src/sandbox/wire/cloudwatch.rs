//! CloudWatch over Smithy RPC v2 CBOR, which the Rust SDK speaks, over json 1.0, which today's boto3
//! and command line do, and over query, which older ones do.
//!
//! It knows one metric, `AuroraGlobalDBRPOLag` in the secondary's Region, and one alarm a Region.

use std::collections::BTreeMap;

use ciborium::Value as Cbor;
use serde_json::{Map, Value, json};

use crate::model::{Millis, RegionId, Wall};

use super::super::setup::ACCOUNT;
use super::super::world::{Refusal, State};
use super::params::{list, number, only, optional, text, texts, unknown_thing};
use super::query;
use super::reply::Reply;
use super::time::{epoch, from_iso, iso};

pub(super) const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

const BAD: &str = "InvalidParameterValue";

const MINUTE: Millis = Millis::from_mins(1);

/// Members that are moments: CBOR tags them, XML writes them out.
const MOMENTS: [&str; 4] = [
    "Timestamp",
    "Timestamps",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
];

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Cbor,
    Json,
    Query,
}

impl Speech {
    fn answer(self, operation: &str, result: &Value) -> Reply {
        match self {
            Self::Cbor => cbor_reply(200, &to_cbor("", result)),
            Self::Json => Reply::new(200, JSON, result.to_string().into_bytes()),
            Self::Query => query::answer(NAMESPACE, operation, &written("", result), &|_| {
                "member".to_owned()
            }),
        }
    }

    pub(super) fn refuse(self, refusal: &Refusal) -> Reply {
        // Newer names of what the query protocol called otherwise; a header gives the older one.
        let shape = match refusal.code.as_str() {
            "InvalidParameterValue" => "InvalidParameterValueException",
            "MissingParameter" => "MissingRequiredParameterException",
            "InvalidParameterCombination" => "InvalidParameterCombinationException",
            other => other,
        };
        let kind = format!("com.amazonaws.cloudwatch#{shape}");
        let body = json!({"__type": kind, "message": refusal.message});
        let side = if refusal.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let older = format!("{};{side}", refusal.code);
        match self {
            Self::Cbor => {
                cbor_reply(refusal.status, &to_cbor("", &body)).with("x-amzn-query-error", older)
            }
            Self::Json => Reply::new(refusal.status, JSON, body.to_string().into_bytes())
                .with("x-amzn-query-error", older),
            Self::Query => query::refuse(NAMESPACE, refusal),
        }
    }
}

/// The JSON protocol's content type.
const JSON: &str = "application/x-amz-json-1.0";

/// What stands before the operation in the JSON protocol's target header.
pub(super) const TARGET: &str = "GraniteServiceVersion20100801.";

/// Parameters of a JSON body.
pub(super) fn json_parameters(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|e| Refusal::bad("SerializationException", e.to_string()))
}

/// Parameters of a CBOR body; moments become seconds.
pub(super) fn parameters(body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let value: Cbor = ciborium::from_reader(body)
        .map_err(|e| Refusal::bad("SerializationException", e.to_string()))?;
    Ok(from_cbor(value))
}

/// Carries out one operation.
pub(super) fn perform(
    state: &State,
    region: &RegionId,
    operation: &str,
    p: &Value,
    speech: Speech,
) -> Result<Reply, Refusal> {
    let result = match operation {
        "GetMetricStatistics" => statistics(state, region, p)?,
        "GetMetricData" => data(state, region, p)?,
        "DescribeAlarms" => alarms(state, region, p)?,
        other => return Err(unknown_thing(&format!("monitoring {other}"))),
    };
    Ok(speech.answer(operation, &result))
}

fn statistics(state: &State, region: &RegionId, p: &Value) -> Result<Value, Refusal> {
    only(
        p,
        &[
            "Namespace",
            "MetricName",
            "Dimensions",
            "StartTime",
            "EndTime",
            "Period",
            "Statistics",
            "Unit",
        ],
    )?;
    let wanted = texts(p, "Statistics");
    if wanted.is_empty() {
        return Err(Refusal::bad(
            "MissingParameter",
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        ));
    }
    let (start, end) = span(p)?;
    let period = period(p)?;
    let mut points = Vec::new();
    for (at, minutes) in series(state, region, p, start, end, period)? {
        let mut point = Map::new();
        point.insert("Timestamp".to_owned(), json!(epoch(at)));
        point.insert("Unit".to_owned(), json!("Milliseconds"));
        for name in &wanted {
            point.insert(name.clone(), json!(statistic(name, &minutes)?));
        }
        points.push(Value::Object(point));
    }
    // They come in no order. A rotation is as good as any, and repeats.
    let middle = points.len() / 2;
    points.rotate_left(middle);
    Ok(json!({"Label": text(p, "MetricName", BAD)?, "Datapoints": points}))
}

fn data(state: &State, region: &RegionId, p: &Value) -> Result<Value, Refusal> {
    only(
        p,
        &[
            "MetricDataQueries",
            "StartTime",
            "EndTime",
            "ScanBy",
            "MaxDatapoints",
        ],
    )?;
    let (start, end) = span(p)?;
    let mut results = Vec::new();
    for query in list(p, "MetricDataQueries") {
        only(query, &["Id", "MetricStat", "Label", "ReturnData"])?;
        let stat = query
            .get("MetricStat")
            .ok_or_else(|| unknown_thing("a metric data query without MetricStat"))?;
        only(stat, &["Metric", "Period", "Stat", "Unit"])?;
        let metric = stat
            .get("Metric")
            .ok_or_else(|| Refusal::bad("MissingParameter", "Metric is missing"))?;
        let name = text(stat, "Stat", BAD)?;
        let mut points = Vec::new();
        for (at, minutes) in series(state, region, metric, start, end, period(stat)?)? {
            points.push((epoch(at), statistic(name, &minutes)?));
        }
        // The service's own default is the newest first.
        if optional(p, "ScanBy") != Some("TimestampAscending") {
            points.reverse();
        }
        let (times, values): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        results.push(json!({
            "Id": text(query, "Id", BAD)?,
            "Label": optional(query, "Label").unwrap_or("AuroraGlobalDBRPOLag"),
            "Timestamps": times,
            "Values": values,
            "StatusCode": "Complete",
        }));
    }
    Ok(json!({"MetricDataResults": results, "Messages": []}))
}

/// One metric alarm a Region; composite ones may be asked for, and there are none.
fn alarms(state: &State, region: &RegionId, p: &Value) -> Result<Value, Refusal> {
    only(p, &["AlarmNames", "AlarmTypes"])?;
    let (names, types) = (texts(p, "AlarmNames"), texts(p, "AlarmTypes"));
    let any = |asked: &[String], of: &str| asked.is_empty() || asked.iter().any(|one| one == of);
    let here = state
        .alarm_of(region)
        .filter(|(name, _)| any(&types, "MetricAlarm") && any(&names, name));
    let told = here.map(|(name, raised)| {
        let (value, reason) = match raised {
            Some(_) => ("ALARM", "Threshold Crossed: 3 datapoints were above 1 %."),
            None => ("OK", "Threshold Crossed: no datapoint was above 1 %."),
        };
        let since = epoch(raised.unwrap_or(Wall(0)));
        json!({
            "AlarmName": name,
            "AlarmArn": format!("arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{name}"),
            "StateValue": value,
            "StateReason": reason,
            "StateUpdatedTimestamp": since,
            "StateTransitionedTimestamp": since,
        })
    });
    Ok(json!({"MetricAlarms": Vec::from_iter(told), "CompositeAlarms": []}))
}

/// Minutes of the metric between two moments, gathered by period, oldest first.
fn series(
    state: &State,
    region: &RegionId,
    metric: &Value,
    start: Wall,
    end: Wall,
    period: Millis,
) -> Result<BTreeMap<Wall, Vec<f64>>, Refusal> {
    let mut found: BTreeMap<Wall, Vec<f64>> = BTreeMap::new();
    let known = text(metric, "Namespace", BAD)? == "AWS/RDS"
        && text(metric, "MetricName", BAD)? == "AuroraGlobalDBRPOLag"
        && names_cluster(state, region, metric);
    if !known {
        // A metric that is not there has no datapoints; that is no error.
        return Ok(found);
    }
    // The start is rounded down to its minute.
    let mut minute = Wall(start.0 - start.0 % MINUTE.0);
    // Bounded as the service bounds it: 1,440 datapoints a call.
    let last = end.min(minute + MINUTE.times(1_440));
    while minute < last {
        if let Some(lag) = state.lag_minute(region, minute) {
            let at = Wall(minute.0 - minute.0 % period.0);
            found.entry(at).or_default().push(lag);
        }
        minute = minute + MINUTE;
    }
    Ok(found)
}

/// Dimensions must be the metric's own, no more and no fewer.
fn names_cluster(state: &State, region: &RegionId, metric: &Value) -> bool {
    let Some(cluster) = state.aurora.clusters.iter().find(|c| &c.region == region) else {
        return false;
    };
    let mut own = vec![("DBClusterIdentifier".to_owned(), cluster.id.clone())];
    if state.lag_has_source_region {
        let source = state.aurora.writer().region.to_string();
        own.push(("SourceRegion".to_owned(), source));
    }
    let mut asked: Vec<(String, String)> = list(metric, "Dimensions")
        .iter()
        .filter_map(|d| {
            let name = optional(d, "Name")?.to_owned();
            Some((name, optional(d, "Value")?.to_owned()))
        })
        .collect();
    asked.sort();
    asked == own
}

fn statistic(name: &str, minutes: &[f64]) -> Result<f64, Refusal> {
    let sum: f64 = minutes.iter().sum();
    let count = minutes.len() as f64;
    match name {
        "Average" => Ok(sum / count),
        "Sum" => Ok(sum),
        "SampleCount" => Ok(count),
        "Maximum" => Ok(minutes.iter().copied().fold(f64::MIN, f64::max)),
        "Minimum" => Ok(minutes.iter().copied().fold(f64::MAX, f64::min)),
        other => Err(Refusal::bad(
            BAD,
            format!("The value {other} for parameter Statistics is not supported."),
        )),
    }
}

fn period(p: &Value) -> Result<Millis, Refusal> {
    match number(p, "Period", BAD)? {
        Some(seconds) if seconds > 0 && seconds % 60 == 0 => Ok(Millis::from_secs(seconds)),
        other => Err(Refusal::bad(
            BAD,
            format!("Period must be a multiple of 60, not {other:?}"),
        )),
    }
}

fn span(p: &Value) -> Result<(Wall, Wall), Refusal> {
    let start = moment(p, "StartTime")?;
    let end = moment(p, "EndTime")?;
    if start < end {
        Ok((start, end))
    } else {
        Err(Refusal::bad(
            BAD,
            "The parameter StartTime must be less than the parameter EndTime.",
        ))
    }
}

fn moment(p: &Value, name: &str) -> Result<Wall, Refusal> {
    let value = p.get(name).unwrap_or(&Value::Null);
    value
        .as_f64()
        .filter(|seconds| *seconds >= 0.0)
        .map(|seconds| Wall((seconds * 1_000.0) as u64))
        .or_else(|| value.as_str().and_then(from_iso))
        .ok_or_else(|| Refusal::bad(BAD, format!("{name} is not a moment: {value}")))
}

fn pair(name: &str, value: Cbor) -> (Cbor, Cbor) {
    (Cbor::Text(name.to_owned()), value)
}

fn cbor_reply(status: u16, body: &Cbor) -> Reply {
    let mut bytes = Vec::new();
    // Writing a value that is in memory into memory cannot fail; an empty body would be told by
    // every client.
    if ciborium::into_writer(body, &mut bytes).is_err() {
        bytes.clear();
    }
    Reply::new(status, "application/cbor", bytes).with("smithy-protocol", "rpc-v2-cbor")
}

fn to_cbor(name: &str, value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(b) => Cbor::Bool(*b),
        Value::String(s) => Cbor::Text(s.clone()),
        Value::Number(n) => {
            let number = n
                .as_i64()
                .map_or_else(|| Cbor::Float(n.as_f64().unwrap_or(0.0)), Cbor::from);
            if MOMENTS.contains(&name) {
                Cbor::Tag(1, Box::new(number))
            } else {
                number
            }
        }
        Value::Array(items) => Cbor::Array(items.iter().map(|v| to_cbor(name, v)).collect()),
        Value::Object(members) => Cbor::Map(
            members
                .iter()
                .map(|(name, value)| pair(name, to_cbor(name, value)))
                .collect(),
        ),
    }
}

fn from_cbor(value: Cbor) -> Value {
    match value {
        Cbor::Bool(b) => Value::Bool(b),
        Cbor::Text(s) => Value::String(s),
        Cbor::Float(f) => json!(f),
        Cbor::Integer(i) => i64::try_from(i).map_or(Value::Null, |i| json!(i)),
        Cbor::Tag(_, inner) => from_cbor(*inner),
        Cbor::Array(items) => Value::Array(items.into_iter().map(from_cbor).collect()),
        Cbor::Map(members) => Value::Object(
            members
                .into_iter()
                .filter_map(|(name, value)| Some((name.into_text().ok()?, from_cbor(value))))
                .collect(),
        ),
        // Null, bytes and whatever CBOR may come to know: nothing of this service's.
        _other => Value::Null,
    }
}

/// With moments written out.
fn written(name: &str, value: &Value) -> Value {
    match value {
        Value::Number(n) if MOMENTS.contains(&name) => {
            json!(iso(Wall((n.as_f64().unwrap_or(0.0) * 1_000.0) as u64)))
        }
        Value::Array(items) => items.iter().map(|v| written(name, v)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), written(name, value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
