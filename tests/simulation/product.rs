//! What is failed over in the simulation: one shop in two Regions, with everything a runbook can
//! touch. Times are shorter than the defaults, in the same proportions, so that a whole outage fits
//! into a few simulated minutes.

use std::collections::{BTreeMap, BTreeSet};

use failoverd::model::*;
use failoverd::run::Timing;
use failoverd::runbook::parse_runbook;

use crate::raft::{Id, LEASE};
use crate::rng::Rng;

/// The application's Regions come first; the rest only hold witnesses.
pub const REGIONS: [&str; 5] = [
    "eu-west-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "us-east-2",
];

/// How many of them the application is deployed in.
pub const SERVING: usize = 2;

pub const PROBE_EVERY: u64 = 3_000;
pub const PROBE_TIMEOUT: u64 = 2_000;
pub const FALL: u32 = 3;
pub const REFERENCES: [&str; 3] = ["ref-a", "ref-b", "ref-c"];

pub const TIMING: Timing = Timing {
    poll: Millis(2_000),
    call_timeout: Millis(5_000),
    lease: LEASE,
    soak_poll: Millis(8_000),
    steady_poll: Millis(60_000),
};

/// How old a proof may be when the request is handed over: half the lease.
pub const PROOF_LASTS: Millis = Millis(LEASE.0 / 2);

/// The longest a step of the simulated runbooks may take.
const STEP_TIMEOUT: Millis = Millis::from_secs(45);

const ACTIVE_PASSIVE: &str = include_str!("../../runbooks/active-passive.toml");
const TRAFFIC_FIRST: &str = include_str!("../../runbooks/active-passive-traffic-first.toml");
const GUARDED: &str = include_str!("guarded.toml");

pub fn app() -> AppId {
    "shop".into()
}

pub fn region(at: usize) -> RegionId {
    REGIONS[at].into()
}

/// The place of one of the application's Regions.
pub fn place_of(name: &RegionId) -> usize {
    REGIONS
        .iter()
        .position(|known| *known == name.as_str())
        .expect("only known Regions are named")
}

pub fn member(id: Id) -> MemberId {
    MemberId(format!("m{id}"))
}

/// One member in each of the first Regions; of five, two share the standby's in some seeds.
pub fn members(count: usize, rng: &mut Rng) -> Vec<Member> {
    let crowded = count == 5 && rng.chance(30);
    (0..count)
        .map(|id| Member {
            id: member(id),
            region: region(if crowded && id == 4 { 1 } else { id }),
        })
        .collect()
}

/// One of three runbooks: the two that are shipped, and one with a stand-in, a compensation, an
/// approval and a switchover that may escalate.
pub fn runbook(rng: &mut Rng) -> Runbook {
    let text = *rng.pick(&[ACTIVE_PASSIVE, ACTIVE_PASSIVE, TRAFFIC_FIRST, GUARDED]);
    let mut runbook = parse_runbook("runbook", text)
        .unwrap_or_else(|wrong| panic!("a runbook of the simulation: {wrong:?}"));
    for step in &mut runbook.steps {
        step.timeout = Millis(step.timeout.0.min(STEP_TIMEOUT.0));
    }
    runbook
}

pub fn probe(id: &str, critical: bool) -> Probe {
    Probe {
        id: id.into(),
        check: Check::Tcp {
            address: "192.0.2.1:443".to_owned(),
        },
        interval: Millis(PROBE_EVERY),
        timeout: Millis(PROBE_TIMEOUT),
        fall: FALL,
        rise: 2,
        critical,
        weight: 1,
    }
}

pub fn group_arn(at: usize) -> String {
    format!(
        "arn:aws:globalaccelerator::111122223333:accelerator/a/listener/l/endpoint-group/{}",
        REGIONS[at]
    )
}

pub fn cluster_arn(at: usize) -> String {
    format!("arn:aws:rds:{0}:111122223333:cluster:shop-{0}", REGIONS[at])
}

pub fn nodegroup(at: usize) -> NodegroupRef {
    NodegroupRef {
        cluster: format!("shop-{}", REGIONS[at]),
        name: "web".to_owned(),
    }
}

pub const NAME: &str = "shop.example.com.";

fn app_region(at: usize, role: Role) -> AppRegion {
    AppRegion {
        name: region(at),
        role,
        cold: false,
        share: None,
        peaks: BTreeMap::new(),
        probes: vec![probe("web", true)],
        standby_probes: BTreeSet::new(),
        resources: RegionResources {
            db_cluster_arn: Some(cluster_arn(at)),
            endpoint_group_arn: Some(group_arn(at)),
            record_set_identifier: Some(REGIONS[at].to_owned()),
            routing_control_arn: None,
            nodegroups: vec![nodegroup(at)],
        },
        vars: BTreeMap::from([(
            "fence_url".to_owned(),
            format!("https://{}.shop.example.com/fence", REGIONS[at]),
        )]),
    }
}

pub fn application(runbook: &Runbook, rng: &mut Rng) -> Application {
    let kinds = [RunKind::Failover, RunKind::Switchover, RunKind::Failback];
    Application {
        name: app(),
        config: ConfigHash("c0ffee".to_owned()),
        automation: Automation::Automatic,
        regions: vec![app_region(0, Role::Active), app_region(1, Role::Standby)],
        home: region(0),
        detection: DetectionPolicy {
            gossip: Millis(1_000),
            ..DetectionPolicy::default()
        },
        guards: GuardPolicy {
            hold_down: Millis::from_secs(8),
            startup_grace: Millis::from_secs(8),
            freshness: Millis::from_secs(12),
            cool_down: Millis::from_secs(rng.between(20, 120)),
            brake: u32::try_from(rng.between(2, 4)).expect("a small number"),
            soak: Millis::from_secs(30),
            ..GuardPolicy::default()
        },
        runbooks: kinds.map(|kind| (kind, runbook.name.clone())).into(),
        resources: AppResources {
            global_cluster: Some("shop-global".to_owned()),
            accelerator_arn: Some(
                "arn:aws:globalaccelerator::111122223333:accelerator/a".to_owned(),
            ),
            dns: Some(DnsFailover {
                hosted_zone_id: "Z1".to_owned(),
                records: vec![DnsName {
                    name: NAME.to_owned(),
                    record_type: "A".to_owned(),
                }],
                routing: DnsRouting::Failover,
            }),
            lag_dimensions: Vec::new(),
            drill_alarms: Vec::new(),
            routing_cluster: None,
        },
        aws: AwsAccess::default(),
        vars: BTreeMap::from([(
            "write_check_url".to_owned(),
            "https://shop.example.com/write-check".to_owned(),
        )]),
    }
}
