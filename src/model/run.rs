//! One execution of a plan, as the ledger keeps it. One enum per step, never several maps.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AppId, BootId, DataLossApproval, DrillId, Epoch, Intent, MemberId, Millis, Plan, PlannedStep,
    RegionId, RunId, RunKind, StepId, Tally, Wall,
};

/// One execution of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub application: AppId,
    pub epoch: Epoch,
    pub plan: Plan,
    pub origin: Origin,
    pub opened_at: Wall,
    pub closed_at: Option<Wall>,
    /// When the last step of the plan came to rest: the end of execution, before the soak.
    pub executed_at: Option<Wall>,
    pub status: RunStatus,
    /// Set once the run is to end without completing; it goes back to `Aborting` after whatever
    /// else may interrupt.
    pub abort: Option<AbortReason>,
    /// How long its goals are re-observed after the last step.
    pub soak: Millis,
    /// Whose word a loss of data needs in this run.
    #[serde(default)]
    pub data_loss_approval: DataLossApproval,
    /// Paused by an operator: no new intent until resumed. Independent of `status`.
    pub paused: Option<Paused>,
    pub steps: BTreeMap<StepId, StepRecord>,
    /// Steps that give back what the run changed, added when it is aborted in time.
    pub restoring: Vec<PlannedStep>,
    /// Drift found while soaking.
    pub findings: Vec<Finding>,
    /// The live game day that it is a part of.
    #[serde(default)]
    pub drill: Option<DrillId>,
}

impl Run {
    /// Whether the run still keeps its application's slot.
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// The planned step of that name, restoring ones included.
    pub fn planned(&self, id: &StepId) -> Option<&PlannedStep> {
        self.plan
            .step(id)
            .or_else(|| self.restoring.iter().find(|s| &s.id == id))
    }

    /// Every step with its record, in the plan's order, restoring ones last.
    pub fn in_order(&self) -> impl Iterator<Item = (&PlannedStep, &StepRecord)> {
        self.plan
            .steps
            .iter()
            .chain(&self.restoring)
            .filter_map(|step| self.steps.get(&step.id).map(|record| (step, record)))
    }

    /// When the step could start: the moment the last of its needs came to rest.
    pub fn ready_at(&self, step: &PlannedStep) -> Wall {
        let principal = step.stands_in_for.iter();
        step.needs
            .iter()
            .chain(principal)
            .filter_map(|need| self.steps.get(need)?.ended_at)
            .fold(self.opened_at, Wall::max)
    }

    /// Whether the promotion was ever about to be sent: after that nothing is decided anew.
    pub fn promotion_intended(&self) -> bool {
        self.in_order()
            .any(|(step, record)| step.intent.is_data_step() && record.attempts > 0)
    }

    /// Whether the data may have been moved, now or later: a promotion was sent, and nothing makes
    /// certain that it came to nothing.
    pub fn may_have_promoted(&self) -> bool {
        self.in_order()
            .any(|(step, record)| step.intent.is_data_step() && record.may_have_written())
    }

    /// The promotions that may land yet, given up before anything came of them: sent by this run, or
    /// found under way, sent by one before it that was given up as well.
    pub fn promotions_given_up(&self) -> impl Iterator<Item = &PlannedStep> {
        self.in_order()
            .filter(|(step, record)| {
                step.intent.is_data_step() && !matches!(record.status, StepStatus::Done { .. })
            })
            .map(|(step, _)| step)
    }

    /// Whether nothing of what the run may have changed is left: all of it was given back, and what
    /// cannot be given back was not touched. A group that was grown harms nobody.
    pub fn gave_everything_back(&self) -> bool {
        self.plan.steps.iter().all(|step| {
            let record = self.steps.get(&step.id);
            if !record.is_some_and(StepRecord::may_have_written) {
                return true;
            }
            match &step.restore {
                None => matches!(step.intent, Intent::ScaleNodegroup { .. }),
                Some(_) => self
                    .steps
                    .get(&step.restoring_id())
                    .is_some_and(|r| matches!(r.status, StepStatus::Done { .. })),
            }
        })
    }

    /// Whether anything was ever about to be written.
    pub fn anything_intended(&self) -> bool {
        self.steps.values().any(|record| record.attempts > 0)
    }
}

/// Why a run exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Origin {
    /// The quorum's decision, with what it stood on.
    Quorum { tally: Tally, evidence: Vec<String> },
    /// A person's.
    Operator { name: String, reason: String },
}

impl Origin {
    /// Whether nobody asked for it.
    pub fn is_automatic(&self) -> bool {
        matches!(self, Self::Quorum { .. })
    }
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum RunStatus {
    Executing,
    /// Open, keeps the slot, starts nothing new.
    NeedsOperator {
        reason: NeedsOperator,
    },
    /// No new step but those that give back; closes when nothing is in flight or unknown.
    Aborting {
        reason: AbortReason,
    },
    /// Executed; its goals are re-observed until `until`.
    Soaking {
        until: Wall,
    },
    Completed,
    Aborted {
        reason: AbortReason,
    },
}

impl RunStatus {
    /// The word used on the command line and in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Executing => "executing",
            Self::NeedsOperator { .. } => "needs_operator",
            Self::Aborting { .. } => "aborting",
            Self::Soaking { .. } => "soaking",
            Self::Completed => "completed",
            Self::Aborted { .. } => "aborted",
        }
    }
}

/// Why a run waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum NeedsOperator {
    StepFailed {
        step: StepId,
        failure: Failure,
    },
    /// A goal that had been reached is no longer so.
    Drift {
        step: StepId,
        seen: String,
    },
    /// The leader is cut off from what it needs, or an inherited run cannot be carried on.
    Inherited {
        detail: String,
    },
}

impl fmt::Display for NeedsOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepFailed { step, failure } => write!(f, "step {step} failed: {failure}"),
            Self::Drift { step, seen } => {
                write!(
                    f,
                    "the goal of step {step} was undone by somebody else: {seen}"
                )
            }
            Self::Inherited { detail } => f.write_str(detail),
        }
    }
}

/// Why a run ended without completing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum AbortReason {
    Operator {
        name: String,
        reason: String,
    },
    /// The votes it was opened on no longer hold, and it had written nothing.
    Stale,
    /// The Region that was to be left is back, by quorum and for the hold-down, before its data was
    /// moved.
    Recovered {
        region: RegionId,
    },
    /// The Region that got more traffic, value by value, did not stay well.
    Worsened {
        region: RegionId,
        detail: String,
    },
    /// A step with `on_failure = "compensate"` failed.
    Compensated {
        step: StepId,
    },
    /// The game day that it was a part of was stopped before its data was moved.
    DrillOver {
        detail: String,
    },
}

impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { name, reason } => write!(f, "aborted by {name}: {reason}"),
            Self::Stale => f.write_str("stale: the Region is no longer agreed to be lost"),
            Self::Recovered { region } => {
                write!(f, "{region} came back before its data was moved")
            }
            Self::Worsened { region, detail } => {
                write!(
                    f,
                    "{region} did not bear the traffic it was given: {detail}"
                )
            }
            Self::Compensated { step } => write!(f, "step {step} failed and was compensated"),
            Self::DrillOver { detail } => write!(f, "its drill was stopped: {detail}"),
        }
    }
}

/// Who paused a run and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Paused {
    pub by: String,
    pub reason: String,
    pub at: Wall,
}

/// What the ledger knows of one step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepRecord {
    pub status: StepStatus,
    /// How many intents there were. 0: nothing was ever about to be written.
    pub attempts: u32,
    pub started_at: Option<Wall>,
    pub ended_at: Option<Wall>,
    /// What was seen before the first write and after the last.
    pub before: Option<String>,
    pub after: Option<String>,
    pub approved_by: Option<String>,
    /// How many of the attempts certainly changed nothing: they were not sent, or refused.
    #[serde(default)]
    pub harmless: u32,
}

impl StepRecord {
    /// Whether anything may have been written, now or later.
    pub fn may_have_written(&self) -> bool {
        self.attempts > self.harmless
    }

    /// A step that nothing has happened to.
    pub fn waiting() -> Self {
        Self {
            status: StepStatus::Waiting,
            attempts: 0,
            started_at: None,
            ended_at: None,
            before: None,
            after: None,
            approved_by: None,
            harmless: 0,
        }
    }
}

/// Where a step stands. The ledger knows these; `Ready`, `Applied` and `Settling` of DESIGN
/// section 6 are the executing member's own view ([`StepActivity`]) and cost no log entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum StepStatus {
    Waiting,
    AwaitingApproval,
    /// A write may be on its way.
    Intent {
        attempt: u32,
        member: MemberId,
        boot: BootId,
        at: Wall,
        variant: Variant,
    },
    /// The write's outcome is not known. Never the same as failed.
    Unknown {
        attempt: u32,
        at: Wall,
        why: String,
        variant: Variant,
    },
    Done {
        wrote: bool,
        partly: bool,
    },
    Skipped {
        why: SkipReason,
    },
    Failed {
        failure: Failure,
    },
}

/// Which of an action's calls an intent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    AsPlanned,
    /// A bounded switchover that has become a failover.
    Escalated,
}

impl StepStatus {
    /// The word used on the command line and in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Intent { .. } => "intent",
            Self::Unknown { .. } => "unknown",
            Self::Done { .. } => "done",
            Self::Skipped { .. } => "skipped",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether a write may be on its way, or its outcome is not known.
    pub fn is_in_flight(&self) -> bool {
        match self {
            Self::Intent { .. } | Self::Unknown { .. } => true,
            Self::Waiting
            | Self::AwaitingApproval
            | Self::Done { .. }
            | Self::Skipped { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// Whether nothing more will happen to the step by itself.
    pub fn is_at_rest(&self) -> bool {
        match self {
            Self::Done { .. } | Self::Skipped { .. } | Self::Failed { .. } => true,
            Self::Waiting | Self::AwaitingApproval | Self::Intent { .. } | Self::Unknown { .. } => {
                false
            }
        }
    }
}

/// Why a step was not performed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// An `else` that was not needed.
    NotNeeded,
    Operator(String),
    /// The run was aborted first.
    Aborted,
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Failure {
    /// AWS (or the hook) said no to the call: it changed nothing, and repeating will not help.
    Refused { code: String, message: String },
    /// The goal was seen to be out of reach: what stands there is not what the plan froze.
    Impossible { code: String, message: String },
    /// The goal was not reached in time.
    TimedOut { seen: String },
    /// In all its time the goal could not be observed.
    Unobservable { why: String },
    /// A TXT of a newer epoch stands there: somebody newer has acted.
    StaleEpoch { seen: u64 },
    /// A step it needs failed, and so did that step's `else`.
    NeedsUnmet { step: StepId },
    /// The person asked said no.
    Declined { by: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "refused ({code}): {message}"),
            Self::Impossible { code, message } => {
                write!(f, "its goal is out of reach ({code}): {message}")
            }
            Self::TimedOut { seen } => {
                write!(f, "its goal was not reached in time; seen last: {seen}")
            }
            Self::Unobservable { why } => write!(f, "unobservable until its timeout: {why}"),
            Self::StaleEpoch { seen } => {
                write!(f, "epoch {seen} stands in the zone: a newer run has acted")
            }
            Self::NeedsUnmet { step } => write!(f, "it needs {step}, which failed"),
            Self::Declined { by } => write!(f, "declined by {by}"),
        }
    }
}

/// Something that is not as a run left it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    pub step: StepId,
    pub text: String,
    pub at: Wall,
}

/// What the executing member is doing about a step right now. Soft state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepActivity {
    Ready,
    Observing,
    Committing,
    Applying,
    Applied,
    Settling,
}

/// A run in one line, for lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    pub id: RunId,
    pub kind: RunKind,
    pub from: RegionId,
    pub to: RegionId,
    pub status: RunStatus,
    pub took: Option<Millis>,
}
