//! Game days on the real thing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GuardRow, Plan, Reason, RunKind};

/// What a game day does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrillMode {
    /// Makes no mutating call at all.
    Rehearse,
    /// The planned switchover, a soak, and back.
    Live,
}

/// `POST /v1/applications/{application}/drills`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartDrill {
    pub mode: DrillMode,
    /// Where to; chosen like a run's if absent.
    #[serde(default)]
    pub to: Option<String>,
    pub reason: String,
    /// After this long it is ended, and a live one goes back.
    #[serde(default)]
    pub max_duration_ms: Option<u64>,
    /// Live: how long the application stays there before it goes back.
    #[serde(default)]
    pub soak_ms: Option<u64>,
    #[serde(default)]
    pub by: Option<String>,
}

/// `GET /v1/drills/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drill {
    pub id: String,
    pub application: String,
    pub mode: DrillMode,
    /// `running`, `passed`, `failed`, `ended` (a real outage won, or a person stopped it).
    pub status: String,
    /// What it is doing, or what came of it, in words.
    pub summary: String,
    /// Live and under way: `switching`, `soaking` or `returning`.
    #[serde(default)]
    pub phase: Option<String>,
    /// Live: what it ended by, if not by coming home as planned: `probes`, `drift`, `time_up`,
    /// `operator`, `real_outage`, `run_opened`, `refused`, `run_failed` or `restored`.
    #[serde(default)]
    pub cause: Option<String>,
    pub by: String,
    pub reason: String,
    pub from: String,
    pub to: Option<String>,
    pub kind: RunKind,
    pub begun_at: String,
    pub ended_at: Option<String>,
    pub clocks: DrillClocks,
    pub plan: Option<Plan>,
    pub guards: Vec<GuardRow>,
    pub steps: Vec<RehearsedStep>,
    pub checks: Vec<DrillCheck>,
    /// Live: the runs there and back.
    pub runs: Vec<String>,
    /// The drill of this application and mode before this one.
    pub previous: Option<PreviousDrill>,
}

/// What was measured on the live cluster, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillClocks {
    /// From the first made-up failure to the verdict.
    pub detect_ms: Option<u64>,
    /// From the verdict to the decision, guards and hold-down included.
    pub decide_ms: Option<u64>,
    /// From the decision to the plan in hand.
    pub plan_ms: Option<u64>,
    /// Live: of the run there, from its opening to its last step's rest.
    pub execute_ms: Option<u64>,
    /// Live: from arriving to turning home.
    #[serde(default)]
    pub soak_ms: Option<u64>,
    /// Live: of the run back, from its opening to its last step's rest.
    #[serde(default)]
    pub return_ms: Option<u64>,
    /// From the first made-up failure to the end of the last look; of a live one, from its beginning to
    /// its end.
    pub total_ms: Option<u64>,
}

/// What a step of the plan would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RehearsedStep {
    pub id: String,
    pub uses: String,
    pub goal: String,
    /// `would_write`, `already_met`, `would_be_refused`, `unobservable`, or `not_asked` where there is
    /// nothing to look at before the move: a check of the way in, an approval, a wait.
    pub outcome: String,
    /// What was seen.
    pub seen: Option<String>,
    /// Which permissions it needs.
    pub permissions: Vec<String>,
    /// Which control plane, and in which Region.
    pub control_plane: Option<String>,
    /// What would stop it.
    pub obstacles: Vec<Reason>,
}

/// One expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillCheck {
    pub name: String,
    pub held: bool,
    pub seen: String,
}

/// What to compare with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviousDrill {
    pub id: String,
    pub status: String,
    pub ended_at: Option<String>,
    pub clocks: DrillClocks,
}
