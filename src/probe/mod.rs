//! Looking at endpoints: HTTP, HTTPS, TCP and DNS probes, and the set of them that one member runs.
//!
//! ```text
//!  ProbeSet, a thread and a current-thread runtime of its own
//!    ├─ task per probe ──▶ NetProber ──▶ endpoint
//!    │        └──── Sample ───────────────────────▶ bounded channel ──▶ the daemon's loop
//!    └─ LoopStall: how late do this runtime's timers fire? ──▶ HostHealth ──▶ tilt
//! ```
//!
//! A runtime of its own because a stall of the rest of the daemon must not look like an outage of
//! every endpoint at once, and because a shared pool makes each probe dearer.
//!
//! Invariant: a probe that could not *ask* (no resolver, no socket) is unknown, never failed: only
//! an endpoint can fail.
//! Invariant: every probe ends within its timeout, name resolution, TLS and body included.
//! Invariant: no two samples of one probe are ever taken at the same time.

mod address;
mod check_dns;
mod check_http;
mod check_tcp;
mod host_health;
mod idle;
mod loop_stall;
mod outcome;
mod prober;
mod resolve;
mod schedule;
mod set;
mod tls;

#[cfg(test)]
mod tests;

/// What the spans of probes are told under.
pub const PROBE_SPANS: &str = "failoverd::trace::probe";

pub use host_health::{HostHealth, Tilt};
pub use loop_stall::LoopStall;
pub use prober::NetProber;
pub use set::ProbeSet;
