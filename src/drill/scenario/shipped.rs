//! The scenarios that ship with failoverd, and the runbooks that only they use.

/// Name and text of each, the default first, then in the order of `drill list`.
pub const SHIPPED: &[(&str, &str)] = &[
    (
        "region-outage",
        include_str!("../scenarios/region-outage.toml"),
    ),
    (
        "planned-switchover",
        include_str!("../scenarios/planned-switchover.toml"),
    ),
    ("failback", include_str!("../scenarios/failback.toml")),
    (
        "failover-and-home-again",
        include_str!("../scenarios/failover-and-home-again.toml"),
    ),
    (
        "both-regions-down",
        include_str!("../scenarios/both-regions-down.toml"),
    ),
    ("flapping", include_str!("../scenarios/flapping.toml")),
    (
        "observer-isolated",
        include_str!("../scenarios/observer-isolated.toml"),
    ),
    (
        "aws-throttled",
        include_str!("../scenarios/aws-throttled.toml"),
    ),
    ("reply-lost", include_str!("../scenarios/reply-lost.toml")),
    (
        "route53-control-plane-down",
        include_str!("../scenarios/route53-control-plane-down.toml"),
    ),
    (
        "control-planes-down-steer",
        include_str!("../scenarios/control-planes-down-steer.toml"),
    ),
    (
        "routing-controls",
        include_str!("../scenarios/routing-controls.toml"),
    ),
    (
        "routing-controls-refused",
        include_str!("../scenarios/routing-controls-refused.toml"),
    ),
    (
        "promotion-stuck",
        include_str!("../scenarios/promotion-stuck.toml"),
    ),
    ("no-capacity", include_str!("../scenarios/no-capacity.toml")),
    (
        "no-capacity-holds",
        include_str!("../scenarios/no-capacity-holds.toml"),
    ),
    (
        "lag-too-high",
        include_str!("../scenarios/lag-too-high.toml"),
    ),
    ("lag-unknown", include_str!("../scenarios/lag-unknown.toml")),
    (
        "lag-unknown-no-data",
        include_str!("../scenarios/lag-unknown-no-data.toml"),
    ),
    (
        "standby-not-ready",
        include_str!("../scenarios/standby-not-ready.toml"),
    ),
    (
        "control-plane-of-from-gone",
        include_str!("../scenarios/control-plane-of-from-gone.toml"),
    ),
    ("stale-plan", include_str!("../scenarios/stale-plan.toml")),
    (
        "dial-turned-back",
        include_str!("../scenarios/dial-turned-back.toml"),
    ),
    ("leader-lost", include_str!("../scenarios/leader-lost.toml")),
    ("leader-grey", include_str!("../scenarios/leader-grey.toml")),
    (
        "leader-killed-mid-run",
        include_str!("../scenarios/leader-killed-mid-run.toml"),
    ),
    (
        "leader-paused",
        include_str!("../scenarios/leader-paused.toml"),
    ),
    (
        "member-partitioned",
        include_str!("../scenarios/member-partitioned.toml"),
    ),
    (
        "asymmetric-partition",
        include_str!("../scenarios/asymmetric-partition.toml"),
    ),
    ("quorum-lost", include_str!("../scenarios/quorum-lost.toml")),
    (
        "five-members-two-lost",
        include_str!("../scenarios/five-members-two-lost.toml"),
    ),
    (
        "late-open-run",
        include_str!("../scenarios/late-open-run.toml"),
    ),
    (
        "abort-races-call",
        include_str!("../scenarios/abort-races-call.toml"),
    ),
    (
        "config-drift",
        include_str!("../scenarios/config-drift.toml"),
    ),
    (
        "region-returns-mid-run",
        include_str!("../scenarios/region-returns-mid-run.toml"),
    ),
    (
        "second-region-fails-mid-run",
        include_str!("../scenarios/second-region-fails-mid-run.toml"),
    ),
    (
        "region-returns-too-late",
        include_str!("../scenarios/region-returns-too-late.toml"),
    ),
    (
        "break-glass-without-quorum",
        include_str!("../scenarios/break-glass-without-quorum.toml"),
    ),
    (
        "ledger-restored-from-backup",
        include_str!("../scenarios/ledger-restored-from-backup.toml"),
    ),
    ("clock-step", include_str!("../scenarios/clock-step.toml")),
    (
        "operator-races-automation",
        include_str!("../scenarios/operator-races-automation.toml"),
    ),
    (
        "live-drill-there-and-back",
        include_str!("../scenarios/live-drill-there-and-back.toml"),
    ),
    (
        "outage-during-live-drill",
        include_str!("../scenarios/outage-during-live-drill.toml"),
    ),
    (
        "live-drill-gives-way",
        include_str!("../scenarios/live-drill-gives-way.toml"),
    ),
    (
        "live-drill-alarm",
        include_str!("../scenarios/live-drill-alarm.toml"),
    ),
    (
        "evacuate-40-applications",
        include_str!("../scenarios/evacuate-40-applications.toml"),
    ),
    (
        "traffic-first",
        include_str!("../scenarios/traffic-first.toml"),
    ),
    ("pilot-light", include_str!("../scenarios/pilot-light.toml")),
    (
        "warm-standby",
        include_str!("../scenarios/warm-standby.toml"),
    ),
    (
        "approve-data-loss",
        include_str!("../scenarios/approve-data-loss.toml"),
    ),
    (
        "switchover-on-a-word",
        include_str!("../scenarios/switchover-on-a-word.toml"),
    ),
    (
        "home-proves-itself",
        include_str!("../scenarios/home-proves-itself.toml"),
    ),
    ("read-only", include_str!("../scenarios/read-only.toml")),
    (
        "database-only",
        include_str!("../scenarios/database-only.toml"),
    ),
    (
        "record-weights",
        include_str!("../scenarios/record-weights.toml"),
    ),
    ("detach", include_str!("../scenarios/detach.toml")),
    (
        "shift-three-regions",
        include_str!("../scenarios/shift-three-regions.toml"),
    ),
    (
        "shift-nobody-can-carry",
        include_str!("../scenarios/shift-nobody-can-carry.toml"),
    ),
    (
        "shift-and-return",
        include_str!("../scenarios/shift-and-return.toml"),
    ),
    ("ramp", include_str!("../scenarios/ramp.toml")),
    (
        "ramp-steps-back",
        include_str!("../scenarios/ramp-steps-back.toml"),
    ),
];

/// Runbooks that only scenarios use: each shows one way of coping that the default one lacks.
const RUNBOOKS: [(&str, &str); 11] = [
    (
        "drill-enough-nodes",
        include_str!("../scenarios/runbooks/drill-enough-nodes.toml"),
    ),
    (
        "drill-second-way",
        include_str!("../scenarios/runbooks/drill-second-way.toml"),
    ),
    (
        "drill-traffic-only",
        include_str!("../scenarios/runbooks/drill-traffic-only.toml"),
    ),
    (
        "drill-without-dns",
        include_str!("../scenarios/runbooks/drill-without-dns.toml"),
    ),
    (
        "drill-slow-promotion",
        include_str!("../scenarios/runbooks/drill-slow-promotion.toml"),
    ),
    (
        "drill-wait-first",
        include_str!("../scenarios/runbooks/drill-wait-first.toml"),
    ),
    (
        "drill-routing-first",
        include_str!("../scenarios/runbooks/drill-routing-first.toml"),
    ),
    (
        "drill-fleet",
        include_str!("../scenarios/runbooks/drill-fleet.toml"),
    ),
    (
        "drill-fleet-name",
        include_str!("../scenarios/runbooks/drill-fleet-name.toml"),
    ),
    (
        "drill-record-weights",
        include_str!("../scenarios/runbooks/drill-record-weights.toml"),
    ),
    (
        "drill-ramp",
        include_str!("../scenarios/runbooks/drill-ramp.toml"),
    ),
];

/// The entry of that name.
pub(super) fn text(name: &str) -> Option<(&'static str, &'static str)> {
    SHIPPED.iter().find(|(known, _)| *known == name).copied()
}

/// The text of a runbook that ships with the drill.
pub fn shipped_runbook(name: &str) -> Option<&'static str> {
    RUNBOOKS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
