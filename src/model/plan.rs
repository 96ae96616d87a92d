//! A plan: a runbook resolved against one application, one `from`, one `to`. Every choice is made,
//! nothing is left open, and it has a hash.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AppId, ClusterEndpoint, ConfigHash, Endpoint, Epoch, HoldReason, Millis, NodegroupRef,
    Objective, OnFailure, PlanHash, RecordSet, RegionId, RunId, RunKind, StatusRange, StepId, Wall,
    epoch_of,
};

/// What a run will do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Plan {
    pub application: AppId,
    pub kind: RunKind,
    pub from: RegionId,
    pub to: RegionId,
    /// Of a shift: the Regions that go on serving, in order of preference, `to` first where it takes
    /// over the writer. Of a return: those that serve beside `to`. Otherwise none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carriers: Vec<RegionId>,
    pub runbook: String,
    pub objective: Objective,
    pub config: ConfigHash,
    /// The epoch the run will have; `apply` of `OpenRun` insists on it.
    pub epoch: Epoch,
    pub steps: Vec<PlannedStep>,
    /// The observations it was made from, in words with their dates. Not part of the hash.
    pub notes: Vec<PlanNote>,
    /// Who or what allowed losing unreplicated data; `None` forbids it.
    pub data_loss: Option<DataLossGrant>,
    pub made_at: Wall,
    pub hash: PlanHash,
}

impl Plan {
    /// The Regions that still serve once every step is done, as far as the steps tell; of a shift or
    /// a return.
    pub fn left_serving(&self) -> impl Iterator<Item = &RegionId> {
        self.carriers.iter().filter(|region| {
            let mut steps = self.steps.iter();
            !steps.any(|step| step.intent.shuts(region))
        })
    }

    /// What the run is called that it becomes.
    pub fn run_id(&self) -> RunId {
        RunId(format!("{}-{}", self.application, self.epoch))
    }

    /// The step of that name.
    pub fn step(&self, id: &StepId) -> Option<&PlannedStep> {
        self.steps.iter().find(|s| &s.id == id)
    }
}

/// An observation that a plan stands on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlanNote {
    pub text: String,
    pub seen_at: Wall,
}

/// On whose word unreplicated data may be lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataLossGrant {
    /// The data guard: the lag last seen was within `rpo_max`.
    WithinRpo { lag: Millis, rpo_max: Millis },
    /// A person, by name.
    Operator(String),
    /// A person asked for it, and the policy wants another's word: the data step waits for it.
    AskedBy(String),
}

/// One step, resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlannedStep {
    pub id: StepId,
    pub intent: Intent,
    pub needs: Vec<StepId>,
    pub timeout: Millis,
    pub on_failure: OnFailure,
    /// Taken after this step failed. The step named there never starts by itself.
    pub or_else: Option<StepId>,
    /// The step this one stands in for, if it is another's `else`.
    pub stands_in_for: Option<StepId>,
    /// Best effort: aimed at the lost Region of an ungraceful run.
    pub best_effort: bool,
    /// What gives back what this step changes, if the run is aborted in time.
    pub restore: Option<Intent>,
    /// What was there when the plan was made, for people.
    pub before: Option<String>,
}

impl PlannedStep {
    /// The name of the step that gives back what this one changed, in a run that is aborted.
    pub fn restoring_id(&self) -> StepId {
        StepId(format!("restore/{}", self.id))
    }
}

/// An action with its resolved arguments. Convergent wherever the API allows: it names a goal, and
/// reaching it twice is as reaching it once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Intent {
    Dial {
        region: RegionId,
        endpoint_group_arn: String,
        percent: u8,
    },
    Weight {
        region: RegionId,
        endpoint_group_arn: String,
        /// The wanted weight of each endpoint by id. Endpoints not named keep theirs.
        endpoints: Vec<Endpoint>,
    },
    Route53Failover {
        hosted_zone_id: String,
        /// The Region whose record sets become PRIMARY.
        primary: RegionId,
        /// Exactly what stands there now: deleted by value.
        delete: Vec<RecordSet>,
        /// What is created in the same batch.
        create: Vec<RecordSet>,
        /// The epoch TXT record among them, for `Refused(stale_epoch)`.
        epoch_name: String,
        epoch: Epoch,
    },
    Route53Weights {
        hosted_zone_id: String,
        /// The Region whose record sets get that weight.
        region: RegionId,
        weight: u8,
        /// Every weighted record set under the names, of all Regions, as it stands when the step's
        /// turn comes: what was read, or what the step before it in this plan creates.
        delete: Vec<RecordSet>,
        /// The same with the new weight, created in the same batch.
        create: Vec<RecordSet>,
        /// As for `Route53Failover`.
        epoch_name: String,
        epoch: Epoch,
    },
    RoutingControl {
        /// The cluster's endpoints in the order in which they are tried. Frozen here: nothing is
        /// looked up at failover time.
        endpoints: Vec<ClusterEndpoint>,
        /// All set in one call, whole or not at all.
        states: Vec<RoutingState>,
        /// The safety rules that the author lets this change override, by ARN.
        override_safety_rules: Vec<String>,
    },
    AuroraPromote {
        global_cluster: String,
        target_arn: String,
        target_region: RegionId,
        source_region: RegionId,
        method: Promotion,
        /// After this long without success a bounded switchover becomes a failover.
        escalate_after: Option<Millis>,
    },
    ScaleNodegroup {
        region: RegionId,
        nodegroup: NodegroupRef,
        /// Never lowered: a group that is above these stays there.
        min: u32,
        desired: u32,
        max: u32,
        /// `InService` instances at which the goal is met.
        ready: u32,
        /// At the step's timeout, enough.
        min_ready: Option<u32>,
    },
    /// What the members' `/steer` answers of that Region. Its effect is in the ledger alone.
    Steer {
        application: AppId,
        region: RegionId,
        serve: bool,
        /// The Regions that stood open by their roles when the plan was made: `apply` knows no
        /// configuration, and must know whether anybody is left to serve.
        open_by_role: Vec<RegionId>,
    },
    HttpCheck {
        url: String,
        method: String,
        expect_status: Vec<StatusRange>,
        body_contains: Option<String>,
        expect_region: Option<RegionId>,
    },
    HttpRequest {
        url: String,
        method: String,
        body: Option<String>,
        expect_status: Vec<StatusRange>,
    },
    Approval {
        message: String,
    },
    /// Between two values of a ramp: the Region must stay well for so long. A run whose Region does
    /// not steps back.
    Bake {
        region: RegionId,
        duration: Millis,
    },
    Wait {
        duration: Millis,
    },
}

/// A routing control and how it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoutingState {
    pub region: RegionId,
    pub arn: String,
    pub on: bool,
}

impl RoutingState {
    /// `eu-central-1 On, eu-west-1 Off`: as ARC writes it.
    pub fn words(states: &[Self]) -> String {
        let words = states.iter().map(|state| {
            let word = Self::word(state.on);
            format!("{} {word}", state.region)
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// The state as ARC names it.
    pub fn word(on: bool) -> &'static str {
        if on { "On" } else { "Off" }
    }
}

/// Which call promotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promotion {
    /// `SwitchoverGlobalCluster`, in the primary's Region.
    Switchover,
    /// `FailoverGlobalCluster` with `AllowDataLoss`, in the target's Region.
    FailoverWithDataLoss,
    /// `RemoveFromGlobalCluster`, in the target's Region: it takes writes by itself from then on. Nothing
    /// fences the old writer, and nothing leads back but building the global database anew.
    Detach,
}

impl Intent {
    /// Whether it takes everything away from that Region.
    pub fn shuts(&self, of: &RegionId) -> bool {
        match self {
            Self::Dial {
                region, percent, ..
            } => region == of && *percent == 0,
            Self::Weight {
                region, endpoints, ..
            } => region == of && endpoints.iter().all(|endpoint| endpoint.weight == 0),
            Self::Steer { region, serve, .. } => region == of && !serve,
            Self::Route53Weights { region, weight, .. } => region == of && *weight == 0,
            Self::RoutingControl { states, .. } => {
                states.iter().any(|state| &state.region == of && !state.on)
            }
            Self::Route53Failover { .. }
            | Self::AuroraPromote { .. }
            | Self::ScaleNodegroup { .. }
            | Self::HttpCheck { .. }
            | Self::HttpRequest { .. }
            | Self::Approval { .. }
            | Self::Bake { .. }
            | Self::Wait { .. } => false,
        }
    }

    /// The word in `uses`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dial { .. } => "global_accelerator.dial",
            Self::Weight { .. } => "global_accelerator.weight",
            Self::Route53Failover { .. } => "route53.failover",
            Self::Route53Weights { .. } => "route53.weights",
            Self::AuroraPromote {
                method: Promotion::Detach,
                ..
            } => "aurora.detach",
            Self::RoutingControl { .. } => "arc.routing_control",
            Self::AuroraPromote { .. } => "aurora.promote",
            Self::ScaleNodegroup { .. } => "eks.scale_nodegroup",
            Self::Steer { .. } => "steer",
            Self::HttpCheck { .. } => "http.check",
            Self::HttpRequest { .. } => "http.request",
            Self::Approval { .. } => "approval",
            Self::Bake { .. } => "bake",
            Self::Wait { .. } => "wait",
        }
    }

    /// Whether this step moves the data. Nothing is decided anew after its intent.
    pub fn is_data_step(&self) -> bool {
        matches!(self, Self::AuroraPromote { .. })
    }

    /// Whether performing it changes anything outside, or what the members answer: such a step needs an intent and a proof.
    pub fn writes(&self) -> bool {
        match self {
            Self::Dial { .. }
            | Self::Weight { .. }
            | Self::Route53Failover { .. }
            | Self::Route53Weights { .. }
            | Self::RoutingControl { .. }
            | Self::AuroraPromote { .. }
            | Self::ScaleNodegroup { .. }
            | Self::Steer { .. }
            | Self::HttpRequest { .. } => true,
            Self::HttpCheck { .. }
            | Self::Approval { .. }
            | Self::Bake { .. }
            | Self::Wait { .. } => false,
        }
    }

    /// Whether the goal can be read back. An `http.request` is done when it is answered.
    pub fn is_observable(&self) -> bool {
        match self {
            Self::Dial { .. }
            | Self::Weight { .. }
            | Self::Route53Failover { .. }
            | Self::Route53Weights { .. }
            | Self::RoutingControl { .. }
            | Self::AuroraPromote { .. }
            | Self::ScaleNodegroup { .. }
            | Self::Steer { .. }
            | Self::HttpCheck { .. } => true,
            Self::HttpRequest { .. }
            | Self::Approval { .. }
            | Self::Bake { .. }
            | Self::Wait { .. } => false,
        }
    }

    /// Whether it stands on what this very run has written before it: its batch deletes the run's own
    /// epoch record. Before the run there is nothing of it to be looked at.
    pub fn follows_its_own_run(&self) -> bool {
        match self {
            Self::Route53Weights { delete, epoch, .. } => {
                delete.iter().any(|set| epoch_of(set) == Some(*epoch))
            }
            Self::Dial { .. }
            | Self::Weight { .. }
            | Self::Route53Failover { .. }
            | Self::RoutingControl { .. }
            | Self::Steer { .. }
            | Self::AuroraPromote { .. }
            | Self::ScaleNodegroup { .. }
            | Self::HttpCheck { .. }
            | Self::HttpRequest { .. }
            | Self::Approval { .. }
            | Self::Bake { .. }
            | Self::Wait { .. } => false,
        }
    }

    /// What the step touches, as text that two runs may not share while both are open.
    pub fn resource(&self) -> Option<String> {
        match self {
            Self::Dial {
                endpoint_group_arn, ..
            }
            | Self::Weight {
                endpoint_group_arn, ..
            } => Some(endpoint_group_arn.clone()),
            Self::Route53Failover {
                hosted_zone_id,
                epoch_name,
                ..
            }
            | Self::Route53Weights {
                hosted_zone_id,
                epoch_name,
                ..
            } => Some(format!("route53:{hosted_zone_id}/{epoch_name}")),
            // One of them stands for all: whoever moves it moves its peers.
            Self::RoutingControl { states, .. } => states.iter().map(|s| s.arn.clone()).min(),
            Self::AuroraPromote { global_cluster, .. } => {
                Some(format!("rds:global-cluster:{global_cluster}"))
            }
            Self::ScaleNodegroup {
                region, nodegroup, ..
            } => Some(format!("eks:{region}:{nodegroup}")),
            Self::Steer {
                application,
                region,
                ..
            } => Some(format!("steer:{application}/{region}")),
            Self::HttpCheck { .. }
            | Self::HttpRequest { .. }
            | Self::Approval { .. }
            | Self::Bake { .. }
            | Self::Wait { .. } => None,
        }
    }
}

impl fmt::Display for Intent {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial {
                region, percent, ..
            } => write!(f, "dial of {region} to {percent} %"),
            Self::Weight {
                region, endpoints, ..
            } => {
                write!(
                    f,
                    "endpoint weights of {region} to {}",
                    Endpoint::weights(endpoints)
                )
            }
            Self::Route53Failover {
                primary,
                epoch_name,
                ..
            } => {
                // Where the roles stand right already, the epoch record alone is written.
                let name = epoch_name.strip_prefix("_failoverd.");
                let name = name.unwrap_or(epoch_name);
                write!(f, "{name} answers {primary} first")
            }
            Self::Route53Weights {
                region,
                weight,
                epoch_name,
                ..
            } => {
                let name = epoch_name.strip_prefix("_failoverd.");
                let name = name.unwrap_or(epoch_name);
                write!(f, "{name} answers {region} with weight {weight}")
            }
            Self::RoutingControl { states, .. } => {
                write!(f, "routing controls to {}", RoutingState::words(states))
            }
            Self::AuroraPromote {
                global_cluster,
                target_region,
                method,
                ..
            } => match method {
                Promotion::Switchover => {
                    write!(
                        f,
                        "writer of {global_cluster} to {target_region} (switchover)"
                    )
                }
                Promotion::FailoverWithDataLoss => {
                    write!(
                        f,
                        "writer of {global_cluster} to {target_region} (failover)"
                    )
                }
                Promotion::Detach => {
                    write!(f, "cluster of {target_region} out of {global_cluster}")
                }
            },
            Self::ScaleNodegroup {
                region,
                nodegroup,
                desired,
                ..
            } => write!(f, "{nodegroup} in {region} to {desired} nodes"),
            Self::Steer { region, serve, .. } => {
                write!(f, "{region} steered {}", super::open_word(*serve))
            }
            Self::HttpCheck { method, url, .. } => write!(f, "{method} {url} answers as expected"),
            Self::HttpRequest { method, url, .. } => write!(f, "{method} {url}"),
            Self::Approval { message } => write!(f, "approval: {message}"),
            Self::Bake { region, duration } => write!(f, "{region} must stay well for {duration}"),
            Self::Wait { duration } => write!(f, "wait {duration}"),
        }
    }
}

/// What stands in the way of a plan; made by the planner, shown as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRefusal {
    pub reason: HoldReason,
}
