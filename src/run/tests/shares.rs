//! Regions that serve side by side: whose share is away, and that somebody is always left.

use proptest::prelude::*;

use super::fixture::*;
use crate::model::*;

const REGIONS: [&str; 3] = ["a", "b", "c"];

/// Grow and lower, as the library's runbook does it; `shut` is taken down.
fn share_plan(kind: RunKind, from: &str, to: &str, carriers: &[&str], epoch: u64) -> Plan {
    let step_of = match kind {
        RunKind::Return => {
            let mut raise = step("move", dial(to, 100), &[]);
            raise.restore = Some(dial(to, 0));
            raise
        }
        RunKind::Failover | RunKind::Switchover | RunKind::Failback | RunKind::Shift => {
            let mut lower = step("move", dial(from, 0), &[]);
            lower.restore = Some(dial(from, 100));
            lower
        }
    };
    Plan {
        kind,
        from: region(from),
        to: region(to),
        carriers: carriers.iter().map(|name| region(name)).collect(),
        steps: vec![step_of],
        ..plan("shop", epoch)
    }
}

fn away(world: &World) -> Vec<&str> {
    let shop = AppId::from("shop");
    let away = world.state.apps.get(&shop).into_iter();
    away.flat_map(|app| app.away.keys())
        .map(RegionId::as_str)
        .collect()
}

fn carry_out(world: &mut World) {
    world.intend("move", BOOT).unwrap();
    world.done("move").unwrap();
    world.at = world.at + Millis::from_mins(16);
    world.close().unwrap();
}

fn refused(answer: Result<Event, Rejection>) -> &'static str {
    match answer {
        Err(Rejection::Guard { reason }) => reason.code(),
        Err(Rejection::BadPlan { .. }) => "bad_plan",
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_share_is_away_from_the_opening_of_its_shift_until_its_return_has_executed() {
    let mut world = World::default();
    let shift = share_plan(RunKind::Shift, "a", "b", &["b", "c"], 1);
    world.open(shift, operator()).unwrap();
    assert_eq!(away(&world), ["a"]);
    carry_out(&mut world);
    assert_eq!(away(&world), ["a"]);
    // The writer was not in it, nor has it moved.
    assert_eq!(world.state.apps[&"shop".into()].active, None);

    let back = share_plan(RunKind::Return, "b", "a", &["b", "c"], 2);
    world.open(back, operator()).unwrap();
    assert_eq!(away(&world), ["a"]);
    carry_out(&mut world);
    assert!(away(&world).is_empty());
    assert_eq!(world.state.apps[&"shop".into()].active, None);
}

#[test]
fn a_shift_that_has_given_everything_back_has_taken_nothing() {
    let mut world = World::default();
    let shift = share_plan(RunKind::Shift, "a", "b", &["b", "c"], 1);
    world.open(shift, operator()).unwrap();
    world.intend("move", BOOT).unwrap();
    world.unknown("move").unwrap();
    world.abort().unwrap();
    world.done("move").unwrap();
    world.intend("restore/move", BOOT).unwrap();
    world.done("restore/move").unwrap();
    world.close().unwrap();
    assert!(away(&world).is_empty());
}

#[test]
fn a_shift_that_was_ended_half_way_counts_as_away() {
    let mut world = World::default();
    let mut shift = share_plan(RunKind::Shift, "a", "b", &["b", "c"], 1);
    shift.steps[0].restore = None;
    world.open(shift, operator()).unwrap();
    world.intend("move", BOOT).unwrap();
    world.unknown("move").unwrap();
    world.abort().unwrap();
    world.done("move").unwrap();
    world.close().unwrap();
    assert_eq!(away(&world), ["a"]);
}

#[test]
fn nobody_is_shifted_to_who_is_away_and_the_last_one_stays() {
    let mut world = World::default();
    let shift = share_plan(RunKind::Shift, "a", "b", &["b", "c"], 1);
    world.open(shift, operator()).unwrap();
    carry_out(&mut world);

    let again = share_plan(RunKind::Shift, "a", "b", &["b", "c"], 2);
    assert_eq!(refused(world.open(again, operator())), "shifted_away");
    let to_it = share_plan(RunKind::Shift, "b", "a", &["a", "c"], 2);
    assert_eq!(refused(world.open(to_it, operator())), "shifted_away");
    let among = share_plan(RunKind::Shift, "b", "c", &["a", "c"], 2);
    assert_eq!(refused(world.open(among, operator())), "shifted_away");
    let not_away = share_plan(RunKind::Return, "b", "c", &["b"], 2);
    assert_eq!(refused(world.open(not_away, operator())), "not_away");
    let writer = Plan {
        to: region("a"),
        from: region("b"),
        ..plan("shop", 2)
    };
    assert_eq!(refused(world.open(writer, operator())), "shifted_away");

    let second = share_plan(RunKind::Shift, "b", "c", &["c"], 2);
    world.open(second, operator()).unwrap();
    carry_out(&mut world);
    let nobody = share_plan(RunKind::Shift, "c", "c", &["c"], 3);
    assert_eq!(refused(world.open(nobody, operator())), "bad_plan");
    let nobody = share_plan(RunKind::Shift, "c", "b", &[], 3);
    assert_eq!(refused(world.open(nobody, operator())), "shifted_away");
}

#[test]
fn a_plan_that_shuts_everybody_is_refused() {
    let mut world = World::default();
    let mut shift = share_plan(RunKind::Shift, "a", "b", &["b"], 1);
    shift
        .steps
        .push(step("and-the-other", dial("b", 0), &["move"]));
    assert_eq!(
        refused(world.open(shift.clone(), operator())),
        "nobody_left"
    );
    shift.carriers.push(region("c"));
    world.open(shift, operator()).unwrap();
}

/// What a proposer may want, right or wrong.
fn any_plan() -> impl Strategy<Value = (RunKind, usize, usize, Vec<bool>, bool)> {
    (
        prop_oneof![Just(RunKind::Shift), Just(RunKind::Return)],
        0..3_usize,
        0..3_usize,
        prop::collection::vec(any::<bool>(), 3),
        any::<bool>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever is proposed in whatever order, and however its runs end: a Region is left that no run
    /// has taken anything from, and every open run leaves one.
    #[test]
    fn nobody_ever_leaves_nobody(
        proposals in prop::collection::vec((any_plan(), 0..4_u8), 1..40)
    ) {
        let mut world = World::default();
        for ((kind, from, to, carriers, shuts), end) in proposals {
            let epoch = world.state.apps.get(&"shop".into()).map_or(0, |app| app.epoch.0) + 1;
            let carriers: Vec<&str> = REGIONS
                .into_iter()
                .zip(carriers)
                .filter_map(|(name, carries)| carries.then_some(name))
                .collect();
            let mut wanted = share_plan(kind, REGIONS[from], REGIONS[to], &carriers, epoch);
            if shuts {
                wanted.steps.push(step("shut", dial(REGIONS[to], 0), &[]));
            }
            let opened = world.open(wanted.clone(), operator()).is_ok();
            if opened {
                let left: Vec<_> = wanted.left_serving().collect();
                prop_assert!(!left.is_empty());
                for region in left {
                    prop_assert!(!world.state.is_away(&"shop".into(), region));
                }
                for planned in &wanted.steps {
                    let id = planned.id.as_str();
                    if end == 0 {
                        continue;
                    }
                    let _ = world.intend(id, BOOT);
                    let _ = if end == 1 { world.unknown(id) } else { world.done(id) };
                }
                let _ = world.abort();
                for planned in &wanted.steps {
                    let _ = world.done(planned.id.as_str());
                    let restoring = planned.restoring_id();
                    if end == 3 && world.run().steps.contains_key(&restoring) {
                        let _ = world.intend(restoring.as_str(), BOOT);
                    }
                    if world.run().steps.contains_key(&restoring) {
                        let _ = world.done(restoring.as_str());
                    }
                }
                world.at = world.at + Millis::from_mins(16);
                prop_assert!(world.close().is_ok(), "{:?}", world.run());
            }
            prop_assert!(away(&world).len() < REGIONS.len(), "{:?}", away(&world));
        }
    }
}
