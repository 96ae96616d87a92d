//! `eks.scale_nodegroup`: a managed node group grows.
//!
//! EKS says what a group is *meant* to be; how many nodes there are only its Auto Scaling group
//! knows (`InService` instances). A successful update is not nodes: want of capacity shows later,
//! among the group's health issues.
//!
//! ```text
//!  sizes below the wanted      ─▶ NotMet   (write the larger of both, all three together)
//!  sizes there, all ready      ─▶ Met
//!  sizes there, enough ready   ─▶ PartlyMet
//!  sizes there, too few ready  ─▶ UnderWay, with the health issues in words
//! ```
//!
//! Invariant: no size is ever lowered.

use aws_sdk_autoscaling::types::LifecycleState;
use aws_sdk_eks::types::{Nodegroup, NodegroupScalingConfig, NodegroupStatus};

use super::classify::{read_error, unobserved, unprepared};
use super::clients::Clients;
use super::gate::Gate;
use crate::model::{NodegroupRef, NodegroupSize, RegionId};
use crate::ports::{CallOutcome, Goal, Observation, Proof, ReadError};

/// How large it shall be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) min: u32,
    pub(super) desired: u32,
    pub(super) max: u32,
    pub(super) ready: u32,
    pub(super) min_ready: Option<u32>,
}

/// The three sizes of a scaling configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    min: u32,
    desired: u32,
    max: u32,
}

impl Sizes {
    fn of(group: &Nodegroup) -> Self {
        let size = |value: Option<i32>| value.and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
        let config = group.scaling_config.as_ref();
        Self {
            min: size(config.and_then(|c| c.min_size)),
            desired: size(config.and_then(|c| c.desired_size)),
            max: size(config.and_then(|c| c.max_size)),
        }
    }

    /// What is sent: never less than there is, and min <= desired <= max.
    fn raised_to(self, wanted: &Wanted) -> Self {
        let min = self.min.max(wanted.min);
        let desired = self.desired.max(wanted.desired).max(min);
        Self {
            min,
            desired,
            max: self.max.max(wanted.max).max(desired),
        }
    }
}

/// Are enough nodes ready?
pub(super) async fn observe(
    clients: &Clients,
    region: &RegionId,
    nodegroup: &NodegroupRef,
    wanted: &Wanted,
) -> Observation {
    let group = match describe(clients, region, nodegroup).await {
        Ok(group) => group,
        Err(error) => return unobserved(&error),
    };
    let sizes = Sizes::of(&group);
    let notes = notes(&group);
    if let Some(
        status @ (NodegroupStatus::Deleting
        | NodegroupStatus::DeleteFailed
        | NodegroupStatus::CreateFailed),
    ) = &group.status
    {
        return Observation {
            goal: Goal::Impossible {
                code: status.as_str().to_owned(),
                message: format!(
                    "node group {nodegroup} in {region} is {}: repair or recreate it",
                    status.as_str()
                ),
            },
            seen: format!("desired {}{notes}", sizes.desired),
        };
    }
    if sizes != sizes.raised_to(wanted) {
        return Observation {
            goal: Goal::NotMet,
            seen: format!("desired {} of {}{notes}", sizes.desired, wanted.desired),
        };
    }
    let in_service = match in_service(clients, region, nodegroup, &group).await {
        Ok(count) => count,
        Err(error) => return unobserved(&error),
    };
    let goal = if in_service >= wanted.ready {
        Goal::Met
    } else if wanted.min_ready.is_some_and(|enough| in_service >= enough) {
        Goal::PartlyMet
    } else {
        Goal::UnderWay
    };
    Observation {
        goal,
        seen: format!("{in_service} of {} InService{notes}", wanted.ready),
    }
}

/// Raises what is too low.
pub(super) async fn apply(
    clients: &Clients,
    region: &RegionId,
    nodegroup: &NodegroupRef,
    wanted: &Wanted,
    token: String,
    proof: &Proof,
) -> CallOutcome {
    let group = match describe(clients, region, nodegroup).await {
        Ok(group) => group,
        Err(error) => return unprepared(&error),
    };
    let sizes = Sizes::of(&group).raised_to(wanted);
    let size = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let gate = Gate::new(proof);
    let result = clients
        .eks(region)
        .write
        .update_nodegroup_config()
        .cluster_name(&nodegroup.cluster)
        .nodegroup_name(&nodegroup.name)
        .client_request_token(token)
        .scaling_config(
            // All three: a partial one is merged with what stands before it is checked.
            NodegroupScalingConfig::builder()
                .min_size(size(sizes.min))
                .desired_size(size(sizes.desired))
                .max_size(size(sizes.max))
                .build(),
        )
        .customize()
        .interceptor(gate.clone())
        .send()
        .await;
    gate.conclude(result)
}

/// The size of one node group.
pub(super) async fn read_size(
    clients: &Clients,
    region: &RegionId,
    nodegroup: &NodegroupRef,
) -> Result<NodegroupSize, ReadError> {
    let group = describe(clients, region, nodegroup).await?;
    let sizes = Sizes::of(&group);
    Ok(NodegroupSize {
        min: sizes.min,
        desired: sizes.desired,
        max: sizes.max,
        in_service: in_service(clients, region, nodegroup, &group).await?,
    })
}

pub(super) async fn describe(
    clients: &Clients,
    region: &RegionId,
    nodegroup: &NodegroupRef,
) -> Result<Nodegroup, ReadError> {
    let what = format!("node group {nodegroup} in {region}");
    let output = clients
        .eks(region)
        .read
        .describe_nodegroup()
        .cluster_name(&nodegroup.cluster)
        .nodegroup_name(&nodegroup.name)
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    output.nodegroup.ok_or(ReadError::Unobservable {
        what,
        why: "the answer holds no node group".to_owned(),
    })
}

/// `InService` instances of the Auto Scaling groups behind the node group.
async fn in_service(
    clients: &Clients,
    region: &RegionId,
    nodegroup: &NodegroupRef,
    group: &Nodegroup,
) -> Result<u32, ReadError> {
    let what = format!("instances of node group {nodegroup} in {region}");
    let names: Vec<String> = group
        .resources
        .as_ref()
        .map(|resources| resources.auto_scaling_groups())
        .unwrap_or_default()
        .iter()
        .filter_map(|asg| asg.name.clone())
        .collect();
    if names.is_empty() {
        // Asked without names, Auto Scaling would tell of every group of the account.
        return Err(ReadError::Unobservable {
            what,
            why: "EKS names no Auto Scaling group of it".to_owned(),
        });
    }
    let output = clients
        .autoscaling(region)
        .read
        .describe_auto_scaling_groups()
        .set_auto_scaling_group_names(Some(names))
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    let count = output
        .auto_scaling_groups
        .unwrap_or_default()
        .iter()
        .flat_map(|asg| asg.instances())
        .filter(|instance| instance.lifecycle_state == Some(LifecycleState::InService))
        .count();
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Status and health issues, where they are worth a word.
fn notes(group: &Nodegroup) -> String {
    let mut text = String::new();
    match &group.status {
        Some(NodegroupStatus::Active) | None => {}
        Some(status) => {
            text.push_str(", ");
            text.push_str(status.as_str());
        }
    }
    for issue in group
        .health
        .as_ref()
        .map(|h| h.issues())
        .unwrap_or_default()
    {
        text.push_str(", ");
        text.push_str(issue.code.as_ref().map_or("health issue", |c| c.as_str()));
        if let Some(message) = &issue.message {
            text.push_str(" (");
            text.push_str(message);
            text.push(')');
        }
    }
    text
}

#[cfg(test)]
#[path = "eks_tests.rs"]
mod tests;
