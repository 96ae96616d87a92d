//! What goes over the wire: the API's own types, which outlive the daemon's. The daemon that answers,
//! the command line and the OpenAPI document share them.
//!
//! ```text
//!  snapshot, ledger ──api──▶ wire types ══ JSON ══▶ failoverctl, the page, whoever reads OpenAPI
//! ```
//!
//! Moments are RFC 3339 text in UTC with milliseconds; lengths of time are integers and say their unit.
//! A client ignores fields that it does not know; a daemon refuses them, because what was asked and not
//! understood must not be taken for done.
//!
//! Invariant: a field is never renamed or given another meaning; new ones are added.

mod applications;
mod audit;
mod automation;
mod drills;
mod evacuations;
mod identity;
mod members;
mod plans;
mod readiness;
mod runs;
mod votes;

pub use applications::*;
pub use audit::*;
pub use automation::*;
pub use drills::*;
pub use evacuations::*;
pub use identity::*;
pub use members::*;
pub use plans::*;
pub use readiness::*;
pub use runs::*;
pub use votes::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of a long list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give it as `after` to read on; absent at the end of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A typed reason for not acting, with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// For programs: stable over versions.
    pub code: String,
    /// For people: what is.
    pub text: String,
    /// For people: what they may do about it.
    pub remedy: String,
}
