//! Who asks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a caller may do. Each may do what those before it may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AccessRole {
    /// Look.
    Viewer,
    /// Steer runs and automation of the applications in scope.
    Operator,
    /// Change the cluster itself.
    Admin,
}

/// `GET /v1/whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    pub name: String,
    /// `token`, `certificate` or `claimed`: nobody is authenticated, and only this host may ask.
    pub how: String,
    pub role: AccessRole,
    /// The applications it may see and steer; all of them if absent.
    pub applications: Option<Vec<String>>,
    pub expires_at: Option<String>,
    /// Whether a data loss must be approved by somebody other than who asked for the run.
    pub second_person: bool,
}
