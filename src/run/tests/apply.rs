//! What the transition function promises about whole runs.

use proptest::prelude::*;

use super::fixture::*;
use crate::model::*;
use crate::run::{KEPT_FINDINGS, KEPT_LAG_SAMPLES, apply};

fn finish(world: &mut World) {
    for id in ["promote", "raise", "flip"] {
        world.intend(id, BOOT).unwrap();
        world.done(id).unwrap();
    }
}

#[test]
fn a_run_executes_soaks_and_closes() {
    let mut world = World::with(plan("shop", 1));
    finish(&mut world);
    assert_eq!(
        world.status("other"),
        StepStatus::Skipped {
            why: SkipReason::NotNeeded
        }
    );
    let RunStatus::Soaking { until } = world.run().status else {
        panic!("{:?}", world.run().status)
    };
    assert!(world.close().is_err(), "a soak that is not over was closed");
    world.at = until;
    world.close().unwrap();
    assert_eq!(world.run().status, RunStatus::Completed);
    let app = &world.state.apps[&AppId::from("shop")];
    assert_eq!(app.active, Some(region("b")));
    assert_eq!(app.open_run, None);
    assert!(app.quarantined.contains_key(&region("a")));
}

#[test]
fn a_step_does_not_begin_before_what_it_needs() {
    let mut world = World::with(plan("shop", 1));
    assert!(matches!(
        world.intend("flip", BOOT),
        Err(Rejection::NeedUnmet { .. })
    ));
    assert!(matches!(
        world.done("flip"),
        Err(Rejection::NeedUnmet { .. })
    ));
    assert!(matches!(
        world.intend("other", BOOT),
        Err(Rejection::NeedUnmet { .. })
    ));
}

#[test]
fn an_else_is_taken_when_its_principal_fails_and_meets_the_need() {
    let mut world = World::with(plan("shop", 1));
    for id in ["promote", "raise"] {
        world.intend(id, BOOT).unwrap();
        world.done(id).unwrap();
    }
    world.intend("flip", BOOT).unwrap();
    world.fail("flip").unwrap();
    assert_eq!(world.run().status, RunStatus::Executing);
    world.intend("other", BOOT).unwrap();
    world.done("other").unwrap();
    assert!(matches!(world.run().status, RunStatus::Soaking { .. }));
}

#[test]
fn when_both_ways_fail_a_person_is_asked() {
    let mut world = World::with(plan("shop", 1));
    for id in ["promote", "raise"] {
        world.intend(id, BOOT).unwrap();
        world.done(id).unwrap();
    }
    for id in ["flip", "other"] {
        world.intend(id, BOOT).unwrap();
        world.fail(id).unwrap();
    }
    assert!(matches!(
        world.run().status,
        RunStatus::NeedsOperator { .. }
    ));
    world.skip("flip").unwrap();
    assert!(matches!(world.run().status, RunStatus::Soaking { .. }));
}

#[test]
fn an_else_of_a_data_step_waits_for_a_person() {
    let mut plan = plan("shop", 1);
    plan.steps[0].or_else = Some(StepId::from("spare"));
    let mut spare = step("spare", promote(None), &[]);
    spare.stands_in_for = Some(StepId::from("promote"));
    plan.steps.push(spare);
    let mut world = World::with(plan);
    world.intend("promote", BOOT).unwrap();
    world.fail("promote").unwrap();
    assert_eq!(world.status("spare"), StepStatus::AwaitingApproval);
    assert!(world.intend("spare", BOOT).is_err());
    world.approve("spare", true).unwrap();
    world.intend("spare", BOOT).unwrap();
}

#[test]
fn an_abort_before_the_promotion_intent_gives_back_what_was_changed() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", BOOT).unwrap();
    world.done("raise").unwrap();
    world.abort().unwrap();
    assert!(world.close().is_err(), "closed before it was given back");
    world.intend("restore/raise", BOOT).unwrap();
    world.done("restore/raise").unwrap();
    world.close().unwrap();
    assert!(matches!(world.run().status, RunStatus::Aborted { .. }));
    assert_eq!(world.state.apps[&AppId::from("shop")].active, None);
}

#[test]
fn an_abort_after_the_promotion_intent_gives_nothing_back_and_waits_for_what_is_in_flight() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", BOOT).unwrap();
    world.done("raise").unwrap();
    world.intend("promote", BOOT).unwrap();
    world.unknown("promote").unwrap();
    world.abort().unwrap();
    assert!(world.run().restoring.is_empty());
    assert!(matches!(world.close(), Err(Rejection::InFlight { .. })));
    assert!(world.intend("promote", BOOT).is_err(), "a new intent");
    world.done("promote").unwrap();
    world.close().unwrap();
    // Where the writer is, the application is.
    assert_eq!(
        world.state.apps[&AppId::from("shop")].active,
        Some(region("b"))
    );
}

#[test]
fn data_is_lost_only_where_the_plan_or_a_person_allowed_it() {
    let mut plan = plan("shop", 1);
    plan.steps[0].intent = promote(None);
    let mut world = World::with(plan.clone());
    assert!(
        world
            .intend_as("promote", BOOT, Variant::Escalated)
            .is_err()
    );
    plan.steps[0].intent = promote(Some(Millis::from_secs(60)));
    let mut world = World::with(plan);
    world
        .intend_as("promote", BOOT, Variant::Escalated)
        .unwrap();
}

#[test]
fn a_paused_run_intends_nothing_new() {
    let mut world = World::with(plan("shop", 1));
    let run = world.run().id.clone();
    world
        .send(CommandBody::PauseRun {
            run: run.clone(),
            by: "ada".to_owned(),
            reason: "look".to_owned(),
        })
        .unwrap();
    assert!(matches!(
        world.intend("raise", BOOT),
        Err(Rejection::Paused { .. })
    ));
    world
        .send(CommandBody::ResumeRun {
            run,
            by: "ada".to_owned(),
        })
        .unwrap();
    world.intend("raise", BOOT).unwrap();
}

#[test]
fn two_runs_share_neither_an_application_nor_a_resource() {
    let mut world = World::with(plan("shop", 1));
    assert!(matches!(
        world.open(plan("shop", 2), operator()),
        Err(Rejection::Guard {
            reason: HoldReason::RunOpen { .. }
        })
    ));
    assert!(matches!(
        world.open(plan("till", 1), operator()),
        Err(Rejection::Guard {
            reason: HoldReason::ResourceBusy { .. }
        })
    ));
}

#[test]
fn opening_the_same_run_twice_opens_one() {
    let mut world = World::with(plan("shop", 1));
    assert_eq!(world.open(plan("shop", 1), operator()), Ok(Event::NoChange));
    assert_eq!(world.state.runs.len(), 1);
}

#[test]
fn an_epoch_is_used_once() {
    let mut world = World::default();
    assert!(matches!(
        world.open(plan("shop", 2), operator()),
        Err(Rejection::WrongEpoch { .. })
    ));
    world.open(plan("shop", 1), operator()).unwrap();
    finish(&mut world);
    world
        .send(CommandBody::Acknowledge {
            app: AppId::from("shop"),
            by: "ada".to_owned(),
        })
        .unwrap();
    assert!(matches!(
        world.open(plan("shop", 1), operator()),
        Err(Rejection::WrongEpoch { .. })
    ));
}

#[test]
fn an_automatic_run_does_not_open_while_paused_cooling_down_or_braked() {
    let mut world = World::default();
    let app = AppId::from("shop");
    world
        .send(CommandBody::PauseAutomation {
            app: None,
            by: "ada".to_owned(),
            reason: "migration".to_owned(),
            until: None,
        })
        .unwrap();
    assert!(world.open(plan("shop", 1), automatic()).is_err());
    world
        .send(CommandBody::ResumeAutomation {
            app: None,
            by: "ada".to_owned(),
        })
        .unwrap();
    world.open(plan("shop", 1), automatic()).unwrap();
    finish(&mut world);
    world.at = world.at + Millis::from_mins(20);
    world.close().unwrap();
    let mut back = plan("shop", 2);
    (back.from, back.to) = (region("b"), region("a"));
    assert!(matches!(
        world.open(back.clone(), automatic()),
        Err(Rejection::Guard {
            reason: HoldReason::CoolDown { .. }
        })
    ));
    world.at = world.at + Millis::from_mins(120);
    assert!(matches!(
        world.open(back.clone(), automatic()),
        Err(Rejection::Guard {
            reason: HoldReason::Quarantined { .. }
        })
    ));
    world
        .send(CommandBody::Rejoin {
            app: app.clone(),
            region: region("a"),
            by: "ada".to_owned(),
        })
        .unwrap();
    world.open(back, automatic()).unwrap();
    assert!(world.state.apps[&app].brake_latched);
    // An operator is bound by none of these.
    finish(&mut world);
    world.at = world.at + Millis::from_mins(20);
    world.close().unwrap();
    assert!(matches!(
        world.open(plan("shop", 3), automatic()),
        Err(Rejection::Guard {
            reason: HoldReason::BrakeLatched { .. }
        })
    ));
    world.open(plan("shop", 3), operator()).unwrap();
}

#[test]
fn drift_while_soaking_asks_and_may_be_retried_or_accepted() {
    let mut world = World::with(plan("shop", 1));
    finish(&mut world);
    let run = world.run().id.clone();
    let drift = CommandBody::RecordDrift {
        run,
        step: StepId::from("raise"),
        seen: "dial 0 %".to_owned(),
    };
    world.send(drift.clone()).unwrap();
    assert_eq!(world.send(drift), Ok(Event::NoChange));
    assert!(matches!(
        world.run().status,
        RunStatus::NeedsOperator {
            reason: NeedsOperator::Drift { .. }
        }
    ));
    assert_eq!(world.run().findings.len(), 1);
    let mut accepted = world.clone();
    accepted
        .send(CommandBody::Acknowledge {
            app: AppId::from("shop"),
            by: "ada".to_owned(),
        })
        .unwrap();
    assert_eq!(accepted.run().status, RunStatus::Completed);
    world.retry("raise").unwrap();
    assert_eq!(world.run().status, RunStatus::Executing);
}

#[test]
fn a_stale_run_that_wrote_nothing_is_abandoned_without_a_cool_down() {
    let mut world = World::default();
    world.open(plan("shop", 1), automatic()).unwrap();
    let run = world.run().id.clone();
    let mut written = world.clone();
    world
        .send(CommandBody::AbandonStale { run: run.clone() })
        .unwrap();
    let app = &world.state.apps[&AppId::from("shop")];
    assert_eq!(app.last_closed_at, None);
    assert!(app.quarantined.is_empty());
    written.intend("raise", BOOT).unwrap();
    assert!(written.send(CommandBody::AbandonStale { run }).is_err());
}

#[test]
fn runs_of_other_days_do_not_latch_the_brake() {
    let mut world = World::default();
    let app = AppId::from("shop");
    let sides = [("a", "b"), ("b", "a"), ("a", "b")];
    for (epoch, (from, to)) in (1..).zip(sides) {
        let mut plan = plan("shop", epoch);
        (plan.from, plan.to) = (region(from), region(to));
        world
            .open(plan, automatic())
            .unwrap_or_else(|why| panic!("run {epoch}, two days after the last: {why}"));
        finish(&mut world);
        world.at = world.at + Millis::from_mins(20);
        world.close().unwrap();
        world
            .send(CommandBody::Rejoin {
                app: app.clone(),
                region: region(from),
                by: "ada".to_owned(),
            })
            .unwrap();
        world.at = world.at + Millis::from_mins(48 * 60);
    }
}

#[test]
fn a_brake_of_none_lets_no_automatic_run_open() {
    let mut world = World::default();
    let refused = world.send(CommandBody::OpenRun {
        plan: Box::new(plan("shop", 1)),
        origin: automatic(),
        limits: RunLimits {
            brake: 0,
            ..limits()
        },
    });
    assert!(matches!(
        refused,
        Err(Rejection::Guard {
            reason: HoldReason::BrakeLatched { .. }
        })
    ));
}

#[test]
fn what_an_abandoned_run_was_allowed_its_successor_is_allowed_too() {
    let mut world = World::default();
    let app = AppId::from("shop");
    world.open(plan("shop", 1), operator()).unwrap();
    finish(&mut world);
    // Accepts the run and, with it, ends its cool-down.
    let ack = CommandBody::Acknowledge {
        app: app.clone(),
        by: "ada".to_owned(),
    };
    world.send(ack).unwrap();
    world
        .send(CommandBody::Rejoin {
            app,
            region: region("a"),
            by: "ada".to_owned(),
        })
        .unwrap();
    let back = |epoch| Plan {
        from: region("b"),
        to: region("a"),
        ..plan("shop", epoch)
    };
    world.open(back(2), automatic()).unwrap();
    let run = RunId::from("shop-2");
    world.send(CommandBody::AbandonStale { run }).unwrap();
    world.open(back(3), automatic()).unwrap();
}

#[test]
fn an_abort_that_is_repeated_does_not_begin_anew() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", BOOT).unwrap();
    world.done("raise").unwrap();
    world.abort().unwrap();
    world.intend("restore/raise", BOOT).unwrap();
    world.fail("restore/raise").unwrap();
    assert!(matches!(
        world.run().status,
        RunStatus::NeedsOperator { .. }
    ));
    assert_eq!(world.abort(), Ok(Event::NoChange));
    assert_eq!(
        world.attempts("restore/raise"),
        1,
        "its attempts were forgotten"
    );
    world.retry("restore/raise").unwrap();
    world.intend("restore/raise", BOOT).unwrap();
    world.done("restore/raise").unwrap();
    world.close().unwrap();
}

#[test]
fn what_an_abort_has_given_up_is_not_retried() {
    let mut world = World::with(plan("shop", 1));
    world.intend("raise", BOOT).unwrap();
    world.fail("raise").unwrap();
    world.abort().unwrap();
    assert!(matches!(
        world.retry("raise"),
        Err(Rejection::RunStatus { .. })
    ));
}

#[test]
fn a_stand_in_whose_principal_was_done_after_all_is_not_retried() {
    let mut world = World::with(plan("shop", 1));
    for id in ["promote", "raise"] {
        world.intend(id, BOOT).unwrap();
        world.done(id).unwrap();
    }
    for id in ["flip", "other"] {
        world.intend(id, BOOT).unwrap();
        world.fail(id).unwrap();
    }
    world.retry("flip").unwrap();
    assert!(matches!(
        world.retry("other"),
        Err(Rejection::NeedUnmet { .. })
    ));
    world.intend("flip", BOOT).unwrap();
    world.done("flip").unwrap();
    assert!(matches!(world.run().status, RunStatus::Soaking { .. }));
}

#[test]
fn a_step_that_was_let_fail_may_be_retried_while_soaking() {
    let mut lenient = plan("shop", 1);
    lenient.steps[2].on_failure = OnFailure::Continue;
    lenient.steps[2].or_else = None;
    lenient.steps.truncate(3);
    let mut world = World::with(lenient);
    for id in ["promote", "raise"] {
        world.intend(id, BOOT).unwrap();
        world.done(id).unwrap();
    }
    world.intend("flip", BOOT).unwrap();
    world.fail("flip").unwrap();
    assert!(matches!(world.run().status, RunStatus::Soaking { .. }));
    world.retry("flip").unwrap();
    assert_eq!(world.run().status, RunStatus::Executing);
    world.intend("flip", BOOT).unwrap();
    world.done("flip").unwrap();
    assert!(matches!(world.run().status, RunStatus::Soaking { .. }));
}

#[test]
fn a_step_that_might_not_begin_has_its_time_from_when_it_may() {
    let mut world = World::with(plan("shop", 1));
    let run = world.run().id.clone();
    world
        .send(CommandBody::PauseRun {
            run: run.clone(),
            by: "ada".to_owned(),
            reason: "look".to_owned(),
        })
        .unwrap();
    world.at = world.at + Millis::from_mins(30);
    world
        .send(CommandBody::ResumeRun {
            run,
            by: "ada".to_owned(),
        })
        .unwrap();
    let begun = |world: &World, id: &str| world.run().steps[&StepId::from(id)].started_at;
    assert_eq!(begun(&world, "raise"), Some(world.at));
    assert_eq!(begun(&world, "flip"), None, "it may not begin yet");

    world.intend("promote", BOOT).unwrap();
    world.fail("promote").unwrap();
    world.at = world.at + Millis::from_mins(30);
    world.retry("promote").unwrap();
    assert_eq!(world.run().status, RunStatus::Executing);
    assert_eq!(begun(&world, "raise"), Some(world.at), "after a hold, too");

    // Nobody was there to begin it: its time is not over before its first intent.
    world.at = world.at + Millis::from_mins(30);
    world.intend("raise", BOOT).unwrap();
    assert_eq!(begun(&world, "raise"), Some(world.at));
}

#[test]
fn a_retry_that_fails_leaves_the_question_standing() {
    let mut plan = plan("shop", 1);
    plan.steps[0].or_else = Some(StepId::from("spare"));
    let mut spare = step("spare", promote(None), &[]);
    spare.stands_in_for = Some(StepId::from("promote"));
    plan.steps.push(spare);
    let mut world = World::with(plan);
    world.intend("promote", BOOT).unwrap();
    world.fail("promote").unwrap();
    world.retry("promote").unwrap();
    world.intend("promote", BOOT).unwrap();
    world.fail("promote").unwrap();
    assert_eq!(world.status("spare"), StepStatus::AwaitingApproval);
    world.approve("spare", true).unwrap();
    world.intend("spare", BOOT).unwrap();
}

#[test]
fn findings_are_bounded() {
    let mut world = World::with(plan("shop", 1));
    finish(&mut world);
    world.at = world.at + Millis::from_mins(20);
    world.close().unwrap();
    let run = world.run().id.clone();
    for nodes in 0..1_000 {
        let seen = format!("{nodes} of 1000 nodes");
        let step = StepId::from("raise");
        let run = run.clone();
        world
            .send(CommandBody::RecordDrift { run, step, seen })
            .unwrap();
    }
    assert_eq!(world.run().findings.len(), KEPT_FINDINGS);
    assert_eq!(
        world.run().findings.last().map(|f| f.text.as_str()),
        Some("999 of 1000 nodes")
    );
}

#[test]
fn lag_samples_are_ordered_once_each_and_bounded() {
    let mut world = World::default();
    let sample = |minute: u64, lag: u64| LagSample {
        at: Wall(minute * 60_000),
        lag: Millis(lag),
    };
    let mut samples: Vec<LagSample> = (0..20).map(|minute| sample(minute, 500)).collect();
    samples.reverse();
    let record = |samples: Vec<LagSample>| CommandBody::RecordLag {
        app: AppId::from("shop"),
        region: region("b"),
        samples,
    };
    world.send(record(samples.clone())).unwrap();
    assert_eq!(world.send(record(samples)), Ok(Event::NoChange));
    world.send(record(vec![sample(19, 900)])).unwrap();
    let kept = &world.state.apps[&AppId::from("shop")].lag[&region("b")];
    assert_eq!(kept.len(), KEPT_LAG_SAMPLES);
    assert!(kept.is_sorted_by_key(|s| s.at));
    assert_eq!(kept.last(), Some(&sample(19, 900)));
}

/// Commands as nobody sane would send them.
fn any_command() -> impl Strategy<Value = CommandBody> {
    let step = prop::sample::select(vec!["promote", "raise", "flip", "other", "restore/raise"])
        .prop_map(StepId::from);
    let app = prop::sample::select(vec!["shop", "till"]).prop_map(AppId::from);
    let run = (prop::sample::select(vec!["shop", "till"]), 1..4_u64)
        .prop_map(|(app, epoch)| RunId(format!("{app}-{epoch}")));
    let outcome = prop_oneof![
        any::<bool>().prop_map(|partly| Outcome::Done { partly }),
        Just(Outcome::Failed { failure: failure() }),
        Just(Outcome::Unknown { why: String::new() }),
        Just(Outcome::NotSent { why: String::new() }),
        Just(Outcome::AwaitingApproval),
    ];
    let by = "ada".to_owned();
    let text = by.clone();
    prop_oneof![
        3 => (app.clone(), 1..4_u64, any::<bool>()).prop_map(|(app, epoch, own)| {
            CommandBody::OpenRun {
                plan: Box::new(plan(app.as_str(), epoch)),
                origin: if own { automatic() } else { operator() },
                limits: limits(),
            }
        }),
        8 => (run.clone(), step.clone(), 1..4_u32, any::<bool>(), 1..4_u64).prop_map(
            |(run, step, attempt, mine, epoch)| CommandBody::StepIntent {
                run,
                step,
                attempt,
                member: MemberId::from("m"),
                boot: if mine { BOOT } else { OTHER_BOOT },
                epoch: Epoch(epoch),
                variant: Variant::AsPlanned,
                before: None,
            }
        ),
        10 => (run.clone(), step.clone(), 0..4_u32, outcome).prop_map(
            |(run, step, attempt, outcome)| CommandBody::StepOutcome {
                run,
                step,
                attempt,
                outcome,
                after: None,
            }
        ),
        2 => run.clone().prop_map(|run| CommandBody::CloseRun { run }),
        1 => run.clone().prop_map(|run| CommandBody::AbandonStale { run }),
        1 => run.clone().prop_map(move |run| CommandBody::Abort {
            run,
            by: text.clone(),
            reason: String::new(),
        }),
        2 => (run.clone(), step.clone(), any::<bool>()).prop_map(|(run, step, granted)| {
            CommandBody::Approve { run, step, by: "ada".to_owned(), granted, reason: None }
        }),
        2 => (run.clone(), step.clone()).prop_map(|(run, step)| CommandBody::SkipStep {
            run,
            step,
            by: "ada".to_owned(), reason: None }),
        2 => (run.clone(), step.clone()).prop_map(|(run, step)| CommandBody::RetryStep {
            run,
            step,
            by: "ada".to_owned(), reason: None }),
        1 => (run, step).prop_map(|(run, step)| CommandBody::RecordDrift {
            run,
            step,
            seen: "dial 0 %".to_owned()
        }),
        1 => app.clone().prop_map(|app| CommandBody::Acknowledge { app, by: "ada".to_owned() }),
        1 => app.prop_map(move |app| CommandBody::Rejoin {
            app,
            region: region("a"),
            by: by.clone()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever is sent in whatever order, what must never be two is one.
    #[test]
    fn no_order_of_commands_breaks_an_invariant(
        commands in prop::collection::vec((any_command(), 0..2_000_000_u64), 1..120)
    ) {
        let mut state = State::default();
        let mut epochs = std::collections::BTreeMap::new();
        for (body, at) in commands {
            let before = state.clone();
            let answer = apply(&mut state, &Command { at: Wall(at), body: body.clone() });
            prop_assert!(state.time >= before.time, "time ran backwards");
            if answer.is_err() {
                prop_assert_eq!(&state, &before);
            }
            for (name, app) in &state.apps {
                let open: Vec<_> = state
                    .runs
                    .values()
                    .filter(|run| run.is_open() && &run.application == name)
                    .collect();
                prop_assert!(open.len() <= 1, "two open runs");
                prop_assert_eq!(open.first().map(|run| &run.id), app.open_run.as_ref());
                let newest = epochs.entry(name.clone()).or_insert(app.epoch);
                prop_assert!(app.epoch >= *newest, "an epoch went back");
                *newest = app.epoch;
            }
            let resources: Vec<_> = state
                .runs
                .values()
                .filter(|run| run.is_open())
                .flat_map(|run| {
                    run.plan.steps.iter().filter_map(|s| s.intent.resource())
                        .collect::<std::collections::BTreeSet<_>>()
                })
                .collect();
            let distinct: std::collections::BTreeSet<_> = resources.iter().collect();
            prop_assert_eq!(distinct.len(), resources.len(), "two runs on one resource");
            for run in state.runs.values() {
                let in_flight = run.steps.values().any(|r| r.status.is_in_flight());
                prop_assert!(
                    run.is_open() || !in_flight,
                    "run {} was closed with a call in flight", run.id
                );
                // A write that may be on its way was intended under the newest epoch.
                if run.is_open() {
                    prop_assert_eq!(state.apps[&run.application].epoch, run.epoch);
                }
            }
        }
    }

    /// The state survives its own encoding.
    #[test]
    fn the_state_reads_back_as_it_was_written(
        commands in prop::collection::vec((any_command(), 0..2_000_000_u64), 1..60)
    ) {
        let mut state = State::default();
        for (body, at) in commands {
            let command = Command { at: Wall(at), body };
            let text = serde_json::to_string(&command).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Command>(&text).unwrap(), &command);
            let _ = apply(&mut state, &command);
        }
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}
