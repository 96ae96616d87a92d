//! What each member sees and thinks, and what the quorum makes of it.

use std::collections::BTreeMap;
use std::fmt;

use super::applications::views;
use super::family::{Gauges, Labels, len, secs, truth};
use crate::daemon::snapshot::Snapshot;
use crate::model::{
    AppId, ConfigHash, MemberId, Opinion, ProbeState, Tally, VerdictState, Vote, VoteReason,
};

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

pub(super) fn encode(out: &mut Gauges<'_, '_>, snapshot: &Snapshot, own: &MemberId) -> fmt::Result {
    probes(out, snapshot)?;
    votes(out, snapshot)?;
    configurations(out, snapshot, own)?;
    verdicts(out, snapshot)
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
    fn labels<'a>(member: &'a str, vote: &'a Vote, probe: &'a ProbeState) -> Labels<'a> {
        vec![
            ("application", vote.app.as_str()),
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
                        ("application", held.vote.app.as_str()),
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
                    ("application", held.vote.app.as_str()),
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
                    ("application", held.vote.app.as_str()),
                    ("region", held.vote.region.as_str()),
                    ("member", member.as_str()),
                ],
                secs(held.age(snapshot.at.mono)),
            )
        }),
    )
}

/// A vote under another configuration than this member's own counts for nothing here.
fn configurations(out: &mut Gauges<'_, '_>, snapshot: &Snapshot, own: &MemberId) -> fmt::Result {
    let ours: BTreeMap<&AppId, &ConfigHash> = snapshot
        .votes
        .iter()
        .filter(|(member, _)| member == own)
        .map(|(_, held)| (&held.vote.app, &held.vote.config))
        .collect();
    let differing: BTreeMap<(&AppId, &MemberId), bool> = snapshot
        .votes
        .iter()
        .filter_map(|(member, held)| {
            let app = &held.vote.app;
            let differs = *ours.get(app)? != &held.vote.config;
            Some(((app, member), differs))
        })
        .collect();
    out.plain(
        "vote_config_differs",
        "Whether a member votes under another configuration of an application than this one has",
        differing.iter().map(|((app, member), differs)| {
            (
                vec![("application", app.as_str()), ("member", member.as_str())],
                truth(*differs),
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
                        ("application", app),
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
                vec![("application", app), ("region", verdict.region.as_str())],
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
                        ("application", app),
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
                vec![("application", app), ("region", verdict.region.as_str())],
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
