//! Whether a member can trust itself: its event loops ran, and its clocks went together. Pure:
//! readings come in, a judgement goes out.

use std::fmt;
use std::time::Duration;

use crate::model::{Millis, Now};
use crate::ports::Clock;

/// A stall or step of more than this world time is a tilt (DESIGN section 5).
const TILT: Millis = Millis::from_secs(2);

/// The least real time that is a tilt, however fast the world's time runs: an ordinary scheduler
/// hiccup of a busy machine is shorter.
const TILT_FLOOR: Duration = Duration::from_millis(200);

/// Why a member does not trust itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tilt {
    /// An event loop did not run for this long, in real time.
    Stall(Millis),
    /// This much more world time than intended has passed between two rounds: this host was
    /// suspended or frozen.
    Gap(Millis),
    /// The date moved against the steady clock by this much world time, either way.
    ClockStep(Millis),
}

impl fmt::Display for Tilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stall(real) => write!(f, "an event loop stalled for {real}"),
            Self::Gap(world) => write!(f, "this host did not run for {world}"),
            Self::ClockStep(world) => write!(f, "the clock stepped by {world}"),
        }
    }
}

/// Compares each reading of the clocks with the one before.
#[derive(Clone, Debug)]
pub struct HostHealth {
    /// Real time from which a stall of an event loop is a tilt.
    stall: Millis,
    /// World time from which a gap or a step of the clock is a tilt.
    step: Millis,
    last: Option<Now>,
}

impl HostHealth {
    /// With the limits that suit the pace of `clock`.
    pub fn new(clock: &dyn Clock) -> Self {
        let real = clock.real(TILT, TILT_FLOOR);
        // What the floor is in world time: this much real time is so many times TILT.
        let unscaled = clock.real(TILT, Duration::ZERO);
        let step = match unscaled.as_micros() {
            0 => TILT,
            unscaled => {
                let world = u128::from(TILT.0) * real.as_micros() / unscaled;
                Millis(u64::try_from(world).unwrap_or(u64::MAX))
            }
        };
        Self {
            stall: Millis(u64::try_from(real.as_millis()).unwrap_or(u64::MAX)),
            step,
            last: None,
        }
    }

    /// Judges one round. `intended` is the world time that should have passed since the round
    /// before, `stall` the worst real stall of any event loop since then
    /// ([`LoopStall::take`](super::LoopStall::take)).
    pub fn check(&mut self, now: Now, intended: Millis, stall: Millis) -> Option<Tilt> {
        let last = self.last.replace(now);
        if stall > self.stall {
            return Some(Tilt::Stall(stall));
        }
        let last = last?;
        let steady = now.mono.since(last.mono);
        // Signed by hand: `since` stops at zero, and a date may go back.
        let expected = last.wall + steady;
        let step = if now.wall >= expected {
            now.wall.since(expected)
        } else {
            expected.since(now.wall)
        };
        if step > self.step {
            return Some(Tilt::ClockStep(step));
        }
        let gap = Millis(steady.0.saturating_sub(intended.0));
        (gap > self.step).then_some(Tilt::Gap(gap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Mono, Wall};
    use crate::probe::tests::TestClock;

    const ROUND: Millis = Millis(1_000);

    fn at(mono: u64, wall: u64) -> Now {
        Now {
            mono: Mono(mono),
            wall: Wall(1_000_000 + wall),
        }
    }

    fn at_speed(speed: u32) -> HostHealth {
        HostHealth::new(&TestClock::at_speed(speed))
    }

    #[test]
    fn all_is_well_while_clocks_go_together() {
        let mut health = at_speed(1);
        for second in 0..100 {
            let now = at(second * 1_000, second * 1_001);
            assert_eq!(health.check(now, ROUND, Millis(30)), None);
        }
    }

    #[test]
    fn a_stall_longer_than_the_limit_tilts() {
        let mut health = at_speed(1);
        assert_eq!(health.check(at(0, 0), ROUND, Millis(2_000)), None);
        assert_eq!(
            health.check(at(1_000, 1_000), ROUND, Millis(2_001)),
            Some(Tilt::Stall(Millis(2_001)))
        );
    }

    #[test]
    fn the_date_may_not_step_either_way() {
        for (wall, step) in [(4_500, 3_500), (0, 3_000)] {
            let mut health = at_speed(1);
            let start = Now {
                wall: Wall(1_002_000),
                ..at(0, 0)
            };
            let now = Now {
                wall: Wall(1_000_000 + wall + if wall == 0 { 0 } else { 2_000 }),
                ..at(1_000, 0)
            };
            assert_eq!(health.check(start, ROUND, Millis(0)), None);
            assert_eq!(
                health.check(now, ROUND, Millis(0)),
                Some(Tilt::ClockStep(Millis(step)))
            );
            assert_eq!(
                health.check(
                    Now {
                        mono: now.mono + ROUND,
                        wall: now.wall + ROUND
                    },
                    ROUND,
                    Millis(0)
                ),
                None,
                "a step is told once"
            );
        }
    }

    #[test]
    fn a_suspended_host_tilts_though_both_clocks_agree() {
        let mut health = at_speed(1);
        assert_eq!(health.check(at(0, 0), ROUND, Millis(0)), None);
        assert_eq!(
            health.check(at(61_000, 61_000), ROUND, Millis(0)),
            Some(Tilt::Gap(Millis(60_000)))
        );
    }

    #[test]
    fn faster_worlds_keep_the_real_floor() {
        // At 30 times the pace, 200 ms of this host are 6 s of the world.
        let mut health = at_speed(30);
        assert_eq!(health.check(at(0, 0), ROUND, Millis(200)), None);
        assert_eq!(health.check(at(1_000, 6_900), ROUND, Millis(0)), None);
        assert_eq!(
            health.check(at(2_000, 14_100), ROUND, Millis(0)),
            Some(Tilt::ClockStep(Millis(6_200)))
        );
        assert_eq!(
            health.check(at(3_000, 15_100), ROUND, Millis(201)),
            Some(Tilt::Stall(Millis(201)))
        );
    }
}
