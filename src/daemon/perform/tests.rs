//! A task that panics is answered for.

use async_trait::async_trait;

use super::*;
use crate::daemon::clock::WorldClock;
use crate::model::{
    Alarm, AlarmState, DataLossApproval, Epoch, LagSample, NodegroupRef, NodegroupSize, Objective,
    OnFailure, Origin, Plan, PlanHash, PlannedStep, RegionId, RunKind, RunLimits, State, Traffic,
    Wall,
};
use crate::ports::ReadError;
use crate::run::apply;

/// Panics wherever it is asked.
struct Broken;

#[async_trait]
impl Actuator for Broken {
    async fn observe(&self, _: &AppId, _: &Intent) -> Observation {
        panic!("observe")
    }

    async fn apply(&self, _: &AppId, _: &Call<'_>, _: &Proof) -> CallOutcome {
        panic!("apply")
    }

    async fn read_traffic(&self, _: &AppId) -> Result<Traffic, ReadError> {
        panic!("read_traffic")
    }

    async fn read_lag(&self, _: &AppId, _: &RegionId) -> Result<Vec<LagSample>, ReadError> {
        panic!("read_lag")
    }

    async fn read_capacity(
        &self,
        _: &AppId,
        _: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
        panic!("read_capacity")
    }

    async fn read_alarms(&self, _: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
        panic!("read_alarms")
    }
}

/// Shows one state, and panics when it is to write.
struct BrokenLedger(Arc<State>);

#[async_trait]
impl Ledger for BrokenLedger {
    async fn propose(&self, _: Command) -> Result<Result<Event, Rejection>, LedgerError> {
        panic!("propose")
    }

    async fn prove(&self) -> Result<Arc<State>, LedgerError> {
        Ok(self.state())
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.0)
    }

    fn leads(&self) -> bool {
        true
    }

    async fn stand_down(&self, _: &str) -> Result<(), LedgerError> {
        panic!("stand_down")
    }

    async fn changed(&self) -> Result<(), LedgerError> {
        std::future::pending().await
    }
}

const BOOT: BootId = BootId(7);

fn dial() -> Intent {
    Intent::Dial {
        region: "b".into(),
        endpoint_group_arn: "arn:group/b".to_owned(),
        percent: 100,
    }
}

fn opening() -> CommandBody {
    let raise = PlannedStep {
        id: "raise".into(),
        intent: dial(),
        needs: Vec::new(),
        timeout: Millis::from_mins(5),
        on_failure: OnFailure::Hold,
        or_else: None,
        stands_in_for: None,
        best_effort: false,
        restore: None,
        before: None,
    };
    CommandBody::OpenRun {
        plan: Box::new(Plan {
            carriers: Vec::new(),
            application: "shop".into(),
            kind: RunKind::Failover,
            from: "a".into(),
            to: "b".into(),
            runbook: "test".to_owned(),
            objective: Objective::default(),
            config: "c".into(),
            epoch: Epoch(1),
            steps: vec![raise],
            notes: Vec::new(),
            data_loss: None,
            made_at: Wall(0),
            hash: PlanHash("h".to_owned()),
        }),
        origin: Origin::Operator {
            name: "ada".to_owned(),
            reason: "test".to_owned(),
        },
        limits: RunLimits {
            cool_down: Millis::ZERO,
            brake: 1,
            quarantine: false,
            soak: Millis::ZERO,
            data_loss_approval: DataLossApproval::default(),
        },
    }
}

/// A run whose one step stands at this life's intent, so that its call may be made.
fn intended() -> (State, RunId, StepId) {
    let (run, step) = (RunId::from("shop-1"), StepId::from("raise"));
    let intent = CommandBody::StepIntent {
        run: run.clone(),
        step: step.clone(),
        attempt: 1,
        member: "m1".into(),
        boot: BOOT,
        epoch: Epoch(1),
        variant: Variant::AsPlanned,
        before: None,
    };
    let mut state = State::default();
    for body in [opening(), intent] {
        apply(&mut state, &Command { at: Wall(1), body }).expect("it applies");
    }
    (state, run, step)
}

fn performer(state: State) -> (Performer, mpsc::Receiver<Input>) {
    let (inbox, answers) = mpsc::channel(8);
    let performer = Performer {
        ledger: Arc::new(BrokenLedger(Arc::new(state))),
        actuator: Arc::new(Broken),
        clock: Arc::new(WorldClock::real()),
        boot: BOOT,
        proof_lasts: Millis::from_mins(60),
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
    (performer, answers)
}

async fn heard(act: Move) -> Heard {
    let (state, run, _) = intended();
    let (performer, mut answers) = performer(state);
    performer.perform(Effect::Perform {
        app: "shop".into(),
        run: run.clone(),
        act,
    });
    match answers.recv().await {
        Some(Input::Heard { run: of, heard }) if of == run => heard,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_look_that_panics_saw_nothing() {
    let step = StepId::from("raise");
    let intent = dial();
    let answer = heard(Move::Observe { step, intent }).await;
    assert!(
        matches!(
            &answer,
            Heard::Observed { step, observation: Observation { goal: Goal::Unobservable { .. }, .. } }
                if step.as_str() == "raise"
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_call_that_panics_is_of_unknown_outcome() {
    let answer = heard(Move::Call {
        step: "raise".into(),
        attempt: 1,
        intent: dial(),
        variant: Variant::AsPlanned,
    })
    .await;
    assert!(
        matches!(
            &answer,
            Heard::Called { step, attempt: 1, outcome: CallOutcome::Unknown { .. } }
                if step.as_str() == "raise"
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_commit_that_panics_is_answered() {
    let (_, run, step) = intended();
    let answer = heard(Move::Commit {
        step: step.clone(),
        body: CommandBody::CloseRun { run },
    })
    .await;
    assert_eq!(answer, Heard::Committed { step });
}

#[tokio::test]
async fn a_reading_and_an_opening_that_panic_are_answered() {
    let (performer, mut answers) = performer(State::default());
    performer.perform(Effect::ReadTraffic { app: "shop".into() });
    let answer = answers.recv().await;
    assert!(
        matches!(
            &answer,
            Some(Input::TrafficRead { app, traffic: None }) if app.as_str() == "shop"
        ),
        "{answer:?}"
    );
    performer.perform(Effect::OpenRun {
        app: "shop".into(),
        body: opening(),
    });
    let answer = answers.recv().await;
    assert!(
        matches!(&answer, Some(Input::Opened { app, answer: None }) if app.as_str() == "shop"),
        "{answer:?}"
    );
    // Whoever waits for the journal to be empty does not wait for ever either.
    performer.journal.close();
    performer.journal.wait().await;
}

/// Leads until the actuator has been handed the proof.
struct Deposed {
    state: Arc<State>,
    leads: AtomicBool,
}

#[async_trait]
impl Ledger for Deposed {
    async fn propose(&self, _: Command) -> Result<Result<Event, Rejection>, LedgerError> {
        Err(LedgerError::NotLeader)
    }

    async fn prove(&self) -> Result<Arc<State>, LedgerError> {
        Ok(self.state())
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    async fn stand_down(&self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn changed(&self) -> Result<(), LedgerError> {
        std::future::pending().await
    }
}

/// Its ledger gives way while the request is being signed.
struct Slow(Arc<Deposed>);

#[async_trait]
impl Actuator for Slow {
    async fn observe(&self, _: &AppId, _: &Intent) -> Observation {
        unreachable!("only a call is made")
    }

    async fn apply(&self, _: &AppId, _: &Call<'_>, proof: &Proof) -> CallOutcome {
        assert!(proof.holds(), "it has just been made");
        self.0.leads.store(false, Ordering::Release);
        if proof.holds() {
            return CallOutcome::Accepted;
        }
        CallOutcome::NotSent {
            why: "the proof does not hold".to_owned(),
        }
    }

    async fn read_traffic(&self, _: &AppId) -> Result<Traffic, ReadError> {
        unreachable!("only a call is made")
    }

    async fn read_lag(&self, _: &AppId, _: &RegionId) -> Result<Vec<LagSample>, ReadError> {
        unreachable!("only a call is made")
    }

    async fn read_capacity(
        &self,
        _: &AppId,
        _: &RegionId,
    ) -> Result<Vec<(NodegroupRef, NodegroupSize)>, ReadError> {
        unreachable!("only a call is made")
    }

    async fn read_alarms(&self, _: &AppId) -> Vec<(Alarm, Result<AlarmState, ReadError>)> {
        unreachable!("only a call is made")
    }
}

#[tokio::test]
async fn a_call_that_was_proven_is_not_sent_by_one_that_leads_no_more() {
    let (state, run, step) = intended();
    let ledger = Arc::new(Deposed {
        state: Arc::new(state.clone()),
        leads: AtomicBool::new(true),
    });
    let (mut performer, _answers) = performer(state);
    performer.actuator = Arc::new(Slow(Arc::clone(&ledger)));
    performer.ledger = ledger;
    let app = AppId::from("shop");
    let outcome = performer
        .call(&app, &run, &step, 1, &dial(), Variant::AsPlanned)
        .await;
    assert!(
        matches!(outcome, CallOutcome::NotSent { .. }),
        "{outcome:?}"
    );
}
