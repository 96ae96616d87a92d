//! Whether this member's wall clock is the one that is wrong.
//!
//! A step is seen by the host itself; a clock that was wrong from the start is seen only beside others.
//! A leader with such a clock would date the ledger: pauses would be over, cool-downs too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{MemberId, Millis, Mono, Now, Wall};

/// Wall clocks further apart than this are not of one time. Hosts that are kept in step are apart by
/// milliseconds.
const APART: Millis = Millis::from_secs(10);

/// What another's clock said counts for so long.
const FRESH: Millis = Millis::from_secs(15);

/// What the others' clocks say of ours. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct OddClock {
    members: usize,
    heard: Arc<Mutex<BTreeMap<MemberId, (Mono, bool)>>>,
    told: Arc<AtomicBool>,
}

impl OddClock {
    /// Among so many configured members.
    pub fn new(members: usize) -> Self {
        Self {
            members,
            heard: Arc::default(),
            told: Arc::default(),
        }
    }

    /// Another said what time it is, between the question and its answer. Says whether ours is wrong:
    /// more than half of all members contradict it.
    pub fn is_ours(&self, member: &MemberId, asked: Now, theirs: Wall, answered: Now) -> bool {
        let differs = apart(asked.wall, theirs, answered.wall) > APART;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.insert(member.clone(), (answered.mono, differs));
        let against = heard
            .values()
            .filter(|(at, differs)| *differs && answered.mono.since(*at) <= FRESH)
            .count();
        let odd = against * 2 > self.members;
        if self.told.swap(odd, Ordering::AcqRel) != odd {
            let (theirs, ours) = (theirs.0, answered.wall.0);
            if odd {
                tracing::error!(
                    %member, theirs, ours,
                    "this member's clock contradicts those of more than half of the members, in \
                     milliseconds since 1970; it does not trust itself until the clock is set right"
                );
            } else {
                tracing::info!("this member's clock agrees with the others' again");
            }
        }
        odd
    }
}

/// How far theirs is from ours at the least: it was read at some moment in between.
fn apart(from: Wall, theirs: Wall, to: Wall) -> Millis {
    if theirs < from {
        from.since(theirs)
    } else {
        theirs.since(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Now {
        Now {
            mono: Mono(secs * 1_000),
            wall: Wall(1_700_000_000_000 + secs * 1_000),
        }
    }

    fn say(ours: &OddClock, member: &str, asked: u64, ahead: i64, took: u64) -> bool {
        let theirs = at(asked).wall.0.checked_add_signed(ahead * 1_000);
        let theirs = Wall(theirs.expect("after 1970"));
        ours.is_ours(&member.into(), at(asked), theirs, at(asked + took))
    }

    #[test]
    fn the_odd_one_is_whom_more_than_half_contradict() {
        let ours = OddClock::new(3);
        assert!(!say(&ours, "b", 100, -3_600, 0), "one of three");
        assert!(say(&ours, "c", 101, -3_600, 0), "two of three");
        assert!(!say(&ours, "c", 102, 0, 0), "it was mended");
        assert!(say(&ours, "c", 103, 11, 0));
        assert!(!say(&ours, "c", 119, 11, 0), "the other has fallen silent");
    }

    #[test]
    fn an_answer_that_took_long_contradicts_nothing() {
        let ours = OddClock::new(2);
        assert!(!say(&ours, "b", 100, 60, 60));
        assert!(!say(&ours, "b", 200, 0, 60));
        assert!(!say(&ours, "b", 300, 10, 0));
        assert!(!say(&ours, "b", 400, 11, 0), "one against one: who knows");
        let ours = OddClock::new(1);
        assert!(say(&ours, "b", 400, 11, 0));
    }
}
