//! Runbooks: from authored TOML to a graph of steps, and from there to a plan with nothing left open.

mod parse;
pub mod planner;
pub mod spanned;

pub use parse::{ParsedRunbook, parse, parse_runbook, template};
pub use planner::{PlanRequest, plan, topological};
