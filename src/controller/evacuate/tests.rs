//! A fleet in a small world with the real transition function behind it: waves, dependencies, guards
//! that refuse, a stop, and a leader that is lost half way.

use std::collections::{BTreeMap, BTreeSet};

use crate::controller::interleavings::runbook;
use crate::controller::{Controller, Effect, Input, Setup};
use crate::model::fixtures::{FROM, TO, application, failure, members, probe, sample};
use crate::model::*;
use crate::run::{Heard, Move, Timing, apply, may_call, needs_a_person, waves};

const S: u64 = 1_000;

struct Fleet {
    controller: Controller,
    applications: Vec<Application>,
    state: State,
    now: Now,
    boot: BootId,
    leads: bool,
    /// By application and Region.
    down: BTreeSet<(AppId, RegionId)>,
    written: BTreeSet<Intent>,
    /// Whose steps are never done.
    stuck: BTreeSet<AppId>,
    coming: Vec<Input>,
    /// In which order runs were opened.
    opened: Vec<AppId>,
    /// The most that were under way at one moment.
    most: usize,
}

/// Each with resources of its own.
fn product(name: &str) -> Application {
    let mut app = application();
    app.name = name.into();
    app.resources.global_cluster = Some(format!("{name}-global"));
    for region in &mut app.regions {
        let own = format!("arn:{name}:{}", region.name);
        region.resources.db_cluster_arn = Some(format!("{own}:db"));
        region.resources.endpoint_group_arn = Some(format!("{own}:group"));
    }
    for kind in [RunKind::Failover, RunKind::Switchover, RunKind::Failback] {
        app.runbooks.insert(kind, "active-passive".to_owned());
    }
    app
}

fn controller(boot: BootId, now: Now, applications: &[Application]) -> Controller {
    let runbook = runbook();
    let setup = Setup {
        me: "m3".into(),
        boot,
        members: members(),
        hosted: members().into_iter().map(|member| member.id).collect(),
        applications: applications.to_vec(),
        references: ["r1", "r2", "r3"].map(|id| probe(id, false)).into(),
        runbooks: BTreeMap::from([(runbook.name.clone(), runbook)]),
        windows: Vec::new(),
        data_loss_approval: DataLossApproval::Anyone,
        timing: Timing {
            poll: Millis(2 * S),
            call_timeout: Millis(10 * S),
            lease: Millis(3 * S),
            soak_poll: Millis(30 * S),
            steady_poll: Millis(300 * S),
        },
    };
    Controller::new(setup, now)
}

impl Fleet {
    /// All is well, and has been for a minute.
    fn of(names: &[&str]) -> Self {
        Self::with(names.iter().map(|name| product(name)).collect())
    }

    fn with(applications: Vec<Application>) -> Self {
        let now = Now {
            mono: Mono(100_000 * S),
            wall: Wall(1_800_000_000_000),
        };
        let boot = BootId(1);
        let mut fleet = Self {
            controller: controller(boot, now, &applications),
            applications,
            state: State::default(),
            now,
            boot,
            leads: true,
            down: BTreeSet::new(),
            written: BTreeSet::new(),
            stuck: BTreeSet::new(),
            coming: Vec::new(),
            opened: Vec::new(),
            most: 0,
        };
        fleet.pass(60);
        fleet
    }

    fn begin(&mut self, parallel: u32, allow_data_loss: bool, order: &[(&str, u32, &[&str])]) {
        let order = order
            .iter()
            .map(|(name, priority, needs)| {
                let precedence = Precedence {
                    priority: *priority,
                    depends_on: needs.iter().map(|need| AppId::from(*need)).collect(),
                };
                (AppId::from(*name), precedence)
            })
            .collect();
        let waves = waves(&FROM.into(), &self.applications, &order);
        self.commit(CommandBody::BeginEvacuation {
            id: id(),
            region: FROM.into(),
            by: "ada".to_owned(),
            reason: "power".to_owned(),
            parallel,
            allow_data_loss,
            waves,
        })
        .unwrap();
    }

    fn commit(&mut self, body: CommandBody) -> Result<Event, Rejection> {
        let at = self.now.wall;
        let answer = apply(&mut self.state, &Command { at, body });
        if let Ok(Event::RunOpened { run }) = &answer {
            let run = &self.state.runs[run];
            self.opened.push(run.application.clone());
            let executing = |run: &&Run| run.is_open() && run.executed_at.is_none();
            let open = self.state.runs.values().filter(executing).count();
            self.most = self.most.max(open);
        }
        answer
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.tick();
        }
    }

    fn until(&mut self, seconds: u64, wanted: impl Fn(&Self) -> bool) {
        for _ in 0..seconds {
            if wanted(self) {
                return;
            }
            self.tick();
        }
        assert!(wanted(self), "{:#?}", self.evacuation());
    }

    fn tick(&mut self) {
        self.now.mono = self.now.mono + Millis(S);
        self.now.wall = self.now.wall + Millis(S);
        for input in std::mem::take(&mut self.coming) {
            self.step(input);
        }
        if (self.now.mono.0 / S).is_multiple_of(5) {
            self.probe();
        }
        self.step(Input::Tick);
    }

    fn probe(&mut self) {
        let started = self.now.mono.0 - 20;
        for member in members() {
            for app in self.applications.clone() {
                for region in [FROM, TO] {
                    let lost = self.down.contains(&(app.name.clone(), region.into()));
                    for id in ["web", "api", "blog"] {
                        let target = Target::Region {
                            app: app.name.clone(),
                            region: region.into(),
                            probe: id.into(),
                        };
                        let outcome = if lost {
                            failure()
                        } else {
                            SampleOutcome::Success
                        };
                        self.sampled(&member.id, sample(target, started, outcome));
                    }
                }
            }
            for id in ["r1", "r2", "r3"] {
                let target = Target::Reference(id.into());
                self.sampled(&member.id, sample(target, started, SampleOutcome::Success));
            }
        }
    }

    fn sampled(&mut self, member: &MemberId, sample: Sample) {
        let member = member.clone();
        self.step(Input::Sample { member, sample });
    }

    fn step(&mut self, input: Input) {
        let effects = self
            .controller
            .step(self.now, &self.state, self.leads, input);
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Gossip(_) | Effect::Publish(_) | Effect::StandDown(_) => {}
            Effect::Answer { request, answer } => {
                assert_eq!(request.evacuation, None, "told to nobody: {answer:?}");
            }
            Effect::ReadTraffic { app } => {
                let dial = |percent| EndpointGroup {
                    dial_percent: percent,
                    endpoints: Vec::new(),
                };
                let traffic = Some(Traffic {
                    records: Vec::new(),
                    groups: vec![(FROM.into(), dial(100)), (TO.into(), dial(0))],
                    routing: Vec::new(),
                });
                self.coming.push(Input::TrafficRead { app, traffic });
            }
            Effect::OpenRun { app, body } => {
                let answer = Some(self.commit(body));
                self.coming.push(Input::Opened { app, answer });
            }
            Effect::Evacuate { body } => {
                self.commit(body).unwrap();
            }
            Effect::Drill(act) => panic!("nobody drills here: {act:?}"),
            Effect::Perform { app, run, act } => self.perform_move(&app, run, act),
        }
    }

    fn perform_move(&mut self, app: &AppId, run: RunId, act: Move) {
        let heard = match act {
            Move::Observe { step, intent } => {
                let met = self.written.contains(&intent) && !self.stuck.contains(app);
                let goal = if met { Goal::Met } else { Goal::NotMet };
                let seen = format!("{goal:?}");
                let observation = Observation { goal, seen };
                Heard::Observed { step, observation }
            }
            Move::Commit { step, body } => {
                let _ = self.commit(body);
                Heard::Committed { step }
            }
            Move::Call {
                step,
                attempt,
                intent,
                ..
            } => {
                may_call(&self.state, &run, &step, attempt, self.boot).unwrap();
                self.written
                    .retain(|goal| goal.resource() != intent.resource());
                self.written.insert(intent);
                let outcome = CallOutcome::Accepted;
                Heard::Called {
                    step,
                    attempt,
                    outcome,
                }
            }
        };
        self.coming.push(Input::Heard { run, heard });
    }

    /// Another member leads from now on: it knows what the ledger and the votes tell, and no more.
    fn lose_the_leader(&mut self) {
        self.boot = BootId(self.boot.0 + 1);
        self.controller = controller(self.boot, self.now, &self.applications);
        self.coming.clear();
    }

    fn lose(&mut self, region: &str) {
        for app in &self.applications {
            self.down.insert((app.name.clone(), region.into()));
        }
    }

    fn evacuation(&self) -> &Evacuation {
        &self.state.evacuations[&id()]
    }

    fn status(&self, app: &str) -> &EvacueeStatus {
        &self.evacuation().applications[&AppId::from(app)].status
    }

    fn held(&self, app: &str) -> Option<&'static str> {
        match self.status(app) {
            EvacueeStatus::Held { reason, .. } => Some(reason.code()),
            _ => None,
        }
    }

    fn moved(&self, app: &str) -> bool {
        matches!(self.status(app), EvacueeStatus::Moved { .. })
    }

    fn completed(&self) -> bool {
        matches!(self.evacuation().status, EvacuationStatus::Completed { .. })
    }

    fn place(&self, app: &str) -> usize {
        let app = AppId::from(app);
        self.opened
            .iter()
            .position(|opened| *opened == app)
            .unwrap()
    }
}

fn id() -> EvacuationId {
    "eu-west-1-1".into()
}

#[test]
fn a_healthy_region_is_left_by_switchovers_in_waves_and_it_ends_by_itself() {
    let mut fleet = Fleet::of(&["blog", "login", "shop", "till", "wiki"]);
    fleet.begin(
        2,
        false,
        &[("shop", 10, &["login"]), ("till", 10, &["login"])],
    );
    fleet.until(600, Fleet::completed);
    assert_eq!(fleet.place("login"), 0);
    assert!(fleet.place("shop").max(fleet.place("till")) < fleet.place("blog"));
    assert_eq!(fleet.most, 2);
    for run in fleet.state.runs.values() {
        assert_eq!(run.plan.kind, RunKind::Switchover);
        let Origin::Operator { name, reason } = &run.origin else {
            panic!("{:?}", run.origin)
        };
        assert_eq!(
            (name.as_str(), reason.as_str()),
            ("ada", "evacuation eu-west-1-1: power")
        );
    }
    // Nothing is begun twice, and nothing after the end.
    fleet.pass(120);
    assert_eq!(fleet.opened.len(), 5);
}

#[test]
fn a_lost_region_is_left_by_failovers_and_where_loss_is_not_allowed_it_is_held() {
    for allow_data_loss in [true, false] {
        let mut fleet = Fleet::of(&["blog", "shop"]);
        fleet.lose(FROM);
        // Automation is not to be first.
        let pause = CommandBody::PauseAutomation {
            app: None,
            by: "ada".to_owned(),
            reason: "evacuating".to_owned(),
            until: None,
        };
        fleet.commit(pause).unwrap();
        fleet.pass(60);
        fleet.begin(5, allow_data_loss, &[]);
        if allow_data_loss {
            fleet.until(300, Fleet::completed);
            assert!(
                fleet
                    .state
                    .runs
                    .values()
                    .all(|run| run.plan.kind == RunKind::Failover)
            );
        } else {
            fleet.pass(120);
            assert_eq!(fleet.held("shop"), Some("lag_unknown"));
            assert_eq!(fleet.opened, Vec::<AppId>::new());
        }
    }
}

#[test]
fn who_is_held_does_not_stop_the_others_but_what_depends_on_it() {
    let mut fleet = Fleet::of(&["blog", "login", "shop", "wiki"]);
    fleet.down.insert(("login".into(), TO.into()));
    fleet.pass(30);
    fleet.begin(
        5,
        false,
        &[
            ("login", 1, &[]),
            ("wiki", 1, &[]),
            ("shop", 50, &["login"]),
        ],
    );
    fleet.until(300, |fleet| fleet.moved("blog"));
    assert!(fleet.moved("wiki"));
    assert_eq!(fleet.held("login"), Some("no_candidate"));
    assert_eq!(fleet.status("shop"), &EvacueeStatus::Waiting);
    assert!(!fleet.completed());
    // Its standby is back: it goes, and so does what waited for it.
    fleet.down.clear();
    fleet.until(300, Fleet::completed);
    assert!(fleet.place("login") < fleet.place("shop"));
}

#[test]
fn a_run_that_needs_a_person_frees_nothing_that_depends_on_it() {
    let mut fleet = Fleet::of(&["blog", "login", "shop"]);
    fleet.stuck.insert("login".into());
    fleet.begin(5, false, &[("login", 1, &[]), ("shop", 1, &["login"])]);
    fleet.until(900, |fleet| fleet.moved("blog"));
    let run = fleet.state.open_run(&"login".into()).unwrap();
    assert!(needs_a_person(run), "{:?}", run.status);
    assert_eq!(fleet.status("shop"), &EvacueeStatus::Waiting);
    assert!(!fleet.completed());
}

#[test]
fn a_new_leader_goes_on_and_opens_nothing_twice() {
    let mut fleet = Fleet::of(&["blog", "login", "shop", "till", "wiki"]);
    fleet.begin(1, false, &[("shop", 10, &["login"])]);
    for count in 1..=4 {
        fleet.until(300, |fleet| fleet.opened.len() == count);
        fleet.lose_the_leader();
    }
    fleet.until(600, Fleet::completed);
    let mut once = fleet.opened.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), fleet.opened.len(), "{:?}", fleet.opened);
    assert_eq!((once.len(), fleet.most), (5, 1));
}

#[test]
fn a_member_that_does_not_lead_begins_nothing() {
    let mut fleet = Fleet::of(&["blog"]);
    fleet.leads = false;
    fleet.begin(5, false, &[]);
    fleet.pass(60);
    assert_eq!(fleet.opened, Vec::<AppId>::new());
}

#[test]
fn a_stop_opens_nothing_new_and_what_runs_runs_on() {
    let mut fleet = Fleet::of(&["blog", "shop", "wiki"]);
    fleet.begin(1, false, &[]);
    fleet.until(60, |fleet| fleet.opened.len() == 1);
    let stop = CommandBody::StopEvacuation {
        id: id(),
        by: "bob".to_owned(),
        reason: "false alarm".to_owned(),
    };
    fleet.commit(stop).unwrap();
    fleet.until(120, |fleet| fleet.moved("blog"));
    fleet.pass(120);
    assert_eq!(fleet.opened, ["blog".into()]);
}

#[test]
fn a_stop_between_plan_and_opening_opens_nothing() {
    let mut fleet = Fleet::of(&["blog"]);
    fleet.begin(1, false, &[]);
    // The controller has asked where traffic stands.
    fleet.tick();
    assert!(!fleet.coming.is_empty());
    let stop = CommandBody::StopEvacuation {
        id: id(),
        by: "bob".to_owned(),
        reason: "false alarm".to_owned(),
    };
    fleet.commit(stop).unwrap();
    fleet.pass(60);
    assert_eq!(fleet.opened, Vec::<AppId>::new());
}

#[test]
fn a_shared_resource_makes_one_wait_for_the_other_and_neither_fail() {
    let mut applications = vec![product("blog"), product("shop")];
    let shared = applications[0].regions[1]
        .resources
        .endpoint_group_arn
        .clone();
    applications[1].regions[1].resources.endpoint_group_arn = shared;
    let mut fleet = Fleet::with(applications);
    fleet.begin(5, false, &[]);
    fleet.until(60, |fleet| fleet.opened.len() == 1);
    fleet.pass(1);
    assert_eq!(fleet.status("shop"), &EvacueeStatus::Waiting);
    // The first is closed when its soak is over.
    let soak = application().guards.soak;
    fleet.until(soak.0 / S + 300, Fleet::completed);
    assert_eq!((fleet.opened.len(), fleet.most), (2, 1));
}

#[test]
fn while_it_is_not_clear_whether_the_region_is_lost_nothing_is_begun() {
    let mut fleet = Fleet::of(&["blog"]);
    fleet.lose(FROM);
    // Suspect, not yet agreed to be lost.
    fleet.until(60, |fleet| {
        let views = fleet.controller.views();
        let verdicts = &views[&AppId::from("blog")].verdicts;
        verdicts.iter().any(|v| v.state == VerdictState::Suspect)
    });
    fleet.begin(5, true, &[]);
    fleet.tick();
    assert_eq!(fleet.held("blog"), Some("disagreement"));
    assert_eq!(fleet.opened, Vec::<AppId>::new());
    fleet.until(300, Fleet::completed);
    assert_eq!(
        fleet.state.runs.values().next().unwrap().plan.kind,
        RunKind::Failover
    );
}

#[test]
fn an_application_that_somebody_moves_by_hand_needs_no_run() {
    let mut fleet = Fleet::of(&["blog", "shop"]);
    fleet.down.insert(("blog".into(), TO.into()));
    fleet.pass(30);
    fleet.begin(5, false, &[]);
    fleet.until(120, |fleet| {
        fleet.held("blog").is_some() && fleet.moved("shop")
    });
    fleet.down.clear();
    fleet.leads = false;
    fleet.pass(30);
    fleet.leads = true;
    fleet.state.apps.entry("blog".into()).or_default().active = Some(TO.into());
    fleet.until(60, Fleet::completed);
    assert_eq!(fleet.opened.len(), 1);
}
