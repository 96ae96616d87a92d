//! Whether everything a plan will touch is there and may be touched.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an application's last check ended, in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessSummary {
    /// Findings that hold a run, those that warn, and checks that could not be made.
    pub blocking: u32,
    pub warnings: u32,
    pub unknown: u32,
    pub passed: u32,
    /// Absent before the first check.
    pub checked_at: Option<String>,
    pub age_ms: Option<u64>,
}

/// `GET /v1/applications/{application}/check`, and `POST` to check now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessReport {
    pub application: String,
    /// Who looked, and when; absent before the first check.
    pub checked_by: Option<String>,
    pub summary: ReadinessSummary,
    pub findings: Vec<ReadinessFinding>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessFinding {
    /// For programs: stable over versions, such as `dial_endpoints_healthy`.
    pub code: String,
    pub level: ReadinessLevel,
    /// Which Region it is about; absent for what is global.
    pub region: Option<String>,
    /// Which resource or permission.
    pub subject: String,
    /// What was seen.
    pub text: String,
    /// What a person may do about it; absent where all is well.
    pub remedy: Option<String>,
}

/// What follows from a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReadinessLevel {
    Passed,
    /// Could not be looked at.
    Unknown,
    Warning,
    /// A Region with one of these is not ready to be moved to.
    Blocking,
}
