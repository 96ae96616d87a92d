//! Looks at everything that plans will touch: now and then by itself, and when somebody asks.
//!
//! ```text
//!  every interval, jittered ─┐                        ┌─▶ Input::Readiness ─▶ guard, snapshot
//!                            ├─▶ one look at a time ──┤
//!  check_now(app) ───────────┘      ▲ gives way       └─▶ whoever asked
//!                                a run is carried out
//! ```
//!
//! Every member looks from where it stands, and goes by what it has seen itself: what a report is
//! for is whether *this* member, if it leads, can carry a run through.
//!
//! Invariant: a look is in nobody's way. It has a task of its own, of many applications it looks at
//! one after the other, and while a run is carried out, of whichever application, it makes no call:
//! AWS's limits are an account's, and the run needs them.
//! Invariant: what did not come to an end is no report: the one before it stays, and ages.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::actuate::{Known, prepare};
use crate::config::{Config, ReadinessPolicy};
use crate::controller::{Input, active_region};
use crate::model::{
    AppId, Application, HeldReadiness, MemberId, Millis, Mono, ReadinessFinding, ReadinessLevel,
    ReadinessReport, RegionId, RunId, RunStatus, Runbook, State,
};
use crate::ports::Inspector;

use super::perform::Performer;

/// The first look comes soon after the start, but not among the first calls.
const FIRST: Millis = Millis::from_secs(15);

/// What stands against a Region is looked at again sooner: somebody is about to mend it, and until
/// it is seen to be mended nobody moves there.
const AGAIN: Millis = Millis::from_secs(60);

/// World time for one look. A read takes two attempts at the most, and a few of them follow each
/// other; whatever takes longer than this has stopped answering.
const WITHIN: Millis = Millis::from_mins(3);

/// How often it is seen whether a run is under way.
const GLANCE: Millis = Millis::from_secs(1);

/// Questions that wait for a look to end. More people than these are told to come back.
const WAITING: usize = 8;

/// Why there is no fresh report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotChecked {
    /// No such application.
    #[error("no application {0} is configured on this member")]
    NoSuchApplication(AppId),
    /// The run goes first.
    #[error("run {0} is under way: a check would take from the calls that it needs")]
    RunUnderWay(RunId),
    /// Too many ask at once.
    #[error("other checks are waiting already")]
    Busy,
    /// It did not come to an end.
    #[error("the check did not end within {0}: AWS answers slowly or not at all")]
    TooSlow(Millis),
    /// The process is ending.
    #[error("this member is shutting down")]
    Ending,
}

type Answer = Result<Arc<HeldReadiness>, NotChecked>;

/// Somebody wants to know now.
struct Question {
    app: AppId,
    answer: oneshot::Sender<Answer>,
}

/// Asks for a look. Clones ask the same checker.
#[derive(Clone)]
pub(super) struct CheckDesk(mpsc::Sender<Question>);

impl CheckDesk {
    /// Looks now, after those that were asked for before.
    pub async fn check_now(&self, app: AppId) -> Answer {
        let (answer, heard) = oneshot::channel();
        match self.0.try_send(Question { app, answer }) {
            Ok(()) => heard.await.unwrap_or(Err(NotChecked::Ending)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(NotChecked::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(NotChecked::Ending),
        }
    }
}

/// Looks at one application after the other.
struct Checker {
    me: MemberId,
    apps: BTreeMap<AppId, Application>,
    runbooks: BTreeMap<String, Runbook>,
    policy: ReadinessPolicy,
    inspector: Arc<dyn Inspector>,
    performer: Performer,
    rng: StdRng,
    /// What was last said to stand against which application's Regions.
    told: BTreeMap<AppId, Vec<ReadinessFinding>>,
    /// Where each application served when it was last looked at.
    served: BTreeMap<AppId, RegionId>,
}

/// Starts looking.
pub(super) fn spawn(
    config: &Config,
    inspector: Arc<dyn Inspector>,
    performer: &Performer,
    stopping: &CancellationToken,
) -> CheckDesk {
    let apps = config.applications.iter();
    let checker = Checker {
        me: config.node.id.clone(),
        apps: apps.map(|app| (app.name.clone(), app.clone())).collect(),
        runbooks: config.runbooks.clone(),
        policy: config.readiness,
        inspector,
        performer: performer.clone(),
        // No two members look at the same moment, and each life of one has its own.
        rng: StdRng::seed_from_u64(performer.boot.0),
        told: BTreeMap::new(),
        served: BTreeMap::new(),
    };
    spawn_checker(checker, stopping)
}

fn spawn_checker(checker: Checker, stopping: &CancellationToken) -> CheckDesk {
    let (questions, asked) = mpsc::channel(WAITING);
    let stopping = stopping.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = checker.keep_looking(asked) => {}
        }
    });
    CheckDesk(questions)
}

impl Checker {
    async fn keep_looking(mut self, mut asked: mpsc::Receiver<Question>) {
        let start = self.now();
        let names: Vec<AppId> = self.apps.keys().cloned().collect();
        let mut due: BTreeMap<AppId, Mono> = BTreeMap::new();
        for app in names {
            let first = self.jittered(FIRST.min(self.policy.interval));
            due.insert(app, start + first);
        }
        loop {
            let next = due.iter().min_by_key(|(_, at)| **at);
            let next = next.map(|(app, at)| (app.clone(), *at));
            tokio::select! {
                question = asked.recv() => {
                    let Some(Question { app, answer }) = question else {
                        return;
                    };
                    let looked = self.look(&app).await;
                    if let Ok(held) = &looked {
                        due.insert(app, self.due_after(held));
                    }
                    // Who asked may have left.
                    let _ = answer.send(looked);
                }
                app = self.until(next) => {
                    let Some(app) = app else {
                        let now = self.now();
                        due.extend(self.moved().map(|app| (app, now)));
                        continue;
                    };
                    let at = match self.look(&app).await {
                        Ok(held) => self.due_after(&held),
                        Err(why) => {
                            tracing::debug!(%app, %why, "not checked");
                            self.now() + self.jittered(AGAIN.min(self.policy.interval))
                        }
                    };
                    due.insert(app, at);
                }
            }
        }
    }

    /// Returns the application when it is due; before that nobody, to see what has moved meanwhile.
    async fn until(&self, next: Option<(AppId, Mono)>) -> Option<AppId> {
        let Some((app, at)) = next else {
            return std::future::pending().await;
        };
        let left = at.since(self.now());
        self.performer.clock.sleep(left.min(AGAIN)).await;
        (left <= AGAIN).then_some(app)
    }

    /// Applications that serve from elsewhere than when they were looked at: what was found of the
    /// Region they left was nobody's obstacle then.
    fn moved(&self) -> impl Iterator<Item = AppId> {
        let state = self.performer.ledger.state();
        let apps = self.apps.values().filter(move |app| {
            let was = self.served.get(&app.name);
            was.is_some_and(|was| was != active_region(app, &state))
        });
        apps.map(|app| app.name.clone())
    }

    /// One look, from its first call to the loop's knowing of it.
    async fn look(&mut self, app: &AppId) -> Answer {
        let Some(app) = self.apps.get(app) else {
            return Err(NotChecked::NoSuchApplication(app.clone()));
        };
        if let Some(run) = under_way(&self.performer.ledger.state()) {
            return Err(NotChecked::RunUnderWay(run));
        }
        let held = tokio::select! {
            held = self.inspect(app) => Arc::new(held),
            run = self.a_run_begins() => return Err(NotChecked::RunUnderWay(run)),
            () = self.performer.clock.sleep(WITHIN) => return Err(NotChecked::TooSlow(WITHIN)),
        };
        self.tell(&held.report);
        let active = held.active.clone();
        self.served.insert(held.report.application.clone(), active);
        // The loop is gone only when the process ends.
        let input = Input::Readiness(Arc::clone(&held));
        match self.performer.inbox.send(input).await {
            Ok(()) => Ok(held),
            Err(_closed) => Err(NotChecked::Ending),
        }
    }

    async fn inspect(&self, app: &Application) -> HeldReadiness {
        let began = self.performer.clock.now();
        let traffic = self.performer.actuator.read_traffic(&app.name).await.ok();
        let state = self.performer.ledger.state();
        let asked = prepare(&Known {
            app,
            runbooks: &self.runbooks,
            state: &state,
            traffic: traffic.as_ref(),
            drill_max_age: self.policy.drill_max_age,
            now: state.date(began.wall),
        });
        let findings = self.inspector.inspect(&app.name, &asked).await;
        let active = asked.active;
        let (app, me) = (app.name.clone(), self.me.clone());
        HeldReadiness {
            report: ReadinessReport::new(app, me, began.wall, findings),
            active,
            looked_at: began.mono,
            interval: self.policy.interval,
        }
    }

    async fn a_run_begins(&self) -> RunId {
        loop {
            self.performer.clock.sleep(GLANCE).await;
            if let Some(run) = under_way(&self.performer.ledger.state()) {
                return run;
            }
        }
    }

    /// What stands against a Region is told once, and again when it changes.
    fn tell(&mut self, report: &ReadinessReport) {
        let app = &report.application;
        let blocking: Vec<ReadinessFinding> = report
            .findings
            .iter()
            .filter(|finding| finding.level == ReadinessLevel::Blocking)
            .cloned()
            .collect();
        let told = self.told.insert(app.clone(), blocking.clone());
        if told.as_ref() == Some(&blocking) {
            return;
        }
        for finding in &blocking {
            let region = finding
                .region
                .as_ref()
                .map_or("-", |region| region.as_str());
            let remedy = finding.remedy.as_deref().unwrap_or_default();
            tracing::warn!(%app, region, code = %finding.code, remedy, "not ready: {}", finding.text);
        }
        if blocking.is_empty() && told.is_some() {
            tracing::info!(%app, "nothing stands against any Region any more");
        }
    }

    fn due_after(&mut self, held: &HeldReadiness) -> Mono {
        let blocks = held.report.count(ReadinessLevel::Blocking) > 0;
        let interval = self.policy.interval;
        let pause = if blocks {
            AGAIN.min(interval)
        } else {
            interval
        };
        self.now() + self.jittered(pause)
    }

    /// Up to a tenth more or less.
    fn jittered(&mut self, length: Millis) -> Millis {
        let tenth = length.0 / 10;
        Millis(length.0 - tenth + self.rng.random_range(0..=2 * tenth))
    }

    fn now(&self) -> Mono {
        self.performer.clock.now().mono
    }
}

/// A run that is being carried out. One that waits for a person, or is only watched, needs no calls
/// that others could take from it.
fn under_way(state: &State) -> Option<RunId> {
    let mut runs = state.runs.values();
    runs.find(|run| match run.status {
        RunStatus::Executing | RunStatus::Aborting { .. } => run.is_open(),
        RunStatus::NeedsOperator { .. }
        | RunStatus::Soaking { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => false,
    })
    .map(|run| run.id.clone())
}

#[cfg(test)]
mod tests;
