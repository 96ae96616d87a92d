//! Live game days in the replicated state: the way there and back, and everything that ends it early.

use super::fixture::*;
use crate::model::*;
use crate::run::{last_completed, last_completed_of};

const SHOP: &str = "shop";
const SOAK: Millis = Millis::from_mins(5);

fn id(number: u64) -> DrillId {
    DrillId(format!("shop-drill-{number}"))
}

fn asked(number: u64) -> CommandBody {
    CommandBody::BeginDrill {
        id: id(number),
        app: SHOP.into(),
        mode: DrillMode::Live,
        from: region("a"),
        to: Some(region("b")),
        by: "ada".to_owned(),
        reason: "game day".to_owned(),
        max_duration: Millis::from_mins(30),
        soak: Some(SOAK),
    }
}

/// raise → promote → lower, gracefully; raising can be given back.
fn way(epoch: u64, from: &str, to: &str) -> Plan {
    let mut raise = step("raise", dial(to, 100), &[]);
    raise.restore = Some(dial(to, 0));
    let promote = step(
        "promote",
        Intent::AuroraPromote {
            global_cluster: "shop".to_owned(),
            target_arn: format!("arn:cluster/{to}"),
            target_region: region(to),
            source_region: region(from),
            method: Promotion::Switchover,
            escalate_after: None,
        },
        &["raise"],
    );
    let mut plan = plan(SHOP, epoch);
    plan.kind = RunKind::Switchover;
    (plan.from, plan.to) = (region(from), region(to));
    plan.steps = vec![raise, promote];
    plan
}

fn open_way(world: &mut World, number: u64, plan: Plan) -> Result<Event, Rejection> {
    world.send(CommandBody::OpenDrillRun {
        drill: id(number),
        plan: Box::new(plan),
        origin: Box::new(operator()),
        limits: limits(),
    })
}

fn step_on(world: &mut World, name: &str) {
    world.intend(name, BOOT).expect("intended");
    world.done(name).expect("done");
}

/// Carries the open run of the drill to its end.
fn go(world: &mut World) {
    step_on(world, "raise");
    step_on(world, "promote");
    world.close().expect("no soak of its own keeps it open");
}

fn turn(world: &mut World, cause: DrillCause) -> Result<Event, Rejection> {
    world.send(CommandBody::MoveDrill {
        id: id(1),
        cause,
        why: format!("because of {cause}"),
    })
}

fn moved() -> Result<Event, Rejection> {
    Ok(Event::DrillMoved { drill: id(1) })
}

fn switching() -> World {
    let mut world = World::default();
    assert_eq!(world.send(asked(1)), moved());
    open_way(&mut world, 1, way(1, "a", "b")).expect("opened");
    world
}

fn soaking() -> World {
    let mut world = switching();
    go(&mut world);
    assert!(matches!(phase(&world), LivePhase::Soaking { .. }));
    world
}

fn phase(world: &World) -> LivePhase {
    let open = world.state.open_drill(&SHOP.into()).expect("it is open");
    open.live.clone().expect("it is live").phase
}

fn end(world: &World) -> DrillEnd {
    let drill = world.state.drill(&id(1)).expect("it is kept");
    drill.end.clone().expect("it has ended")
}

fn held(world: &World, name: &str) -> bool {
    let checks = end(world).report.checks;
    let check = checks.iter().find(|check| check.name == name);
    check.expect("there is such a check").held
}

fn app(world: &World) -> &AppState {
    &world.state.apps[&SHOP.into()]
}

#[test]
fn there_a_while_and_back_and_nothing_cools_down() {
    let mut world = soaking();
    // Nothing is held while it soaks: what is decided in earnest finds its place free.
    assert_eq!(app(&world).open_run, None);
    assert_eq!(app(&world).active, Some(region("b")));
    assert_eq!(app(&world).last_closed_at, None);
    assert!(matches!(
        turn(&mut world, DrillCause::Soaked),
        Err(Rejection::NoDrill { .. })
    ));
    assert!(open_way(&mut world, 1, way(2, "b", "a")).is_err());

    world.at = world.at + SOAK;
    assert_eq!(turn(&mut world, DrillCause::Soaked), moved());
    assert_eq!(turn(&mut world, DrillCause::Soaked), Ok(Event::NoChange));
    let back = way(2, "b", "a");
    assert!(open_way(&mut world, 1, back.clone()).is_ok());
    // The answer was lost, and it is asked for again.
    assert_eq!(open_way(&mut world, 1, back), Ok(Event::NoChange));
    assert_eq!(world.run().drill, Some(id(1)));
    go(&mut world);

    let ended = end(&world);
    assert_eq!((ended.outcome, ended.cause), (DrillOutcome::Passed, None));
    let names: Vec<&str> = ended
        .report
        .checks
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    let all = ["switched", "soaked", "returned", "undisturbed", "in_time"];
    assert_eq!(names, all);
    let clocks = ended.report.clocks;
    assert!(clocks.execute.is_some() && clocks.back.is_some() && clocks.total.is_some());
    assert!(clocks.soak.is_some_and(|soak| soak >= SOAK));
    assert_eq!(app(&world).active, Some(region("a")));
    assert_eq!(
        app(&world).last_closed_at,
        None,
        "a drill cools nothing down"
    );
    assert!(app(&world).automatic_runs.is_empty());
    assert_eq!(world.state.drills[&SHOP.into()].away, None);

    let last = last_completed(&world.state, &SHOP.into()).expect("it is remembered");
    assert!(last.passed && last.mode == DrillMode::Live && last.at == ended.at);
    let rehearsed = last_completed_of(&world.state, &SHOP.into(), DrillMode::Rehearse);
    assert_eq!(rehearsed, None);
}

#[test]
fn its_runs_are_refused_what_an_operators_are_and_more() {
    let mut world = World::default();
    assert_eq!(world.send(asked(1)), moved());
    let refused = |world: &mut World, plan: Plan| {
        let answer = open_way(world, 1, plan);
        assert!(
            matches!(answer, Err(Rejection::NoDrill { .. })),
            "{answer:?}"
        );
    };
    refused(&mut world, way(1, "b", "a"));
    refused(&mut world, way(1, "a", "c"));
    let mut lossy = way(1, "a", "b");
    lossy.data_loss = Some(DataLossGrant::Operator("ada".to_owned()));
    refused(&mut world, lossy);
    let mut failover = way(1, "a", "b");
    failover.kind = RunKind::Failover;
    refused(&mut world, failover);
    let mut escalates = way(1, "a", "b");
    escalates.steps[1].intent = promote(Some(Millis::from_mins(1)));
    refused(&mut world, escalates);
    // As of any run: the epoch, and a resource that another's run holds.
    assert!(matches!(
        open_way(&mut world, 1, way(7, "a", "b")),
        Err(Rejection::WrongEpoch { .. })
    ));
    let mut other = way(1, "a", "b");
    other.application = "till".into();
    world
        .open(other, operator())
        .expect("another application's");
    assert!(matches!(
        open_way(&mut world, 1, way(1, "a", "b")),
        Err(Rejection::Guard {
            reason: HoldReason::ResourceBusy { .. }
        })
    ));
    let way = world.send(CommandBody::CloseDrill {
        id: id(1),
        outcome: DrillOutcome::Passed,
        report: Box::default(),
    });
    assert!(matches!(way, Err(Rejection::NoDrill { .. })), "{way:?}");
}

#[test]
fn what_cannot_be_begun_live() {
    let with = |change: &dyn Fn(&mut Option<RegionId>, &mut Option<Millis>)| {
        let mut body = asked(1);
        if let CommandBody::BeginDrill { to, soak, .. } = &mut body {
            change(to, soak);
        }
        body
    };
    for body in [
        with(&|to, _| *to = None),
        with(&|to, _| *to = Some(region("a"))),
        with(&|_, soak| *soak = None),
        with(&|_, soak| *soak = Some(Millis::from_mins(30))),
    ] {
        let refused = World::default().send(body);
        assert!(
            matches!(refused, Err(Rejection::NoDrill { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn stopped_before_the_data_moves_it_gives_back_what_it_changed() {
    let mut world = switching();
    step_on(&mut world, "raise");
    assert_eq!(turn(&mut world, DrillCause::Operator), moved());
    assert!(matches!(world.run().status, RunStatus::Aborting { .. }));
    step_on(&mut world, "restore/raise");
    assert_eq!(phase(&world), LivePhase::Switching);
    world.close().expect("everything is given back");
    let ended = end(&world);
    assert_eq!(ended.outcome, DrillOutcome::Ended);
    assert_eq!(ended.cause, Some(DrillCause::Operator));
    assert_eq!(ended.report.summary, "because of operator");
    assert_eq!(world.state.drills[&SHOP.into()].away, None);
    assert_eq!(app(&world).last_closed_at, None);
    // One that real life or a person has ended is none to be counted.
    assert_eq!(last_completed(&world.state, &SHOP.into()), None);
}

#[test]
fn stopped_after_that_it_arrives_and_turns_home_at_once() {
    let mut world = switching();
    step_on(&mut world, "raise");
    world.intend("promote", BOOT).expect("intended");
    assert_eq!(turn(&mut world, DrillCause::TimeUp), moved());
    assert_eq!(world.run().status, RunStatus::Executing);
    world.done("promote").expect("done");
    world.close().expect("closed");
    assert_eq!(phase(&world), LivePhase::Returning);
    open_way(&mut world, 1, way(2, "b", "a")).expect("opened");
    go(&mut world);
    let ended = end(&world);
    assert_eq!(ended.outcome, DrillOutcome::Failed);
    assert_eq!(ended.cause, Some(DrillCause::TimeUp));
    assert!(held(&world, "returned") && !held(&world, "in_time"));
    assert_eq!(app(&world).active, Some(region("a")));
}

#[test]
fn an_alarm_cuts_the_soak_short() {
    let mut world = soaking();
    assert_eq!(turn(&mut world, DrillCause::Probes), moved());
    assert_eq!(phase(&world), LivePhase::Returning);
    // The first cause is the one that is told.
    assert_eq!(turn(&mut world, DrillCause::Operator), Ok(Event::NoChange));
    open_way(&mut world, 1, way(2, "b", "a")).expect("opened");
    go(&mut world);
    assert_eq!(end(&world).outcome, DrillOutcome::Failed);
    assert_eq!(end(&world).cause, Some(DrillCause::Probes));
    assert!(!held(&world, "soaked"));
    let last = last_completed(&world.state, &SHOP.into()).expect("it came to its end");
    assert!(!last.passed);
}

#[test]
fn a_real_failover_opens_at_once_while_it_soaks() {
    let mut world = soaking();
    let mut failover = plan(SHOP, 2);
    (failover.from, failover.to) = (region("b"), region("a"));
    world
        .open(failover, automatic())
        .expect("no cool-down, no open run");
    let ended = end(&world);
    assert_eq!(ended.outcome, DrillOutcome::Ended);
    assert_eq!(ended.cause, Some(DrillCause::RealOutage));
    assert_eq!(world.run().drill, None);
    assert_eq!(world.state.drills[&SHOP.into()].away, None);
}

#[test]
fn a_real_outage_takes_back_a_run_that_has_moved_no_data() {
    let mut world = switching();
    step_on(&mut world, "raise");
    assert_eq!(turn(&mut world, DrillCause::RealOutage), moved());
    assert_eq!(end(&world).cause, Some(DrillCause::RealOutage));
    step_on(&mut world, "restore/raise");
    world.close().expect("everything is given back");
    world
        .open(plan(SHOP, 2), automatic())
        .expect("the real one");
}

#[test]
fn a_real_outage_leaves_alone_a_run_whose_data_may_be_moving() {
    let mut world = switching();
    step_on(&mut world, "raise");
    world.intend("promote", BOOT).expect("intended");
    assert_eq!(turn(&mut world, DrillCause::RealOutage), moved());
    assert_eq!(world.run().status, RunStatus::Executing);
    let mut failover = plan(SHOP, 2);
    (failover.from, failover.to) = (region("b"), region("a"));
    assert!(matches!(
        world.open(failover.clone(), automatic()),
        Err(Rejection::Guard {
            reason: HoldReason::RunOpen { .. }
        })
    ));
    world.done("promote").expect("done");
    world.close().expect("closed");
    // Nobody brings it home any more: that must be told, until somebody knows or moves it.
    let away = world.state.drills[&SHOP.into()].away.clone();
    assert_eq!(away.map(|away| away.region), Some(region("b")));
    world.open(failover, automatic()).expect("the real one");
    assert_eq!(world.state.drills[&SHOP.into()].away, None);
}

#[test]
fn left_where_it_is_until_somebody_says_that_they_know() {
    let mut world = soaking();
    assert_eq!(turn(&mut world, DrillCause::Operator), moved());
    assert_eq!(turn(&mut world, DrillCause::Refused), moved());
    assert_eq!(end(&world).cause, Some(DrillCause::Refused));
    let away = world.state.drills[&SHOP.into()].away.clone().expect("told");
    assert_eq!((away.region, away.home), (region("b"), region("a")));
    let known = world.send(CommandBody::Acknowledge {
        app: SHOP.into(),
        by: "ada".to_owned(),
    });
    assert!(known.is_ok());
    assert_eq!(world.state.drills[&SHOP.into()].away, None);
}

#[test]
fn a_way_back_that_a_person_aborts_fails_the_drill() {
    let mut world = soaking();
    world.at = world.at + SOAK;
    assert_eq!(turn(&mut world, DrillCause::Soaked), moved());
    open_way(&mut world, 1, way(2, "b", "a")).expect("opened");
    world.abort().expect("a person's word");
    world.close().expect("nothing was written");
    let ended = end(&world);
    assert_eq!(ended.outcome, DrillOutcome::Failed);
    assert_eq!(ended.cause, Some(DrillCause::RunFailed));
    assert!(!held(&world, "returned"));
    assert!(world.state.drills[&SHOP.into()].away.is_some());
}

#[test]
fn an_acknowledged_cool_down_does_not_come_back() {
    let mut world = World::with(plan(SHOP, 1));
    world.abort().expect("aborted");
    world.close().expect("closed");
    let back = Wall(1);
    let app = world.state.apps.get_mut(&SHOP.into()).expect("known");
    (app.last_closed_at, app.acknowledged) = (Some(back), true);
    assert_eq!(world.send(asked(1)), moved());
    open_way(&mut world, 1, way(2, "a", "b")).expect("opened");
    assert!(world.state.apps[&SHOP.into()].acknowledged);
}

#[test]
fn a_ledger_that_begins_anew_brings_nobody_home() {
    let mut world = soaking();
    let restored = CommandBody::Restored {
        how: RestoredHow::Backup,
        by: "ada".to_owned(),
        reason: "three disks are gone".to_owned(),
        disks: std::collections::BTreeMap::from([("m".into(), DiskId(9))]),
    };
    assert_eq!(world.send(restored), Ok(Event::Restored));
    assert_eq!(end(&world).cause, Some(DrillCause::Restored));
    assert!(world.state.drills[&SHOP.into()].away.is_some());
}
