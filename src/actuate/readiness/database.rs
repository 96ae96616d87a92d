//! Aurora: is there a secondary that could become the writer, and how far behind is it?

use aws_sdk_rds::types::{DbCluster, DbInstance, Filter, GlobalCluster};

use super::Scene;
use super::accelerator::count;
use super::book::{About, Book, Reader};
use super::leftovers;
use crate::actuate::aurora::{self, Target, cluster_id};
use crate::actuate::classify::read_error;
use crate::actuate::lag;
use crate::model::{AppRegion, ReadinessCode};
use crate::ports::ReadError;

/// A cluster in one of these goes back to `available` by itself; a promotion waits for it.
const PASSING: [&str; 9] = [
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "maintenance",
    "modifying",
    "promoting",
    "renaming",
    "resetting-master-credentials",
    "upgrading",
];

pub(super) async fn look(scene: &Scene<'_>) -> Book {
    let mut book = scene.book();
    let global = global(scene, &mut book).await;
    for region in &scene.app.regions {
        if let Some(arn) = region.resources.db_cluster_arn.as_deref() {
            book.extend(Some(cluster(scene, region, arn, global.as_ref()).await));
        }
    }
    book
}

/// The global cluster, as told by any Region but the one that serves.
async fn global(scene: &Scene<'_>, book: &mut Book) -> Option<GlobalCluster> {
    let name = scene.app.resources.global_cluster.as_ref()?;
    let about = About::all(ReadinessCode::GlobalCluster, name);
    let mut with_database = scene
        .app
        .regions
        .iter()
        .filter_map(|region| Some((region, region.resources.db_cluster_arn.as_deref()?)));
    let (first, arn) = with_database.find(|(region, _)| scene.is_candidate(region))?;
    let target = Target {
        global_cluster: name,
        arn,
        region: &first.name,
        source_region: &scene.asked.active,
    };
    let cluster = match aurora::describe(scene.clients, scene.app, &target).await {
        Ok(cluster) => cluster,
        Err(error) => {
            book.unread(about, &error, "rds:DescribeGlobalClusters", Reader::Steps);
            return None;
        }
    };
    let status = cluster.status.as_deref().unwrap_or("without a status");
    if let Some(under_way) = &cluster.failover_state {
        promotion(scene, book, name, under_way.to_db_cluster_arn.as_deref());
    } else if status == "available" {
        book.passed(about, "available, no promotion under way");
    } else if status == "deleting" {
        let remedy = "correct global_cluster, or make a new one";
        book.blocking(about, "the global cluster is being deleted", remedy);
    } else {
        book.warning(
            about,
            format!("the global cluster is {status}"),
            "wait until it is available: a switchover needs it to be",
        );
    }
    Some(cluster)
}

/// Stands against every Region but its own: a run to that one goes on where the promotion is.
fn promotion(scene: &Scene<'_>, book: &mut Book, name: &str, to: Option<&str>) {
    let text = format!("a promotion to {} is under way", to.unwrap_or("a member"));
    for region in &scene.app.regions {
        let Some(arn) = region.resources.db_cluster_arn.as_deref() else {
            continue;
        };
        let about = About::of(ReadinessCode::GlobalCluster, &region.name, name);
        if to == Some(arn) {
            let remedy = "see who began it: a run to this Region waits for its end and goes on";
            book.warning(about, text.clone(), remedy);
        } else {
            let remedy = "wait for its end: Aurora refuses a second one meanwhile";
            book.blocking(about, text.clone(), remedy);
        }
    }
}

async fn cluster(
    scene: &Scene<'_>,
    region: &AppRegion,
    arn: &str,
    global: Option<&GlobalCluster>,
) -> Book {
    let mut book = scene.book();
    let about = |code| About::of(code, &region.name, arn);
    if let Some(global) = global {
        attached(
            &mut book,
            about(ReadinessCode::DatabaseAttached),
            arn,
            global,
        );
    }
    match read_cluster(scene, region, arn).await {
        Ok(cluster) => {
            leftovers::snapshots(scene, &mut book, region, arn, &cluster).await;
            available(&mut book, about(ReadinessCode::DatabaseAvailable), &cluster);
            if let Some(global) = global {
                engine(
                    &mut book,
                    about(ReadinessCode::EngineVersion),
                    &cluster,
                    global,
                );
                let about = about(ReadinessCode::StaleWriter);
                if scene.is_candidate(region) {
                    leftovers::writer(&mut book, about, arn, &cluster, global);
                } else {
                    book.passed(about, "where users write");
                }
            }
        }
        Err(error) => book.unread(
            about(ReadinessCode::DatabaseAvailable),
            &error,
            "rds:DescribeDBClusters",
            Reader::Steps,
        ),
    }
    match read_instances(scene, region, arn).await {
        Ok(list) => instances(&mut book, about(ReadinessCode::DatabaseInstances), &list),
        Err(error) => book.unread(
            about(ReadinessCode::DatabaseInstances),
            &error,
            "rds:DescribeDBInstances",
            Reader::Check,
        ),
    }
    // The writer lags behind nobody.
    if scene.is_candidate(region) {
        replication(
            scene,
            &mut book,
            region,
            about(ReadinessCode::ReplicationLag),
        )
        .await;
    }
    book
}

fn attached(book: &mut Book, about: About, arn: &str, global: &GlobalCluster) {
    let members = global.global_cluster_members();
    let own = members
        .iter()
        .find(|m| m.db_cluster_arn.as_deref() == Some(arn));
    match own {
        Some(member) if member.is_writer == Some(true) => book.passed(about, "the writer"),
        Some(_) => book.passed(about, "a reader of the global cluster"),
        None => book.blocking(
            about,
            "this cluster is no member of the global cluster: nothing is replicated to it",
            "wait for its rebuilding after a failover, or add a secondary there",
        ),
    }
}

async fn read_cluster(
    scene: &Scene<'_>,
    region: &AppRegion,
    arn: &str,
) -> Result<DbCluster, ReadError> {
    let what = format!("cluster {arn}");
    let answer = scene
        .clients
        .rds(&region.name)
        .read
        .describe_db_clusters()
        .db_cluster_identifier(cluster_id(arn))
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    let cluster = answer.db_clusters.unwrap_or_default().into_iter().next();
    cluster.ok_or_else(|| ReadError::Unobservable {
        what,
        why: "the answer holds no cluster".to_owned(),
    })
}

async fn read_instances(
    scene: &Scene<'_>,
    region: &AppRegion,
    arn: &str,
) -> Result<Vec<DbInstance>, ReadError> {
    let what = format!("instances of cluster {arn}");
    let of_cluster = Filter::builder()
        .name("db-cluster-id")
        .values(cluster_id(arn))
        .build();
    let answer = scene
        .clients
        .rds(&region.name)
        .read
        .describe_db_instances()
        .filters(of_cluster)
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    Ok(answer.db_instances.unwrap_or_default())
}

fn available(book: &mut Book, about: About, cluster: &DbCluster) {
    let status = cluster.status.as_deref().unwrap_or("without a status");
    let text = format!("the cluster is {status}");
    if status == "available" {
        book.passed(about, "available");
    } else if PASSING.contains(&status) {
        book.warning(about, text, "wait until it is available");
    } else {
        book.blocking(about, text, "repair or recreate the cluster");
    }
}

fn engine(book: &mut Book, about: About, cluster: &DbCluster, global: &GlobalCluster) {
    let (Some(own), Some(wanted)) = (&cluster.engine_version, &global.engine_version) else {
        return book.unknown(
            about,
            "the engine version is not told",
            "wait for the next check",
        );
    };
    let text = format!("runs {own}, the global cluster {wanted}");
    if own == wanted {
        book.passed(about, format!("runs {own}, as the global cluster does"));
    } else if release(own) == release(wanted) {
        let remedy = "bring both to the same patch: a switchover may be refused";
        book.warning(about, text, remedy);
    } else {
        book.blocking(
            about,
            text,
            "upgrade it: a promotion needs the same major and minor version",
        );
    }
}

/// Major and minor version: `16.6` of `16.6.1`, `3.04` of `8.0.mysql_aurora.3.04.0`.
fn release(version: &str) -> (&str, &str) {
    let own = version
        .rsplit_once("mysql_aurora.")
        .map_or(version, |(_, own)| own);
    let mut parts = own.split('.');
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

fn instances(book: &mut Book, about: About, list: &[DbInstance]) {
    let status = |instance: &DbInstance| instance.db_instance_status.clone().unwrap_or_default();
    let available = list.iter().filter(|i| status(i) == "available").count();
    let all = count(list.len(), "instance");
    if list.is_empty() {
        book.blocking(
            about,
            "the cluster has no instance: its data is there and nothing could serve it",
            "add an instance to it; that takes minutes which an outage does not have",
        );
    } else if available == 0 {
        let states: Vec<String> = list.iter().map(status).collect();
        let text = format!("none of {all} is available ({})", states.join(", "));
        book.blocking(about, text, "wait for them, or add an instance");
    } else if available < list.len() {
        let text = format!("{available} of {all} available");
        book.warning(about, text, "see what the others are at");
    } else {
        book.passed(about, format!("{all} available"));
    }
}

async fn replication(scene: &Scene<'_>, book: &mut Book, region: &AppRegion, about: About) {
    let now = scene.clock.now().wall;
    let samples = match lag::read(scene.clients, scene.app, &region.name, now).await {
        Ok(samples) => samples,
        Err(error) => {
            let action = "cloudwatch:GetMetricStatistics";
            return book.unread(about, &error, action, Reader::Check);
        }
    };
    let guards = &scene.app.guards;
    let Some(newest) = samples.last() else {
        return book.warning(
            about,
            "CloudWatch has no lag of the last minutes: a failover would have to ask first",
            "see that AuroraGlobalDBRPOLag is published there, and lag_dimensions",
        );
    };
    // What the data guard goes by: the worst of the last three.
    let worst = samples.iter().rev().take(3).map(|s| s.lag).max();
    let worst = worst.unwrap_or(newest.lag);
    let age = now.since(newest.at);
    if age > guards.lag_max_age {
        let text = format!("the newest lag known is {age} old");
        book.warning(
            about,
            text,
            "see that AuroraGlobalDBRPOLag is published there",
        );
    } else if worst > guards.rpo_max {
        let text = format!("{worst} behind, rpo_max is {}", guards.rpo_max);
        book.warning(
            about,
            text,
            "a failover would ask first: see why it is behind",
        );
    } else {
        book.passed(about, format!("at most {worst} behind"));
    }
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn a_release_is_the_engines_own_major_and_minor() {
        for (version, own) in [
            ("16.6", ("16", "6")),
            ("16.6.1", ("16", "6")),
            ("8.0.mysql_aurora.3.04.0", ("3", "04")),
            ("17", ("17", "")),
        ] {
            assert_eq!(release(version), own, "{version}");
        }
    }
}
