//! Runs: asking for one, steering it, its history.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Plan;

/// Why a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    Failover,
    Switchover,
    Failback,
    /// Of several Regions that serve side by side, one's share is taken away.
    Shift,
    /// Its share is given back.
    Return,
}

/// `POST /v1/applications/{application}/runs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    pub kind: RunKind,
    /// Of a shift: whose share is taken away; the Region that is lost if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where to; chosen like an automatic run's if absent, home for a failback, the Region that was
    /// shifted away for a return.
    #[serde(default)]
    pub to: Option<String>,
    /// Why it is asked for. Required: it stands in the audit and in the run.
    pub reason: String,
    /// Only the plan of this hash is followed: as shown by the dry run. Refused if it has changed.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    pub plan_hash: Option<String>,
    /// Whether unreplicated data may be lost.
    #[serde(default)]
    pub allow_data_loss: bool,
    /// Who asks. Ignored where the caller is authenticated: then it is the token's name.
    #[serde(default)]
    pub by: Option<String>,
}

/// A run has been opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStarted {
    pub run: String,
    pub plan_hash: String,
}

/// A run in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunRow {
    pub id: String,
    pub application: String,
    pub kind: RunKind,
    pub from: String,
    pub to: String,
    /// `executing`, `needs_operator`, `aborting`, `soaking`, `completed` or `aborted`.
    pub status: String,
    /// The status and its reason in words.
    pub summary: String,
    /// `quorum` or a person's name.
    pub origin: String,
    /// Part of a game day: neither alarms nor counts.
    pub drill: bool,
    pub opened_at: String,
    pub executed_at: Option<String>,
    pub closed_at: Option<String>,
    /// From opening to the last step's rest.
    pub took_ms: Option<u64>,
    /// Steps at rest, and all of them.
    pub steps_done: u32,
    pub steps: u32,
}

/// `GET /v1/runs/{run}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    #[serde(flatten)]
    pub row: RunRow,
    pub epoch: u64,
    /// This member's present time, which what is under way is measured to.
    pub at: String,
    pub plan: Plan,
    /// Who asked and why, or what the quorum stood on.
    pub reason: Option<String>,
    pub evidence: Vec<String>,
    pub paused: Option<RunPaused>,
    /// Why nothing new is begun in it.
    pub held: Option<super::Reason>,
    /// What a person may do now: the names of `POST /v1/runs/{run}/{act}`.
    pub may: Vec<String>,
    /// In the plan's order, those that give back last.
    pub progress: Vec<Step>,
    /// Drift found since.
    pub findings: Vec<RunFinding>,
}

/// Who paused a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunPaused {
    pub by: String,
    pub reason: String,
    pub at: String,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    pub id: String,
    /// The action, as in `uses`.
    pub uses: String,
    /// What it is to do, in a line.
    pub goal: String,
    /// `waiting`, `awaiting_approval`, `intent`, `unknown`, `done`, `skipped` or `failed`.
    pub status: String,
    /// What the executing member is doing about it right now, where that is whoever answers.
    pub activity: Option<String>,
    /// Why it failed or was skipped, what is not known, or what was seen last.
    pub detail: Option<String>,
    pub needs: Vec<String>,
    pub attempts: u32,
    pub ready_at: Option<String>,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    pub took_ms: Option<u64>,
    pub timeout_ms: u64,
    pub before: Option<String>,
    pub after: Option<String>,
    pub approved_by: Option<String>,
}

/// Something that is not as a run left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunFinding {
    pub step: String,
    pub text: String,
    pub at: String,
}

/// `POST /v1/runs/{run}/approve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    pub step: String,
    /// `false` declines.
    pub granted: bool,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/runs/{run}/skip` and `/retry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfStep {
    pub step: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/runs/{run}/resume`, `POST /v1/applications/{application}/ack`, and every other act to which
/// a reason may be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/runs/{run}/abort` and `/pause`, and every other act that takes nothing but a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithReason {
    // One that is missing is refused like an empty one, with the remedy.
    #[serde(default)]
    #[schema(required)]
    pub reason: String,
    #[serde(default)]
    pub by: Option<String>,
}

/// `POST /v1/applications/{application}/rejoin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejoin {
    pub region: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub by: Option<String>,
}

/// What came of an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// False for a repetition of what had been done already.
    pub changed: bool,
    /// In words.
    pub text: String,
}

/// One server-sent event of `GET /v1/events`: its `event` is the tag, its `data` this object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum ApiEvent {
    /// The first of every stream, and again after events were missed.
    Status { status: super::Status },
    /// An application's phase, decision or guards have changed.
    Application {
        application: super::ApplicationStatus,
    },
    /// A member's vote has changed its opinion.
    Vote {
        application: String,
        region: String,
        member: String,
        opinion: super::Opinion,
        at: String,
    },
    /// A run was opened, moved or closed, or one of its steps moved.
    Run { run: Run },
}
