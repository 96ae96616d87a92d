//! When it looks, and when it does not.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio_util::task::TaskTracker;

use super::*;
use crate::daemon::clock::WorldClock;
use crate::daemon::gossip::Sheets;
use crate::daemon::operate::Operators;
use crate::daemon::perform::Unseen;
use crate::daemon::stats::Stats;
use crate::model::fixtures::application;
use crate::model::*;
use crate::ports::{
    Actuator, Call, CallOutcome, Inspection, Ledger, LedgerError, Observation, Proof, ReadError,
};

/// The state is the test's to change.
#[derive(Default)]
struct Kept(Mutex<Arc<State>>);

impl Kept {
    fn put(&self, state: State) {
        *self.0.lock().expect("whole") = Arc::new(state);
    }
}

#[async_trait]
impl Ledger for Kept {
    async fn propose(&self, _: Command) -> Result<Result<Event, Rejection>, LedgerError> {
        unreachable!("a look writes nothing")
    }

    async fn prove(&self) -> Result<Arc<State>, LedgerError> {
        unreachable!("a look proves nothing")
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.0.lock().expect("whole"))
    }

    fn leads(&self) -> bool {
        false
    }

    async fn stand_down(&self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn changed(&self) -> Result<(), LedgerError> {
        std::future::pending().await
    }
}

struct NoTraffic;

#[async_trait]
impl Actuator for NoTraffic {
    async fn observe(&self, _: &AppId, _: &Intent) -> Observation {
        unreachable!("nothing is done")
    }

    async fn apply(&self, _: &AppId, _: &Call<'_>, _: &Proof) -> CallOutcome {
        unreachable!("nothing is done")
    }

    async fn read_traffic(&self, _: &AppId) -> Result<Traffic, ReadError> {
        Err(ReadError::Unobservable {
            what: "traffic".to_owned(),
            why: "nobody answers".to_owned(),
        })
    }

    async fn read_lag(&self, _: &AppId, _: &RegionId) -> Result<Vec<LagSample>, ReadError> {
        unreachable!("nothing is watched")
    }

    async fn read_capacity(
        &self,
        _: &AppId,
        _: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
        unreachable!("nothing is watched")
    }

    async fn read_alarms(&self, _: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
        unreachable!("no live drill goes on")
    }
}

/// Finds one thing, or never comes to an end.
struct Looker {
    begun: mpsc::UnboundedSender<()>,
    finds: Finds,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finds {
    Blocking,
    Passed,
    /// Never comes to an end.
    Nothing,
}

#[async_trait]
impl Inspector for Looker {
    async fn inspect(&self, _: &AppId, asked: &Inspection) -> Vec<ReadinessFinding> {
        self.begun.send(()).expect("the test listens");
        assert!(asked.trials.iter().all(|trial| trial.blind));
        if self.finds == Finds::Nothing {
            std::future::pending::<()>().await;
        }
        vec![ReadinessFinding {
            code: ReadinessCode::DatabaseInstances,
            level: match self.finds {
                Finds::Blocking | Finds::Nothing => ReadinessLevel::Blocking,
                Finds::Passed => ReadinessLevel::Passed,
            },
            region: Some(fixtures::TO.into()),
            subject: "failover".to_owned(),
            text: "it lacks something".to_owned(),
            remedy: None,
        }]
    }
}

struct Scene {
    desk: CheckDesk,
    ledger: Arc<Kept>,
    inputs: mpsc::Receiver<Input>,
    begun: mpsc::UnboundedReceiver<()>,
    stopping: CancellationToken,
}

fn scene(interval: Millis, finds: Finds) -> Scene {
    let ledger = Arc::new(Kept::default());
    let (inbox, inputs) = mpsc::channel(64);
    let performer = Performer {
        ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
        actuator: Arc::new(NoTraffic),
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
    };
    let (begun_in, begun) = mpsc::unbounded_channel();
    let application = application();
    let checker = Checker {
        me: "m1".into(),
        apps: BTreeMap::from([(application.name.clone(), application)]),
        runbooks: BTreeMap::new(),
        policy: ReadinessPolicy {
            interval,
            drill_max_age: Millis::from_mins(1),
        },
        inspector: Arc::new(Looker {
            begun: begun_in,
            finds,
        }),
        performer,
        rng: StdRng::seed_from_u64(1),
        told: BTreeMap::new(),
        served: BTreeMap::new(),
    };
    let stopping = CancellationToken::new();
    Scene {
        desk: spawn_checker(checker, &stopping),
        ledger,
        inputs,
        begun,
        stopping,
    }
}

/// Longer than any test.
const NEVER: Millis = Millis::from_mins(60 * 24 * 365);

fn executing() -> State {
    let plan = Plan {
        carriers: Vec::new(),
        application: "shop".into(),
        kind: RunKind::Failover,
        from: fixtures::FROM.into(),
        to: fixtures::TO.into(),
        runbook: "active-passive".to_owned(),
        objective: Objective::default(),
        config: ConfigHash("c0ffee".to_owned()),
        epoch: Epoch(1),
        steps: Vec::new(),
        notes: Vec::new(),
        data_loss: None,
        made_at: Wall(0),
        hash: PlanHash("hash".to_owned()),
    };
    let run = Run {
        id: "shop-1".into(),
        application: "shop".into(),
        epoch: Epoch(1),
        plan,
        drill: None,
        origin: Origin::Operator {
            name: "ada".to_owned(),
            reason: "a test".to_owned(),
        },
        opened_at: Wall(0),
        closed_at: None,
        executed_at: None,
        status: RunStatus::Executing,
        abort: None,
        soak: Millis::ZERO,
        paused: None,
        data_loss_approval: DataLossApproval::default(),
        steps: BTreeMap::new(),
        restoring: Vec::new(),
        findings: Vec::new(),
    };
    State {
        runs: BTreeMap::from([(run.id.clone(), run)]),
        ..State::default()
    }
}

#[tokio::test]
async fn it_looks_by_itself_again_and_again_and_tells_the_loop() {
    let mut scene = scene(Millis::from_secs(2), Finds::Blocking);
    for _ in 0..3 {
        match scene.inputs.recv().await {
            Some(Input::Readiness(held)) => {
                assert_eq!(held.interval, Millis::from_secs(2));
                assert_eq!(held.report.checked_by, MemberId::from("m1"));
                let touched = Touches {
                    database: true,
                    ..Touches::default()
                };
                assert!(
                    held.report
                        .blocking(&fixtures::TO.into(), touched)
                        .is_some()
                );
            }
            other => panic!("{other:?}"),
        }
    }
    scene.stopping.cancel();
}

#[tokio::test]
async fn an_application_that_has_moved_is_looked_at_again_before_its_time() {
    let mut scene = scene(NEVER, Finds::Passed);
    let mut served = async || match scene.inputs.recv().await {
        Some(Input::Readiness(held)) => held.active.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(served().await, RegionId::from(fixtures::FROM));
    let moved = AppState {
        active: Some(fixtures::TO.into()),
        ..AppState::default()
    };
    scene.ledger.put(State {
        apps: BTreeMap::from([("shop".into(), moved)]),
        ..State::default()
    });
    assert_eq!(served().await, RegionId::from(fixtures::TO));
}

#[tokio::test]
async fn who_asks_is_answered_with_a_fresh_report() {
    let mut scene = scene(NEVER, Finds::Blocking);
    let held = scene
        .desk
        .check_now("shop".into())
        .await
        .expect("it looked");
    match scene.inputs.recv().await {
        Some(Input::Readiness(told)) => assert_eq!(told, held),
        other => panic!("{other:?}"),
    }
    let unknown = scene.desk.check_now("bazaar".into()).await;
    assert_eq!(unknown, Err(NotChecked::NoSuchApplication("bazaar".into())));
    scene.stopping.cancel();
    scene.desk.0.closed().await;
    let ended = scene.desk.check_now("shop".into()).await;
    assert_eq!(ended, Err(NotChecked::Ending));
}

#[tokio::test]
async fn a_run_goes_first() {
    let mut scene = scene(NEVER, Finds::Nothing);
    scene.ledger.put(executing());
    let refused = scene.desk.check_now("shop".into()).await;
    assert_eq!(refused, Err(NotChecked::RunUnderWay("shop-1".into())));
    assert!(scene.begun.try_recv().is_err(), "no call was made");

    // One that begins while it looks ends the look.
    scene.ledger.put(State::default());
    let (desk, ledger) = (scene.desk.clone(), Arc::clone(&scene.ledger));
    let (looked, ()) = tokio::join!(desk.check_now("shop".into()), async {
        scene.begun.recv().await.expect("it begins");
        ledger.put(executing());
    });
    assert_eq!(looked, Err(NotChecked::RunUnderWay("shop-1".into())));
    assert!(scene.inputs.try_recv().is_err(), "half a look is none");
}

#[tokio::test]
async fn a_look_that_does_not_end_is_no_report_and_others_do_not_wait_for_ever() {
    let mut scene = scene(NEVER, Finds::Nothing);
    let desk = scene.desk.clone();
    let first = tokio::spawn(async move { desk.check_now("shop".into()).await });
    scene.begun.recv().await.expect("it begins");
    let waiting: Vec<_> = (0..WAITING)
        .map(|_| {
            let (answer, heard) = oneshot::channel();
            let app = "bazaar".into();
            scene
                .desk
                .0
                .try_send(Question { app, answer })
                .map(|()| heard)
        })
        .collect();
    assert!(waiting.iter().all(Result::is_ok));
    let one_too_many = scene.desk.check_now("shop".into()).await;
    assert_eq!(one_too_many, Err(NotChecked::Busy));
    let looked = first.await.expect("it is answered");
    assert_eq!(looked, Err(NotChecked::TooSlow(WITHIN)));
    assert!(scene.inputs.try_recv().is_err());
}
