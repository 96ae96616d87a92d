//! Samples in, votes out: what one member believes, and how sure it may be.
//!
//! ```text
//!              ┌───────────── Vantage ──────────────┐
//!  sample ────▶│ ProbeTrack × probes ─┐             │
//!              │                      ├─ opinion ───│──▶ VoteSheet
//!  sample ────▶│ References ──────────┘             │
//!  tilt ──────▶│ (do I trust myself?)               │
//!              └────────────────────────────────────┘
//! ```
//!
//! A wrong `down` is dear and a wrong `unknown` is cheap: an unknown vote neither agrees nor vetoes.
//! So every doubt about *ourselves* (a stall, no reference target, no fresh evidence, a probe that
//! could not ask) makes the vote `unknown`, and every doubt about *them* makes it `suspect`.
//!
//! Invariant: a `down` vote stands on `fall` failures in a row with no success since, of as many
//! probes as the Region's rule asks for, each of them followed by an answer of a reference target.
//! Invariant: the votes do not depend on the order in which samples of *different* probes arrive.

mod opinion;
mod references;
mod track;
mod vantage;

#[cfg(test)]
mod tests;

pub use track::{Level, ProbeTrack};
pub use vantage::Vantage;
