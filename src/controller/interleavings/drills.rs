//! What the drills will ask of a whole cluster, asked of one controller first.

use super::*;
use crate::runbook::{PlanRequest, plan};

const RAISE: &str = "raise";
const PROMOTE: &str = "promote";

/// Raises the standby's dial, waits so long, and only then promotes.
fn slow(wait: Millis) -> Runbook {
    let mut book = runbook();
    let (mut promote, mut raise) = (book.steps[0].clone(), book.steps[1].clone());
    raise.needs.clear();
    let pause = RunbookStep {
        id: "wait".into(),
        action: ActionSpec::Wait { duration: wait },
        needs: vec![RAISE.into()],
        ..promote.clone()
    };
    promote.needs = vec!["wait".into()];
    book.steps[2].needs = vec![PROMOTE.into()];
    let lower = book.steps.remove(2);
    book.steps = vec![raise, pause, promote, lower];
    book
}

fn status<'a>(scene: &'a Scene, step: &str) -> &'a StepStatus {
    let run = scene.state.runs.values().next().unwrap();
    &run.steps[&StepId::from(step)].status
}

fn is_done(scene: &Scene, step: &str) -> bool {
    !scene.state.runs.is_empty() && matches!(status(scene, step), StepStatus::Done { .. })
}

fn run(scene: &Scene) -> &Run {
    scene.state.runs.values().next().unwrap()
}

fn dial(region: &str, percent: u8) -> impl Fn(&Intent) -> bool {
    move |intent| {
        matches!(
            intent,
            Intent::Dial { region: of, percent: to, .. } if of.as_str() == region && *to == percent
        )
    }
}

fn has_written(scene: &Scene, what: impl Fn(&Intent) -> bool) -> bool {
    scene.written.iter().any(what)
}

fn was_called(scene: &Scene, step: &str) -> bool {
    scene.called.iter().any(|(_, of, _, _)| of.as_str() == step)
}

fn verdict(scene: &Scene, region: &str) -> VerdictState {
    let views = scene.controller.views();
    let verdicts = &views[&Scene::app()].verdicts;
    let found = verdicts.iter().find(|v| v.region.as_str() == region);
    found.unwrap().state
}

fn held(scene: &Scene) -> Option<HoldReason> {
    match &scene.controller.views()[&Scene::app()].decision {
        Some(Decision::Hold(reasons)) => reasons.first().cloned(),
        Some(Decision::Act { .. } | Decision::Ask { .. }) | None => None,
    }
}

/// The active Region is lost, the standby's dial is raised, the data is not moved yet.
fn half_way(wait: Millis) -> Scene {
    let mut scene = Scene::well_with(slow(wait));
    scene.lose(FROM);
    assert!(scene.until(Millis::from_mins(5), |s| is_done(s, RAISE)));
    assert!(!was_called(&scene, PROMOTE));
    scene
}

fn came_back() -> RunStatus {
    RunStatus::Aborted {
        reason: AbortReason::Recovered {
            region: FROM.into(),
        },
    }
}

fn pause_run(scene: &mut Scene) {
    scene.happen(Happening::PauseRun);
}

#[test]
fn a_region_that_returns_before_the_promotion_gets_back_what_was_changed() {
    let mut scene = half_way(Millis::from_mins(4));
    scene.down.clear();
    assert!(scene.until(Millis::from_mins(3), |s| s.open_run().is_none()));
    assert_eq!(run(&scene).status, came_back());
    assert!(!was_called(&scene, PROMOTE));
    assert!(has_written(&scene, dial(TO, 0)) && !has_written(&scene, dial(TO, 100)));
    assert_eq!(active_region(&shop(), &scene.state).as_str(), FROM);
    let app = &scene.state.apps[&Scene::app()];
    assert!(app.quarantined.is_empty(), "it was not left after all");
    assert!(app.last_closed_at.is_some(), "what moved cools down");
}

#[test]
fn a_region_that_returns_after_the_promotion_intent_is_left_all_the_same() {
    let mut scene = Scene::well();
    scene.lose(FROM);
    assert!(scene.until(Millis::from_mins(5), |s| was_called(s, PROMOTE)));
    scene.down.clear();
    let completed = |s: &Scene| run(s).status == RunStatus::Completed;
    assert!(scene.until(Millis::from_mins(5), completed));
    assert_eq!(active_region(&shop(), &scene.state).as_str(), TO);
}

#[test]
fn a_region_that_flaps_stops_the_promotion_while_it_is_up_and_no_longer() {
    let mut scene = half_way(Millis::from_secs(20));
    scene.down.clear();
    let is_up = |s: &Scene| verdict(s, FROM) == VerdictState::Up;
    assert!(scene.until(Millis::from_mins(1), is_up));
    let begun = was_called(&scene, PROMOTE);
    assert!(!begun, "the wait is over only later in this test");
    scene.pass(Millis::from_secs(20));
    assert!(
        matches!(held(&scene), Some(HoldReason::RegionReturned { .. })),
        "{:?}",
        held(&scene)
    );
    scene.lose(FROM);
    let is_up = |s: &Scene| verdict(s, FROM) == VerdictState::Up;
    while is_up(&scene) {
        assert!(!was_called(&scene, PROMOTE), "promoted while it is up");
        scene.tick();
    }
    let completed = |s: &Scene| run(s).status == RunStatus::Completed;
    assert!(scene.until(Millis::from_mins(5), completed));
    assert_eq!(active_region(&shop(), &scene.state).as_str(), TO);
}

#[test]
fn one_member_that_sees_the_region_again_stops_the_promotion_and_is_named() {
    let mut scene = half_way(Millis::from_secs(90));
    // What m2 sees is disputed by m3; m1, inside, does not count.
    scene.down.clear();
    scene.blind.insert("m3".into());
    assert!(scene.until(Millis::from_mins(2), |s| held(s).is_some()));
    let dissent = vec![MemberId::from("m2")];
    assert_eq!(held(&scene), Some(HoldReason::Disagreement { dissent }));
    scene.pass(Millis::from_mins(5));
    assert!(!was_called(&scene, PROMOTE));
    assert!(scene.open_run().is_some(), "one voice is no quorum");
    scene.blind.clear();
    assert!(scene.until(Millis::from_mins(3), |s| s.open_run().is_none()));
    assert_eq!(run(&scene).status, came_back());
}

#[test]
fn a_new_leader_proves_a_run_anew_before_it_goes_on_with_it() {
    let mut scene = half_way(Millis::from_secs(1));
    scene.restart();
    let is_down = |s: &Scene| verdict(s, FROM) == VerdictState::Down;
    scene.tick();
    while !is_down(&scene) {
        assert!(!was_called(&scene, PROMOTE), "promoted on no votes");
        scene.tick();
    }
    let completed = |s: &Scene| run(s).status == RunStatus::Completed;
    assert!(scene.until(Millis::from_mins(5), completed));
}

#[test]
fn a_new_leader_gives_back_what_its_predecessor_changed_when_the_region_is_back() {
    let mut scene = half_way(Millis::from_secs(1));
    scene.restart();
    scene.down.clear();
    assert!(scene.until(Millis::from_mins(5), |s| s.open_run().is_none()));
    assert_eq!(run(&scene).status, came_back());
    assert!(!was_called(&scene, PROMOTE) && has_written(&scene, dial(TO, 0)));
}

#[test]
fn a_paused_run_is_not_ended_by_votes() {
    let mut scene = half_way(Millis::from_mins(1));
    pause_run(&mut scene);
    scene.down.clear();
    scene.pass(Millis::from_mins(10));
    assert_eq!(run(&scene).status, RunStatus::Executing);
    scene.happen(Happening::ResumeRun);
    assert!(scene.until(Millis::from_mins(2), |s| s.open_run().is_none()));
    assert_eq!(run(&scene).status, came_back());

    // Neither is one that has written nothing.
    let mut scene = Scene::well();
    scene.lose(FROM);
    assert!(scene.until(Millis::from_mins(3), |s| {
        s.open_run().is_some_and(|run| !run.anything_intended())
    }));
    pause_run(&mut scene);
    scene.restart();
    scene.down.clear();
    scene.pass(Millis::from_mins(10));
    assert_eq!(run(&scene).status, RunStatus::Executing);
    assert!(!run(&scene).anything_intended());
    scene.happen(Happening::ResumeRun);
    scene.pass(TICK.times(5));
    let stale = RunStatus::Aborted {
        reason: AbortReason::Stale,
    };
    assert_eq!(run(&scene).status, stale);
}

#[test]
fn a_target_that_is_lost_too_holds_the_run_and_says_so() {
    let mut scene = half_way(Millis::from_secs(90));
    scene.lose(TO);
    assert!(scene.until(Millis::from_mins(1), |s| held(s).is_some()));
    let lost = HoldReason::TargetLost {
        region: TO.into(),
        next: None,
    };
    assert_eq!(held(&scene), Some(lost));
    let view = scene.controller.views()[&Scene::app()].clone();
    let Phase::NeedsOperator {
        run: Some(_),
        reason,
    } = &view.phase
    else {
        panic!("{:?}", view.phase)
    };
    assert!(reason.contains("there is no other Region"), "{reason}");
    let plan = run(&scene).plan.clone();
    scene.pass(Millis::from_mins(10));
    assert!(!was_called(&scene, PROMOTE));
    assert_eq!(run(&scene).plan, plan, "planned anew");
    // It goes on when it can.
    scene.down.remove(&RegionId::from(TO));
    let completed = |s: &Scene| run(s).status == RunStatus::Completed;
    assert!(scene.until(Millis::from_mins(5), completed));
}

#[test]
fn a_lost_target_is_told_with_the_next_candidate_and_must_last_after_the_promotion() {
    let mut app = shop();
    let third = crate::model::fixtures::app_region("us-east-1", Role::Standby);
    app.regions.push(third);
    let now = Now {
        mono: Mono(100_000_000),
        wall: Wall(0),
    };
    let verdict = |region: &str, state, ago| Verdict {
        region: region.into(),
        state,
        tally: Tally::default(),
        since: now.mono - Millis::from_secs(ago),
        failing_since: None,
    };
    let plan = plan(&PlanRequest {
        carriers: &[],
        app: &app,
        runbook: &runbook(),
        kind: RunKind::Switchover,
        from: &FROM.into(),
        to: &TO.into(),
        state: &State::default(),
        fresh: None,
        epoch: Epoch(1),
        data_loss: None,
        now: now.wall,
    })
    .unwrap();
    let lost = |to_lost_for, third, state: &State, moved| {
        let verdicts = [
            verdict(FROM, VerdictState::Down, 200),
            verdict(TO, VerdictState::Down, to_lost_for),
            verdict("us-east-1", third, 200),
        ];
        carry::lost_target(now, state, &app, &verdicts, &plan, moved)
    };
    let told = |next: Option<&str>| {
        Some(HoldReason::TargetLost {
            region: TO.into(),
            next: next.map(RegionId::from),
        })
    };
    let empty = State::default();
    let (up, down) = (VerdictState::Up, VerdictState::Down);
    assert_eq!(lost(1, up, &empty, false), told(Some("us-east-1")));
    assert_eq!(lost(1, down, &empty, false), told(None));
    let mut quarantined = State::default();
    let known = quarantined.apps.entry(Scene::app()).or_default();
    known.quarantined.insert("us-east-1".into(), Wall(0));
    assert_eq!(lost(1, up, &quarantined, false), told(None));
    assert_eq!(lost(29, up, &empty, true), None, "a promotion restarts it");
    assert_eq!(lost(30, up, &empty, true), told(Some("us-east-1")));
}

#[test]
fn a_new_leader_has_patience_for_as_long_as_detection_takes() {
    let scene = Scene::well();
    let patience = |app: &Application| scene.controller.patience(app, &FROM.into());
    let mut app = shop();
    app.guards.freshness = Millis::from_secs(60);
    assert_eq!(patience(&app), Millis::from_secs(180), "three rounds");
    for probe in &mut app.regions[0].probes {
        probe.interval = Millis::from_secs(30);
    }
    // Four rounds of 33 s and a timeout of 3, a reference's 8.5, two gossips, and the freshness.
    assert_eq!(
        patience(&app),
        Millis(132_000 + 3_000 + 8_500 + 2_000 + 60_000)
    );
    app.regions[0].probes[2].interval = Millis::from_mins(10);
    assert!(!app.regions[0].probes[2].critical);
    assert!(patience(&app) < Millis::from_mins(10), "it does not count");
}

#[test]
fn an_operator_who_asks_while_automation_opens_is_told_of_its_run() {
    let mut scene = Scene::well();
    scene.lose(FROM);
    scene.read_takes = Millis::from_secs(5);
    assert!(scene.until(Millis::from_mins(3), |s| {
        s.controller.desks[&Scene::app()].planning.is_some()
    }));
    let by = switchover(&mut scene);
    assert!(scene.until(TICK.times(20), |s| s.declined.contains_key(&by)));
    let first = scene.open_run().unwrap();
    assert!(first.origin.is_automatic());
    let reason = HoldReason::RunOpen {
        run: first.id.clone(),
        by: "the quorum".to_owned(),
        since: Some(first.opened_at),
    };
    assert_eq!(scene.declined[&by], [reason]);
}

#[test]
fn automation_that_agrees_while_an_operator_opens_opens_nothing() {
    let mut scene = Scene::well();
    scene.lose(FROM);
    let agreed = |s: &Scene| {
        let view = &s.controller.views()[&Scene::app()];
        matches!(view.phase, Phase::Confirmed { .. })
    };
    assert!(scene.until(Millis::from_mins(2), agreed));
    scene.read_takes = Millis::from_secs(40);
    let by = scene.request(RunKind::Failover, Some(TO.into()));
    scene.pass(Millis::from_mins(1));
    assert!(scene.opened_for(&by), "{:?}", scene.declined);
    scene.pass(Millis::from_mins(10));
    assert_eq!(scene.state.runs.len(), 1);
}

#[test]
fn two_leaders_that_open_at_once_open_one_run_and_the_second_is_told() {
    let mut scene = Scene::well();
    let by = switchover(&mut scene);
    // The opening of the other leader is before ours in the log.
    let other = |scene: &Scene| {
        let lost = Origin::Quorum {
            tally: Tally::default(),
            evidence: Vec::new(),
        };
        let plan = plan(&PlanRequest {
            carriers: &[],
            app: &shop(),
            runbook: &runbook(),
            kind: RunKind::Failover,
            from: &FROM.into(),
            to: &TO.into(),
            state: &scene.state,
            fresh: None,
            epoch: Epoch(1),
            data_loss: Some(DataLossGrant::Operator("bob".to_owned())),
            now: scene.now.wall,
        });
        CommandBody::OpenRun {
            plan: Box::new(plan.unwrap()),
            origin: lost,
            limits: RunLimits {
                cool_down: Millis::ZERO,
                brake: 2,
                quarantine: true,
                soak: Millis::ZERO,
                data_loss_approval: DataLossApproval::default(),
            },
        }
    };
    let first = other(&scene);
    scene.commit(first).unwrap();
    scene.pass(TICK.times(5));
    let first = &scene.state.runs[&RunId::from("shop-1")];
    let reason = HoldReason::run_open(first);
    assert_eq!(scene.declined[&by], [reason]);
    assert_eq!(scene.state.runs.len(), 1);
}

#[test]
fn an_abort_waits_for_the_call_that_is_under_way() {
    let mut scene = Scene::well_with(slow(Millis::from_mins(1)));
    let by = scene.request(RunKind::Switchover, Some(TO.into()));
    assert!(
        scene.until(Millis::from_mins(1), |s| was_called(s, RAISE)),
        "{by}"
    );
    assert!(matches!(status(&scene, RAISE), StepStatus::Intent { .. }));
    scene.happen(Happening::Abort);
    let run_id = run(&scene).id.clone();
    assert!(matches!(run(&scene).status, RunStatus::Aborting { .. }));
    let closed = scene.commit(CommandBody::CloseRun { run: run_id });
    assert!(
        matches!(closed, Err(Rejection::InFlight { .. })),
        "{closed:?}"
    );
    assert!(scene.until(Millis::from_mins(3), |s| s.open_run().is_none()));
    assert!(matches!(run(&scene).status, RunStatus::Aborted { .. }));
    assert!(is_done(&scene, RAISE), "its outcome is known");
    assert!(has_written(&scene, dial(TO, 0)), "and given back");
}

#[test]
fn an_abort_waits_for_a_promotion_whose_outcome_is_unknown() {
    let mut scene = Scene::well();
    scene.request(RunKind::Failover, Some(TO.into()));
    assert!(scene.until(Millis::from_mins(1), |s| was_called(s, PROMOTE)));
    scene.happen(Happening::Abort);
    assert!(matches!(run(&scene).status, RunStatus::Aborting { .. }));
    assert!(matches!(status(&scene, PROMOTE), StepStatus::Intent { .. }));
    assert!(scene.until(Millis::from_mins(3), |s| s.open_run().is_none()));
    assert!(is_done(&scene, PROMOTE));
    assert!(!was_called(&scene, RAISE), "begun after the abort");
    assert_eq!(active_region(&shop(), &scene.state).as_str(), TO);
}

#[test]
fn a_promotion_that_was_given_up_and_lands_is_told_to_a_person() {
    let mut scene = Scene::well();
    scene.request(RunKind::Failover, Some(TO.into()));
    assert!(scene.until(Millis::from_mins(1), |s| was_called(s, PROMOTE)));
    // It is on its way for longer than anybody waits.
    let on_its_way = std::mem::take(&mut scene.written);
    scene.happen(Happening::Abort);
    assert!(scene.until(Millis::from_mins(10), |s| s.open_run().is_none()));
    assert_eq!(active_region(&shop(), &scene.state).as_str(), FROM);
    scene.pass(Millis::from_mins(30));
    assert!(run(&scene).findings.is_empty());
    scene.written = on_its_way;
    let told = |s: &Scene| {
        let view = &s.controller.views()[&Scene::app()];
        matches!(&view.phase, Phase::NeedsOperator { run: Some(_), .. })
    };
    assert!(scene.until(Millis::from_mins(12), told));
    assert_eq!(run(&scene).findings.len(), 1);
    assert_eq!(active_region(&shop(), &scene.state).as_str(), TO);
    scene.happen(Happening::Acknowledge);
    scene.pass(Millis::from_mins(12));
    assert!(!told(&scene));
    assert_eq!(run(&scene).findings.len(), 1, "it is told once");
}

#[test]
fn a_leader_whose_clock_stepped_lets_another_carry_the_run_on() {
    let mut scene = half_way(Millis::from_mins(1));
    scene.now.wall = scene.now.wall + Millis::from_mins(24 * 60);
    scene.step(Input::Tilt {
        member: "m3".into(),
    });
    assert_eq!(scene.stood_down, [StandDownReason::Tilt]);
    // Until another leads it does nothing, though it is told to lead: the date that it does not
    // trust does not come into the ledger.
    scene.tick();
    assert!(scene.state.time < scene.now.wall - Millis::from_mins(60));
    let matrix = scene.controller.matrix();
    let vote = matrix.vote(&"m3".into(), &Scene::app(), &FROM.into());
    let vote = vote.map(|held| (held.vote.opinion, held.vote.reason.clone()));
    assert_eq!(vote, Some((Opinion::Unknown, VoteReason::Tilt)));
    // `perform` insists that nothing is done by a member that does not lead.
    scene.leads = false;
    scene.pass(Millis::from_mins(1));
    assert!(!was_called(&scene, PROMOTE));
    // Elsewhere the clock is right.
    scene.now.wall = scene.now.wall - Millis::from_mins(24 * 60);
    scene.restart();
    scene.leads = true;
    let completed = |s: &Scene| run(s).status == RunStatus::Completed;
    assert!(scene.until(Millis::from_mins(10), completed));
}
