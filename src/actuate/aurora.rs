//! `aurora.promote`: the writer of an Aurora global database moves to another Region. `aurora.detach`: a
//! secondary leaves it, and takes writes by itself.
//!
//! | method | call | in the Region of |
//! | --- | --- | --- |
//! | switchover | `SwitchoverGlobalCluster` | the present primary |
//! | failover with data loss | `FailoverGlobalCluster`, `AllowDataLoss` | the target |
//! | detach | `RemoveFromGlobalCluster` | the target |
//!
//! Neither takes a client token, and both refuse a repetition while the first is under way. So what
//! counts is `FailoverState.ToDbClusterArn`, whatever its status is called (`switching-over` is not
//! even in the service's model): ours means under way, another's means that nothing can be done.
//!
//! Invariant: no observation asks the Region that is being left. `DescribeGlobalClusters` answers
//! the same everywhere, so the target is asked first, then the application's other Regions.

use aws_sdk_rds::types::{DbCluster, FailoverState, GlobalCluster};

use super::classify::{read_error, unobserved};
use super::clients::Clients;
use super::gate::Gate;
use crate::model::{Application, Promotion, RegionId, Variant};
use crate::ports::{CallOutcome, Goal, Observation, Proof, ReadError};

/// Faults that say "not in a state to be promoted", and why is for a second look to say.
const STATE_FAULTS: [&str; 2] = [
    "InvalidGlobalClusterStateFault",
    "InvalidDBClusterStateFault",
];

/// What is promoted.
pub(super) struct Target<'a> {
    pub(super) global_cluster: &'a str,
    pub(super) arn: &'a str,
    pub(super) region: &'a RegionId,
    pub(super) source_region: &'a RegionId,
}

/// Which call an attempt makes: an escalated one fails over whatever was planned.
pub(super) fn method(planned: Promotion, variant: Variant) -> Promotion {
    match variant {
        Variant::AsPlanned => planned,
        Variant::Escalated => Promotion::FailoverWithDataLoss,
    }
}

/// Is the target the writer, with nothing under way and its cluster available?
pub(super) async fn observe(
    clients: &Clients,
    application: &Application,
    target: &Target<'_>,
) -> Observation {
    let cluster = match describe(clients, application, target).await {
        Ok(cluster) => cluster,
        Err(error) => return unobserved(&error),
    };
    let observation = judge(&cluster, target);
    if observation.goal != Goal::Met {
        return observation;
    }
    match cluster_status(clients, target).await {
        Ok(status) if status == "available" => Observation {
            goal: Goal::Met,
            seen: format!("{}, available", observation.seen),
        },
        Ok(status) => Observation {
            goal: Goal::UnderWay,
            seen: format!("{}, {status}", observation.seen),
        },
        Err(error) => unobserved(&error),
    }
}

/// Does the target take writes, out of the global cluster or as its writer?
pub(super) async fn observe_detached(
    clients: &Clients,
    application: &Application,
    target: &Target<'_>,
) -> Observation {
    let global = match describe(clients, application, target).await {
        Ok(global) => global,
        Err(error) => return unobserved(&error),
    };
    let mut members = global.global_cluster_members().iter();
    if members.any(|member| member.db_cluster_arn.as_deref() == Some(target.arn)) {
        // A promotion that came through after all has the same end.
        return observe(clients, application, target).await;
    }
    let cluster = match read_cluster(clients, target).await {
        Ok(cluster) => cluster,
        Err(error) => return unobserved(&error),
    };
    let status = cluster.status.as_deref().unwrap_or("without a status");
    let mut instances = cluster.db_cluster_members().iter();
    let writes = instances.any(|instance| instance.is_cluster_writer == Some(true));
    // It is asynchronous: the cluster leaves first, and takes writes later.
    let goal = if status == "available" && writes {
        Goal::Met
    } else {
        Goal::UnderWay
    };
    Observation {
        goal,
        seen: format!("out of {}, {status}", target.global_cluster),
    }
}

/// The promotion.
pub(super) async fn apply(
    clients: &Clients,
    application: &Application,
    target: &Target<'_>,
    method: Promotion,
    proof: &Proof,
) -> CallOutcome {
    let gate = Gate::new(proof);
    let outcome = match method {
        Promotion::Switchover => {
            let result = clients
                .rds(target.source_region)
                .write
                .switchover_global_cluster()
                .global_cluster_identifier(target.global_cluster)
                .target_db_cluster_identifier(target.arn)
                .customize()
                .interceptor(gate.clone())
                .send()
                .await;
            gate.conclude(result)
        }
        Promotion::FailoverWithDataLoss => {
            let result = clients
                .rds(target.region)
                .write
                .failover_global_cluster()
                .global_cluster_identifier(target.global_cluster)
                .target_db_cluster_identifier(target.arn)
                // Without it this very call is a switchover, which a lost Region never answers.
                .allow_data_loss(true)
                .customize()
                .interceptor(gate.clone())
                .send()
                .await;
            gate.conclude(result)
        }
        Promotion::Detach => {
            let result = clients
                .rds(target.region)
                .write
                .remove_from_global_cluster()
                .global_cluster_identifier(target.global_cluster)
                .db_cluster_identifier(target.arn)
                .customize()
                .interceptor(gate.clone())
                .send()
                .await;
            gate.conclude(result)
        }
    };
    match outcome {
        // One that has left already is refused by the same faults: only a look tells.
        CallOutcome::Busy { code, message }
            if STATE_FAULTS.contains(&code.as_str()) && method != Promotion::Detach =>
        {
            look_again(clients, application, target, code, message).await
        }
        CallOutcome::Busy { .. }
        | CallOutcome::Accepted
        | CallOutcome::Refused { .. }
        | CallOutcome::Unknown { .. }
        | CallOutcome::NotSent { .. } => outcome,
    }
}

/// A state fault: is it our own promotion that is under way, another's, or neither? Only another's
/// is final. With neither, a member is being modified or backed up: that ends, and the step's
/// timeout bounds the wait.
async fn look_again(
    clients: &Clients,
    application: &Application,
    target: &Target<'_>,
    code: String,
    message: String,
) -> CallOutcome {
    let Ok(cluster) = describe(clients, application, target).await else {
        return CallOutcome::Busy { code, message };
    };
    match judge(&cluster, target).goal {
        Goal::Impossible { code, message } => CallOutcome::Refused { code, message },
        Goal::Met | Goal::UnderWay => CallOutcome::Busy {
            code,
            message: format!("the promotion to {} is under way already", target.region),
        },
        Goal::NotMet | Goal::PartlyMet | Goal::StaleEpoch { .. } | Goal::Unobservable { .. } => {
            CallOutcome::Busy { code, message }
        }
    }
}

/// What the global cluster says of the goal; `Met` still lacks the target cluster's own status.
fn judge(cluster: &GlobalCluster, target: &Target<'_>) -> Observation {
    let members = cluster.global_cluster_members();
    let writer = members
        .iter()
        .find(|member| member.is_writer == Some(true))
        .and_then(|member| member.db_cluster_arn.as_deref());
    let mut seen = match writer.map(region_of_arn) {
        Some(region) => format!("writer in {region}"),
        None => "no writer".to_owned(),
    };
    if let Some(state) = &cluster.failover_state {
        seen = format!("{seen}, {}", state_text(state));
    }
    let goal = if !members
        .iter()
        .any(|member| member.db_cluster_arn.as_deref() == Some(target.arn))
    {
        Goal::Impossible {
            code: "not_a_member".to_owned(),
            message: format!(
                "{} is no member of global cluster {}: wait until it is rebuilt as a reader after a \
                 failover, add a secondary there, or correct db_cluster_arn of {}",
                target.arn, target.global_cluster, target.region
            ),
        }
    } else {
        match &cluster.failover_state {
            Some(state) => match state.to_db_cluster_arn.as_deref() {
                Some(to) if to != target.arn => Goal::Impossible {
                    code: "another_promotion".to_owned(),
                    message: format!(
                        "a promotion of {to} is under way in global cluster {}: wait for its end, \
                         then plan anew",
                        target.global_cluster
                    ),
                },
                // One that names no target refuses every other all the same: wait.
                Some(_) | None => Goal::UnderWay,
            },
            None if writer == Some(target.arn) => Goal::Met,
            None => Goal::NotMet,
        }
    };
    Observation { goal, seen }
}

fn state_text(state: &FailoverState) -> String {
    let status = state.status.as_ref().map_or("failover", |s| s.as_str());
    match state.to_db_cluster_arn.as_deref().map(region_of_arn) {
        Some(to) => format!("{status} to {to}"),
        None => status.to_owned(),
    }
}

/// The global cluster, as told by the first Region that answers; never the one that is left.
pub(super) async fn describe(
    clients: &Clients,
    application: &Application,
    target: &Target<'_>,
) -> Result<GlobalCluster, ReadError> {
    let what = format!("global cluster {}", target.global_cluster);
    let mut failure = None;
    for region in askable(application, target) {
        let result = clients
            .rds(region)
            .read
            .describe_global_clusters()
            .global_cluster_identifier(target.global_cluster)
            .send()
            .await;
        match result {
            Ok(output) => {
                return output
                    .global_clusters
                    .unwrap_or_default()
                    .into_iter()
                    .find(|cluster| {
                        cluster.global_cluster_identifier.as_deref() == Some(target.global_cluster)
                    })
                    .ok_or_else(|| ReadError::Refused {
                        what,
                        code: "GlobalClusterNotFoundFault".to_owned(),
                        message: format!(
                            "no global cluster is called {}: check global_cluster of the \
                             application",
                            target.global_cluster
                        ),
                    });
            }
            Err(error) => match read_error(&what, &error) {
                refused @ ReadError::Refused { .. } => return Err(refused),
                // The first says most: it is the one that will have to act.
                unanswered @ ReadError::Unobservable { .. } => {
                    failure.get_or_insert(unanswered);
                }
            },
        }
    }
    Err(failure.unwrap_or_else(|| ReadError::Unobservable {
        what,
        why: "no Region to ask".to_owned(),
    }))
}

fn askable<'a>(
    application: &'a Application,
    target: &Target<'a>,
) -> impl Iterator<Item = &'a RegionId> {
    let (first, left) = (target.region, target.source_region);
    std::iter::once(first).chain(
        application
            .regions
            .iter()
            .map(|region| &region.name)
            .filter(move |name| *name != first && *name != left),
    )
}

async fn cluster_status(clients: &Clients, target: &Target<'_>) -> Result<String, ReadError> {
    let cluster = read_cluster(clients, target).await?;
    cluster.status.ok_or_else(|| ReadError::Unobservable {
        what: format!("cluster {}", target.arn),
        why: "the answer tells no status of it".to_owned(),
    })
}

async fn read_cluster(clients: &Clients, target: &Target<'_>) -> Result<DbCluster, ReadError> {
    let what = format!("cluster {}", target.arn);
    let output = clients
        .rds(target.region)
        .read
        .describe_db_clusters()
        .db_cluster_identifier(cluster_id(target.arn))
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    output
        .db_clusters
        .unwrap_or_default()
        .into_iter()
        .find(|cluster| {
            cluster
                .db_cluster_arn
                .as_deref()
                .is_none_or(|arn| arn == target.arn)
        })
        .ok_or(ReadError::Unobservable {
            what,
            why: "the answer does not hold it".to_owned(),
        })
}

/// The cluster's identifier, the last part of its ARN.
pub(super) fn cluster_id(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// The Region in an ARN, its fourth part.
fn region_of_arn(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or(arn)
}

#[cfg(test)]
#[path = "aurora_tests.rs"]
mod tests;
