//! Readiness against the sandbox: every finding is seen to appear and to go.

use std::collections::{BTreeMap, BTreeSet};

use failoverd::actuate::{Known, prepare};
use failoverd::config::BUILT_IN_RUNBOOKS;
use failoverd::model::*;
use failoverd::ports::{Actuator, Inspection, Inspector};
use failoverd::runbook;
use failoverd::runbook::spanned::Source;
use failoverd::sandbox::{Fault, SandboxSetup, Service};

use crate::stage::{ACTIVE, STANDBY, Stage, active, standby};

use ReadinessCode as Code;
use ReadinessLevel::{Blocking, Passed, Unknown, Warning};

fn runbooks() -> BTreeMap<String, Runbook> {
    BUILT_IN_RUNBOOKS
        .iter()
        .map(|(name, text)| {
            let parsed = runbook::parse(&Source::new(*name, *text)).expect("it ships");
            ((*name).to_owned(), parsed.runbook)
        })
        .collect()
}

/// An application that the shipped runbook fits.
fn complete(application: &mut Application) {
    for kind in [RunKind::Failover, RunKind::Switchover, RunKind::Failback] {
        let name = "active-passive".to_owned();
        application.runbooks.insert(kind, name);
    }
    let url = || "http://127.0.0.1:9/".to_owned();
    application.vars.insert("write_check_url".to_owned(), url());
    for region in &mut application.regions {
        region.vars.insert("fence_url".to_owned(), url());
    }
}

struct Checked {
    stage: Stage,
    /// When the last drill ended, and how.
    last_drill: Option<(Wall, DrillOutcome)>,
    /// Where it serves, if not at home.
    serves: Option<RegionId>,
}

impl Checked {
    async fn new(
        setup: impl FnOnce(&mut SandboxSetup),
        application: impl FnOnce(&mut Application),
    ) -> Self {
        let stage = Stage::with(setup, |app| {
            complete(app);
            application(app);
        })
        .await;
        let last_drill = Some((stage.now(), DrillOutcome::Passed));
        Self {
            stage,
            last_drill,
            serves: None,
        }
    }

    /// What is on record of it: no more than its last drill.
    fn state(&self) -> State {
        let name = self.stage.application.name.clone();
        let mut drills = Drills::default();
        if let Some((at, outcome)) = self.last_drill {
            let id = drills.next_id(&name);
            if outcome != DrillOutcome::Ended {
                let completed = CompletedDrill {
                    drill: id.clone(),
                    mode: DrillMode::Rehearse,
                    at,
                    passed: outcome == DrillOutcome::Passed,
                };
                drills.completed.insert(completed.mode, completed);
            }
            drills.closed.push_back(Drill {
                id,
                number: 1,
                application: name.clone(),
                mode: DrillMode::Rehearse,
                from: active(),
                to: None,
                by: "ada".to_owned(),
                reason: "a test".to_owned(),
                begun_at: at,
                max_duration: Millis::from_mins(15),
                live: None,
                end: Some(DrillEnd {
                    at,
                    outcome,
                    cause: None,
                    report: DrillReport {
                        summary: "guard quorum did not let it pass".to_owned(),
                        ..DrillReport::default()
                    },
                }),
            });
        }
        let known = AppState {
            active: self.serves.clone(),
            ..AppState::default()
        };
        State {
            apps: BTreeMap::from([(name.clone(), known)]),
            drills: BTreeMap::from([(name, drills)]),
            ..State::default()
        }
    }

    async fn asked(&self) -> Inspection {
        let app = &self.stage.application;
        let traffic = self.stage.actuator.read_traffic(&app.name).await.ok();
        prepare(&Known {
            app,
            runbooks: &runbooks(),
            state: &self.state(),
            traffic: traffic.as_ref(),
            drill_max_age: Millis::from_mins(60 * 24 * 30),
            now: self.stage.now(),
        })
    }

    async fn look(&self) -> Vec<ReadinessFinding> {
        let app = &self.stage.application.name;
        let findings = self.stage.actuator.inspect(app, &self.asked().await).await;
        for finding in &findings {
            let home = &self.stage.application.home;
            let serves = finding.region.as_ref() == Some(self.serves.as_ref().unwrap_or(home));
            let documented = match finding.level {
                Passed | Unknown => true,
                Warning if serves => true,
                level => finding.code.levels().contains(&level),
            };
            assert!(documented, "docs/readiness.md does not say so: {finding:?}");
        }
        findings
    }
}

/// Level by code and Region: the worst of each.
fn worst(findings: &[ReadinessFinding]) -> BTreeMap<(Code, Option<RegionId>), ReadinessLevel> {
    let mut worst = BTreeMap::new();
    for finding in findings {
        let level = worst
            .entry((finding.code, finding.region.clone()))
            .or_insert(finding.level);
        *level = finding.level.max(*level);
    }
    worst
}

fn is(findings: &[ReadinessFinding], code: Code, region: Option<&str>, level: ReadinessLevel) {
    let at = (code, region.map(RegionId::from));
    let seen = worst(findings).get(&at).copied();
    assert_eq!(seen, Some(level), "{code} of {region:?}: {findings:#?}");
}

fn troubles(findings: &[ReadinessFinding]) -> Vec<&ReadinessFinding> {
    findings.iter().filter(|f| f.level != Passed).collect()
}

#[tokio::test]
async fn a_sound_standby_passes_everything_and_nothing_is_written() {
    let checked = Checked::new(|_| {}, |_| {}).await;
    let findings = checked.look().await;
    assert_eq!(troubles(&findings), Vec::<&ReadinessFinding>::new());
    let codes: BTreeSet<Code> = findings.iter().map(|f| f.code).collect();
    let mut all = BTreeSet::from(Code::ALL);
    // It has none; a test of their own looks at those.
    all.remove(&Code::RoutingControl);
    assert_eq!(codes, all, "every code is looked at");
    assert!(checked.stage.writes().is_empty());
    checked.stage.nothing_unknown();
    // Every mutating call of the plans was asked about, in the Region and under the name it has.
    let simulated: BTreeSet<String> = checked
        .stage
        .log()
        .iter()
        .filter(|request| request.service == Service::Iam)
        .flat_map(|request| request.parameters["ActionNames"].as_array().cloned())
        .flatten()
        .filter_map(|action| Some(action.as_str()?.to_owned()))
        .collect();
    for action in [
        "globalaccelerator:UpdateEndpointGroup",
        "route53:ChangeResourceRecordSets",
        "rds:FailoverGlobalCluster",
        "rds:SwitchoverGlobalCluster",
        "eks:UpdateNodegroupConfig",
    ] {
        assert!(simulated.contains(action), "{action}: {simulated:?}");
    }
}

/// What comes with a fault and goes with it.
#[tokio::test]
async fn each_finding_appears_with_its_fault_and_goes_with_it() {
    let region = || standby();
    let denied = |action: &str| Fault::Denied {
        action: action.to_owned(),
    };
    let rows: Vec<(Fault, Code, Option<&str>, ReadinessLevel)> = vec![
        (
            Fault::NoInstances { region: region() },
            Code::DatabaseInstances,
            Some(STANDBY),
            Blocking,
        ),
        (
            Fault::NodegroupDegraded { region: region() },
            Code::Nodegroup,
            Some(STANDBY),
            Warning,
        ),
        (
            Fault::NodegroupDegraded { region: region() },
            Code::NodegroupHealth,
            Some(STANDBY),
            Warning,
        ),
        (
            Fault::LaunchSuspended { region: region() },
            Code::NodegroupLaunch,
            Some(STANDBY),
            Blocking,
        ),
        (
            Fault::LagUnknown,
            Code::ReplicationLag,
            Some(STANDBY),
            Warning,
        ),
        (
            denied("rds:FailoverGlobalCluster"),
            Code::Permission,
            Some(STANDBY),
            Blocking,
        ),
        // No outage needs it.
        (
            denied("rds:SwitchoverGlobalCluster"),
            Code::Permission,
            Some(STANDBY),
            Warning,
        ),
        // A step would have to read it, too.
        (
            denied("eks:DescribeNodegroup"),
            Code::Permission,
            Some(STANDBY),
            Blocking,
        ),
        // Only the check reads it.
        (
            denied("rds:DescribeDBInstances"),
            Code::Permission,
            Some(STANDBY),
            Unknown,
        ),
        (
            denied("iam:SimulatePrincipalPolicy"),
            Code::Permission,
            None,
            Unknown,
        ),
        (
            Fault::FailControlPlane {
                service: Service::Eks,
                status: 503,
                code: None,
            },
            Code::Nodegroup,
            Some(STANDBY),
            Unknown,
        ),
        (
            Fault::FailControlPlane {
                service: Service::Route53,
                status: 503,
                code: None,
            },
            Code::RecordSet,
            None,
            Unknown,
        ),
    ];
    let checked = Checked::new(|_| {}, |_| {}).await;
    for (fault, code, region, level) in rows {
        checked.stage.sandbox.inject(fault.clone());
        is(&checked.look().await, code, region, level);
        assert!(checked.stage.sandbox.clear(&fault));
        let after = checked.look().await;
        assert!(troubles(&after).is_empty(), "after {fault:?}: {after:#?}");
    }
}

/// What is wrong from the start, in the world or in what was configured of it.
#[tokio::test]
async fn each_finding_appears_where_something_is_wrong() {
    type Wrong = (
        fn(&mut SandboxSetup),
        fn(&mut Application),
        Code,
        Option<&'static str>,
        ReadinessLevel,
    );
    let rows: Vec<Wrong> = vec![
        (
            |_| {},
            |app| app.regions[1].resources.endpoint_group_arn = Some(lost_group()),
            Code::EndpointGroup,
            Some(STANDBY),
            Blocking,
        ),
        (
            |_| {},
            |app| {
                let of_the_other = app.regions[0].resources.endpoint_group_arn.clone();
                app.regions[1].resources.endpoint_group_arn = of_the_other;
            },
            Code::EndpointGroup,
            Some(STANDBY),
            Blocking,
        ),
        (
            |_| {},
            |app| {
                let arn = "arn:aws:globalaccelerator::123456789012:accelerator/gone";
                app.resources.accelerator_arn = Some(arn.to_owned());
            },
            Code::Accelerator,
            None,
            Blocking,
        ),
        (
            |setup| setup.regions[1].endpoints.clear(),
            |_| {},
            Code::EndpointsPresent,
            Some(STANDBY),
            Blocking,
        ),
        (
            // As a failover leaves them: the run there gives it back.
            |setup| setup.regions[1].endpoints[0].weight = 0,
            |_| {},
            Code::EndpointWeights,
            Some(STANDBY),
            Warning,
        ),
        // A standby at zero is unhealthy until it is grown: one that is declared cold may be.
        (
            |setup| setup.regions[1].nodegroups[0].desired = 0,
            |_| {},
            Code::EndpointsHealthy,
            Some(STANDBY),
            Blocking,
        ),
        (
            |setup| setup.regions[1].nodegroups[0].desired = 0,
            |app| app.regions[1].cold = true,
            Code::EndpointsHealthy,
            Some(STANDBY),
            Warning,
        ),
        (
            |setup| setup.regions[1].nodegroups[0].desired = 0,
            |_| {},
            Code::RecordHealth,
            Some(STANDBY),
            Warning,
        ),
        // It serves: nobody moves there, and nothing of it stands in the way of leaving it.
        (
            |setup| setup.regions[0].endpoints[0].weight = 0,
            |_| {},
            Code::EndpointWeights,
            Some(ACTIVE),
            Warning,
        ),
        (
            |_| {},
            |app| app.regions[1].resources.record_set_identifier = Some("lost".to_owned()),
            Code::RecordSet,
            Some(STANDBY),
            Blocking,
        ),
        // And no plan can be made that flips it.
        (
            |_| {},
            |app| app.regions[1].resources.record_set_identifier = Some("lost".to_owned()),
            Code::Plan,
            Some(STANDBY),
            Blocking,
        ),
        (
            |_| {},
            |app| {
                let dns = app.resources.dns.as_mut().expect("it has records");
                dns.hosted_zone_id = "ZGONE".to_owned();
            },
            Code::RecordSet,
            None,
            Blocking,
        ),
        (
            |setup| setup.dns.records[1].ttl = Some(300),
            |_| {},
            Code::RecordTtl,
            Some(STANDBY),
            Warning,
        ),
        (
            |setup| setup.dns.records[0].health_check_id = None,
            |_| {},
            Code::RecordHealthCheck,
            Some(ACTIVE),
            Warning,
        ),
        // It is answered whenever the PRIMARY is unhealthy.
        (
            |setup| setup.dns.records[1].health_check_id = None,
            |_| {},
            Code::RecordHealthCheck,
            Some(STANDBY),
            Passed,
        ),
        (
            |setup| setup.dns.records[1].health_check_id = Some("gone".to_owned()),
            |_| {},
            Code::RecordHealthCheck,
            Some(STANDBY),
            Blocking,
        ),
        (
            |setup| {
                let check = setup.regions[1].health_check.as_mut();
                check.expect("it has one").disabled = true;
            },
            |_| {},
            Code::RecordHealthCheck,
            Some(STANDBY),
            Warning,
        ),
        (
            |_| {},
            |app| app.resources.global_cluster = Some("gone".to_owned()),
            Code::GlobalCluster,
            None,
            Blocking,
        ),
        (
            |_| {},
            |app| {
                let arn = "arn:aws:rds:eu-central-1:123456789012:cluster:gone";
                app.regions[1].resources.db_cluster_arn = Some(arn.to_owned());
            },
            Code::DatabaseAttached,
            Some(STANDBY),
            Blocking,
        ),
        (
            |_| {},
            |app| {
                let arn = "arn:aws:rds:eu-central-1:123456789012:cluster:gone";
                app.regions[1].resources.db_cluster_arn = Some(arn.to_owned());
            },
            Code::DatabaseAvailable,
            Some(STANDBY),
            Blocking,
        ),
        (
            |setup| setup.database.standby_engine_version = Some("15.4".to_owned()),
            |_| {},
            Code::EngineVersion,
            Some(STANDBY),
            Blocking,
        ),
        (
            |setup| setup.database.standby_engine_version = Some("16.6.1".to_owned()),
            |_| {},
            Code::EngineVersion,
            Some(STANDBY),
            Warning,
        ),
        (
            |setup| setup.delays.aurora_lag = Millis::from_secs(60),
            |_| {},
            Code::ReplicationLag,
            Some(STANDBY),
            Warning,
        ),
        (
            |_| {},
            |app| app.regions[1].resources.nodegroups[0].name = "gone".to_owned(),
            Code::Nodegroup,
            Some(STANDBY),
            Blocking,
        ),
        (
            |setup| setup.regions[1].nodegroups[0].max = 4,
            |_| {},
            Code::NodegroupSize,
            Some(STANDBY),
            Warning,
        ),
        (
            |setup| setup.regions[1].nodegroups[0].zones = 1,
            |_| {},
            Code::NodegroupZones,
            Some(STANDBY),
            Warning,
        ),
        (
            |_| {},
            |app| app.vars.clear(),
            Code::Plan,
            Some(STANDBY),
            Blocking,
        ),
    ];
    for (number, (setup, application, code, region, level)) in rows.into_iter().enumerate() {
        eprintln!("row {number}: {code}");
        let checked = Checked::new(setup, application).await;
        is(&checked.look().await, code, region, level);
        checked.stage.nothing_unknown();
    }
}

fn lost_group() -> String {
    "arn:aws:globalaccelerator::123456789012:accelerator/1234abcd-abcd-1234-abcd-1234abcdefgh/\
     listener/0123vxyz/endpoint-group/gone"
        .to_owned()
}

#[tokio::test]
async fn a_plan_that_leans_on_the_region_it_flees_is_told() {
    // Route 53's own Region is the one that may be lost.
    let checked = Checked::new(
        |setup| *setup = SandboxSetup::active_passive("us-east-1", STANDBY, 1),
        |app| app.home = "us-east-1".into(),
    )
    .await;
    let findings = checked.look().await;
    is(&findings, Code::ControlPlane, Some(STANDBY), Warning);
    let leaning = troubles(&findings);
    assert_eq!(leaning.len(), 1, "{leaning:#?}");
    assert_eq!(leaning[0].subject, "flip-dns");
}

/// A runbook for outages that moves traffic alone needs no database, whatever others need.
#[tokio::test]
async fn what_no_outage_touches_stands_in_no_outages_way() {
    let checked = Checked::new(|_| {}, |_| {}).await;
    let mut asked = checked.asked().await;
    asked.binding.database = false;
    let headless = Fault::NoInstances { region: standby() };
    checked.stage.sandbox.inject(headless);
    let app = &checked.stage.application.name;
    let findings = checked.stage.actuator.inspect(app, &asked).await;
    is(&findings, Code::DatabaseInstances, Some(STANDBY), Warning);
}

#[tokio::test]
async fn a_promotion_under_way_is_told_until_it_has_ended() {
    let checked = Checked::new(|_| {}, |_| {}).await;
    let promote = checked.stage.promote(Promotion::Switchover);
    checked.stage.apply(&promote).await;
    let findings = checked.look().await;
    // To the standby itself: a run there would go on from it.
    is(&findings, Code::GlobalCluster, Some(STANDBY), Warning);
    let done = |seen: &Observation| seen.goal == Goal::Met;
    checked.stage.until(&promote, done).await;
    is(&checked.look().await, Code::GlobalCluster, None, Passed);
}

/// What nobody has but the Region that was left: told until somebody has copied it.
#[tokio::test]
async fn what_a_failover_leaves_behind_is_told() {
    let mut checked = Checked::new(|_| {}, |_| {}).await;
    let sandbox = &checked.stage.sandbox;
    let (lost, unfenced) = (
        Fault::RegionDown { region: active() },
        Fault::WriterUnfenced { region: active() },
    );
    sandbox.inject(unfenced);
    sandbox.inject(lost.clone());
    let promote = checked.stage.promote(Promotion::FailoverWithDataLoss);
    checked.stage.apply(&promote).await;
    let done = |seen: &Observation| seen.goal == Goal::Met;
    checked.stage.until(&promote, done).await;
    checked.serves = Some(standby());
    sandbox.clear(&lost);
    // It is back, takes writes, and is not yet rebuilt.
    let findings = checked.look().await;
    is(&findings, Code::StaleWriter, Some(ACTIVE), Blocking);
    is(&findings, Code::StaleWriter, Some(STANDBY), Passed);
    is(&findings, Code::UnreplicatedWrites, Some(ACTIVE), Passed);
    let rebuilt = loop {
        let findings = checked.look().await;
        let now = worst(&findings);
        if now[&(Code::DatabaseAttached, Some(active()))] == Passed {
            break findings;
        }
    };
    is(&rebuilt, Code::StaleWriter, Some(ACTIVE), Passed);
    is(&rebuilt, Code::UnreplicatedWrites, Some(ACTIVE), Warning);
    is(&rebuilt, Code::UnreplicatedWrites, Some(STANDBY), Passed);
    let left = rebuilt
        .iter()
        .find(|f| f.code == Code::UnreplicatedWrites && f.level == Warning);
    let left = left.expect("it was counted");
    assert!(
        left.subject.starts_with("rds:unplanned-global-failover-"),
        "{left:?}"
    );
    assert!(
        left.text.contains("by a backup retention of 7d"),
        "{left:?}"
    );
    checked.stage.nothing_unknown();
}

#[tokio::test]
async fn a_way_out_that_was_long_not_walked_is_told() {
    let mut checked = Checked::new(|_| {}, |_| {}).await;
    let days = |days: u64| checked.stage.now() - Millis::from_mins(60 * 24 * days);
    let (long_ago, lately) = (days(31), days(29));
    let found = |findings: &[ReadinessFinding]| {
        let mut own = findings.iter().filter(|f| f.code == Code::LastExercise);
        own.next().expect("it is always looked at").clone()
    };
    checked.last_drill = None;
    assert_eq!(found(&checked.look().await).level, Warning);
    checked.last_drill = Some((long_ago, DrillOutcome::Passed));
    let old = found(&checked.look().await);
    assert_eq!(old.level, Warning);
    assert!(
        old.text.contains("shop-drill-1 was completed 31d"),
        "{old:?}"
    );
    checked.last_drill = Some((lately, DrillOutcome::Passed));
    assert_eq!(found(&checked.look().await).level, Passed);
    // One that failed has shown that the way is not free; one that was broken off has shown nothing.
    checked.last_drill = Some((lately, DrillOutcome::Failed));
    let failed = found(&checked.look().await);
    assert_eq!(failed.level, Warning);
    assert!(
        failed.text.contains("guard quorum did not let it pass"),
        "{failed:?}"
    );
    checked.last_drill = Some((lately, DrillOutcome::Ended));
    let none = found(&checked.look().await);
    assert_eq!(none.text, "no run and no drill of it was ever completed");
}

#[tokio::test]
async fn a_region_that_does_not_answer_is_unknown_and_blocks_nothing() {
    let checked = Checked::new(|_| {}, |app| app.aws.call_timeout = Millis::from_secs(10)).await;
    checked
        .stage
        .sandbox
        .inject(Fault::ControlPlaneGone { region: active() });
    let findings = checked.look().await;
    is(&findings, Code::Nodegroup, Some(ACTIVE), Unknown);
    is(&findings, Code::Nodegroup, Some(STANDBY), Passed);
    assert!(
        findings.iter().all(|f| f.level != Blocking),
        "{findings:#?}"
    );
}

#[tokio::test]
async fn a_routing_control_is_read_at_enough_endpoints_of_its_cluster() {
    let setup = SandboxSetup::active_passive(ACTIVE, STANDBY, 1).with_routing_controls();
    let routing = setup.routing.clone().unwrap();
    let checked = |wrong: bool| {
        let (setup, routing) = (setup.clone(), routing.clone());
        Checked::new(
            |stands| *stands = setup,
            move |app| {
                crate::routing::furnish(app, &routing);
                let name = "arc-routing-controls".to_owned();
                app.runbooks.insert(RunKind::Failover, name);
                if wrong {
                    let control = &mut app.regions[1].resources.routing_control_arn;
                    *control = control.take().map(|arn| format!("{arn}0"));
                }
            },
        )
    };
    let sound = checked(false).await;
    let down = |endpoint: usize| {
        sound.stage.sandbox.inject(Fault::HangControlPlane {
            service: Some(Service::RoutingControl),
            region: Some(routing.endpoints[endpoint].clone()),
        });
    };
    down(0);
    down(1);
    is(
        &sound.look().await,
        Code::RoutingControl,
        Some(STANDBY),
        Passed,
    );
    down(2);
    let seen = sound.look().await;
    is(&seen, Code::RoutingControl, Some(STANDBY), Warning);
    down(3);
    down(4);
    is(
        &sound.look().await,
        Code::RoutingControl,
        Some(STANDBY),
        Unknown,
    );
    let wrong = checked(true).await;
    let seen = wrong.look().await;
    is(&seen, Code::RoutingControl, Some(STANDBY), Blocking);
    is(&seen, Code::RoutingControl, Some(ACTIVE), Passed);
}
