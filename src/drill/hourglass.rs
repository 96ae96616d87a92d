//! One member's own time in a drill: the world's, but it can be stepped, and the member's threads can
//! be made to stand still.
//!
//! ```text
//!  world clock ──▶ + step (wall only) ──▶ now
//!                          └ brake on? the asking thread waits here, as under SIGSTOP
//! ```
//!
//! Threads cannot be stopped from outside: one that holds a lock of the whole process, the
//! allocator's for instance, would stop every other. So they stop where they ask for the time, and
//! nothing a member does goes far without asking; its runtime's only worker stops besides, see
//! [`Member::freeze`](super::member::Member::freeze). Time itself goes on.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::{Millis, Now, Wall};
use crate::ports::Clock;

/// What makes every thread of one life of a member stand still.
#[derive(Debug, Default)]
pub(super) struct Brake {
    hold: Mutex<Hold>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hold {
    #[default]
    Off,
    On,
    /// The member is killed: its threads end where they stand.
    Ended,
}

/// What a thread of a killed member unwinds with.
struct Killed;

impl Brake {
    /// Every thread of the member stands still where it passes next.
    pub fn pull(&self) {
        let mut hold = self.lock();
        if *hold == Hold::Off {
            *hold = Hold::On;
        }
    }

    /// They go on.
    pub fn release(&self) {
        let mut hold = self.lock();
        if *hold == Hold::On {
            *hold = Hold::Off;
        }
        self.changed.notify_all();
    }

    /// They end where they stand, or where they pass next.
    pub fn end(&self) {
        *self.lock() = Hold::Ended;
        self.changed.notify_all();
    }

    /// Whether they stand still.
    pub fn is_on(&self) -> bool {
        *self.lock() == Hold::On
    }

    /// Blocks the calling thread while the brake is on, and unwinds it once the member is killed.
    pub fn pass(&self) {
        let hold = self
            .changed
            .wait_while(self.lock(), |hold| *hold == Hold::On)
            .unwrap_or_else(PoisonError::into_inner);
        let ended = *hold == Hold::Ended;
        drop(hold);
        if ended && !std::thread::panicking() {
            // Without the panic hook: nothing went wrong.
            std::panic::resume_unwind(Box::new(Killed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Hold> {
        // One plain value: whole whoever panicked.
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clock of one life of a member.
#[derive(Clone, Debug)]
pub(super) struct MemberClock {
    world: Arc<dyn Clock>,
    /// World milliseconds that this host's date is ahead of everybody's. Outlives a restart.
    step: Arc<AtomicI64>,
    brake: Arc<Brake>,
}

impl MemberClock {
    /// A clock that goes with `world` but for `step`, and stands with `brake`.
    pub fn new(world: Arc<dyn Clock>, step: Arc<AtomicI64>, brake: Arc<Brake>) -> Self {
        Self { world, step, brake }
    }
}

impl Clock for MemberClock {
    fn now(&self) -> Now {
        self.brake.pass();
        let now = self.world.now();
        let step = self.step.load(Ordering::SeqCst);
        Now {
            mono: now.mono,
            wall: Wall(now.wall.0.saturating_add_signed(step)),
        }
    }

    fn real(&self, world: Millis, floor: Duration) -> Duration {
        self.world.real(world, floor)
    }

    fn sleep(&self, world: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.world.sleep(world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::clock::WorldClock;

    fn clock() -> (MemberClock, Arc<AtomicI64>, Arc<Brake>) {
        let (step, brake) = (Arc::<AtomicI64>::default(), Arc::<Brake>::default());
        let clock = MemberClock::new(
            Arc::new(WorldClock::real()),
            Arc::clone(&step),
            Arc::clone(&brake),
        );
        (clock, step, brake)
    }

    #[test]
    fn a_step_moves_the_date_and_not_the_age_of_things() {
        let (clock, step, _) = clock();
        let before = clock.now();
        step.store(-3_600_000, Ordering::SeqCst);
        let after = clock.now();
        assert!(after.wall < before.wall);
        assert!(after.mono >= before.mono);
    }

    #[test]
    fn a_thread_stands_still_until_the_brake_is_released() {
        let (clock, _, brake) = clock();
        brake.pull();
        assert!(brake.is_on());
        let (told, heard) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            told.send("before").unwrap();
            clock.now();
            told.send("after").unwrap();
        });
        assert_eq!(heard.recv(), Ok("before"));
        assert!(heard.try_recv().is_err());
        brake.release();
        assert_eq!(heard.recv(), Ok("after"));
        thread.join().unwrap();
    }

    #[test]
    fn a_killed_members_thread_ends_where_it_stands() {
        let (clock, _, brake) = clock();
        brake.pull();
        let thread = std::thread::spawn(move || clock.now());
        brake.end();
        assert!(thread.join().unwrap_err().is::<Killed>());
        brake.release();
        let (other, _, _) = self::clock();
        assert!(
            std::thread::spawn({
                let brake = Arc::clone(&brake);
                move || MemberClock::new(Arc::new(other), Arc::default(), brake).now()
            })
            .join()
            .is_err(),
            "for good"
        );
    }
}
