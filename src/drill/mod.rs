//! Floor 7: game days. A scenario is played in the sandbox against the real daemon, and what came of
//! it is told in a report.
//!
//! ```text
//!  Scenario ──▶ sandbox + daemon ──▶ ProgressEvent ──▶ Progress (terminal)
//!                     │
//!                     └──▶ what was seen ──▶ Expectation::check ──▶ Report (json, md, html)
//! ```

mod cast;
mod direct;
mod faults;
mod fleet;
mod furnish;
mod hourglass;
mod interlude;
mod invariants;
mod member;
mod options;
mod play;
pub mod progress;
mod reigns;
mod relay;
pub mod report;
pub mod scenario;
mod stage;
mod tell;
mod wires;

pub use options::DrillOptions;
pub use play::run;
pub use progress::{Progress, ProgressEvent, SnapshotDiff};
pub use report::Report;
pub use scenario::Scenario;
pub use stage::DrillError;
