//! Every shipped scenario, played whole: the emulated AWS, real sockets, the real daemon.
//!
//! One at a time: each of them keeps a whole world busy, and a host that is late looks like an
//! outage to a world that runs thirty times as fast.

use std::sync::Mutex;

use failoverd::drill::{self, DrillOptions, Progress, Scenario};

static STAGE: Mutex<()> = Mutex::new(());

fn play(name: &str) {
    let _alone = STAGE.lock().unwrap_or_else(|held| held.into_inner());
    let scenario = Scenario::find(name).unwrap();
    let options = DrillOptions::default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let progress = Progress::lines(std::io::stderr());
    let report = runtime
        .block_on(drill::run(&scenario, &options, &progress))
        .unwrap();
    let broken: Vec<_> = report
        .invariants
        .iter()
        .filter(|invariant| !invariant.held)
        .collect();
    let failed: Vec<_> = report.checks.iter().filter(|check| !check.held).collect();
    assert!(
        report.passed,
        "{name}: {failed:#?} {broken:#?} {:#?}",
        report.run
    );
}

macro_rules! scenarios {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                play($name);
            }
        )*

        #[test]
        fn every_shipped_scenario_is_played() {
            let played = [$($name),*];
            for scenario in Scenario::shipped().unwrap() {
                assert!(played.contains(&scenario.name.as_str()), "{} is not", scenario.name);
            }
        }
    };
}

scenarios! {
    region_outage: "region-outage",
    planned_switchover: "planned-switchover",
    failback: "failback",
    both_regions_down: "both-regions-down",
    flapping: "flapping",
    observer_isolated: "observer-isolated",
    aws_throttled: "aws-throttled",
    reply_lost: "reply-lost",
    route53_control_plane_down: "route53-control-plane-down",
    promotion_stuck: "promotion-stuck",
    no_capacity: "no-capacity",
    no_capacity_holds: "no-capacity-holds",
    lag_too_high: "lag-too-high",
    lag_unknown: "lag-unknown",
    lag_unknown_no_data: "lag-unknown-no-data",
    control_plane_of_from_gone: "control-plane-of-from-gone",
    stale_plan: "stale-plan",
    dial_turned_back: "dial-turned-back",
}
