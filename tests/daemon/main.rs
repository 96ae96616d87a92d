//! The daemon as its users meet it: the real binary as a child process, real sockets, real signals,
//! and an AWS that is emulated in this process.
//!
//! ```text
//!  this process                                  child process
//!  sandbox (AWS) ◀──────────── SDK ────────────── failoverd --config …
//!  product, references ◀────── probes ───────────     │
//!  test ── kill -9, SIGTERM ──▶                        ├─▶ /readyz, /metrics
//!       ◀── exit code, log ────────────────────────────┘
//! ```
//!
//! The child is looked at from outside only. Every wait is for a condition, and bounded.

mod child;
mod cluster;
mod commands;
#[cfg(target_os = "linux")]
mod disk;
mod folder;
mod game_days;
mod kills;
mod ledger;
mod members;
mod metrics;
mod mistakes;
mod operators;
mod outage;
mod readiness;
mod stage;
mod steering;
mod stop;
mod strangers;
mod telling;
mod tls;
mod tracing;
#[allow(dead_code, reason = "shared with tests/hosts")]
mod trio;
mod wait;
mod web;
