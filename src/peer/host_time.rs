//! This host's monotonic clock: how long a peer has been silent, how long a ping took.

use std::time::Instant;

/// This moment, on this host.
#[expect(
    clippy::disallowed_methods,
    reason = "silence and round trips of a real network are measured on this host, never in world time"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
