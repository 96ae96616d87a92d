//! The ledger's time: never backwards, never at a standstill.

use proptest::prelude::*;

use super::fixture::*;
use crate::model::*;
use crate::run::apply;

const YEAR: Millis = Millis::from_mins(365 * 24 * 60);

fn app() -> AppId {
    AppId::from("shop")
}

/// Something that is recorded now and then, as the watchers do.
fn record(world: &mut World) {
    let traffic = Traffic::default();
    let body = CommandBody::RecordTraffic {
        app: app(),
        traffic,
    };
    world.send(body).unwrap();
}

fn pass(world: &mut World, minutes: u64) {
    for _ in 0..minutes {
        world.at = world.at + Millis::from_secs(59);
        record(world);
    }
}

/// One command carries a date a year ahead, the next a right one.
fn leap(world: &mut World) {
    world.at = world.at + YEAR;
    record(world);
    world.at = world.at - YEAR;
}

#[test]
fn a_date_from_the_future_freezes_no_cool_down() {
    let mut world = World {
        at: Wall(1_800_000_000_000),
        ..World::default()
    };
    leap(&mut world);
    world.open(plan("shop", 1), automatic()).unwrap();
    for id in ["promote", "raise", "flip"] {
        world.intend(id, BOOT).unwrap();
        world.done(id).unwrap();
    }
    pass(&mut world, 17);
    world.close().expect("its soak of 15 min is over");
    let rejoin = CommandBody::Rejoin {
        app: app(),
        region: region("a"),
        by: "ada".to_owned(),
    };
    world.send(rejoin).unwrap();
    let back = Plan {
        from: region("b"),
        to: region("a"),
        ..plan("shop", 2)
    };
    pass(&mut world, 59);
    assert!(matches!(
        world.open(back.clone(), automatic()),
        Err(Rejection::Guard {
            reason: HoldReason::CoolDown { .. }
        })
    ));
    pass(&mut world, 10);
    world.open(back, automatic()).expect("its hour is over");
}

#[test]
fn a_date_from_the_future_ends_no_pause() {
    let mut world = World {
        at: Wall(1_800_000_000_000),
        ..World::default()
    };
    let until = world.at + Millis::from_mins(60);
    world
        .send(CommandBody::PauseAutomation {
            app: None,
            by: "ada".to_owned(),
            reason: "migration".to_owned(),
            until: Some(until),
        })
        .unwrap();
    leap(&mut world);
    assert!(matches!(
        world.open(plan("shop", 1), automatic()),
        Err(Rejection::Guard {
            reason: HoldReason::AutomationPaused { .. }
        })
    ));
    world.at = until;
    world.open(plan("shop", 1), automatic()).unwrap();
}

#[test]
fn a_cluster_that_was_off_for_a_year_knows_the_date_at_once() {
    let mut world = World {
        at: Wall(1_800_000_000_000),
        ..World::default()
    };
    record(&mut world);
    world.at = world.at + YEAR;
    record(&mut world);
    assert_eq!(world.state.time, world.at);
}

#[test]
fn a_clock_that_was_set_back_and_right_again_costs_minutes_not_years() {
    let mut world = World {
        at: Wall(1_800_000_000_000),
        ..World::default()
    };
    record(&mut world);
    world.at = world.at - YEAR;
    record(&mut world);
    world.at = world.at + YEAR;
    record(&mut world);
    let ahead = world.state.time.since(world.at);
    assert!(ahead < Millis::from_mins(15), "{ahead}");
    // And what it is ahead is made up for.
    pass(&mut world, 200);
    assert_eq!(world.state.time, world.at);
}

proptest! {
    #[test]
    fn time_never_runs_backwards_and_never_stands_still(
        dates in prop::collection::vec(0..4_000_000_000_000_u64, 1..60)
    ) {
        let mut state = State::default();
        for at in dates {
            let before = state.clone();
            let at = Wall(at);
            let body = CommandBody::RecordTraffic { app: app(), traffic: Traffic::default() };
            apply(&mut state, &Command { at, body }).unwrap();
            prop_assert!(state.time >= before.time);
            prop_assert!(state.time >= at);
            let later = at + Millis::from_secs(10);
            prop_assert!(state.date(later) >= state.time + Millis::from_secs(9));
        }
    }
}
