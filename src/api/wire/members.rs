//! Who the members are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who are the members, as one of them sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberList {
    /// Who answers.
    pub answered_by: String,
    pub leader: Option<String>,
    pub term: u64,
    /// Whether whoever answers leads with a quorum behind it, or hears the one who does.
    pub quorum_reachable: bool,
    pub members: Vec<MemberRow>,
    pub warnings: Vec<ListWarning>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberRow {
    pub id: String,
    pub region: Option<String>,
    /// `host:port` as configured where the answer comes from.
    pub address: Option<String>,
    pub role: Role,
    /// Whether it stands in the `[[member]]` list where the answer comes from.
    pub configured: bool,
    /// How long ago its last byte came; absent for the one that answers.
    pub last_heard_ms: Option<u64>,
    /// Whether every channel to it is open; always true of the one that answers.
    pub connected: bool,
    pub version: Option<String>,
    /// The newest log schema it can read.
    pub schema: Option<u32>,
    pub disk: Disk,
    /// What is wrong with the connection to it.
    pub trouble: Option<String>,
}

/// What a member has to say in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Leader,
    Voter,
    /// It follows, and does not vote yet.
    Learner,
    /// Configured, and not in the log.
    Absent,
}

/// The data folder a member speaks from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disk {
    /// The one on record.
    Known,
    /// Another one: it is not let in.
    Other,
    /// It has not been heard, or none is on record.
    Unknown,
}

/// Something that a person should see to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListWarning {
    /// For programs: stable over versions.
    pub code: String,
    pub text: String,
}

/// The body of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// Who asks for it.
    pub by: String,
}

/// Who decides, after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MembersChanged {
    /// Those who vote.
    pub voters: Vec<String>,
    /// What a person should know about the result.
    pub warning: Option<String>,
}
