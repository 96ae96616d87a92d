//! What is seen and thought of each application.

use std::collections::BTreeSet;
use std::fmt;

use super::family::{Gauges, count, len, secs, truth};
use crate::daemon::snapshot::Snapshot;
use crate::model::{
    AppId, AppState, AppView, Decision, Guard, HoldReason, LagSample, NodegroupSize, Opinion,
    Phase, ProbeState, Ruling, Seen, Tally, VerdictState, Vote, VoteReason,
};

/// Every phase by its word; a test holds it against [`Phase::as_str`].
pub(in crate::api) const PHASES: [&str; 9] = [
    "steady",
    "suspect",
    "confirmed",
    "blocked",
    "planned",
    "executing",
    "soaking",
    "cool_down",
    "needs_operator",
];

const OPINIONS: [(Opinion, &str); 4] = [
    (Opinion::Up, "up"),
    (Opinion::Suspect, "suspect"),
    (Opinion::Down, "down"),
    (Opinion::Unknown, "unknown"),
];

const VERDICTS: [(VerdictState, &str); 4] = [
    (VerdictState::Up, "up"),
    (VerdictState::Suspect, "suspect"),
    (VerdictState::Down, "down"),
    (VerdictState::Unknown, "unknown"),
];

pub(super) fn encode(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    probes(out, snapshot)?;
    votes(out, snapshot)?;
    verdicts(out, snapshot)?;
    phases(out, snapshot)?;
    guards(out, snapshot)?;
    automation(out, snapshot)?;
    facts(out, snapshot)
}

fn probes(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let probes = || {
        snapshot.votes.iter().flat_map(|(member, held)| {
            held.vote
                .probes
                .iter()
                .map(move |probe| (member.as_str(), &held.vote, probe))
        })
    };
    fn labels<'a>(
        member: &'a str,
        vote: &'a Vote,
        probe: &'a ProbeState,
    ) -> super::family::Labels<'a> {
        vec![
            ("app", vote.app.as_str()),
            ("region", vote.region.as_str()),
            ("probe", probe.probe.as_str()),
            ("member", member),
        ]
    }
    out.plain(
        "probe_up",
        "Whether a probe is up, after fall and rise; no series while it is not known",
        probes().filter_map(|(member, vote, probe)| {
            probe.up.map(|up| (labels(member, vote, probe), truth(up)))
        }),
    )?;
    out.plain(
        "probe_failures_in_row",
        "Failures of a probe since its last success",
        probes().map(|(member, vote, probe)| {
            (
                labels(member, vote, probe),
                f64::from(probe.failures_in_row),
            )
        }),
    )
}

fn votes(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "vote",
        "What a member thinks of a Region",
        snapshot.votes.iter().flat_map(|(member, held)| {
            OPINIONS.iter().map(move |(opinion, word)| {
                (
                    vec![
                        ("app", held.vote.app.as_str()),
                        ("region", held.vote.region.as_str()),
                        ("member", member.as_str()),
                        ("state", *word),
                    ],
                    truth(held.vote.opinion == *opinion),
                )
            })
        }),
    )?;
    out.plain(
        "vote_reason",
        "Why a vote is what it is; only the present reason has a series",
        snapshot.votes.iter().map(|(member, held)| {
            (
                vec![
                    ("app", held.vote.app.as_str()),
                    ("region", held.vote.region.as_str()),
                    ("member", member.as_str()),
                    ("reason", vote_reason(&held.vote.reason)),
                ],
                1.0,
            )
        }),
    )?;
    out.seconds(
        "vote_age",
        "How old the evidence of a vote is, in world time",
        snapshot.votes.iter().map(|(member, held)| {
            (
                vec![
                    ("app", held.vote.app.as_str()),
                    ("region", held.vote.region.as_str()),
                    ("member", member.as_str()),
                ],
                secs(held.age(snapshot.at.mono)),
            )
        }),
    )
}

fn vote_reason(reason: &VoteReason) -> &'static str {
    match reason {
        VoteReason::Probes => "probes",
        VoteReason::NoEvidence => "no_evidence",
        VoteReason::StaleEvidence => "stale_evidence",
        VoteReason::Tilt => "tilt",
        VoteReason::Isolated => "isolated",
        VoteReason::NoReference => "no_reference",
        VoteReason::ProbeUnknown => "probe_unknown",
    }
}

fn verdicts(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let verdicts = || {
        views(snapshot).flat_map(|(app, view)| {
            view.verdicts
                .iter()
                .map(move |verdict| (app.as_str(), verdict))
        })
    };
    out.plain(
        "verdict",
        "What the quorum makes of the votes on a Region",
        verdicts().flat_map(|(app, verdict)| {
            VERDICTS.iter().map(move |(state, word)| {
                (
                    vec![
                        ("app", app),
                        ("region", verdict.region.as_str()),
                        ("state", *word),
                    ],
                    truth(verdict.state == *state),
                )
            })
        }),
    )?;
    out.seconds(
        "verdict_age",
        "Since when the verdict on a Region has been what it is, in world time",
        verdicts().map(|(app, verdict)| {
            (
                vec![("app", app), ("region", verdict.region.as_str())],
                secs(snapshot.at.mono.since(verdict.since)),
            )
        }),
    )?;
    out.plain(
        "verdict_votes",
        "Members by what their vote on a Region counts for",
        verdicts().flat_map(|(app, verdict)| {
            tally(&verdict.tally).map(move |(counts_as, members)| {
                (
                    vec![
                        ("app", app),
                        ("region", verdict.region.as_str()),
                        ("counts_as", counts_as),
                    ],
                    len(members),
                )
            })
        }),
    )?;
    out.plain(
        "quorum_members",
        "Configured members: what a majority is a majority of",
        verdicts().map(|(app, verdict)| {
            (
                vec![("app", app), ("region", verdict.region.as_str())],
                f64::from(verdict.tally.members),
            )
        }),
    )
}

fn tally(tally: &Tally) -> [(&'static str, usize); 4] {
    [
        ("down", tally.down.len()),
        ("dissent", tally.dissent.len()),
        ("unusable", tally.unusable.len()),
        ("inside", tally.inside.len()),
    ]
}

fn phases(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "application_phase",
        "Where an application stands",
        views(snapshot).flat_map(|(app, view)| {
            PHASES.iter().map(move |word| {
                (
                    vec![("app", app.as_str()), ("phase", *word)],
                    truth(view.phase.as_str() == *word),
                )
            })
        }),
    )?;
    out.plain(
        "application_active",
        "The Region an application serves from; only that Region has a series",
        views(snapshot).map(|(app, view)| {
            (
                vec![("app", app.as_str()), ("region", view.active.as_str())],
                1.0,
            )
        }),
    )?;
    out.seconds(
        "application_cool_down_remaining",
        "How long an application still cools down, in world time",
        views(snapshot).filter_map(|(app, view)| match &view.phase {
            Phase::CoolDown { remaining } => Some((vec![("app", app.as_str())], secs(*remaining))),
            Phase::Steady
            | Phase::Suspect { .. }
            | Phase::Confirmed { .. }
            | Phase::Blocked { .. }
            | Phase::Planned { .. }
            | Phase::Executing { .. }
            | Phase::Soaking { .. }
            | Phase::NeedsOperator { .. } => None,
        }),
    )
}

fn guards(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "guard_ruling",
        "What a guard that does not pass says (warn, hold, ask) and why, while a Region is confirmed",
        views(snapshot).flat_map(|(app, view)| {
            // Two rulings of one guard with one reason would be one series twice.
            let rulings: BTreeSet<_> = view
                .guards
                .iter()
                .filter_map(|verdict| ruling(&verdict.ruling).map(|said| (verdict.guard, said)))
                .collect();
            rulings
                .into_iter()
                .map(move |(guard, (ruling, reason)): (Guard, _)| {
                    (
                        vec![
                            ("app", app.as_str()),
                            ("guard", guard.as_str()),
                            ("ruling", ruling),
                            ("reason", reason),
                        ],
                        1.0,
                    )
                })
        }),
    )?;
    out.plain(
        "application_held",
        "Why an application is not acted upon though a Region is confirmed lost, by reason",
        views(snapshot).flat_map(|(app, view)| {
            held_by(view)
                .into_iter()
                .map(move |reason| (vec![("app", app.as_str()), ("reason", reason)], 1.0))
        }),
    )
}

fn ruling(ruling: &Ruling) -> Option<(&'static str, &'static str)> {
    match ruling {
        Ruling::Pass => None,
        Ruling::Warn(reason) => Some(("warn", reason.code())),
        Ruling::Hold(reason) => Some(("hold", reason.code())),
        Ruling::Ask(reason) => Some(("ask", reason.code())),
    }
}

/// The decision's reasons, and what blocked it after that (no runbook, no plan).
fn held_by(view: &AppView) -> BTreeSet<&'static str> {
    let decided: &[HoldReason] = match &view.decision {
        Some(Decision::Hold(reasons) | Decision::Ask { reasons, .. }) => reasons,
        Some(Decision::Act { .. }) | None => &[],
    };
    let blocked = match &view.phase {
        Phase::Blocked { reason, .. } => Some(reason),
        Phase::Steady
        | Phase::Suspect { .. }
        | Phase::Confirmed { .. }
        | Phase::Planned { .. }
        | Phase::Executing { .. }
        | Phase::Soaking { .. }
        | Phase::CoolDown { .. }
        | Phase::NeedsOperator { .. } => None,
    };
    decided
        .iter()
        .chain(blocked)
        .filter(|reason| **reason != HoldReason::NothingWrong)
        .map(HoldReason::code)
        .collect()
}

fn automation(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "automation_paused",
        "Whether automation of an application stands still, by its own pause or everybody's",
        views(snapshot).map(|(app, _)| {
            let pause = snapshot.state.automation_pause(app, snapshot.at.wall);
            (vec![("app", app.as_str())], truth(pause.is_some()))
        }),
    )?;
    out.plain(
        "application_epoch",
        "The epoch of an application's last run",
        states(snapshot).map(|(app, state)| (vec![("app", app.as_str())], count(state.epoch.0))),
    )?;
    out.plain(
        "brake_latched",
        "Whether an application failed over too often and waits for an acknowledgement",
        states(snapshot)
            .map(|(app, state)| (vec![("app", app.as_str())], truth(state.brake_latched))),
    )?;
    out.plain(
        "region_quarantined",
        "Regions that failed and wait to be rejoined; only those have a series",
        states(snapshot).flat_map(|(app, state)| {
            state.quarantined.keys().map(move |region| {
                (
                    vec![("app", app.as_str()), ("region", region.as_str())],
                    1.0,
                )
            })
        }),
    )
}

/// What was recorded of the world, each with its age.
fn facts(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let now = snapshot.at.wall;
    let lags = || {
        states(snapshot).flat_map(|(app, state)| {
            state.lag.iter().filter_map(move |(region, samples)| {
                let newest: &LagSample = samples.last()?;
                Some((
                    vec![("app", app.as_str()), ("region", region.as_str())],
                    newest,
                ))
            })
        })
    };
    out.seconds(
        "replication_lag",
        "The newest replication lag recorded of a secondary, in world time",
        lags().map(|(labels, newest)| (labels, secs(newest.lag))),
    )?;
    out.seconds(
        "replication_lag_age",
        "How old the newest recorded replication lag is, in world time",
        lags().map(|(labels, newest)| (labels, secs(now.since(newest.at)))),
    )?;

    let groups = || {
        states(snapshot).flat_map(|(app, state)| {
            state.capacity.iter().flat_map(move |(region, groups)| {
                groups.iter().map(move |(name, seen)| {
                    let labels = vec![
                        ("app", app.as_str()),
                        ("region", region.as_str()),
                        ("nodegroup", name.as_str()),
                    ];
                    (labels, seen)
                })
            })
        })
    };
    type Figure = fn(&NodegroupSize) -> u32;
    let figures: [(&str, &str, Figure); 4] = [
        (
            "nodegroup_min_nodes",
            "The recorded lower bound of a node group",
            |size| size.min,
        ),
        (
            "nodegroup_desired_nodes",
            "The recorded wanted size of a node group",
            |size| size.desired,
        ),
        (
            "nodegroup_max_nodes",
            "The recorded upper bound of a node group",
            |size| size.max,
        ),
        (
            "nodegroup_in_service_nodes",
            "The recorded count of InService instances of a node group",
            |size| size.in_service,
        ),
    ];
    for (name, help, figure) in figures {
        out.plain(
            name,
            help,
            groups().map(|(labels, seen): (_, &Seen<NodegroupSize>)| {
                (labels, f64::from(figure(&seen.value)))
            }),
        )?;
    }
    out.seconds(
        "nodegroup_age",
        "How old the recorded size of a node group is, in world time",
        groups().map(|(labels, seen)| (labels, secs(now.since(seen.at)))),
    )?;

    out.plain(
        "traffic_dial_ratio",
        "The recorded traffic dial of a Region, 0 to 1",
        states(snapshot).flat_map(|(app, state)| {
            let groups = state.traffic.iter().flat_map(|seen| &seen.value.groups);
            groups.map(move |(region, group)| {
                (
                    vec![("app", app.as_str()), ("region", region.as_str())],
                    f64::from(group.dial_percent) / 100.0,
                )
            })
        }),
    )?;
    out.seconds(
        "traffic_age",
        "How old the recorded dials and records of an application are, in world time",
        states(snapshot).filter_map(|(app, state)| {
            let seen = state.traffic.as_ref()?;
            Some((vec![("app", app.as_str())], secs(now.since(seen.at))))
        }),
    )
}

fn views(snapshot: &Snapshot) -> impl Iterator<Item = (&AppId, &AppView)> {
    snapshot.views.iter()
}

/// Of applications that are configured: the ledger may remember more.
fn states(snapshot: &Snapshot) -> impl Iterator<Item = (&AppId, &AppState)> {
    snapshot
        .state
        .apps
        .iter()
        .filter(|(app, _)| snapshot.views.contains_key(*app))
}
