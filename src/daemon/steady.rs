//! Dates that do not jump with the host's clock.
//!
//! ```text
//!  host's date   ───────╱ a step          ─────▶ not believed before it has lasted
//!  dates told    ─────────────────────────╱      goes on by the steady clock until then
//! ```
//!
//! A leader's dates become the ledger's, by which cool-downs, timeouts and the end of a soak are
//! counted on every member. A step that is taken back soon (a bad time source, a person's slip) never
//! gets that far; one that is a correction is taken over when it has lasted.
//!
//! Invariant: between two dates told lies the time that has passed on the steady clock, give or take
//! [`SLEW`], but for a step that has lasted [`BELIEVED_AFTER`].

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::{Millis, Mono, Now, Wall};
use crate::ports::Clock;

/// How far the host's date may move against its steady clock from one look to the next: what a tilt
/// allows. Time services slew by less.
const SLEW: Millis = Millis::from_secs(2);

/// A step that has lasted this long is taken for the truth: long enough for a slip to be mended and
/// for another to lead, short enough that a host which was set right is soon of one time with others.
const BELIEVED_AFTER: Millis = Millis::from_mins(5);

/// The host's clock, with dates that do not jump.
#[derive(Debug)]
pub(super) struct SteadyClock {
    host: Arc<dyn Clock>,
    dates: Mutex<Dates>,
}

impl SteadyClock {
    /// From what the host says now.
    pub(super) fn new(host: Arc<dyn Clock>) -> Self {
        let dates = Mutex::new(Dates::new(host.now()));
        Self { host, dates }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Now {
        let read = self.host.now();
        let mut dates = self.dates.lock().unwrap_or_else(PoisonError::into_inner);
        Now {
            mono: read.mono,
            wall: dates.date(read),
        }
    }

    fn real(&self, world: Millis, floor: Duration) -> Duration {
        self.host.real(world, floor)
    }

    fn sleep(&self, world: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.host.sleep(world)
    }
}

/// Turns readings into dates.
#[derive(Debug)]
struct Dates {
    /// The last reading that was believed.
    believed: Now,
    /// A reading that was not, the first of those that agree with each other.
    stepped: Option<Now>,
}

impl Dates {
    fn new(read: Now) -> Self {
        Self {
            believed: read,
            stepped: None,
        }
    }

    fn date(&mut self, read: Now) -> Wall {
        if agree(self.believed, read) {
            self.believed = read;
            self.stepped = None;
            return read.wall;
        }
        let stepped = match self.stepped {
            Some(stepped) if agree(stepped, read) => stepped,
            Some(_) | None => read,
        };
        self.stepped = Some(stepped);
        if read.mono.since(stepped.mono) < BELIEVED_AFTER {
            return expected(self.believed, read.mono);
        }
        tracing::warn!(
            "the step of this host's clock has lasted: its date is believed from here on"
        );
        *self = Self::new(read);
        read.wall
    }
}

/// What the date should be at `mono`, going by an earlier reading.
fn expected(earlier: Now, mono: Mono) -> Wall {
    earlier.wall + mono.since(earlier.mono)
}

/// Whether the date went with the steady clock between two readings.
fn agree(earlier: Now, read: Now) -> bool {
    let expected = expected(earlier, read.mono);
    read.wall.since(expected) <= SLEW && expected.since(read.wall) <= SLEW
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Millis = Millis::from_mins(365 * 24 * 60);

    fn at(secs: u64) -> Now {
        Now {
            mono: Mono(5_000 + secs * 1_000),
            wall: Wall(1_800_000_000_000 + secs * 1_000),
        }
    }

    fn ahead(secs: u64, by: Millis) -> Now {
        let right = at(secs);
        Now {
            wall: right.wall + by,
            ..right
        }
    }

    #[test]
    fn a_step_that_is_taken_back_is_never_told() {
        let mut dates = Dates::new(at(0));
        for secs in 1..200 {
            assert_eq!(dates.date(ahead(secs, YEAR)), at(secs).wall);
        }
        assert_eq!(dates.date(at(200)), at(200).wall);
        // What it lasted before does not count for the next one.
        for secs in 201..500 {
            assert_eq!(dates.date(ahead(secs, YEAR)), at(secs).wall);
        }
    }

    #[test]
    fn a_step_that_lasts_is_believed_either_way() {
        let lasts = BELIEVED_AFTER.0 / 1_000;
        let mut dates = Dates::new(at(0));
        for secs in 1..=lasts {
            assert_eq!(dates.date(ahead(secs, YEAR)), at(secs).wall);
        }
        let secs = lasts + 1;
        assert_eq!(dates.date(ahead(secs, YEAR)), at(secs).wall + YEAR);
        for later in 1..=lasts {
            let secs = secs + later;
            assert_eq!(dates.date(at(secs)), at(secs).wall + YEAR);
        }
        let secs = secs + lasts + 1;
        assert_eq!(dates.date(at(secs)), at(secs).wall);
    }

    #[test]
    fn a_clock_that_wanders_is_believed_only_when_it_has_stood_still() {
        let mut dates = Dates::new(at(0));
        for secs in 1..10_000 {
            let wandering = ahead(secs, Millis::from_mins(secs));
            assert_eq!(dates.date(wandering), at(secs).wall);
        }
    }

    #[test]
    fn a_slew_is_followed() {
        let mut dates = Dates::new(at(0));
        for secs in 1..1_000 {
            let slewed = ahead(secs, Millis(secs * 10));
            assert_eq!(dates.date(slewed), slewed.wall);
        }
    }

    #[test]
    fn readings_out_of_order_do_no_harm() {
        let mut dates = Dates::new(at(0));
        dates.date(at(11));
        assert_eq!(dates.date(at(10)), at(10).wall);
        assert_eq!(dates.date(at(12)), at(12).wall);
    }
}
