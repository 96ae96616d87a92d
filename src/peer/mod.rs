//! Floor 4: the one authenticated port between members. Everything that members say to each other
//! goes through it; what is said is opaque bytes here.
//!
//! ```text
//!  call(b, Votes, …)                                                     handle(a, Votes, …)
//!    │ in flight? too large?                                                  ▲ in flight?
//!    ▼                                                                        │
//!  link a→b, votes ──▶ Hello ─────── TLS 1.3, both sides certified ─────▶ check, admit
//!       (one TCP     ◀── Welcome ────────────────────────────────────────────┘
//!        connection   ──▶ Request id=1 ─────────────────────────────────────▶
//!        per channel  ──▶ Request id=2 ─────────────────────────────────────▶
//!        and          ◀── Reply id=2   ◀── Reply id=1     (in any order)
//!        direction)   ◀─▶ Ping, Pong   (both sides: silence is a lost link)
//! ```
//!
//! A connection per channel, because bytes on one connection wait for each other: a snapshot of many
//! megabytes must delay neither a heartbeat nor a vote.
//!
//! Invariant: nothing of a connection reaches a [`PeerHandler`] before the certificate, the hello and
//! [`PeerHandler::admit`] have all said yes.
//! Invariant: at one time, one life (boot id) of a member speaks. A second one is refused for as long
//! as the first one answers.
//! Invariant: a call's outcome is one of three: answered, not done ([`PeerError::NotSent`],
//! [`PeerError::Refused`]), or unknown.
//! Invariant: every body, queue and wait has a bound, see [`Limits`].
//!
//! All durations here are real, not world time: they protect against this host and this network.

mod accept;
mod bytes;
mod certificate;
mod channel;
mod connection;
mod credentials;
mod dial;
mod error;
mod frame;
mod greet;
mod hello;
mod host_time;
mod net;
mod options;
mod pem;
mod pending;
mod refusal;
mod registry;
mod serving;
mod status;
#[cfg(test)]
mod tests;
mod traffic;
mod warnings;

pub use bytes::understand;
pub(crate) use certificate::{Facts, facts};
pub use channel::Channel;
pub use error::{NotSent, PeerError, PeerStartError, UnknownOutcome};
pub use hello::PeerIdentity;
pub use net::{PeerHandler, PeerNet};
pub use options::{ChannelLimits, Limits, PeerMember, PeerOptions};
pub use pem::PemError;
pub(crate) use pem::{Mark, PemFile, mark};
pub use refusal::Refusal;
pub use status::{CertificateStatus, PeerFault, PeerStatus};
pub use traffic::ChannelTraffic;
