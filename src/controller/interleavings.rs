//! The controller in a small world that answers late, twice or never, with the real transition
//! function behind it. Whatever comes in whatever order: it acts only when it may, and when it must
//! it acts or says why not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::fixtures::{
    FROM, TO, application, failure, members, probe, region_target, sample,
};
use crate::model::*;
use crate::run::{Move, Timing, apply, may_call};
use crate::runbook::{PlanRequest, plan};

mod drills;
mod game_days;
mod live_drills;
mod operators;

const TICK: Millis = Millis::from_secs(1);

const TIMING: Timing = Timing {
    poll: Millis::from_secs(2),
    call_timeout: Millis::from_secs(10),
    lease: Millis::from_secs(3),
    soak_poll: Millis::from_secs(30),
    steady_poll: Millis::from_mins(5),
};

/// How the ledger takes what is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Fine,
    /// Applied, and nobody is told.
    Mute,
    /// Never applied, and nobody is told.
    Deaf,
    /// Applied so much later, long after the proposer gave up waiting.
    Slow(Millis),
}

/// Something that comes true at its time.
#[derive(Clone, Debug)]
enum Coming {
    Told(BootId, Input),
    Applied(Command),
}

struct Scene {
    controller: Controller,
    runbook: Runbook,
    state: State,
    now: Now,
    boot: BootId,
    leads: bool,
    hearing: Hearing,
    /// Until a question about traffic is answered.
    read_takes: Millis,
    down: BTreeSet<RegionId>,
    cut: BTreeSet<MemberId>,
    /// To these the active Region seems lost whatever it is.
    blind: BTreeSet<MemberId>,
    /// To these the other Region does.
    blind_there: BTreeSet<MemberId>,
    /// Goals that were written.
    written: BTreeSet<Intent>,
    coming: Vec<(Mono, Coming)>,
    /// What is being waited for: a move of a run's step.
    asked: BTreeSet<(RunId, StepId)>,
    called: BTreeSet<(RunId, StepId, u32, BootId)>,
    /// Since when a majority outside has said `down` without dissent.
    agreed_since: Option<Mono>,
    /// Requests by who asked, until they are answered.
    requests: BTreeSet<String>,
    declined: BTreeMap<String, Vec<HoldReason>>,
    started: BTreeMap<String, Started>,
    /// Why this member wanted to let another lead.
    stood_down: Vec<StandDownReason>,
    sequence: u32,
}

pub(super) fn runbook() -> Runbook {
    let step = |id: &str, action: ActionSpec, needs: &[&str]| RunbookStep {
        id: id.into(),
        action,
        needs: needs.iter().map(|need| StepId::from(*need)).collect(),
        timeout: Millis::from_mins(2),
        on_failure: OnFailure::Hold,
        run_if: None,
        or_else: None,
    };
    let dial = |region: Side, percent: u8| ActionSpec::Dial { region, percent };
    Runbook {
        name: "active-passive".to_owned(),
        description: String::new(),
        kinds: BTreeSet::from([RunKind::Failover, RunKind::Switchover, RunKind::Failback]),
        objective: Objective::default(),
        steps: vec![
            step(
                "promote",
                ActionSpec::AuroraPromote {
                    region: Side::To,
                    graceful: PromoteMethod::Switchover,
                    ungraceful: PromoteMethod::Failover,
                    switchover_timeout: Millis::from_secs(60),
                },
                &[],
            ),
            step("raise", dial(Side::To, 100), &["promote"]),
            step("lower", dial(Side::From, 0), &["raise"]),
        ],
        traffic_before_data: None,
    }
}

/// As it stands before anything is moved.
fn traffic() -> Traffic {
    let dial = |percent| EndpointGroup {
        dial_percent: percent,
        endpoints: Vec::new(),
    };
    Traffic {
        records: Vec::new(),
        groups: vec![(FROM.into(), dial(100)), (TO.into(), dial(0))],
    }
}

fn shop() -> Application {
    let mut app = application();
    for kind in [RunKind::Failover, RunKind::Switchover, RunKind::Failback] {
        app.runbooks.insert(kind, "active-passive".to_owned());
    }
    app.guards.soak = Millis::from_mins(1);
    app
}

fn controller(boot: BootId, now: Now, runbook: &Runbook) -> Controller {
    let setup = Setup {
        me: "m3".into(),
        boot,
        members: members(),
        hosted: members().into_iter().map(|member| member.id).collect(),
        applications: vec![shop()],
        references: ["r1", "r2", "r3"].map(|id| probe(id, false)).into(),
        runbooks: BTreeMap::from([(runbook.name.clone(), runbook.clone())]),
        windows: Vec::new(),
        timing: TIMING,
        data_loss_approval: DataLossApproval::default(),
    };
    Controller::new(setup, now)
}

impl Scene {
    /// All is well, has been for a minute, and the lag is known.
    fn well() -> Self {
        Self::well_with(runbook())
    }

    fn well_with(runbook: Runbook) -> Self {
        let now = Now {
            mono: Mono(100_000_000),
            wall: Wall(1_800_000_000_000),
        };
        let boot = BootId(1);
        let mut scene = Self {
            controller: controller(boot, now, &runbook),
            runbook,
            state: State::default(),
            now,
            boot,
            leads: true,
            hearing: Hearing::Fine,
            read_takes: Millis::ZERO,
            down: BTreeSet::new(),
            cut: BTreeSet::new(),
            blind: BTreeSet::new(),
            blind_there: BTreeSet::new(),
            written: BTreeSet::new(),
            coming: Vec::new(),
            asked: BTreeSet::new(),
            called: BTreeSet::new(),
            agreed_since: None,
            requests: BTreeSet::new(),
            declined: BTreeMap::new(),
            started: BTreeMap::new(),
            stood_down: Vec::new(),
            sequence: 0,
        };
        scene.pass(Millis::from_mins(1));
        scene
    }

    fn app() -> AppId {
        "shop".into()
    }

    fn open_run(&self) -> Option<&Run> {
        self.state.open_run(&Self::app())
    }

    fn pass(&mut self, length: Millis) {
        let until = self.now.mono + length;
        while self.now.mono < until {
            self.tick();
        }
    }

    fn until(&mut self, limit: Millis, wanted: impl Fn(&Self) -> bool) -> bool {
        let until = self.now.mono + limit;
        while self.now.mono < until && !wanted(self) {
            self.tick();
        }
        wanted(self)
    }

    fn tick(&mut self) {
        self.now.mono = self.now.mono + TICK;
        self.now.wall = self.now.wall + TICK;
        let second = self.now.mono.0 / 1_000;
        if second.is_multiple_of(60) && self.down.is_empty() {
            self.record_lag();
        }
        let now = self.now.mono;
        let (due, later): (Vec<_>, Vec<_>) = self.coming.drain(..).partition(|(at, _)| *at <= now);
        self.coming = later;
        for (_, coming) in due {
            match coming {
                Coming::Applied(command) => {
                    let _ = apply(&mut self.state, &command);
                }
                Coming::Told(boot, input) => {
                    if boot == self.boot {
                        self.answered(&input);
                        self.step(input);
                    }
                }
            }
        }
        if second.is_multiple_of(5) {
            self.probe();
        }
        self.step(Input::Tick);
    }

    fn record_lag(&mut self) {
        for region in [FROM, TO] {
            let samples = vec![LagSample {
                at: self.now.wall,
                lag: Millis(500),
            }];
            let body = CommandBody::RecordLag {
                app: Self::app(),
                region: region.into(),
                samples,
            };
            self.commit(body).unwrap();
        }
    }

    fn probe(&mut self) {
        let started = self.now.mono.0 - 20;
        for member in members() {
            let cut = self.cut.contains(&member.id);
            for region in [FROM, TO] {
                let blind = match region {
                    FROM => self.blind.contains(&member.id),
                    _ => self.blind_there.contains(&member.id),
                };
                let lost = cut || blind || self.down.contains(&RegionId::from(region));
                for id in ["web", "api", "blog"] {
                    let outcome = if lost {
                        failure()
                    } else {
                        SampleOutcome::Success
                    };
                    self.sampled(
                        &member.id,
                        sample(region_target(region, id), started, outcome),
                    );
                }
            }
            for id in ["r1", "r2", "r3"] {
                let outcome = if cut {
                    failure()
                } else {
                    SampleOutcome::Success
                };
                self.sampled(
                    &member.id,
                    sample(Target::Reference(id.into()), started, outcome),
                );
            }
        }
    }

    fn sampled(&mut self, member: &MemberId, sample: Sample) {
        self.step(Input::Sample {
            member: member.clone(),
            sample,
        });
    }

    fn commit(&mut self, body: CommandBody) -> Result<Event, Rejection> {
        let at = self.now.wall;
        apply(&mut self.state, &Command { at, body })
    }

    fn step(&mut self, input: Input) {
        let (now, leads) = (self.now, self.leads);
        let effects = self.controller.step(now, &self.state, leads, input);
        self.watch_the_votes();
        for effect in effects {
            self.perform(effect);
        }
        let open = self.state.runs.values().filter(|run| run.is_open()).count();
        assert!(open <= 1, "{open} runs are open");
    }

    /// The quorum by the letter of the design, without the code under test.
    fn watch_the_votes(&mut self) {
        let active = active_region(&shop(), &self.state).clone();
        let members = members();
        let fresh: Vec<Opinion> = members
            .iter()
            .filter(|member| member.region != active)
            .filter_map(|member| {
                self.controller
                    .matrix()
                    .vote(&member.id, &Self::app(), &active)
            })
            .filter(|held| held.age(self.now.mono) <= shop().guards.freshness)
            .map(|held| held.vote.opinion)
            .collect();
        let down = fresh.iter().filter(|o| **o == Opinion::Down).count();
        let dissent = fresh
            .iter()
            .any(|o| matches!(o, Opinion::Up | Opinion::Suspect));
        if down * 2 > members.len() && !dissent {
            self.agreed_since.get_or_insert(self.now.mono);
        } else {
            self.agreed_since = None;
        }
    }

    fn tell(&mut self, after: Millis, input: Input) {
        let coming = Coming::Told(self.boot, input);
        self.coming.push((self.now.mono + after, coming));
    }

    /// Proposes; the answer comes back through `answer`.
    fn propose(
        &mut self,
        body: CommandBody,
        answer: impl FnOnce(Option<Result<Event, Rejection>>) -> Input,
    ) {
        const GIVEN_UP: Millis = Millis::from_secs(3);
        match self.hearing {
            Hearing::Fine => {
                let said = self.commit(body);
                self.tell(Millis::ZERO, answer(Some(said)));
            }
            Hearing::Mute => {
                let _ = self.commit(body);
                self.tell(GIVEN_UP, answer(None));
            }
            Hearing::Deaf => self.tell(GIVEN_UP, answer(None)),
            Hearing::Slow(by) => {
                let at = self.now.wall;
                let applied = Coming::Applied(Command { at, body });
                self.coming.push((self.now.mono + by, applied));
                self.tell(GIVEN_UP, answer(None));
            }
        }
    }

    fn answered(&mut self, input: &Input) {
        if let Input::Heard { run, heard } = input {
            let step = match heard {
                Heard::Observed { step, .. }
                | Heard::Committed { step }
                | Heard::Called { step, .. } => step,
            };
            self.asked.remove(&(run.clone(), step.clone()));
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Gossip(_) | Effect::Publish(_) => {}
            Effect::Drill(act) => game_days::perform(self, act),
            Effect::StandDown(reason) => self.stood_down.push(reason),
            Effect::Answer { request, answer } => {
                assert!(self.requests.remove(&request.by), "answered twice");
                match answer {
                    RunAnswer::Started(started) => {
                        let run = &self.state.runs[&started.run];
                        assert_eq!(run.plan.hash, started.plan_hash);
                        self.started.insert(request.by, started);
                    }
                    RunAnswer::Declined(reasons) => {
                        assert!(!reasons.is_empty());
                        self.declined.insert(request.by, reasons);
                    }
                    RunAnswer::Unknown { why } => {
                        assert!(!why.is_empty());
                    }
                }
            }
            Effect::ReadTraffic { app } => {
                assert!(self.leads, "asks for traffic and does not lead");
                let traffic = Some(traffic());
                self.tell(self.read_takes, Input::TrafficRead { app, traffic });
            }
            Effect::OpenRun { app, body } => {
                assert!(self.leads, "opens a run and does not lead");
                self.check_opening(&body);
                self.propose(body, |answer| Input::Opened { app, answer });
            }
            Effect::Evacuate { body } => panic!("nobody evacuates here: {body:?}"),
            Effect::Perform { run, act, .. } => self.perform_move(run, act),
        }
    }

    fn check_opening(&self, body: &CommandBody) {
        let origin = match body {
            CommandBody::OpenRun { origin, .. } => origin,
            CommandBody::OpenDrillRun { origin, .. } => origin.as_ref(),
            body => panic!("{body:?}"),
        };
        if !origin.is_automatic() {
            return;
        }
        let agreed = self.agreed_since.expect("no majority says down");
        let lasted = self.now.mono.since(agreed);
        assert!(lasted >= shop().guards.hold_down, "confirmed for {lasted}");
        assert_eq!(
            self.state.automation_pause(&Self::app(), self.now.wall),
            None,
            "automation is paused"
        );
    }

    fn perform_move(&mut self, run: RunId, act: Move) {
        assert!(self.leads, "{act:?} and does not lead");
        let step = match &act {
            Move::Observe { step, .. } | Move::Commit { step, .. } | Move::Call { step, .. } => {
                step
            }
        };
        assert!(
            self.asked.insert((run.clone(), step.clone())),
            "{act:?} before the last was answered"
        );
        match act {
            Move::Observe { step, intent } => {
                let goal = if self.written.contains(&intent) {
                    Goal::Met
                } else {
                    Goal::NotMet
                };
                let seen = format!("{goal:?}");
                let observation = Observation { goal, seen };
                let heard = Heard::Observed { step, observation };
                self.tell(Millis::ZERO, Input::Heard { run, heard });
            }
            Move::Commit { step, body } => {
                let heard = Heard::Committed { step };
                self.propose(body, |_| Input::Heard { run, heard });
            }
            Move::Call {
                step,
                attempt,
                intent,
                ..
            } => {
                let outcome = match may_call(&self.state, &run, &step, attempt, self.boot) {
                    Err(why) => CallOutcome::NotSent { why },
                    Ok(()) => {
                        let call = (run.clone(), step.clone(), attempt, self.boot);
                        assert!(self.called.insert(call), "{step} was called twice");
                        self.written
                            .retain(|goal| goal.resource() != intent.resource());
                        self.written.insert(intent);
                        CallOutcome::Accepted
                    }
                };
                let heard = Heard::Called {
                    step,
                    attempt,
                    outcome,
                };
                self.tell(TICK, Input::Heard { run, heard });
            }
        }
    }

    fn request(&mut self, kind: RunKind, to: Option<RegionId>) -> String {
        self.sequence += 1;
        let by = format!("ada-{}", self.sequence);
        self.requests.insert(by.clone());
        self.step(Input::Request(RunRequest {
            app: Self::app(),
            kind,
            to,
            by: by.clone(),
            reason: "because".to_owned(),
            allow_data_loss: true,
            plan_hash: None,
            id: RequestId::default(),
            evacuation: None,
            drill: None,
        }));
        by
    }

    fn opened_for(&self, by: &str) -> bool {
        self.state
            .runs
            .values()
            .any(|run| matches!(&run.origin, Origin::Operator { name, .. } if name == by))
    }

    fn restart(&mut self) {
        self.boot = BootId(self.boot.0 + 1);
        self.controller = controller(self.boot, self.now, &self.runbook);
        self.agreed_since = None;
        self.asked.clear();
        // Who asked the process that is gone has seen it go.
        self.requests.clear();
    }

    fn lose(&mut self, region: &str) {
        self.down.insert(region.into());
    }
}

fn switchover(scene: &mut Scene) -> String {
    scene.request(RunKind::Switchover, Some(TO.into()))
}

#[test]
fn a_lost_region_is_left() {
    let mut scene = Scene::well();
    scene.lose(FROM);
    assert!(scene.until(Millis::from_mins(5), |s| {
        s.state
            .runs
            .values()
            .any(|run| run.status == RunStatus::Completed)
    }));
    assert_eq!(active_region(&shop(), &scene.state).as_str(), TO);
}

#[test]
fn a_request_while_a_run_is_open_is_declined_and_not_kept_for_later() {
    let mut scene = Scene::well();
    let first = switchover(&mut scene);
    assert!(scene.until(TICK.times(5), |s| s.open_run().is_some()));
    let second = scene.request(RunKind::Failback, None);
    assert!(matches!(
        scene.declined[&second][..],
        [HoldReason::RunOpen { .. }]
    ));
    scene.pass(Millis::from_mins(30));
    assert!(scene.opened_for(&first) && !scene.opened_for(&second));
}

#[test]
fn two_requests_at_once_are_both_answered() {
    let mut scene = Scene::well();
    let (first, second) = (switchover(&mut scene), switchover(&mut scene));
    scene.pass(Millis::from_mins(1));
    assert!(scene.opened_for(&first));
    assert!(scene.declined.contains_key(&second));
}

#[test]
fn a_request_that_the_ledger_refuses_is_declined() {
    let mut scene = Scene::well();
    scene.hearing = Hearing::Fine;
    // Another application holds the same resource; only `apply` can know.
    let plan = plan(&PlanRequest {
        app: &Application {
            name: "till".into(),
            ..shop()
        },
        runbook: &runbook(),
        kind: RunKind::Switchover,
        from: &FROM.into(),
        to: &TO.into(),
        state: &State::default(),
        fresh: None,
        epoch: Epoch(1),
        data_loss: None,
        now: scene.now.wall,
    });
    let body = CommandBody::OpenRun {
        plan: Box::new(plan.unwrap()),
        origin: Origin::Operator {
            name: "bob".to_owned(),
            reason: String::new(),
        },
        limits: RunLimits {
            cool_down: Millis::ZERO,
            brake: 2,
            quarantine: false,
            soak: Millis::ZERO,
            data_loss_approval: DataLossApproval::default(),
        },
    };
    scene.commit(body).unwrap();
    let by = switchover(&mut scene);
    scene.pass(TICK.times(5));
    assert!(matches!(
        scene.declined[&by][..],
        [HoldReason::ResourceBusy { .. }]
    ));
}

#[test]
fn a_request_to_a_leader_that_ceases_to_lead_is_declined() {
    let mut scene = Scene::well();
    scene.read_takes = Millis::from_secs(20);
    let by = switchover(&mut scene);
    scene.pass(TICK.times(3));
    scene.leads = false;
    scene.pass(TICK.times(3));
    assert_eq!(scene.declined[&by], [HoldReason::NotLeader]);
}

#[test]
fn a_failback_home_from_home_is_declined() {
    let mut scene = Scene::well();
    let by = scene.request(RunKind::Failback, None);
    scene.pass(TICK.times(5));
    assert!(scene.declined.contains_key(&by));
    assert!(scene.state.runs.is_empty());
}

#[test]
fn a_late_answer_about_traffic_disturbs_no_opening() {
    let mut scene = Scene::well();
    scene.hearing = Hearing::Deaf;
    let by = switchover(&mut scene);
    scene.pass(TICK.times(2));
    scene.step(Input::TrafficRead {
        app: Scene::app(),
        traffic: None,
    });
    scene.pass(Millis::from_mins(2));
    // Nobody knows whether it opened, and whoever asked has been told so.
    assert!(!scene.requests.contains(&by) && !scene.declined.contains_key(&by));
}

#[test]
fn an_opening_that_surfaces_when_the_region_is_back_moves_nothing() {
    let mut scene = Scene::well();
    scene.lose(FROM);
    scene.hearing = Hearing::Slow(Millis::from_mins(3));
    let opening = |s: &Scene| {
        s.coming
            .iter()
            .any(|(_, c)| matches!(c, Coming::Applied(_)))
    };
    assert!(scene.until(Millis::from_mins(3), opening));
    scene.hearing = Hearing::Fine;
    scene.down.clear();
    // Nothing else is proposed meanwhile: the Region is up again before it would be.
    assert!(scene.until(Millis::from_mins(4), |s| !s.state.runs.is_empty()));
    scene.pass(Millis::from_mins(5));
    let run = scene.state.runs.values().next().unwrap();
    let stale = RunStatus::Aborted {
        reason: AbortReason::Stale,
    };
    assert_eq!(run.status, stale);
    assert!(scene.called.is_empty(), "{:?}", scene.called);
}

#[test]
fn a_leader_that_leads_again_proves_a_run_of_its_own_anew() {
    let mut scene = Scene::well();
    scene.lose(FROM);
    assert!(scene.until(Millis::from_mins(3), |s| {
        s.controller.desks[&Scene::app()].planning.is_some()
    }));
    // The ledger takes the opening in and nothing after it.
    assert!(scene.until(TICK.times(5), |s| {
        s.open_run().is_some_and(|run| !run.anything_intended())
    }));
    scene.leads = false;
    scene.pass(Millis::from_secs(20));
    scene.down.clear();
    scene.pass(Millis::from_mins(1));
    scene.leads = true;
    scene.pass(Millis::from_mins(2));
    let run = scene.state.runs.values().next().unwrap();
    assert!(!run.anything_intended(), "{:?}", run.status);
}

#[test]
fn a_stale_run_is_given_up_without_shouting() {
    let mut scene = Scene::well();
    scene.lose(FROM);
    assert!(scene.until(Millis::from_mins(3), |s| {
        s.open_run().is_some_and(|run| !run.anything_intended())
    }));
    scene.restart();
    scene.down.clear();
    // `perform` insists that nothing is asked twice before it is answered.
    scene.hearing = Hearing::Deaf;
    scene.pass(Millis::from_mins(2));
    scene.hearing = Hearing::Fine;
    scene.pass(Millis::from_mins(1));
    assert!(scene.open_run().is_none());
}

#[test]
fn an_intent_that_lands_while_the_process_ends_is_taken_back() {
    let mut scene = Scene::well();
    switchover(&mut scene);
    let intended = |s: &Scene| s.open_run().is_some_and(Run::anything_intended);
    assert!(scene.until(Millis::from_mins(1), intended));
    let run = scene.open_run().unwrap().clone();
    let heard = Heard::Committed {
        step: "promote".into(),
    };
    let (now, state) = (scene.now, scene.state.clone());
    let begun = scene.controller.hear(now, &state, true, &run.id, heard);
    assert_eq!(begun, []);
    let left = scene.controller.drain(now, &state);
    assert!(
        matches!(
            &left[..],
            [Effect::Perform {
                act: Move::Commit {
                    body: CommandBody::StepOutcome {
                        outcome: Outcome::NotSent { .. },
                        ..
                    },
                    ..
                },
                ..
            }]
        ),
        "{left:?}"
    );
}

/// What happens, and how long nothing else does.
#[derive(Clone, Debug)]
enum Happening {
    Lose(&'static str),
    Regain,
    Cut(&'static str),
    Mend,
    Leads(bool),
    Ledger(Hearing),
    ReadsTake(Millis),
    Restart,
    Tilt(&'static str),
    PauseAutomation,
    ResumeAutomation,
    Request(RunKind, Option<&'static str>),
    Abort,
    PauseRun,
    ResumeRun,
    Retry(&'static str),
    Skip(&'static str),
    Acknowledge,
    Rejoin(&'static str),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let region = || prop::sample::select(vec![FROM, TO]);
    let member = || prop::sample::select(vec!["m1", "m2", "m3"]);
    let step = || prop::sample::select(vec!["promote", "raise", "lower", "restore/raise"]);
    let kind = prop::sample::select(vec![
        RunKind::Failover,
        RunKind::Switchover,
        RunKind::Failback,
    ]);
    let hearing = prop_oneof![
        3 => Just(Hearing::Fine),
        1 => Just(Hearing::Mute),
        1 => Just(Hearing::Deaf),
        1 => (1..60_u64).prop_map(|secs| Hearing::Slow(Millis::from_secs(secs))),
    ];
    prop_oneof![
        6 => region().prop_map(H::Lose),
        2 => Just(H::Regain),
        1 => member().prop_map(H::Cut),
        1 => Just(H::Mend),
        3 => any::<bool>().prop_map(H::Leads),
        4 => hearing.prop_map(H::Ledger),
        2 => (0..50_u64).prop_map(|secs| H::ReadsTake(Millis::from_secs(secs))),
        2 => Just(H::Restart),
        1 => member().prop_map(H::Tilt),
        1 => Just(H::PauseAutomation),
        1 => Just(H::ResumeAutomation),
        3 => (kind, prop::option::of(region())).prop_map(|(kind, to)| H::Request(kind, to)),
        1 => Just(H::Abort),
        1 => Just(H::PauseRun),
        1 => Just(H::ResumeRun),
        1 => step().prop_map(H::Retry),
        1 => step().prop_map(H::Skip),
        1 => Just(H::Acknowledge),
        1 => region().prop_map(H::Rejoin),
    ]
}

impl Scene {
    /// A person's word, as the API would pass it on; a refusal is an answer.
    fn say(&mut self, body: CommandBody) {
        let _ = self.commit(body);
    }

    fn happen(&mut self, happening: Happening) {
        let by = "ada".to_owned();
        let reason = by.clone();
        let open = self.open_run().map(|run| run.id.clone());
        match (happening, open) {
            (Happening::Lose(region), _) => self.lose(region),
            (Happening::Regain, _) => self.down.clear(),
            (Happening::Cut(member), _) => {
                self.cut.insert(member.into());
            }
            (Happening::Mend, _) => self.cut.clear(),
            (Happening::Leads(leads), _) => self.leads = leads,
            (Happening::Ledger(hearing), _) => self.hearing = hearing,
            (Happening::ReadsTake(length), _) => self.read_takes = length,
            (Happening::Restart, _) => self.restart(),
            (Happening::Tilt(member), _) => self.step(Input::Tilt {
                member: member.into(),
            }),
            (Happening::PauseAutomation, _) => self.say(CommandBody::PauseAutomation {
                app: None,
                by,
                reason,
                until: None,
            }),
            (Happening::ResumeAutomation, _) => {
                self.say(CommandBody::ResumeAutomation { app: None, by });
            }
            (Happening::Request(kind, to), _) => {
                self.request(kind, to.map(RegionId::from));
            }
            (Happening::Acknowledge, _) => self.say(CommandBody::Acknowledge {
                app: Self::app(),
                by,
            }),
            (Happening::Rejoin(region), _) => self.say(CommandBody::Rejoin {
                app: Self::app(),
                region: region.into(),
                by,
            }),
            (Happening::Abort, Some(run)) => self.say(CommandBody::Abort { run, by, reason }),
            (Happening::PauseRun, Some(run)) => {
                self.say(CommandBody::PauseRun { run, by, reason });
            }
            (Happening::ResumeRun, Some(run)) => self.say(CommandBody::ResumeRun { run, by }),
            (Happening::Retry(step), Some(run)) => {
                let step = step.into();
                self.say(CommandBody::RetryStep {
                    run,
                    step,
                    by,
                    reason: None,
                });
            }
            (Happening::Skip(step), Some(run)) => {
                let step = step.into();
                self.say(CommandBody::SkipStep {
                    run,
                    step,
                    by,
                    reason: None,
                });
            }
            (
                Happening::Abort
                | Happening::PauseRun
                | Happening::ResumeRun
                | Happening::Retry(_)
                | Happening::Skip(_),
                None,
            ) => {}
        }
    }

    /// Everything but the lost Regions.
    fn heal(&mut self) {
        self.cut.clear();
        self.leads = true;
        self.hearing = Hearing::Fine;
        self.read_takes = Millis::ZERO;
        self.happen(Happening::ResumeAutomation);
        self.happen(Happening::ResumeRun);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_acts_only_when_it_may_and_never_waits_without_a_word(
        script in prop::collection::vec((any_happening(), 0..60_u64), 1..12)
    ) {
        let mut scene = Scene::well();
        for (happening, secs) in script {
            scene.happen(happening);
            scene.pass(Millis::from_secs(secs));
        }
        scene.heal();
        // What was proposed before may surface until here.
        scene.pass(Millis::from_mins(2));
        scene.heal();
        scene.pass(Millis::from_mins(10));
        if let Some(run) = scene.open_run() {
            // Held because its target is lost, too, it is open and says so in its view.
            let view = &scene.controller.views()[&Scene::app()];
            let at_rest = matches!(view.phase, Phase::NeedsOperator { run: Some(_), .. });
            prop_assert!(at_rest, "{:?}: {:?}", run.status, run.steps);
        }
        prop_assert!(scene.requests.is_empty(), "{:?} were never answered", scene.requests);
        let active = active_region(&shop(), &scene.state).clone();
        let view = &scene.controller.views()[&Scene::app()];
        if scene.down.contains(&active) && scene.open_run().is_none() {
            let said = matches!(
                &view.decision,
                Some(Decision::Hold(reasons) | Decision::Ask { reasons, .. }) if !reasons.is_empty()
            );
            prop_assert!(said, "{active} is lost and nothing is said: {:?}", view);
        }
    }
}
