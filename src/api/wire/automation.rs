//! Steering the daemon.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/automation/pause`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseAutomation {
    /// All applications if absent.
    #[serde(default)]
    pub application: Option<String>,
    pub reason: String,
    /// When it ends by itself. One of `until` and `for_ms` is required: a pause that nobody ends is an
    /// outage that nobody answers.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// In milliseconds: ninety days at the most.
    #[serde(default)]
    pub for_ms: Option<u64>,
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/automation/resume`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeAutomation {
    /// The pause of all applications if absent.
    #[serde(default)]
    pub application: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub by: Option<String>,
}

/// `GET /v1/automation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AutomationReport {
    pub pauses: Vec<AutomationPause>,
    /// The log entry that whoever answers has applied.
    pub applied: u64,
    /// Each member, and whether it has applied what is shown here: `pause-automation --wait` waits
    /// until all have.
    pub members: Vec<Confirmation>,
}

/// Why automation stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AutomationPause {
    /// All applications if absent.
    pub application: Option<String>,
    /// A person's word, or a planned window of the configuration.
    pub planned: bool,
    pub by: String,
    pub reason: String,
    pub since: String,
    pub until: Option<String>,
    pub age_ms: u64,
    pub remaining_ms: Option<u64>,
}

/// How far a member has followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Confirmation {
    pub member: String,
    /// Absent where it is not heard.
    pub applied: Option<u64>,
    pub confirmed: bool,
}
