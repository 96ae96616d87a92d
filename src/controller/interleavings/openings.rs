//! A run that is opened by itself: late, twice, or when its reason is gone.

use super::*;

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
