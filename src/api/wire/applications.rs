//! How things stand: the cluster, and each application with its Regions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AutomationPause, Opinion, ReadinessSummary, Reason, RunRow, VerdictState};

/// `GET /v1/status`: everything in one look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Which member answers, and what it is.
    pub answered_by: String,
    pub region: String,
    pub version: String,
    /// This member's present time, which every age is counted to.
    pub at: String,
    pub cluster: ClusterStatus,
    /// Every pause of automation that is in force, and every planned window that is open.
    pub pauses: Vec<AutomationPause>,
    /// What a person should see to, the most urgent first.
    pub warnings: Vec<Warning>,
    pub applications: Vec<ApplicationStatus>,
}

/// Who decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatus {
    pub leader: Option<String>,
    pub term: u64,
    /// Whether whoever answers leads with a quorum behind it, or hears the one who does.
    pub quorum_reachable: bool,
    /// The alarm: for longer than an election takes, no quorum has been seen from here.
    pub quorum_lost: bool,
    /// Members with a vote, and those of them that are heard, whoever answers included.
    pub voters: u32,
    pub heard: u32,
    /// Whether this member does its part, and why not.
    pub ready: bool,
    pub unready: Vec<String>,
}

/// Something that a person should see to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// For programs: stable over versions.
    pub code: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Which application it is about; absent if about the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
}

/// One application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationStatus {
    pub name: String,
    /// Where it serves from, and where it is at home.
    pub active: String,
    pub home: String,
    /// `steady`, `suspect`, `confirmed`, `blocked`, `planned`, `executing`, `soaking`, `cool_down` or
    /// `needs_operator`.
    pub phase: String,
    /// The phase and its reason in words.
    pub summary: String,
    /// Why nothing is done, or what a person is asked.
    pub reasons: Vec<Reason>,
    /// `automatic` or `ask`.
    pub automation: String,
    pub epoch: u64,
    pub regions: Vec<RegionStatus>,
    pub open_run: Option<RunRow>,
    pub last_run: Option<RunRow>,
    /// Automatic runs of the last day, and how many the brake allows.
    pub automatic_runs: u32,
    pub brake: u32,
    pub brake_latched: bool,
    /// How much of the cool-down is left.
    pub cool_down_ms: Option<u64>,
    pub readiness: ReadinessSummary,
    pub last_drill: Option<LastDrill>,
}

/// The last game day of an application that came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastDrill {
    pub id: String,
    /// `rehearse` or `live`.
    pub mode: String,
    pub passed: bool,
    pub ended_at: String,
    pub age_ms: u64,
}

/// One Region of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionStatus {
    pub name: String,
    /// `active` or `standby`: what it is for when all is well.
    pub role: String,
    /// Whether users are meant to be served from there.
    pub serves: bool,
    /// Its part of the users in percent, where several Regions serve side by side.
    #[serde(default)]
    pub share: Option<u8>,
    /// The run that has taken its share away; until a return gives it back.
    #[serde(default)]
    pub away_by: Option<String>,
    /// What the quorum makes of the votes, and for how long.
    pub verdict: VerdictState,
    pub verdict_for_ms: Option<u64>,
    /// What each member says, by member; those that were never heard are missing.
    pub opinions: Vec<MemberOpinion>,
    /// Set while it is no candidate.
    pub quarantined_since: Option<String>,
    /// The traffic dial in percent, as last read or written by a run.
    pub dial: Option<u8>,
    /// `PRIMARY` or `SECONDARY`, or `weight 60`, as last read.
    pub dns_role: Option<String>,
    /// `open` or `closed`: what `/steer` tells health checks of it, and whether a run has said so; by
    /// its role otherwise.
    #[serde(default)]
    pub steer: Option<String>,
    #[serde(default)]
    pub steered: bool,
    /// Whether the database's writer is there, as far as is known.
    pub writer: Option<bool>,
    /// The newest sample of its replica's lag.
    pub lag: Option<Lag>,
    pub nodegroups: Vec<NodegroupStatus>,
    /// How old the reading of traffic is.
    pub traffic_age_ms: Option<u64>,
}

/// What one member says of a Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberOpinion {
    pub member: String,
    pub opinion: Opinion,
}

/// How far a replica was behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lag {
    pub lag_ms: u64,
    pub at: String,
    pub age_ms: u64,
}

/// The last recorded size of a node group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodegroupStatus {
    /// `cluster/name`.
    pub name: String,
    pub desired: u32,
    pub min: u32,
    pub max: u32,
    pub ready: Option<u32>,
    pub age_ms: u64,
}

/// `GET /v1/applications/{application}/why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    pub application: String,
    pub answered_by: String,
    pub leads: bool,
    pub at: String,
    pub active: String,
    pub phase: String,
    pub summary: String,
    /// `act`, `hold`, `ask`, or absent where nothing is to be decided.
    pub decision: Option<String>,
    pub reasons: Vec<Reason>,
    /// The last ruling of each guard, while a Region is confirmed.
    pub guards: Vec<GuardRow>,
    pub votes: super::VoteMatrix,
}

/// What one guard says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuardRow {
    pub guard: String,
    pub ruling: Ruling,
    pub reason: Option<Reason>,
}

/// The values of a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    Pass,
    /// Does not bind here, but should be known.
    Warn,
    /// Do not act; it may pass by itself.
    Hold,
    /// Do not act without a person's word.
    Ask,
}
