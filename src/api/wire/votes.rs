//! Who thinks what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/applications/{application}/votes`: one row per Region, one vote per member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoteMatrix {
    pub application: String,
    pub answered_by: String,
    pub at: String,
    /// Every configured member, in their order.
    pub members: Vec<VoteMember>,
    pub regions: Vec<RegionVotes>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoteMember {
    pub id: String,
    pub region: String,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionVotes {
    pub region: String,
    pub verdict: VerdictState,
    pub verdict_for_ms: Option<u64>,
    /// `down` votes from outside, and how many are needed of how many members.
    pub down: u32,
    pub needed: u32,
    pub configured: u32,
    pub votes: Vec<VoteRow>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VoteRow {
    pub member: String,
    /// At home in the Region that is judged: it has no say.
    pub inside: bool,
    /// Absent where the member was never heard.
    pub opinion: Option<Opinion>,
    /// Why it is what it is: `probes`, `tilt`, `isolated`, and so on.
    pub reason: Option<String>,
    /// How old its evidence is.
    pub age_ms: Option<u64>,
    pub failing_for_ms: Option<u64>,
    /// Why it does not count, if it does not: `stale`, `config_differs`, and so on.
    pub unusable: Option<String>,
    pub probes: Vec<ProbeRow>,
}

/// One probe behind a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeRow {
    pub probe: String,
    pub critical: bool,
    pub up: Option<bool>,
    pub failures_in_row: u32,
    pub successes_in_row: u32,
    /// The last failure in words.
    pub last_failure: Option<String>,
    /// How old its newest sample was when the vote was cast.
    pub sample_age_ms: Option<u64>,
}

/// What a member thinks of a Region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    Up,
    Suspect,
    Down,
    Unknown,
}

/// What the quorum makes of the votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictState {
    Up,
    Suspect,
    Down,
    Unknown,
}
