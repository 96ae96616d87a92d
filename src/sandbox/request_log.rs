//! Every request the sandbox received, in order: what the real AWS would have in CloudTrail, and
//! what tests count.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{RegionId, Wall};

use super::Service;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedRequest {
    /// Counts from 0.
    pub number: usize,
    /// When it was received whole, in world time.
    pub at: Wall,
    /// Whose access key it was signed with; empty for the one operation that is not signed.
    pub caller: String,
    pub service: Service,
    /// The Region it was signed for.
    pub region: RegionId,
    pub operation: String,
    /// Decoded: an object by the API's own member names.
    pub parameters: Value,
    /// Whether the operation changes anything.
    pub mutating: bool,
    pub execution: Execution,
    pub reply: Reply,
}

/// Whether the operation was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Execution {
    /// Not, or not yet.
    NotExecuted,
    Executed,
    /// The answer is no; nothing was changed.
    Refused {
        code: String,
    },
}

/// What became of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// None yet, or never.
    NotSent,
    /// Handed to the connection, if it was still there.
    Sent,
    /// Lost on purpose.
    Lost,
}
