//! What members' ledgers say to each other, as bytes.
//!
//! ```text
//!  request:  version (1 byte) │ schema its entries need (4 bytes, big endian) │ CBOR of Request
//!  answer:   version (1 byte) │ CBOR of Answer
//! ```
//!
//! The schema stands before what an older member could not read: it can then say what is wrong,
//! instead of "garbled".

use std::io::Cursor;

use openraft::error::InstallSnapshotError;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{EntryPayload, LogId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{DiskId, LedgerId};

use super::store::{FIRST_SCHEMA, SCHEMA};
use super::types::{NodeId, TypeConfig};

/// Raise it with every change of the frame or of the messages that an older failoverd would misread.
const VERSION: u8 = 1;

/// Bytes before a request's CBOR.
const HEADER: usize = 5;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// The data folder the receiver is known by. One with another has forgotten its votes.
    pub(super) to_disk: Option<DiskId>,
    /// The ledger that the sender's state is of; nothing before it has one, and from a release that
    /// does not say.
    #[serde(default)]
    pub(super) ledger: Option<LedgerId>,
    pub(super) call: Call,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Call {
    Append(AppendEntriesRequest<TypeConfig>),
    Vote(VoteRequest<NodeId>),
    Snapshot(InstallSnapshotRequest<TypeConfig>),
    /// Would you vote for me? Changes nothing at the receiver.
    Canvass {
        last_log: Option<LogId<NodeId>>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Append(AppendEntriesResponse<NodeId>),
    Vote(VoteResponse<NodeId>),
    Snapshot(Result<InstallSnapshotResponse<NodeId>, InstallSnapshotError>),
    Canvass { yes: bool },
}

/// Bytes that are no message of this version.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the message is cut off after {len} bytes")]
    Short { len: usize },
    #[error(
        "the message is of ledger protocol {found}, this member speaks {VERSION}; run the same or the next release everywhere"
    )]
    Protocol { found: u8 },
    #[error(
        "the message needs log schema {found}, this member knows up to {SCHEMA}; upgrade this member"
    )]
    NewerSchema { found: u32 },
    #[error("the message cannot be read: {why}")]
    Garbled { why: String },
}

pub(super) fn encode_request(request: &Request) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&needs(&request.call).to_be_bytes());
    encode(&mut bytes, request);
    bytes
}

pub(super) fn decode_request(bytes: &[u8]) -> Result<Request, WireError> {
    check_version(bytes)?;
    let (Some(schema), Some(body)) = (bytes.get(1..HEADER), bytes.get(HEADER..)) else {
        return Err(WireError::Short { len: bytes.len() });
    };
    let found = schema
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte));
    if found > SCHEMA {
        return Err(WireError::NewerSchema { found });
    }
    decode(body)
}

/// Whether these bytes are a message of another member's ledger.
pub fn understands(bytes: &[u8]) -> bool {
    decode_request(bytes).is_ok()
}

pub(super) fn encode_answer(answer: &Answer) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    encode(&mut bytes, answer);
    bytes
}

pub(super) fn decode_answer(bytes: &[u8]) -> Result<Answer, WireError> {
    check_version(bytes)?;
    decode(&bytes[1..])
}

/// The oldest schema that knows every entry of the message.
fn needs(call: &Call) -> u32 {
    match call {
        Call::Append(append) => append
            .entries
            .iter()
            .map(|entry| match &entry.payload {
                EntryPayload::Normal(command) => command.since_schema(),
                EntryPayload::Blank | EntryPayload::Membership(_) => FIRST_SCHEMA,
            })
            .max()
            .unwrap_or(FIRST_SCHEMA),
        // A snapshot says its schema itself.
        Call::Snapshot(_) | Call::Vote(_) | Call::Canvass { .. } => FIRST_SCHEMA,
    }
}

fn check_version(bytes: &[u8]) -> Result<(), WireError> {
    match bytes.first() {
        None => Err(WireError::Short { len: 0 }),
        Some(&VERSION) => Ok(()),
        Some(&found) => Err(WireError::Protocol { found }),
    }
}

fn encode<T: Serialize>(bytes: &mut Vec<u8>, message: &T) {
    // Cannot fail: writing to a vector does not, and no type here refuses to be written.
    ciborium::into_writer(message, bytes).expect("the ledger's messages have a CBOR form");
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let mut rest = Cursor::new(bytes);
    let message =
        ciborium::from_reader(&mut rest).map_err(|e| WireError::Garbled { why: e.to_string() })?;
    if rest.position() != bytes.len() as u64 {
        return Err(WireError::Garbled {
            why: "there are bytes behind its end".to_owned(),
        });
    }
    Ok(message)
}
