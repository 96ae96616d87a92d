//! The dry run.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GuardRow, Reason, RunKind};

/// `POST /v1/applications/{application}/plan`. Nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakePlan {
    /// `failover` if absent.
    #[serde(default)]
    pub kind: Option<RunKind>,
    /// Of a shift: whose share is taken away; the Region that is lost if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where to; chosen like an automatic run's if absent, home for a failback, the Region that was
    /// shifted away for a return.
    #[serde(default)]
    pub to: Option<String>,
    /// As if unreplicated data might be lost.
    #[serde(default)]
    pub allow_data_loss: bool,
}

/// What a run would do if it were asked for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanReport {
    pub application: String,
    pub at: String,
    /// Absent where none can be made; `refused` then says why.
    pub plan: Option<Plan>,
    /// Each guard's verdict on a run that a person asks for now.
    pub guards: Vec<GuardRow>,
    /// Whether such a run would be opened.
    pub would_start: bool,
    /// Why it would not.
    pub refused: Vec<Reason>,
    /// For plans with a data step: what would be lost at the most, as last seen.
    pub lag: Option<super::Lag>,
    pub rpo_max_ms: Option<u64>,
}

/// A runbook resolved: every choice is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    pub hash: String,
    pub application: String,
    pub kind: RunKind,
    pub from: String,
    pub to: String,
    pub runbook: String,
    pub epoch: u64,
    pub made_at: String,
    /// On whose word unreplicated data may be lost, in words.
    pub data_loss: Option<String>,
    pub objective_rto_ms: Option<u64>,
    pub objective_rpo_ms: Option<u64>,
    pub steps: Vec<PlanStep>,
    /// The observations it was made from, each with its date.
    pub notes: Vec<PlanNote>,
}

/// One step, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanStep {
    pub id: String,
    pub uses: String,
    pub goal: String,
    /// What it touches; absent for checks, waits and approvals.
    pub resource: Option<String>,
    /// Whether it writes.
    pub writes: bool,
    pub needs: Vec<String>,
    pub timeout_ms: u64,
    /// `hold`, `continue` or `compensate`.
    pub on_failure: String,
    /// The step that is taken after this one failed, and the one this stands in for.
    pub or_else: Option<String>,
    pub stands_in_for: Option<String>,
    pub best_effort: bool,
    /// What stands there now and what will, one line per thing that changes.
    pub changes: Vec<Change>,
}

/// `before` becomes `after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What: a dial, a record set's role, a group's desired size.
    pub what: String,
    /// Absent where it was not seen.
    pub before: Option<String>,
    pub after: String,
}

/// An observation that a plan stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanNote {
    pub text: String,
    pub seen_at: String,
    pub age_ms: u64,
}

/// Why a plan cannot be made or a run not be opened, where there is more than one reason: the
/// `reasons` of a problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    pub reasons: Vec<Reason>,
}
