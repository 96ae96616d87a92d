//! What openraft is told about this cluster's words.

use std::io::Cursor;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{Command, Event, MemberId, Rejection};

/// A member's number in the log.
pub type NodeId = u64;

openraft::declare_raft_types!(
    /// The types of this cluster's log.
    pub TypeConfig:
        D = Command,
        R = Reply,
        NodeId = NodeId,
        Node = Peer,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = Cursor<Vec<u8>>,
        Responder = openraft::impls::OneshotResponder<TypeConfig>,
        AsyncRuntime = openraft::TokioRuntime,
);

/// A member's number: stable over its whole life, and the same wherever it is counted.
pub fn node_id(member: &MemberId) -> NodeId {
    let digest = Sha256::digest(member.as_str().as_bytes());
    let number = digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    // 0 is what openraft takes for "nobody yet".
    number.max(1)
}

/// A member as the log names it. Where it is reached is configuration and stays out of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Peer {
    pub member: MemberId,
}

impl Default for Peer {
    /// Nobody: openraft wants a blank node for membership entries made without names.
    fn default() -> Self {
        Self {
            member: MemberId(String::new()),
        }
    }
}

/// What applying one entry gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Applied(Event),
    Rejected(Rejection),
    /// The entry was Raft's own, without a command.
    Nothing,
}
