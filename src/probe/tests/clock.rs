//! A clock for tests, at the host's pace or faster.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::model::{Millis, Mono, Now, Wall};
use crate::ports::Clock;

#[derive(Debug)]
pub(in crate::probe) struct TestClock {
    start: Instant,
    speed: u32,
}

impl TestClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test's world runs at this host's pace"
    )]
    pub fn at_speed(speed: u32) -> Self {
        Self {
            start: Instant::now(),
            speed,
        }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let world = self.start.elapsed().as_millis() as u64 * u64::from(self.speed);
        Now {
            mono: Mono(world),
            wall: Wall(1_700_000_000_000 + world),
        }
    }

    fn real(&self, world: Millis, floor: Duration) -> Duration {
        (world.as_duration() / self.speed).max(floor)
    }

    fn sleep(&self, world: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(self.real(world, Duration::ZERO)))
    }
}
