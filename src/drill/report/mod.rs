//! What a drill leaves behind: one object, told three ways.
//!
//! ```text
//!              ┌─▶ report.json   for programs; also what `drill --json` prints
//!  Report ─────┼─▶ report.md     for a terminal, a pull request, a ticket
//!              └─▶ report.html   for people: one file, pictures inside, nothing fetched
//! ```
//!
//! Every time in a report is in world seconds after the event that the drill is about (the fault,
//! or the operator's word), so that a report of a drill at thirty times speed reads like one of the
//! real thing.

mod board;
mod clocks;
mod clocks_chart;
mod data;
mod files;
mod html;
mod markdown;
mod remote;
mod scale;
mod summary;
mod svg;

pub use clocks::Marks;
pub use data::{
    Change, Check, Clocks, Hold, Invariant, Mark, MarkKind, ObjectiveResult, RegionSeries, Report,
    RunReport, StepReport, Timeline, UserPoint, Users, seconds_after,
};
pub use files::{HTML, JSON, MARKDOWN, WriteReportError, write};
pub use html::render as to_html;
pub use markdown::render as to_markdown;
pub use remote::{
    RemoteCheck, RemoteClocks, RemoteObjective, RemotePrevious, RemoteReport, RemoteRun,
    RemoteStep, write_remote,
};
pub use summary::Summary;
