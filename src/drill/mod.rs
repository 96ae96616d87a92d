//! Floor 7: game days. A scenario is played in the sandbox against the real daemon, and what came of
//! it is told in a report.
//!
//! ```text
//!  Scenario ──▶ sandbox + daemon ──▶ ProgressEvent ──▶ Progress (terminal)
//!                     │
//!                     └──▶ what was seen ──▶ Expectation::check ──▶ Report (json, md, html)
//! ```

mod options;
pub mod progress;
pub mod report;
pub mod scenario;

pub use options::DrillOptions;
pub use progress::{Progress, ProgressEvent, SnapshotDiff};
pub use report::Report;
pub use scenario::Scenario;
