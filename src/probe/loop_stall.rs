//! How late the timers of an event loop fire: whether this process gets to run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Millis;

/// Real time between two beats. A stall is measured too short by at most this, so it stays well
/// below what counts as one (200 ms real at the least); twenty wake-ups a second cost nothing.
const BEAT: Duration = Duration::from_millis(50);

/// Watches one event loop. Clones share what they see: one runs [`watch`](Self::watch) on the loop,
/// another asks from anywhere. Real time of the host, on purpose: it is the host that is judged.
#[derive(Clone, Debug, Default)]
pub struct LoopStall {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    last_beat: Option<Instant>,
    worst: Duration,
}

impl LoopStall {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Beats on the event loop on which it is spawned, for ever.
    #[expect(
        clippy::disallowed_methods,
        reason = "stalls of this host are what is measured"
    )]
    pub async fn watch(self) {
        loop {
            self.beat(Instant::now());
            tokio::time::sleep(BEAT).await;
        }
    }

    /// The worst stall since last asked, in real milliseconds, rounded down; one that still goes on
    /// counts as long as it is by now.
    #[expect(
        clippy::disallowed_methods,
        reason = "stalls of this host are what is measured"
    )]
    pub fn take(&self) -> Millis {
        self.take_at(Instant::now())
    }

    fn beat(&self, now: Instant) {
        self.with(|seen| {
            seen.worst = seen.worst.max(seen.lateness(now));
            seen.last_beat = Some(now);
        });
    }

    fn take_at(&self, now: Instant) -> Millis {
        let worst = self.with(|seen| {
            let present = seen.lateness(now);
            std::mem::take(&mut seen.worst).max(present)
        });
        Millis(u64::try_from(worst.as_millis()).unwrap_or(u64::MAX))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        // Two plain values: whole whoever panicked.
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    fn lateness(&self, now: Instant) -> Duration {
        self.last_beat.map_or(Duration::ZERO, |last| {
            now.saturating_duration_since(last).saturating_sub(BEAT)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "stalls of this host are what is measured"
    )]
    fn the_worst_lateness_is_told_once() {
        let stall = LoopStall::new();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(stall.take_at(at(0)), Millis(0), "nothing watched yet");
        for beat in [0, 50, 400, 450] {
            stall.beat(at(beat));
        }
        assert_eq!(stall.take_at(at(460)), Millis(300));
        assert_eq!(stall.take_at(at(470)), Millis(0));
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "stalls of this host are what is measured"
    )]
    fn a_stall_that_goes_on_is_seen_from_outside() {
        let stall = LoopStall::new();
        let start = Instant::now();
        stall.beat(start);
        assert_eq!(
            stall.take_at(start + Duration::from_millis(2_050)),
            Millis(2_000)
        );
        assert_eq!(
            stall.take_at(start + Duration::from_millis(3_050)),
            Millis(3_000)
        );
    }

    #[tokio::test]
    async fn a_blocked_loop_is_seen() {
        let stall = LoopStall::new();
        let watch = tokio::spawn(stall.clone().watch());
        while stall.with(|seen| seen.last_beat.is_none()) {
            tokio::task::yield_now().await;
        }
        // Blocks the only thread of this runtime: that is what is tested.
        std::thread::sleep(Duration::from_millis(120));
        assert!(stall.take() >= Millis(60));
        watch.abort();
    }
}
