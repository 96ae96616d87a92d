//! Weights of record sets: each step deletes what the one before it has created.

use super::*;

fn weighted(region: &str, weight: u8) -> RecordSet {
    RecordSet {
        failover: None,
        weight: Some(weight),
        ..record(region, FailoverRole::Primary)
    }
}

fn epoch(number: u64) -> RecordSet {
    epoch_record(NAME, &"shop".into(), Epoch(number))
}

fn to_weight(region: Side, percent: u8) -> ActionSpec {
    ActionSpec::Route53Weights { region, percent }
}

/// `from` has everything, `to` nothing.
fn desk(steps: Vec<RunbookStep>) -> Desk {
    let mut desk = Desk::with(steps);
    desk.app.resources.dns.as_mut().unwrap().routing = DnsRouting::Weighted;
    desk.fresh = Some(Traffic {
        records: vec![weighted(FROM, 100), weighted(TO, 0), epoch(6)],
        ..traffic()
    });
    desk
}

fn batches(plan: &Plan) -> Vec<(Vec<RecordSet>, Vec<RecordSet>)> {
    let batch = |step: &PlannedStep| match &step.intent {
        Intent::Route53Weights { delete, create, .. } => (delete.clone(), create.clone()),
        other => panic!("{other}"),
    };
    plan.steps.iter().map(batch).collect()
}

#[test]
fn each_step_finds_what_the_one_before_it_leaves() {
    let steps = vec![
        step("lower", to_weight(Side::From, 0), &["raise"]),
        step("raise", to_weight(Side::To, 25), &[]),
        step("more", to_weight(Side::To, 100), &[]),
    ];
    let plan = desk(steps).plan().unwrap();
    let at = |from: u8, to: u8, of: u64| vec![weighted(FROM, from), weighted(TO, to), epoch(of)];
    let expected = [
        ("raise", at(100, 0, 6), at(100, 25, 7)),
        ("more", at(100, 25, 7), at(100, 100, 7)),
        ("lower", at(100, 100, 7), at(0, 100, 7)),
    ];
    let found = batches(&plan);
    for ((id, delete, create), (step, batch)) in expected.iter().zip(plan.steps.iter().zip(found)) {
        assert_eq!(
            (step.id.as_str(), &batch),
            (*id, &(delete.clone(), create.clone()))
        );
        let Some(Intent::Route53Weights {
            delete,
            create: back,
            ..
        }) = &step.restore
        else {
            panic!("{id} gives nothing back");
        };
        assert_eq!((delete, back), (create, &at(100, 0, 7)), "{id}");
        assert_eq!(step.intent.follows_its_own_run(), *id != "raise");
    }
    assert_eq!(plan.steps[0].needs, []);
    assert_eq!(plan.steps[1].needs, ["raise".into()]);
    assert_eq!(plan.steps[2].needs, ["raise".into(), "more".into()]);
    assert_eq!(plan.steps[2].before.as_deref(), Some("weight 100"));
}

#[test]
fn a_name_is_never_left_without_weight() {
    let mut desk = desk(vec![step("lower", to_weight(Side::From, 0), &[])]);
    let why = desk.refusal();
    assert!(why.contains("every weight at 0"), "{why}");

    // Once the other has some, it may go; and what has none already has nothing to go back to.
    desk.runbook.steps = vec![
        step("raise", to_weight(Side::To, 1), &[]),
        step("lower", to_weight(Side::From, 0), &["raise"]),
    ];
    assert!(desk.plan().is_ok());
    desk.fresh.as_mut().unwrap().records[0].weight = Some(0);
    let plan = desk.plan().unwrap();
    assert!(plan.steps.iter().all(|step| step.restore.is_none()));
}

#[test]
fn percents_are_of_the_share() {
    let mut desk = desk(vec![step("raise", to_weight(Side::To, 10), &[])]);
    let weight = |desk: &Desk| match desk.intent("raise") {
        Intent::Route53Weights { weight, .. } => weight,
        other => panic!("{other}"),
    };
    assert_eq!(weight(&desk), 10);
    desk.app.regions[1].share = Some(40);
    assert_eq!(weight(&desk), 4);
    // More than nothing never becomes nothing.
    desk.app.regions[1].share = Some(1);
    assert_eq!(weight(&desk), 1);
}

#[test]
fn what_is_not_weighted_or_not_there_is_named() {
    let mut desk = desk(vec![step("raise", to_weight(Side::To, 10), &[])]);
    desk.fresh = Some(traffic());
    assert!(desk.refusal().contains("is not a weighted record set"));
    desk.fresh.as_mut().unwrap().records.remove(1);
    assert!(desk.refusal().contains("has no record set `eu-central-1`"));
    desk.fresh.as_mut().unwrap().records = vec![weighted(FROM, 100), weighted(TO, 0), epoch(7)];
    assert!(desk.refusal().contains("a newer run has acted"));
}
