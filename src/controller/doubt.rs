//! When a leader should not lead: it cannot trust itself, or cannot act where another can.

use crate::model::{MemberId, Now, StandDownReason, VerdictState};

use super::Controller;

/// AWS calls in a row that must fail before a leader lets one lead whose calls succeed: the SDK has
/// retried each of them already.
const AWS_FAILURES: u32 = 3;

impl Controller {
    pub(super) fn has_peers(&self) -> bool {
        self.setup.members.len() > 1
    }

    /// Why this leader should not lead, if there is a reason.
    pub(super) fn doubt(&mut self, now: Now) -> Option<StandDownReason> {
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
        let suspect = self.setup.applications.iter().any(|app| {
            let verdict = self.verdicts.get(&app.name, &home.region);
            verdict.is_some_and(|v| matches!(v.state, VerdictState::Suspect | VerdictState::Down))
        });
        if !suspect {
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
}
