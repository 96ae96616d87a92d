//! When a leader should not lead: it cannot trust itself, or cannot act where another can.
//!
//! Invariant: a leader gives way only to a member that has, as far as is known here, no such reason
//! itself, and not again and again: a cluster in which everybody doubts still has a leader, and does
//! what a person asks for.

use crate::model::{MemberId, Millis, Now, RegionId, StandDownReason, VerdictState};

use super::Controller;

/// AWS calls in a row that must fail before a leader lets one lead whose calls succeed: the SDK has
/// retried each of them already.
const AWS_FAILURES: u32 = 3;

/// A leader that gave way and leads again, because nobody took its place, goes on for so long: some
/// twenty leases, of which it was away for less than a quarter.
const SPARED: Millis = Millis::from_mins(1);

impl Controller {
    pub(super) fn has_peers(&self) -> bool {
        self.setup.members.len() > 1
    }

    /// This member leads again: if it gave way before, it is spared for a while.
    pub(super) fn spare(&mut self, now: Now) {
        if self.doubted {
            self.doubted = false;
            self.spared_until = now.mono + SPARED;
        }
    }

    /// Why this leader should not lead, if there is a reason and somebody better.
    pub(super) fn doubt(&mut self, now: Now) -> Option<StandDownReason> {
        let reason = self.reason_to_doubt(now)?;
        if now.mono < self.spared_until || self.better(now).is_empty() {
            return None;
        }
        self.doubted = true;
        Some(reason)
    }

    fn reason_to_doubt(&mut self, now: Now) -> Option<StandDownReason> {
        let me = &self.setup.me;
        if self
            .vantages
            .get(me)
            .is_some_and(|vantage| vantage.isolated(now.mono))
        {
            return Some(StandDownReason::Isolated);
        }
        let guards = self.setup.applications.iter().map(|app| &app.guards);
        let freshness = guards.clone().map(|g| g.freshness).min()?;
        if self.aws_failures >= Some(AWS_FAILURES) {
            let reached_by: Vec<MemberId> = self
                .matrix
                .reaching_aws(now.mono, freshness)
                .filter(|member| *member != me)
                .cloned()
                .collect();
            if !reached_by.is_empty() {
                return Some(StandDownReason::AwsUnreachable { reached_by });
            }
        }
        let home = self.setup.members.iter().find(|member| &member.id == me)?;
        if !self.is_doubtful(&home.region) {
            self.own_region_suspect_since = None;
            return None;
        }
        let since = *self.own_region_suspect_since.get_or_insert(now.mono);
        let hold_down = guards.map(|g| g.hold_down).min()?;
        let suspect_for = now.mono.since(since);
        (suspect_for.times(2) >= hold_down).then(|| StandDownReason::OwnRegionSuspect {
            region: home.region.clone(),
            since: suspect_for,
        })
    }

    /// The other members that would have no reason to give way.
    fn better(&self, now: Now) -> Vec<&MemberId> {
        let guards = self.setup.applications.iter().map(|app| &app.guards);
        let Some(freshness) = guards.map(|g| g.freshness).min() else {
            return Vec::new();
        };
        self.matrix
            .sound(now.mono, freshness)
            .filter(|member| **member != self.setup.me)
            .filter(|member| {
                let mut members = self.setup.members.iter();
                let known = members.find(|known| known.id == **member);
                known.is_some_and(|known| !self.is_doubtful(&known.region))
            })
            .collect()
    }

    /// Whether any application fails in that Region, as the others see it.
    fn is_doubtful(&self, region: &RegionId) -> bool {
        self.setup.applications.iter().any(|app| {
            let verdict = self.verdicts.get(&app.name, region);
            verdict.is_some_and(|v| matches!(v.state, VerdictState::Suspect | VerdictState::Down))
        })
    }
}

#[cfg(test)]
mod tests;
