//! The host's own clock, for what openraft measures on this host as well: leases and elections. It
//! counts suspend, so that a member that slept knows that its lease is over.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Since the host was started.
pub(super) fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
