//! CloudWatch alarms that turn a live drill home, each in the Region that it stands in.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use aws_smithy_types::DateTime;

use super::classify::read_error;
use super::clients::Clients;
use crate::model::{Alarm, AlarmState, RegionId, Wall};
use crate::ports::ReadError;

/// The most names that one call takes. Source: CloudWatch API reference, `DescribeAlarms`.
const NAMES_AT_ONCE: usize = 100;

/// How each of `alarms` stands, in their order. One Region that does not answer hides no other's.
pub(super) async fn read(
    clients: &Clients,
    alarms: &[Alarm],
) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
    let mut names: BTreeMap<&RegionId, BTreeSet<&str>> = BTreeMap::new();
    for alarm in alarms {
        names.entry(&alarm.region).or_default().insert(&alarm.name);
    }
    let mut states = BTreeMap::new();
    for (region, names) in names {
        let names: Vec<&str> = names.into_iter().collect();
        for some in names.chunks(NAMES_AT_ONCE) {
            let told = read_some(clients, region, some).await;
            for name in some {
                let state = match &told {
                    Ok(told) => told
                        .get(*name)
                        .cloned()
                        .unwrap_or_else(|| no_such(region, name)),
                    Err(error) => Err(error.clone()),
                };
                states.insert((region, *name), state);
            }
        }
    }
    alarms
        .iter()
        .filter_map(|alarm| {
            let state = states.get(&(&alarm.region, alarm.name.as_str()))?;
            Some((alarm.clone(), state.clone()))
        })
        .collect()
}

type States = BTreeMap<String, Result<AlarmState, ReadError>>;

async fn read_some(
    clients: &Clients,
    region: &RegionId,
    names: &[&str],
) -> Result<States, ReadError> {
    let what = format!("alarms in {region}");
    let output = clients
        .cloudwatch(region)
        .read
        .describe_alarms()
        .set_alarm_names(Some(names.iter().map(|&name| name.to_owned()).collect()))
        // Left out, composite ones are not told.
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    let metric = output.metric_alarms.unwrap_or_default().into_iter();
    let metric = metric.map(|alarm| {
        let since = alarm
            .state_transitioned_timestamp
            .or(alarm.state_updated_timestamp);
        (
            alarm.alarm_name,
            alarm.state_value,
            since,
            alarm.state_reason,
        )
    });
    let composite = output.composite_alarms.unwrap_or_default().into_iter();
    let composite = composite.map(|alarm| {
        let since = alarm
            .state_transitioned_timestamp
            .or(alarm.state_updated_timestamp);
        (
            alarm.alarm_name,
            alarm.state_value,
            since,
            alarm.state_reason,
        )
    });
    let told = metric.chain(composite);
    Ok(told
        .filter_map(|(name, value, since, reason)| {
            let name = name?;
            let state = state(&name, region, value.as_ref(), since, reason);
            Some((name, state))
        })
        .collect())
}

fn state(
    name: &str,
    region: &RegionId,
    value: Option<&StateValue>,
    since: Option<DateTime>,
    reason: Option<String>,
) -> Result<AlarmState, ReadError> {
    match value {
        Some(StateValue::Ok) => Ok(AlarmState::Ok),
        Some(StateValue::Alarm) => Ok(AlarmState::Raised {
            since: since
                .and_then(|at| u64::try_from(at.to_millis().ok()?).ok())
                .map(Wall),
            reason: reason.unwrap_or_default(),
        }),
        Some(StateValue::InsufficientData) => Ok(AlarmState::InsufficientData),
        // The enum may grow.
        other => Err(ReadError::Unobservable {
            what: format!("alarm {name} in {region}"),
            why: format!(
                "it stands at {}, which failoverd does not know",
                other.map_or("nothing", StateValue::as_str)
            ),
        }),
    }
}

fn no_such(region: &RegionId, name: &str) -> Result<AlarmState, ReadError> {
    Err(ReadError::Refused {
        what: format!("alarm {name} in {region}"),
        code: "no_such_alarm".to_owned(),
        message: "CloudWatch knows no alarm of that name there".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(value: &str) -> Result<AlarmState, ReadError> {
        let since = DateTime::from_millis(1_700_000_000_250);
        let value = StateValue::from(value);
        let reason = Some("over 5 %".to_owned());
        state(
            "errors",
            &"eu-west-1".into(),
            Some(&value),
            Some(since),
            reason,
        )
    }

    #[test]
    fn a_state_is_what_cloudwatch_says_and_no_guess() {
        assert_eq!(raised("OK"), Ok(AlarmState::Ok));
        assert_eq!(
            raised("INSUFFICIENT_DATA"),
            Ok(AlarmState::InsufficientData)
        );
        assert_eq!(
            raised("ALARM"),
            Ok(AlarmState::Raised {
                since: Some(Wall(1_700_000_000_250)),
                reason: "over 5 %".to_owned()
            })
        );
        let unknown = raised("SNOOZED").unwrap_err();
        assert!(unknown.to_string().contains("SNOOZED"), "{unknown}");
    }
}
