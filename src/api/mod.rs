//! Floor 6: what a member tells whoever asks over HTTP, and what may be asked of it.
//!
//! ```text
//!  connection ─serve─▶ pages: /livez /readyz /metrics
//!                 └──▶ /v1 ─gate: who, role, scope, place, key─▶ routes ─┬─ view ◀── Arc<Snapshot>
//!                                                                        └─ Act::perform
//!                                        audit: asked ◀─────────────────────────┤
//!                                        OperatorDesk (the daemon) ◀────────────┤
//!                                        audit: done, refused, unknown ◀────────┘
//! ```
//!
//! To add a route: types in `wire`; what it tells in `view`; the route in a file of its own under
//! `routes`, annotated with `#[utoipa::path]`, and registered there with a [`room::Room`] method, which
//! says its role and its kind: `look` (GET), `ask` (POST that changes nothing), `change` (POST that
//! does), `stream`. A changing route takes an [`act::Act`] of its body (`spoken!` in `routes/spoken.rs`)
//! and has it done with `perform`, the only way to the daemon. The gate has checked role and scope by
//! then: of `{application}` and `{run}` in the path by itself; what stands elsewhere (a body, another
//! `{id}`) the route checks with `Api::application` or `caller.scope`. `api::tests::matrix` fails until
//! the route stands in its table.
//!
//! Health checks from the internet ask a door of their own (`steer`), which tells one word and nothing
//! else: `/steer` is not a route of the API.
//!
//! Nothing here takes a lock of the daemon's loop: in an outage, when the loop is busiest, the answer
//! must still come.
//!
//! Invariant: every connection ends within a fixed time, whatever its client does, and their number
//! is bounded; what takes longer asks for it.
//! Invariant: nothing is changed that is not in the audit first.
//! Invariant: metric names and labels are bounded by configuration and by closed lists of words.

mod access;
mod act;
pub mod automation;
mod bind;
mod desk;
mod document;
pub mod evacuations;
mod gate;
mod members;
mod memory;
mod metrics;
mod page;
mod params;
mod peer;
mod places;
mod problem;
mod room;
mod routes;
mod serve;
mod source;
mod state;
mod steer;
mod tls;
mod traffic;
mod view;
pub mod wire;

#[cfg(test)]
mod tests;

pub use access::{Access, TOKEN_BYTES, TOKEN_PREFIX, TokensError, token_hash, token_of};
pub use bind::{ApiError, bind, bind_for};
pub use desk::OperatorDesk;
pub use problem::Problem;
pub use serve::serve;
pub use source::{ApiSource, Configured, Heartbeat};
pub use steer::{SteerSource, SteerTally, serve_steer};
pub use tls::{ServerTls, TlsError};
pub use view::recorded_audit;
