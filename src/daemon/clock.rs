//! The one place that asks the host what time it is.
//!
//! ```text
//!  CLOCK_BOOTTIME ──┐                    ┌──▶ Now { mono, wall }   in world time
//!  CLOCK_REALTIME ──┴─▶ Reading ──scale──┤
//!                                        └──▶ sleep, real          back into the host's time
//! ```
//!
//! At the host's own pace both clocks are passed on as they are, so that a step of the wall clock is
//! seen as what it is. A drill's clock runs faster: both world clocks then advance from one start by
//! the same scaled stretch of `CLOCK_BOOTTIME`, and the host's own steps do not reach the drill.
//!
//! Invariant: `mono` never goes backwards and counts suspend.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::model::{Millis, Mono, Now, Wall};
use crate::ports::Clock;

/// How much faster than the host a drill may run. Beyond 60 a world second is shorter than 17 ms,
/// and the scheduling jitter of an ordinary host begins to look like an outage.
pub const SPEEDS: RangeInclusive<u32> = 1..=60;

/// World time, at the host's pace or faster. Copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub struct WorldClock {
    pace: Pace,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    Real,
    Accelerated { speed: u32, start: Reading },
}

/// One raw reading of the host's two clocks.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// `CLOCK_BOOTTIME`, nanoseconds.
    boot_ns: u64,
    /// `CLOCK_REALTIME`, milliseconds since 1970.
    wall_ms: u64,
}

/// A drill was asked to run faster, or slower, than it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("speed {asked} is out of range: choose from {} to {}", SPEEDS.start(), SPEEDS.end())]
pub struct SpeedOutOfRange {
    pub asked: u32,
}

impl WorldClock {
    /// The host's own pace: what the daemon runs by.
    pub const fn real() -> Self {
        Self { pace: Pace::Real }
    }

    /// `speed` world seconds in each real one, beginning now. For drills only.
    ///
    /// # Errors
    ///
    /// If `speed` is not one of [`SPEEDS`].
    pub fn accelerated(speed: u32) -> Result<Self, SpeedOutOfRange> {
        Self::accelerated_from(speed, Reading::take())
    }

    /// World seconds in a real one.
    pub const fn speed(&self) -> u32 {
        match self.pace {
            Pace::Real => 1,
            Pace::Accelerated { speed, .. } => speed,
        }
    }

    fn accelerated_from(speed: u32, start: Reading) -> Result<Self, SpeedOutOfRange> {
        if !SPEEDS.contains(&speed) {
            return Err(SpeedOutOfRange { asked: speed });
        }
        Ok(Self {
            pace: Pace::Accelerated { speed, start },
        })
    }

    fn world(&self, reading: Reading) -> Now {
        match self.pace {
            Pace::Real => Now {
                mono: Mono(reading.boot_ns / NANOS_PER_MILLI),
                wall: Wall(reading.wall_ms),
            },
            Pace::Accelerated { speed, start } => {
                let elapsed_ns = reading.boot_ns.saturating_sub(start.boot_ns);
                // Scaled before it is cut to milliseconds: a world that is 60 times as fast would
                // otherwise move in jumps of 60.
                let elapsed = Millis(elapsed_ns.saturating_mul(u64::from(speed)) / NANOS_PER_MILLI);
                Now {
                    mono: Mono(start.boot_ns / NANOS_PER_MILLI) + elapsed,
                    wall: Wall(start.wall_ms) + elapsed,
                }
            }
        }
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Now {
        self.world(Reading::take())
    }

    fn real(&self, world: Millis, floor: Duration) -> Duration {
        (world.as_duration() / self.speed()).max(floor)
    }

    /// By tokio's timer, which does not count suspend: after one, whoever slept looks at `now`.
    fn sleep(&self, world: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(self.real(world, Duration::ZERO)))
    }
}

impl Reading {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the clock is asked"
    )]
    fn take() -> Self {
        let boot = clock_gettime(COUNTS_SUSPEND);
        // Through the C library, as the rest of the process asks for the date: a test that gives one
        // process another date does it there. A date before 1970 reads as 1970.
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            boot_ns: nanos(boot.tv_sec, boot.tv_nsec),
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

const NANOS_PER_MILLI: u64 = 1_000_000;

#[cfg(any(target_os = "linux", target_os = "android"))]
const COUNTS_SUSPEND: ClockId = ClockId::Boottime;

/// Elsewhere a drill must run too, and on macOS this one does count suspend.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const COUNTS_SUSPEND: ClockId = ClockId::Monotonic;

/// A kernel's time as one number, enough for five hundred years.
fn nanos(secs: i64, nanos: i64) -> u64 {
    let secs = u64::try_from(secs).unwrap_or(0);
    let nanos = u64::try_from(nanos).unwrap_or(0);
    secs.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Reading = Reading {
        boot_ns: 5_000_000_000,
        wall_ms: 1_700_000_000_000,
    };

    fn later(nanos: u64) -> Reading {
        Reading {
            boot_ns: START.boot_ns + nanos,
            wall_ms: START.wall_ms + nanos / NANOS_PER_MILLI,
        }
    }

    #[test]
    fn at_the_hosts_pace_both_clocks_are_the_hosts() {
        let stepped_back = Reading {
            boot_ns: 5_001_999_999,
            wall_ms: 12,
        };
        assert_eq!(
            WorldClock::real().world(stepped_back),
            Now {
                mono: Mono(5_001),
                wall: Wall(12)
            }
        );
    }

    #[test]
    fn an_accelerated_world_starts_at_the_hosts_time_and_gains_on_it() {
        let clock = WorldClock::accelerated_from(30, START).unwrap();
        assert_eq!(
            clock.world(START),
            Now {
                mono: Mono(5_000),
                wall: Wall(1_700_000_000_000)
            }
        );
        assert_eq!(
            clock.world(later(2_000_000_000)),
            Now {
                mono: Mono(65_000),
                wall: Wall(1_700_000_060_000)
            }
        );
    }

    #[test]
    fn accelerated_time_moves_in_single_milliseconds() {
        let clock = WorldClock::accelerated_from(60, START).unwrap();
        assert_eq!(clock.world(later(16_667)).mono, Mono(5_001));
        assert_eq!(clock.world(later(33_334)).mono, Mono(5_002));
    }

    #[test]
    fn a_step_of_the_hosts_wall_clock_does_not_reach_an_accelerated_world() {
        let clock = WorldClock::accelerated_from(10, START).unwrap();
        let stepped = Reading {
            wall_ms: 0,
            ..later(1_000_000_000)
        };
        assert_eq!(
            clock.world(stepped).wall,
            Wall(START.wall_ms) + Millis(10_000)
        );
    }

    #[test]
    fn an_earlier_reading_is_no_time_at_all() {
        let clock = WorldClock::accelerated_from(10, START).unwrap();
        let earlier = Reading {
            boot_ns: 1,
            ..START
        };
        assert_eq!(clock.world(earlier), clock.world(START));
    }

    #[test]
    fn lengths_shrink_by_the_speed_down_to_the_floor() {
        let clock = WorldClock::accelerated_from(30, START).unwrap();
        let floor = Duration::from_millis(50);
        assert_eq!(
            clock.real(Millis(3_000), floor),
            Duration::from_millis(100),
            "above the floor"
        );
        assert_eq!(clock.real(Millis(900), floor), floor, "below the floor");
        assert_eq!(
            WorldClock::real().real(Millis(3_000), floor),
            Duration::from_secs(3)
        );
    }

    #[test]
    fn a_speed_out_of_range_is_refused_with_the_range() {
        for asked in [0, 61] {
            let refusal = WorldClock::accelerated(asked).unwrap_err();
            assert_eq!(refusal, SpeedOutOfRange { asked });
            assert_eq!(
                refusal.to_string(),
                format!("speed {asked} is out of range: choose from 1 to 60")
            );
        }
    }

    #[test]
    fn the_hosts_clocks_are_read_in_the_right_units() {
        let reading = Reading::take();
        let year_2020 = 1_577_836_800_000;
        assert!(
            reading.wall_ms > year_2020,
            "milliseconds: {}",
            reading.wall_ms
        );
        let again = Reading::take();
        assert!(again.boot_ns >= reading.boot_ns);
    }
}
