//! Who did what, from where, when and why.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry of `GET /v1/audit`. Each carries the hash of the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// From 1, without gaps.
    pub number: u64,
    pub at: String,
    /// The name of the token or certificate; what was claimed, where nobody is authenticated.
    pub who: String,
    /// `token`, `certificate` or `claimed`.
    pub how: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// The caller's address, and the member that took the call.
    pub from: String,
    pub via: String,
    /// `POST /v1/…`, and which application it was about.
    pub call: String,
    pub application: Option<String>,
    /// As given.
    pub reason: Option<String>,
    /// The body of the call in short.
    pub said: String,
    /// `asked`, `done`, `refused` or `unknown`.
    pub outcome: String,
    /// What came of it: the run's id, the problem's code.
    pub detail: Option<String>,
    /// The number of the entry that asked, for one that tells what came of it.
    pub answers: Option<u64>,
    /// SHA-256 over the entry before and everything above, in hexadecimal.
    pub previous: String,
    pub hash: String,
}
