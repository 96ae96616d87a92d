//! What is failed over: one product with its Regions, probes, resources and policy. Already valid:
//! only the configuration loader makes these.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AppId, ConfigHash, MemberId, Millis, Probe, RegionId, RunKind};

/// The members of the cluster and where each is at home.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    pub id: MemberId,
    pub region: RegionId,
}

/// One product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Application {
    pub name: AppId,
    /// Over everything below; what a vote is cast under.
    pub config: ConfigHash,
    pub automation: Automation,
    /// Where it is deployed, in order of preference.
    pub regions: Vec<AppRegion>,
    /// The Region that serves until a run has moved it: the first with `role = "active"`.
    pub home: RegionId,
    pub detection: DetectionPolicy,
    pub guards: GuardPolicy,
    /// Which runbook serves which kind of run.
    pub runbooks: BTreeMap<RunKind, String>,
    pub resources: AppResources,
    pub aws: AwsAccess,
    /// Values for `${application.…}` in runbooks.
    pub vars: BTreeMap<String, String>,
}

impl Application {
    /// The Region of that name.
    pub fn region(&self, name: &RegionId) -> Option<&AppRegion> {
        self.regions.iter().find(|r| &r.name == name)
    }

    /// Whether two Regions or more serve at the same time when all is well. Then the loss of one is a
    /// shift of its share, not a failover.
    pub fn is_active_active(&self) -> bool {
        self.sharing().count() >= 2
    }

    /// The Regions with a share, in order of preference.
    pub fn sharing(&self) -> impl Iterator<Item = &AppRegion> {
        self.regions.iter().filter(|r| r.share.is_some())
    }
}

impl AppRegion {
    /// Instances of that node group that this Region needs at its own peak, where it is told.
    pub fn peak(&self, nodegroup: &NodegroupRef) -> Option<u32> {
        self.peaks.get(&nodegroup.to_string()).copied()
    }
}

/// Whether failoverd acts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// Act when every guard agrees.
    Automatic,
    /// Decide, then ask.
    Ask,
}

/// One Region of an application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AppRegion {
    pub name: RegionId,
    pub role: Role,
    /// A standby that is not meant to answer until it is grown: its probes do not count for
    /// `target ready`.
    pub cold: bool,
    /// Percent of the users it serves when all is well. Every active Region has one or none has; they
    /// add up to 100. Where two or more have one, the application is active-active.
    // Left out where there is none, so that what is hashed stays as it was without shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u8>,
    /// Instances that this Region needs at its own peak, by `cluster/name` of the node group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peaks: BTreeMap<String, u32>,
    pub probes: Vec<Probe>,
    /// Which probes must be up before this Region is moved to; the critical ones if empty.
    pub standby_probes: BTreeSet<super::ProbeId>,
    pub resources: RegionResources,
    /// Values for `${from.…}` and `${to.…}` in runbooks.
    pub vars: BTreeMap<String, String>,
}

/// What a Region is for when all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Active,
    Standby,
}

/// Resources that belong to the application as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AppResources {
    pub global_cluster: Option<String>,
    pub accelerator_arn: Option<String>,
    /// Failover or weighted record sets, all in one zone.
    pub dns: Option<DnsFailover>,
    /// Extra dimensions of `AuroraGlobalDBRPOLag` beside `DBClusterIdentifier`, name and value.
    pub lag_dimensions: Vec<(String, String)>,
    /// What turns a live drill home when it is raised.
    // Left out where there is none, so that what is hashed stays as it was without alarms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drill_alarms: Vec<Alarm>,
    /// The cluster that the Regions' routing controls are set through.
    // Left out where there is none, so that what is hashed stays as it was without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_cluster: Option<RoutingCluster>,
}

/// A cluster of Amazon Application Recovery Controller: several Regional endpoints, each of which reads
/// and sets the same routing controls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoutingCluster {
    pub endpoints: Vec<ClusterEndpoint>,
}

impl RoutingCluster {
    /// How many Regional endpoints a cluster has (ARC Developer Guide, "Routing control components").
    pub const ENDPOINTS: usize = 5;
    /// So many of them agree on each state: as long as they answer, the cluster does.
    pub const MAJORITY: usize = 3;
}

/// One Regional endpoint of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterEndpoint {
    /// Where it is; requests to it are signed for this Region.
    pub region: RegionId,
    pub url: String,
}

/// A CloudWatch alarm, metric or composite, and the Region that it stands in: any that AWS has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Alarm {
    pub region: RegionId,
    pub name: String,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.name, self.region)
    }
}

/// The Route 53 records of an application that send its users to a Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DnsFailover {
    pub hosted_zone_id: String,
    /// Each name has one PRIMARY and one SECONDARY record set of that type, or a weighted one for
    /// each Region. Lower case, with the trailing dot.
    pub records: Vec<DnsName>,
    /// Left out where it is the default: members of two versions hash one configuration alike.
    #[serde(default, skip_serializing_if = "DnsRouting::is_failover")]
    pub routing: DnsRouting,
}

/// By which of Route 53's routing policies the records choose a Region.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DnsRouting {
    /// PRIMARY answers while it is healthy: `route53.failover` changes the roles.
    #[default]
    Failover,
    /// Each answers as often as its weight says: `route53.weights` changes the weights.
    Weighted,
}

impl DnsRouting {
    /// Whether it is what there was before there was a choice.
    pub fn is_failover(&self) -> bool {
        match self {
            Self::Failover => true,
            Self::Weighted => false,
        }
    }

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Weighted => "weighted",
        }
    }

    /// The action that changes such records.
    pub fn action(self) -> &'static str {
        match self {
            Self::Failover => "route53.failover",
            Self::Weighted => "route53.weights",
        }
    }
}

/// One name and type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DnsName {
    pub name: String,
    pub record_type: String,
}

/// Resources that an application has in one Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegionResources {
    pub db_cluster_arn: Option<String>,
    pub endpoint_group_arn: Option<String>,
    /// The `SetIdentifier` of this Region's failover or weighted record sets.
    pub record_set_identifier: Option<String>,
    /// The routing control that lets users into this Region while it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_control_arn: Option<String>,
    pub nodegroups: Vec<NodegroupRef>,
}

/// One EKS managed node group. `name` pairs it with the group of the same name in the peer Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodegroupRef {
    pub cluster: String,
    pub name: String,
}

impl fmt::Display for NodegroupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.name)
    }
}

/// How an application's AWS calls are made; absent values fall back to `[aws]`, then to the SDK's
/// own chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AwsAccess {
    pub profile: Option<String>,
    pub assume_role: Option<String>,
    pub external_id: Option<String>,
    pub endpoint_url: Option<String>,
    /// World time for one attempt of one call.
    pub call_timeout: Millis,
}

/// When probes make a Region down. Defaults: DESIGN section 5.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DetectionPolicy {
    pub region_down: RegionDownRule,
    /// World time between two rounds of votes.
    pub gossip: Millis,
}

/// How the probes of a Region add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionDownRule {
    /// Every critical probe is down.
    AllCritical,
    /// Any critical probe is down.
    AnyCritical,
    /// Probes that are down hold at least this percent of the total weight.
    WeightPercent(u8),
}

/// The guards' settings. Defaults: DESIGN section 5.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GuardPolicy {
    pub agreement: Agreement,
    /// A vote older than this is no vote.
    pub freshness: Millis,
    /// Confirmed continuously for this long before acting.
    pub hold_down: Millis,
    /// After a member starts it does not decide for this long.
    pub startup_grace: Millis,
    pub not_everything: bool,
    /// The most replication lag that a plan with a data step may lose without being asked.
    pub rpo_max: Millis,
    /// How much older than the first failed probe the newest lag sample may be.
    pub lag_max_age: Millis,
    pub cool_down: Millis,
    /// Automatic runs per day until latched.
    pub brake: u32,
    pub quarantine: bool,
    pub single_vantage: SingleVantage,
    /// How long goals are re-observed after a run.
    pub soak: Millis,
}

/// Whether outside votes must be unanimous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// No fresh outside vote says `up` or `suspect`.
    Unanimous,
    /// A majority suffices: outvotes one private path.
    Majority,
}

/// Whether one vantage alone may act automatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SingleVantage {
    Refuse,
    Allow,
}

impl Default for DetectionPolicy {
    fn default() -> Self {
        Self {
            region_down: RegionDownRule::AllCritical,
            gossip: Millis::from_secs(1),
        }
    }
}

impl Default for GuardPolicy {
    fn default() -> Self {
        Self {
            agreement: Agreement::Unanimous,
            freshness: Millis::from_secs(15),
            hold_down: Millis::from_secs(30),
            startup_grace: Millis::from_secs(30),
            not_everything: true,
            rpo_max: Millis::from_secs(10),
            lag_max_age: Millis::from_mins(3),
            cool_down: Millis::from_mins(60),
            brake: 2,
            quarantine: true,
            single_vantage: SingleVantage::Refuse,
            soak: Millis::from_mins(15),
        }
    }
}
