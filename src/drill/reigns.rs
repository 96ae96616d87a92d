//! Who led when, and who raised the alarm, as each member has said of itself: followed snapshot by
//! snapshot, beside the drill's own looks, so that a short reign is not missed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, broadcast, watch};

use crate::daemon::Notice;
use crate::daemon::snapshot::Snapshot;
use crate::model::{HoldReason, MemberId, Wall};
use crate::ports::Clock;

/// A member led from then until then, as far as it knew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reign {
    pub member: MemberId,
    pub from: Wall,
    /// `None`: it still does.
    pub until: Option<Wall>,
}

/// What members have said of themselves.
#[derive(Debug, Default)]
struct Said {
    reigns: Vec<Reign>,
    alarmed: BTreeMap<MemberId, bool>,
    declined: Vec<HoldReason>,
}

/// A record of it. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    said: Arc<Mutex<Said>>,
    /// There is something new.
    pub news: Arc<Notify>,
}

impl Record {
    /// Follows one life of a member until it ends.
    pub fn follow(
        &self,
        member: MemberId,
        mut snapshots: watch::Receiver<Arc<Snapshot>>,
        mut notices: broadcast::Receiver<Notice>,
        clock: Arc<dyn Clock>,
    ) {
        let record = self.clone();
        tokio::spawn(async move {
            while snapshots.changed().await.is_ok() {
                let (leads, alarms) = {
                    let seen = snapshots.borrow_and_update();
                    (seen.leads, seen.cluster.quorum_lost)
                };
                let now = clock.now().wall;
                record.leads(&member, leads, now);
                if alarms {
                    record.lock().alarmed.insert(member.clone(), true);
                }
                record.declined(&mut notices);
                record.news.notify_one();
            }
            record.leads(&member, false, clock.now().wall);
            record.news.notify_one();
        });
    }

    fn declined(&self, notices: &mut broadcast::Receiver<Notice>) {
        loop {
            match notices.try_recv() {
                Ok(Notice::Declined { reasons, .. }) => self.lock().declined.extend(reasons),
                // One that was missed was of a view, which the next snapshot has as well.
                Ok(Notice::View(_)) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(
                    broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed,
                ) => return,
            }
        }
    }

    /// Whether that member leads as of now.
    pub fn leads(&self, member: &MemberId, leads: bool, now: Wall) {
        let mut said = self.lock();
        let open = said
            .reigns
            .iter_mut()
            .find(|reign| &reign.member == member && reign.until.is_none());
        match (open, leads) {
            (Some(reign), false) => reign.until = Some(now),
            (None, true) => said.reigns.push(Reign {
                member: member.clone(),
                from: now,
                until: None,
            }),
            (Some(_), true) | (None, false) => {}
        }
    }

    /// Alarms before now do not count: before a cluster has formed there is no quorum either.
    pub fn forget_alarms(&self) {
        self.lock().alarmed.clear();
    }

    /// Whether that member has said that the quorum is lost.
    pub fn has_alarmed(&self, member: &MemberId) -> bool {
        self.lock().alarmed.get(member).copied().unwrap_or(false)
    }

    /// Reasons for which a person's requests were declined, since last asked.
    pub fn take_declined(&self) -> Vec<HoldReason> {
        std::mem::take(&mut self.lock().declined)
    }

    /// Every reign, in the order of their beginnings.
    pub fn reigns(&self) -> Vec<Reign> {
        self.lock().reigns.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        // Whole whoever panicked: each change is one assignment.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reign_begins_once_and_ends_once() {
        let record = Record::default();
        let (a, b) = (MemberId::from("a"), MemberId::from("b"));
        record.leads(&a, false, Wall(1));
        record.leads(&a, true, Wall(2));
        record.leads(&a, true, Wall(3));
        record.leads(&b, true, Wall(4));
        record.leads(&a, false, Wall(5));
        record.leads(&a, true, Wall(6));
        let reign = |member: &MemberId, from, until: Option<u64>| Reign {
            member: member.clone(),
            from: Wall(from),
            until: until.map(Wall),
        };
        assert_eq!(
            record.reigns(),
            [
                reign(&a, 2, Some(5)),
                reign(&b, 4, None),
                reign(&a, 6, None)
            ]
        );
    }
}
