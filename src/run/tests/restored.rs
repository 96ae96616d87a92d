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
    raise_over(world, None, to, active)
}

fn raise_over(
    world: &mut World,
    seen: Option<u64>,
    to: u64,
    active: Option<&str>,
) -> Result<Event, Rejection> {
    world.send(CommandBody::RaiseEpoch {
        app: SHOP.into(),
        to: Epoch(to),
        active: active.map(region),
        by: "ada".to_owned(),
        reason: "read in the zone".to_owned(),
        seen: seen.map(Epoch),
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

/// What stands outside, as last read.
fn outside(world: &mut World, epoch: u64) {
    let traffic = Traffic {
        records: vec![epoch_record("www.example.com.", &SHOP.into(), Epoch(epoch))],
        groups: Vec::new(),
        routing: Vec::new(),
    };
    let app = SHOP.into();
    let read = CommandBody::RecordTraffic { app, traffic };
    assert_eq!(world.send(read), Ok(Event::Recorded));
}

#[test]
fn what_is_left_of_the_cluster_before_is_found_out_though_its_epoch_is_not_above() {
    let mut world = World::default();
    assert!(raise(&mut world, 4, None).is_ok());
    restore(&mut world);
    // The cluster before it had used 5 since the backup; 6 is passed over.
    assert!(raise_over(&mut world, Some(5), 6, None).is_ok());
    let overtaken = |world: &World| world.state.overtaken_by(&SHOP.into());
    outside(&mut world, 5);
    assert_eq!(overtaken(&world), None);
    // It is not dead after all: its next run takes 6, and this ledger's own would take 7.
    outside(&mut world, 6);
    assert_eq!(overtaken(&world), Some(Epoch(6)));
    // A person looks and goes above that too.
    assert!(raise_over(&mut world, Some(6), 7, None).is_ok());
    assert_eq!(overtaken(&world), None);
    // What this ledger's own run writes is its own.
    assert!(world.open(plan(SHOP, 8), operator()).is_ok());
    outside(&mut world, 8);
    assert_eq!(overtaken(&world), None);
}

#[test]
fn the_run_that_was_open_keeps_its_epoch_and_what_it_writes_is_its_own() {
    let mut world = World::with(plan(SHOP, 1));
    restore(&mut world);
    assert!(raise_over(&mut world, None, 1, None).is_ok());
    outside(&mut world, 1);
    assert_eq!(world.state.overtaken_by(&SHOP.into()), None);
}

#[test]
fn each_beginning_is_a_ledger_of_its_own() {
    let mut world = World::default();
    assert_eq!(world.state.ledger(), None);
    let disks = BTreeMap::from([("m".into(), DiskId(1))]);
    assert!(world.send(CommandBody::FoundCluster { disks }).is_ok());
    assert_eq!(world.state.ledger(), Some(LedgerId::Founded));
    restore(&mut world);
    assert_eq!(world.state.ledger(), Some(LedgerId::Begun(DiskId(9))));
    // Members that come and go change nothing about it.
    let (member, disk) = ("n".into(), DiskId(3));
    assert!(world.send(CommandBody::RecordDisk { member, disk }).is_ok());
    assert_eq!(world.state.ledger(), Some(LedgerId::Begun(DiskId(9))));
}
