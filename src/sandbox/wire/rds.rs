//! RDS over query, version 2014-10-31.

use serde_json::{Value, json};

use crate::model::RegionId;

use super::super::setup::ACCOUNT;
use super::super::world::{Cluster, Refusal, State, no_cluster};
use super::params::{flag, list, only, optional, text, texts, unknown_thing};
use super::query;
use super::reply::Reply;
use super::time::iso;

pub(super) const NAMESPACE: &str = "http://rds.amazonaws.com/doc/2014-10-31/";

const BAD: &str = "InvalidParameterValue";

/// For how many days every cluster's backups are kept, and with them its system snapshots.
const RETENTION_DAYS: u32 = 7;

/// Carries out one operation.
pub(super) fn perform(
    state: &mut State,
    region: &RegionId,
    operation: &str,
    p: &Value,
) -> Result<Reply, Refusal> {
    let result = match operation {
        "DescribeGlobalClusters" => {
            only(
                p,
                &["GlobalClusterIdentifier", "MaxRecords", "Marker", "Filters"],
            )?;
            describe_global(state, p)?
        }
        "DescribeDBClusters" => {
            only(
                p,
                &[
                    "DBClusterIdentifier",
                    "MaxRecords",
                    "Marker",
                    "IncludeShared",
                ],
            )?;
            describe_clusters(state, region, p)?
        }
        "DescribeDBInstances" => {
            only(
                p,
                &["DBInstanceIdentifier", "MaxRecords", "Marker", "Filters"],
            )?;
            describe_instances(state, region, p)?
        }
        "DescribeDBClusterSnapshots" => {
            only(p, &["DBClusterIdentifier", "MaxRecords", "Marker"])?;
            describe_snapshots(state, region, p)?
        }
        "SwitchoverGlobalCluster" => {
            only(p, &["GlobalClusterIdentifier", "TargetDbClusterIdentifier"])?;
            known_global(state, text(p, "GlobalClusterIdentifier", BAD)?)?;
            let target = target(state, p)?;
            if &state.aurora.writer().region != region {
                return Err(Refusal::bad(
                    "InvalidGlobalClusterStateFault",
                    format!(
                        "SwitchoverGlobalCluster is called in the Region of the primary DB cluster, {}, not in {region}",
                        state.aurora.writer().region
                    ),
                ));
            }
            promote(state, &target, false)?
        }
        "FailoverGlobalCluster" => {
            only(
                p,
                &[
                    "GlobalClusterIdentifier",
                    "TargetDbClusterIdentifier",
                    "AllowDataLoss",
                    "Switchover",
                ],
            )?;
            known_global(state, text(p, "GlobalClusterIdentifier", BAD)?)?;
            let data_loss = flag(p, "AllowDataLoss");
            if data_loss && flag(p, "Switchover") {
                return Err(Refusal::bad(
                    "InvalidParameterCombination",
                    "AllowDataLoss and Switchover can't be specified together",
                ));
            }
            let target = target(state, p)?;
            let at_home = state
                .aurora
                .clusters
                .iter()
                .any(|c| c.arn == target && &c.region == region);
            if !at_home {
                // The target Region's own API is the only one that knows the cluster.
                return Err(no_cluster(&target));
            }
            promote(state, &target, data_loss)?
        }
        "RemoveFromGlobalCluster" => {
            only(p, &["GlobalClusterIdentifier", "DbClusterIdentifier"])?;
            known_global(state, text(p, "GlobalClusterIdentifier", BAD)?)?;
            let arn = text(p, "DbClusterIdentifier", BAD)?;
            let mut clusters = state.aurora.clusters.iter();
            if !clusters.any(|c| c.arn == arn && &c.region == region) {
                return Err(no_cluster(arn));
            }
            let arn = arn.to_owned();
            state.detach(&arn)?;
            json!({"GlobalCluster": global_cluster(state)})
        }
        other => return Err(unknown_thing(&format!("rds {other}"))),
    };
    Ok(query::answer(NAMESPACE, operation, &result, &item))
}

/// Whether it changes anything.
pub(super) fn mutates(operation: &str) -> bool {
    matches!(
        operation,
        "SwitchoverGlobalCluster" | "FailoverGlobalCluster" | "RemoveFromGlobalCluster"
    )
}

/// What RDS calls the members of its lists.
fn item(list: &str) -> String {
    match list {
        "GlobalClusters" | "GlobalClusterMembers" => "GlobalClusterMember",
        "DBClusters" => "DBCluster",
        "DBClusterMembers" => "DBClusterMember",
        "DBInstances" => "DBInstance",
        "DBClusterSnapshots" => "DBClusterSnapshot",
        _plain => "member",
    }
    .to_owned()
}

fn known_global(state: &State, id: &str) -> Result<(), Refusal> {
    if state.global_cluster == id {
        Ok(())
    } else {
        Err(Refusal::missing(
            "GlobalClusterNotFoundFault",
            format!("Global cluster {id} not found"),
        ))
    }
}

fn target(state: &State, p: &Value) -> Result<String, Refusal> {
    let target = text(p, "TargetDbClusterIdentifier", BAD)?;
    if !target.starts_with("arn:") {
        return Err(Refusal::bad(
            BAD,
            format!("TargetDbClusterIdentifier must be an ARN, not {target}"),
        ));
    }
    if state.aurora.clusters.iter().all(|c| c.arn != target) {
        return Err(no_cluster(target));
    }
    Ok(target.to_owned())
}

/// The reply still shows the old writer: nothing has moved yet.
fn promote(state: &mut State, target: &str, data_loss: bool) -> Result<Value, Refusal> {
    state.promote(target, data_loss)?;
    Ok(json!({"GlobalCluster": global_cluster(state)}))
}

fn describe_global(state: &State, p: &Value) -> Result<Value, Refusal> {
    if !list(p, "Filters").is_empty() {
        for filter in list(p, "Filters") {
            let name = optional(filter, "Name").unwrap_or_default();
            if name != "db-cluster-id" {
                return Err(unknown_thing(&format!("rds filter {name}")));
            }
            let wanted = texts(filter, "Values");
            let any = |c: &Cluster| wanted.iter().any(|w| *w == c.id || *w == c.arn);
            if !state.aurora.clusters.iter().any(any) {
                return Ok(json!({"GlobalClusters": []}));
            }
        }
    }
    if let Some(id) = optional(p, "GlobalClusterIdentifier") {
        known_global(state, id)?;
    }
    Ok(json!({"GlobalClusters": [global_cluster(state)]}))
}

fn global_cluster(state: &State) -> Value {
    let aurora = &state.aurora;
    let attached = |cluster: &Cluster| aurora.replicates(cluster);
    let members: Vec<Value> = aurora
        .clusters
        .iter()
        .filter(|c| aurora.is_writer(c) || attached(c))
        .map(|cluster| {
            let is_writer = aurora.is_writer(cluster);
            let readers: Vec<&str> = aurora
                .clusters
                .iter()
                .filter(|c| is_writer && attached(c))
                .map(|c| c.arn.as_str())
                .collect();
            json!({
                "DBClusterArn": cluster.arn,
                "IsWriter": is_writer,
                "Readers": readers,
                "GlobalWriteForwardingStatus": "disabled",
                "SynchronizationStatus": "connected",
            })
        })
        .collect();
    json!({
        "GlobalClusterIdentifier": state.global_cluster,
        "GlobalClusterResourceId": "cluster-0123456789abcdef",
        "GlobalClusterArn": state.global_cluster_arn,
        "Status": aurora.status(),
        "Engine": state.engine.0,
        "EngineVersion": state.engine.1,
        "StorageEncrypted": true,
        "DeletionProtection": true,
        "GlobalClusterMembers": members,
        "FailoverState": aurora.promotion.as_ref().map(|promotion| json!({
            "Status": promotion.status,
            "FromDbClusterArn": promotion.from_arn,
            "ToDbClusterArn": promotion.to_arn,
            "IsDataLossAllowed": promotion.data_loss,
        })),
    })
}

fn describe_clusters(state: &State, region: &RegionId, p: &Value) -> Result<Value, Refusal> {
    let asked = optional(p, "DBClusterIdentifier");
    let clusters: Vec<Value> = state
        .aurora
        .clusters
        .iter()
        .filter(|c| &c.region == region)
        .filter(|c| asked.is_none_or(|id| c.id == id || c.arn == id))
        .map(|cluster| {
            let instances: Vec<Value> = instance_id(state, cluster)
                .into_iter()
                .map(|id| {
                    json!({
                        "DBInstanceIdentifier": id,
                        "IsClusterWriter": state.aurora.believes_it_writes(cluster),
                        "PromotionTier": 1,
                    })
                })
                .collect();
            json!({
                "DBClusterIdentifier": cluster.id,
                "DBClusterArn": cluster.arn,
                "Status": cluster.status,
                "Engine": state.engine.0,
                "EngineVersion": cluster.engine_version,
                "GlobalClusterIdentifier": state.global_cluster,
                "Endpoint": format!("{}.cluster-c0ffee.{region}.rds.amazonaws.com", cluster.id),
                "MultiAZ": true,
                "BackupRetentionPeriod": RETENTION_DAYS,
                "DBClusterMembers": instances,
            })
        })
        .collect();
    match asked {
        Some(id) if clusters.is_empty() => Err(no_cluster(id)),
        Some(_) | None => Ok(json!({"DBClusters": clusters})),
    }
}

/// Only those that failovers leave: nobody makes a backup here.
fn describe_snapshots(state: &State, region: &RegionId, p: &Value) -> Result<Value, Refusal> {
    let asked = optional(p, "DBClusterIdentifier");
    let mut clusters = state.aurora.clusters.iter();
    let cluster = clusters.find(|cluster| &cluster.region == region);
    let cluster = cluster.filter(|cluster| asked.is_none_or(|id| cluster.id == id));
    let Some(cluster) = cluster else {
        return Err(no_cluster(asked.unwrap_or_default()));
    };
    let taken = cluster.snapshots.iter().map(|at| {
        let id = format!("rds:unplanned-global-failover-{}-{}", cluster.id, at.0);
        json!({
            "DBClusterSnapshotIdentifier": id,
            "DBClusterSnapshotArn":
                format!("arn:aws:rds:{region}:{ACCOUNT}:cluster-snapshot:{id}"),
            "DBClusterIdentifier": cluster.id,
            "SnapshotCreateTime": iso(*at),
            "SnapshotType": "automated",
            "Status": "available",
            "Engine": state.engine.0,
            "EngineVersion": cluster.engine_version,
        })
    });
    Ok(json!({"DBClusterSnapshots": Vec::from_iter(taken)}))
}

/// Its only instance, unless it has none.
fn instance_id(state: &State, cluster: &Cluster) -> Option<String> {
    let headless = state.faults.headless(&cluster.region);
    (!headless).then(|| format!("{}-1", cluster.id))
}

fn describe_instances(state: &State, region: &RegionId, p: &Value) -> Result<Value, Refusal> {
    let mut clusters: Vec<&Cluster> = state
        .aurora
        .clusters
        .iter()
        .filter(|c| &c.region == region)
        .collect();
    for filter in list(p, "Filters") {
        let name = optional(filter, "Name").unwrap_or_default();
        if name != "db-cluster-id" {
            return Err(unknown_thing(&format!("rds filter {name}")));
        }
        let wanted = texts(filter, "Values");
        clusters.retain(|c| wanted.iter().any(|w| *w == c.id || *w == c.arn));
    }
    let asked = optional(p, "DBInstanceIdentifier");
    let instances: Vec<Value> = clusters
        .into_iter()
        .filter_map(|cluster| Some((cluster, instance_id(state, cluster)?)))
        .filter(|(_, id)| asked.is_none_or(|asked| asked == id))
        .map(|(cluster, id)| {
            json!({
                "DBInstanceIdentifier": id,
                "DBInstanceClass": "db.r8g.large",
                "Engine": state.engine.0,
                "EngineVersion": cluster.engine_version,
                "DBInstanceStatus": "available",
                "DBClusterIdentifier": cluster.id,
                "AvailabilityZone": format!("{region}a"),
                "PromotionTier": 1,
            })
        })
        .collect();
    match asked {
        Some(id) if instances.is_empty() => Err(Refusal::missing(
            "DBInstanceNotFound",
            format!("DBInstance {id} not found."),
        )),
        Some(_) | None => Ok(json!({"DBInstances": instances})),
    }
}
