//! What happens in a scenario, and when.

use super::{FaultSpec, Place};
use crate::model::{Millis, StepStatus};

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioEvent {
    pub moment: Moment,
    pub deed: Deed,
    /// The drill's clocks count from here. Default: the first event.
    pub clocks_start: bool,
}

/// When it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// World time after the first steady moment.
    At(Millis),
    /// So much world time after the first moment at which the trigger is seen, counted from the
    /// event before this one, so that `run_closed` twice in a file means two runs.
    When { trigger: Trigger, after: Millis },
}

/// Something seen of failoverd that an event waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// `run_opened`
    RunOpened,
    /// `promotion_started`: the sandbox has accepted a promotion.
    PromotionStarted,
    /// `step:<id>:<status>`
    Step { id: String, status: StepWord },
    /// `verified`: the step that verifies (the last `http.check`) is done.
    Verified,
    /// `run_closed`
    RunClosed,
    /// `blocked`: a Region is confirmed down and a guard says no.
    Blocked,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    Inject(FaultSpec),
    /// Ends a fault injected before with the same name and arguments.
    Clear(FaultSpec),
    Operator(OperatorAct),
}

/// What a person does. In a drill the person's name is `drill`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorAct {
    Failover { to: Place, allow_data_loss: bool },
    Switchover { to: Place },
    Failback { to: Place },
    Approve { step: String },
    Decline { step: String },
    Abort { reason: String },
    Pause { reason: String },
    Resume,
    Retry { step: String },
    Skip { step: String },
    Acknowledge,
    Rejoin { region: Place },
}

impl OperatorAct {
    /// The verb as typed in a scenario and on the command line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Failover { .. } => "failover",
            Self::Switchover { .. } => "switchover",
            Self::Failback { .. } => "failback",
            Self::Approve { .. } => "approve",
            Self::Decline { .. } => "decline",
            Self::Abort { .. } => "abort",
            Self::Pause { .. } => "pause",
            Self::Resume => "resume",
            Self::Retry { .. } => "retry",
            Self::Skip { .. } => "skip",
            Self::Acknowledge => "ack",
            Self::Rejoin { .. } => "rejoin",
        }
    }
}

/// A step's status as a scenario names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepWord {
    Waiting,
    AwaitingApproval,
    Intent,
    Unknown,
    /// The goal was met, wholly or partly.
    Done,
    /// The step's timeout came with enough of the goal met.
    DonePartly,
    Skipped,
    Failed,
}

impl StepWord {
    /// Every word, as written.
    pub const ALL: [(&'static str, Self); 8] = [
        ("waiting", Self::Waiting),
        ("awaiting_approval", Self::AwaitingApproval),
        ("intent", Self::Intent),
        ("unknown", Self::Unknown),
        ("done", Self::Done),
        ("done_partly", Self::DonePartly),
        ("skipped", Self::Skipped),
        ("failed", Self::Failed),
    ];

    /// The word as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Intent => "intent",
            Self::Unknown => "unknown",
            Self::Done => "done",
            Self::DonePartly => "done_partly",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    /// The narrowest word for a status.
    pub fn of(status: &StepStatus) -> Self {
        match status {
            StepStatus::Waiting => Self::Waiting,
            StepStatus::AwaitingApproval => Self::AwaitingApproval,
            StepStatus::Intent { .. } => Self::Intent,
            StepStatus::Unknown { .. } => Self::Unknown,
            StepStatus::Done { partly: false, .. } => Self::Done,
            StepStatus::Done { partly: true, .. } => Self::DonePartly,
            StepStatus::Skipped { .. } => Self::Skipped,
            StepStatus::Failed { .. } => Self::Failed,
        }
    }

    /// Whether a step that stands at `status` is what this word asks for.
    pub fn matches(self, status: &StepStatus) -> bool {
        let seen = Self::of(status);
        seen == self || (self == Self::Done && seen == Self::DonePartly)
    }
}
