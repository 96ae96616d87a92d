//! What is measured on: so many alike applications, each with two Regions and three probes in each.

use std::collections::{BTreeMap, BTreeSet};

use failoverd::model::*;

/// Sizes of a fleet: the smallest, a team's, a large company's.
pub const FLEETS: [usize; 3] = [1, 100, 1_000];

pub const FROM: &str = "eu-west-1";
pub const TO: &str = "eu-central-1";

/// Of each Region.
pub const PROBES: [&str; 3] = ["web", "api", "blog"];

/// Between two samples of one probe, as by default.
pub const INTERVAL: Millis = Millis::from_secs(5);

/// When a world begins: late enough that old evidence can be old.
pub const START: Mono = Mono(100_000_000);

pub fn now(mono: Mono) -> Now {
    Now {
        mono,
        wall: Wall(1_800_000_000_000 + mono.0),
    }
}

pub fn probe(id: &str) -> Probe {
    Probe {
        id: id.into(),
        check: Check::Tcp {
            address: "127.0.0.1:9".into(),
        },
        interval: INTERVAL,
        timeout: Millis::from_secs(3),
        fall: 3,
        rise: 5,
        critical: true,
        weight: 1,
    }
}

pub fn references() -> Vec<Probe> {
    ["r1", "r2", "r3"].map(probe).into()
}

fn region(name: &str, role: Role) -> AppRegion {
    AppRegion {
        name: name.into(),
        role,
        cold: false,
        share: None,
        peaks: BTreeMap::new(),
        probes: PROBES.map(probe).into(),
        standby_probes: BTreeSet::new(),
        resources: RegionResources {
            endpoint_group_arn: Some(format!("arn:aws:globalaccelerator::1:group/{name}")),
            ..RegionResources::default()
        },
        vars: BTreeMap::new(),
    }
}

pub fn application(number: usize) -> Application {
    Application {
        name: AppId(format!("shop-{number:04}")),
        // As long as a real one: every vote carries and every judgement compares it.
        config: ConfigHash("c0ffee00".repeat(8)),
        automation: Automation::Automatic,
        regions: vec![region(FROM, Role::Active), region(TO, Role::Standby)],
        home: FROM.into(),
        detection: DetectionPolicy::default(),
        guards: GuardPolicy::default(),
        runbooks: BTreeMap::from([(RunKind::Failover, "many".to_owned())]),
        resources: AppResources::default(),
        aws: AwsAccess::default(),
        vars: BTreeMap::from([(
            "check_url".to_owned(),
            "https://shop.example.com/health".to_owned(),
        )]),
    }
}

pub fn fleet(size: usize) -> Vec<Application> {
    (0..size).map(application).collect()
}

/// `m1` in the Region to be left, `m2` in the other, the rest in Regions of their own.
pub fn members(count: usize) -> Vec<Member> {
    let elsewhere = ["eu-north-1", "eu-south-1", "eu-west-3"];
    let regions = [FROM, TO].into_iter().chain(elsewhere);
    regions
        .take(count)
        .enumerate()
        .map(|(index, region)| Member {
            id: MemberId(format!("m{}", index + 1)),
            region: region.into(),
        })
        .collect()
}

/// One sample of every probe of `applications` and of the reference targets, as they come in one
/// interval. Made once: in a daemon the prober has made them.
pub fn samples(applications: &[Application]) -> Vec<Sample> {
    let mut targets = Vec::new();
    for app in applications {
        for region in &app.regions {
            for probe in &region.probes {
                targets.push(Target::Region {
                    app: app.name.clone(),
                    region: region.name.clone(),
                    probe: probe.id.clone(),
                });
            }
        }
    }
    targets.extend(references().into_iter().map(|r| Target::Reference(r.id)));
    targets.into_iter().map(success).collect()
}

fn success(target: Target) -> Sample {
    Sample {
        target,
        started: START,
        ended: START,
        result: ProbeResult {
            outcome: SampleOutcome::Success,
            timings: Timings::default(),
        },
    }
}

/// The sample as taken at `started`.
pub fn take(sample: &mut Sample, started: Mono) {
    sample.started = started;
    sample.ended = started + Millis(20);
}

/// What a sample of the Region to be left finds while that Region is lost.
pub fn lose(samples: &mut [Sample]) {
    for sample in samples {
        if let Target::Region { region, .. } = &sample.target
            && region.as_str() == FROM
        {
            sample.result.outcome = SampleOutcome::Failure(FailureReason::ConnectTimeout);
        }
    }
}
