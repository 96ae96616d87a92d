//! Votes in, a decision out: what the members believe together, and whether that is enough to act.
//!
//! ```text
//!  VoteSheet ──hold──▶ Matrix ──judge──▶ Judgement ──Verdicts──▶ Verdict (with `since`)
//!                                                                   │
//!  State, policy ───────────────────────────────────────────▶ evaluate ──▶ 13 rulings
//!                                                                               │
//!                                                                            decide ──▶ Decision
//! ```
//!
//! Every member runs this on its own matrix, so that a hold-down does not start again when the
//! leader changes; only the leader acts on the outcome.
//!
//! Invariant: `Down` needs fresh `down` votes, cast under our own configuration, of more than half
//! of the *configured* members, all at home outside the Region. Silence is never agreement.
//! Invariant: `unknown` neither agrees nor vetoes.
//! Invariant: every "no" is a typed reason; every guard speaks every time, in one order.

mod data;
mod decision;
mod guards;
mod judge;
mod matrix;
mod target;
mod verdicts;
mod window;

#[cfg(test)]
mod tests;

pub use data::{data_loss_grant, lag_before_loss};
pub use decision::decide;
pub use guards::{BRAKE_WINDOW, GuardContext, GuardOrigin, evaluate};
pub use judge::{Judgement, judge, majority};
pub use matrix::Matrix;
pub use target::{candidates, choose_target, looks_down};
pub use verdicts::Verdicts;
pub use window::{OpenWindow, is_open, open_window};
