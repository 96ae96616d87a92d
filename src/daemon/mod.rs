//! Floor 5: the loop that performs what the core decides, and the only place that names concrete
//! adapters.
//!
//! ```text
//!  probes ──▶ driver ──▶ controller ──▶ performer ──▶ ledger, actuator
//!                │                          ▲
//!             snapshot ──▶ api, drill    watchers
//!
//!  other members ══ cluster ══▶ ledger's messages, gossip (votes), forward (an operator's calls)
//! ```

mod alarm;
pub mod alone;
pub mod clock;
mod cluster;
mod driver;
mod epochs;
mod evacuate;
mod forward;
mod game_day;
mod gossip;
mod live_drill;
pub mod members;
mod news;
mod node;
mod notify;
mod odd_clock;
mod operate;
mod pauses;
mod perform;
mod preflight;
mod readiness;
pub mod snapshot;
pub mod stats;
mod steady;
mod steering;
mod tell;
pub mod trace;
mod watch;

pub use cluster::understand;
pub use driver::Notice;
pub use evacuate::{DEFAULT_PARALLEL, EvacuationAsk};
pub use game_day::stopping_drill;
pub use node::{HostedVantage, Node, NodeError, NodeHandle, NodeOptions};
pub use operate::AskFailed;
pub use readiness::NotChecked;
