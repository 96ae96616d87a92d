//! Floor 6: what a member tells whoever asks over HTTP: whether it lives, whether it is ready, its
//! metrics; and who the members are, which an operator may change here.
//!
//! ```text
//!  daemon ──Arc<Snapshot>──watch──┐
//!         ──Stats────────────────┼─▶ ApiSource ──▶ routes ──▶ /livez /readyz /metrics
//!         ──heartbeat────────────┤                     /v1/members
//!         ◀─MemberDesk───────────┘
//! ```
//!
//! Nothing here takes a lock of the daemon's loop: in an outage, when the loop is busiest, the answer
//! must still come.
//!
//! Invariant: every connection ends within a fixed time, whatever its client does, and their number
//! is bounded.
//! Invariant: metric names and labels are bounded by configuration and by closed lists of words.

pub mod automation;
mod bind;
pub mod evacuations;
mod members;
mod metrics;
mod page;
mod problem;
mod routes;
mod serve;
mod source;
mod traffic;
pub mod wire;

#[cfg(test)]
mod tests;

pub use bind::{ApiError, bind};
pub use members::MemberDesk;
pub use problem::Problem;
pub use serve::serve;
pub use source::{ApiSource, Configured, Heartbeat};
