//! The run: the replicated state's one transition function, and the engine that carries an open run
//! from step to step.
//!
//! ```text
//!   command ──apply──▶ state ──▶ engine ──▶ moves (observe, commit, call) ──▶ the shell
//!                                  ▲                                           │
//!                                  └──────────── what came back ◀──────────────┘
//! ```
//!
//! Invariant: everything that is promised about "never two" is enforced in [`apply`], not in the
//! leader's good behaviour.

mod apply;
mod audit;
mod consent;
mod drill;
mod engine;
mod evacuate;
mod live_drill;
mod members;
mod open;
mod restored;
mod shares;
mod steer;
mod steps;
mod waves;

pub use apply::{KEPT_FINDINGS, KEPT_LAG_SAMPLES, KEPT_RUNS, apply};
pub use audit::{AuditBreak, KEPT_AUDIT, verify_audit};
pub use drill::{KEPT_DRILLS, LONGEST_DRILL, last_completed, last_completed_of};
pub use engine::{Engine, Heard, Move, Timing};
pub use evacuate::{KEPT_EVACUATIONS, MOST_PARALLEL};
pub use steps::{baking, may_call, need_is_met};
pub use waves::{PATIENCE, Turn, all_out, is_out, needs_a_person, turns, under_way, waves};

#[cfg(test)]
mod tests;
