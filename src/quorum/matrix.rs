//! Who thinks what: the newest sheet of each member, aged on our own clock.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{
    AppId, BootId, HeldVote, MemberId, Millis, Mono, RegionId, VoteReason, VoteSheet,
};

/// How many former lives of a member are remembered, so that a sheet of one of them that surfaces
/// late is not taken for news. A sheet can be late by seconds; no process starts eight times in that.
const REMEMBERED_BOOTS: usize = 8;

/// The votes of every member on every Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Matrix {
    heard: BTreeMap<MemberId, Heard>,
}

/// The newest sheet of one member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Heard {
    boot: BootId,
    sequence: u64,
    /// Oldest first.
    former_boots: VecDeque<BootId>,
    /// When the sheet was made, on our clock, never later than it truly was.
    made_at: Option<Mono>,
    aws_reachable: Option<bool>,
    votes: BTreeMap<AppId, BTreeMap<RegionId, HeldVote>>,
}

impl Heard {
    /// The same sheet with these votes on one application alone.
    fn with(&self, app: AppId, votes: BTreeMap<RegionId, HeldVote>) -> Self {
        Self {
            boot: self.boot,
            sequence: self.sequence,
            former_boots: VecDeque::new(),
            made_at: self.made_at,
            aws_reachable: self.aws_reachable,
            votes: BTreeMap::from([(app, votes)]),
        }
    }
}

impl Matrix {
    /// Nothing heard of anybody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds a sheet of a vantage in this process: its clock is ours. Says whether it was news; an
    /// older sheet of the same life, or any of a former one, is not.
    pub fn hold(&mut self, sheet: &VoteSheet) -> bool {
        self.hold_dated(sheet, Some)
    }

    /// Holds a sheet of another member, whose clock means nothing here. It echoes a challenge that
    /// we sent at `challenge_sent_at` (our clock), so it was made after that:
    ///
    /// ```text
    ///  theirs   evidence ───── age ─────▶ sent_at
    ///  ours                challenge_sent_at ────────────▶ received
    ///           evidence' ──── age ────▶│
    /// ```
    ///
    /// Counting the age back from the challenge can make evidence look older than it is, by the
    /// time the sheet was on its way, but never younger.
    pub fn hold_remote(&mut self, sheet: &VoteSheet, challenge_sent_at: Mono) -> bool {
        self.hold_dated(sheet, |theirs| {
            let age = sheet.sent_at.since(theirs);
            // Older than this host's own clock can say: there is no date for it here.
            (age <= Millis(challenge_sent_at.0)).then(|| challenge_sent_at - age)
        })
    }

    fn hold_dated(&mut self, sheet: &VoteSheet, ours: impl Fn(Mono) -> Option<Mono>) -> bool {
        let mut former_boots = VecDeque::new();
        if let Some(heard) = self.heard.get(&sheet.member) {
            let replayed = heard.boot == sheet.boot && sheet.sequence <= heard.sequence;
            if replayed || heard.former_boots.contains(&sheet.boot) {
                return false;
            }
            former_boots = heard.former_boots.clone();
            if heard.boot != sheet.boot {
                former_boots.push_back(heard.boot);
            }
            if former_boots.len() > REMEMBERED_BOOTS {
                former_boots.pop_front();
            }
        }
        let mut votes: BTreeMap<AppId, BTreeMap<RegionId, HeldVote>> = BTreeMap::new();
        for vote in &sheet.votes {
            let Some(evidence_at) = ours(vote.evidence_at) else {
                continue;
            };
            let held = HeldVote {
                evidence_at,
                failing_since: vote.failing_since.and_then(&ours),
                vote: vote.clone(),
            };
            votes
                .entry(vote.app.clone())
                .or_default()
                .insert(vote.region.clone(), held);
        }
        let heard = Heard {
            boot: sheet.boot,
            sequence: sheet.sequence,
            former_boots,
            made_at: ours(sheet.sent_at),
            aws_reachable: sheet.aws_reachable,
            votes,
        };
        self.heard.insert(sheet.member.clone(), heard);
        true
    }

    /// What that member last thought of that Region.
    pub fn vote(&self, member: &MemberId, app: &AppId, region: &RegionId) -> Option<&HeldVote> {
        self.heard.get(member)?.votes.get(app)?.get(region)
    }

    /// The votes on one application as they would be if those on `region` were the ones that were
    /// made up for a drill, and no others. The real ones stay as they are.
    #[must_use]
    pub fn imagining(&self, app: &AppId, region: &RegionId, made_up: &Self) -> Self {
        let mut imagined = Self::default();
        for (member, heard) in &self.heard {
            let mut votes = heard.votes.get(app).cloned().unwrap_or_default();
            votes.remove(region);
            imagined
                .heard
                .insert(member.clone(), heard.with(app.clone(), votes));
        }
        for (member, heard) in &made_up.heard {
            let Some(vote) = made_up.vote(member, app, region) else {
                continue;
            };
            imagined
                .heard
                .entry(member.clone())
                .or_insert_with(|| heard.with(app.clone(), BTreeMap::new()))
                .votes
                .entry(app.clone())
                .or_default()
                .insert(region.clone(), vote.clone());
        }
        imagined
    }

    /// The members whose own AWS calls succeed, by a sheet younger than `freshness`.
    pub fn reaching_aws(&self, now: Mono, freshness: Millis) -> impl Iterator<Item = &MemberId> {
        self.heard.iter().filter_map(move |(member, heard)| {
            let fresh = heard.made_at.is_some_and(|at| now.since(at) <= freshness);
            (fresh && heard.aws_reachable == Some(true)).then_some(member)
        })
    }

    /// The members that have said something within `freshness` and trust themselves: neither cut off
    /// nor stalled by their own account, nor without an answer from AWS.
    pub fn sound(&self, now: Mono, freshness: Millis) -> impl Iterator<Item = &MemberId> {
        self.heard.iter().filter_map(move |(member, heard)| {
            let fresh = heard.made_at.is_some_and(|at| now.since(at) <= freshness);
            let mut votes = heard.votes.values().flat_map(BTreeMap::values);
            let doubts = votes.any(|held| match held.vote.reason {
                VoteReason::Isolated | VoteReason::Tilt => true,
                VoteReason::Probes
                | VoteReason::NoEvidence
                | VoteReason::StaleEvidence
                | VoteReason::NoReference
                | VoteReason::ProbeUnknown => false,
            });
            (fresh && !doubts && heard.aws_reachable != Some(false)).then_some(member)
        })
    }

    /// Everything held, by member, application and Region: for `votes` and the metrics.
    pub fn iter(&self) -> impl Iterator<Item = (&MemberId, &HeldVote)> {
        self.heard.iter().flat_map(|(member, heard)| {
            let votes = heard.votes.values().flat_map(BTreeMap::values);
            votes.map(move |vote| (member, vote))
        })
    }

    /// Forgets a member that is no longer one.
    pub fn forget(&mut self, member: &MemberId) {
        self.heard.remove(member);
    }
}
