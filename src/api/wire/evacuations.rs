//! Every application out of a Region.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/evacuations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartEvacuation {
    /// The Region to be left.
    pub region: String,
    pub reason: String,
    /// Runs that may be open at the same time; a default if absent.
    #[serde(default)]
    pub parallel: Option<u32>,
    /// Whether unreplicated data may be lost where the Region no longer answers.
    #[serde(default)]
    pub allow_data_loss: bool,
    /// Shows the waves and begins nothing.
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default)]
    pub by: Option<String>,
}

/// `GET /v1/evacuations/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evacuation {
    /// Empty in a dry run.
    pub id: String,
    pub region: String,
    /// `planned`, `running`, `stopped`, `completed` or `needs_operator`.
    pub status: String,
    pub summary: String,
    pub by: String,
    pub reason: String,
    pub parallel: u32,
    /// Whether unreplicated data may be lost where the Region no longer answers.
    #[serde(default)]
    pub allow_data_loss: bool,
    pub begun_at: Option<String>,
    pub ended_at: Option<String>,
    pub applications: Vec<EvacuatedApplication>,
}

/// One application of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvacuatedApplication {
    pub application: String,
    /// From 1; a wave begins when the one before it has executed.
    pub wave: u32,
    pub priority: u32,
    pub to: Option<String>,
    /// `waiting`, `running`, `moved`, `elsewhere`, `held`, `failed` or `stopped`.
    pub status: String,
    pub run: Option<String>,
    /// Why it is held or failed.
    pub reason: Option<super::Reason>,
}
