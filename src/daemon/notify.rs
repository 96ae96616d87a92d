//! From snapshots to people: the wiring of `news`, the receivers and the heartbeat.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::model::{Member, Millis};
use crate::notify::{self, ClientError, Desk, Sender, Tally, Well};
use crate::ports::Clock;

use super::news::News;
use super::snapshot::Snapshot;

/// What a cluster is called that has no name, as between members.
const DEFAULT_CLUSTER: &str = "failoverd";

/// The loop turns at least twice a second; without a turn for this long this member is not well.
const TURNS_WITHIN: Millis = Millis::from_secs(10);

/// Starts what the configuration asks for; all of it ends with `stopping`.
///
/// # Errors
///
/// If this host cannot speak HTTP.
pub(super) fn start(
    config: &Config,
    told: &Tally,
    clock: &Arc<dyn Clock>,
    snapshots: &watch::Receiver<Arc<Snapshot>>,
    stopping: &CancellationToken,
) -> Result<(), ClientError> {
    if !config.notifications.is_empty() {
        let me = Member {
            id: config.node.id.clone(),
            region: config.node.region.clone(),
        };
        let sender = Sender {
            member: me.clone(),
            cluster: config.peering.as_ref().map_or_else(
                || DEFAULT_CLUSTER.to_owned(),
                |peering| peering.cluster.clone(),
            ),
        };
        let tasks = TaskTracker::new();
        let sinks = &config.notifications;
        let desk = Desk::open(sinks, sender, told, clock, stopping, &tasks)?;
        tokio::spawn(follow(
            News::new(me),
            desk,
            snapshots.clone(),
            stopping.clone(),
        ));
    }
    if let (Some(heartbeat), Some(tally)) = (&config.heartbeat, &told.heartbeat) {
        tokio::spawn(notify::beat(
            heartbeat.clone(),
            Arc::clone(tally),
            Arc::clone(clock),
            wellness(snapshots.clone(), Arc::clone(clock)),
            stopping.clone(),
        )?);
    }
    Ok(())
}

async fn follow(
    mut news: News,
    desk: Desk,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    stopping: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            changed = snapshots.changed() => if changed.is_err() {
                return;
            },
        }
        let snapshot = snapshots.borrow_and_update().clone();
        for message in news.look(&snapshot) {
            desk.tell(&message);
        }
    }
}

/// This member does its part, and its loop turns.
fn wellness(snapshots: watch::Receiver<Arc<Snapshot>>, clock: Arc<dyn Clock>) -> Well {
    Arc::new(move || {
        let snapshot = snapshots.borrow().clone();
        let age = clock.now().mono.since(snapshot.at.mono);
        if age > TURNS_WITHIN {
            return Err(format!("the daemon's loop has not turned for {age}"));
        }
        if snapshot.ready.is_ready() {
            Ok(())
        } else {
            Err(snapshot.ready.to_string())
        }
    })
}
