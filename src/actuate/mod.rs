//! Floor 4: actions against the real AWS, all through the official SDK, and plain HTTP hooks.
//!
//! ```text
//!                    ┌─ global_accelerator ─┐
//!                    ├─ route53 ────────────┤
//!                    ├─ routing_control ────┤   read   ┌─────────┐
//!  intent ──▶ AwsActuator ├─ aurora ────────┼─────────▶│ clients │──▶ AWS
//!                    ├─ eks ────────────────┤   write  └─────────┘
//!                    └─ http ───────────────┘──▶ gate (proof of leadership, last of all)
//!  outcome ◀── classify ◀── answer, error
//!
//!  plans ──▶ readiness: a look at all that they touch ──▶ findings
//!            permissions: what each action needs, of whom
//! ```
//!
//! Invariants: every call is bounded. A write is sent at most once per [`apply`](Actuator::apply).
//! Nothing here asks the Region that an ungraceful run flees. No error is called failed unless the
//! service said so.

mod alarms;
mod aurora;
mod classify;
mod clients;
mod eks;
mod gate;
mod global_accelerator;
mod http;
mod http_once;
mod lag;
mod pace;
pub mod permissions;
pub mod policy;
mod readiness;
mod route53;
mod routing_control;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_credential_types::provider::SharedCredentialsProvider;

pub use self::clients::{GLOBAL_ACCELERATOR_REGION, ROUTE53_REGION};
pub use self::readiness::{Known, prepare};

use self::clients::Clients;
use self::http_once::HttpOnce;
use crate::model::ReadinessFinding;
use crate::model::{
    Alarm, AlarmState, AppId, Application, Epoch, Intent, LagSample, NodegroupRef, NodegroupSize,
    Promotion, RegionId, Traffic,
};
use crate::ports::{
    Actuator, Call, CallOutcome, Clock, Goal, Inspection, Inspector, Observation, Proof, ReadError,
};

/// What the configuration file does not say.
#[derive(Clone, Debug, Default)]
pub struct AwsOptions {
    /// Used instead of the SDK's own chain: drills and tests bring their own.
    pub credentials: Option<SharedCredentialsProvider>,
    /// Where this member is at home: its regional STS is asked first.
    pub home: Option<RegionId>,
}

/// Performs actions against AWS.
#[derive(Debug)]
pub struct AwsActuator {
    applications: BTreeMap<AppId, Held>,
    http: HttpOnce,
    clock: Arc<dyn Clock>,
}

/// One application and what is known of its calls.
#[derive(Debug)]
struct Held {
    application: Application,
    clients: Clients,
    /// The Route 53 change of the newest epoch made by this process. Lost with it, and then the
    /// record sets alone must suffice.
    change: Mutex<Option<PendingChange>>,
    /// What was last met at the endpoints of the cluster of routing controls.
    cluster: routing_control::Endpoints,
}

/// A Route 53 change that has not been seen `INSYNC` yet.
#[derive(Clone, Debug)]
struct PendingChange {
    epoch: Epoch,
    id: String,
}

impl AwsActuator {
    /// Builds the clients of every application. Makes no call.
    pub async fn new(
        applications: &[Application],
        clock: Arc<dyn Clock>,
        options: AwsOptions,
    ) -> Self {
        let http = clients::http_client();
        let mut held = BTreeMap::new();
        for application in applications {
            let clients = Clients::new(application, &clock, &http, &options).await;
            held.insert(
                application.name.clone(),
                Held {
                    application: application.clone(),
                    clients,
                    change: Mutex::new(None),
                    cluster: routing_control::Endpoints::default(),
                },
            );
        }
        Self {
            applications: held,
            http: HttpOnce::new(),
            clock,
        }
    }

    fn held(&self, app: &AppId) -> Result<&Held, ReadError> {
        self.applications
            .get(app)
            .ok_or_else(|| ReadError::Refused {
                what: format!("application {app}"),
                code: "no_such_application".to_owned(),
                message: format!("no application {app} is configured on this member"),
            })
    }
}

#[async_trait]
impl Actuator for AwsActuator {
    async fn observe(&self, app: &AppId, intent: &Intent) -> Observation {
        let held = match self.held(app) {
            Ok(held) => held,
            Err(error) => return not_ours(&error.to_string()),
        };
        match intent {
            Intent::Dial {
                endpoint_group_arn,
                percent,
                ..
            } => {
                global_accelerator::observe_dial(&held.clients, endpoint_group_arn, *percent).await
            }
            Intent::Weight {
                endpoint_group_arn,
                endpoints,
                ..
            } => {
                global_accelerator::observe_weight(
                    &held.clients,
                    &held.application,
                    endpoint_group_arn,
                    endpoints,
                )
                .await
            }
            Intent::Route53Failover {
                hosted_zone_id,
                delete,
                create,
                epoch_name,
                epoch,
                ..
            }
            | Intent::Route53Weights {
                hosted_zone_id,
                delete,
                create,
                epoch_name,
                epoch,
                ..
            } => {
                let flip = route53::Flip {
                    app,
                    zone: hosted_zone_id,
                    delete,
                    create,
                    epoch_name,
                    epoch: *epoch,
                };
                route53::observe(&held.clients, &held.change, &flip).await
            }
            Intent::RoutingControl {
                endpoints, states, ..
            } => routing_control::observe(held, endpoints, states).await,
            Intent::AuroraPromote {
                global_cluster,
                target_arn,
                target_region,
                source_region,
                method,
                ..
            } => {
                let promotion = aurora::Target {
                    global_cluster,
                    arn: target_arn,
                    region: target_region,
                    source_region,
                };
                let (clients, app) = (&held.clients, &held.application);
                match method {
                    Promotion::Switchover | Promotion::FailoverWithDataLoss => {
                        aurora::observe(clients, app, &promotion).await
                    }
                    Promotion::Detach => aurora::observe_detached(clients, app, &promotion).await,
                }
            }
            Intent::ScaleNodegroup {
                region,
                nodegroup,
                min,
                desired,
                max,
                ready,
                min_ready,
            } => {
                let wanted = eks::Wanted {
                    min: *min,
                    desired: *desired,
                    max: *max,
                    ready: *ready,
                    min_ready: *min_ready,
                };
                eks::observe(&held.clients, region, nodegroup, &wanted).await
            }
            Intent::HttpCheck {
                url,
                method,
                expect_status,
                body_contains,
                expect_region,
            } => {
                let check = http::Check {
                    url,
                    method,
                    expect_status,
                    body_contains: body_contains.as_deref(),
                    expect_region: expect_region.as_ref(),
                };
                http::observe(&self.http, &self.clock, &held.application, &check).await
            }
            Intent::HttpRequest { .. } => Observation {
                goal: Goal::NotMet,
                seen: "a request leaves nothing to be read back: it is done when it is answered"
                    .to_owned(),
            },
            Intent::Steer { .. }
            | Intent::Approval { .. }
            | Intent::Bake { .. }
            | Intent::Wait { .. } => {
                not_ours(&format!("{} is not an action of AWS", intent.name()))
            }
        }
    }

    async fn apply(&self, app: &AppId, call: &Call<'_>, proof: &Proof) -> CallOutcome {
        let held = match self.held(app) {
            Ok(held) => held,
            Err(error) => return classify::unprepared(&error),
        };
        match call.intent {
            Intent::Dial {
                endpoint_group_arn,
                percent,
                ..
            } => {
                global_accelerator::apply_dial(
                    &held.clients,
                    &held.application,
                    endpoint_group_arn,
                    *percent,
                    proof,
                )
                .await
            }
            Intent::Weight {
                endpoint_group_arn,
                endpoints,
                ..
            } => {
                global_accelerator::apply_weight(
                    &held.clients,
                    &held.application,
                    endpoint_group_arn,
                    endpoints,
                    proof,
                )
                .await
            }
            Intent::Route53Failover {
                hosted_zone_id,
                delete,
                create,
                epoch_name,
                epoch,
                ..
            }
            | Intent::Route53Weights {
                hosted_zone_id,
                delete,
                create,
                epoch_name,
                epoch,
                ..
            } => {
                let flip = route53::Flip {
                    app,
                    zone: hosted_zone_id,
                    delete,
                    create,
                    epoch_name,
                    epoch: *epoch,
                };
                route53::apply(&held.clients, &held.change, &flip, call, proof).await
            }
            Intent::RoutingControl {
                endpoints,
                states,
                override_safety_rules,
            } => {
                let change = routing_control::Change {
                    endpoints,
                    states,
                    override_safety_rules,
                };
                routing_control::apply(held, &change, call.attempt, proof).await
            }
            Intent::AuroraPromote {
                global_cluster,
                target_arn,
                target_region,
                source_region,
                method,
                ..
            } => {
                let promotion = aurora::Target {
                    global_cluster,
                    arn: target_arn,
                    region: target_region,
                    source_region,
                };
                let method = aurora::method(*method, call.variant);
                aurora::apply(&held.clients, &held.application, &promotion, method, proof).await
            }
            Intent::ScaleNodegroup {
                region,
                nodegroup,
                min,
                desired,
                max,
                ready,
                min_ready,
            } => {
                let wanted = eks::Wanted {
                    min: *min,
                    desired: *desired,
                    max: *max,
                    ready: *ready,
                    min_ready: *min_ready,
                };
                let token = call.token();
                eks::apply(&held.clients, region, nodegroup, &wanted, token, proof).await
            }
            Intent::HttpRequest {
                url,
                method,
                body,
                expect_status,
            } => {
                let request = http::Request {
                    url,
                    method,
                    body: body.as_deref(),
                    expect_status,
                    token: call.token(),
                };
                http::apply(&self.http, &self.clock, &held.application, &request, proof).await
            }
            Intent::Steer { .. }
            | Intent::HttpCheck { .. }
            | Intent::Approval { .. }
            | Intent::Bake { .. }
            | Intent::Wait { .. } => CallOutcome::Refused {
                code: "nothing_to_write".to_owned(),
                message: format!("{} changes nothing at AWS", call.intent.name()),
            },
        }
    }

    async fn read_traffic(&self, app: &AppId) -> Result<Traffic, ReadError> {
        let held = self.held(app)?;
        let resources = &held.application.resources;
        let records = match &resources.dns {
            Some(dns) => route53::read_records(&held.clients, dns).await?,
            None => Vec::new(),
        };
        let mut groups = Vec::new();
        for region in &held.application.regions {
            if let Some(arn) = &region.resources.endpoint_group_arn {
                let group = global_accelerator::read_group(&held.clients, arn).await?;
                groups.push((region.name.clone(), group));
            }
        }
        Ok(Traffic {
            records,
            groups,
            routing: routing_control::read_traffic(held).await,
        })
    }

    async fn read_lag(
        &self,
        app: &AppId,
        secondary: &RegionId,
    ) -> Result<Vec<LagSample>, ReadError> {
        let held = self.held(app)?;
        let now = self.clock.now().wall;
        lag::read(&held.clients, &held.application, secondary, now).await
    }

    async fn read_capacity(
        &self,
        app: &AppId,
        region: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
        let held = self.held(app)?;
        let Some(there) = held.application.region(region) else {
            return Err(no_such_region(app, region));
        };
        let mut sizes = Vec::new();
        for nodegroup in &there.resources.nodegroups {
            let size = eks::read_size(&held.clients, region, nodegroup).await?;
            sizes.push((nodegroup.clone(), size));
        }
        Ok(sizes)
    }

    async fn read_alarms(&self, app: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
        match self.held(app) {
            Ok(held) => alarms::read(&held.clients, &held.application.resources.drill_alarms).await,
            // Asked of what this member does not know: it knows of no alarm of it either.
            Err(_no_such_application) => Vec::new(),
        }
    }
}

#[async_trait]
impl Inspector for AwsActuator {
    async fn inspect(&self, app: &AppId, asked: &Inspection) -> Vec<ReadinessFinding> {
        match self.held(app) {
            Ok(held) => readiness::inspect(held, &self.clock, asked).await,
            // Asked of what this member does not know: there is nothing to look at.
            Err(_no_such_application) => Vec::new(),
        }
    }
}

fn not_ours(why: &str) -> Observation {
    Observation {
        goal: Goal::Impossible {
            code: "not_an_action".to_owned(),
            message: why.to_owned(),
        },
        seen: why.to_owned(),
    }
}

fn no_such_region(app: &AppId, region: &RegionId) -> ReadError {
    ReadError::Refused {
        what: format!("Region {region} of {app}"),
        code: "no_such_region".to_owned(),
        message: format!(
            "application {app} is not deployed in {region}: check its [[region]] list"
        ),
    }
}
