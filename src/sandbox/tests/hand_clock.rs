//! A clock that a test moves by hand.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::{Millis, Mono, Now, Wall};
use crate::ports::Clock;

/// 2026-07-01T00:00:20Z: in the middle of nothing, not on a minute.
const START: Wall = Wall(1_782_864_020_000);

#[derive(Debug)]
pub(super) struct HandClock {
    passed: watch::Sender<u64>,
}

impl HandClock {
    pub(super) fn new() -> Self {
        Self {
            passed: watch::Sender::new(0),
        }
    }

    pub(super) fn advance(&self, by: Millis) {
        self.passed.send_modify(|passed| *passed += by.0);
    }

    pub(super) fn sleepers(&self) -> usize {
        self.passed.receiver_count()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Now {
        let passed = Millis(*self.passed.borrow());
        Now {
            mono: Mono(1_000) + passed,
            wall: START + passed,
        }
    }

    fn real(&self, _world: Millis, floor: Duration) -> Duration {
        floor
    }

    fn sleep(&self, world: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut passed = self.passed.subscribe();
        let due = *passed.borrow() + world.0;
        Box::pin(async move {
            // An error means that the clock is gone, and with it everything that waits.
            let _ended = passed.wait_for(|passed| *passed >= due).await;
        })
    }
}
