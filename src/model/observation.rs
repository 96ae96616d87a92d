//! What comes back from the world: three-valued, because unknown is never failed.

use serde::{Deserialize, Serialize};

use super::Wall;

/// What an observation found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Observation {
    pub goal: Goal,
    /// What was seen, in a line for people: `dial 0 %`, `4 of 6 InService`.
    pub seen: String,
}

/// How the world stands to a goal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Goal {
    Met,
    /// Not the whole goal, but what the step accepts at its timeout (`min_ready_percent`). Nothing
    /// is left to be written.
    PartlyMet,
    /// On its way: nothing is left to be written, wait.
    UnderWay,
    /// A write is needed.
    NotMet,
    /// It can never be met this way, and writing would do harm or be refused.
    Impossible {
        code: String,
        message: String,
    },
    /// A TXT of a newer epoch stands there.
    StaleEpoch {
        seen: u64,
    },
    /// The question was not answered.
    Unobservable {
        why: String,
    },
}

/// What became of a mutating call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CallOutcome {
    /// Accepted. Whether the goal is met is for an observation to say.
    Accepted,
    /// Nothing was changed, and repeating will not help.
    Refused { code: String, message: String },
    /// Nothing was changed *now*: throttled, or something else is under way. Observe, wait, and
    /// make a new attempt.
    Busy { code: String, message: String },
    /// It may or may not have been executed, now or later.
    Unknown { why: String },
    /// Certainly never handed to a socket.
    NotSent { why: String },
}

/// How a CloudWatch alarm stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlarmState {
    Ok,
    /// It has too few datapoints to say anything.
    InsufficientData,
    Raised {
        /// When it went over to this state; CloudWatch always says so, and need not.
        since: Option<Wall>,
        /// In CloudWatch's own words.
        reason: String,
    },
}
