//! Game days in the replicated state: when one may begin, what ends it, and that nothing else moves.

use super::fixture::*;
use crate::model::*;
use crate::run::{KEPT_DRILLS, LONGEST_DRILL};

const SHOP: &str = "shop";

fn id(number: u64) -> DrillId {
    DrillId(format!("shop-drill-{number}"))
}

fn asked(number: u64) -> CommandBody {
    CommandBody::BeginDrill {
        id: id(number),
        app: SHOP.into(),
        mode: DrillMode::Rehearse,
        from: region("a"),
        to: None,
        by: "ada".to_owned(),
        reason: "game day".to_owned(),
        max_duration: Millis::from_mins(15),
        soak: None,
    }
}

fn report(plan: Plan) -> DrillReport {
    DrillReport {
        summary: "a would have been left".to_owned(),
        clocks: DrillClocks {
            detect: Some(Millis(15_000)),
            ..DrillClocks::default()
        },
        checks: vec![DrillCheck {
            name: "detected".to_owned(),
            held: true,
            seen: "2 of 3".to_owned(),
        }],
        plan: Some(Box::new(plan)),
        ..DrillReport::default()
    }
}

fn close(world: &mut World, number: u64) -> Result<Event, Rejection> {
    world.send(CommandBody::CloseDrill {
        id: id(number),
        outcome: DrillOutcome::Passed,
        report: Box::new(report(plan(SHOP, 1))),
    })
}

fn moved(number: u64) -> Result<Event, Rejection> {
    Ok(Event::DrillMoved { drill: id(number) })
}

fn end(world: &World, number: u64) -> DrillEnd {
    let drill = world.state.drill(&id(number)).expect("it is kept");
    drill.end.clone().expect("it has ended")
}

#[test]
fn a_drill_begins_and_ends_and_nothing_else_moves() {
    let mut world = World::default();
    let mut before = world.state.clone();
    assert_eq!(world.send(asked(1)), moved(1));
    // A repetition, as after an answer that was lost.
    assert_eq!(world.send(asked(1)), Ok(Event::NoChange));
    assert_eq!(close(&mut world, 1), moved(1));
    assert_eq!(close(&mut world, 1), Ok(Event::NoChange));
    assert_eq!(end(&world, 1).outcome, DrillOutcome::Passed);
    assert_eq!(world.state.open_drill(&SHOP.into()), None);

    // No run, no epoch, no cool-down, no brake: but for the drills and the time it is as it was.
    before.drills.clone_from(&world.state.drills);
    (before.time, before.dated_at) = (world.state.time, world.state.dated_at);
    assert_eq!(world.state, before);
    assert!(world.open(plan(SHOP, 1), automatic()).is_ok());
}

#[test]
fn one_at_a_time_and_none_beside_a_run() {
    let mut world = World::default();
    assert_eq!(world.send(asked(1)), moved(1));
    let reason = HoldReason::DrillOpen {
        drill: id(1),
        by: "ada".to_owned(),
    };
    assert_eq!(world.send(asked(2)), Err(Rejection::Guard { reason }));

    // A run needs not wait: the drill ends in the same command.
    assert!(world.open(plan(SHOP, 1), automatic()).is_ok());
    let ended = end(&world, 1);
    assert_eq!(ended.outcome, DrillOutcome::Ended);
    assert_eq!(
        ended.report.summary,
        "run shop-1 was opened: real life goes first"
    );
    // What it was about to say comes too late.
    assert_eq!(close(&mut world, 1), Ok(Event::NoChange));
    assert_eq!(end(&world, 1), ended);
    let refused = world.send(asked(2));
    assert!(
        matches!(
            &refused,
            Err(Rejection::Guard {
                reason: HoldReason::RunOpen { .. }
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut world = World::default();
    // Another was begun in between, by its number.
    assert!(matches!(
        world.send(asked(2)),
        Err(Rejection::NoDrill { .. })
    ));
    let with = |change: &dyn Fn(&mut DrillMode, &mut Millis)| {
        let mut body = asked(1);
        if let CommandBody::BeginDrill {
            mode, max_duration, ..
        } = &mut body
        {
            change(mode, max_duration);
        }
        body
    };
    for body in [
        with(&|_, lasts| *lasts = Millis::ZERO),
        with(&|_, lasts| *lasts = Millis(LONGEST_DRILL.0 + 1)),
        with(&|mode, _| *mode = DrillMode::Live),
    ] {
        let refused = world.send(body);
        assert!(
            matches!(refused, Err(Rejection::NoDrill { .. })),
            "{refused:?}"
        );
    }
    let missing = Rejection::NoSuchDrill { drill: id(7) };
    assert_eq!(close(&mut world, 7), Err(missing));
}

#[test]
fn the_history_is_bounded_and_only_the_newest_is_whole() {
    let mut world = World::default();
    let many = KEPT_DRILLS as u64 + 3;
    for number in 1..=many {
        assert_eq!(world.send(asked(number)), moved(number));
        assert_eq!(close(&mut world, number), moved(number));
    }
    let drills = &world.state.drills[&SHOP.into()];
    assert_eq!(drills.count, many);
    let kept: Vec<u64> = drills.newest_first().map(|drill| drill.number).collect();
    assert_eq!(kept, (4..=many).rev().collect::<Vec<u64>>());
    for drill in drills.newest_first() {
        let end = drill.end.as_ref().expect("it has ended");
        assert_eq!(end.report.plan.is_some(), drill.number == many);
        assert_eq!(end.report.clocks.detect, Some(Millis(15_000)));
    }
    let newest = drills.newest_first().next().expect("there is one");
    let before = drills.before(newest).expect("there is one before");
    assert_eq!(before.number, many - 1);
}

#[test]
fn hostile_texts_are_bounded() {
    let mut world = World::default();
    assert_eq!(world.send(asked(1)), moved(1));
    let long = "x\u{1b}[2J\n".repeat(2_000);
    let step = RehearsedStep {
        id: "flip".into(),
        uses: long.clone(),
        goal: long.clone(),
        outlook: Outlook::WouldWrite,
        seen: Some(long.clone()),
        permissions: vec![long.clone(); 100],
        control_plane: Some(long.clone()),
        obstacles: vec![(long.clone(), long.clone()); 100],
    };
    let hostile = DrillReport {
        summary: long.clone(),
        steps: vec![step; 1_000],
        ..DrillReport::default()
    };
    let closed = world.send(CommandBody::CloseDrill {
        id: id(1),
        outcome: DrillOutcome::Failed,
        report: Box::new(hostile),
    });
    assert_eq!(closed, moved(1));
    let kept = end(&world, 1).report;
    assert!(kept.summary.len() <= 1_024 && !kept.summary.contains('\n'));
    assert_eq!(kept.steps.len(), 200);
    let step = &kept.steps[0];
    assert!(step.permissions.len() == 32 && step.obstacles.len() == 32);
    let texts = [&step.uses, &step.goal, &step.obstacles[0].1];
    assert!(
        texts
            .iter()
            .all(|text| text.len() <= 512 && !text.contains('\u{1b}'))
    );
}

#[test]
fn a_ledger_that_begins_anew_goes_on_with_no_drill() {
    let mut world = World::default();
    assert_eq!(world.send(asked(1)), moved(1));
    let restored = CommandBody::Restored {
        how: RestoredHow::Backup,
        by: "ada".to_owned(),
        reason: "three disks are gone".to_owned(),
        disks: std::collections::BTreeMap::from([("m".into(), DiskId(9))]),
    };
    assert_eq!(world.send(restored), Ok(Event::Restored));
    assert_eq!(end(&world, 1).outcome, DrillOutcome::Ended);
}
