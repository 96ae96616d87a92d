//! `arc.routing_control`: five endpoints, safety rules, and what follows the controls.

use failoverd::model::{
    Application, ClusterEndpoint, Intent, Millis, RegionId, RoutingCluster, RoutingState, Variant,
};
use failoverd::ports::{Actuator, CallOutcome, Goal, Proof};
use failoverd::sandbox::{Change, Fault, RoutingSetup, SandboxSetup, Service};

use crate::stage::{ACTIVE, STANDBY, Stage, active, is_impossible, is_refused, standby};

async fn stage() -> Stage {
    let setup = SandboxSetup::active_passive(ACTIVE, STANDBY, 1).with_routing_controls();
    let routing = setup.routing.clone().unwrap();
    Stage::with(|stands| *stands = setup, |app| furnish(app, &routing)).await
}

/// The application's own names of what stands there.
pub fn furnish(app: &mut Application, routing: &RoutingSetup) {
    app.resources.routing_cluster = Some(RoutingCluster {
        endpoints: endpoints(routing),
    });
    for region in &mut app.regions {
        let control = routing.control_arn(&region.name);
        region.resources.routing_control_arn = control.map(str::to_owned);
    }
}

fn endpoints(routing: &RoutingSetup) -> Vec<ClusterEndpoint> {
    let endpoint = |region: &RegionId| ClusterEndpoint {
        region: region.clone(),
        url: RoutingSetup::endpoint_url(region),
    };
    routing.endpoints.iter().map(endpoint).collect()
}

/// These states, with these rules overridden.
fn set(stage: &Stage, on: [(RegionId, bool); 2], rules: Vec<String>) -> Intent {
    let world = stage.sandbox.world();
    let routing = world.setup().routing.as_ref().unwrap();
    Intent::RoutingControl {
        endpoints: endpoints(routing),
        states: on
            .map(|(region, on)| RoutingState {
                arn: routing.control_arn(&region).unwrap().to_owned(),
                region,
                on,
            })
            .to_vec(),
        override_safety_rules: rules,
    }
}

fn switch(stage: &Stage) -> Intent {
    set(stage, [(standby(), true), (active(), false)], Vec::new())
}

fn down(stage: &Stage, endpoint: usize) {
    let region = stage
        .sandbox
        .world()
        .setup()
        .routing
        .clone()
        .unwrap()
        .endpoints[endpoint]
        .clone();
    stage.sandbox.inject(Fault::HangControlPlane {
        service: Some(Service::RoutingControl),
        region: Some(region),
    });
}

/// Until the failover name answers that Region.
async fn answers(stage: &Stage, region: &RegionId) {
    let world = stage.sandbox.world();
    for _ in 0..10_000 {
        let answer = world
            .timeline()
            .into_iter()
            .rev()
            .find_map(|e| match e.what {
                Change::DnsAnswer { region, .. } => Some(region),
                _ => None,
            });
        if answer.flatten().as_ref() == Some(region) {
            return;
        }
        stage.pause(Millis::from_secs(1)).await;
    }
    panic!("the name never answers {region}");
}

#[tokio::test]
async fn the_name_follows_the_controls_and_no_control_plane_is_asked() {
    let stage = stage().await;
    for service in [Service::Route53, Service::GlobalAccelerator] {
        stage.sandbox.inject(Fault::HangControlPlane {
            service: Some(service),
            region: None,
        });
    }
    answers(&stage, &active()).await;
    stage.moves(&switch(&stage)).await;
    answers(&stage, &standby()).await;
    let back = set(&stage, [(standby(), false), (active(), true)], Vec::new());
    stage.moves(&back).await;
    answers(&stage, &active()).await;
    let writes = stage.writes();
    assert_eq!(writes.len(), 2);
    assert!(writes.iter().all(|w| w.service == Service::RoutingControl));
    assert!(!stage.sandbox.world().ever_all_controls_off());
    assert!(!stage.sandbox.world().ever_unresolvable());
}

#[tokio::test]
async fn endpoints_that_hang_are_passed_by() {
    let stage = stage().await;
    for endpoint in [0, 1, 2, 3] {
        down(&stage, endpoint);
    }
    let intent = switch(&stage);
    let proof = Proof::new(|| true);
    let unknown = stage.apply_as(&intent, 4, Variant::AsPlanned, &proof).await;
    assert!(
        matches!(unknown, CallOutcome::Unknown { .. }),
        "{unknown:?}"
    );
    assert_eq!(stage.observe(&intent).await.goal, Goal::NotMet);
    let outcome = stage.apply_as(&intent, 5, Variant::AsPlanned, &proof).await;
    assert_eq!(outcome, CallOutcome::Accepted);
    assert_eq!(stage.observe(&intent).await.goal, Goal::Met);
    stage.nothing_unknown();
}

#[tokio::test]
async fn traffic_tells_which_are_on() {
    let stage = stage().await;
    let app = &stage.application.name;
    let traffic = stage.actuator.read_traffic(app).await.unwrap();
    assert_eq!(traffic.routing, [(active(), true), (standby(), false)]);
    // The other levers are known without them.
    for endpoint in 0..5 {
        down(&stage, endpoint);
    }
    let traffic = stage.actuator.read_traffic(app).await.unwrap();
    assert_eq!(traffic.routing, []);
    assert!(!traffic.records.is_empty());
}

#[tokio::test]
async fn a_safety_rule_refuses_until_it_is_named() {
    let stage = stage().await;
    stage.sandbox.inject(Fault::RoutingGateShut);
    let refused = stage.apply(&switch(&stage)).await;
    assert!(is_refused(&refused, "safety_rule"), "{refused:?}");
    answers(&stage, &active()).await;
    let world = stage.sandbox.world();
    let rule = world.setup().routing.clone().unwrap().gating_rule_arn;
    let both = [(standby(), true), (active(), false)];
    let outcome = stage.apply(&set(&stage, both, vec![rule])).await;
    assert_eq!(outcome, CallOutcome::Accepted);
    answers(&stage, &standby()).await;
    stage.nothing_unknown();
}

#[tokio::test]
async fn a_control_that_does_not_exist_is_impossible() {
    let stage = stage().await;
    let Intent::RoutingControl {
        endpoints, states, ..
    } = switch(&stage)
    else {
        panic!("another intent");
    };
    let states = states
        .into_iter()
        .map(|state| RoutingState {
            arn: format!("{}0", state.arn),
            ..state
        })
        .collect();
    let wrong = Intent::RoutingControl {
        endpoints,
        states,
        override_safety_rules: Vec::new(),
    };
    let seen = stage.observe(&wrong).await;
    assert!(
        is_impossible(&seen, "ResourceNotFoundException"),
        "{seen:?}"
    );
}
