//! How a run ends early: what is given back, what is not, and what is looked at afterwards.

use super::fixture::*;
use crate::model::*;

fn shop(world: &World) -> &AppState {
    &world.state.apps[&AppId::from("shop")]
}

fn automatic_run() -> World {
    let mut world = World::default();
    world.open(plan("shop", 1), automatic()).unwrap();
    world
}

fn did(world: &mut World, step: &str) {
    world.intend(step, BOOT).unwrap();
    world.done(step).unwrap();
}

fn recovered(world: &mut World) -> Result<Event, Rejection> {
    let run = world.run().id.clone();
    world.send(CommandBody::AbortRecovered { run })
}

fn pause(world: &mut World) {
    let run = world.run().id.clone();
    world
        .send(CommandBody::PauseRun {
            run,
            by: "ada".to_owned(),
            reason: "look".to_owned(),
        })
        .unwrap();
}

fn timed_out() -> Outcome {
    Outcome::Failed {
        failure: Failure::TimedOut {
            seen: "dial 0 %".to_owned(),
        },
    }
}

#[test]
fn a_step_that_was_refused_has_nothing_to_give_back() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", BOOT).unwrap();
    world.fail("raise").unwrap();
    world.abort().unwrap();
    assert_eq!(world.run().restoring, []);
    world.close().unwrap();
    assert!(matches!(world.run().status, RunStatus::Aborted { .. }));
}

#[test]
fn a_step_whose_goal_was_seen_out_of_reach_after_its_call_is_given_back() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", BOOT).unwrap();
    let drifted = Outcome::Failed {
        failure: Failure::Impossible {
            code: "drifted".to_owned(),
            message: "somebody else".to_owned(),
        },
    };
    world.outcome("raise", drifted).unwrap();
    world.abort().unwrap();
    assert_eq!(world.run().restoring.len(), 1);
}

#[test]
fn a_refusal_does_not_vouch_for_the_attempt_before_it() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", BOOT).unwrap();
    world.unknown("raise").unwrap();
    world.intend("raise", BOOT).unwrap();
    world.fail("raise").unwrap();
    world.abort().unwrap();
    assert_eq!(world.run().restoring.len(), 1, "the first may have landed");
}

#[test]
fn a_hook_that_said_no_may_have_done_half_of_it() {
    let mut plan = plan("shop", 1);
    plan.steps.push(step("fence", hook(), &[]));
    let mut world = World::with(plan);
    world.intend("fence", BOOT).unwrap();
    world.fail("fence").unwrap();
    assert!(world.run().steps[&StepId::from("fence")].may_have_written());
}

fn hook() -> Intent {
    Intent::HttpRequest {
        url: "http://127.0.0.1/fence".to_owned(),
        method: "POST".to_owned(),
        body: None,
        expect_status: Vec::new(),
    }
}

#[test]
fn what_turns_out_not_to_have_been_sent_is_not_given_back() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", BOOT).unwrap();
    world.abort().unwrap();
    assert_eq!(world.status("restore/raise"), StepStatus::Waiting);
    assert!(matches!(world.close(), Err(Rejection::InFlight { .. })));
    world.not_sent("raise").unwrap();
    let aborted = StepStatus::Skipped {
        why: SkipReason::Aborted,
    };
    assert_eq!(world.status("raise"), aborted);
    let unneeded = StepStatus::Skipped {
        why: SkipReason::NotNeeded,
    };
    assert_eq!(world.status("restore/raise"), unneeded);
    world.close().unwrap();
}

#[test]
fn a_promotion_that_certainly_came_to_nothing_stops_no_giving_back() {
    let mut world = World::with(plan("shop", 1));
    did(&mut world, "raise");
    world.intend("promote", BOOT).unwrap();
    world.not_sent("promote").unwrap();
    world.intend("promote", BOOT).unwrap();
    world.fail("promote").unwrap();
    world.abort().unwrap();
    did(&mut world, "restore/raise");
    world.close().unwrap();
    assert_eq!(shop(&world).active, None);
    assert!(shop(&world).quarantined.is_empty());
}

#[test]
fn an_abort_that_gave_everything_back_leaves_no_quarantine() {
    let mut world = World::with(plan("shop", 1));
    did(&mut world, "raise");
    assert!(shop(&world).quarantined.contains_key(&region("a")));
    world.abort().unwrap();
    did(&mut world, "restore/raise");
    world.close().unwrap();
    assert!(shop(&world).quarantined.is_empty());
    assert!(shop(&world).last_closed_at.is_some(), "it did write");
}

#[test]
fn an_abort_that_left_something_leaves_the_quarantine() {
    // A person skipped what would have given it back.
    let mut world = World::with(plan("shop", 1));
    did(&mut world, "raise");
    world.abort().unwrap();
    world.skip("restore/raise").unwrap();
    world.close().unwrap();
    assert!(shop(&world).quarantined.contains_key(&region("a")));

    // The Region was fenced, which nothing gives back.
    let mut plan = plan("shop", 1);
    plan.steps.push(step("fence", hook(), &[]));
    let mut world = World::with(plan);
    did(&mut world, "fence");
    world.abort().unwrap();
    world.close().unwrap();
    assert!(shop(&world).quarantined.contains_key(&region("a")));

    // The data may have been moved.
    let mut world = World::with(super::fixture::plan("shop", 1));
    world.intend("promote", BOOT).unwrap();
    world.outcome("promote", timed_out()).unwrap();
    world.abort().unwrap();
    world.close().unwrap();
    assert!(shop(&world).quarantined.contains_key(&region("a")));
}

#[test]
fn a_run_lifts_no_quarantine_that_is_older_than_itself() {
    let mut world = World::default();
    let app = world.state.apps.entry("shop".into()).or_default();
    app.quarantined.insert(region("a"), Wall(1));
    world.open(plan("shop", 1), operator()).unwrap();
    world.abort().unwrap();
    world.close().unwrap();
    assert_eq!(shop(&world).quarantined[&region("a")], Wall(1));
}

#[test]
fn a_region_that_is_back_before_its_data_was_moved_is_given_back() {
    let mut world = automatic_run();
    did(&mut world, "raise");
    recovered(&mut world).unwrap();
    let region_back = AbortReason::Recovered {
        region: region("a"),
    };
    assert_eq!(
        world.run().status,
        RunStatus::Aborting {
            reason: region_back.clone()
        }
    );
    assert!(
        world.intend("promote", BOOT).is_err(),
        "promoted all the same"
    );
    did(&mut world, "restore/raise");
    world.close().unwrap();
    assert_eq!(
        world.run().status,
        RunStatus::Aborted {
            reason: region_back
        }
    );
    assert!(shop(&world).quarantined.is_empty());
}

#[test]
fn once_its_data_may_have_moved_a_run_goes_on() {
    let mut world = automatic_run();
    world.intend("promote", BOOT).unwrap();
    assert!(recovered(&mut world).is_err());
    world.unknown("promote").unwrap();
    assert!(recovered(&mut world).is_err());
    // An intent that certainly came to nothing moved nothing.
    let mut world = automatic_run();
    world.intend("promote", BOOT).unwrap();
    world.not_sent("promote").unwrap();
    recovered(&mut world).unwrap();
}

#[test]
fn what_a_person_began_or_holds_in_hand_ends_on_their_word_only() {
    let mut asked = World::with(plan("shop", 1));
    assert!(recovered(&mut asked).is_err());

    let mut held = automatic_run();
    pause(&mut held);
    let run = held.run().id.clone();
    assert!(matches!(
        recovered(&mut held),
        Err(Rejection::Paused { .. })
    ));
    assert!(matches!(
        held.send(CommandBody::AbandonStale { run }),
        Err(Rejection::Paused { .. })
    ));

    let mut failed = automatic_run();
    failed.intend("raise", BOOT).unwrap();
    failed.fail("raise").unwrap();
    assert!(recovered(&mut failed).is_err());
}

fn given_up() -> World {
    let mut world = World::with(plan("shop", 1));
    world.intend("promote", BOOT).unwrap();
    world.outcome("promote", timed_out()).unwrap();
    world.abort().unwrap();
    world.close().unwrap();
    world
}

fn landed(world: &mut World) -> Result<Event, Rejection> {
    let run = RunId::from("shop-1");
    world.send(CommandBody::RecordDrift {
        run,
        step: StepId::from("promote"),
        seen: "b is the writer".to_owned(),
    })
}

#[test]
fn a_promotion_that_lands_after_its_run_was_aborted_is_found() {
    let mut world = given_up();
    assert_eq!(shop(&world).active, None);
    world
        .send(CommandBody::Acknowledge {
            app: "shop".into(),
            by: "ada".to_owned(),
        })
        .unwrap();
    landed(&mut world).unwrap();
    assert_eq!(world.run().findings.len(), 1);
    assert!(matches!(world.run().status, RunStatus::Aborted { .. }));
    let app = shop(&world);
    assert_eq!(app.active, Some(region("b")), "the writer is there");
    assert_eq!(app.last_closed_at, Some(world.at), "it cools down anew");
    assert!(!app.acknowledged, "nobody knew of this");
    assert_eq!(landed(&mut world), Ok(Event::NoChange));
}

#[test]
fn a_late_landing_does_not_overrule_a_newer_run() {
    let mut world = given_up();
    world.open(plan("shop", 2), operator()).unwrap();
    landed(&mut world).unwrap();
    assert_eq!(shop(&world).active, None);
    let first = &world.state.runs[&RunId::from("shop-1")];
    assert_eq!(first.findings.len(), 1, "told all the same");
}

/// The second run found the first one's promotion under way, waited for it, and was given up too.
#[test]
fn a_promotion_that_another_run_had_sent_is_found_when_it_lands() {
    let mut world = given_up();
    world.open(plan("shop", 2), operator()).unwrap();
    let second = RunId::from("shop-2");
    world
        .send(CommandBody::StepOutcome {
            run: second.clone(),
            step: StepId::from("promote"),
            attempt: 0,
            outcome: timed_out(),
            after: None,
        })
        .unwrap();
    world
        .send(CommandBody::Abort {
            run: second.clone(),
            by: "ada".to_owned(),
            reason: "it takes too long".to_owned(),
        })
        .unwrap();
    world
        .send(CommandBody::CloseRun {
            run: second.clone(),
        })
        .unwrap();
    world
        .send(CommandBody::RecordDrift {
            run: second,
            step: StepId::from("promote"),
            seen: "b is the writer".to_owned(),
        })
        .unwrap();
    assert_eq!(
        shop(&world).active,
        Some(region("b")),
        "the writer is there"
    );
}

#[test]
fn of_an_aborted_run_nothing_else_drifts() {
    let mut world = given_up();
    let run = RunId::from("shop-1");
    let drift = |step: &str| CommandBody::RecordDrift {
        run: run.clone(),
        step: StepId::from(step),
        seen: "dial 0 %".to_owned(),
    };
    assert!(world.send(drift("raise")).is_err());
    assert!(world.send(drift("flip")).is_err());
}

/// A dial that is raised, and its Region that must then stay well.
fn baking_run() -> World {
    let mut plan = plan("shop", 1);
    let bake = Intent::Bake {
        region: "eu-central-1".into(),
        duration: Millis::from_mins(2),
    };
    plan.steps.push(step("bake", bake, &["raise"]));
    World::with(plan)
}

fn worsened(world: &mut World) -> Result<Event, Rejection> {
    let run = world.run().id.clone();
    let why = "suspect for 20s".to_owned();
    world.send(CommandBody::AbortWorsened { run, why })
}

#[test]
fn a_run_steps_back_only_while_its_traffic_bakes() {
    let mut world = baking_run();
    assert!(worsened(&mut world).is_err(), "nothing was raised yet");
    did(&mut world, "raise");
    worsened(&mut world).unwrap();
    let reason = AbortReason::Worsened {
        region: "eu-central-1".into(),
        detail: "suspect for 20s".to_owned(),
    };
    assert_eq!(world.run().status, RunStatus::Aborting { reason });
    let given_back: Vec<&str> = world
        .run()
        .restoring
        .iter()
        .map(|s| s.id.as_str())
        .collect();
    assert_eq!(given_back, ["restore/raise"]);
    assert!(worsened(&mut world).is_err(), "it does already");
}

#[test]
fn a_paused_run_is_not_stepped_back() {
    let mut world = baking_run();
    did(&mut world, "raise");
    pause(&mut world);
    assert!(worsened(&mut world).is_err());
}
