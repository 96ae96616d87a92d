//! A ledger that begins with what another had known does nothing before it knows what stands outside,
//! and never goes on with what somebody else has overtaken.

use std::collections::BTreeMap;

use super::fixture::*;
use crate::model::*;
use crate::run::may_call;

const SHOP: &str = "shop";

fn restore(world: &mut World) {
    let restored = CommandBody::Restored {
        how: RestoredHow::Backup,
        by: "ada".to_owned(),
        reason: "three disks are gone".to_owned(),
        disks: BTreeMap::from([("m".into(), DiskId(9))]),
    };
    assert_eq!(world.send(restored), Ok(Event::Restored));
}

fn raise(world: &mut World, to: u64, active: Option<&str>) -> Result<Event, Rejection> {
    world.send(CommandBody::RaiseEpoch {
        app: SHOP.into(),
        to: Epoch(to),
        active: active.map(region),
        by: "ada".to_owned(),
        reason: "read in the zone".to_owned(),
    })
}

fn resume(world: &mut World) -> Result<Event, Rejection> {
    let run = world.run().id.clone();
    world.send(CommandBody::ResumeRun {
        run,
        by: "ada".to_owned(),
    })
}

fn callable(world: &World, step: &str) -> Result<(), String> {
    let id = world.run().id.clone();
    let attempt = world.attempts(step);
    may_call(&world.state, &id, &step.into(), attempt, BOOT)
}

#[test]
fn nothing_opens_until_the_epoch_is_known_not_even_by_a_persons_word() {
    let mut world = World::default();
    restore(&mut world);
    let refused = world.open(plan(SHOP, 1), operator());
    let reason = HoldReason::EpochUnknown;
    assert_eq!(refused, Err(Rejection::Guard { reason }));

    assert!(raise(&mut world, 8, Some("b")).is_ok());
    assert_eq!(world.state.apps[&SHOP.into()].active, Some(region("b")));
    // Known now: but automation stays paused until a person says otherwise.
    let mut home = plan(SHOP, 9);
    (home.from, home.to) = (region("b"), region("a"));
    assert!(matches!(
        world.open(home.clone(), automatic()),
        Err(Rejection::Guard {
            reason: HoldReason::AutomationPaused { .. }
        })
    ));
    assert!(world.open(home, operator()).is_ok());
    // Another application's epoch is its own affair.
    let refused = world.open(plan("mail", 1), operator());
    let reason = HoldReason::EpochUnknown;
    assert_eq!(refused, Err(Rejection::Guard { reason }));
}

#[test]
fn an_open_run_asks_for_a_person_and_calls_nothing_before_the_epoch_is_known() {
    let mut world = World::with(plan(SHOP, 1));
    world.intend("raise", BOOT).unwrap();
    restore(&mut world);
    assert!(matches!(
        world.run().status,
        RunStatus::NeedsOperator {
            reason: NeedsOperator::Inherited { .. }
        }
    ));
    assert!(callable(&world, "raise").is_err());
    // Nobody has overtaken it: it keeps its epoch, and a person carries it on.
    assert!(raise(&mut world, 1, None).is_ok());
    assert!(resume(&mut world).is_ok());
    assert_eq!(world.run().status, RunStatus::Executing);
    assert_eq!(callable(&world, "raise"), Ok(()));
}

#[test]
fn an_overtaken_run_is_closed_once_nothing_of_it_is_on_its_way() {
    let mut world = World::with(plan(SHOP, 1));
    world.intend("raise", BOOT).unwrap();
    restore(&mut world);
    assert!(matches!(
        raise(&mut world, 5, Some("c")),
        Err(Rejection::InFlight { .. })
    ));
    world.done("raise").unwrap();
    assert!(raise(&mut world, 5, Some("c")).is_ok());
    assert!(matches!(
        &world.run().status,
        RunStatus::Aborted { reason: AbortReason::Operator { reason, .. } }
            if reason.contains("overtaken by epoch 5")
    ));
    // What it had changed is not given back: what stands now is another's work.
    assert!(world.run().restoring.is_empty());
    let shop = &world.state.apps[&SHOP.into()];
    assert_eq!((shop.epoch, shop.open_run.as_ref()), (Epoch(5), None));
    assert_eq!(shop.active, Some(region("c")));
}

#[test]
fn a_run_that_had_executed_soaks_on_or_is_accepted() {
    let executed = || {
        let mut world = World::with(plan(SHOP, 1));
        for id in ["promote", "raise", "flip"] {
            world.intend(id, BOOT).unwrap();
            world.done(id).unwrap();
        }
        restore(&mut world);
        world
    };
    let mut world = executed();
    assert!(raise(&mut world, 1, None).is_ok());
    assert!(resume(&mut world).is_ok());
    assert!(matches!(world.run().status, RunStatus::Soaking { .. }));

    let mut world = executed();
    assert!(raise(&mut world, 4, Some("a")).is_ok());
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.state.apps[&SHOP.into()].active, Some(region("a")));
}

#[test]
fn an_epoch_never_goes_down_and_the_same_again_changes_nothing() {
    let mut world = World::default();
    assert!(raise(&mut world, 7, None).is_ok());
    assert_eq!(raise(&mut world, 7, None), Ok(Event::NoChange));
    assert_eq!(
        raise(&mut world, 6, None),
        Err(Rejection::WrongEpoch {
            expected: Epoch(7),
            got: Epoch(6)
        })
    );
}
