//! Shifts and returns: who carries what, and who is left.

use super::*;

const THIRD: &str = "eu-west-3";

/// The three Regions of the blueprint's product, side by side: shares of 50, 30 and 20, peaks of 6, 4
/// and 2, at most 12 nodes each.
fn desk(steps: Vec<RunbookStep>) -> Desk {
    let mut desk = Desk::with(steps);
    desk.app.regions.push(app_region(THIRD, Role::Active));
    let known = desk.state.apps.get_mut(&AppId::from("shop")).unwrap();
    for (place, (share, peak)) in [(50, 6), (30, 4), (20, 2)].into_iter().enumerate() {
        let region = &mut desk.app.regions[place];
        region.role = Role::Active;
        region.share = Some(share);
        let group = region.resources.nodegroups[0].clone();
        region.peaks = BTreeMap::from([(group.to_string(), peak)]);
        known.capacity.insert(
            region.name.clone(),
            BTreeMap::from([(
                group.to_string(),
                Seen {
                    value: size(1, 2, 12),
                    at: Wall(1_000),
                },
            )]),
        );
    }
    desk.runbook.kinds = BTreeSet::from([RunKind::Shift, RunKind::Return]);
    desk.kind = RunKind::Shift;
    desk
}

fn grow(region: Side) -> ActionSpec {
    ActionSpec::ScaleNodegroup {
        region,
        size: SizeSpec::Peak,
        ready_percent: 100,
        min_ready_percent: None,
    }
}

fn made(desk: &Desk, from: &str, to: &str, carriers: &[&str]) -> Result<Plan, HoldReason> {
    let carriers: Vec<RegionId> = carriers.iter().map(|name| (*name).into()).collect();
    plan(&PlanRequest {
        app: &desk.app,
        runbook: &desk.runbook,
        kind: desk.kind,
        from: &from.into(),
        to: &to.into(),
        carriers: &carriers,
        state: &desk.state,
        fresh: None,
        epoch: Epoch(7),
        data_loss: desk.data_loss.clone(),
        now: desk.now,
    })
}

fn sizes(plan: &Plan) -> Vec<(&str, u32)> {
    let steps = plan.steps.iter();
    steps
        .filter_map(|step| match &step.intent {
            Intent::ScaleNodegroup { desired, .. } => Some((step.id.as_str(), *desired)),
            _ => None,
        })
        .collect()
}

fn take_away(desk: &mut Desk, region: &str) {
    let taken = ShareTaken {
        run: RunId("shop-6".to_owned()),
        since: Wall(5_000),
        executed: true,
    };
    desk.known().away.insert(region.into(), taken);
}

fn shift_steps() -> Vec<RunbookStep> {
    vec![
        step("grow", grow(Side::Others), &[]),
        step("promote", promote(PromoteMethod::Failover), &[]),
        step("lower", dial(Side::From, 0), &["grow", "promote"]),
    ]
}

#[test]
fn behind_an_accelerator_each_of_the_others_is_grown_to_carry_all_of_it() {
    let plan = made(&desk(shift_steps()), FROM, TO, &[TO, THIRD]).unwrap();
    assert_eq!(
        ids(&plan),
        ["grow/eu-central-1", "grow/eu-west-3", "promote", "lower"]
    );
    assert_eq!(
        sizes(&plan),
        [("grow/eu-central-1", 10), ("grow/eu-west-3", 8)]
    );
    // Needing them means needing each of them.
    let lower = plan.step(&"lower".into()).unwrap();
    let needs: Vec<&str> = lower.needs.iter().map(StepId::as_str).collect();
    assert_eq!(needs, ["grow/eu-central-1", "grow/eu-west-3", "promote"]);
    assert_eq!(plan.carriers, [TO.into(), THIRD.into()]);
    let left: Vec<_> = plan.left_serving().collect();
    assert_eq!(left, [&RegionId::from(TO), &RegionId::from(THIRD)]);
}

#[test]
fn with_weighted_records_alone_it_is_spread_by_their_shares() {
    let mut desk = desk(shift_steps());
    desk.app.resources.accelerator_arn = None;
    let plan = made(&desk, FROM, TO, &[TO, THIRD]).unwrap();
    // 6 nodes over 30 and 20: 3.6 and 2.4, and half a node serves nobody.
    assert_eq!(
        sizes(&plan),
        [("grow/eu-central-1", 4 + 4), ("grow/eu-west-3", 2 + 3)]
    );
}

#[test]
fn the_writer_moves_only_if_it_was_there() {
    let desk = desk(shift_steps());
    let plan = made(&desk, TO, FROM, &[FROM, THIRD]).unwrap();
    assert_eq!(
        ids(&plan),
        ["grow/eu-west-1", "grow/eu-west-3", "lower"],
        "the writer is at home in {FROM}"
    );
    let note = "promote is left out: the writer is in eu-west-1, which goes on serving";
    assert!(
        plan.notes.iter().any(|n| n.text == note),
        "{:?}",
        plan.notes
    );
    let lower = plan.step(&"lower".into()).unwrap();
    assert_eq!(lower.needs.len(), 2);
}

#[test]
fn whoever_is_away_already_is_carried_too_and_carries_nothing() {
    let mut desk = desk(shift_steps());
    take_away(&mut desk, THIRD);
    // Whatever the proposer believes of it.
    let plan = made(&desk, FROM, TO, &[TO, THIRD]).unwrap();
    assert_eq!(
        sizes(&plan),
        [("grow", 12)].map(|(_, n)| ("grow/eu-central-1", n))
    );
    assert_eq!(plan.carriers, [TO.into()]);
}

#[test]
fn nothing_is_grown_beyond_its_maximum() {
    let mut desk = desk(shift_steps());
    let sizes_of = desk.known().capacity.get_mut(&TO.into()).unwrap();
    sizes_of.values_mut().next().unwrap().value.max = 9;
    let plan = made(&desk, FROM, TO, &[TO, THIRD]).unwrap();
    assert_eq!(sizes(&plan)[0], ("grow/eu-central-1", 9));
    let note = "shop-eu-central-1/web in eu-central-1 would need 10 nodes and may have 9";
    assert!(
        plan.notes.iter().any(|n| n.text == note),
        "{:?}",
        plan.notes
    );
    let carriers: Vec<&AppRegion> = desk.app.regions[1..].iter().collect();
    let short = desk
        .app
        .shortfalls(&desk.state, &[&desk.app.regions[0]], &carriers);
    assert_eq!(
        short.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["shop-eu-central-1/web in eu-central-1 would need 10 nodes, its maximum is 9"]
    );
}

#[test]
fn a_shift_that_would_leave_nobody_is_no_plan() {
    let mut desk = desk(shift_steps());
    let code = |made: Result<Plan, HoldReason>| made.unwrap_err().code();
    assert_eq!(code(made(&desk, FROM, TO, &[])), "nobody_left");
    assert_eq!(code(made(&desk, FROM, THIRD, &[TO])), "plan_impossible");
    take_away(&mut desk, TO);
    assert_eq!(code(made(&desk, TO, FROM, &[FROM, THIRD])), "shifted_away");
    take_away(&mut desk, THIRD);
    assert_eq!(code(made(&desk, FROM, TO, &[TO, THIRD])), "nobody_left");
    // One that shuts those who should go on.
    desk.known().away.clear();
    let shut = step("shut", dial(Side::Others, 0), &[]);
    desk.runbook.steps.push(shut);
    assert_eq!(code(made(&desk, FROM, TO, &[TO, THIRD])), "nobody_left");
}

#[test]
fn a_return_grows_to_the_regions_own_peak_and_needs_something_to_give_back() {
    let mut desk = desk(vec![
        step("grow", grow(Side::To), &[]),
        step("raise", dial(Side::To, 100), &["grow"]),
    ]);
    desk.kind = RunKind::Return;
    let refused = made(&desk, FROM, TO, &[FROM, THIRD]).unwrap_err();
    assert_eq!(refused.code(), "not_away");
    take_away(&mut desk, TO);
    let plan = made(&desk, FROM, TO, &[FROM, THIRD]).unwrap();
    assert_eq!(sizes(&plan), [("grow", 4)]);
    assert_eq!(plan.carriers, [FROM.into(), THIRD.into()]);
}

#[test]
fn where_one_region_serves_at_a_time_there_is_no_share_to_move() {
    let mut desk = desk(shift_steps());
    for region in &mut desk.app.regions {
        region.share = None;
    }
    let why = made(&desk, FROM, TO, &[TO]).unwrap_err().to_string();
    assert!(why.contains("serves from one Region at a time"), "{why}");
}

#[test]
fn a_group_without_a_peak_is_named() {
    let mut desk = desk(shift_steps());
    desk.app.regions[1].peaks.clear();
    let why = made(&desk, FROM, TO, &[TO, THIRD]).unwrap_err().to_string();
    assert_eq!(
        why,
        "no plan can be made: step grow: add `peak` to the node group `web` of each Region with a share"
    );
}
