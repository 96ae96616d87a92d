//! The loss of the quorum, as every member sees and tells it for itself: nothing is decided and
//! nothing is written while it lasts, so nobody but the members can say so.

use crate::model::{Millis, Mono};

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
}
