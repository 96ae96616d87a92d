//! How far each data folder was seen to go, so that one that was put back in time is known as such.
//!
//! ```text
//!  own folder     append, vote ─durable─▶ own mark ──hello──▶ the others
//!  other folders  hello, acknowledged append, granted vote ─▶ remembered ─with the next append─▶ disk
//!                 a new life presents itself ─▶ goes less far than remembered? not let in
//! ```
//!
//! A folder that was put back has forgotten votes it gave and entries it acknowledged. Raft counts on
//! both: with it, a quorum could be had that knows nothing of what was committed. (openraft would not
//! even survive it: its leader panics over a follower whose log has become shorter.)
//!
//! Invariant: what is remembered of a folder was durable there, so a folder that was left alone always
//! goes as far.
//! Invariant: one life is compared with what earlier ones had: messages of one life may overtake each
//! other.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openraft::{LogId, Vote};
use serde::{Deserialize, Serialize};

use crate::model::{BootId, DiskId, DiskMark, MemberId};

use super::types::NodeId;

/// What is remembered of one member's data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) disk: DiskId,
    /// The life that was seen to get so far; none where it is not known which.
    boot: Option<BootId>,
    pub(super) mark: DiskMark,
}

/// Own and others', in memory; the others' also on the disk, as of the last append.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    vote: Option<Vote<NodeId>>,
    last: Option<LogId<NodeId>>,
    others: BTreeMap<MemberId, Remembered>,
    /// The life of each that was last let in, and its folder: on record by then or not.
    speaking: BTreeMap<MemberId, (DiskId, BootId)>,
    /// Not on the disk yet.
    news: bool,
}

impl Marks {
    fn held(&self) -> MutexGuard<'_, Held> {
        // Every change is whole before the next call can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the folder holds as a life begins.
    pub(super) fn begin(&self, vote: Option<Vote<NodeId>>, last: Option<LogId<NodeId>>) {
        let mut held = self.held();
        (held.vote, held.last) = (vote, last);
    }

    /// What an earlier life remembered of the others.
    pub(super) fn remember_again(&self, others: BTreeMap<MemberId, Remembered>) {
        self.held().others = others;
    }

    /// A vote is durable.
    pub(super) fn promised(&self, vote: Vote<NodeId>) {
        self.held().vote = Some(vote);
    }

    /// Entries up to here are durable, or stand in a durable snapshot.
    pub(super) fn written(&self, last: LogId<NodeId>) {
        let mut held = self.held();
        held.last = held.last.max(Some(last));
    }

    /// Entries of earlier leaders were taken back.
    pub(super) fn taken_back(&self) {
        self.held().last = None;
    }

    /// How far the own folder goes.
    pub(super) fn own(&self) -> DiskMark {
        let held = self.held();
        held.vote
            .map(|vote| mark(&vote, held.last))
            .unwrap_or_default()
    }

    /// A member was seen to have got so far, on the data folder that is on record.
    pub(super) fn saw(&self, member: &MemberId, disk: DiskId, seen: DiskMark) {
        let mut held = self.held();
        let known = held.others.get(member).copied();
        let speaking = held.speaking.get(member).copied();
        let boot = speaking.filter(|(of, _)| *of == disk).map(|(_, boot)| boot);
        let next = match known.filter(|known| known.disk == disk) {
            Some(known) => Remembered {
                disk,
                boot: boot.or(known.boot),
                mark: known.mark.max(seen),
            },
            None => Remembered {
                disk,
                boot,
                mark: seen,
            },
        };
        held.news |= known != Some(next);
        held.others.insert(member.clone(), next);
    }

    /// A life presents itself whose folder went so far when it began: `Err` with what is remembered if
    /// an earlier life had gone further on it. Only what is `on_record` is remembered.
    pub(super) fn present(
        &self,
        member: &MemberId,
        disk: DiskId,
        boot: BootId,
        found: DiskMark,
        on_record: bool,
    ) -> Result<(), DiskMark> {
        let known = self.held().others.get(member).copied();
        if let Some(known) = known.filter(|known| known.disk == disk) {
            let of_earlier = known.boot.is_some_and(|of| of != boot);
            if of_earlier && found < known.mark {
                return Err(known.mark);
            }
        }
        // A cluster that is just being formed knows nobody's folder yet, and its members go far in
        // this very life.
        self.held().speaking.insert(member.clone(), (disk, boot));
        if on_record {
            self.saw(member, disk, found);
        }
        Ok(())
    }

    /// What is to be written beside the next append, if there is news.
    pub(super) fn to_keep(&self) -> Option<BTreeMap<MemberId, Remembered>> {
        let mut held = self.held();
        std::mem::take(&mut held.news).then(|| held.others.clone())
    }
}

/// How far a folder with that vote and that last entry goes.
pub(super) fn mark(vote: &Vote<NodeId>, last: Option<LogId<NodeId>>) -> DiskMark {
    let by = vote.leader_id();
    let of_that_leader =
        last.filter(|last| (last.leader_id.term, last.leader_id.node_id) == (by.term, by.node_id));
    DiskMark {
        term: by.term,
        candidate: by.node_id,
        index: of_that_leader.map_or(0, |last| last.index),
    }
}

#[cfg(test)]
mod tests {
    use openraft::CommittedLeaderId;
    use proptest::prelude::*;

    use super::*;

    const DISK: DiskId = DiskId(7);

    fn at(term: u64, index: u64) -> DiskMark {
        DiskMark {
            term,
            candidate: 1,
            index,
        }
    }

    fn b() -> MemberId {
        MemberId::from("b")
    }

    #[test]
    fn a_later_life_must_go_as_far_as_the_earlier_ones() {
        let marks = Marks::default();
        assert_eq!(
            marks.present(&b(), DISK, BootId(1), at(3, 10), true),
            Ok(())
        );
        marks.saw(&b(), DISK, at(3, 20));
        // The same life shows again what it began with.
        assert_eq!(
            marks.present(&b(), DISK, BootId(1), at(3, 10), true),
            Ok(())
        );
        assert_eq!(
            marks.present(&b(), DISK, BootId(2), at(3, 19), true),
            Err(at(3, 20))
        );
        assert_eq!(
            marks.present(&b(), DISK, BootId(2), at(2, 90), true),
            Err(at(3, 20))
        );
        // Refused again and again.
        assert_eq!(
            marks.present(&b(), DISK, BootId(2), at(3, 19), true),
            Err(at(3, 20))
        );
        assert_eq!(
            marks.present(&b(), DISK, BootId(3), at(3, 20), true),
            Ok(())
        );
        // Another folder has promised nothing yet.
        assert_eq!(
            marks.present(&b(), DiskId(8), BootId(4), at(0, 0), true),
            Ok(())
        );
    }

    #[test]
    fn what_an_earlier_life_remembered_is_remembered() {
        let marks = Marks::default();
        assert!(
            marks
                .present(&b(), DISK, BootId(1), at(3, 10), true)
                .is_ok()
        );
        marks.saw(&b(), DISK, at(3, 20));
        let kept = marks.to_keep().expect("there is news");
        assert_eq!(marks.to_keep(), None);
        let text = serde_json::to_vec(&kept).expect("writes");
        let again = Marks::default();
        again.remember_again(serde_json::from_slice(&text).expect("reads"));
        assert!(
            again
                .present(&b(), DISK, BootId(1), at(3, 10), true)
                .is_ok()
        );
        assert!(
            again
                .present(&b(), DISK, BootId(2), at(3, 10), true)
                .is_err()
        );
    }

    /// A member that was restarted remembers how far another had got, whose life goes on: that it began
    /// with nothing, before the cluster was formed, is no step back.
    #[test]
    fn a_life_that_began_before_the_cluster_is_let_in_by_whoever_remembers_it() {
        let marks = Marks::default();
        let empty = DiskMark::default();
        assert_eq!(marks.present(&b(), DISK, BootId(1), empty, false), Ok(()));
        marks.saw(&b(), DISK, at(2, 5));
        let kept = marks.to_keep().expect("there is news");
        let again = Marks::default();
        again.remember_again(kept);
        assert_eq!(again.present(&b(), DISK, BootId(1), empty, true), Ok(()));
        // Its next life must have what it had.
        assert_eq!(
            again.present(&b(), DISK, BootId(2), empty, true),
            Err(at(2, 5))
        );
    }

    /// What may befall a folder that nobody puts back.
    #[derive(Clone, Debug)]
    enum Act {
        /// Another leader, or a candidate, at a higher term.
        Vote,
        /// Entries of the leader it follows.
        Append(u64),
        /// The first entry of a leader takes back what its predecessor had not committed.
        TakeBack(u64),
        /// What it has durably is told.
        Tell,
        /// The process ends and begins again.
        Restart,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            Just(Act::Vote),
            (1..4u64).prop_map(Act::Append),
            (1..4u64).prop_map(Act::TakeBack),
            Just(Act::Tell),
            Just(Act::Restart),
        ]
    }

    proptest! {
        #[test]
        fn a_folder_that_was_left_alone_is_always_let_in(
            acts in prop::collection::vec(act(), 0..60)
        ) {
            let own = Marks::default();
            let peer = Marks::default();
            // The folder: a vote, and a log as the leaders' terms of its entries.
            let (mut term, mut log) = (1u64, Vec::<u64>::new());
            let (mut boot, mut told) = (1u64, Vec::<DiskMark>::new());
            let last = |log: &[u64]| {
                let index = log.len() as u64;
                log.last().map(|term| LogId::new(CommittedLeaderId::new(*term, 1), index))
            };
            own.begin(Some(Vote::new(term, 1)), None);
            for act in acts {
                match act {
                    Act::Vote => {
                        term += 1;
                        own.promised(Vote::new(term, 1));
                    }
                    Act::Append(count) => {
                        log.extend(std::iter::repeat_n(term, count as usize));
                        own.written(last(&log).expect("entries"));
                    }
                    Act::TakeBack(count) => {
                        let ours = log.iter().filter(|of| **of == term).count();
                        if ours == 0 {
                            log.truncate(log.len().saturating_sub(count as usize));
                            own.taken_back();
                        }
                    }
                    Act::Tell => {
                        told.push(own.own());
                        peer.saw(&b(), DISK, own.own());
                    }
                    Act::Restart => {
                        boot += 1;
                        own.begin(Some(Vote::new(term, 1)), last(&log));
                        // A message of the earlier life that was long on its way.
                        if let Some(late) = told.first() {
                            peer.saw(&b(), DISK, *late);
                        }
                        prop_assert_eq!(
                            peer.present(&b(), DISK, BootId(boot), own.own(), true),
                            Ok(())
                        );
                    }
                }
            }
        }
    }
}
