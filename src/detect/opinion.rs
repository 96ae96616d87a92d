//! What the probes of one Region add up to.

use crate::model::{Mono, Opinion, RegionDownRule, VoteReason};

use super::references::References;
use super::track::{Level, ProbeTrack};

/// An opinion with its reason and the evidence under it, all on our own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Belief {
    pub(super) opinion: Opinion,
    pub(super) reason: VoteReason,
    pub(super) evidence_at: Mono,
    pub(super) failing_since: Option<Mono>,
}

/// Judges one Region by its probes, in this order, the first that applies: do we have evidence that
/// we may trust at all (`NoEvidence`, `Tilt`, `ProbeUnknown`, `StaleEvidence`, `Isolated`); is the
/// Region down; is anything amiss; it is up.
pub(super) fn believe(
    now: Mono,
    tilted_at: Option<Mono>,
    rule: RegionDownRule,
    tracks: &[ProbeTrack],
    references: &References,
) -> Belief {
    let counted = counted(rule, tracks);
    let (opinion, reason) = match distrust(now, tilted_at, &counted, references) {
        Some(reason) => (Opinion::Unknown, reason),
        None => judge(rule, &counted, references),
    };
    Belief {
        opinion,
        reason,
        // The vote is as old as the oldest thing it stands on. With nothing to stand on it is as
        // old as this host, and `unknown` anyway.
        evidence_at: counted
            .iter()
            .map(|track| track.evidence_at().unwrap_or_default())
            .min()
            .unwrap_or_default(),
        failing_since: counted.iter().filter_map(|t| t.failing_since()).min(),
    }
}

/// The probes that count: all of them where the Region is judged by weight or has no critical one,
/// the critical ones otherwise.
fn counted(rule: RegionDownRule, tracks: &[ProbeTrack]) -> Vec<&ProbeTrack> {
    let by_weight = match rule {
        RegionDownRule::WeightPercent(_) => true,
        RegionDownRule::AllCritical | RegionDownRule::AnyCritical => false,
    };
    let all = by_weight || !tracks.iter().any(|track| track.probe().critical);
    tracks
        .iter()
        .filter(|track| all || track.probe().critical)
        .collect()
}

/// Why we may not trust ourselves about this Region, if so.
fn distrust(
    now: Mono,
    tilted_at: Option<Mono>,
    counted: &[&ProbeTrack],
    references: &References,
) -> Option<VoteReason> {
    if counted.is_empty() {
        return Some(VoteReason::NoEvidence);
    }
    let untrusted_since_tilt = |track: &&ProbeTrack| {
        tilted_at.is_some_and(|tilt| track.evidence_at().is_none_or(|at| at <= tilt))
    };
    if counted.iter().any(untrusted_since_tilt) {
        return Some(VoteReason::Tilt);
    }
    let lacking = |track: &&&ProbeTrack| track.evidence_at().is_none() || track.is_stale(now);
    let lacking: Vec<_> = counted.iter().filter(lacking).collect();
    if lacking.iter().any(|track| track.could_not_ask()) {
        return Some(VoteReason::ProbeUnknown);
    }
    if lacking.iter().any(|track| track.evidence_at().is_none()) {
        return Some(VoteReason::NoEvidence);
    }
    if !lacking.is_empty() {
        return Some(VoteReason::StaleEvidence);
    }
    references.isolated(now).then_some(VoteReason::Isolated)
}

fn judge(
    rule: RegionDownRule,
    counted: &[&ProbeTrack],
    references: &References,
) -> (Opinion, VoteReason) {
    let fell = |track: &ProbeTrack| track.fell_at().is_some();
    let confirmed = |track: &ProbeTrack| {
        track
            .fell_at()
            .is_some_and(|at| references.answered_after(at))
    };
    if met(rule, counted, confirmed) {
        (Opinion::Down, VoteReason::Probes)
    } else if met(rule, counted, fell) {
        (Opinion::Suspect, VoteReason::NoReference)
    } else if counted.iter().all(|track| track.is_well()) {
        (Opinion::Up, VoteReason::Probes)
    } else {
        (Opinion::Suspect, VoteReason::Probes)
    }
}

/// Whether the rule is met by the probes that `counts_as_down`.
fn met(
    rule: RegionDownRule,
    counted: &[&ProbeTrack],
    counts_as_down: impl Fn(&ProbeTrack) -> bool,
) -> bool {
    let down = |track: &&&ProbeTrack| track.level() == Level::Down && counts_as_down(track);
    match rule {
        RegionDownRule::AllCritical => counted.iter().all(|track| down(&track)),
        RegionDownRule::AnyCritical => counted.iter().any(|track| down(&track)),
        RegionDownRule::WeightPercent(percent) => {
            let weight = |track: &&ProbeTrack| u64::from(track.probe().weight);
            let total: u64 = counted.iter().map(weight).sum();
            let lost: u64 = counted.iter().filter(down).map(weight).sum();
            // A Region without weight, or a rule of 0 %, would be down for nothing.
            lost > 0 && lost * 100 >= total * u64::from(percent)
        }
    }
}
