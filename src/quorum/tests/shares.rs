//! What the guards make of Regions that serve side by side.

use super::*;

/// The fixture's two Regions, half of the users each, with a peak of 6 nodes each and room for `max`.
fn side_by_side(max: u32) -> World {
    let mut world = World::agreed();
    world.kind = RunKind::Shift;
    world.data_step = false;
    let mut sizes = BTreeMap::new();
    for region in &mut world.app.regions {
        region.role = Role::Active;
        region.share = Some(50);
        let group = region.resources.nodegroups[0].to_string();
        region.peaks = BTreeMap::from([(group.clone(), 6)]);
        let size = NodegroupSize {
            min: 2,
            desired: 6,
            max,
            in_service: 6,
        };
        let seen = Seen {
            value: size,
            at: world.now.wall,
        };
        sizes.insert(region.name.clone(), BTreeMap::from([(group, seen)]));
    }
    world.app_state().capacity = sizes;
    world
}

fn by_a_person(mut world: World) -> World {
    world.origin = GuardOrigin::Operator {
        name: "ada".to_owned(),
        allow_data_loss: false,
    };
    world
}

#[test]
fn a_region_that_can_be_carried_is_left() {
    let world = side_by_side(12);
    assert_eq!(world.ruling(Guard::TargetReady), Ruling::Pass);
    assert_eq!(world.ruling(Guard::NotEverything), Ruling::Pass);
}

#[test]
fn where_nobody_can_carry_it_nothing_moves() {
    for world in [side_by_side(11), by_a_person(side_by_side(11))] {
        let Ruling::Hold(reason) = world.ruling(Guard::TargetReady) else {
            panic!("{:?}", world.ruling(Guard::TargetReady));
        };
        assert_eq!(reason.code(), "cannot_carry");
        assert_eq!(
            reason.to_string(),
            "the others cannot carry it: shop-eu-central-1/web in eu-central-1 would need 12 nodes, its maximum is 11"
        );
    }
    let mut unknown = side_by_side(12);
    unknown.app_state().capacity.clear();
    assert!(matches!(
        unknown.ruling(Guard::TargetReady),
        Ruling::Hold(HoldReason::CannotCarry { .. })
    ));
}

#[test]
fn where_some_can_carry_it_a_person_decides() {
    let with_a_third = |max| {
        let mut world = side_by_side(max);
        let third = app_region("eu-west-3", Role::Active);
        let group = third.resources.nodegroups[0].to_string();
        world.app.regions.push(AppRegion {
            share: Some(20),
            peaks: BTreeMap::from([(group.clone(), 2)]),
            ..third
        });
        let size = NodegroupSize {
            min: 2,
            desired: 2,
            max: 12,
            in_service: 2,
        };
        let seen = Seen {
            value: size,
            at: world.now.wall,
        };
        let sizes = BTreeMap::from([(group, seen)]);
        world.app_state().capacity.insert("eu-west-3".into(), sizes);
        for member in ["m1", "m2", "m3"] {
            let down = if member == "m1" {
                Opinion::Unknown
            } else {
                Opinion::Down
            };
            let votes = vec![
                world.cast(FROM, down),
                world.cast(TO, Opinion::Up),
                world.cast("eu-west-3", Opinion::Up),
            ];
            let sheet = world.sheet(member, votes);
            assert!(world.matrix.hold(&sheet));
        }
        world.judge();
        world
    };
    assert_eq!(with_a_third(12).ruling(Guard::TargetReady), Ruling::Pass);
    assert!(matches!(
        with_a_third(11).ruling(Guard::TargetReady),
        Ruling::Hold(HoldReason::CannotCarry { .. })
    ));
    assert!(matches!(
        by_a_person(with_a_third(11)).ruling(Guard::TargetReady),
        Ruling::Warn(HoldReason::CannotCarry { .. })
    ));
}

#[test]
fn who_is_away_is_no_candidate_and_not_meant_to_serve() {
    let mut world = side_by_side(12);
    let taken = ShareTaken {
        run: RunId("shop-1".to_owned()),
        since: world.now.wall,
        executed: true,
    };
    world.app_state().away.insert(TO.into(), taken);
    assert_eq!(
        world.ruling(Guard::TargetReady),
        Ruling::Hold(HoldReason::NoCandidate)
    );
    assert_eq!(world.ruling(Guard::NotEverything), Ruling::Pass);
}

#[test]
fn nobody_is_given_back_to_a_region_that_was_not_rejoined() {
    let mut world = by_a_person(side_by_side(12));
    world.kind = RunKind::Return;
    let now = world.now.wall;
    world.app_state().quarantined.insert(TO.into(), now);
    let verdicts = world.verdicts.of(&world.app.name);
    let from = RegionId::from(FROM);
    let to = RegionId::from(TO);
    let rulings = world.with_context(|context| {
        evaluate(&GuardContext {
            verdicts: &verdicts,
            from: &from,
            to: Some(&to),
            ..context.clone()
        })
    });
    let quarantine = rulings.iter().find(|r| r.guard == Guard::Quarantine);
    assert_eq!(
        quarantine.map(|r| &r.ruling),
        Some(&Ruling::Hold(HoldReason::Quarantined { region: to }))
    );
}
