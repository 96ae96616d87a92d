//! What every member tells for itself about the cluster: that the quorum is lost (nothing is decided
//! and nothing is written while that lasts, so nobody but the members can say so), and that another
//! member is further away than the heartbeat allows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{MemberId, Millis, Mono};

/// Says when a member has been without a quorum for longer than an election takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuorumAlarm {
    patience: Millis,
    without_since: Option<Mono>,
    raised: bool,
}

impl QuorumAlarm {
    /// Raised after `patience` without a quorum.
    pub fn new(patience: Millis) -> Self {
        Self {
            patience,
            without_since: None,
            raised: false,
        }
    }

    /// Takes in whether there is one now; says whether the alarm stands.
    pub fn look(&mut self, now: Mono, reachable: bool) -> bool {
        if reachable {
            if let Some(since) = self.without_since.take()
                && self.raised
            {
                tracing::info!(after = %now.since(since), "the quorum is back");
            }
            self.raised = false;
            return false;
        }
        let since = *self.without_since.get_or_insert(now);
        if !self.raised && now.since(since) >= self.patience {
            self.raised = true;
            tracing::error!(
                since = %now.since(since),
                "QUORUM LOST: nothing is decided and nothing is written until more than half of the \
                 members reach each other; look at their hosts and the network between them"
            );
        }
        self.raised
    }
}

/// Says once of each member that it is too far away for the configured heartbeat.
#[derive(Clone, Debug, Default)]
pub(super) struct SlowPeers {
    told: BTreeSet<MemberId>,
}

impl SlowPeers {
    /// Takes in who is slow now. One that is told of is told of again only after it was quick.
    pub fn look(&mut self, slow: &BTreeMap<MemberId, Duration>, heartbeat: Duration) {
        for member in self.news(slow) {
            let worst = slow.get(&member).copied().unwrap_or_default();
            tracing::warn!(
                %member,
                ?worst,
                ?heartbeat,
                "its round trip exceeds the heartbeat: proofs of leadership fail and elections are \
                 lost at such moments; raise `heartbeat` under [cluster], and election_min and \
                 election_max with it, on every member"
            );
        }
    }

    fn news(&mut self, slow: &BTreeMap<MemberId, Duration>) -> Vec<MemberId> {
        self.told.retain(|member| slow.contains_key(member));
        let told = &mut self.told;
        slow.keys()
            .filter(|member| told.insert((*member).clone()))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_election_is_no_alarm_and_a_lost_quorum_is() {
        let mut alarm = QuorumAlarm::new(Millis::from_secs(9));
        let at = |secs: u64| Mono(1_000 + secs * 1_000);
        assert!(!alarm.look(at(0), false), "at once");
        assert!(!alarm.look(at(8), false), "an election");
        assert!(!alarm.look(at(9), true));
        assert!(!alarm.look(at(10), false), "counted anew");
        assert!(!alarm.look(at(18), false));
        assert!(alarm.look(at(19), false));
        assert!(alarm.look(at(60), false), "stands");
        assert!(!alarm.look(at(61), true), "over");
    }

    #[test]
    fn a_member_far_away_is_told_of_once_until_it_is_near_again() {
        let mut told = SlowPeers::default();
        let far = |ids: &[&str]| -> BTreeMap<MemberId, Duration> {
            let worst = Duration::from_millis(700);
            ids.iter().map(|id| (MemberId::from(*id), worst)).collect()
        };
        let [a, b] = ["a", "b"].map(MemberId::from);
        assert_eq!(told.news(&far(&["a"])), std::slice::from_ref(&a));
        assert!(told.news(&far(&["a"])).is_empty());
        assert_eq!(told.news(&far(&["a", "b"])), [b]);
        assert!(told.news(&far(&[])).is_empty());
        assert_eq!(told.news(&far(&["a"])), [a]);
    }
}
