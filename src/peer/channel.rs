//! What a connection is for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Each channel has its own connection to each member, so that none waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Heartbeats, elections, log entries.
    Raft,
    /// A replicated state as a whole, in chunks: megabytes that no heartbeat may wait for.
    Snapshot,
    /// What members see.
    Votes,
    /// What a follower forwards to the leader.
    Operator,
}

impl Channel {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Raft, Self::Snapshot, Self::Votes, Self::Operator];

    /// Lower case, as in logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raft => "raft",
            Self::Snapshot => "snapshot",
            Self::Votes => "votes",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
