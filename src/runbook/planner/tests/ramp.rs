//! A ramp: one authored step that becomes several, each after the other.

use super::*;

fn ramped(id: &str, action: ActionSpec, needs: &[&str]) -> RunbookStep {
    RunbookStep {
        ramp: Some(Ramp {
            percents: vec![10, 25, 100],
            bake: Millis::from_mins(2),
        }),
        ..step(id, action, needs)
    }
}

#[test]
fn each_value_waits_for_the_one_before_it_to_bake() {
    let plan = Desk::with(vec![
        step("first", wait(), &[]),
        ramped("raise", dial(Side::To, 100), &["first"]),
        step("lower", dial(Side::From, 0), &["raise"]),
    ]);
    let plan = plan.plan().unwrap();
    let told: Vec<String> = plan
        .steps
        .iter()
        .map(|step| {
            let needs: Vec<&str> = step.needs.iter().map(StepId::as_str).collect();
            format!("{} ({}): {}", step.id, needs.join(", "), step.intent)
        })
        .collect();
    assert_eq!(
        told,
        [
            "first (): wait 1ms",
            "raise/10 (first): dial of eu-central-1 to 10 %",
            "raise/bake-10 (raise/10): eu-central-1 must stay well for 2m",
            "raise/25 (raise/bake-10): dial of eu-central-1 to 25 %",
            "raise/bake-25 (raise/25): eu-central-1 must stay well for 2m",
            "raise/100 (raise/bake-25): dial of eu-central-1 to 100 %",
            "lower (raise/100): dial of eu-west-1 to 0 %",
        ]
    );
    // Whatever it comes to, all of it is given back at once.
    for step in plan
        .steps
        .iter()
        .filter(|s| s.id.as_str().starts_with("raise/"))
    {
        let back = match &step.restore {
            Some(Intent::Dial { percent, .. }) => Some(*percent),
            Some(other) => panic!("{other}"),
            None => None,
        };
        let expected = (!matches!(step.intent, Intent::Bake { .. })).then_some(0);
        assert_eq!(back, expected, "{}", step.id);
    }
}

#[test]
fn weights_are_chained_through_the_bakes() {
    let mut desk = Desk::with(vec![ramped(
        "raise",
        ActionSpec::Route53Weights {
            region: Side::To,
            percent: 100,
        },
        &[],
    )]);
    let weighted = |region: &str, weight: u8| RecordSet {
        failover: None,
        weight: Some(weight),
        ..record(region, FailoverRole::Primary)
    };
    desk.fresh.as_mut().unwrap().records = vec![weighted(FROM, 100), weighted(TO, 0)];
    let plan = desk.plan().unwrap();
    let mut standing: Option<Vec<RecordSet>> = None;
    for step in &plan.steps {
        if let Intent::Route53Weights { delete, create, .. } = &step.intent {
            if let Some(standing) = &standing {
                assert_eq!(standing, delete, "{}", step.id);
            }
            standing = Some(create.clone());
        }
    }
    let reached = standing.unwrap();
    assert!(reached.contains(&weighted(TO, 100)), "{reached:?}");
}
