//! What a failover that may lose data leaves behind in the Region it left: a database that still takes
//! writes, and a snapshot of the writes that nobody else has.
//!
//! Aurora stops the old writer as well as it can, and snapshots its volume as it stood, under a name that
//! begins with `rds:unplanned-global-failover-`. It is a system snapshot: the retention of the cluster's
//! backups deletes it. Source: Aurora user guide, "Recovering an Amazon Aurora global database from an
//! unplanned outage".

use aws_sdk_rds::types::{DbCluster, DbClusterSnapshot, GlobalCluster};

use super::Scene;
use super::book::{About, Book, Reader};
use crate::actuate::aurora::cluster_id;
use crate::actuate::classify::read_error;
use crate::model::{AppRegion, Millis, ReadinessCode, Wall};
use crate::ports::ReadError;

/// What the names of those snapshots begin with.
const OF_FAILOVERS: &str = "rds:unplanned-global-failover-";

const DAY: Millis = Millis::from_mins(24 * 60);

/// Whether that cluster takes writes though it is no member of the global cluster. Of a member the global
/// cluster itself says which role it has: what its instances are called there differs from case to case.
pub(super) fn writer(
    book: &mut Book,
    about: About,
    arn: &str,
    cluster: &DbCluster,
    global: &GlobalCluster,
) {
    let mut members = global.global_cluster_members().iter();
    let attached = members.any(|member| member.db_cluster_arn.as_deref() == Some(arn));
    let mut instances = cluster.db_cluster_members().iter();
    let writes = instances.any(|instance| instance.is_cluster_writer == Some(true));
    // Under a promotion the two may differ for a moment.
    if attached || !writes || global.failover_state.is_some() {
        return book.passed(about, "takes no writes but the global cluster's own");
    }
    book.blocking(
        about,
        "it is no member of the global cluster, and takes writes: they are lost when it is rebuilt",
        "stop whatever writes to it, and copy what it holds before it is rebuilt",
    );
}

/// The snapshots of lost writes that are still there, and until when.
pub(super) async fn snapshots(
    scene: &Scene<'_>,
    book: &mut Book,
    region: &AppRegion,
    arn: &str,
    cluster: &DbCluster,
) {
    let about = |name: &str| About::of(ReadinessCode::UnreplicatedWrites, &region.name, name);
    let all = match read(scene, region, arn).await {
        Ok(all) => all,
        Err(error) => {
            let action = "rds:DescribeDBClusterSnapshots";
            return book.unread(about(arn), &error, action, Reader::Check);
        }
    };
    let now = scene.clock.now().wall;
    let days = cluster.backup_retention_period;
    let kept = days.and_then(|days| Some(DAY.times(u64::try_from(days).ok()?)));
    let mut any = false;
    for snapshot in &all {
        let name = snapshot
            .db_cluster_snapshot_identifier()
            .unwrap_or_default();
        if !name.starts_with(OF_FAILOVERS) {
            continue;
        }
        any = true;
        match copy_of(snapshot, &all) {
            Some(copy) => book.passed(about(name), format!("copied as {copy}")),
            None => book.warning(
                about(name),
                told(snapshot, kept, now),
                "copy it (`aws rds copy-db-cluster-snapshot`), restore the copy beside the database, and \
                 bring over what is missing",
            ),
        }
    }
    if !any {
        book.passed(about(arn), "no failover has left a snapshot");
    }
}

/// A snapshot that a person has made of it, which nothing deletes.
fn copy_of<'a>(snapshot: &DbClusterSnapshot, all: &'a [DbClusterSnapshot]) -> Option<&'a str> {
    let source = snapshot.db_cluster_snapshot_arn()?;
    let copy = all
        .iter()
        .find(|other| other.source_db_cluster_snapshot_arn() == Some(source))?;
    copy.db_cluster_snapshot_identifier()
}

fn told(snapshot: &DbClusterSnapshot, kept: Option<Millis>, now: Wall) -> String {
    let what = "holds the writes that a failover has lost, and is their only copy";
    let made = snapshot
        .snapshot_create_time()
        .and_then(|at| u64::try_from(at.to_millis().ok()?).ok())
        .map(Wall);
    let (Some(made), Some(kept)) = (made, kept) else {
        return format!("{what}: the backup retention of its cluster deletes it");
    };
    let left = (made + kept).since(now);
    let age = now.since(made);
    format!("{what}: {age} old, deleted in about {left} by a backup retention of {kept}")
}

async fn read(
    scene: &Scene<'_>,
    region: &AppRegion,
    arn: &str,
) -> Result<Vec<DbClusterSnapshot>, ReadError> {
    let what = format!("snapshots of cluster {arn}");
    let mut pages = scene
        .clients
        .rds(&region.name)
        .read
        .describe_db_cluster_snapshots()
        // System snapshots and people's own.
        .db_cluster_identifier(cluster_id(arn))
        .into_paginator()
        .send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| read_error(&what, &error))?;
        all.extend(page.db_cluster_snapshots.unwrap_or_default());
    }
    Ok(all)
}
