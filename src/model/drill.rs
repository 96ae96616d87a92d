//! Game days on the live cluster: what is kept of them.
//!
//! ```text
//!  begun ──▶ under way ──▶ passed | failed     its report says of what
//!                 └──────▶ ended               real life won, or a person stopped it
//! ```
//!
//! Invariant: nothing here is of a real run, and nothing of a real run is here: a rehearsal's votes,
//! steps and outcomes have types of their own, so that none can be taken for the real thing.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AppId, DrillId, GuardVerdict, MemberId, Millis, Plan, RegionId, StepId, VoteSheet, Wall,
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
    /// The Region that is taken for lost.
    pub from: RegionId,
    /// As asked for; chosen like a run's if absent.
    pub to: Option<RegionId>,
    pub by: String,
    pub reason: String,
    pub begun_at: Wall,
    /// After this long it is ended.
    pub max_duration: Millis,
    /// What came of it; none while it is under way.
    pub end: Option<DrillEnd>,
}

/// How a drill ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DrillEnd {
    pub at: Wall,
    pub outcome: DrillOutcome,
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
    /// From the first made-up failure to the end of the last look.
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
