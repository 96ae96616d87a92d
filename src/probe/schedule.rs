//! When a probe is due. Pure.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::model::{Millis, Mono};

/// The due times of one probe: start to start, jittered by a tenth so that the probes of many
/// members and applications do not fall into step.
///
/// Invariant: the next due time is later than the present one. Ticks that were missed are skipped.
#[derive(Debug)]
pub(super) struct Schedule {
    rng: StdRng,
    interval: u64,
    due: Mono,
}

impl Schedule {
    /// The first probe is due somewhere within the first interval.
    pub fn new(seed: u64, interval: Millis, now: Mono) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let interval = interval.0.max(1);
        let due = now + Millis(rng.random_range(0..interval));
        Self { rng, interval, due }
    }

    /// When the next probe is due.
    pub fn due(&self) -> Mono {
        self.due
    }

    /// Goes on to the next due time after `now`.
    pub fn advance(&mut self, now: Mono) {
        let tenth = self.interval / 10;
        let step = self
            .rng
            .random_range(self.interval - tenth..=self.interval.saturating_add(tenth));
        let next = self.due + Millis(step);
        self.due = if next > now {
            next
        } else {
            let missed = now.since(next).0 / self.interval + 1;
            next + Millis(self.interval).times(missed)
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn steps_stay_within_a_tenth_when_nothing_is_late(
            seed: u64, interval in 1u64..1_000_000, start in 0u64..1_000_000_000,
        ) {
            let mut schedule = Schedule::new(seed, Millis(interval), Mono(start));
            prop_assert!(schedule.due() < Mono(start + interval));
            for _ in 0..20 {
                let before = schedule.due();
                schedule.advance(before);
                let step = schedule.due().since(before).0;
                prop_assert!(step >= interval - interval / 10 && step <= interval + interval / 10);
            }
        }

        #[test]
        fn missed_ticks_are_skipped_not_bunched(
            seed: u64, interval in 1u64..100_000, late in 0u64..10_000_000,
        ) {
            let mut schedule = Schedule::new(seed, Millis(interval), Mono(0));
            let now = schedule.due() + Millis(late);
            schedule.advance(now);
            prop_assert!(schedule.due() > now);
            prop_assert!(schedule.due().since(now).0 <= interval + interval / 10);
        }
    }

    #[test]
    fn a_seed_repeats_and_two_seeds_differ() {
        let due_times = |seed| {
            let mut schedule = Schedule::new(seed, Millis(5_000), Mono(0));
            (0..5)
                .map(|_| {
                    let due = schedule.due();
                    schedule.advance(due);
                    due
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(due_times(7), due_times(7));
        assert_ne!(due_times(7), due_times(8));
    }
}
