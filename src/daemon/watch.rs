//! Watches what a plan will need, while every Region still answers: the replication lag, the size
//! of the node groups, and where traffic stands. What is seen goes into the ledger, so that nothing
//! must be asked of a Region once it is lost.
//!
//! Where traffic stands is asked of AWS by every member, leader or not: the answers are none of a
//! follower's business, but that there are answers tells who could act (DESIGN section 5).
//!
//! A run changes where traffic stands: when one has come to rest it is read again at once, so that nobody
//! is shown what was there before.
//!
//! Every thing is watched by a task of its own: one Region that hangs delays no other. What cannot be
//! read is told once, and again when the reason changes: what a plan lacks must be known before it
//! is needed.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::controller::active_region;
use crate::model::{
    AppId, Application, CommandBody, Millis, RegionId, RunId, Seen, State, Traffic, Wall,
};
use crate::ports::ReadError;

use super::epochs;
use super::perform::Performer;

/// World time between two looks. CloudWatch publishes the lag once a minute; a look in between
/// halves the age of what is known.
const EVERY: Millis = Millis::from_secs(30);

/// World time until a question that AWS did not answer is asked again: whether this member can act
/// must be known before it has to.
const AGAIN: Millis = Millis::from_secs(5);

/// World time in which the end of a run is noticed: less than anybody waits for a page.
const NOTICE: Millis = Millis::from_secs(1);

/// What has not changed is recorded again after this, so that its age tells whether it is watched.
const RECORD_AGAIN: Millis = Millis::from_mins(10);

/// Starts watching everything of `apps`. Only the leader writes what it sees.
pub(super) fn spawn(apps: &[Application], performer: &Performer, stopping: &CancellationToken) {
    let mut sounded = false;
    for app in apps {
        let app = Arc::new(app.clone());
        for region in &app.regions {
            if region.resources.db_cluster_arn.is_some() {
                keep(
                    performer,
                    stopping,
                    "replication lag",
                    lag,
                    &app,
                    &region.name,
                );
            }
            if !region.resources.nodegroups.is_empty() {
                keep(
                    performer,
                    stopping,
                    "node groups",
                    capacity,
                    &app,
                    &region.name,
                );
            }
        }
        let steered = app.resources.dns.is_some()
            || app
                .regions
                .iter()
                .any(|region| region.resources.endpoint_group_arn.is_some());
        if steered {
            watch_traffic(
                performer,
                stopping,
                &app,
                !std::mem::replace(&mut sounded, true),
            );
        } else {
            // Nothing outside holds an epoch: there is nothing to read, and nothing to wait for.
            keep(performer, stopping, "epoch", epoch, &app, &app.home);
        }
    }
}

/// The leader reads where the traffic of every application stands; `sounds`: this one's is read by
/// the followers as well, who only want to know whether their calls succeed. The leader is measured
/// by the same: what fails for another application would fail for every other leader too, and each
/// would give way to the next. A refusal is a failure: with credentials that have run out nobody acts.
fn watch_traffic(
    performer: &Performer,
    stopping: &CancellationToken,
    app: &Arc<Application>,
    sounds: bool,
) {
    let (performer, app, stopping) = (performer.clone(), Arc::clone(app), stopping.clone());
    tokio::spawn(async move {
        let watching = async {
            let mut trouble = None;
            loop {
                let leads = performer.ledger.leads();
                if !leads && !sounds {
                    performer.clock.sleep(Millis::from_secs(1)).await;
                    continue;
                }
                let rest = Rest::of(&performer.ledger.state(), &app.name);
                let looked = traffic(&performer, &app).await;
                let unanswered = matches!(looked, Err(ReadError::Unobservable { .. }));
                let failed = looked.is_err();
                if sounds {
                    performer.aws_answered(!failed).await;
                }
                if leads {
                    let now = looked.err().map(|error| error.to_string());
                    tell(&app, &app.home, "traffic", trouble.as_ref(), now.as_ref());
                    trouble = now;
                }
                let soon = unanswered || sounds && failed;
                let pause = if soon { AGAIN } else { EVERY };
                wait(&performer, &app.name, &rest, pause).await;
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = watching => {}
        }
    });
}

/// How far the newest run of an application has come to rest.
#[derive(Debug, PartialEq, Eq)]
struct Rest {
    run: Option<RunId>,
    executed: bool,
    closed: bool,
}

impl Rest {
    fn of(state: &State, app: &AppId) -> Self {
        let known = state.apps.get(app);
        let run = known.and_then(|app| app.open_run.as_ref().or(app.last_run.as_ref()));
        let record = run.and_then(|run| state.runs.get(run));
        Self {
            run: run.cloned(),
            executed: record.is_some_and(|run| run.executed_at.is_some()),
            closed: record.is_some_and(|run| !run.is_open()),
        }
    }

    /// Whether a run has come to rest since `before`.
    fn is_after(&self, before: &Self) -> bool {
        self != before && (self.executed || self.closed)
    }
}

/// Until the next look is due, or a run that this member leads has come to rest since `before`.
async fn wait(performer: &Performer, app: &AppId, before: &Rest, pause: Millis) {
    let due = performer.clock.now().mono + pause;
    loop {
        let left = due.since(performer.clock.now().mono);
        if left == Millis::ZERO {
            return;
        }
        performer.clock.sleep(left.min(NOTICE)).await;
        let leads = performer.ledger.leads();
        if leads && Rest::of(&performer.ledger.state(), app).is_after(before) {
            return;
        }
    }
}

fn keep<F, Fut>(
    performer: &Performer,
    stopping: &CancellationToken,
    what: &'static str,
    look: F,
    app: &Arc<Application>,
    region: &RegionId,
) where
    F: Fn(Performer, Arc<Application>, RegionId) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), ReadError>> + Send,
{
    let (performer, app, region) = (performer.clone(), Arc::clone(app), region.clone());
    let stopping = stopping.clone();
    tokio::spawn(async move {
        let watching = async {
            let mut trouble = None;
            loop {
                if performer.ledger.leads() {
                    let looked = look(performer.clone(), Arc::clone(&app), region.clone()).await;
                    let now = looked.err().map(|error| error.to_string());
                    tell(&app, &region, what, trouble.as_ref(), now.as_ref());
                    trouble = now;
                    performer.clock.sleep(EVERY).await;
                } else {
                    performer.clock.sleep(Millis::from_secs(1)).await;
                }
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = watching => {}
        }
    });
}

fn tell(
    app: &Application,
    region: &RegionId,
    what: &str,
    was: Option<&String>,
    now: Option<&String>,
) {
    let app = &app.name;
    match now {
        Some(why) if was != Some(why) => {
            tracing::warn!(%app, %region, what, why, "not watched: plans go by what was recorded");
        }
        None if was.is_some() => tracing::info!(%app, %region, what, "watched again"),
        Some(_) | None => {}
    }
}

async fn lag(
    performer: Performer,
    app: Arc<Application>,
    region: RegionId,
) -> Result<(), ReadError> {
    // The writer has no lag; CloudWatch publishes none for it.
    if active_region(&app, &performer.ledger.state()) == &region {
        return Ok(());
    }
    let samples = performer.actuator.read_lag(&app.name, &region).await?;
    let known = newest_lag(&performer.ledger.state(), &app, &region);
    let newest = samples.last().map(|s| (s.at, s.lag));
    if newest.is_some() && newest != known {
        record(
            &performer,
            CommandBody::RecordLag {
                app: app.name.clone(),
                region,
                samples,
            },
        )
        .await;
    }
    Ok(())
}

fn newest_lag(
    state: &State,
    app: &Application,
    region: &RegionId,
) -> Option<(crate::model::Wall, Millis)> {
    let samples = state.apps.get(&app.name)?.lag.get(region)?;
    samples.last().map(|sample| (sample.at, sample.lag))
}

async fn capacity(
    performer: Performer,
    app: Arc<Application>,
    region: RegionId,
) -> Result<(), ReadError> {
    let sizes = performer.actuator.read_capacity(&app.name, &region).await?;
    let state = performer.ledger.state();
    for (nodegroup, size) in sizes {
        let known = state
            .apps
            .get(&app.name)
            .and_then(|a| a.capacity.get(&region)?.get(&nodegroup.to_string()));
        if is_news(known, &size, state.date(performer.clock.now().wall)) {
            record(
                &performer,
                CommandBody::RecordCapacity {
                    app: app.name.clone(),
                    region: region.clone(),
                    nodegroup,
                    size,
                },
            )
            .await;
        }
    }
    Ok(())
}

async fn traffic(performer: &Performer, app: &Application) -> Result<(), ReadError> {
    let traffic = performer.actuator.read_traffic(&app.name).await?;
    if !performer.ledger.leads() {
        return Ok(());
    }
    epochs::settle(performer, app, &traffic).await;
    let state = performer.ledger.state();
    let known = state.apps.get(&app.name).and_then(|a| a.traffic.as_ref());
    if is_news(known, &traffic, state.date(performer.clock.now().wall)) {
        record(
            performer,
            CommandBody::RecordTraffic {
                app: app.name.clone(),
                traffic,
            },
        )
        .await;
    }
    Ok(())
}

async fn epoch(
    performer: Performer,
    app: Arc<Application>,
    _home: RegionId,
) -> Result<(), ReadError> {
    epochs::settle(&performer, &app, &Traffic::default()).await;
    Ok(())
}

/// At a moment in the ledger's time, by which what is known is dated.
fn is_news<T: PartialEq>(known: Option<&Seen<T>>, seen: &T, date: Wall) -> bool {
    known.is_none_or(|known| &known.value != seen || date.since(known.at) >= RECORD_AGAIN)
}

async fn record(performer: &Performer, body: CommandBody) {
    if let Err(error) = performer.propose(body).await {
        tracing::debug!(%error, "an observation was not recorded");
    }
}

#[cfg(test)]
mod tests;
