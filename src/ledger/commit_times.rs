//! How long durable commits took, counted by bounds: one slow fsync a minute must not hide between two
//! looks at the last one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in real microseconds: from a disk with a cache that survives power cuts to one that
/// holds up elections, whose shortest wait is 1.5 s by default.
pub const COMMIT_BOUNDS_US: [u64; 11] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
];

/// Every commit since the ledger was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitTimes {
    /// How many took at most each of [`COMMIT_BOUNDS_US`] and more than the one before; the last were
    /// longer than all of them.
    pub counts: [u64; COMMIT_BOUNDS_US.len() + 1],
    pub sum_us: u64,
}

/// Where they are counted.
#[derive(Debug, Default)]
pub(super) struct CommitClock {
    counts: [AtomicU64; COMMIT_BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl CommitClock {
    /// A commit took so long.
    pub fn took(&self, length: Duration) {
        let us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        let place = COMMIT_BOUNDS_US.partition_point(|bound| *bound < us);
        // One more place than bounds.
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// As it stands.
    pub fn read(&self) -> CommitTimes {
        CommitTimes {
            counts: self
                .counts
                .each_ref()
                .map(|count| count.load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_counts_what_took_as_long() {
        let clock = CommitClock::default();
        for us in [1, 500, 501, 1_000_000, 1_000_001] {
            clock.took(Duration::from_micros(us));
        }
        let read = clock.read();
        assert_eq!(read.counts[0], 2);
        assert_eq!(read.counts[1], 1);
        assert_eq!(read.counts[10], 1);
        assert_eq!(read.counts[11], 1);
        assert_eq!(read.counts.iter().sum::<u64>(), 5);
        assert_eq!(read.sum_us, 2_001_003);
    }
}
