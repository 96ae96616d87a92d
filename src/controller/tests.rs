//! When votes go out, and whose affairs are looked after.

use std::collections::BTreeMap;

use crate::model::fixtures::*;
use crate::model::*;
use crate::run::Timing;

use super::{Controller, Effect, Input, Setup};

const S: u64 = 1_000;

/// A follower that hosts `m2`, with `shop` and `bazaar` to look after.
fn controller() -> Controller {
    let mut other = application();
    other.name = "bazaar".into();
    let setup = Setup {
        me: "m2".into(),
        boot: BootId(1),
        members: members(),
        hosted: vec!["m2".into()],
        applications: vec![application(), other],
        references: vec![probe("r1", false)],
        runbooks: BTreeMap::new(),
        windows: Vec::new(),
        timing: Timing {
            poll: Millis(2 * S),
            call_timeout: Millis(10 * S),
            lease: Millis(3 * S),
            soak_poll: Millis(30 * S),
            steady_poll: Millis(300 * S),
        },
        data_loss_approval: DataLossApproval::default(),
    };
    Controller::new(setup, now(0))
}

fn now(at: u64) -> Now {
    Now {
        mono: Mono(1_000 * S + at),
        wall: Wall(at),
    }
}

fn step(controller: &mut Controller, at: u64, input: Input) -> Vec<Effect> {
    controller.step(now(at), &State::default(), false, input)
}

fn sampled(controller: &mut Controller, at: u64, id: &str, outcome: SampleOutcome) -> Vec<Effect> {
    let taken = now(at).mono.0 - 20;
    let input = Input::Sample {
        member: "m2".into(),
        sample: sample(region_target(FROM, id), taken, outcome),
    };
    step(controller, at, input)
}

fn gossiped(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Gossip(_)))
}

#[test]
fn a_sample_without_news_waits_for_the_round_and_one_with_news_does_not() {
    let mut controller = controller();
    step(&mut controller, 0, Input::Tick);
    // The first success of one of two critical probes says nothing yet; the second is news.
    assert!(sampled(&mut controller, 200, "web", SampleOutcome::Success).is_empty());
    let effects = sampled(&mut controller, 300, "api", SampleOutcome::Success);
    assert!(gossiped(&effects), "{effects:?}");
    assert!(sampled(&mut controller, 600, "web", SampleOutcome::Success).is_empty());
    assert!(!gossiped(&step(&mut controller, 1_299, Input::Tick)));
    assert!(gossiped(&step(&mut controller, 1_300, Input::Tick)));
    let effects = sampled(&mut controller, 1_500, "web", failure());
    assert!(gossiped(&effects), "{effects:?}");
}

#[test]
fn much_news_at_once_makes_few_rounds() {
    let mut controller = controller();
    step(&mut controller, 0, Input::Tick);
    sampled(&mut controller, 100, "web", SampleOutcome::Success);
    assert!(gossiped(&sampled(
        &mut controller,
        110,
        "api",
        SampleOutcome::Success
    )));
    assert!(!gossiped(&sampled(&mut controller, 150, "web", failure())));
    assert!(!gossiped(&step(&mut controller, 209, Input::Tick)));
    assert!(gossiped(&step(&mut controller, 210, Input::Tick)));
}

#[test]
fn the_answer_of_a_reference_that_confirms_a_loss_is_news() {
    let mut controller = controller();
    for round in 1..=3 {
        for id in ["web", "api"] {
            sampled(&mut controller, round * 5 * S, id, failure());
        }
    }
    let said = |controller: &Controller| {
        let vote = controller
            .matrix()
            .vote(&"m2".into(), &"shop".into(), &FROM.into());
        vote.map(|held| held.vote.opinion)
    };
    step(&mut controller, 15 * S + 100, Input::Tick);
    assert_eq!(said(&controller), Some(Opinion::Suspect));
    let answer = sample(
        Target::Reference("r1".into()),
        now(15 * S + 150).mono.0,
        SampleOutcome::Success,
    );
    let input = Input::Sample {
        member: "m2".into(),
        sample: answer,
    };
    assert!(gossiped(&step(&mut controller, 15 * S + 250, input)));
    assert_eq!(said(&controller), Some(Opinion::Down));
}

#[test]
fn a_request_for_one_application_is_not_about_the_other() {
    let mut controller = controller();
    step(&mut controller, 0, Input::Tick);
    let app = |effects: Vec<Effect>| -> Vec<AppId> {
        let published = effects.into_iter().filter_map(|effect| match effect {
            Effect::Publish(view) => Some(view.application),
            Effect::Gossip(_)
            | Effect::ReadTraffic { .. }
            | Effect::OpenRun { .. }
            | Effect::Evacuate { .. }
            | Effect::Perform { .. }
            | Effect::StandDown(_)
            | Effect::Drill(_)
            | Effect::Answer { .. } => None,
        });
        published.collect()
    };
    let opened = Input::Opened {
        app: "bazaar".into(),
        answer: None,
    };
    let state = State {
        apps: ["bazaar", "shop"]
            .map(|name| {
                let moved = AppState {
                    active: Some(TO.into()),
                    ..AppState::default()
                };
                (AppId::from(name), moved)
            })
            .into(),
        ..State::default()
    };
    let effects = controller.step(now(10), &state, false, opened);
    assert_eq!(app(effects), [AppId::from("bazaar")]);
    let effects = controller.step(now(20), &state, false, Input::Tick);
    assert_eq!(app(effects), [AppId::from("shop")]);
}

#[test]
fn that_time_passes_is_no_news() {
    let mut controller = controller();
    let published = |effects: Vec<Effect>| {
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Publish(_)))
            .count()
    };
    assert_eq!(published(step(&mut controller, 0, Input::Tick)), 2);
    // The votes of nobody grow older.
    assert_eq!(published(step(&mut controller, 60 * S, Input::Tick)), 0);
    let state = |closed_at| State {
        apps: BTreeMap::from([(
            AppId::from("shop"),
            AppState {
                last_closed_at: Some(Wall(closed_at)),
                ..AppState::default()
            },
        )]),
        ..State::default()
    };
    let closed = state(60 * S);
    let mut tick = |at| published(controller.step(now(at), &closed, false, Input::Tick));
    assert_eq!(tick(61 * S), 1);
    assert_eq!(tick(65 * S), 0);
    assert_eq!(tick(3_700 * S), 1);
}
