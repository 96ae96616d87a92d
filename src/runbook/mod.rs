//! Runbooks: from an authored graph of steps to a plan with nothing left open.

pub mod planner;

pub use planner::{PlanRequest, plan, topological};
