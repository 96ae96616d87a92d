//! `global_accelerator.dial` and `global_accelerator.weight`.
//!
//! Both set state on an endpoint group and are safe to repeat. A dial goes alone: an endpoint list
//! that is sent replaces the one that stands. A weight is the list as read, with one field changed.
//! What would take out the last group that carries traffic is refused, and so is weight for a Region
//! whose database is still apart: see [`Standing`].
//! The goal is met when it reads back *and* the accelerator is `DEPLOYED`: between the two the edge
//! still follows the old value.

use aws_sdk_globalaccelerator::types::{
    AcceleratorStatus, EndpointConfiguration, EndpointGroup as SdkGroup,
};

use super::aurora::{self, Target};
use super::classify::{read_error, unobserved, unprepared};
use super::clients::{Clients, GLOBAL_ACCELERATOR_REGION};
use super::gate::Gate;
use crate::model::{Application, Endpoint, EndpointGroup, RegionId};
use crate::ports::{CallOutcome, Goal, Observation, Proof, ReadError};

/// The weight of an endpoint that was given none.
pub(super) const DEFAULT_WEIGHT: i32 = 128;

pub(super) fn home() -> RegionId {
    RegionId::from(GLOBAL_ACCELERATOR_REGION)
}

/// Is the dial where it is wanted, and deployed?
pub(super) async fn observe_dial(clients: &Clients, arn: &str, percent: u8) -> Observation {
    let group = match describe(clients, arn).await {
        Ok(group) => group,
        Err(error) => return unobserved(&error),
    };
    let dial = group.traffic_dial_percentage.unwrap_or(100.0);
    let seen = format!("dial {dial} %");
    if !same_percent(dial, percent) {
        return Observation {
            goal: Goal::NotMet,
            seen,
        };
    }
    deployed(clients, arn, seen).await
}

/// Has every named endpoint its weight, and is it deployed?
pub(super) async fn observe_weight(
    clients: &Clients,
    application: &Application,
    arn: &str,
    wanted: &[Endpoint],
) -> Observation {
    let group = match read_group(clients, arn).await {
        Ok(group) => group,
        Err(error) => return unobserved(&error),
    };
    let seen = weights(&group);
    if let Some(missing) = missing(&group, wanted) {
        return Observation {
            goal: Goal::Impossible {
                code: "no_such_endpoint".to_owned(),
                message: no_such_endpoint(arn, missing),
            },
            seen,
        };
    }
    let met = wanted.iter().all(|want| {
        group
            .endpoints
            .iter()
            .any(|e| e.id == want.id && e.weight == want.weight)
    });
    if met {
        return deployed(clients, arn, seen).await;
    }
    if !opens(&group, wanted) {
        let goal = Goal::NotMet;
        return Observation { goal, seen };
    }
    match Standing::read(clients, application, arn, &group).await {
        Ok(Standing::Sound) => Observation {
            goal: Goal::NotMet,
            seen,
        },
        Ok(Standing::NotYet(why)) => Observation {
            goal: Goal::UnderWay,
            seen: format!("{seen}, {why}"),
        },
        Ok(Standing::Apart(message)) => Observation {
            goal: Goal::Impossible {
                code: APART.to_owned(),
                message,
            },
            seen,
        },
        Err(error) => unobserved(&error),
    }
}

/// Sets the dial, and nothing else.
pub(super) async fn apply_dial(
    clients: &Clients,
    application: &Application,
    arn: &str,
    percent: u8,
    proof: &Proof,
) -> CallOutcome {
    if percent == 0
        && let Err(outcome) = another_serves(clients, application, arn).await
    {
        return outcome;
    }
    let gate = Gate::new(proof);
    let result = clients
        .global_accelerator(&home())
        .write
        .update_endpoint_group()
        .endpoint_group_arn(arn)
        .traffic_dial_percentage(f32::from(percent))
        .customize()
        .interceptor(gate.clone())
        .send()
        .await;
    gate.conclude(result)
}

/// Reads the list, changes the named weights, sends all of it.
pub(super) async fn apply_weight(
    clients: &Clients,
    application: &Application,
    arn: &str,
    wanted: &[Endpoint],
    proof: &Proof,
) -> CallOutcome {
    let group = match read_group(clients, arn).await {
        Ok(group) => group,
        Err(error) => return unprepared(&error),
    };
    if let Some(missing) = missing(&group, wanted) {
        return CallOutcome::Refused {
            code: "no_such_endpoint".to_owned(),
            message: no_such_endpoint(arn, missing),
        };
    }
    let weight_of = |endpoint: &Endpoint| {
        let want = wanted.iter().find(|want| want.id == endpoint.id);
        want.map_or(endpoint.weight, |want| want.weight)
    };
    if group.endpoints.iter().all(|e| weight_of(e) == 0)
        && let Err(outcome) = another_serves(clients, application, arn).await
    {
        return outcome;
    }
    if opens(&group, wanted) {
        let (code, message) = match Standing::read(clients, application, arn, &group).await {
            Ok(Standing::Sound) => (None, String::new()),
            Ok(Standing::NotYet(why)) => (Some("not_the_writer_yet"), why),
            Ok(Standing::Apart(why)) => (Some(APART), why),
            Err(error) => return unprepared(&error),
        };
        match code.map(str::to_owned) {
            None => {}
            Some(code) if code == APART => return CallOutcome::Refused { code, message },
            Some(code) => return CallOutcome::Busy { code, message },
        }
    }
    let list = group.endpoints.iter().map(|endpoint| {
        EndpointConfiguration::builder()
            .endpoint_id(&endpoint.id)
            .weight(i32::from(weight_of(endpoint)))
            .set_client_ip_preservation_enabled(endpoint.client_ip_preservation)
            .build()
    });
    let gate = Gate::new(proof);
    let result = clients
        .global_accelerator(&home())
        .write
        .update_endpoint_group()
        .endpoint_group_arn(arn)
        .set_endpoint_configurations(Some(list.collect()))
        .customize()
        .interceptor(gate.clone())
        .send()
        .await;
    gate.conclude(result)
}

/// Before a group is taken out: does another one carry traffic? However a run came here (a person
/// may have skipped the step that raises the other), the application is not switched off.
async fn another_serves(
    clients: &Clients,
    application: &Application,
    arn: &str,
) -> Result<(), CallOutcome> {
    let arns = application
        .regions
        .iter()
        .filter_map(|region| region.resources.endpoint_group_arn.as_deref());
    for other in arns.filter(|other| *other != arn) {
        let group = read_group(clients, other)
            .await
            .map_err(|error| unprepared(&error))?;
        if group.dial_percent > 0 && group.endpoints.iter().any(|e| e.weight > 0) {
            return Ok(());
        }
    }
    Err(CallOutcome::Refused {
        code: "nothing_would_serve".to_owned(),
        message: format!(
            "no other endpoint group of {} carries traffic: raise one before {arn} is taken out",
            application.name
        ),
    })
}

/// Whether users come in again where nobody did.
fn opens(group: &EndpointGroup, wanted: &[Endpoint]) -> bool {
    group.endpoints.iter().all(|endpoint| endpoint.weight == 0)
        && wanted.iter().any(|want| want.weight > 0)
}

/// The code of a refusal for a Region that is [`Standing::Apart`].
const APART: &str = "not_a_reader";

/// Whether users may be let into a Region that was shut.
///
/// After an ungraceful failover the old writer's cluster stands apart until Aurora has rebuilt it: it
/// holds rows that nobody else has, and may still take more. A dial of 0 does not keep users out, so
/// its weights may only come back once it is a reader again; and where the dial is up already, once it
/// is the writer, for then they let users in at once.
enum Standing {
    Sound,
    NotYet(String),
    Apart(String),
}

impl Standing {
    async fn read(
        clients: &Clients,
        application: &Application,
        group_arn: &str,
        group: &EndpointGroup,
    ) -> Result<Self, ReadError> {
        let mut regions = application.regions.iter();
        let here = regions
            .find(|region| region.resources.endpoint_group_arn.as_deref() == Some(group_arn));
        let (Some(here), Some(global_cluster)) = (here, &application.resources.global_cluster)
        else {
            return Ok(Self::Sound);
        };
        let Some(cluster_arn) = here.resources.db_cluster_arn.as_deref() else {
            return Ok(Self::Sound);
        };
        let region = &here.name;
        let target = Target {
            global_cluster,
            arn: cluster_arn,
            region,
            // Nobody is known to be left: the Region itself is asked first, and should know.
            source_region: region,
        };
        let global = aurora::describe(clients, application, &target).await?;
        let own = global
            .global_cluster_members()
            .iter()
            .find(|member| member.db_cluster_arn.as_deref() == Some(cluster_arn));
        let dial = group.dial_percent;
        Ok(match own.map(|member| member.is_writer == Some(true)) {
            Some(true) => Self::Sound,
            Some(false) if dial == 0 => Self::Sound,
            Some(false) => Self::NotYet(format!(
                "the dial of {region} is at {dial} % and its database is a reader: its users wait \
                 for the promotion, or lower the dial to 0"
            )),
            None => Self::Apart(format!(
                "the database of {region} is no member of global cluster {global_cluster}: wait \
                 until it is rebuilt as a reader (minutes to hours after a failover), or add a \
                 secondary there"
            )),
        })
    }
}

/// The endpoint group as it stands.
pub(super) async fn read_group(clients: &Clients, arn: &str) -> Result<EndpointGroup, ReadError> {
    let group = describe(clients, arn).await?;
    let dial = group.traffic_dial_percentage.unwrap_or(100.0);
    let endpoints = group.endpoint_descriptions.unwrap_or_default();
    Ok(EndpointGroup {
        dial_percent: whole_percent(dial),
        endpoints: endpoints
            .into_iter()
            .map(|endpoint| Endpoint {
                id: endpoint.endpoint_id.unwrap_or_default(),
                weight: u8::try_from(endpoint.weight.unwrap_or(DEFAULT_WEIGHT)).unwrap_or(u8::MAX),
                client_ip_preservation: endpoint.client_ip_preservation_enabled,
            })
            .collect(),
    })
}

pub(super) async fn describe(clients: &Clients, arn: &str) -> Result<SdkGroup, ReadError> {
    let what = format!("endpoint group {arn}");
    let output = clients
        .global_accelerator(&home())
        .read
        .describe_endpoint_group()
        .endpoint_group_arn(arn)
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    output.endpoint_group.ok_or(ReadError::Unobservable {
        what,
        why: "the answer holds no endpoint group".to_owned(),
    })
}

/// The value reads back; has it reached the edge?
async fn deployed(clients: &Clients, group_arn: &str, seen: String) -> Observation {
    let Some(arn) = accelerator_arn(group_arn) else {
        return Observation {
            goal: Goal::Impossible {
                code: "invalid_arn".to_owned(),
                message: format!(
                    "{group_arn} is not the ARN of an endpoint group: check endpoint_group_arn"
                ),
            },
            seen,
        };
    };
    let result = clients
        .global_accelerator(&home())
        .read
        .describe_accelerator()
        .accelerator_arn(arn)
        .send()
        .await;
    let accelerator = match result {
        Ok(output) => output.accelerator,
        Err(error) => return unobserved(&read_error(&format!("accelerator {arn}"), &error)),
    };
    let status = accelerator.and_then(|accelerator| accelerator.status);
    match status {
        Some(AcceleratorStatus::Deployed) => Observation {
            goal: Goal::Met,
            seen,
        },
        Some(status) => Observation {
            goal: Goal::UnderWay,
            seen: format!("{seen}, accelerator {}", status.as_str()),
        },
        None => Observation {
            goal: Goal::Unobservable {
                why: format!("the answer tells no status of accelerator {arn}"),
            },
            seen,
        },
    }
}

/// `…:accelerator/A/listener/L/endpoint-group/E` → `…:accelerator/A`.
pub(super) fn accelerator_arn(group_arn: &str) -> Option<&str> {
    let (accelerator, rest) = group_arn.split_once("/listener/")?;
    (accelerator.contains(":accelerator/") && rest.contains("/endpoint-group/"))
        .then_some(accelerator)
}

fn missing<'a>(group: &EndpointGroup, wanted: &'a [Endpoint]) -> Option<&'a str> {
    wanted
        .iter()
        .find(|want| group.endpoints.iter().all(|e| e.id != want.id))
        .map(|want| want.id.as_str())
}

fn no_such_endpoint(arn: &str, id: &str) -> String {
    format!("endpoint {id} is not in {arn}: somebody has removed it; make a new plan")
}

fn weights(group: &EndpointGroup) -> String {
    let list: Vec<String> = group
        .endpoints
        .iter()
        .map(|e| e.weight.to_string())
        .collect();
    format!("endpoint weights [{}]", list.join(", "))
}

/// Dials are floats on the wire and whole percents here.
fn same_percent(dial: f32, percent: u8) -> bool {
    (dial - f32::from(percent)).abs() < 0.01
}

/// Rounded; what the service holds is between 0 and 100.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0-100 before"
)]
fn whole_percent(dial: f32) -> u8 {
    dial.round().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuate::testing::{Canned, GROUP_ARN, Reply, actuator, held};
    use crate::model::{AppId, Intent, RunId, StepId, Variant};
    use crate::ports::{Actuator, Call};

    async fn canned(dial: f32, status: &'static str) -> Canned {
        Canned::start(move |asked| {
            if asked.is("DescribeAccelerator") {
                return Reply::json(
                    200,
                    &format!(r#"{{"Accelerator":{{"Status":"{status}"}}}}"#),
                );
            }
            let group = format!(
                r#"{{"EndpointGroup":{{"TrafficDialPercentage":{dial},"EndpointDescriptions":[
                {{"EndpointId":"e-1","Weight":128,"ClientIPPreservationEnabled":true}},
                {{"EndpointId":"e-2","Weight":7,"ClientIPPreservationEnabled":false}}]}}}}"#
            );
            Reply::json(200, &group)
        })
        .await
    }

    fn dial(percent: u8) -> Intent {
        Intent::Dial {
            region: RegionId::from("us-east-1"),
            endpoint_group_arn: GROUP_ARN.to_owned(),
            percent,
        }
    }

    fn weight(id: &str, weight: u8) -> Intent {
        Intent::Weight {
            region: RegionId::from("us-east-1"),
            endpoint_group_arn: GROUP_ARN.to_owned(),
            endpoints: vec![Endpoint {
                id: id.to_owned(),
                weight,
                client_ip_preservation: None,
            }],
        }
    }

    #[tokio::test]
    async fn a_goal_is_met_when_it_reads_back_and_is_deployed() {
        for (percent, status, goal) in [
            (100, "DEPLOYED", Goal::NotMet),
            (40, "DEPLOYED", Goal::Met),
            (40, "IN_PROGRESS", Goal::UnderWay),
            (40, "A_NEW_WORD", Goal::UnderWay),
        ] {
            let canned = canned(40.0, status).await;
            let actuator = actuator(&canned.url).await;
            let app = AppId::from("shop");
            let observation = actuator.observe(&app, &dial(percent)).await;
            assert_eq!(observation.goal, goal, "{percent} {status}");
        }
        let canned = canned(40.0, "DEPLOYED").await;
        let actuator = actuator(&canned.url).await;
        let app = AppId::from("shop");
        let goal = actuator.observe(&app, &weight("e-2", 7)).await.goal;
        assert_eq!(goal, Goal::Met);
        let goal = actuator.observe(&app, &weight("e-2", 0)).await.goal;
        assert_eq!(goal, Goal::NotMet);
        let goal = actuator.observe(&app, &weight("e-9", 0)).await.goal;
        assert!(
            matches!(&goal, Goal::Impossible { code, .. } if code == "no_such_endpoint"),
            "{goal:?}"
        );
    }

    async fn sent(intent: Intent) -> serde_json::Value {
        let canned = canned(40.0, "DEPLOYED").await;
        let (run, step) = (RunId::from("shop-1"), StepId::from("step"));
        let call = Call {
            run: &run,
            step: &step,
            attempt: 1,
            intent: &intent,
            variant: Variant::AsPlanned,
        };
        let outcome = actuator(&canned.url)
            .await
            .apply(&AppId::from("shop"), &call, &held())
            .await;
        assert_eq!(outcome, CallOutcome::Accepted);
        let last = canned.asked().pop().unwrap();
        assert!(last.is("UpdateEndpointGroup"));
        serde_json::from_str(&last.body).unwrap()
    }

    #[tokio::test]
    async fn a_dial_goes_alone_and_a_weight_with_the_whole_list() {
        assert_eq!(
            sent(dial(100)).await,
            serde_json::json!({ "EndpointGroupArn": GROUP_ARN, "TrafficDialPercentage": 100.0 })
        );
        assert_eq!(
            sent(weight("e-1", 0)).await,
            serde_json::json!({
                "EndpointGroupArn": GROUP_ARN,
                "EndpointConfigurations": [
                    { "EndpointId": "e-1", "Weight": 0, "ClientIPPreservationEnabled": true },
                    { "EndpointId": "e-2", "Weight": 7, "ClientIPPreservationEnabled": false },
                ],
            })
        );
    }

    #[test]
    fn the_accelerator_is_in_the_groups_own_name() {
        let group = "arn:aws:globalaccelerator::1:accelerator/a-1/listener/l-1/endpoint-group/g-1";
        assert_eq!(
            accelerator_arn(group),
            Some("arn:aws:globalaccelerator::1:accelerator/a-1")
        );
        for wrong in [
            "",
            "arn:aws:globalaccelerator::1:accelerator/a-1",
            "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/x/listener/y",
        ] {
            assert_eq!(accelerator_arn(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn percents_are_whole() {
        assert_eq!(whole_percent(99.6), 100);
        assert_eq!(whole_percent(f32::NAN), 0);
        assert!(same_percent(50.0, 50));
        assert!(!same_percent(50.4, 50));
    }
}
