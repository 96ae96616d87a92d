//! A runbook as authored: a graph of steps, not yet about any two Regions.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Millis, StatusRange, StepId};

/// Why a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Ungraceful: the `from` Region is lost.
    Failover,
    /// Graceful: both are healthy, nothing is lost.
    Switchover,
    /// A switchover home.
    Failback,
    /// Of several Regions that serve side by side, one's share is taken away: it is lost, or sick.
    Shift,
    /// Its share is given back.
    Return,
}

impl RunKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Failover,
        Self::Switchover,
        Self::Failback,
        Self::Shift,
        Self::Return,
    ];

    /// Whether it takes a share away or gives one back, and leaves the other Regions serving.
    pub fn moves_share(self) -> bool {
        match self {
            Self::Shift | Self::Return => true,
            Self::Failover | Self::Switchover | Self::Failback => false,
        }
    }

    /// Whether failoverd may open one by itself.
    pub fn is_automatic(self) -> bool {
        match self {
            Self::Failover | Self::Shift => true,
            Self::Switchover | Self::Failback | Self::Return => false,
        }
    }

    /// Whether both Regions are taken to be healthy.
    pub fn is_graceful(self) -> bool {
        match self {
            Self::Failover | Self::Shift => false,
            Self::Switchover | Self::Failback | Self::Return => true,
        }
    }

    /// The word used in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Switchover => "switchover",
            Self::Failback => "failback",
            Self::Shift => "shift",
            Self::Return => "return",
        }
    }
}

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A graph of steps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Runbook {
    pub name: String,
    pub description: String,
    pub kinds: BTreeSet<RunKind>,
    pub objective: Objective,
    pub steps: Vec<RunbookStep>,
    /// The written reason for raising traffic before its data is promoted, where that is meant.
    pub traffic_before_data: Option<String>,
}

impl Runbook {
    /// What its steps change.
    pub fn touches(&self) -> Touches {
        let mut touches = Touches::default();
        for step in &self.steps {
            match step.action {
                ActionSpec::Dial { .. } | ActionSpec::Weight { .. } => touches.accelerator = true,
                ActionSpec::Route53Failover { .. } | ActionSpec::Route53Weights { .. } => {
                    touches.records = true;
                }
                ActionSpec::RoutingControl { .. } => touches.routing = true,
                ActionSpec::AuroraPromote { .. } => touches.database = true,
                ActionSpec::ScaleNodegroup { .. } => touches.nodegroups = true,
                ActionSpec::Steer { .. }
                | ActionSpec::HttpCheck { .. }
                | ActionSpec::HttpRequest { .. }
                | ActionSpec::Approval { .. }
                | ActionSpec::Wait { .. } => {}
            }
        }
        touches
    }
}

/// The kinds of resources that a runbook changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touches {
    pub accelerator: bool,
    pub records: bool,
    pub routing: bool,
    pub database: bool,
    pub nodegroups: bool,
}

impl Touches {
    /// What either changes.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            accelerator: self.accelerator || other.accelerator,
            records: self.records || other.records,
            routing: self.routing || other.routing,
            database: self.database || other.database,
            nodegroups: self.nodegroups || other.nodegroups,
        }
    }
}

/// What the runbook is meant to achieve.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Objective {
    /// Recovery time: from the loss to verified service.
    pub rto: Millis,
    /// Recovery point: the most data, in time, that may be lost.
    pub rpo: Millis,
}

/// One step as authored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunbookStep {
    pub id: StepId,
    pub action: ActionSpec,
    pub needs: Vec<StepId>,
    /// World time from the step's start to its goal.
    pub timeout: Millis,
    pub on_failure: OnFailure,
    pub run_if: Option<RunIf>,
    /// Another step that reaches the same goal another way. That step never starts by itself.
    pub or_else: Option<StepId>,
    /// The way to the action's percent, where it is not one step. Left out where there is none: members
    /// of two versions hash one configuration alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
}

/// Traffic that is raised value by value, with a while in between in which the Region must stay well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ramp {
    /// Rising; the last is 100.
    pub percents: Vec<u8>,
    /// After each of them but the last.
    pub bake: Millis,
}

/// What follows when a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Start no new step, let running ones settle, ask. Nothing is undone by itself.
    Hold,
    /// Go on as if it were done.
    Continue,
    /// Give back what the run changed, where an inverse exists, then end aborted.
    Compensate,
}

/// A step that belongs to one sort of run only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunIf {
    Graceful,
    Ungraceful,
}

/// Which Region a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    From,
    To,
    /// Each Region that takes over from the one that is left, in a step of its own.
    Others,
}

/// Text with `${application.x}`, `${from.x}` and `${to.x}` in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub String);

/// An action with its authored arguments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ActionSpec {
    /// `global_accelerator.dial`: the traffic dial of the Region's endpoint group, 0-100.
    Dial { region: Side, percent: u8 },
    /// `global_accelerator.weight`: the weight of every endpoint in the Region's group, 0-255.
    Weight { region: Side, weight: WeightSpec },
    /// `route53.failover`: make that Region's record sets the PRIMARY ones.
    Route53Failover { primary: Side },
    /// `route53.weights`: that percent of its share as the weight of the Region's record sets.
    Route53Weights { region: Side, percent: u8 },
    /// `arc.routing_control`: turn that Region's routing control on and the other's off, in one call.
    RoutingControl {
        on: Side,
        off: Side,
        override_safety_rules: Vec<String>,
    },
    /// `aurora.promote`: make that Region's cluster the writer; `aurora.detach`: by taking it out of the
    /// global cluster.
    AuroraPromote {
        region: Side,
        graceful: PromoteMethod,
        ungraceful: PromoteMethod,
        /// How long a bounded switchover may take before it escalates.
        switchover_timeout: Millis,
    },
    /// `eks.scale_nodegroup`: grow every node group of the Region.
    ScaleNodegroup {
        region: Side,
        size: SizeSpec,
        /// Ready when this percent of the wanted instances are `InService`.
        ready_percent: u8,
        /// At the step's timeout go on from here; absent: fail.
        min_ready_percent: Option<u8>,
    },
    /// `steer`: whether the members tell health checks that the Region serves.
    Steer { region: Side, serve: bool },
    /// `http.check`: a question, asked until it is answered as expected. Changes nothing at AWS.
    HttpCheck {
        url: Template,
        method: String,
        expect_status: Vec<StatusRange>,
        body_contains: Option<Template>,
        /// The answer's `x-region` header (or JSON member `region`) must name this Region.
        expect_region: Option<Side>,
    },
    /// `http.request`: one request to a hook of the application's own.
    HttpRequest {
        url: Template,
        method: String,
        body: Option<Template>,
        expect_status: Vec<StatusRange>,
    },
    /// `approval`: wait for a person.
    Approval { message: String },
    /// `wait`: let so much world time pass.
    Wait { duration: Millis },
}

/// How a database is promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromoteMethod {
    /// Nothing is lost; needs both sides healthy.
    Switchover,
    /// What was not replicated is lost.
    Failover,
    /// A bounded switchover that may escalate to a failover if the data guard allowed it.
    SwitchoverThenFailover,
    /// The cluster leaves the global database; what was not replicated is lost.
    Detach,
}

/// How large a node group becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeSpec {
    /// `match = "from"`: as large as the group of the same name there was last seen, times
    /// `percent` / 100, or `fallback` where nothing is recorded.
    Match {
        side: Side,
        percent: u16,
        fallback: Option<u32>,
    },
    /// `desired = 6`.
    Absolute(u32),
    /// `match = "peak"`: its own peak, and what it takes over of the Regions that are away.
    Peak,
}

/// Which weights the endpoints of a group get.
///
/// Untagged: a plain weight is written as it was before there was a choice, so that members of two
/// versions hash the same configuration alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WeightSpec {
    /// `weight = 0`: all of them this one.
    Absolute(u8),
    /// `match = "recorded"`: where every weight is 0, what each had when a run last recorded them,
    /// or `fallback` where nothing is. A group with any weight is somebody's choice and stays.
    Recorded { fallback: Option<u8> },
}

impl WeightSpec {
    /// Whether endpoints get any of it.
    pub fn gives(self) -> bool {
        match self {
            Self::Absolute(weight) => weight > 0,
            Self::Recorded { .. } => true,
        }
    }
}

impl ActionSpec {
    /// The word in `uses`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dial { .. } => "global_accelerator.dial",
            Self::Weight { .. } => "global_accelerator.weight",
            Self::Route53Failover { .. } => "route53.failover",
            Self::Route53Weights { .. } => "route53.weights",
            Self::AuroraPromote {
                ungraceful: PromoteMethod::Detach,
                ..
            } => "aurora.detach",
            Self::RoutingControl { .. } => "arc.routing_control",
            Self::AuroraPromote { .. } => "aurora.promote",
            Self::ScaleNodegroup { .. } => "eks.scale_nodegroup",
            Self::Steer { .. } => "steer",
            Self::HttpCheck { .. } => "http.check",
            Self::HttpRequest { .. } => "http.request",
            Self::Approval { .. } => "approval",
            Self::Wait { .. } => "wait",
        }
    }
}
