//! What was seen of the world, each with its date. A plan is made from these and nothing else.

use serde::{Deserialize, Serialize};

use super::{Millis, Wall};

/// Something seen, and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seen<T> {
    pub value: T,
    pub at: Wall,
}

/// One datapoint of `AuroraGlobalDBRPOLag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LagSample {
    /// The datapoint's own date, not when it was read.
    pub at: Wall,
    pub lag: Millis,
}

/// The size of one node group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodegroupSize {
    pub min: u32,
    pub desired: u32,
    pub max: u32,
    /// `InService` instances of its Auto Scaling group.
    pub in_service: u32,
}

/// An endpoint group of an accelerator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointGroup {
    pub dial_percent: u8,
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: String,
    pub weight: u8,
    pub client_ip_preservation: Option<bool>,
}

impl Endpoint {
    /// The weights of a group for people: one number where all have the same.
    pub fn weights(endpoints: &[Self]) -> String {
        let mut weights: Vec<String> = endpoints.iter().map(|e| e.weight.to_string()).collect();
        if weights.windows(2).all(|pair| pair[0] == pair[1]) {
            weights.truncate(1);
        }
        weights.join(", ")
    }
}

/// A Route 53 record set, whole: what a compare-and-swap batch deletes must match exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordSet {
    /// Lower case, trailing dot, `*` as itself.
    pub name: String,
    pub record_type: String,
    pub set_identifier: Option<String>,
    /// `PRIMARY` or `SECONDARY`.
    pub failover: Option<FailoverRole>,
    /// Of a weighted record set. Left out where there is none, so that a plan without weights has the
    /// hash that it had before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    pub ttl: Option<u64>,
    pub values: Vec<String>,
    pub alias: Option<AliasTarget>,
    pub health_check_id: Option<String>,
}

/// The two roles of a failover record set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FailoverRole {
    Primary,
    Secondary,
}

/// Where an alias record points.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AliasTarget {
    pub hosted_zone_id: String,
    pub dns_name: String,
    pub evaluate_target_health: bool,
}
