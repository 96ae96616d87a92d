//! What the transition function promises about evacuations.

use super::fixture::*;
use crate::model::*;
use crate::run::{KEPT_EVACUATIONS, PATIENCE, Turn, turns, waves};

fn id() -> EvacuationId {
    EvacuationId::from("a-1")
}

fn departure(app: &str, needs: &[&str]) -> Departure {
    Departure {
        application: AppId::from(app),
        priority: 100,
        depends_on: needs.iter().map(|need| AppId::from(*need)).collect(),
        home: region("a"),
    }
}

fn begin(parallel: u32, waves: Vec<Vec<Departure>>) -> CommandBody {
    CommandBody::BeginEvacuation {
        id: id(),
        region: region("a"),
        by: "ada".to_owned(),
        reason: "power".to_owned(),
        parallel,
        allow_data_loss: false,
        waves,
    }
}

/// `login` in the first wave, `shop` and `till` that depend on it in the second, `blog` with them.
fn world(parallel: u32) -> World {
    let mut world = World::default();
    world
        .send(begin(
            parallel,
            vec![
                vec![departure("login", &[])],
                vec![
                    departure("blog", &[]),
                    departure("shop", &["login"]),
                    departure("till", &["login"]),
                ],
            ],
        ))
        .unwrap();
    world
}

/// Of that application, with resources of its own.
fn own_plan(app: &str) -> Plan {
    let mut plan = plan(app, 1);
    plan.kind = RunKind::Switchover;
    plan.steps.truncate(1);
    plan.steps[0].intent = dial(app, 100);
    plan
}

fn open(world: &mut World, app: &str) -> Result<Event, Rejection> {
    world.send(CommandBody::OpenEvacuationRun {
        evacuation: id(),
        plan: Box::new(own_plan(app)),
        origin: Box::new(operator()),
        limits: limits(),
    })
}

fn execute(world: &mut World, app: &str) {
    execute_run(world, &format!("{app}-1"));
}

fn execute_run(world: &mut World, run: &str) {
    let run = RunId::from(run);
    let step = StepId::from("promote");
    world
        .send(CommandBody::StepOutcome {
            run,
            step,
            attempt: 0,
            outcome: Outcome::Done { partly: false },
            after: None,
        })
        .unwrap();
}

fn turn(world: &World, app: &str) -> Turn {
    let now = world.state.date(world.at);
    turns(&world.state, now, &world.state.evacuations[&id()])[&AppId::from(app)].clone()
}

fn hold(world: &mut World, app: &str) -> Result<Event, Rejection> {
    world.send(CommandBody::HoldEvacuee {
        evacuation: id(),
        app: AppId::from(app),
        reason: HoldReason::NoCandidate,
    })
}

fn status(world: &World, app: &str) -> EvacueeStatus {
    world.state.evacuations[&id()].applications[&AppId::from(app)]
        .status
        .clone()
}

#[test]
fn waves_follow_priority_and_what_depends_on_what() {
    let mut apps = Vec::new();
    let mut order = std::collections::BTreeMap::new();
    for (name, priority, needs) in [
        ("shop", 10, vec!["login", "mail"]),
        ("login", 100, vec!["vault"]),
        ("vault", 100, vec![]),
        ("till", 10, vec![]),
        ("mail", 5, vec![]),
        ("blog", 100, vec![]),
        ("lone", 1, vec![]),
    ] {
        let mut app = crate::model::fixtures::application();
        app.name = name.into();
        if name == "lone" {
            app.regions.remove(0);
        }
        apps.push(app);
        let depends_on = needs.into_iter().map(AppId::from).collect();
        let precedence = Precedence {
            priority,
            depends_on,
        };
        order.insert(AppId::from(name), precedence);
    }
    let from = crate::model::fixtures::FROM.into();
    let names: Vec<Vec<String>> = waves(&from, &apps, &order)
        .iter()
        .map(|wave| wave.iter().map(|d| d.application.to_string()).collect())
        .collect();
    // `vault` and `login` are as urgent as the shop that needs them.
    assert_eq!(
        names,
        [
            vec!["mail"],
            vec!["till", "vault"],
            vec!["login"],
            vec!["shop"],
            vec!["blog"]
        ]
    );
}

#[test]
fn one_evacuation_of_a_region_at_a_time_and_the_second_is_told_who_was_first() {
    let mut world = world(5);
    let again = begin(5, vec![vec![departure("shop", &[])]]);
    assert_eq!(world.send(again), Ok(Event::NoChange));
    let second = CommandBody::BeginEvacuation {
        id: "a-2".into(),
        region: region("a"),
        by: "bob".to_owned(),
        reason: "me too".to_owned(),
        parallel: 5,
        allow_data_loss: false,
        waves: vec![vec![departure("shop", &[])]],
    };
    assert_eq!(
        world.send(second),
        Err(Rejection::EvacuationOpen {
            id: id(),
            region: region("a"),
            by: "ada".to_owned()
        })
    );
}

#[test]
fn what_does_not_hold_together_is_refused() {
    let refused = [
        begin(0, vec![vec![departure("shop", &[])]]),
        begin(5, vec![]),
        begin(5, vec![vec![departure("shop", &["login"])]]),
        begin(
            5,
            vec![vec![departure("shop", &["login"]), departure("login", &[])]],
        ),
        begin(
            5,
            vec![vec![departure("shop", &[])], vec![departure("shop", &[])]],
        ),
    ];
    for body in refused {
        let answer = World::default().send(body);
        assert!(
            matches!(answer, Err(Rejection::Evacuation { .. })),
            "{answer:?}"
        );
    }
    // Nobody serves from there.
    let mut elsewhere = departure("shop", &[]);
    elsewhere.home = region("b");
    let answer = World::default().send(begin(5, vec![vec![elsewhere]]));
    assert!(
        matches!(answer, Err(Rejection::Evacuation { .. })),
        "{answer:?}"
    );
}

#[test]
fn a_run_opens_only_when_it_is_that_applications_turn() {
    let mut world = world(2);
    for app in ["shop", "blog", "nobody"] {
        let answer = open(&mut world, app);
        assert!(
            matches!(answer, Err(Rejection::Evacuation { .. })),
            "{answer:?}"
        );
    }
    assert_eq!(
        open(&mut world, "login"),
        Ok(Event::RunOpened {
            run: "login-1".into()
        })
    );
    assert_eq!(open(&mut world, "login"), Ok(Event::NoChange));
    assert_eq!(turn(&world, "blog"), Turn::Wave { wave: 1 });
    execute(&mut world, "login");
    assert!(matches!(
        status(&world, "login"),
        EvacueeStatus::Moved { .. }
    ));
    open(&mut world, "shop").unwrap();
    open(&mut world, "blog").unwrap();
    assert_eq!(turn(&world, "till"), Turn::Slot { parallel: 2 });
    assert!(open(&mut world, "till").is_err());
    execute(&mut world, "blog");
    open(&mut world, "till").unwrap();
}

#[test]
fn who_is_held_long_enough_keeps_only_what_depends_on_it() {
    let mut world = world(5);
    hold(&mut world, "login").unwrap();
    assert_eq!(turn(&world, "blog"), Turn::Wave { wave: 1 });
    world.at = world.at + PATIENCE;
    assert_eq!(turn(&world, "blog"), Turn::Now);
    let waits = Turn::Dependency {
        app: "login".into(),
    };
    assert_eq!(turn(&world, "shop"), waits);
    // Held again for another reason, it has been held as long.
    let since = |world: &World| match status(world, "login") {
        EvacueeStatus::Held { since, .. } => since,
        other => panic!("{other:?}"),
    };
    let before = since(&world);
    hold(&mut world, "login").unwrap();
    assert_eq!(since(&world), before);
    // Its turn has not passed.
    assert_eq!(turn(&world, "login"), Turn::Now);
    open(&mut world, "login").unwrap();
}

#[test]
fn a_run_that_needs_a_person_keeps_its_place_and_what_depends_on_it() {
    let mut world = world(2);
    open(&mut world, "login").unwrap();
    let run = RunId::from("login-1");
    world.intend("promote", BOOT).unwrap();
    world.fail("promote").unwrap();
    assert_eq!(
        turn(&world, "shop"),
        Turn::Dependency {
            app: "login".into()
        }
    );
    // The rest of the next wave goes on, with one place less.
    open(&mut world, "blog").unwrap();
    assert_eq!(
        turn(&world, "till"),
        Turn::Dependency {
            app: "login".into()
        }
    );
    let abort = CommandBody::Abort {
        run: run.clone(),
        by: "ada".to_owned(),
        reason: "by hand".to_owned(),
    };
    world.send(abort).unwrap();
    world.send(CommandBody::CloseRun { run }).unwrap();
    assert!(matches!(
        status(&world, "login"),
        EvacueeStatus::Failed { .. }
    ));
    assert_eq!(
        turn(&world, "login"),
        Turn::Never,
        "a person's word was overruled"
    );
    assert_eq!(
        turn(&world, "shop"),
        Turn::Dependency {
            app: "login".into()
        }
    );
    // Somebody moves it by hand: it is out, and frees what depends on it.
    let mut by_hand = own_plan("login");
    by_hand.epoch = Epoch(2);
    world.open(by_hand, operator()).unwrap();
    execute_run(&mut world, "login-2");
    assert_eq!(turn(&world, "shop"), Turn::Now);
}

#[test]
fn a_stop_begins_nothing_new_and_leaves_what_is_under_way() {
    let mut world = world(5);
    open(&mut world, "login").unwrap();
    let stop = || CommandBody::StopEvacuation {
        id: id(),
        by: "bob".to_owned(),
        reason: "false alarm".to_owned(),
    };
    world.send(stop()).unwrap();
    assert_eq!(world.send(stop()), Ok(Event::NoChange));
    assert!(hold(&mut world, "blog").is_err());
    execute(&mut world, "login");
    assert!(matches!(
        status(&world, "login"),
        EvacueeStatus::Moved { .. }
    ));
    for app in ["shop", "till", "blog"] {
        assert_eq!(turn(&world, app), Turn::Never);
        assert!(open(&mut world, app).is_err());
    }
    let close = CommandBody::CloseEvacuation { id: id() };
    assert!(world.send(close).is_err(), "a stop is no completion");
}

#[test]
fn it_is_closed_when_everybody_is_out_and_not_before() {
    let mut world = world(5);
    let close = || CommandBody::CloseEvacuation { id: id() };
    open(&mut world, "login").unwrap();
    execute(&mut world, "login");
    assert!(world.send(close()).is_err());
    for app in ["shop", "till", "blog"] {
        open(&mut world, app).unwrap();
        execute(&mut world, app);
    }
    world.send(close()).unwrap();
    assert_eq!(world.send(close()), Ok(Event::NoChange));
    let missing = CommandBody::CloseEvacuation { id: "x".into() };
    assert_eq!(
        world.send(missing),
        Err(Rejection::NoSuchEvacuation { id: "x".into() })
    );
}

#[test]
fn nothing_of_an_evacuation_goes_to_a_region_that_is_left_too() {
    let mut world = world(5);
    let mut other = departure("wiki", &[]);
    other.home = region("b");
    let begin = CommandBody::BeginEvacuation {
        id: "b-1".into(),
        region: region("b"),
        by: "bob".to_owned(),
        reason: "flood".to_owned(),
        parallel: 5,
        allow_data_loss: false,
        waves: vec![vec![other]],
    };
    world.send(begin).unwrap();
    let answer = open(&mut world, "login");
    assert!(
        matches!(
            answer,
            Err(Rejection::Guard {
                reason: HoldReason::BeingEvacuated { .. }
            })
        ),
        "{answer:?}"
    );
}

#[test]
fn a_bounded_number_is_remembered() {
    let mut world = World::default();
    for number in 0..KEPT_EVACUATIONS + 5 {
        let id = EvacuationId(format!("a-{number}"));
        let begin = CommandBody::BeginEvacuation {
            id: id.clone(),
            region: region("a"),
            by: "ada".to_owned(),
            reason: "power".to_owned(),
            parallel: 1,
            allow_data_loss: false,
            waves: vec![vec![departure("shop", &[])]],
        };
        world.send(begin).unwrap();
        let stop = CommandBody::StopEvacuation {
            id,
            by: "ada".to_owned(),
            reason: "enough".to_owned(),
        };
        world.send(stop).unwrap();
    }
    assert_eq!(world.state.evacuations.len(), KEPT_EVACUATIONS);
    assert!(!world.state.evacuations.contains_key(&"a-4".into()));
}

#[test]
fn a_restored_ledger_goes_on_with_no_evacuation() {
    let mut world = world(5);
    world
        .send(CommandBody::Restored {
            how: RestoredHow::Backup,
            by: "ada".to_owned(),
            reason: "the disks are gone".to_owned(),
            disks: [].into(),
        })
        .unwrap();
    assert!(!world.state.evacuations[&id()].is_open());
    assert_eq!(turn(&world, "login"), Turn::Never);
}
