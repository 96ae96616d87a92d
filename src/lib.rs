//! failoverd moves a live application from one AWS Region to another, by itself when it must and on
//! command when asked, and proves on any day that it can.
//!
//! # The map
//!
//! ```text
//!  endpoints ──probe──▶ sample ──detect──▶ vote ══gossip══▶ quorum ──▶ verdict
//!                                                                        │ guards, policy
//!  AWS ◀──actuate── step ◀──engine── run ◀──ledger── plan ◀──runbook── decision
//!   └──────────────── outcome ───────────▶ ledger (journal)
//! ```
//!
//! One direction only. What comes back comes back as a new input to the same loop.
//!
//! | floor | room | what lives there |
//! | --- | --- | --- |
//! | 0 | [`model`] | the words as plain types |
//! | 1 | [`detect`], [`quorum`], [`runbook`], [`run`] | the pure core, each a step of the map |
//! | 1, 5 | [`config`] | the configuration: its types and checks, and its loading |
//! | 2 | [`controller`] | composes the core: `step(now, input) -> effects` |
//! | 3 | [`ports`] | what the shell implements |
//! | 4 | [`probe`], [`actuate`], [`ledger`], [`peer`], [`notify`], [`sandbox`] | I/O |
//! | 5 | [`daemon`] | the loop that performs the effects |
//! | 6 | [`api`] | HTTP: health, metrics |
//! | 7 | [`drill`], [`cli`] | game days; `failoverctl` |
//!
//! A file may use only what stands on a lower floor, or in its own room; `tests/layering.rs` checks.

#![forbid(unsafe_code)]

pub mod actuate;
pub mod api;
pub mod cli;
pub mod config;
pub mod controller;
pub mod daemon;
pub mod detect;
pub mod drill;
pub mod ledger;
pub mod model;
pub mod notify;
pub mod peer;
pub mod ports;
pub mod probe;
pub mod quorum;
pub mod run;
pub mod runbook;
pub mod sandbox;
