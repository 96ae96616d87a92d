//! Game days beside real life: they come to a plan by themselves, and real life does not notice.

use proptest::prelude::*;

use super::*;
use crate::controller::{DrillAsk, DrillHeard, DrillMove};

/// What a drill asked for is answered at once, and what ends it goes to the ledger.
pub(super) fn perform(scene: &mut Scene, act: DrillMove) {
    match act {
        // One vote each, on the Region that is drilled.
        DrillMove::Gossip(sheets) => {
            for sheet in sheets {
                let drill = scene.state.drill(&sheet.drill).expect("it was begun");
                let voted = sheet.made_up.votes.iter().map(|vote| &vote.region);
                assert!(voted.eq([&drill.from]));
            }
        }
        DrillMove::ReadTraffic { drill, app } => {
            assert!(scene.leads);
            let traffic = Some(traffic());
            let heard = DrillHeard::TrafficRead {
                drill,
                app,
                traffic,
            };
            scene.tell(scene.read_takes, Input::Drill(heard));
        }
        DrillMove::Look { drill, app, plan } => {
            assert!(scene.leads);
            let seen = |step: &PlannedStep| RehearsedStep {
                id: step.id.clone(),
                uses: step.intent.name().to_owned(),
                goal: step.intent.to_string(),
                outlook: Outlook::WouldWrite,
                seen: None,
                permissions: Vec::new(),
                control_plane: None,
                obstacles: Vec::new(),
            };
            let steps = plan.steps.iter().map(seen).collect();
            scene.tell(TICK, Input::Drill(DrillHeard::Looked { drill, app, steps }));
        }
        DrillMove::Close { body, .. } | DrillMove::Move { body, .. } => {
            assert!(scene.leads);
            assert!(matches!(
                body,
                CommandBody::CloseDrill { .. } | CommandBody::MoveDrill { .. }
            ));
            match scene.hearing {
                Hearing::Fine | Hearing::Mute => {
                    scene.commit(body).expect("it is known");
                }
                Hearing::Slow(by) => {
                    let at = scene.now.wall;
                    let applied = Coming::Applied(Command { at, body });
                    scene.coming.push((scene.now.mono + by, applied));
                }
                Hearing::Deaf => {}
            }
        }
    }
}

fn asked() -> DrillAsk {
    DrillAsk {
        app: Scene::app(),
        mode: DrillMode::Rehearse,
        to: None,
        by: "ada".to_owned(),
        reason: "game day".to_owned(),
        max_duration: None,
        soak: None,
    }
}

fn begin(scene: &mut Scene) -> Result<(), Vec<HoldReason>> {
    let (controller, now) = (&scene.controller, scene.now);
    let begun = controller.begin_drill(now, &scene.state, &asked(), None);
    let body = begun.expect("there is such an application")?;
    scene.commit(body).expect("nothing is in its way");
    Ok(())
}

fn open(scene: &Scene) -> Option<&Drill> {
    scene.state.open_drill(&Scene::app())
}

fn last(scene: &Scene) -> &Drill {
    let drills = &scene.state.drills[&Scene::app()];
    drills.newest_first().next().expect("there was one")
}

fn end(scene: &Scene) -> &DrillEnd {
    last(scene).end.as_ref().expect("it has ended")
}

fn over(scene: &mut Scene) {
    let over = scene.until(Millis::from_mins(20), |s| open(s).is_none());
    assert!(over, "it never ended");
}

/// All that real life goes by and all that people see of it.
fn earnest(
    scene: &Scene,
) -> (
    &Matrix,
    BTreeMap<AppId, AppView>,
    &BTreeMap<AppId, AppState>,
) {
    let controller = &scene.controller;
    (controller.matrix(), controller.views(), &scene.state.apps)
}

#[test]
fn a_rehearsal_lives_through_the_detection_and_comes_to_a_plan() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    let (steady, apps) = (scene.controller.views(), scene.state.apps.clone());
    while open(&scene).is_some() {
        scene.tick();
        let views = scene.controller.views();
        let view = &views[&Scene::app()];
        assert_eq!(view.phase, steady[&Scene::app()].phase);
        assert_eq!((view.decision.clone(), view.guards.len()), (None, 0));
        assert!(view.verdicts.iter().all(|v| v.state == VerdictState::Up));
    }
    let DrillEnd {
        outcome, report, ..
    } = end(&scene);
    assert_eq!(*outcome, DrillOutcome::Passed, "{report:#?}");
    let plan = report.plan.as_ref().expect("a plan");
    assert_eq!((plan.from.as_str(), plan.to.as_str()), (FROM, TO));
    assert_eq!(report.steps.len(), plan.steps.len());
    // Three failures, five seconds apart, and a round of votes; then the hold-down.
    let clocks = report.clocks;
    let detect = clocks.detect.expect("measured");
    assert!(
        detect >= Millis(10_000) && detect <= Millis(20_000),
        "{detect}"
    );
    let decide = clocks.decide.expect("measured");
    assert!(decide >= shop().guards.hold_down, "{decide}");
    assert!(clocks.total >= Some(detect.plus(decide)), "{clocks:?}");

    // Nothing was called, opened, counted or cooled down; only the lag is newer.
    assert!(scene.called.is_empty() && scene.written.is_empty() && scene.state.runs.is_empty());
    assert!(scene.stood_down.is_empty());
    let mut after = scene.state.apps.clone();
    for (app, known) in &mut after {
        known.lag.clone_from(&apps[app].lag);
    }
    assert_eq!(after, apps);
}

#[test]
fn a_region_that_is_lost_in_earnest_ends_it_and_is_left_as_if_there_were_none() {
    let (mut scene, mut twin) = (Scene::well(), Scene::well());
    begin(&mut scene).expect("all is well");
    for scene in [&mut scene, &mut twin] {
        scene.pass(Millis::from_secs(20));
        scene.lose(FROM);
    }
    for _ in 0..300 {
        scene.tick();
        twin.tick();
        assert!(earnest(&scene) == earnest(&twin), "real life has noticed");
    }
    let ended = end(&scene);
    assert_eq!(ended.outcome, DrillOutcome::Ended);
    assert_eq!(
        ended.report.summary,
        "eu-west-1 is suspect in earnest: real life goes first"
    );
    assert_eq!(scene.state.runs, twin.state.runs);
    assert_eq!(active_region(&shop(), &scene.state).as_str(), TO);
}

#[test]
fn a_run_that_is_asked_for_goes_first() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    scene.pass(Millis::from_secs(20));
    let by = switchover(&mut scene);
    assert!(scene.until(TICK.times(5), |s| s.opened_for(&by)));
    assert_eq!(end(&scene).outcome, DrillOutcome::Ended);
    // And while it is open no drill is begun, nor a second one beside the first.
    let refused = begin(&mut scene).expect_err("a run is open");
    assert!(matches!(refused[0], HoldReason::RunOpen { .. }));
}

#[test]
fn it_begins_on_a_calm_day_only() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    let refused = begin(&mut scene).expect_err("one is under way");
    assert!(matches!(refused[..], [HoldReason::DrillOpen { .. }]));
    over(&mut scene);
    scene.lose(TO);
    scene.pass(Millis::from_secs(20));
    let refused = begin(&mut scene).expect_err("the standby is down");
    let reason = HoldReason::NotCalm {
        region: TO.into(),
        state: VerdictState::Down,
    };
    assert_eq!(refused, [reason]);
    assert!(!refused[0].remedy().is_empty());
    let nowhere = DrillAsk {
        to: Some("mars-1".into()),
        ..asked()
    };
    let (now, state) = (scene.now, &scene.state);
    let refused = scene.controller.begin_drill(now, state, &nowhere, None);
    let refused = refused.expect("there is").expect_err("no such Region");
    assert_eq!(refused.len(), 2, "{refused:?}");
}

#[test]
fn what_would_have_held_real_life_back_is_what_it_tells() {
    let mut scene = Scene::well();
    let paused = CommandBody::PauseAutomation {
        app: None,
        by: "ada".to_owned(),
        reason: "migration".to_owned(),
        until: None,
    };
    scene.commit(paused).expect("it is paused");
    begin(&mut scene).expect("all is well");
    over(&mut scene);
    let ended = end(&scene);
    assert_eq!(ended.outcome, DrillOutcome::Failed);
    let failed: Vec<&str> = ended
        .report
        .checks
        .iter()
        .filter(|check| !check.held)
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(failed, ["decided"]);
    assert!(ended.report.summary.contains("migration"), "{ended:?}");
    // The plan is told all the same.
    assert!(ended.report.plan.is_some());
}

#[test]
fn without_enough_members_it_ends_with_its_time() {
    let mut scene = Scene::well();
    // Cut off, it says unknown: of the two outside the Region one is left.
    scene.cut.insert("m2".into());
    begin(&mut scene).expect("the others see all is well");
    over(&mut scene);
    let ended = end(&scene);
    assert_eq!(ended.outcome, DrillOutcome::Ended);
    assert_eq!(ended.report.summary, "its time of 15m was up");
}

#[test]
fn the_quorums_alarm_ends_it() {
    let mut scene = Scene::well();
    begin(&mut scene).expect("all is well");
    scene.pass(Millis::from_secs(20));
    scene.controller.end_drills("the quorum was lost");
    over(&mut scene);
    assert_eq!(end(&scene).report.summary, "the quorum was lost");
}

#[test]
fn a_new_leader_or_a_new_life_goes_on_with_it() {
    for restart in [false, true] {
        let mut scene = Scene::well();
        begin(&mut scene).expect("all is well");
        // Long enough that only the report is missing.
        scene.hearing = Hearing::Deaf;
        scene.pass(Millis::from_mins(2));
        assert!(open(&scene).is_some());
        if restart {
            scene.restart();
        } else {
            scene.leads = false;
            scene.pass(Millis::from_secs(10));
            scene.leads = true;
        }
        scene.hearing = Hearing::Fine;
        over(&mut scene);
        let ended = end(&scene);
        assert_eq!(ended.outcome, DrillOutcome::Passed, "{ended:#?}");
    }
}

#[derive(Clone, Debug)]
enum Turn {
    Lose(bool, &'static str),
    Cut(bool, &'static str),
    Blind(bool, &'static str),
    Lead(bool),
    Tilt(&'static str),
    Ask,
    Drill,
    Pass(u64),
}

fn turn() -> impl Strategy<Value = Turn> {
    let member = || prop::sample::select(vec!["m1", "m2", "m3"]);
    let region = prop::sample::select(vec![FROM, TO]);
    prop_oneof![
        1 => (any::<bool>(), region).prop_map(|(on, region)| Turn::Lose(on, region)),
        1 => (any::<bool>(), member()).prop_map(|(on, member)| Turn::Cut(on, member)),
        1 => (any::<bool>(), member()).prop_map(|(on, member)| Turn::Blind(on, member)),
        1 => any::<bool>().prop_map(Turn::Lead),
        1 => member().prop_map(Turn::Tilt),
        1 => Just(Turn::Ask),
        3 => Just(Turn::Drill),
        6 => (1_u64..60).prop_map(Turn::Pass),
    ]
}

fn take(scene: &mut Scene, turn: &Turn) {
    fn set<T: Ord + for<'a> From<&'a str>>(of: &mut BTreeSet<T>, on: bool, what: &str) {
        if on {
            of.insert(what.into());
        } else {
            of.remove(&what.into());
        }
    }
    match turn {
        Turn::Lose(on, region) => set(&mut scene.down, *on, region),
        Turn::Cut(on, member) => set(&mut scene.cut, *on, member),
        Turn::Blind(on, member) => set(&mut scene.blind, *on, member),
        Turn::Lead(leads) => scene.leads = *leads,
        Turn::Tilt(member) => scene.step(Input::Tilt {
            member: (*member).into(),
        }),
        Turn::Ask => drop(switchover(scene)),
        Turn::Drill => {}
        Turn::Pass(seconds) => scene.pass(Millis::from_secs(*seconds)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens, with a drill under way or without: the votes, the views, what is decided,
    /// opened, called and asked of people are the same to the byte.
    #[test]
    fn real_life_does_not_notice(turns in prop::collection::vec(turn(), 1..24)) {
        let (mut scene, mut twin) = (Scene::well(), Scene::well());
        let _ = begin(&mut scene);
        for turn in &turns {
            if matches!(turn, Turn::Drill) {
                let _ = begin(&mut scene);
            }
            take(&mut scene, turn);
            take(&mut twin, turn);
            prop_assert!(earnest(&scene) == earnest(&twin), "real life has noticed");
            prop_assert_eq!(&scene.state.runs, &twin.state.runs);
            prop_assert_eq!(&scene.called, &twin.called);
            prop_assert_eq!(&scene.declined, &twin.declined);
            prop_assert_eq!(&scene.stood_down, &twin.stood_down);
        }
    }
}
