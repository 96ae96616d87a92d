//! What a person who asks is told: the dry run, the plan's hash, who was first, and the answer.

use super::*;
use crate::controller::PlanAsk;

fn ask(kind: RunKind) -> PlanAsk {
    PlanAsk {
        from: None,
        app: Scene::app(),
        kind,
        to: Some(TO.into()),
        by: "ada".to_owned(),
        allow_data_loss: true,
    }
}

impl Scene {
    /// The dry run of a person, with traffic as it stands; nothing may change by it.
    fn rehearse(&self, ask: &PlanAsk) -> Planned {
        let before = (self.controller.clone(), self.state.clone());
        let traffic = traffic();
        let planned = self
            .controller
            .rehearse(self.now, &self.state, ask, Some(&traffic))
            .expect("it is configured");
        assert!(before == (self.controller.clone(), self.state.clone()));
        planned
    }

    fn start_with(&mut self, hash: Option<PlanHash>) {
        self.requests.insert("ada".to_owned());
        self.step(Input::Request(RunRequest {
            from: None,
            app: Self::app(),
            kind: RunKind::Switchover,
            to: Some(TO.into()),
            by: "ada".to_owned(),
            reason: "because".to_owned(),
            allow_data_loss: true,
            evacuation: None,
            drill: None,
            plan_hash: hash,
            id: RequestId(7),
        }));
    }

    fn is_answered(&self, by: &str) -> bool {
        !self.requests.contains(by)
    }
}

#[test]
fn what_the_dry_run_shows_is_what_is_opened_a_while_later() {
    let mut scene = Scene::well();
    let planned = scene.rehearse(&ask(RunKind::Switchover));
    assert_eq!(planned.refused, []);
    assert_eq!(planned.guards.len(), Guard::ALL.len());
    assert!(planned.lag.is_some() && planned.rpo_max.is_some());
    let plan = planned.plan.expect("one can be made");
    scene.pass(Millis::from_mins(2));
    assert!(scene.state.runs.is_empty(), "a dry run opened a run");
    scene.start_with(Some(plan.hash.clone()));
    assert!(scene.until(TICK.times(5), |s| s.is_answered("ada")));
    assert_eq!(scene.started["ada"].plan_hash, plan.hash);
}

#[test]
fn another_plan_than_the_one_looked_at_opens_nothing() {
    let mut scene = Scene::well();
    let expected = PlanHash("0123".to_owned());
    scene.start_with(Some(expected.clone()));
    assert!(scene.until(TICK.times(5), |s| s.is_answered("ada")));
    let made = scene.rehearse(&ask(RunKind::Switchover)).plan.unwrap().hash;
    let reason = HoldReason::PlanChanged { expected, made };
    assert_eq!(scene.declined["ada"], [reason]);
    assert!(scene.state.runs.is_empty());
}

#[test]
fn a_dry_run_says_every_reason_at_once() {
    let mut scene = Scene::well();
    scene.lose(TO);
    scene.pass(Millis::from_mins(2));
    // Of the standby nothing is known either.
    let app = scene.state.apps.get_mut(&Scene::app()).unwrap();
    app.lag.clear();
    let mut wanted = ask(RunKind::Failover);
    wanted.allow_data_loss = false;
    let planned = scene.rehearse(&wanted);
    let codes: Vec<&str> = planned.refused.iter().map(HoldReason::code).collect();
    assert_eq!(codes, ["target_not_ready", "lag_unknown"]);
    assert_eq!((planned.plan, planned.lag), (None, None));
}

#[test]
fn a_dry_run_while_a_run_is_open_shows_who_was_first() {
    let mut scene = Scene::well();
    let first = switchover_of(&mut scene);
    assert!(scene.until(TICK.times(5), |s| s.open_run().is_some()));
    let planned = scene.rehearse(&ask(RunKind::Switchover));
    let run = scene.open_run().unwrap();
    assert_eq!(planned.refused, [HoldReason::run_open(run)]);
    let text = planned.refused[0].to_string();
    assert!(text.contains(&first) && text.contains("Z"), "{text}");
}

fn switchover_of(scene: &mut Scene) -> String {
    scene.request(RunKind::Switchover, Some(TO.into()))
}

#[test]
fn a_dry_run_beside_a_run_in_the_making_disturbs_it_not() {
    let mut scene = Scene::well();
    scene.read_takes = Millis::from_secs(5);
    let first = switchover_of(&mut scene);
    scene.pass(TICK.times(2));
    let planned = scene.rehearse(&ask(RunKind::Switchover));
    assert!(
        matches!(&planned.refused[..], [HoldReason::BeingPlanned { by, .. }] if *by == first),
        "{:?}",
        planned.refused
    );
    assert!(scene.until(TICK.times(10), |s| s.started.contains_key(&first)));
}

#[test]
fn the_second_who_asks_is_told_who_was_first_and_since_when() {
    let mut scene = Scene::well();
    scene.read_takes = Millis::from_secs(5);
    let since = scene.now.wall;
    let first = switchover_of(&mut scene);
    scene.pass(TICK.times(3));
    let second = switchover_of(&mut scene);
    let by = first.clone();
    assert_eq!(
        scene.declined[&second],
        [HoldReason::BeingPlanned { by, since }]
    );
    assert!(scene.until(TICK.times(10), |s| s.is_answered(&first)));
    assert_eq!(scene.started[&first].run, scene.open_run().unwrap().id);
}

#[test]
fn where_the_ledger_does_not_say_the_state_does() {
    let mut scene = Scene::well();
    scene.hearing = Hearing::Mute;
    let by = switchover_of(&mut scene);
    assert!(scene.until(TICK.times(5), |s| s.is_answered(&by)));
    assert_eq!(scene.started[&by].run, RunId::from("shop-1"));
}

#[test]
fn where_nobody_says_it_is_unknown_and_never_a_no() {
    let mut scene = Scene::well();
    scene.hearing = Hearing::Deaf;
    let by = switchover_of(&mut scene);
    assert!(scene.until(Millis::from_mins(2), |s| s.is_answered(&by)));
    assert!(!scene.declined.contains_key(&by) && !scene.started.contains_key(&by));
}

#[test]
fn nobody_hands_over_gracefully_what_is_lost() {
    let mut scene = Scene::well();
    // Automation stands aside, so that the person is the first.
    let pause = CommandBody::PauseAutomation {
        app: None,
        by: "bob".to_owned(),
        reason: "test".to_owned(),
        until: None,
    };
    scene.commit(pause).unwrap();
    scene.lose(FROM);
    scene.pass(Millis::from_mins(2));
    let by = switchover_of(&mut scene);
    assert!(scene.until(TICK.times(5), |s| s.is_answered(&by)));
    let reason = HoldReason::SourceLost {
        region: FROM.into(),
        kind: RunKind::Switchover,
    };
    assert_eq!(scene.declined[&by], [reason]);
}

#[test]
fn a_person_who_would_lose_data_needs_another_where_the_policy_says_so() {
    let mut scene = Scene::well();
    let mut setup = scene.controller.setup.as_ref().clone();
    setup.data_loss_approval = DataLossApproval::OtherPerson;
    scene.controller.setup = Arc::new(setup);
    scene.state.apps.get_mut(&Scene::app()).unwrap().lag.clear();
    let by = scene.request(RunKind::Failover, Some(TO.into()));
    assert!(scene.until(TICK.times(5), |s| s.started.contains_key(&by)));
    let run = scene.open_run().unwrap();
    assert_eq!(run.plan.data_loss, Some(DataLossGrant::AskedBy(by)));
    let promote = &run.steps[&StepId::from("promote")];
    assert_eq!(promote.status, StepStatus::AwaitingApproval);
    scene.pass(Millis::from_mins(10));
    assert!(scene.written.is_empty(), "{:?}", scene.written);
}
