//! Game days on the live cluster: what is kept of them.
//!
//! ```text
//!  begun ──▶ under way ──▶ passed | failed     its report says of what
//!                 └──────▶ ended               real life won, or a person stopped it
//!
//!  live:  switching ──▶ soaking ──▶ returning ──▶ passed | failed | ended
//!             a run     no run at all   a run
//! ```
//!
//! Invariant: a rehearsal's votes, steps and outcomes have types of their own, so that none can be taken
//! for the real thing. A live drill's runs are real, and are runs like any other, with its name on them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AppId, DrillId, GuardVerdict, MemberId, Millis, Plan, RegionId, RunId, StepId, VoteSheet, Wall,
};

/// What a game day does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillMode {
    /// Makes no mutating call at all.
    Rehearse,
    /// The planned switchover, a soak, and back.
    Live,
}

impl DrillMode {
    /// The word in JSON and in a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rehearse => "rehearse",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for DrillMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The drills of one application.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Drills {
    /// How many there have been.
    pub count: u64,
    /// The one under way.
    pub open: Option<Drill>,
    /// Closed ones, oldest first; bounded by `run::KEPT_DRILLS`.
    pub closed: VecDeque<Drill>,
    /// The last of each mode that came to its end: it passed, or it failed. Kept though the drill
    /// itself may have made room for newer ones.
    #[serde(default)]
    pub completed: BTreeMap<DrillMode, CompletedDrill>,
    /// The application was not brought home by the last live one, and nobody has said yet that they
    /// know.
    #[serde(default)]
    pub away: Option<Away>,
}

/// A drill that came to its end, in a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CompletedDrill {
    pub drill: DrillId,
    pub mode: DrillMode,
    pub at: Wall,
    pub passed: bool,
}

/// A live drill is over and the application is not where it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Away {
    pub drill: DrillId,
    /// Where it serves from.
    pub region: RegionId,
    /// Where it came from.
    pub home: RegionId,
    pub why: String,
    pub at: Wall,
}

impl Drills {
    /// The name that the next one has.
    pub fn next_id(&self, app: &AppId) -> DrillId {
        DrillId(format!("{app}-drill-{}", self.count + 1))
    }

    /// Every one that is kept, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Drill> {
        self.open.iter().chain(self.closed.iter().rev())
    }

    /// The closed one of the same mode before that one.
    pub fn before(&self, drill: &Drill) -> Option<&Drill> {
        let older = |other: &&Drill| other.mode == drill.mode && other.number < drill.number;
        self.closed.iter().rev().find(older)
    }
}

/// One game day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Drill {
    pub id: DrillId,
    /// The how manieth of its application.
    pub number: u64,
    pub application: AppId,
    pub mode: DrillMode,
    /// The Region that is taken for lost, or left.
    pub from: RegionId,
    /// As asked for; chosen like a run's if absent.
    pub to: Option<RegionId>,
    pub by: String,
    pub reason: String,
    pub begun_at: Wall,
    /// After this long it is ended.
    pub max_duration: Millis,
    /// How far a live one has come; none for a rehearsal.
    #[serde(default)]
    pub live: Option<LiveDrill>,
    /// What came of it; none while it is under way.
    pub end: Option<DrillEnd>,
}

/// A live drill on its way there and back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LiveDrill {
    /// How long the application stays there.
    pub soak: Millis,
    pub phase: LivePhase,
    /// The run there.
    pub there: Option<RunId>,
    /// The run back.
    pub back: Option<RunId>,
    /// When the run there was completed.
    pub arrived_at: Option<Wall>,
    /// When it turned home.
    pub turned_at: Option<Wall>,
    /// Why it turned home before its soak was over.
    pub cut: Option<CutShort>,
}

/// Where a live drill stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum LivePhase {
    /// On its way there: its run is open, or about to be.
    Switching,
    /// It is there. No run is open, and nothing is held.
    Soaking { until: Wall },
    /// On its way back: its run is open, or is asked for.
    Returning,
}

impl LivePhase {
    /// The word in JSON and in a metric's label.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Switching => "switching",
            Self::Soaking { .. } => "soaking",
            Self::Returning => "returning",
        }
    }
}

/// Why a live drill did not stay as long as it was to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CutShort {
    pub cause: DrillCause,
    pub why: String,
    pub at: Wall,
}

/// What turns a live drill home, or ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillCause {
    /// It has stayed as long as it was to.
    Soaked,
    /// The critical probes of the Region that serves say that it is not well.
    Probes,
    /// An alarm of the application's own.
    Alarm,
    /// What its run left was changed by somebody else.
    Drift,
    /// Its time was up.
    TimeUp,
    /// A person stopped it.
    Operator,
    /// A Region is lost in earnest.
    RealOutage,
    /// Another run of the application was opened: real life goes first.
    RunOpened,
    /// One of its runs was not opened.
    Refused,
    /// One of its runs did not come to its goal.
    RunFailed,
    /// The ledger began anew.
    Restored,
}

impl DrillCause {
    /// The word in JSON and in a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Soaked => "soaked",
            Self::Probes => "probes",
            Self::Alarm => "alarm",
            Self::Drift => "drift",
            Self::TimeUp => "time_up",
            Self::Operator => "operator",
            Self::RealOutage => "real_outage",
            Self::RunOpened => "run_opened",
            Self::Refused => "refused",
            Self::RunFailed => "run_failed",
            Self::Restored => "restored",
        }
    }

    /// Whether it ends the drill where it stands, instead of turning it home.
    pub fn ends(self) -> bool {
        match self {
            Self::RealOutage
            | Self::RunOpened
            | Self::Refused
            | Self::RunFailed
            | Self::Restored => true,
            Self::Soaked
            | Self::Probes
            | Self::Alarm
            | Self::Drift
            | Self::TimeUp
            | Self::Operator => false,
        }
    }

    /// What a drill came to that was cut short by it. What the application did is a finding; what
    /// people and outages did says nothing of it.
    pub fn outcome(self) -> DrillOutcome {
        match self {
            Self::Soaked => DrillOutcome::Passed,
            Self::Probes | Self::Alarm | Self::Drift | Self::TimeUp | Self::RunFailed => {
                DrillOutcome::Failed
            }
            Self::Operator
            | Self::RealOutage
            | Self::RunOpened
            | Self::Refused
            | Self::Restored => DrillOutcome::Ended,
        }
    }
}

impl fmt::Display for DrillCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a drill ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DrillEnd {
    pub at: Wall,
    pub outcome: DrillOutcome,
    /// Of a live one: what it ended by, if not by coming home as planned.
    #[serde(default)]
    pub cause: Option<DrillCause>,
    pub report: DrillReport,
}

/// The values of an ended drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillOutcome {
    /// Every check held.
    Passed,
    /// It came to its end, and a check did not hold.
    Failed,
    /// Real life won, a person stopped it, or its time was up: it says nothing.
    Ended,
}

impl DrillOutcome {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }
}

/// What a drill found. Of the older ones only the summary, the clocks and the checks are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DrillReport {
    /// What came of it, in a line.
    pub summary: String,
    pub clocks: DrillClocks,
    pub checks: Vec<DrillCheck>,
    /// What each guard said at the end of the hold-down.
    #[serde(default)]
    pub guards: Vec<GuardVerdict>,
    #[serde(default)]
    pub plan: Option<Box<Plan>>,
    /// In the plan's order.
    #[serde(default)]
    pub steps: Vec<RehearsedStep>,
}

/// What was measured, in world time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct DrillClocks {
    /// From the first made-up failure to the verdict.
    pub detect: Option<Millis>,
    /// From the verdict to the decision, hold-down included.
    pub decide: Option<Millis>,
    /// From the decision to the plan.
    pub plan: Option<Millis>,
    /// Live: from the opening of the run there to its last step's rest.
    #[serde(default)]
    pub execute: Option<Millis>,
    /// Live: from arriving to turning home.
    #[serde(default)]
    pub soak: Option<Millis>,
    /// Live: from the opening of the run back to its last step's rest.
    #[serde(default)]
    pub back: Option<Millis>,
    /// From the first made-up failure to the end of the last look; of a live one, from its beginning
    /// to its end.
    pub total: Option<Millis>,
}

/// One expectation, and whether it held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DrillCheck {
    pub name: String,
    pub held: bool,
    /// What was seen.
    pub seen: String,
}

/// What a step of the plan would do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RehearsedStep {
    pub id: StepId,
    /// The action's name.
    pub uses: String,
    /// Its goal in a line.
    pub goal: String,
    pub outlook: Outlook,
    /// What was seen, if anything was looked at.
    pub seen: Option<String>,
    /// What its calls need.
    pub permissions: Vec<String>,
    /// Whose control plane must answer, and in which Region.
    pub control_plane: Option<String>,
    /// What would stop it: a word and a line.
    pub obstacles: Vec<(String, String)>,
}

/// What would come of a step now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// The goal is not met; it would be written.
    WouldWrite,
    /// Nothing is left to be written.
    AlreadyMet,
    /// It could not be done this way.
    WouldBeRefused,
    /// The question was not answered.
    Unobservable,
    /// There is nothing to look at before the move: a check of the way in, an approval, a wait.
    NotAsked,
}

impl Outlook {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WouldWrite => "would_write",
            Self::AlreadyMet => "already_met",
            Self::WouldBeRefused => "would_be_refused",
            Self::Unobservable => "unobservable",
            Self::NotAsked => "not_asked",
        }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The votes that a member makes up for a drill. A message of its own: what reads real votes cannot
/// read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RehearsalSheet {
    pub drill: DrillId,
    pub made_up: VoteSheet,
}

impl RehearsalSheet {
    /// Who made it up.
    pub fn member(&self) -> &MemberId {
        &self.made_up.member
    }
}
