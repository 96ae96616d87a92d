//! The report as data: DESIGN section 10's `drill --json` object, and what the pictures need.
//!
//! Floating point appears here and nowhere below: these are figures for people and plotting tools.

use serde::{Deserialize, Serialize};

use crate::model::{HoldReason, Objective, Run, Wall};

/// One drill, told.
///
/// The first block of fields is the contract of `drill --json`; what follows it may grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub scenario: String,
    /// Every check and every invariant held.
    pub passed: bool,
    /// How many times faster than real time the world ran.
    pub speed: u32,
    pub clocks: Clocks,
    pub users: Users,
    pub objective: ObjectiveResult,
    pub invariants: Vec<Invariant>,
    /// The last run; `null` where the right thing was to do nothing.
    pub run: Option<RunReport>,

    /// One line about the scenario.
    pub title: String,
    pub description: String,
    /// What makes the faults repeat.
    pub seed: u64,
    /// What had to come of it, in words.
    pub expectation: String,
    /// Each expectation of the scenario, and what was seen instead if it did not hold.
    pub checks: Vec<Check>,
    /// Why nothing was done, or what a person is asked.
    pub hold: Option<Hold>,
    /// Who said what when it was decided, a line per Region.
    pub votes: Vec<String>,
    /// Runs before the last one, such as the switchover that a failback undoes.
    pub earlier_runs: Vec<RunReport>,
    pub timeline: Timeline,
}

/// The four clocks, in world seconds. `null` where there was nothing to time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clocks {
    /// Fault → verdict `down`.
    pub detect_s: Option<f64>,
    /// Verdict `down` → the run is committed.
    pub decide_s: Option<f64>,
    /// The run is committed → its last step is at rest.
    pub execute_s: Option<f64>,
    /// Fault → users whole again; verified, where users never suffered.
    pub total_s: Option<f64>,
}

/// What the application's users met with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Users {
    pub requests: u64,
    pub failed: u64,
    /// World seconds in which reads failed.
    pub read_downtime_s: f64,
    /// World seconds in which writes failed.
    pub write_downtime_s: f64,
    /// Writes that were acknowledged to a user and are not in the database that serves in the end.
    pub lost_writes: u64,
}

/// The runbook's objective, and whether it was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveResult {
    pub rto_s: f64,
    pub rpo_s: f64,
    /// `null` where no run was the right thing: there was nothing to meet it with.
    pub met: Option<bool>,
}

/// One of DESIGN section 11.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invariant {
    pub name: String,
    pub held: bool,
    /// What broke it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// One expectation of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub held: bool,
    pub seen: String,
}

/// A typed reason for not acting, with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub code: String,
    pub reason: String,
    pub remedy: String,
}

impl From<&HoldReason> for Hold {
    fn from(reason: &HoldReason) -> Self {
        Self {
            code: reason.code().to_owned(),
            reason: reason.to_string(),
            remedy: reason.remedy().to_owned(),
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    pub id: String,
    pub status: String,
    pub steps: Vec<StepReport>,
    pub kind: String,
    pub from: String,
    pub to: String,
    pub runbook: String,
    /// World seconds; see the module.
    pub opened_s: f64,
    /// When the last step came to rest.
    pub executed_s: Option<f64>,
    /// Why it waits or was aborted.
    pub reason: Option<String>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    pub id: String,
    pub uses: String,
    pub status: String,
    pub started_s: Option<f64>,
    pub ended_s: Option<f64>,
    /// What it is to do, in a line.
    pub goal: String,
    pub needs: Vec<String>,
    /// How often something was about to be written.
    pub attempts: u32,
    /// What was seen last, or why it failed.
    pub detail: Option<String>,
}

impl RunReport {
    /// Tells a run in seconds after `zero`.
    pub fn new(run: &Run, zero: Wall) -> Self {
        use crate::model::{RunStatus, StepStatus};

        let steps = run
            .in_order()
            .map(|(planned, record)| StepReport {
                id: planned.id.to_string(),
                uses: planned.intent.name().to_owned(),
                status: record.status.as_str().to_owned(),
                started_s: record.started_at.map(|at| seconds_after(zero, at)),
                ended_s: record.ended_at.map(|at| seconds_after(zero, at)),
                goal: planned.intent.to_string(),
                needs: planned.needs.iter().map(ToString::to_string).collect(),
                attempts: record.attempts,
                detail: match &record.status {
                    StepStatus::Failed { failure } => Some(failure.to_string()),
                    StepStatus::Unknown { why, .. } => Some(why.clone()),
                    StepStatus::Waiting
                    | StepStatus::AwaitingApproval
                    | StepStatus::Intent { .. }
                    | StepStatus::Done { .. }
                    | StepStatus::Skipped { .. } => record.after.clone(),
                },
            })
            .collect();
        Self {
            id: run.id.to_string(),
            status: run.status.as_str().to_owned(),
            steps,
            kind: run.plan.kind.to_string(),
            from: run.plan.from.to_string(),
            to: run.plan.to.to_string(),
            runbook: run.plan.runbook.clone(),
            opened_s: seconds_after(zero, run.opened_at),
            executed_s: run.executed_at.map(|at| seconds_after(zero, at)),
            reason: match &run.status {
                RunStatus::NeedsOperator { reason } => Some(reason.to_string()),
                RunStatus::Aborting { reason } | RunStatus::Aborted { reason } => {
                    Some(reason.to_string())
                }
                RunStatus::Executing | RunStatus::Soaking { .. } | RunStatus::Completed => None,
            },
        }
    }
}

impl ObjectiveResult {
    /// Whether `objective` was met by a drill that took `total_s` and lost what was written in
    /// `lost_s`. A drill whose users never became whole has not met it; one that rightly did
    /// nothing is not judged.
    pub fn judge(objective: &Objective, acted: bool, total_s: Option<f64>, lost_s: f64) -> Self {
        let rto_s = millis_to_s(objective.rto.0);
        let rpo_s = millis_to_s(objective.rpo.0);
        Self {
            rto_s,
            rpo_s,
            met: acted.then(|| total_s.is_some_and(|total| total <= rto_s) && lost_s <= rpo_s),
        }
    }
}

/// What the pictures are drawn from. All times in world seconds; see the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The span that is shown.
    pub from_s: f64,
    pub to_s: f64,
    /// One point per world second in which there were requests.
    pub users: Vec<UserPoint>,
    /// Traffic dial of each Region, in percent. Each point holds until the next.
    pub dials: Vec<RegionSeries>,
    /// Nodes in service of each Region, all groups together. Each point holds until the next.
    #[serde(default)]
    pub nodes: Vec<RegionSeries>,
    /// Which Region takes writes; `null`: none does. Two at once read `a + b`.
    pub writer: Vec<Change>,
    /// Which Region the failover name answers; `null`: nothing.
    pub dns: Vec<Change>,
    /// The application's phase.
    pub phases: Vec<Change>,
    /// Which member leads; `null`: none does.
    #[serde(default)]
    pub leaders: Vec<Change>,
    pub marks: Vec<Mark>,
}

/// One second of the users' life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserPoint {
    pub at_s: f64,
    pub reads: u32,
    pub reads_ok: u32,
    pub writes: u32,
    pub writes_ok: u32,
}

/// A number over time, per Region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionSeries {
    pub region: String,
    /// Second and value, in order.
    pub points: Vec<(f64, f64)>,
}

/// From `at_s` on it is `value`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub at_s: f64,
    pub value: Option<String>,
}

/// A moment worth a line through every picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub at_s: f64,
    pub kind: MarkKind,
    /// A few words.
    pub text: String,
}

/// What sort of moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A fault was injected.
    Fault,
    /// A fault was ended.
    Cleared,
    /// A person said something.
    Operator,
    /// The quorum's verdict became `down`.
    Verdict,
    /// A run was committed.
    Decision,
    /// The verifying step was done.
    Verified,
    /// Users were served as before.
    Whole,
    /// Another member leads, or nobody does.
    Leader,
}

impl MarkKind {
    /// The word under a mark.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Cleared => "cleared",
            Self::Operator => "operator",
            Self::Verdict => "verdict",
            Self::Decision => "decision",
            Self::Verified => "verified",
            Self::Whole => "users whole",
            Self::Leader => "leader",
        }
    }
}

/// World seconds from `zero` to `at`; negative before it. Rounded to milliseconds.
pub fn seconds_after(zero: Wall, at: Wall) -> f64 {
    if at >= zero {
        millis_to_s(at.0 - zero.0)
    } else {
        -millis_to_s(zero.0 - at.0)
    }
}

/// Milliseconds as seconds. A drill is far shorter than the 2^53 ms at which this would round.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(super) fn millis_to_s(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
