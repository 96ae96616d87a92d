//! What the users saw, second by second of world time.
//!
//! A request counts in the second in which it was *sent*: that is when its user wanted something,
//! however long the wait was.
//!
//! A second is *down* for reads if more than half of the reads sent in it failed, and likewise for
//! writes. A second in which none was sent is as the one before it was; before the first, all is
//! well. Downtime is the number of such seconds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::Now;

/// What a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Read,
    Write,
}

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A read was answered.
    Read,
    /// The write of this row was acknowledged.
    Wrote { row: u64 },
    /// It failed.
    Failed(Failure),
}

/// Why a request failed, as its user would say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The name resolves to nothing, or the accelerator has nowhere to go.
    Nowhere,
    /// No answer in time.
    NoAnswer,
    /// No connection, or it broke off.
    Broken,
    /// An answer, and not a good one: no nodes, a reader, fenced.
    Refused,
}

/// Requests of one kind in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    pub succeeded: u32,
    pub failed: u32,
}

/// One second of world time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SecondStat {
    pub reads: Count,
    pub writes: Count,
}

/// Seconds in which the product was not usable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Downtime {
    /// How many seconds of world time.
    pub seconds: u64,
    /// The first of them, counted from the users' start.
    pub first_s: Option<u64>,
    /// The first second after the last of them; absent if it lasts to the end.
    pub over_s: Option<u64>,
}

/// Everything counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserTally {
    /// When second 0 began.
    pub started: Now,
    /// Sent and decided. Those still waiting for an answer are not in it yet.
    pub requests: u64,
    pub failed: u64,
    pub failures: BTreeMap<Failure, u64>,
    /// Never sent, for this host had too many waiting: not the product's fault, so not failed.
    pub unsent: u64,
    /// By world second since the start. The last ones of a running tally may still fill up.
    pub series: Vec<SecondStat>,
    /// Rows whose write was acknowledged to a user.
    pub acknowledged: BTreeSet<u64>,
}

impl Count {
    /// How many were sent.
    pub fn sent(&self) -> u32 {
        self.succeeded.saturating_add(self.failed)
    }

    /// How many of a hundred succeeded; `None` if none was sent.
    pub fn success_percent(&self) -> Option<u8> {
        let percent = (u64::from(self.succeeded) * 100).checked_div(u64::from(self.sent()))?;
        u8::try_from(percent).ok()
    }

    fn is_down(&self) -> Option<bool> {
        (self.sent() > 0).then_some(self.failed > self.succeeded)
    }
}

impl SecondStat {
    /// Whether any request of this second failed.
    pub fn has_failures(&self) -> bool {
        self.reads.failed > 0 || self.writes.failed > 0
    }

    fn count_mut(&mut self, operation: Operation) -> &mut Count {
        match operation {
            Operation::Read => &mut self.reads,
            Operation::Write => &mut self.writes,
        }
    }
}

impl UserTally {
    /// Enters one decided request, sent in that second.
    pub fn record(&mut self, second: usize, operation: Operation, outcome: Outcome) {
        if self.series.len() <= second {
            self.series.resize(second + 1, SecondStat::default());
        }
        let count = self.series[second].count_mut(operation);
        self.requests += 1;
        match outcome {
            Outcome::Read => count.succeeded += 1,
            Outcome::Wrote { row } => {
                count.succeeded += 1;
                self.acknowledged.insert(row);
            }
            Outcome::Failed(failure) => {
                count.failed += 1;
                self.failed += 1;
                *self.failures.entry(failure).or_default() += 1;
            }
        }
    }

    /// The seconds in which the product could not be read from.
    pub fn read_downtime(&self) -> Downtime {
        downtime(self.series.iter().map(|second| second.reads))
    }

    /// The seconds in which the product could not be written to.
    pub fn write_downtime(&self) -> Downtime {
        downtime(self.series.iter().map(|second| second.writes))
    }

    /// The first second in which any request failed.
    pub fn first_failed_s(&self) -> Option<u64> {
        let second = self.series.iter().position(SecondStat::has_failures)?;
        u64::try_from(second).ok()
    }

    /// The first second since which every request succeeded; `None` if none ever failed, or the
    /// last second has failures too.
    pub fn all_good_again_s(&self) -> Option<u64> {
        let last = self.series.iter().rposition(SecondStat::has_failures)?;
        (last + 1 < self.series.len())
            .then(|| u64::try_from(last + 1).ok())
            .flatten()
    }

    /// Acknowledged rows that `survives` does not know in the end.
    pub fn lost_writes(&self, survives: impl Fn(u64) -> bool) -> u64 {
        let lost = self.acknowledged.iter().filter(|row| !survives(**row));
        lost.count() as u64
    }
}

fn downtime(counts: impl Iterator<Item = Count>) -> Downtime {
    let mut found = Downtime::default();
    let mut down = false;
    for (second, count) in (0_u64..).zip(counts) {
        let was_down = down;
        down = count.is_down().unwrap_or(was_down);
        if down {
            found.seconds += 1;
            found.first_s.get_or_insert(second);
            found.over_s = None;
        } else if was_down {
            found.over_s = Some(second);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(succeeded: u32, failed: u32) -> Count {
        Count { succeeded, failed }
    }

    #[test]
    fn a_second_is_down_if_more_than_half_of_it_failed() {
        let found = downtime([count(3, 0), count(2, 2), count(1, 2), count(0, 1)].into_iter());
        assert_eq!(
            found,
            Downtime {
                seconds: 2,
                first_s: Some(2),
                over_s: None
            }
        );
    }

    #[test]
    fn a_second_without_requests_is_as_the_one_before_it() {
        let seconds = [
            count(0, 0),
            count(1, 0),
            count(0, 0),
            count(0, 3),
            count(0, 0),
            count(4, 0),
            count(0, 0),
        ];
        assert_eq!(
            downtime(seconds.into_iter()),
            Downtime {
                seconds: 2,
                first_s: Some(3),
                over_s: Some(5)
            }
        );
    }

    #[test]
    fn downtime_spans_from_the_first_to_the_end_of_the_last_stretch() {
        let found = downtime([count(0, 1), count(1, 0), count(0, 1), count(1, 0)].into_iter());
        assert_eq!(
            found,
            Downtime {
                seconds: 2,
                first_s: Some(0),
                over_s: Some(3)
            }
        );
    }

    #[test]
    fn reads_and_writes_are_counted_apart() {
        let mut tally = UserTally::default();
        tally.record(0, Operation::Read, Outcome::Read);
        tally.record(0, Operation::Write, Outcome::Wrote { row: 7 });
        tally.record(2, Operation::Read, Outcome::Read);
        tally.record(2, Operation::Write, Outcome::Failed(Failure::Refused));
        tally.record(3, Operation::Write, Outcome::Wrote { row: 9 });

        assert_eq!((tally.requests, tally.failed), (5, 1));
        assert_eq!(tally.failures, BTreeMap::from([(Failure::Refused, 1)]));
        assert_eq!(tally.series.len(), 4);
        assert_eq!(tally.read_downtime(), Downtime::default());
        assert_eq!(
            tally.write_downtime(),
            Downtime {
                seconds: 1,
                first_s: Some(2),
                over_s: Some(3)
            }
        );
        assert_eq!(tally.first_failed_s(), Some(2));
        assert_eq!(tally.all_good_again_s(), Some(3));
        assert_eq!(tally.lost_writes(|row| row == 9), 1);
    }

    #[test]
    fn it_is_not_good_again_while_the_last_second_has_failures() {
        let mut tally = UserTally::default();
        assert_eq!(tally.all_good_again_s(), None, "nothing ever failed");
        tally.record(1, Operation::Read, Outcome::Failed(Failure::NoAnswer));
        assert_eq!(tally.first_failed_s(), Some(1));
        assert_eq!(tally.all_good_again_s(), None);
    }

    #[test]
    fn a_share_of_nothing_is_no_share() {
        assert_eq!(count(0, 0).success_percent(), None);
        assert_eq!(count(2, 1).success_percent(), Some(66));
        assert_eq!(count(5, 0).success_percent(), Some(100));
    }

    proptest! {
        #[test]
        fn the_tally_adds_up(entries in prop::collection::vec((0_usize..30, 0_u8..4, 0_u64..99), 0..200)) {
            let mut tally = UserTally::default();
            for (second, kind, row) in entries.iter().copied() {
                let (operation, outcome) = match kind {
                    0 => (Operation::Read, Outcome::Read),
                    1 => (Operation::Write, Outcome::Wrote { row }),
                    2 => (Operation::Read, Outcome::Failed(Failure::NoAnswer)),
                    _ => (Operation::Write, Outcome::Failed(Failure::Nowhere)),
                };
                tally.record(second, operation, outcome);
            }
            let sent: u32 = tally.series.iter().map(|s| s.reads.sent() + s.writes.sent()).sum();
            prop_assert_eq!(u64::from(sent), tally.requests);
            prop_assert_eq!(tally.requests, entries.len() as u64);
            prop_assert_eq!(tally.failures.values().sum::<u64>(), tally.failed);
            let length = tally.series.len() as u64;
            for down in [tally.read_downtime(), tally.write_downtime()] {
                prop_assert!(down.seconds <= length);
                prop_assert_eq!(down.seconds > 0, down.first_s.is_some());
                if let (Some(first), Some(over)) = (down.first_s, down.over_s) {
                    prop_assert!(down.seconds <= over - first);
                }
            }
        }
    }
}
