//! Against real servers on loopback.

mod clock;

pub(super) use clock::TestClock;
