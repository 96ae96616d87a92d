//! How a call, or a start, can end badly.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::pem::PemError;
use super::{Channel, Refusal};
use crate::model::MemberId;

/// A call that was not answered. Of three values: not done, refused, or unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Not a byte of it was handed to the network: certainly not done.
    #[error("`{member}` was not called: {why}")]
    NotSent { member: MemberId, why: NotSent },
    /// The other side says no, and has done nothing.
    #[error("`{member}` refuses: {refusal}")]
    Refused { member: MemberId, refusal: Refusal },
    /// Handed to the network, and no answer: done or not, nobody here can tell.
    #[error("whether `{member}` did it is unknown: {why}")]
    Unknown {
        member: MemberId,
        why: UnknownOutcome,
    },
}

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error("it is no other member of this cluster")]
    UnknownMember,
    #[error("there is no connection ({why})")]
    Unreachable { why: String },
    #[error("there was no connection in time")]
    NotConnectedInTime,
    #[error("{limit} calls on the {channel} channel are already waiting for it")]
    Busy { channel: Channel, limit: usize },
    #[error("{size} bytes, and at most {limit} may be sent on the {channel} channel")]
    TooLarge {
        channel: Channel,
        size: usize,
        limit: u32,
    },
    #[error("this daemon is shutting down")]
    ShuttingDown,
}

/// Why an outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownOutcome {
    #[error("no answer in time")]
    Timeout,
    #[error("its answer is {size} bytes, and at most {limit} are taken")]
    AnswerTooLarge { size: usize, limit: u32 },
    #[error("the connection was lost")]
    ConnectionLost,
}

/// Why the peer port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PeerStartError {
    #[error("cannot listen for members on {address}; check `peer` under [node]")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(transparent)]
    File(#[from] PemError),
    #[error(
        "the certificate in `{path}` is for {names}, and this member is `{member}`: it needs \
         `{member}` among its DNS names (subjectAltName)"
    )]
    CertificateName {
        path: PathBuf,
        member: MemberId,
        names: String,
    },
    #[error("TLS cannot be set up: {why}")]
    Tls { why: String },
    #[error(
        "members may talk in plain text on this host only, and {address} is elsewhere; give [tls] \
         ca_file, cert_file and key_file (for a trial: failoverctl dev-certs)"
    )]
    InsecureBeyondLoopback { address: String },
    #[error("`{member}` stands in the member list twice")]
    TwiceInList { member: MemberId },
}
