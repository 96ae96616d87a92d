use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::model::fixtures::*;
use crate::model::*;

use super::*;

mod ramp;
mod record_weights;
mod routing;
mod shares;
mod weights;

const NAME: &str = "shop.example.com.";

fn record(region: &str, role: FailoverRole) -> RecordSet {
    RecordSet {
        name: NAME.into(),
        record_type: "A".into(),
        set_identifier: Some(region.into()),
        failover: Some(role),
        weight: None,
        ttl: None,
        values: Vec::new(),
        alias: Some(AliasTarget {
            hosted_zone_id: "Z2".into(),
            dns_name: format!("{region}.elb.example.com."),
            evaluate_target_health: true,
        }),
        health_check_id: Some(format!("check-{region}")),
    }
}

fn group(dial_percent: u8) -> EndpointGroup {
    let endpoint = |id: &str, weight| Endpoint {
        id: id.into(),
        weight,
        client_ip_preservation: Some(true),
    };
    EndpointGroup {
        dial_percent,
        endpoints: vec![endpoint("alb-1", 128), endpoint("alb-2", 64)],
    }
}

fn traffic() -> Traffic {
    Traffic {
        records: vec![
            record(FROM, FailoverRole::Primary),
            record(TO, FailoverRole::Secondary),
            epoch_record(NAME, &"shop".into(), Epoch(6)),
        ],
        groups: vec![(FROM.into(), group(100)), (TO.into(), group(0))],
        routing: vec![(FROM.into(), true), (TO.into(), false)],
    }
}

fn size(min: u32, desired: u32, max: u32) -> NodegroupSize {
    NodegroupSize {
        min,
        desired,
        max,
        in_service: desired,
    }
}

fn step(id: &str, action: ActionSpec, needs: &[&str]) -> RunbookStep {
    RunbookStep {
        id: id.into(),
        action,
        needs: needs.iter().map(|need| StepId::from(*need)).collect(),
        timeout: Millis::from_mins(1),
        on_failure: OnFailure::Hold,
        run_if: None,
        or_else: None,
        ramp: None,
    }
}

fn only_if(run_if: RunIf, step: RunbookStep) -> RunbookStep {
    RunbookStep {
        run_if: Some(run_if),
        ..step
    }
}

fn wait() -> ActionSpec {
    ActionSpec::Wait {
        duration: Millis(1),
    }
}

fn promote(ungraceful: PromoteMethod) -> ActionSpec {
    ActionSpec::AuroraPromote {
        region: Side::To,
        graceful: PromoteMethod::Switchover,
        ungraceful,
        switchover_timeout: Millis::from_mins(2),
    }
}

fn grow(size: SizeSpec) -> ActionSpec {
    ActionSpec::ScaleNodegroup {
        region: Side::To,
        size,
        ready_percent: 60,
        min_ready_percent: Some(20),
    }
}

fn like_from(percent: u16, fallback: Option<u32>) -> SizeSpec {
    SizeSpec::Match {
        side: Side::From,
        percent,
        fallback,
    }
}

fn check(url: &str) -> ActionSpec {
    ActionSpec::HttpCheck {
        url: Template(url.into()),
        method: "GET".into(),
        expect_status: vec![StatusRange {
            low: 200,
            high: 200,
        }],
        body_contains: None,
        expect_region: Some(Side::To),
    }
}

fn dial(region: Side, percent: u8) -> ActionSpec {
    ActionSpec::Dial { region, percent }
}

/// The runbook of DESIGN section 7.
fn active_passive() -> Vec<RunbookStep> {
    let fence = ActionSpec::HttpRequest {
        url: Template("${from.fence_url}".into()),
        method: "POST".into(),
        body: None,
        expect_status: Vec::new(),
    };
    let flip = ActionSpec::Route53Failover { primary: Side::To };
    let isolate = ActionSpec::Weight {
        region: Side::From,
        weight: WeightSpec::Absolute(0),
    };
    let grown = ["grow-standby", "promote-database"];
    vec![
        step("grow-standby", grow(like_from(100, Some(6))), &[]),
        only_if(RunIf::Ungraceful, step("fence-old", fence, &[])),
        step(
            "promote-database",
            promote(PromoteMethod::Failover),
            &["fence-old"],
        ),
        step("raise-standby-dial", dial(Side::To, 100), &grown),
        step("flip-dns", flip, &grown),
        step(
            "lower-old-dial",
            dial(Side::From, 0),
            &["raise-standby-dial"],
        ),
        step(
            "verify-write",
            check("${application.write_check_url}?at=${to.region}"),
            &["raise-standby-dial", "flip-dns"],
        ),
        only_if(
            RunIf::Ungraceful,
            step("isolate-old", isolate, &["verify-write"]),
        ),
    ]
}

/// A request that one may change before planning.
#[derive(Clone, Debug)]
struct Desk {
    app: Application,
    runbook: Runbook,
    kind: RunKind,
    state: State,
    fresh: Option<Traffic>,
    data_loss: Option<DataLossGrant>,
    now: Wall,
}

impl Desk {
    fn with(steps: Vec<RunbookStep>) -> Self {
        let mut app = application();
        let var = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        app.vars = var("write_check_url", "https://shop.example.com/write");
        app.regions[0].vars = var("fence_url", "https://fence.example.com/");
        let recorded = |cluster: &str, size| {
            let seen = Seen {
                value: size,
                at: Wall(1_000),
            };
            BTreeMap::from([(format!("{cluster}/web"), seen)])
        };
        let known = AppState {
            epoch: Epoch(6),
            capacity: BTreeMap::from([
                (FROM.into(), recorded("shop-eu-west-1", size(3, 10, 20))),
                (TO.into(), recorded("shop-eu-central-1", size(1, 2, 12))),
            ]),
            lag: BTreeMap::from([(
                TO.into(),
                vec![LagSample {
                    at: Wall(2_000),
                    lag: Millis(700),
                }],
            )]),
            ..AppState::default()
        };
        Self {
            app,
            runbook: Runbook {
                name: "active-passive".into(),
                description: String::new(),
                kinds: BTreeSet::from([RunKind::Failover, RunKind::Switchover]),
                objective: Objective {
                    rto: Millis::from_mins(5),
                    rpo: Millis::from_secs(10),
                },
                steps,
                traffic_before_data: None,
            },
            kind: RunKind::Failover,
            state: State {
                apps: BTreeMap::from([("shop".into(), known)]),
                ..State::default()
            },
            fresh: Some(traffic()),
            data_loss: Some(DataLossGrant::WithinRpo {
                lag: Millis(700),
                rpo_max: Millis(10_000),
            }),
            now: Wall(10_000),
        }
    }

    fn known(&mut self) -> &mut AppState {
        self.state.apps.get_mut(&AppId::from("shop")).unwrap()
    }

    fn plan(&self) -> Result<Plan, HoldReason> {
        plan(&PlanRequest {
            carriers: &[],
            app: &self.app,
            runbook: &self.runbook,
            kind: self.kind,
            from: &FROM.into(),
            to: &TO.into(),
            state: &self.state,
            fresh: self.fresh.as_ref().map(|traffic| (traffic, Wall(9_000))),
            epoch: Epoch(7),
            data_loss: self.data_loss.clone(),
            now: self.now,
        })
    }

    fn intent(&self, id: &str) -> Intent {
        let plan = self.plan().unwrap();
        plan.step(&id.into()).unwrap().intent.clone()
    }

    fn refusal(&self) -> String {
        self.plan().unwrap_err().to_string()
    }
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn the_failover_of_the_blueprint() {
    let plan = Desk::with(active_passive()).plan().unwrap();
    let told: String = plan
        .steps
        .iter()
        .map(|step| {
            let needs: Vec<&str> = step.needs.iter().map(StepId::as_str).collect();
            let before = step.before.as_deref().unwrap_or("-");
            let effort = if step.best_effort {
                ", best effort"
            } else {
                ""
            };
            format!(
                "{} [{}]: {} (before: {before}{effort})\n",
                step.id,
                needs.join(", "),
                step.intent
            )
        })
        .chain(
            plan.notes
                .iter()
                .map(|note| format!("{}: {}\n", note.seen_at.0, note.text)),
        )
        .collect();
    insta::assert_snapshot!(told, @r"
    grow-standby []: shop-eu-central-1/web in eu-central-1 to 10 nodes (before: 2 nodes of 2)
    fence-old []: POST https://fence.example.com/ (before: -)
    promote-database [fence-old]: writer of shop-global to eu-central-1 (failover) (before: -)
    raise-standby-dial [grow-standby, promote-database]: dial of eu-central-1 to 100 % (before: dial 0 %)
    flip-dns [grow-standby, promote-database]: shop.example.com. answers eu-central-1 first (before: eu-west-1 is PRIMARY)
    lower-old-dial [raise-standby-dial]: dial of eu-west-1 to 0 % (before: dial 100 %, best effort)
    verify-write [raise-standby-dial, flip-dns]: GET https://shop.example.com/write?at=eu-central-1 answers as expected (before: -)
    isolate-old [verify-write]: endpoint weights of eu-west-1 to 0 (before: endpoint weights 128, 64, best effort)
    2000: eu-central-1 was 700ms behind
    1000: shop-eu-central-1/web in eu-central-1 had 2 of 2 nodes, at least 1, at most 12
    1000: shop-eu-west-1/web in eu-west-1 had 10 of 10 nodes, at least 3, at most 20
    9000: the dial of eu-central-1 stood at 0 %
    9000: the dial of eu-west-1 stood at 100 %
    9000: the record sets of shop.example.com. A were read
    ");
}

#[test]
fn a_switchover_has_its_own_steps_and_loses_nothing() {
    let mut desk = Desk::with(active_passive());
    desk.kind = RunKind::Switchover;
    let plan = desk.plan().unwrap();
    assert!(!ids(&plan).contains(&"fence-old") && !ids(&plan).contains(&"isolate-old"));
    let promote = plan.step(&"promote-database".into()).unwrap();
    assert_eq!(promote.needs, []);
    assert!(matches!(
        promote.intent,
        Intent::AuroraPromote {
            method: Promotion::Switchover,
            escalate_after: None,
            ..
        }
    ));
    assert_eq!(plan.data_loss, None);
    assert!(plan.steps.iter().all(|step| !step.best_effort));
}

#[test]
fn data_is_lost_only_on_somebodys_word() {
    let mut desk = Desk::with(vec![step("p", promote(PromoteMethod::Failover), &[])]);
    assert!(desk.plan().is_ok());
    desk.data_loss = None;
    assert_eq!(desk.plan().unwrap_err().code(), "lag_unknown");

    let bounded = promote(PromoteMethod::SwitchoverThenFailover);
    let mut desk = Desk::with(vec![step("p", bounded, &[])]);
    let escalates = |desk: &Desk| match desk.intent("p") {
        Intent::AuroraPromote {
            method: Promotion::Switchover,
            escalate_after,
            ..
        } => escalate_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(escalates(&desk), Some(Millis::from_mins(2)));
    desk.data_loss = None;
    assert_eq!(escalates(&desk), None);

    desk.kind = RunKind::Switchover;
    desk.data_loss = Some(DataLossGrant::Operator("ada".into()));
    assert_eq!(escalates(&desk), None);
    let lossy = ActionSpec::AuroraPromote {
        region: Side::To,
        graceful: PromoteMethod::Failover,
        ungraceful: PromoteMethod::Failover,
        switchover_timeout: Millis(1),
    };
    desk.runbook.steps = vec![step("p", lossy, &[])];
    assert_eq!(
        desk.refusal(),
        "no plan can be made: step p: a switchover loses nothing: set `graceful = \"switchover\"`"
    );
}

#[test]
fn a_node_group_grows_to_its_peer_and_never_shrinks() {
    let sized = |size: SizeSpec, change: fn(&mut AppState)| {
        let mut desk = Desk::with(vec![step("grow", grow(size), &[])]);
        change(desk.known());
        match desk.intent("grow") {
            Intent::ScaleNodegroup {
                min,
                desired,
                max,
                ready,
                min_ready,
                ..
            } => (min, desired, max, ready, min_ready),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        sized(like_from(100, None), |_| ()),
        (10, 10, 12, 6, Some(2))
    );
    assert_eq!(sized(like_from(45, None), |_| ()), (5, 5, 12, 3, Some(1)));
    assert_eq!(sized(SizeSpec::Absolute(1), |_| ()), (1, 2, 12, 2, Some(1)));
    assert_eq!(
        sized(like_from(200, Some(6)), |known| known.capacity.clear()),
        (6, 6, 6, 4, Some(2))
    );
    let nothing = |known: &mut AppState| known.capacity.clear();
    assert_eq!(sized(SizeSpec::Absolute(0), nothing), (0, 0, 1, 0, Some(0)));

    let mut desk = Desk::with(vec![step("grow", grow(like_from(100, None)), &[])]);
    desk.known().capacity.clear();
    assert_eq!(
        desk.refusal(),
        "no plan can be made: step grow: no size of shop-eu-west-1/web in eu-west-1 was ever recorded: add a `fallback` to the step"
    );
}

#[test]
fn a_step_over_several_node_groups_becomes_several_steps() {
    let mut steps = vec![
        step("grow", grow(SizeSpec::Absolute(4)), &[]),
        step("again", grow(SizeSpec::Absolute(4)), &[]),
        step("then", wait(), &["grow"]),
    ];
    steps[0].or_else = Some("again".into());
    let mut desk = Desk::with(steps);
    desk.app.regions[1].resources.nodegroups.push(NodegroupRef {
        cluster: "shop-eu-central-1".into(),
        name: "jobs".into(),
    });
    let plan = desk.plan().unwrap();
    assert_eq!(
        ids(&plan),
        ["grow/web", "grow/jobs", "again/web", "again/jobs", "then"]
    );
    assert_eq!(
        plan.step(&"then".into()).unwrap().needs,
        ["grow/web".into(), "grow/jobs".into()]
    );
    let stand_in = plan.step(&"again/jobs".into()).unwrap();
    assert_eq!(stand_in.stands_in_for, Some("grow/jobs".into()));
    let original = plan.step(&"grow/jobs".into()).unwrap();
    assert_eq!(original.or_else, Some("again/jobs".into()));

    desk.runbook.steps[1].action = wait();
    assert!(desk.refusal().contains("covers 1 resources, not 2"));
}

#[test]
fn the_flip_deletes_what_was_read_and_swaps_the_roles_alone() {
    let flip = ActionSpec::Route53Failover { primary: Side::To };
    let mut desk = Desk::with(vec![step("flip", flip, &[])]);
    let read = traffic().records;
    let new_epoch = epoch_record(NAME, &"shop".into(), Epoch(7));
    let swapped = vec![
        record(TO, FailoverRole::Primary),
        record(FROM, FailoverRole::Secondary),
        new_epoch.clone(),
    ];
    let Intent::Route53Failover {
        delete,
        create,
        epoch_name,
        ..
    } = desk.intent("flip")
    else {
        panic!("not a flip");
    };
    let sorted = |sets: &[RecordSet]| sets.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&delete), sorted(&read));
    assert_eq!(create, swapped);
    assert_eq!(epoch_name, "_failoverd.shop.example.com.");

    let plan = desk.plan().unwrap();
    assert_eq!(
        plan.steps[0].before.as_deref(),
        Some("eu-west-1 is PRIMARY")
    );
    let Some(Intent::Route53Failover { delete, create, .. }) = &plan.steps[0].restore else {
        panic!("nothing to give back");
    };
    assert_eq!(delete, &swapped);
    assert_eq!(create.last(), Some(&new_epoch));
    assert_eq!(sorted(&create[..2]), sorted(&read[..2]));

    // Right already: only the claim moves.
    desk.fresh = Some(Traffic {
        records: vec![
            record(TO, FailoverRole::Primary),
            record(FROM, FailoverRole::Secondary),
        ],
        groups: Vec::new(),
        routing: Vec::new(),
    });
    let Intent::Route53Failover { delete, create, .. } = desk.intent("flip") else {
        panic!("not a flip");
    };
    assert_eq!((delete, create), (Vec::new(), vec![new_epoch]));
    assert_eq!(desk.plan().unwrap().steps[0].restore, None);
}

#[test]
fn what_a_plan_lacks_is_named_with_its_place() {
    type Change = fn(&mut Desk);
    let cases: [(&str, Change); 11] = [
        ("no template", |d| {
            d.runbook.steps = vec![step("c", check("${to.hook}"), &[])];
        }),
        ("no such side", |d| {
            d.runbook.steps = vec![step("c", check("x${there.hook}"), &[])];
        }),
        ("open template", |d| {
            d.runbook.steps = vec![step("c", check("x${to.hook"), &[])];
        }),
        ("no cluster", |d| {
            d.app.regions[1].resources.db_cluster_arn = None;
        }),
        ("no group", |d| {
            d.app.regions[1].resources.endpoint_group_arn = None;
        }),
        ("no node groups", |d| {
            d.app.regions[1].resources.nodegroups.clear();
        }),
        ("no records", |d| d.fresh = None),
        ("no such record", |d| {
            d.app.regions[1].resources.record_set_identifier = Some("x".into());
        }),
        ("newer epoch", |d| {
            let records = &mut d.fresh.as_mut().unwrap().records;
            records[2] = epoch_record(NAME, &"shop".into(), Epoch(7));
        }),
        ("dangling", |d| {
            d.runbook.steps = vec![step("a", wait(), &["b"])];
        }),
        ("circle", |d| {
            d.runbook.steps = vec![step("a", wait(), &["b"]), step("b", wait(), &["a"])];
        }),
    ];
    let told: String = cases
        .iter()
        .map(|(name, change)| {
            let mut desk = Desk::with(active_passive());
            change(&mut desk);
            format!("{name}: {}\n", desk.refusal())
        })
        .collect();
    insta::assert_snapshot!(told, @r"
    no template: no plan can be made: step c: `${to.hook}` has no value: add `hook` to the `vars` of the Region `eu-central-1`
    no such side: no plan can be made: step c: `${there.hook}` names nothing: it must begin with `application.`, `from.` or `to.`
    open template: no plan can be made: step c: `${to.hook` is not closed: write `}` after the name
    no cluster: no plan can be made: step promote-database: add `db_cluster_arn` to the Region `eu-central-1`
    no group: no plan can be made: step raise-standby-dial: add `endpoint_group_arn` to the Region `eu-central-1`
    no node groups: no plan can be made: step grow-standby: add a `nodegroup` to the Region `eu-central-1`
    no records: no plan can be made: step flip-dns: the record sets were never read: see that Route 53 can be read
    no such record: no plan can be made: step flip-dns: shop.example.com. A has no record set `x` among those read: make it in Route 53, or mend `record_set_identifier` of eu-central-1
    newer epoch: no plan can be made: step flip-dns: epoch 7 stands in _failoverd.shop.example.com., this run would be 7: a newer run has acted, the ledger here is behind
    dangling: no plan can be made: step a: it needs b, and the runbook has no such step
    circle: no plan can be made: step a: these steps need each other: a, b
    ");
}

#[test]
fn what_was_never_seen_of_the_lost_region_stands_in_nobodys_way() {
    let mut desk = Desk::with(active_passive());
    desk.fresh.as_mut().unwrap().groups.clear();
    desk.runbook
        .steps
        .push(step("last", wait(), &["isolate-old"]));
    let plan = desk.plan().unwrap();
    assert!(!ids(&plan).contains(&"isolate-old"));
    assert_eq!(
        plan.step(&"last".into()).unwrap().needs,
        ["verify-write".into()]
    );
    assert!(
        plan.notes
            .iter()
            .any(|note| note.text.starts_with("isolate-old is left out"))
    );
    let lowered = plan.step(&"lower-old-dial".into()).unwrap();
    assert_eq!((lowered.best_effort, &lowered.restore), (true, &None));
    assert_eq!(lowered.on_failure, OnFailure::Continue);
}

#[test]
fn a_stand_in_goes_with_the_step_it_stands_in_for() {
    let mut steps = vec![
        only_if(RunIf::Graceful, step("a", wait(), &[])),
        step("b", wait(), &[]),
        step("c", wait(), &["b"]),
    ];
    steps[0].or_else = Some("b".into());
    assert_eq!(ids(&Desk::with(steps.clone()).plan().unwrap()), ["c"]);
    let mut desk = Desk::with(steps);
    desk.kind = RunKind::Switchover;
    assert_eq!(ids(&desk.plan().unwrap()), ["a", "b", "c"]);
}

#[test]
fn users_are_not_sent_where_every_endpoint_weight_is_0() {
    let shut = |desk: &mut Desk| {
        let traffic = desk.fresh.as_mut().unwrap();
        for endpoint in &mut traffic.groups[1].1.endpoints {
            endpoint.weight = 0;
        }
    };
    let mut desk = Desk::with(vec![step("raise", dial(Side::To, 100), &[])]);
    shut(&mut desk);
    let why = desk.refusal();
    assert!(
        why.contains("every endpoint weight of eu-central-1 is 0"),
        "{why}"
    );
    assert!(
        why.contains("give its endpoints their weights back"),
        "{why}"
    );
    // Nothing is wrong with shutting it, nor where the run itself gives weights back.
    desk.runbook.steps = vec![step("lower", dial(Side::To, 0), &[])];
    desk.plan().unwrap();
    let open = ActionSpec::Weight {
        region: Side::To,
        weight: WeightSpec::Absolute(128),
    };
    let raise = step("raise", dial(Side::To, 100), &["open"]);
    desk.runbook.steps = vec![step("open", open, &[]), raise];
    desk.plan().unwrap();
    desk.runbook.steps[0].run_if = Some(RunIf::Graceful);
    assert!(
        desk.plan().is_err(),
        "a step that this run does not have gave weights"
    );
}

#[test]
fn the_next_sample_of_the_lag_makes_the_same_plan_and_another_person_does_not() {
    let mut desk = Desk::with(active_passive());
    let hash = |desk: &Desk| desk.plan().unwrap().hash;
    let looked_at = hash(&desk);
    desk.now = Wall(70_000);
    desk.data_loss = Some(DataLossGrant::WithinRpo {
        lag: Millis(900),
        rpo_max: Millis(10_000),
    });
    desk.known().lag.insert(
        TO.into(),
        vec![LagSample {
            at: Wall(62_000),
            lag: Millis(900),
        }],
    );
    assert_eq!(hash(&desk), looked_at);
    let mut others = Vec::new();
    for grant in [
        DataLossGrant::Operator("ada".to_owned()),
        DataLossGrant::Operator("bob".to_owned()),
        DataLossGrant::AskedBy("ada".to_owned()),
    ] {
        desk.data_loss = Some(grant);
        others.push(hash(&desk));
    }
    others.push(looked_at);
    let different: BTreeSet<&PlanHash> = others.iter().collect();
    assert_eq!(different.len(), others.len());
}

#[test]
fn recorded_traffic_serves_where_it_could_not_be_read() {
    let mut desk = Desk::with(active_passive());
    let fresh = desk.plan().unwrap();
    desk.known().traffic = Some(Seen {
        value: desk.fresh.take().unwrap(),
        at: Wall(500),
    });
    let recorded = desk.plan().unwrap();
    assert_eq!(recorded.hash, fresh.hash);
    assert_ne!(recorded.notes, fresh.notes);
}

fn action(index: u8) -> ActionSpec {
    match index {
        0 => dial(Side::To, 100),
        1 => dial(Side::From, 0),
        2 => ActionSpec::Weight {
            region: Side::From,
            weight: WeightSpec::Absolute(0),
        },
        3 => ActionSpec::Route53Failover { primary: Side::To },
        4 => promote(PromoteMethod::Failover),
        5 => grow(like_from(80, Some(3))),
        6 => check("https://${to.name}/"),
        _ => wait(),
    }
}

/// A runbook of up to twelve steps: `(action, needs among earlier steps, run_if, else)`.
fn steps() -> impl Strategy<Value = Vec<RunbookStep>> {
    let one = (
        0u8..8,
        any::<u16>(),
        proptest::option::weighted(0.3, proptest::bool::ANY),
        proptest::bool::weighted(0.2),
    );
    proptest::collection::vec(one, 1..12).prop_map(|drawn| {
        let name = |index: usize| StepId(format!("s{index}"));
        let mut stands_in = BTreeSet::new();
        let mut steps: Vec<RunbookStep> = Vec::new();
        for (index, (which, needs, run_if, has_else)) in drawn.iter().enumerate() {
            // A stand-in is as its original but for its name and place.
            let original = *has_else && index > 0 && !stands_in.contains(&(index - 1));
            let mut made = step("", action(*which), &[]);
            made.id = name(index);
            made.needs = (0..index)
                .filter(|other| needs & (1 << other) != 0 && !(original && *other == index - 1))
                .map(name)
                .collect();
            made.run_if = run_if.map(|graceful| match graceful {
                true => RunIf::Graceful,
                false => RunIf::Ungraceful,
            });
            if original {
                made.action = steps[index - 1].action.clone();
                steps[index - 1].or_else = Some(made.id.clone());
                stands_in.insert(index);
            }
            steps.push(made);
        }
        steps
    })
}

fn desk() -> impl Strategy<Value = Desk> {
    let groups = 1usize..4;
    (steps(), any::<bool>(), any::<bool>(), groups).prop_map(|(steps, graceful, known, groups)| {
        let mut desk = Desk::with(steps);
        if graceful {
            desk.kind = RunKind::Switchover;
        }
        if !known {
            desk.fresh.as_mut().unwrap().groups.clear();
        }
        for region in &mut desk.app.regions {
            for n in 1..groups {
                region.resources.nodegroups.push(NodegroupRef {
                    cluster: "more".into(),
                    name: format!("g{n}"),
                });
            }
        }
        desk
    })
}

proptest! {
    /// Whatever is authored, a plan holds together.
    #[test]
    fn a_plan_holds_together(desk in desk()) {
        let Ok(plan) = desk.plan() else {
            // Only the unknown endpoints of a Region that lives can stand in the way here.
            prop_assert!(desk.kind.is_graceful() && desk.fresh.unwrap().groups.is_empty());
            return Ok(());
        };
        let mut placed = BTreeSet::new();
        for step in &plan.steps {
            for first in step.needs.iter().chain(&step.stands_in_for) {
                prop_assert!(placed.contains(first), "{} before {first}", step.id);
            }
            prop_assert!(placed.insert(&step.id), "{} twice", step.id);
            if let Some(stand_in) = &step.or_else {
                let stand_in = plan.step(stand_in).unwrap();
                prop_assert_eq!(stand_in.stands_in_for.as_ref(), Some(&step.id));
            }
            if let Some(original) = &step.stands_in_for {
                let original = plan.step(original).unwrap();
                prop_assert_eq!(original.or_else.as_ref(), Some(&step.id));
            }
            prop_assert!(!step.best_effort || !plan.kind.is_graceful());
            prop_assert!(!step.best_effort || step.on_failure == OnFailure::Continue);
            if let Intent::AuroraPromote { method: Promotion::FailoverWithDataLoss, .. } = step.intent {
                prop_assert!(plan.data_loss.is_some());
            }
        }
    }

    /// The hash is over the choices: neither the hour nor the notes change it, and any choice does.
    #[test]
    fn the_hash_is_over_the_choices(desk in desk(), later in 0u64..1_000_000) {
        if let Ok(plan) = desk.plan() {
            let mut other = desk.clone();
            other.now = Wall(later);
            other.known().lag.clear();
            prop_assert_eq!(&plan.hash, &other.plan().unwrap().hash);
            prop_assert_eq!(plan.hash.as_str().len(), 64);
            other.runbook.steps[0].timeout = Millis(1);
            let changed = other.plan().unwrap();
            prop_assert_eq!(plan.steps == changed.steps, plan.hash == changed.hash);
        }
    }

    /// No group is planned smaller than it was last seen, nor out of its own bounds.
    #[test]
    fn nothing_is_made_smaller(
        (min, desired, max) in (0u32..9, 0u32..9, 0u32..9),
        (from, percent) in (0u32..30, 1u16..300),
        absolute in proptest::option::of(0u32..30),
    ) {
        let desired = min + desired;
        let present = size(min, desired, (desired + max).max(1));
        let wanted = absolute.map_or(like_from(percent, None), SizeSpec::Absolute);
        let mut desk = Desk::with(vec![step("grow", grow(wanted), &[])]);
        for (region, size) in [(FROM, size(0, from, 40)), (TO, present)] {
            let groups = desk.known().capacity.get_mut(&RegionId::from(region)).unwrap();
            groups.values_mut().for_each(|seen| seen.value = size);
        }
        let Intent::ScaleNodegroup { min, desired, max, ready, min_ready, .. } = desk.intent("grow")
        else {
            panic!("not a scaling");
        };
        prop_assert!(min >= present.min && desired >= present.desired && max >= present.max);
        prop_assert!(min <= desired && desired <= max && max >= 1);
        prop_assert!(min_ready <= Some(ready) && ready <= desired);
        prop_assert!(ready >= 1 || desired == 0);
    }

    /// Swapping there and back is as nothing, whichever roles stood there.
    #[test]
    fn swapping_twice_is_as_nothing(from_primary in any::<bool>()) {
        let app = application();
        let dns = app.resources.dns.as_ref().unwrap();
        let (from, to) = (&app.regions[0], &app.regions[1]);
        let mut there = traffic();
        there.records.truncate(2);
        if !from_primary {
            there.records = vec![
                record(TO, FailoverRole::Primary),
                record(FROM, FailoverRole::Secondary),
            ];
        }
        let sorted = |sets: &[RecordSet]| sets.iter().cloned().collect::<BTreeSet<_>>();
        let (first, second) = if from_primary { (to, from) } else { (from, to) };
        let gone = dns::swap(dns, &there, first, second).unwrap();
        let moved = Traffic { records: gone.swapped.clone(), groups: Vec::new(), routing: Vec::new() };
        let back = dns::swap(dns, &moved, second, first).unwrap();
        prop_assert_eq!(sorted(&back.swapped), sorted(&there.records));
        prop_assert_eq!(sorted(&back.read), sorted(&gone.swapped));
        // And what stands right is left alone.
        prop_assert_eq!(dns::swap(dns, &moved, first, second).unwrap(), dns::Swap::default());
    }
}
