//! Who thinks what.

use super::regions::{opinion_word, verdict_word};
use super::{Look, count, moment};
use crate::api::wire::{
    ProbeRow, RegionVotes, VerdictState as VerdictWord, VoteMatrix, VoteMember, VoteRow,
};
use crate::model::{AppRegion, Application, HeldVote, Member, Unusable, Verdict, VoteReason};
use crate::quorum::majority;

impl Look<'_> {
    pub fn vote_matrix(&self, app: &Application) -> VoteMatrix {
        VoteMatrix {
            application: app.name.to_string(),
            answered_by: self.source.member.id.to_string(),
            at: moment(self.now()),
            members: self
                .source
                .configured
                .iter()
                .map(|member| VoteMember {
                    id: member.id.to_string(),
                    region: member.region.to_string(),
                })
                .collect(),
            regions: app
                .regions
                .iter()
                .map(|region| self.region_votes(app, region))
                .collect(),
        }
    }

    fn region_votes(&self, app: &Application, region: &AppRegion) -> RegionVotes {
        let verdict = self.verdict(app, &region.name);
        let configured = count(self.source.configured.len());
        let members = self.source.configured.iter().map(|member| Member {
            id: member.id.clone(),
            region: member.region.clone(),
        });
        RegionVotes {
            region: region.name.to_string(),
            verdict: verdict.map_or(VerdictWord::Unknown, |v| verdict_word(v.state)),
            verdict_for_ms: verdict.map(|v| self.snapshot.at.mono.since(v.since).0),
            down: verdict.map_or(0, |v| count(v.tally.down.len())),
            needed: majority(configured),
            configured,
            votes: members
                .map(|member| self.vote(app, region, &member, verdict))
                .collect(),
        }
    }

    fn vote(
        &self,
        app: &Application,
        region: &AppRegion,
        member: &Member,
        verdict: Option<&Verdict>,
    ) -> VoteRow {
        let mut votes = self.votes_on(&app.name).iter();
        let held = votes
            .find(|(voter, held)| **voter == member.id && held.vote.region == region.name)
            .map(|(_, held)| *held);
        let unusable = verdict.and_then(|verdict| {
            let mut unusable = verdict.tally.unusable.iter();
            unusable.find(|(voter, _)| voter == &member.id)
        });
        let now = self.snapshot.at.mono;
        VoteRow {
            member: member.id.to_string(),
            inside: member.region == region.name,
            opinion: held.map(|held| opinion_word(held.vote.opinion)),
            reason: held.map(|held| reason_word(&held.vote.reason).to_owned()),
            age_ms: held.map(|held| held.age(now).0),
            failing_for_ms: held.and_then(|h| h.failing_since).map(|s| now.since(s).0),
            unusable: match (held, unusable) {
                (None, _) => Some(Unusable::NeverHeard.code().to_owned()),
                (Some(_), unusable) => unusable.map(|(_, why)| why.code().to_owned()),
            },
            probes: held.map(|held| self.probes(held)).unwrap_or_default(),
        }
    }

    /// Dates of another member's clock mean nothing here: both are counted to its newest evidence.
    fn probes(&self, held: &HeldVote) -> Vec<ProbeRow> {
        let newest = held
            .vote
            .probes
            .iter()
            .filter_map(|p| p.last_sample_at)
            .max();
        let newest = newest.unwrap_or(held.vote.evidence_at);
        let probes = held.vote.probes.iter();
        probes
            .map(|probe| ProbeRow {
                probe: probe.probe.to_string(),
                critical: probe.critical,
                up: probe.up,
                failures_in_row: probe.failures_in_row,
                successes_in_row: probe.successes_in_row,
                last_failure: probe.last_failure.clone(),
                sample_age_ms: probe.last_sample_at.map(|at| newest.since(at).0),
            })
            .collect()
    }
}

fn reason_word(reason: &VoteReason) -> &'static str {
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
