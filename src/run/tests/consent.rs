//! Another person's word: who may allow a loss of data, and when it is asked for.

use super::fixture::*;
use crate::model::*;

/// Ada asked for it and would lose data; the policy wants another's word.
fn asked_by_ada(grant: DataLossGrant, promotion: Intent) -> World {
    let mut plan = plan("shop", 1);
    plan.steps[0].intent = promotion;
    plan.data_loss = Some(grant);
    let mut world = World::default();
    world
        .send(CommandBody::OpenRun {
            plan: Box::new(plan),
            origin: operator(),
            limits: RunLimits {
                data_loss_approval: DataLossApproval::OtherPerson,
                ..limits()
            },
        })
        .unwrap();
    world
}

fn granted_to_ada() -> DataLossGrant {
    DataLossGrant::AskedBy("ada".to_owned())
}

fn says(world: &mut World, by: &str, granted: bool) -> Result<Event, Rejection> {
    let run = world.run().id.clone();
    world.send(CommandBody::Approve {
        run,
        step: StepId::from("promote"),
        by: by.to_owned(),
        granted,
        reason: Some("the lag is known".to_owned()),
    })
}

fn needs_other(result: &Result<Event, Rejection>) -> bool {
    matches!(result, Err(Rejection::NeedsOtherPerson { by, .. }) if by == "ada")
}

#[test]
fn whoever_asked_cannot_approve_the_loss_and_another_can() {
    // Also a grant that a leader, configured otherwise or talked round, has put into the plan, and a
    // switchover that would escalate.
    let cases = [
        (granted_to_ada(), promote(None)),
        (DataLossGrant::Operator("ada".to_owned()), promote(None)),
        (granted_to_ada(), promote(Some(Millis::from_mins(1)))),
    ];
    for (grant, promotion) in cases {
        let mut world = asked_by_ada(grant, promotion);
        assert_eq!(world.status("promote"), StepStatus::AwaitingApproval);
        // What loses nothing goes on meanwhile.
        world.intend("raise", BOOT).unwrap();
        world.done("raise").unwrap();
        assert!(world.intend("promote", BOOT).is_err());
        for name in ["ada", " Ada "] {
            let refused = says(&mut world, name, true);
            assert!(needs_other(&refused), "{refused:?}");
        }
        assert_eq!(world.status("promote"), StepStatus::AwaitingApproval);
        says(&mut world, "bob", true).unwrap();
        let record = &world.run().steps[&StepId::from("promote")];
        assert_eq!(record.approved_by.as_deref(), Some("bob"));
        world.intend("promote", BOOT).unwrap();
        world.done("promote").unwrap();
    }
}

#[test]
fn whoever_asked_may_say_no_and_a_retry_asks_again() {
    let mut world = asked_by_ada(granted_to_ada(), promote(None));
    says(&mut world, "ada", false).unwrap();
    assert!(matches!(world.status("promote"), StepStatus::Failed { .. }));
    world.retry("promote").unwrap();
    assert_eq!(world.status("promote"), StepStatus::AwaitingApproval);
    assert!(needs_other(&says(&mut world, "ada", true)));
    says(&mut world, "bob", true).unwrap();
    // What was approved once and failed may be tried again without asking.
    world.intend("promote", BOOT).unwrap();
    world.fail("promote").unwrap();
    world.retry("promote").unwrap();
    world.intend("promote", BOOT).unwrap();
}

#[test]
fn a_step_that_waits_already_cannot_be_begun_by_a_leader_that_forgets_to_ask() {
    let mut world = asked_by_ada(granted_to_ada(), promote(None));
    // As if the state had been made by an older member.
    for run in world.state.runs.values_mut() {
        let record = run.steps.get_mut(&StepId::from("promote")).unwrap();
        record.status = StepStatus::Waiting;
    }
    assert!(needs_other(&world.intend("promote", BOOT)));
    // Nor does the same person's name in the record help.
    for run in world.state.runs.values_mut() {
        let record = run.steps.get_mut(&StepId::from("promote")).unwrap();
        record.approved_by = Some("ADA".to_owned());
    }
    assert!(needs_other(&world.intend("promote", BOOT)));
}

#[test]
fn where_nothing_is_lost_nobody_is_asked() {
    let within = DataLossGrant::WithinRpo {
        lag: Millis(800),
        rpo_max: Millis::from_secs(10),
    };
    let mut world = asked_by_ada(within, promote(None));
    assert_eq!(world.status("promote"), StepStatus::Waiting);
    world.intend("promote", BOOT).unwrap();
}

#[test]
fn of_an_automatic_run_anybody_may_approve() {
    let mut plan = plan("shop", 1);
    plan.data_loss = Some(DataLossGrant::Operator("ada".to_owned()));
    let mut world = World::default();
    let limits = RunLimits {
        data_loss_approval: DataLossApproval::OtherPerson,
        ..limits()
    };
    world
        .send(CommandBody::OpenRun {
            plan: Box::new(plan),
            origin: automatic(),
            limits,
        })
        .unwrap();
    world.outcome("promote", Outcome::AwaitingApproval).unwrap();
    says(&mut world, "ada", true).unwrap();
    world.intend("promote", BOOT).unwrap();
}

#[test]
fn by_default_ones_own_word_is_enough() {
    let mut plan = plan("shop", 1);
    plan.data_loss = Some(DataLossGrant::Operator("ada".to_owned()));
    let mut world = World::with(plan);
    world.intend("promote", BOOT).unwrap();
}

#[test]
fn an_approval_beforehand_does_not_start_the_steps_time() {
    let mut world = asked_by_ada(granted_to_ada(), promote(None));
    let run = world.run().id.clone();
    world
        .state
        .runs
        .get_mut(&run)
        .unwrap()
        .plan
        .steps
        .first_mut()
        .unwrap()
        .needs = vec![StepId::from("raise")];
    says(&mut world, "bob", true).unwrap();
    let record = world.run().steps[&StepId::from("promote")].clone();
    assert_eq!(
        (record.status, record.started_at),
        (StepStatus::Waiting, None)
    );
}

#[test]
fn where_the_data_stayed_the_application_stays() {
    let mut world = World::with(plan("shop", 1));
    world.skip("promote").unwrap();
    for id in ["raise", "flip"] {
        world.intend(id, BOOT).unwrap();
        world.done(id).unwrap();
    }
    let RunStatus::Soaking { until } = world.run().status else {
        panic!("{:?}", world.run().status)
    };
    let active = |world: &World| world.state.apps[&AppId::from("shop")].active.clone();
    assert_eq!(active(&world), None, "users were moved, the writer was not");
    world.at = until;
    world.close().unwrap();
    assert_eq!(active(&world), None);
    // So the next run leaves from where the writer is.
    world.open(plan("shop", 2), operator()).unwrap();
}

#[test]
fn a_plan_without_data_moves_the_application_with_its_users() {
    let mut plan = plan("shop", 1);
    plan.steps.remove(0);
    for step in &mut plan.steps {
        step.needs.retain(|need| need.as_str() != "promote");
    }
    let mut world = World::with(plan);
    for id in ["raise", "flip"] {
        world.intend(id, BOOT).unwrap();
        world.done(id).unwrap();
    }
    let active = world.state.apps[&AppId::from("shop")].active.clone();
    assert_eq!(active, Some(region("b")));
}

#[test]
fn a_persons_no_to_an_automatic_run_cools_down_until_it_is_acknowledged() {
    let mut world = World::default();
    world.open(plan("shop", 1), automatic()).unwrap();
    world.abort().unwrap();
    world.close().unwrap();
    let again = world.open(plan("shop", 2), automatic());
    assert!(
        matches!(
            again,
            Err(Rejection::Guard {
                reason: HoldReason::CoolDown { .. }
            })
        ),
        "{again:?}"
    );
    let app = AppId::from("shop");
    let by = "ada".to_owned();
    world.send(CommandBody::Acknowledge { app, by }).unwrap();
    world.open(plan("shop", 2), automatic()).unwrap();
}

#[test]
fn ones_own_run_given_up_before_it_wrote_holds_nobody_back() {
    let mut world = World::with(plan("shop", 1));
    world.abort().unwrap();
    world.close().unwrap();
    world.open(plan("shop", 2), automatic()).unwrap();
}
