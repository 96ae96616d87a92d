//! Floor 5: the loop that performs what the core decides, and the only place that names concrete
//! adapters.
//!
//! ```text
//!  probes ──▶ driver ──▶ controller ──▶ performer ──▶ ledger, actuator
//!                │                          ▲
//!             snapshot ──▶ api, drill    watchers
//! ```

pub mod clock;
mod driver;
mod node;
mod perform;
mod preflight;
pub mod snapshot;
pub mod stats;
mod watch;

pub use driver::Notice;
pub use node::{HostedVantage, Node, NodeError, NodeHandle, NodeOptions};
