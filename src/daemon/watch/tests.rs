//! What a member's trust in its way to AWS stands on.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::*;
use crate::controller::Input;
use crate::daemon::clock::WorldClock;
use crate::daemon::gossip::Sheets;
use crate::daemon::operate::Operators;
use crate::daemon::perform::Unseen;
use crate::daemon::stats::Stats;
use crate::model::fixtures::application;
use crate::model::{
    Alarm, AlarmState, AppId, AppState, BootId, CallOutcome, Command, ConfigHash, DataLossApproval,
    Epoch, Event, Intent, LagSample, Mono, NodegroupRef, NodegroupSize, Now, Objective,
    Observation, Origin, Plan, PlanHash, Rejection, Run, RunKind, RunStatus, Traffic,
};
use crate::ports::{Actuator, Call, Clock, Ledger, LedgerError, Proof};

/// Answers as told, and counts.
#[derive(Default)]
struct Aws {
    refused: Vec<AppId>,
    silent: Vec<AppId>,
    asked: Mutex<BTreeMap<AppId, u32>>,
}

impl Aws {
    fn asked(&self, app: &str) -> u32 {
        let asked = self.asked.lock().expect("whole");
        asked.get(&AppId::from(app)).copied().unwrap_or(0)
    }
}

#[async_trait]
impl Actuator for Aws {
    async fn observe(&self, _: &AppId, _: &Intent) -> Observation {
        unreachable!("nothing is done")
    }

    async fn apply(&self, _: &AppId, _: &Call<'_>, _: &Proof) -> CallOutcome {
        unreachable!("nothing is done")
    }

    async fn read_traffic(&self, app: &AppId) -> Result<Traffic, ReadError> {
        *self
            .asked
            .lock()
            .expect("whole")
            .entry(app.clone())
            .or_default() += 1;
        let what = "the traffic".to_owned();
        if self.refused.contains(app) {
            return Err(ReadError::Refused {
                what,
                code: "ExpiredToken".to_owned(),
                message: String::new(),
            });
        }
        if self.silent.contains(app) {
            let why = "no answer".to_owned();
            return Err(ReadError::Unobservable { what, why });
        }
        Ok(Traffic {
            records: Vec::new(),
            groups: Vec::new(),
            routing: Vec::new(),
        })
    }

    async fn read_lag(&self, _: &AppId, _: &RegionId) -> Result<Vec<LagSample>, ReadError> {
        Ok(Vec::new())
    }

    async fn read_capacity(
        &self,
        _: &AppId,
        _: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
        Ok(Vec::new())
    }

    async fn read_alarms(&self, _: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
        Vec::new()
    }
}

/// Leads, and takes nothing in but what it is to show.
#[derive(Default)]
struct Leading(Mutex<Arc<State>>);

impl Leading {
    fn show(&self, run: Run) {
        let app = AppState {
            open_run: run.is_open().then(|| run.id.clone()),
            last_run: Some(run.id.clone()),
            ..AppState::default()
        };
        let mut state = State::default();
        state.apps.insert(run.application.clone(), app);
        state.runs.insert(run.id.clone(), run);
        *self.0.lock().expect("whole") = Arc::new(state);
    }
}

#[async_trait]
impl Ledger for Leading {
    async fn propose(&self, _: Command) -> Result<Result<Event, Rejection>, LedgerError> {
        Err(LedgerError::NotLeader)
    }

    async fn prove(&self) -> Result<Arc<State>, LedgerError> {
        Err(LedgerError::NotLeader)
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.0.lock().expect("whole"))
    }

    fn leads(&self) -> bool {
        true
    }

    async fn stand_down(&self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn changed(&self) -> Result<(), LedgerError> {
        std::future::pending().await
    }
}

/// What a leader of `shop` and `bazaar` says of its calls, until it has asked of both several times.
async fn said(aws: Aws) -> Vec<bool> {
    let aws = Arc::new(aws);
    let (inbox, mut inputs) = mpsc::channel(64);
    let performer = performer(&aws, inbox);
    let apps = ["shop", "bazaar"].map(|name| Application {
        name: name.into(),
        ..application()
    });
    let stopping = CancellationToken::new();
    spawn(&apps, &performer, &stopping);
    let mut said = Vec::new();
    while aws.asked("shop") < 3 || aws.asked("bazaar") < 3 {
        if let Some(Input::AwsAnswered { reached }) = inputs.recv().await {
            said.push(reached);
        }
    }
    stopping.cancel();
    said
}

/// A leader that asks there.
fn performer(aws: &Arc<Aws>, inbox: mpsc::Sender<Input>) -> Performer {
    Performer {
        ledger: Arc::new(Leading::default()),
        actuator: Arc::clone(aws) as Arc<dyn Actuator>,
        clock: Arc::new(WorldClock::accelerated(60).expect("in range")),
        boot: BootId(1),
        proof_lasts: Millis::ZERO,
        inbox,
        stats: Arc::new(Stats::new()),
        journal: TaskTracker::new(),
        unseen: Unseen::default(),
        sheets: Sheets::default(),
        rehearsals: Default::default(),
        standing_down: Arc::default(),
        apps: Arc::default(),
        looked: Arc::default(),
        operators: Operators::new([]).0,
    }
}

#[tokio::test]
async fn one_application_that_cannot_be_read_is_no_reason_to_give_way() {
    let aws = Aws {
        silent: vec!["bazaar".into()],
        ..Aws::default()
    };
    let said = said(aws).await;
    assert!(said.iter().all(|reached| *reached), "{said:?}");
}

#[tokio::test]
async fn who_is_refused_everywhere_cannot_act() {
    let aws = Aws {
        refused: vec!["shop".into(), "bazaar".into()],
        ..Aws::default()
    };
    let said = said(aws).await;
    assert!(said.iter().all(|reached| !reached), "{said:?}");
}

/// A clock that a test moves by hand.
#[derive(Debug)]
struct Hand {
    passed: watch::Sender<u64>,
}

impl Hand {
    /// Lets so much world time pass once whoever watches waits, and until it waits again.
    async fn pass(&self, length: Millis) {
        while self.passed.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        self.passed.send_modify(|passed| *passed += length.0);
        // One thread: the sleeper is woken by now, and is run before this task is again.
        tokio::task::yield_now().await;
    }
}

impl Clock for Hand {
    fn now(&self) -> Now {
        let passed = Millis(*self.passed.borrow());
        Now {
            mono: Mono(0) + passed,
            wall: Wall(0) + passed,
        }
    }

    fn real(&self, world: Millis, _: Duration) -> Duration {
        world.as_duration()
    }

    fn sleep(&self, world: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut passed = self.passed.subscribe();
        let due = *passed.borrow() + world.0;
        Box::pin(async move {
            // The clock outlives whoever sleeps.
            let _ = passed.wait_for(|passed| *passed >= due).await;
        })
    }
}

#[tokio::test]
async fn traffic_is_read_again_at_once_when_a_run_has_come_to_rest() {
    let aws = Arc::new(Aws::default());
    let clock = Arc::new(Hand {
        passed: watch::Sender::new(0),
    });
    let ledger = Arc::new(Leading::default());
    let (inbox, mut inputs) = mpsc::channel(64);
    let performer = Performer {
        ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..performer(&aws, inbox)
    };
    let stopping = CancellationToken::new();
    let app = Arc::new(application());
    watch_traffic(&performer, &stopping, &app, true);
    let mut next = async || inputs.recv().await.map(|_| aws.asked("shop"));
    assert_eq!(next().await, Some(1));

    // A run that is under way changes nothing: the next look is due after half a minute.
    ledger.show(run_of(&app, None, None));
    for _ in 0..20 {
        clock.pass(NOTICE).await;
    }
    assert_eq!(aws.asked("shop"), 1);
    ledger.show(run_of(&app, Some(Wall(20)), None));
    clock.pass(NOTICE).await;
    assert_eq!(next().await, Some(2));
    // Only once; and once more when its soak is over.
    for _ in 0..20 {
        clock.pass(NOTICE).await;
    }
    assert_eq!(aws.asked("shop"), 2);
    ledger.show(run_of(&app, Some(Wall(20)), Some(Wall(40))));
    clock.pass(NOTICE).await;
    assert_eq!(next().await, Some(3));
    stopping.cancel();
}

/// A run as it stands once it was executed, or closed.
fn run_of(app: &Application, executed_at: Option<Wall>, closed_at: Option<Wall>) -> Run {
    let plan = Plan {
        carriers: Vec::new(),
        application: app.name.clone(),
        kind: RunKind::Switchover,
        from: "eu-west-1".into(),
        to: "eu-central-1".into(),
        runbook: "active-passive".to_owned(),
        objective: Objective::default(),
        config: ConfigHash::from("test"),
        epoch: Epoch(1),
        steps: Vec::new(),
        notes: Vec::new(),
        data_loss: None,
        made_at: Wall(0),
        hash: PlanHash(String::new()),
    };
    Run {
        id: plan.run_id(),
        application: app.name.clone(),
        epoch: plan.epoch,
        plan,
        origin: Origin::Operator {
            name: "ada".to_owned(),
            reason: "test".to_owned(),
        },
        opened_at: Wall(0),
        closed_at,
        executed_at,
        status: RunStatus::Executing,
        abort: None,
        soak: Millis::ZERO,
        data_loss_approval: DataLossApproval::Anyone,
        paused: None,
        steps: BTreeMap::new(),
        restoring: Vec::new(),
        findings: Vec::new(),
        drill: None,
    }
}
