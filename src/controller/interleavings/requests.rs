//! A person asks, and is answered once, whatever the ledger and the leadership do meanwhile.

use super::*;
use crate::runbook::{PlanRequest, plan};

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
        carriers: &[],
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
