//! World time for the SDK: its timeouts and back-offs are told in world time and wait in real time.
//!
//! Only here is one turned into the other. Every timeout given to a client is in *world* time, and
//! [`WorldSleep`], the one `sleep_impl` of every client, makes real time of it. SigV4 dates stay
//! real: a service would refuse anything else.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep, TokioSleep};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::model::Millis;
use crate::ports::Clock;

/// The shortest real time that a call may be given: below this *this host's* own scheduling would
/// look like a service that does not answer.
pub(super) const CALL_FLOOR: Duration = Duration::from_millis(50);

/// Attempts of one read. A read is harmless, so that a reset or a throttle need not become an
/// unanswered question; more would outlast the poll that asked.
const READ_ATTEMPTS: u32 = 3;

/// Attempts of one write. A retry is a new write and needs a new proof (and for a promotion the
/// retry's refusal would hide that the first attempt was executed).
const WRITE_ATTEMPTS: u32 = 1;

/// The SDK's `sleep_impl`: sleeps world time.
#[derive(Debug)]
pub(super) struct WorldSleep(pub(super) Arc<dyn Clock>);

impl AsyncSleep for WorldSleep {
    fn sleep(&self, world: Duration) -> Sleep {
        TokioSleep::new().sleep(self.0.real(millis(world), Duration::ZERO))
    }
}

/// How long calls may take, in world time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    attempt: Duration,
}

impl Pace {
    /// From the application's call timeout, lengthened to what takes [`CALL_FLOOR`] of real time.
    pub(super) fn new(clock: &dyn Clock, call_timeout: Millis) -> Self {
        // Asked for a long stretch, because real time of a short one rounds to nothing.
        let stretch = Millis::from_mins(60);
        let real = clock
            .real(stretch, Duration::ZERO)
            .max(Duration::from_nanos(1));
        let floor = CALL_FLOOR.mul_f64(stretch.as_duration().as_secs_f64() / real.as_secs_f64());
        Self {
            attempt: call_timeout.as_duration().max(floor),
        }
    }

    /// World time for one attempt of one call.
    pub(super) fn attempt(&self) -> Duration {
        self.attempt
    }

    /// World time for one STS call, so that three Regions can be asked within one attempt.
    pub(super) fn credentials(&self) -> Duration {
        self.attempt / 3
    }

    /// Bounds of a read. The whole may take two attempts: one that hangs and one that answers.
    pub(super) fn read_timeouts(&self) -> TimeoutConfig {
        self.timeouts(self.attempt * 2)
    }

    /// Bounds of a write.
    pub(super) fn write_timeouts(&self) -> TimeoutConfig {
        self.timeouts(self.attempt)
    }

    /// Retries of a read.
    pub(super) fn read_retries(&self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(READ_ATTEMPTS)
            .with_initial_backoff(self.attempt / 20)
            .with_max_backoff(self.attempt / 4)
    }

    /// No retries of a write.
    pub(super) fn write_retries(&self) -> RetryConfig {
        RetryConfig::standard().with_max_attempts(WRITE_ATTEMPTS)
    }

    fn timeouts(&self, operation: Duration) -> TimeoutConfig {
        TimeoutConfig::builder()
            // Half, so that a connection that is never accepted is told from a slow answer.
            .connect_timeout(self.attempt / 2)
            .read_timeout(self.attempt)
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(operation)
            .build()
    }
}

/// Whole milliseconds, rounded up: a timeout never becomes none.
fn millis(length: Duration) -> Millis {
    Millis(u64::try_from(length.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuate::testing::TestClock;

    #[test]
    fn no_call_is_given_less_than_the_floor_of_real_time() {
        let clock = TestClock::at_speed(30);
        let pace = Pace::new(&clock, Millis(300));
        assert_eq!(pace.attempt(), Duration::from_millis(1_500));
        assert_eq!(
            clock.real(millis(pace.attempt()), Duration::ZERO),
            CALL_FLOOR
        );
        let pace = Pace::new(&clock, Millis::from_secs(6));
        assert_eq!(pace.attempt(), Duration::from_secs(6));
    }

    #[test]
    fn writes_are_sent_once() {
        let pace = Pace::new(&TestClock::at_speed(1), Millis::from_secs(5));
        assert_eq!(pace.write_retries().max_attempts(), 1);
        assert_eq!(pace.read_retries().max_attempts(), READ_ATTEMPTS);
        let write = pace.write_timeouts();
        for bound in [
            write.connect_timeout(),
            write.read_timeout(),
            write.operation_attempt_timeout(),
            write.operation_timeout(),
        ] {
            assert!(bound.is_some_and(|b| b <= Duration::from_secs(5)));
        }
    }
}
