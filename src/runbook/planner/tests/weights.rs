//! Weights that a failover has taken are given back on the way home.

use super::*;

const GIVE_BACK: &str = "give-back";

fn weights(region: &str, endpoints: &[(&str, u8)]) -> Intent {
    Intent::Weight {
        region: region.into(),
        endpoint_group_arn: application()
            .region(&region.into())
            .and_then(|region| region.resources.endpoint_group_arn.clone())
            .unwrap(),
        endpoints: endpoints
            .iter()
            .map(|(id, weight)| Endpoint {
                id: (*id).to_owned(),
                weight: *weight,
                client_ip_preservation: Some(true),
            })
            .collect(),
    }
}

/// A closed run that took the weights of that Region, having found these.
fn isolation(desk: &Desk, epoch: u64, region: &str, found: &[(&str, u8)]) -> Run {
    let mut plan = desk.plan().unwrap();
    plan.epoch = Epoch(epoch);
    plan.steps = vec![PlannedStep {
        id: "isolate-old".into(),
        intent: weights(region, &[]),
        needs: Vec::new(),
        timeout: Millis::from_secs(60),
        on_failure: OnFailure::Continue,
        or_else: None,
        stands_in_for: None,
        best_effort: true,
        restore: Some(weights(region, found)),
        before: None,
    }];
    Run {
        id: plan.run_id(),
        application: plan.application.clone(),
        epoch: plan.epoch,
        plan,
        origin: Origin::Operator {
            name: "ada".into(),
            reason: "test".into(),
        },
        opened_at: Wall(100 * epoch),
        closed_at: Some(Wall(100 * epoch + 1)),
        executed_at: None,
        status: RunStatus::Completed,
        abort: None,
        soak: Millis::ZERO,
        data_loss_approval: DataLossApproval::Anyone,
        paused: None,
        steps: BTreeMap::new(),
        restoring: Vec::new(),
        findings: Vec::new(),
        drill: None,
    }
}

/// Goes to a Region whose every weight is 0.
fn desk(fallback: Option<u8>) -> Desk {
    let give_back = ActionSpec::Weight {
        region: Side::To,
        weight: WeightSpec::Recorded { fallback },
    };
    let mut desk = Desk::with(vec![
        step("first", wait(), &[]),
        step(GIVE_BACK, give_back, &["first"]),
        step("raise", dial(Side::To, 100), &[GIVE_BACK]),
    ]);
    for endpoint in &mut desk.fresh.as_mut().unwrap().groups[1].1.endpoints {
        endpoint.weight = 0;
    }
    desk
}

fn keep(desk: &mut Desk, run: Run) {
    desk.state.runs.insert(run.id.clone(), run);
}

fn given(desk: &Desk) -> Vec<(String, u8)> {
    let Intent::Weight {
        region, endpoints, ..
    } = desk.intent(GIVE_BACK)
    else {
        panic!("no weights");
    };
    assert_eq!(region.as_str(), TO);
    endpoints.into_iter().map(|e| (e.id, e.weight)).collect()
}

fn pairs(weights: [(&str, u8); 2]) -> Vec<(String, u8)> {
    weights.map(|(id, w)| (id.to_owned(), w)).into()
}

#[test]
fn each_endpoint_gets_what_the_newest_run_found_there() {
    let mut desk = desk(Some(128));
    let older = isolation(&desk, 2, TO, &[("alb-1", 1), ("alb-2", 2)]);
    let newer = isolation(&desk, 4, TO, &[("alb-1", 200), ("alb-2", 0)]);
    // Shut already, another Region's, and another application's: none of them knows better.
    let shut = isolation(&desk, 5, TO, &[("alb-1", 0), ("alb-2", 0)]);
    let elsewhere = isolation(&desk, 6, FROM, &[("alb-1", 9), ("alb-2", 9)]);
    let mut stranger = isolation(&desk, 9, TO, &[("alb-1", 9), ("alb-2", 9)]);
    stranger.application = "blog".into();
    stranger.id = "blog-9".into();
    for run in [older, newer, shut, elsewhere, stranger] {
        keep(&mut desk, run);
    }
    // An endpoint that had no weight on purpose has none again.
    assert_eq!(given(&desk), pairs([("alb-1", 200), ("alb-2", 0)]));
    let plan = desk.plan().unwrap();
    let planned = plan.step(&GIVE_BACK.into()).unwrap();
    assert_eq!(planned.before.as_deref(), Some("endpoint weights 0"));
    assert_eq!(
        planned.intent.to_string(),
        "endpoint weights of eu-central-1 to 200, 0"
    );
    let told = PlanNote {
        text: "the endpoint weights of eu-central-1 as shop-4 recorded them".to_owned(),
        seen_at: Wall(400),
    };
    assert!(plan.notes.contains(&told), "{:?}", plan.notes);
}

#[test]
fn what_nobody_has_recorded_gets_the_fallback() {
    let mut desk = desk(Some(100));
    assert_eq!(given(&desk), pairs([("alb-1", 100), ("alb-2", 100)]));
    // One that was added since.
    let run = isolation(&desk, 4, TO, &[("alb-1", 200), ("gone", 7)]);
    keep(&mut desk, run);
    assert_eq!(given(&desk), pairs([("alb-1", 200), ("alb-2", 100)]));
}

#[test]
fn without_a_record_and_a_fallback_a_person_must_say() {
    let mut desk = desk(None);
    insta::assert_snapshot!(desk.refusal(), @"no plan can be made: step give-back: every endpoint weight of eu-central-1 is 0, and no run has recorded what they were: add a `fallback` to the step (128 is what Global Accelerator gives), or give its endpoints their weights in Global Accelerator, then plan again");
    let run = isolation(&self::desk(Some(1)), 4, TO, &[("alb-1", 200)]);
    keep(&mut desk, run);
    assert_eq!(given(&desk), pairs([("alb-1", 200), ("alb-2", 0)]));
}

#[test]
fn a_group_that_has_weight_is_left_as_it_is() {
    let mut desk = desk(Some(128));
    let run = isolation(&desk, 4, TO, &[("alb-1", 200), ("alb-2", 200)]);
    keep(&mut desk, run);
    desk.fresh.as_mut().unwrap().groups[1].1.endpoints[1].weight = 3;
    let plan = desk.plan().unwrap();
    assert_eq!(ids(&plan), ["first", "raise"]);
    // What it would have waited for is still waited for.
    assert_eq!(plan.step(&"raise".into()).unwrap().needs, ["first".into()]);
    let why = "give-back is left out: the endpoints of eu-central-1 have weight (0, 3)";
    assert!(plan.notes.iter().any(|note| note.text == why));
}

#[test]
fn what_nobody_has_seen_keeps_nobody_in_a_lost_region() {
    let mut desk = desk(None);
    desk.fresh.as_mut().unwrap().groups.clear();
    assert_eq!(ids(&desk.plan().unwrap()), ["first", "raise"]);
}

#[test]
fn the_same_configuration_is_hashed_as_by_members_that_know_plain_weights_only() {
    let text = |weight| {
        let region = Side::From;
        serde_json::to_string(&ActionSpec::Weight { region, weight }).unwrap()
    };
    assert_eq!(
        text(WeightSpec::Absolute(0)),
        r#"{"Weight":{"region":"from","weight":0}}"#
    );
    assert_ne!(
        text(WeightSpec::Recorded { fallback: None }),
        text(WeightSpec::Recorded { fallback: Some(1) })
    );
}
