//! One small application for the tests of the pure core: `shop`, active in `eu-west-1`, standby in
//! `eu-central-1`, witnessed from `eu-north-1`, three members.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

pub(crate) const FROM: &str = "eu-west-1";
pub(crate) const TO: &str = "eu-central-1";
pub(crate) const WITNESS: &str = "eu-north-1";

/// Every 5 s, timeout 3 s, fall 3, rise 5.
pub(crate) fn probe(id: &str, critical: bool) -> Probe {
    Probe {
        id: id.into(),
        check: Check::Tcp {
            address: "127.0.0.1:9".into(),
        },
        interval: Millis::from_secs(5),
        timeout: Millis::from_secs(3),
        fall: 3,
        rise: 5,
        critical,
        weight: 1,
    }
}

pub(crate) fn app_region(name: &str, role: Role) -> AppRegion {
    AppRegion {
        name: name.into(),
        role,
        cold: false,
        share: None,
        peaks: BTreeMap::new(),
        probes: vec![probe("web", true), probe("api", true), probe("blog", false)],
        standby_probes: BTreeSet::new(),
        resources: RegionResources {
            db_cluster_arn: Some(format!(
                "arn:aws:rds:{name}:111122223333:cluster:shop-{name}"
            )),
            endpoint_group_arn: Some(format!(
                "arn:aws:globalaccelerator::111122223333:accelerator/a/listener/l/endpoint-group/{name}"
            )),
            record_set_identifier: Some(name.into()),
            routing_control_arn: None,
            nodegroups: vec![NodegroupRef {
                cluster: format!("shop-{name}"),
                name: "web".into(),
            }],
        },
        vars: BTreeMap::new(),
    }
}

pub(crate) fn application() -> Application {
    Application {
        name: "shop".into(),
        config: ConfigHash("c0ffee".into()),
        automation: Automation::Automatic,
        regions: vec![
            app_region(FROM, Role::Active),
            app_region(TO, Role::Standby),
        ],
        home: FROM.into(),
        detection: DetectionPolicy::default(),
        guards: GuardPolicy::default(),
        runbooks: BTreeMap::from([(RunKind::Failover, "active-passive".to_owned())]),
        resources: AppResources {
            global_cluster: Some("shop-global".into()),
            accelerator_arn: Some("arn:aws:globalaccelerator::111122223333:accelerator/a".into()),
            dns: Some(DnsFailover {
                hosted_zone_id: "Z1".into(),
                records: vec![DnsName {
                    name: "shop.example.com.".into(),
                    record_type: "A".into(),
                }],
                routing: DnsRouting::Failover,
            }),
            lag_dimensions: Vec::new(),
            drill_alarms: Vec::new(),
            routing_cluster: None,
        },
        aws: AwsAccess::default(),
        vars: BTreeMap::new(),
    }
}

/// `m1` in the active Region, `m2` in the standby, `m3` in the witness.
pub(crate) fn members() -> Vec<Member> {
    [("m1", FROM), ("m2", TO), ("m3", WITNESS)]
        .map(|(id, region)| Member {
            id: id.into(),
            region: region.into(),
        })
        .into()
}

pub(crate) fn region_target(region: &str, probe: &str) -> Target {
    Target::Region {
        app: "shop".into(),
        region: region.into(),
        probe: probe.into(),
    }
}

/// A sample that took 20 ms.
pub(crate) fn sample(target: Target, started: u64, outcome: SampleOutcome) -> Sample {
    Sample {
        target,
        started: Mono(started),
        ended: Mono(started + 20),
        result: ProbeResult {
            outcome,
            timings: Timings::default(),
        },
    }
}

pub(crate) fn failure() -> SampleOutcome {
    SampleOutcome::Failure(FailureReason::Timeout)
}

pub(crate) fn could_not_ask() -> SampleOutcome {
    SampleOutcome::Unknown(UnknownReason::Local("no sockets left".into()))
}
