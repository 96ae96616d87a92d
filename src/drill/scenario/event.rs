//! What happens in a scenario, and when.

use std::fmt;

use serde::Deserialize;

use super::{FaultSpec, Place};
use crate::model::{Millis, StepId, StepStatus};

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
    /// `confirmed`: the Region that serves is agreed to be lost.
    Confirmed,
    /// `rested`: no run is open.
    Rested,
    /// `leader_changed`: another member leads than when the event before came.
    LeaderChanged,
    /// `member_frozen`: a member that was to stand still before a call does.
    MemberFrozen,
    /// `call_held`: a call that is held has been received.
    CallHeld,
    /// `live_drill_soaks`: a live drill has arrived and stays.
    LiveDrillSoaks,
}

impl Trigger {
    /// Those that are one word, as written.
    pub const WORDS: [(&'static str, Self); 11] = [
        ("run_opened", Self::RunOpened),
        ("promotion_started", Self::PromotionStarted),
        ("verified", Self::Verified),
        ("run_closed", Self::RunClosed),
        ("blocked", Self::Blocked),
        ("confirmed", Self::Confirmed),
        ("rested", Self::Rested),
        ("leader_changed", Self::LeaderChanged),
        ("member_frozen", Self::MemberFrozen),
        ("call_held", Self::CallHeld),
        ("live_drill_soaks", Self::LiveDrillSoaks),
    ];
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    Inject(FaultSpec),
    /// Ends a fault injected before with the same name and arguments.
    Clear(FaultSpec),
    Operator(OperatorAct),
}

/// What a person does, by the verb of the command line. In a drill the person's name is `drill`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "operator", deny_unknown_fields)]
pub enum OperatorAct {
    Failover {
        to: Place,
        #[serde(default)]
        allow_data_loss: bool,
    },
    Switchover {
        to: Place,
    },
    Failback {
        to: Place,
    },
    /// Takes the share of a Region away.
    Shift {
        from: Place,
    },
    /// Gives it back.
    Return {
        to: Place,
    },
    Approve {
        step: StepId,
    },
    Decline {
        step: StepId,
    },
    Abort {
        reason: String,
    },
    Pause {
        reason: String,
    },
    Resume {},
    Retry {
        step: StepId,
    },
    Skip {
        step: StepId,
    },
    Ack {},
    /// The ledger is written into a backup.
    LedgerBackup {},
    /// Every ledger is lost, and one member begins anew with the backup.
    LedgerRestore {
        on: Place,
    },
    ResumeAutomation {},
    /// A person of their own accord, without any member.
    BreakGlass {
        to: Place,
    },
    Rejoin {
        region: Place,
    },
    /// A live drill, there and back.
    LiveDrill {
        to: Place,
        /// How long it stays there.
        soak_s: u64,
    },
    /// Turns the live drill home.
    StopDrill {},
    Evacuate {
        region: Place,
        parallel: u32,
    },
}

impl fmt::Display for OperatorAct {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failover {
                to,
                allow_data_loss: false,
            } => write!(f, "failover to {to}"),
            Self::Failover {
                to,
                allow_data_loss: true,
            } => write!(f, "failover to {to}, data loss allowed"),
            Self::Switchover { to } => write!(f, "switchover to {to}"),
            Self::Failback { to } => write!(f, "failback to {to}"),
            Self::Shift { from } => write!(f, "shift from {from}"),
            Self::Return { to } => write!(f, "return to {to}"),
            Self::Approve { step } => write!(f, "approve {step}"),
            Self::Decline { step } => write!(f, "decline {step}"),
            Self::Abort { reason } => write!(f, "abort: {reason}"),
            Self::Pause { reason } => write!(f, "pause: {reason}"),
            Self::Resume {} => f.write_str("resume"),
            Self::Retry { step } => write!(f, "retry {step}"),
            Self::Skip { step } => write!(f, "skip {step}"),
            Self::Ack {} => f.write_str("ack"),
            Self::LedgerBackup {} => f.write_str("ledger backup"),
            Self::LedgerRestore { on } => {
                write!(f, "every ledger is lost; ledger restore on {on}")
            }
            Self::ResumeAutomation {} => f.write_str("resume-automation"),
            Self::BreakGlass { to } => write!(f, "break-glass to {to}"),
            Self::Rejoin { region } => write!(f, "rejoin {region}"),
            Self::LiveDrill { to, soak_s } => write!(f, "live drill to {to} for {soak_s} s"),
            Self::StopDrill {} => f.write_str("stop the live drill"),
            Self::Evacuate { region, parallel } => {
                write!(f, "evacuate {region}, {parallel} at a time")
            }
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
