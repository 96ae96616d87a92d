//! The controller in a small world that answers late, twice or never, with the real transition
//! function behind it. Whatever comes in whatever order: it acts only when it may, and when it must
//! it acts or says why not.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::fixtures::{
    FROM, TO, application, failure, members, probe, region_target, sample,
};
use crate::model::*;
use crate::run::{Move, Timing, apply, may_call};

mod any_order;
mod drills;
mod game_days;
mod happenings;
mod live_drills;
mod openings;
mod operators;
mod requests;

use happenings::Happening;

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
        ramp: None,
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
        routing: Vec::new(),
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
            from: None,
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
