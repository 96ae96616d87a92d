//! Routing controls: one call, from another endpoint at each run, never at the Region that is fled.

use super::*;

const RULE: &str = "arn:aws:route53-recovery-control::111122223333:controlpanel/p/safetyrule/r";

fn arn(region: &str) -> String {
    format!("arn:aws:route53-recovery-control::111122223333:controlpanel/p/routingcontrol/{region}")
}

fn state(region: &str, on: bool) -> RoutingState {
    RoutingState {
        region: region.into(),
        arn: arn(region),
        on,
    }
}

/// An application with routing controls, whose cluster has an endpoint in the Region that is left.
fn desk() -> Desk {
    let mut desk = Desk::with(vec![step(
        "switch",
        ActionSpec::RoutingControl {
            on: Side::To,
            off: Side::From,
            override_safety_rules: vec![RULE.to_owned()],
        },
        &[],
    )]);
    let endpoints = [
        FROM,
        "us-east-1",
        "us-west-2",
        "ap-northeast-1",
        "ap-southeast-2",
    ];
    desk.app.resources.routing_cluster = Some(RoutingCluster {
        endpoints: endpoints
            .map(|region| ClusterEndpoint {
                region: region.into(),
                url: format!("https://{region}.example.com/v1"),
            })
            .to_vec(),
    });
    for region in &mut desk.app.regions {
        region.resources.routing_control_arn = Some(arn(region.name.as_str()));
    }
    desk
}

/// Where it is tried in turn, how each control is wanted, and what is overridden.
fn switch(intent: Intent) -> (Vec<String>, Vec<RoutingState>, Vec<String>) {
    let Intent::RoutingControl {
        endpoints,
        states,
        override_safety_rules,
    } = intent
    else {
        panic!("{intent:?}");
    };
    let regions = endpoints.into_iter().map(|e| e.region.0).collect();
    (regions, states, override_safety_rules)
}

#[test]
fn both_controls_in_one_call_and_back_as_they_were() {
    let desk = desk();
    let plan = desk.plan().unwrap();
    let step = &plan.steps[0];
    let (regions, states, rules) = switch(step.intent.clone());
    assert_eq!(states, [state(TO, true), state(FROM, false)]);
    assert_eq!(rules, [RULE]);
    // The fled Region's own endpoint is not asked; each run begins with another.
    assert_eq!(regions.len(), 4);
    assert!(!regions.contains(&FROM.to_owned()));
    let (back_at, back, _) = switch(step.restore.clone().unwrap());
    assert_eq!(back, [state(TO, false), state(FROM, true)]);
    assert_eq!(back_at, regions);
    assert_eq!(
        step.before.as_deref(),
        Some(format!("{TO} Off, {FROM} On").as_str())
    );
}

#[test]
fn each_run_begins_with_another_endpoint_and_a_planned_one_may_ask_all() {
    let mut desk = desk();
    let mut firsts = BTreeSet::new();
    for epoch in 7..11 {
        let plan = plan(&PlanRequest {
            app: &desk.app,
            runbook: &desk.runbook,
            kind: desk.kind,
            from: &FROM.into(),
            to: &TO.into(),
            state: &desk.state,
            fresh: None,
            epoch: Epoch(epoch),
            data_loss: None,
            carriers: &[],
            now: desk.now,
        });
        let intent = plan.unwrap().steps.remove(0).intent;
        firsts.insert(switch(intent).0[0].clone());
    }
    assert_eq!(firsts.len(), 4);
    desk.kind = RunKind::Switchover;
    let (regions, _, _) = switch(desk.intent("switch"));
    assert_eq!(regions.len(), 5);
    assert!(regions.contains(&FROM.to_owned()));
}

#[test]
fn what_was_never_read_is_not_given_back_and_neither_is_nothing() {
    let mut desk = desk();
    let routing = |desk: &mut Desk, states| desk.fresh.as_mut().unwrap().routing = states;
    for states in [
        Vec::new(),
        vec![(RegionId::from(FROM), true)],
        vec![(RegionId::from(FROM), false), (RegionId::from(TO), false)],
    ] {
        routing(&mut desk, states);
        let plan = desk.plan().unwrap();
        assert_eq!(plan.steps[0].restore, None);
    }
    // Somebody has let users into both: that is what is given back.
    routing(&mut desk, vec![(FROM.into(), true), (TO.into(), true)]);
    let plan = desk.plan().unwrap();
    let (_, back, _) = switch(plan.steps[0].restore.clone().unwrap());
    assert!(back.iter().all(|state| state.on));
}

#[test]
fn one_control_for_both_regions_is_refused() {
    let mut desk = desk();
    for region in &mut desk.app.regions {
        region.resources.routing_control_arn = Some(arn("both"));
    }
    let refused = desk.plan().unwrap_err().to_string();
    assert!(refused.contains("the same routing control"), "{refused}");
}

#[test]
fn a_cluster_or_a_control_that_is_not_configured_is_named() {
    let mut without = desk();
    without.app.resources.routing_cluster = None;
    let refused = without.plan().unwrap_err().to_string();
    assert!(
        refused.contains("[application.routing_controls]"),
        "{refused}"
    );
    let mut without = desk();
    without.app.regions[1].resources.routing_control_arn = None;
    let refused = without.plan().unwrap_err().to_string();
    assert!(refused.contains("routing_control_arn"), "{refused}");
}
