//! Every shipped scenario, played whole: the emulated AWS, real sockets, the real daemon.
//!
//! No more than two at a time: each of them keeps a whole world and three members busy, and a host that
//! is late looks like an outage to a world that runs thirty times as fast.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use failoverd::drill::{self, DrillOptions, Progress, Scenario};

/// Stages that are free.
static FREE: Mutex<u32> = Mutex::new(2);
static LEFT: Condvar = Condvar::new();

/// A stage that is taken; free again when dropped.
struct Taken;

impl Taken {
    fn one() -> Self {
        let mut free = LEFT
            .wait_while(count(), |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Self
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        *count() += 1;
        LEFT.notify_one();
    }
}

fn count() -> MutexGuard<'static, u32> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn play(name: &str) {
    let _stage = Taken::one();
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
    failover_and_home_again: "failover-and-home-again",
    both_regions_down: "both-regions-down",
    flapping: "flapping",
    observer_isolated: "observer-isolated",
    aws_throttled: "aws-throttled",
    reply_lost: "reply-lost",
    route53_control_plane_down: "route53-control-plane-down",
    routing_controls: "routing-controls",
    routing_controls_refused: "routing-controls-refused",
    control_planes_down_steer: "control-planes-down-steer",
    promotion_stuck: "promotion-stuck",
    no_capacity: "no-capacity",
    no_capacity_holds: "no-capacity-holds",
    lag_too_high: "lag-too-high",
    lag_unknown: "lag-unknown",
    lag_unknown_no_data: "lag-unknown-no-data",
    standby_not_ready: "standby-not-ready",
    control_plane_of_from_gone: "control-plane-of-from-gone",
    stale_plan: "stale-plan",
    dial_turned_back: "dial-turned-back",
    leader_lost: "leader-lost",
    leader_grey: "leader-grey",
    leader_killed_mid_run: "leader-killed-mid-run",
    leader_paused: "leader-paused",
    member_partitioned: "member-partitioned",
    asymmetric_partition: "asymmetric-partition",
    quorum_lost: "quorum-lost",
    five_members_two_lost: "five-members-two-lost",
    late_open_run: "late-open-run",
    abort_races_call: "abort-races-call",
    config_drift: "config-drift",
    region_returns_mid_run: "region-returns-mid-run",
    second_region_fails_mid_run: "second-region-fails-mid-run",
    region_returns_too_late: "region-returns-too-late",
    break_glass_without_quorum: "break-glass-without-quorum",
    ledger_restored_from_backup: "ledger-restored-from-backup",
    clock_step: "clock-step",
    operator_races_automation: "operator-races-automation",
    live_drill_there_and_back: "live-drill-there-and-back",
    outage_during_live_drill: "outage-during-live-drill",
    live_drill_gives_way: "live-drill-gives-way",
    live_drill_alarm: "live-drill-alarm",
    evacuate_40_applications: "evacuate-40-applications",
    traffic_first: "traffic-first",
    pilot_light: "pilot-light",
    warm_standby: "warm-standby",
    approve_data_loss: "approve-data-loss",
    switchover_on_a_word: "switchover-on-a-word",
    home_proves_itself: "home-proves-itself",
    read_only: "read-only",
    database_only: "database-only",
    record_weights: "record-weights",
    detach: "detach",
    shift_three_regions: "shift-three-regions",
    shift_nobody_can_carry: "shift-nobody-can-carry",
    shift_and_return: "shift-and-return",
    ramp: "ramp",
    ramp_steps_back: "ramp-steps-back",
}
