//! Every "no" that a member may say to another, typed, and as it stands on the wire.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Channel;
use crate::model::{BootId, DiskId, DiskMark, MemberId};

/// Why a connection or a call is refused. Said to the other side and logged on both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[error(
        "a member of another cluster: `{theirs}`, not `{ours}`; check `name` under [cluster] and \
         the addresses of the members on both sides"
    )]
    ForeignCluster { ours: String, theirs: String },
    #[error(
        "`{member}` is no member of this cluster; the list of [[member]] must be the same everywhere"
    )]
    UnknownMember { member: MemberId },
    #[error(
        "`{expected}` was called and `{actual}` answers; check the `address` of [[member]] `{expected}`"
    )]
    WrongMember {
        expected: MemberId,
        actual: MemberId,
    },
    #[error(
        "two daemons call themselves `{member}`: life {present} answers while life {refused} wants \
         in; stop one of them, or give it a `[node] id` of its own"
    )]
    DuplicateId {
        member: MemberId,
        present: BootId,
        refused: BootId,
    },
    #[error("its certificate is not good: {why}")]
    Certificate { why: String },
    #[error(
        "its log has schema {theirs} and ours has {ours}: more than one version apart; upgrade one \
         version at a time"
    )]
    Schema { ours: u32, theirs: u32 },
    #[error("it speaks version {theirs} of the members' protocol, and this one version {ours}")]
    Protocol { ours: u32, theirs: u32 },
    #[error("it sent something that cannot be read: {why}")]
    Garbled { why: String },
    #[error("{size} bytes at once, and at most {limit} are taken")]
    TooLarge { size: u64, limit: u64 },
    /// Of [`super::PeerHandler::admit`]: the data folder is not the one that the cluster knows.
    #[error(
        "`{member}` has another data folder ({got}) than the cluster knows ({known}): {remedy}"
    )]
    Disk {
        member: MemberId,
        known: DiskId,
        got: DiskId,
        remedy: String,
    },
    /// Of [`super::PeerHandler::admit`]: the data folder has forgotten what it had promised.
    #[error(
        "the data folder of `{member}` was put back in time: it ends at {got}, and had gone to \
         {known}: {remedy}"
    )]
    PutBack {
        member: MemberId,
        disk: DiskId,
        known: DiskMark,
        got: DiskMark,
        remedy: String,
    },
    #[error("{limit} calls of the {channel} channel are already in flight")]
    Busy { channel: Channel, limit: usize },
    /// Done, but the answer is too long to be told: the caller sees an unknown outcome.
    #[error("its answer is {size} bytes, and at most {limit} may be sent")]
    AnswerTooLarge { size: usize, limit: u32 },
    #[error("it is shutting down")]
    ShuttingDown,
    /// Of the handler itself, in its own words.
    #[error("{message} ({code})")]
    Other { code: String, message: String },
}

impl Refusal {
    /// One word for logs and metrics, stable over versions.
    pub fn code(&self) -> &str {
        match self {
            Self::ForeignCluster { .. } => "foreign_cluster",
            Self::UnknownMember { .. } => "unknown_member",
            Self::WrongMember { .. } => "wrong_member",
            Self::DuplicateId { .. } => "duplicate_id",
            Self::Certificate { .. } => "certificate",
            Self::Schema { .. } => "schema",
            Self::Protocol { .. } => "protocol",
            Self::Garbled { .. } => "garbled",
            Self::TooLarge { .. } => "too_large",
            Self::Disk { .. } => "disk",
            Self::PutBack { .. } => "put_back",
            Self::Busy { .. } => "busy",
            Self::AnswerTooLarge { .. } => "answer_too_large",
            Self::ShuttingDown => "shutting_down",
            Self::Other { code, .. } => code,
        }
    }

    /// Certificates are to be shown again: the authorities have changed.
    pub(super) fn new_authority() -> Self {
        Self::Other {
            code: "new_authority".to_owned(),
            message: "its authorities have changed; everybody shows a certificate again".to_owned(),
        }
    }

    /// As it goes over the wire. The text goes along, so that an older member can show a refusal
    /// that it does not know.
    pub(super) fn encode(&self) -> Bytes {
        let wire = Wire {
            code: self.code().to_owned(),
            message: self.to_string(),
            refusal: serde_json::to_value(self).unwrap_or_default(),
        };
        Bytes::from(serde_json::to_vec(&wire).unwrap_or_default())
    }

    /// Never fails: what cannot be read is a refusal all the same.
    pub(super) fn decode(body: &[u8]) -> Self {
        match serde_json::from_slice::<Wire>(body) {
            Ok(wire) => serde_json::from_value(wire.refusal).unwrap_or(Self::Other {
                code: wire.code,
                message: wire.message,
            }),
            Err(_) => Self::Other {
                code: "unreadable".to_owned(),
                message: "refused, for a reason that cannot be read".to_owned(),
            },
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    code: String,
    message: String,
    #[serde(default)]
    refusal: serde_json::Value,
}
