//! One sandbox, one actuator, and the application that the sandbox holds.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use failoverd::actuate::{AwsActuator, AwsOptions};
use failoverd::daemon::clock::WorldClock;
use failoverd::model::*;
use failoverd::ports::{Actuator, Call, CallOutcome, Clock, Goal, Observation, Proof, ReadError};
use failoverd::sandbox::{LoggedRequest, Sandbox, SandboxSetup};

/// World seconds in each real one.
const SPEED: u32 = 60;

/// No wait in this suite is longer, in real time; it only bounds a failure.
const PATIENCE: Duration = Duration::from_secs(60);

pub const ACTIVE: &str = "eu-west-1";
pub const STANDBY: &str = "eu-central-1";

pub fn active() -> RegionId {
    RegionId::from(ACTIVE)
}

pub fn standby() -> RegionId {
    RegionId::from(STANDBY)
}

pub struct Stage {
    pub sandbox: Sandbox,
    pub actuator: AwsActuator,
    pub application: Application,
    clock: Arc<dyn Clock>,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    pub async fn with(
        change_setup: impl FnOnce(&mut SandboxSetup),
        change_application: impl FnOnce(&mut Application),
    ) -> Self {
        let mut setup = SandboxSetup::active_passive(ACTIVE, STANDBY, 1);
        change_setup(&mut setup);
        let clock: Arc<dyn Clock> = Arc::new(WorldClock::accelerated(SPEED).unwrap());
        let sandbox = Sandbox::start(setup.clone(), clock.clone()).await.unwrap();
        let mut application = application(&setup, &sandbox.endpoint_url());
        change_application(&mut application);
        let options = AwsOptions {
            credentials: Some(SharedCredentialsProvider::new(Credentials::new(
                "AKIDEXAMPLE",
                "secret",
                None,
                None,
                "wire",
            ))),
            home: Some(standby()),
        };
        let actuator =
            AwsActuator::new(std::slice::from_ref(&application), clock.clone(), options).await;
        Self {
            sandbox,
            actuator,
            application,
            clock,
        }
    }

    /// The world's clock.
    pub fn now(&self) -> Wall {
        self.clock.now().wall
    }

    pub async fn observe(&self, intent: &Intent) -> Observation {
        self.actuator.observe(&self.application.name, intent).await
    }

    pub async fn apply(&self, intent: &Intent) -> CallOutcome {
        self.apply_as(intent, 1, Variant::AsPlanned, &Proof::new(|| true))
            .await
    }

    pub async fn apply_as(
        &self,
        intent: &Intent,
        attempt: u32,
        variant: Variant,
        proof: &Proof,
    ) -> CallOutcome {
        let run = RunId::from("shop-1");
        let step = StepId::from("step");
        let call = Call {
            run: &run,
            step: &step,
            attempt,
            intent,
            variant,
        };
        self.actuator
            .apply(&self.application.name, &call, proof)
            .await
    }

    /// Lets world time pass between two looks.
    pub async fn pause(&self, length: Millis) {
        self.clock.sleep(length).await;
    }

    /// Observes until `done` says so.
    pub async fn until(
        &self,
        intent: &Intent,
        mut done: impl FnMut(&Observation) -> bool,
    ) -> Observation {
        let wait = async {
            loop {
                let observation = self.observe(intent).await;
                if done(&observation) {
                    return observation;
                }
                self.clock.sleep(Millis::from_secs(1)).await;
            }
        };
        let Ok(observation) = tokio::time::timeout(PATIENCE, wait).await else {
            panic!("{intent} never came to be; log: {:#?}", self.log());
        };
        observation
    }

    /// Not met, written, nothing left to be written, met.
    pub async fn moves(&self, intent: &Intent) {
        let before = self.observe(intent).await;
        assert_eq!(before.goal, Goal::NotMet, "{before:?}");
        assert_eq!(self.apply(intent).await, CallOutcome::Accepted);
        let after = self.observe(intent).await;
        // On a loaded host the world may have finished already.
        assert!(
            matches!(after.goal, Goal::UnderWay | Goal::Met),
            "{after:?}"
        );
        self.until(intent, |seen| seen.goal == Goal::Met).await;
        self.nothing_unknown();
    }

    pub fn log(&self) -> Vec<LoggedRequest> {
        self.sandbox.world().request_log()
    }

    pub fn writes(&self) -> Vec<LoggedRequest> {
        self.log().into_iter().filter(|r| r.mutating).collect()
    }

    pub fn nothing_unknown(&self) {
        let unknown = self.sandbox.world().unknown_operations();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    /// What a planner would make of the traffic as it stands: the roles swapped.
    pub async fn flip(&self, epoch: u64) -> Intent {
        let traffic = self
            .actuator
            .read_traffic(&self.application.name)
            .await
            .unwrap();
        let name = self.name();
        let mut create: Vec<RecordSet> = Vec::new();
        let mut primary = standby();
        for set in traffic.records.iter().filter(|s| s.failover.is_some()) {
            let role = match set.failover {
                Some(FailoverRole::Primary) => FailoverRole::Secondary,
                _ => {
                    primary = RegionId(set.set_identifier.clone().unwrap_or_default());
                    FailoverRole::Primary
                }
            };
            create.push(RecordSet {
                failover: Some(role),
                ..set.clone()
            });
        }
        create.push(epoch_record(&name, &self.application.name, Epoch(epoch)));
        Intent::Route53Failover {
            hosted_zone_id: self.sandbox.world().setup().dns.hosted_zone_id.clone(),
            primary,
            delete: traffic.records,
            create,
            epoch_name: epoch_txt_name(&name),
            epoch: Epoch(epoch),
        }
    }

    pub fn name(&self) -> String {
        self.sandbox.world().setup().dns.record_name.clone()
    }

    pub fn dial(&self, region: &RegionId, percent: u8) -> Intent {
        let there = self
            .sandbox
            .world()
            .setup()
            .region(region)
            .cloned()
            .unwrap();
        Intent::Dial {
            region: region.clone(),
            endpoint_group_arn: there.endpoint_group_arn,
            percent,
        }
    }

    pub fn promote(&self, method: Promotion) -> Intent {
        let world = self.sandbox.world();
        let setup = world.setup();
        Intent::AuroraPromote {
            global_cluster: setup.database.global_cluster.clone(),
            target_arn: setup.region(&standby()).unwrap().db_cluster_arn(),
            target_region: standby(),
            source_region: active(),
            method,
            escalate_after: None,
        }
    }

    pub fn scale(&self, desired: u32, ready: u32, min_ready: Option<u32>) -> Intent {
        let world = self.sandbox.world();
        let nodegroup = world.setup().region(&standby()).unwrap().nodegroup_refs()[0].clone();
        Intent::ScaleNodegroup {
            region: standby(),
            nodegroup,
            min: 2,
            desired,
            max: 12,
            ready,
            min_ready,
        }
    }

    pub async fn lag(&self) -> Result<Vec<LagSample>, ReadError> {
        self.actuator
            .read_lag(&self.application.name, &standby())
            .await
    }
}

pub fn is_busy(outcome: &CallOutcome, expected: &str) -> bool {
    matches!(outcome, CallOutcome::Busy { code, .. } if code == expected)
}

pub fn is_refused(outcome: &CallOutcome, expected: &str) -> bool {
    matches!(outcome, CallOutcome::Refused { code, .. } if code == expected)
}

pub fn is_impossible(observation: &Observation, expected: &str) -> bool {
    matches!(&observation.goal, Goal::Impossible { code, .. } if code == expected)
}

/// The application that `setup` holds.
pub fn application(setup: &SandboxSetup, url: &str) -> Application {
    let regions = setup
        .regions
        .iter()
        .enumerate()
        .map(|(index, region)| AppRegion {
            name: region.name.clone(),
            role: if index == 0 {
                Role::Active
            } else {
                Role::Standby
            },
            cold: false,
            share: None,
            peaks: std::collections::BTreeMap::new(),
            probes: Vec::new(),
            standby_probes: Default::default(),
            resources: RegionResources {
                db_cluster_arn: Some(region.db_cluster_arn()),
                endpoint_group_arn: Some(region.endpoint_group_arn.clone()),
                record_set_identifier: Some(region.record_set_identifier.clone()),
                routing_control_arn: None,
                nodegroups: region.nodegroup_refs(),
            },
            vars: Default::default(),
        })
        .collect();
    Application {
        name: AppId::from("shop"),
        config: ConfigHash::from("wire"),
        automation: Automation::Automatic,
        regions,
        home: active(),
        detection: DetectionPolicy::default(),
        guards: GuardPolicy::default(),
        runbooks: Default::default(),
        resources: AppResources {
            global_cluster: Some(setup.database.global_cluster.clone()),
            accelerator_arn: Some(setup.accelerator.arn.clone()),
            dns: Some(DnsFailover {
                hosted_zone_id: setup.dns.hosted_zone_id.clone(),
                records: vec![DnsName {
                    name: setup.dns.record_name.clone(),
                    record_type: setup.dns.record_type.clone(),
                }],
                routing: DnsRouting::Failover,
            }),
            lag_dimensions: Vec::new(),
            drill_alarms: Vec::new(),
            routing_cluster: None,
        },
        aws: AwsAccess {
            endpoint_url: Some(url.to_owned()),
            // One real second: a loaded host must not look like a dead service.
            call_timeout: Millis::from_secs(u64::from(SPEED)),
            ..AwsAccess::default()
        },
        vars: Default::default(),
    }
}
