//! Who asked what of the daemon, from where, when, why, and what came of it: a chain in the
//! replicated state.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AppId, MemberId, Wall};

/// One call as whoever took it tells it. Its texts are bounded by `apply`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AuditCall {
    /// The name of the token or certificate; what was claimed, where nobody is authenticated.
    pub who: String,
    /// `token`, `certificate` or `claimed`.
    pub how: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// The caller's address.
    pub from: String,
    /// The member that took the call.
    pub via: MemberId,
    /// `POST /v1/…`.
    pub call: String,
    /// Which application it was about.
    pub application: Option<AppId>,
    /// As given.
    pub reason: Option<String>,
    /// The body of the call in short.
    pub said: String,
    pub outcome: AuditOutcome,
    /// What came of it: the run's id, the problem's code.
    pub detail: Option<String>,
    /// The number of the entry that asked, for one that tells what came of it.
    pub answers: Option<u64>,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// Taken; what comes of it is told by another entry.
    Asked,
    Done,
    Refused,
    /// May or may not have been done.
    Unknown,
}

impl AuditOutcome {
    /// Every value, in the order of a call's life.
    pub const ALL: [Self; 4] = [Self::Asked, Self::Done, Self::Refused, Self::Unknown];

    /// The word used on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for AuditOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// SHA-256 in lower-case hex; empty before the first entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuditHash(pub String);

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AuditEntry {
    /// From 1, without gaps.
    pub number: u64,
    /// In the ledger's time, which never runs backwards.
    pub at: Wall,
    pub call: AuditCall,
    /// Of the entry before; empty for the first.
    pub previous: AuditHash,
    /// Over `previous` and everything above: see `run::audit`.
    pub hash: AuditHash,
}

/// The newest entries, and the chain's head.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Audit {
    /// Oldest first, without gaps; bounded by `run::KEPT_AUDIT`. Shared: a copy of the state, of which
    /// one is made for each batch, copies no text.
    pub entries: VecDeque<Arc<AuditEntry>>,
    /// The number of the newest entry ever written; 0 before the first.
    pub number: u64,
    /// Its hash.
    pub head: AuditHash,
}

impl Audit {
    /// The entries after that number, oldest first. What is older than the ring is not among them.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &Arc<AuditEntry>> {
        let first = self.entries.front().map_or(0, |entry| entry.number);
        let skipped =
            usize::try_from(number.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skipped)
    }
}
