//! Steering: what a run says to health checks, what it may not, and what holds after it.

use super::fixture::*;
use crate::model::*;
use crate::run::{Engine, Heard, Move, Timing};

fn steer_to(side: &str, serve: bool) -> Intent {
    Intent::Steer {
        application: "shop".into(),
        region: region(side),
        serve,
        open_by_role: vec![region("a")],
    }
}

/// open (b) → close (a), each with what gives it back.
fn steering(epoch: u64) -> Plan {
    let mut open = step("open", steer_to("b", true), &[]);
    open.restore = Some(steer_to("b", false));
    let mut close = step("close", steer_to("a", false), &["open"]);
    close.restore = Some(steer_to("a", true));
    Plan {
        steps: vec![open, close],
        ..plan("shop", epoch)
    }
}

fn call(world: &mut World, step: &str, attempt: u32, boot: BootId) -> Result<Event, Rejection> {
    let run = world.run().id.clone();
    world.send(CommandBody::Steer {
        run,
        step: step.into(),
        attempt,
        boot,
    })
}

fn stands(world: &World) -> Vec<(String, bool)> {
    let app = &world.state.apps[&AppId::from("shop")];
    let steer = app.steer.iter();
    steer.map(|(r, open)| (r.to_string(), *open)).collect()
}

fn both(a: bool, b: bool) -> Vec<(String, bool)> {
    vec![("a".to_owned(), a), ("b".to_owned(), b)]
}

fn steered(world: &mut World, step: &str) {
    world.intend(step, BOOT).unwrap();
    let attempt = world.attempts(step);
    call(world, step, attempt, BOOT).unwrap();
    world.done(step).unwrap();
}

fn ended(world: &mut World) {
    world.at = world.at + Millis::from_mins(60);
    world.close().unwrap();
}

#[test]
fn a_run_steers_open_before_it_steers_closed() {
    let mut world = World::with(steering(1));
    steered(&mut world, "open");
    assert_eq!(stands(&world), [("b".to_owned(), true)]);
    steered(&mut world, "close");
    assert_eq!(stands(&world), both(false, true));
    let app = &world.state.apps[&AppId::from("shop")];
    assert_eq!(app.active, Some(region("b")));
    ended(&mut world);
    assert_eq!(stands(&world), both(false, true), "what a run said holds");
}

#[test]
fn the_last_open_region_is_never_closed() {
    let mut only_close = steering(1);
    only_close.steps.remove(0);
    only_close.steps[0].needs.clear();
    let mut world = World::with(only_close);
    world.intend("close", BOOT).unwrap();
    let refused = call(&mut world, "close", 1, BOOT).unwrap_err();
    assert_eq!(
        refused,
        Rejection::LastOpen {
            app: "shop".into(),
            region: region("a"),
        }
    );
    assert_eq!(stands(&world), []);
}

#[test]
fn a_call_without_its_intent_changes_nothing() {
    let mut world = World::with(steering(1));
    let early = call(&mut world, "open", 1, BOOT).unwrap_err();
    assert!(matches!(early, Rejection::MayNotCall { .. }), "{early}");
    world.intend("open", BOOT).unwrap();
    // Of another life, of another attempt, of a step that is none.
    for (step, attempt, boot) in [("open", 1, OTHER_BOOT), ("open", 2, BOOT), ("x", 1, BOOT)] {
        let refused = call(&mut world, step, attempt, boot).unwrap_err();
        assert!(matches!(refused, Rejection::MayNotCall { .. }), "{refused}");
    }
    // What was given up may arrive late, and then it is too late.
    world.unknown("open").unwrap();
    let late = call(&mut world, "open", 1, BOOT).unwrap_err();
    assert!(matches!(late, Rejection::MayNotCall { .. }), "{late}");
    world.intend("open", OTHER_BOOT).unwrap();
    let late = call(&mut world, "open", 1, BOOT).unwrap_err();
    assert!(matches!(late, Rejection::MayNotCall { .. }), "{late}");
    call(&mut world, "open", 2, OTHER_BOOT).unwrap();
    let again = call(&mut world, "open", 2, OTHER_BOOT).unwrap();
    assert_eq!(again, Event::NoChange);
    assert_eq!(stands(&world), [("b".to_owned(), true)]);
}

#[test]
fn a_paused_run_steers_nothing() {
    let mut world = World::with(steering(1));
    world.intend("open", BOOT).unwrap();
    let run = world.run().id.clone();
    world
        .send(CommandBody::PauseRun {
            run,
            by: "ada".to_owned(),
            reason: "look first".to_owned(),
        })
        .unwrap();
    let refused = call(&mut world, "open", 1, BOOT).unwrap_err();
    assert!(refused.to_string().contains("paused by ada"), "{refused}");
}

#[test]
fn an_aborted_run_gives_back_what_it_steered_and_never_leaves_nobody() {
    let mut plan = steering(1);
    plan.steps.push(step("after", dial("b", 100), &["close"]));
    let mut world = World::with(plan);
    steered(&mut world, "open");
    steered(&mut world, "close");
    world.abort().unwrap();
    // Last change first: the Region that was left opens before the other one closes.
    world.intend("restore/open", BOOT).unwrap_err();
    steered(&mut world, "restore/close");
    assert_eq!(stands(&world), both(true, true));
    steered(&mut world, "restore/open");
    assert_eq!(stands(&world), both(true, false));
    ended(&mut world);
    let app = &world.state.apps[&AppId::from("shop")];
    assert_eq!((&app.active, app.quarantined.len()), (&None, 0));
}

#[test]
fn moved_by_other_levers_the_regions_follow_their_roles_again() {
    let mut world = World::with(steering(1));
    steered(&mut world, "open");
    steered(&mut world, "close");
    ended(&mut world);
    // Home again, by dials alone: what was said of last month must not keep the home closed.
    let home = Plan {
        from: region("b"),
        to: region("a"),
        kind: RunKind::Failback,
        steps: vec![step("raise", dial("a", 100), &[])],
        ..plan("shop", 2)
    };
    world.open(home, operator()).unwrap();
    world.intend("raise", BOOT).unwrap();
    assert_eq!(stands(&world), both(false, true), "not before it is moved");
    world.done("raise").unwrap();
    assert_eq!(stands(&world), []);
    let app = &world.state.apps[&AppId::from("shop")];
    assert_eq!(app.active, Some(region("a")));
}

fn engine(world: &World, boot: BootId, now: Now) -> Engine {
    let timing = Timing {
        poll: Millis::from_secs(1),
        call_timeout: Millis::from_secs(10),
        lease: Millis::from_secs(3),
        soak_poll: Millis::from_secs(15),
        steady_poll: Millis::from_mins(5),
    };
    Engine::take_up(world.run(), "m".into(), boot, timing, now)
}

fn at(ms: u64, world: &World) -> Now {
    Now {
        mono: Mono(ms),
        wall: world.at,
    }
}

fn looked(world: &World, step: &str, serve: bool) -> Heard {
    let met = stands(world).contains(&("b".to_owned(), serve));
    Heard::Observed {
        step: step.into(),
        observation: Observation {
            goal: if met { Goal::Met } else { Goal::NotMet },
            seen: "b".to_owned(),
        },
    }
}

/// The leader died between its call and the outcome: whether it was taken in is read from the state,
/// and nothing is called twice.
#[test]
fn a_successor_finds_in_the_state_what_a_dead_leader_has_steered() {
    for taken_in in [true, false] {
        let mut world = World::with(steering(1));
        world.intend("open", OTHER_BOOT).unwrap();
        if taken_in {
            call(&mut world, "open", 1, OTHER_BOOT).unwrap();
        }
        let mut engine = engine(&world, BOOT, at(0, &world));
        let first = engine.advance(at(0, &world), world.run(), true);
        assert!(
            matches!(first.as_slice(), [Move::Observe { .. }]),
            "{first:?}"
        );
        let heard = looked(&world, "open", true);
        let next = engine.hear(at(1, &world), world.run(), heard);
        match next.as_slice() {
            [Move::Commit { body, .. }] if taken_in => {
                world.send(body.clone()).unwrap();
                let wrote = StepStatus::Done {
                    wrote: true,
                    partly: false,
                };
                assert_eq!(world.status("open"), wrote);
            }
            [] if !taken_in => {
                // Not before whatever was on its way has landed or never will.
                let later = at(60_000, &world);
                engine.advance(later, world.run(), true);
                let heard = looked(&world, "open", true);
                let again = engine.hear(later, world.run(), heard);
                let [Move::Commit { body, .. }] = again.as_slice() else {
                    panic!("{again:?}");
                };
                assert!(matches!(body, CommandBody::StepIntent { attempt: 2, .. }));
            }
            other => panic!("{taken_in}: {other:?}"),
        }
    }
}
