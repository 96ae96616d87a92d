//! Live game days: there, a while and back, whoever leads and whatever the ledger says; and what happens
//! in earnest goes first.

use super::*;
use crate::controller::{DrillAsk, PlanAsk};

const SOAK: Millis = Millis::from_mins(5);

fn asked() -> DrillAsk {
    DrillAsk {
        app: Scene::app(),
        mode: DrillMode::Live,
        to: None,
        by: "ada".to_owned(),
        reason: "game day".to_owned(),
        max_duration: None,
        soak: Some(SOAK),
    }
}

fn begin(scene: &mut Scene) -> Result<(), Vec<HoldReason>> {
    let (controller, now) = (&scene.controller, scene.now);
    let ask = PlanAsk {
        from: None,
        app: Scene::app(),
        kind: RunKind::Switchover,
        to: None,
        by: "ada".to_owned(),
        allow_data_loss: false,
    };
    let planned = controller.rehearse(now, &scene.state, &ask, Some(&traffic()));
    let planned = planned.expect("there is such an application");
    if !planned.refused.is_empty() {
        return Err(planned.refused);
    }
    let begun = controller.begin_drill(now, &scene.state, &asked(), planned.plan.as_ref());
    let body = begun.expect("there is such an application")?;
    scene.commit(body).expect("nothing is in its way");
    Ok(())
}

fn open(scene: &Scene) -> Option<&Drill> {
    scene.state.open_drill(&Scene::app())
}

fn phase(scene: &Scene) -> Option<&'static str> {
    Some(open(scene)?.live.as_ref()?.phase.as_str())
}

fn end(scene: &Scene) -> &DrillEnd {
    let drills = &scene.state.drills[&Scene::app()];
    let last = drills.newest_first().next().expect("there was one");
    last.end.as_ref().expect("it has ended")
}

fn reaches(scene: &mut Scene, wanted: &'static str) {
    let reached = scene.until(Millis::from_mins(30), |s| phase(s) == Some(wanted));
    assert!(reached, "it is {:?}", open(scene));
}

fn over(scene: &mut Scene) {
    let over = scene.until(Millis::from_mins(60), |s| open(s).is_none());
    assert!(over, "it never ended: {:?}", open(scene));
}

fn serves(scene: &Scene) -> &str {
    let app = &scene.state.apps[&Scene::app()];
    app.active.as_ref().map_or(FROM, |active| active.as_str())
}

/// Too few see it up for it to be gone to, and one does: it is not lost.
fn unwell_home(scene: &mut Scene) {
    scene.blind.extend(["m1".into(), "m3".into()]);
}

fn needs_operator(scene: &Scene) -> Option<String> {
    match &scene.controller.views()[&Scene::app()].phase {
        Phase::NeedsOperator { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

/// There and back by two runs, both its own.
fn came_home(scene: &Scene) {
    let ended = end(scene);
    assert_eq!(ended.outcome, DrillOutcome::Passed, "{ended:#?}");
    let runs: Vec<&Run> = scene.state.runs.values().collect();
    assert_eq!(runs.len(), 2, "{runs:?}");
    for run in runs {
        assert_eq!(run.status, RunStatus::Completed);
        assert!(run.drill.is_some());
    }
    assert_eq!(serves(scene), FROM);
}

#[test]
fn it_goes_there_stays_and_comes_back() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    reaches(&mut scene, "soaking");
    assert_eq!((serves(&scene), scene.open_run()), (TO, None));
    let soaks = scene.now.mono;
    reaches(&mut scene, "returning");
    assert!(scene.now.mono.since(soaks) >= SOAK);
    over(&mut scene);
    came_home(&scene);
    // It counts for nothing that is decided in earnest.
    let app = &scene.state.apps[&Scene::app()];
    assert_eq!(app.last_closed_at, None);
    assert!(app.automatic_runs.is_empty() && !app.brake_latched);
    scene.pass(TICK.times(5));
    assert_eq!(needs_operator(&scene), None);
}

#[test]
fn another_leader_goes_on_wherever_it_stands() {
    for at in ["switching", "soaking", "returning"] {
        let mut scene = Scene::well();
        begin(&mut scene).expect("all is well");
        reaches(&mut scene, at);
        scene.restart();
        over(&mut scene);
        came_home(&scene);
    }
}

#[test]
fn a_ledger_that_does_not_say_opens_no_third_run() {
    for hearing in [Hearing::Mute, Hearing::Slow(Millis::from_secs(8))] {
        let mut scene = Scene::well();
        begin(&mut scene).expect("all is well");
        scene.hearing = hearing;
        over(&mut scene);
        came_home(&scene);
    }
}

#[test]
fn it_is_refused_whatever_holds_an_operators_switchover() {
    let mut scene = Scene::well();
    switchover(&mut scene);
    assert!(scene.until(TICK.times(5), |s| s.open_run().is_some()));
    let refused = begin(&mut scene).expect_err("a run is open");
    assert!(matches!(refused[0], HoldReason::RunOpen { .. }));

    let mut scene = Scene::well();
    scene.lose(TO);
    scene.pass(Millis::from_secs(40));
    let refused = begin(&mut scene).expect_err("the standby is down");
    assert!(!refused.is_empty());

    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    scene.pass(TICK);
    assert!(begin(&mut scene).is_err(), "another is under way");
}

#[test]
fn a_region_that_is_lost_while_it_soaks_is_left_as_on_any_day() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    reaches(&mut scene, "soaking");
    scene.pass(Millis::from_mins(2));
    scene.lose(TO);
    let back = |s: &Scene| {
        let mut runs = s.state.runs.values();
        runs.any(|run| run.origin.is_automatic() && run.status == RunStatus::Completed)
    };
    assert!(scene.until(Millis::from_mins(10), back));
    assert_eq!(end(&scene).outcome, DrillOutcome::Ended);
    assert_eq!(end(&scene).cause, Some(DrillCause::RealOutage));
    assert_eq!(serves(&scene), FROM);
    assert_eq!(scene.state.runs.len(), 2);
}

#[test]
fn a_home_that_is_lost_while_it_soaks_is_not_returned_to() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    reaches(&mut scene, "soaking");
    scene.pass(Millis::from_mins(2));
    scene.lose(FROM);
    over(&mut scene);
    assert_eq!(end(&scene).cause, Some(DrillCause::RealOutage));
    scene.pass(Millis::from_mins(10));
    assert_eq!((serves(&scene), scene.state.runs.len()), (TO, 1));
    let told = needs_operator(&scene).expect("a person is told that it stays");
    assert!(told.contains("failoverctl failback shop"), "{told}");
    let known = CommandBody::Acknowledge {
        app: Scene::app(),
        by: "ada".to_owned(),
    };
    scene.commit(known).expect("they know");
    scene.pass(TICK);
    assert_eq!(needs_operator(&scene), None);
}

#[test]
fn probes_that_fail_there_turn_it_home_at_once() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    reaches(&mut scene, "soaking");
    let soaks = scene.now.mono;
    scene.pass(Millis::from_mins(1));
    // One of the two outside sees it fail, the other does not: no outage, and not well either.
    scene.blind_there.insert("m3".into());
    reaches(&mut scene, "returning");
    assert!(scene.now.mono.since(soaks) < SOAK);
    over(&mut scene);
    assert_eq!(end(&scene).outcome, DrillOutcome::Failed);
    assert_eq!(end(&scene).cause, Some(DrillCause::Probes));
    assert_eq!(serves(&scene), FROM);
}

#[test]
fn a_home_that_is_not_well_is_waited_for_and_a_person_told() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    reaches(&mut scene, "soaking");
    scene.pass(Millis::from_mins(1));
    unwell_home(&mut scene);
    reaches(&mut scene, "returning");
    scene.pass(Millis::from_mins(2));
    let told = needs_operator(&scene).expect("a person is told why it stays");
    assert!(told.contains("cannot bring shop home"), "{told}");
    assert_eq!(scene.state.runs.len(), 1);
    scene.blind.clear();
    over(&mut scene);
    came_home(&scene);
}

#[test]
fn a_home_that_stays_unwell_is_given_up() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    reaches(&mut scene, "soaking");
    unwell_home(&mut scene);
    over(&mut scene);
    assert_eq!(end(&scene).cause, Some(DrillCause::Refused));
    scene.blind.clear();
    scene.pass(Millis::from_mins(30));
    assert_eq!((serves(&scene), scene.state.runs.len()), (TO, 1));
    assert!(needs_operator(&scene).is_some());
    // A person's own way home settles it.
    let by = scene.request(RunKind::Failback, None);
    assert!(scene.until(TICK.times(10), |s| s.opened_for(&by)));
    assert_eq!(scene.state.drills[&Scene::app()].away, None);
}
