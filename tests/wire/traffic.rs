//! `global_accelerator.dial` and `global_accelerator.weight`.

use failoverd::model::{Application, Endpoint, Intent, Millis, Promotion};
use failoverd::ports::{Actuator, CallOutcome, Goal};
use serde_json::json;

use crate::stage::{Stage, active, is_busy, is_impossible, is_refused, standby};

#[tokio::test]
async fn a_dial_moves() {
    let stage = Stage::new().await;
    stage.moves(&stage.dial(&standby(), 100)).await;
    let writes = stage.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].region.as_str(), "us-west-2");
    assert_eq!(writes[0].parameters["TrafficDialPercentage"], json!(100.0));
    assert!(writes[0].parameters.get("EndpointConfigurations").is_none());
}

#[tokio::test]
async fn a_weight_moves_and_the_rest_of_the_list_stays() {
    let stage = Stage::with(
        |setup| {
            let mut second = setup.regions[0].endpoints[0].clone();
            second.id.push_str("-second");
            second.client_ip_preservation = false;
            second.weight = 7;
            setup.regions[0].endpoints.push(second);
        },
        |_| {},
    )
    .await;
    let world = stage.sandbox.world();
    let there = world.setup().region(&active()).unwrap();
    let intent = Intent::Weight {
        region: active(),
        endpoint_group_arn: there.endpoint_group_arn.clone(),
        endpoints: vec![Endpoint {
            id: there.endpoints[0].id.clone(),
            weight: 0,
            client_ip_preservation: None,
        }],
    };
    stage.moves(&intent).await;
    let traffic = stage
        .actuator
        .read_traffic(&stage.application.name)
        .await
        .unwrap();
    let (_, group) = traffic.groups.iter().find(|(r, _)| *r == active()).unwrap();
    assert_eq!(group.dial_percent, 100);
    assert_eq!(group.endpoints[0].weight, 0);
    assert_eq!(group.endpoints[0].client_ip_preservation, Some(true));
    assert_eq!(group.endpoints[1].weight, 7);
    assert_eq!(group.endpoints[1].client_ip_preservation, Some(false));
}

#[tokio::test]
async fn a_second_change_of_the_accelerator_waits() {
    let stage = Stage::with(
        |setup| setup.delays.accelerator_transaction = Millis::from_mins(60),
        |_| {},
    )
    .await;
    stage.apply(&stage.dial(&standby(), 100)).await;
    let outcome = stage.apply(&stage.dial(&active(), 0)).await;
    assert!(
        is_busy(&outcome, "TransactionInProgressException"),
        "{outcome:?}"
    );
    let untouched = stage.observe(&stage.dial(&active(), 0)).await;
    assert_eq!(untouched.goal, Goal::NotMet);
}

#[tokio::test]
async fn the_last_group_that_serves_is_not_taken_out() {
    let stage = Stage::with(
        |setup| setup.delays.accelerator_transaction = Millis::ZERO,
        |_| {},
    )
    .await;
    let world = stage.sandbox.world();
    let there = world.setup().region(&active()).unwrap();
    let weight = Intent::Weight {
        region: active(),
        endpoint_group_arn: there.endpoint_group_arn.clone(),
        endpoints: there
            .endpoints
            .iter()
            .map(|endpoint| Endpoint {
                id: endpoint.id.clone(),
                weight: 0,
                client_ip_preservation: None,
            })
            .collect(),
    };
    let dial = stage.dial(&active(), 0);
    // The standby's dial stands at 0.
    for intent in [&dial, &weight] {
        let outcome = stage.apply(intent).await;
        assert!(
            matches!(&outcome, CallOutcome::Refused { code, .. } if code == "nothing_would_serve"),
            "{outcome:?}"
        );
    }
    assert!(stage.writes().is_empty());
    stage.apply(&stage.dial(&standby(), 100)).await;
    for intent in [&dial, &weight] {
        assert_eq!(stage.apply(intent).await, CallOutcome::Accepted);
    }
}

/// `eu-west-1` has lost its data to `eu-central-1`, and its users are shut out.
async fn after_a_failover(change: impl FnOnce(&mut Application)) -> (Stage, Intent) {
    let stage = Stage::with(
        |setup| {
            setup.delays.accelerator_transaction = Millis::ZERO;
            // Long enough to be looked at meanwhile.
            setup.delays.aurora_rejoin = Millis::from_mins(5);
        },
        change,
    )
    .await;
    let weights = |weight| {
        let there = stage.sandbox.world().setup().region(&active()).cloned();
        let there = there.unwrap();
        Intent::Weight {
            region: active(),
            endpoint_group_arn: there.endpoint_group_arn.clone(),
            endpoints: there
                .endpoints
                .iter()
                .map(|endpoint| Endpoint {
                    id: endpoint.id.clone(),
                    weight,
                    client_ip_preservation: None,
                })
                .collect(),
        }
    };
    stage.apply(&stage.dial(&standby(), 100)).await;
    stage.moves(&weights(0)).await;
    let open = weights(100);
    (stage, open)
}

#[tokio::test]
async fn weight_waits_for_a_database_that_is_a_reader_again() {
    let (stage, open) = after_a_failover(|_| {}).await;
    stage.moves(&stage.dial(&active(), 0)).await;
    stage
        .moves(&stage.promote(Promotion::FailoverWithDataLoss))
        .await;
    let apart = stage.observe(&open).await;
    let Goal::Impossible { code, message } = &apart.goal else {
        panic!("{apart:?}");
    };
    assert_eq!(code, "not_a_reader");
    assert!(message.contains("wait until it is rebuilt"), "{message}");
    let before = stage.writes().len();
    let outcome = stage.apply(&open).await;
    assert!(is_refused(&outcome, "not_a_reader"), "{outcome:?}");
    assert_eq!(stage.writes().len(), before);
    // Rebuilt, it is a standby like any other.
    stage.until(&open, |look| look.goal == Goal::NotMet).await;
    stage.moves(&open).await;
}

#[tokio::test]
async fn where_the_dial_is_up_weight_waits_for_the_writer() {
    let (stage, open) = after_a_failover(|_| {}).await;
    stage
        .moves(&stage.promote(Promotion::FailoverWithDataLoss))
        .await;
    let waiting = stage.until(&open, |look| look.goal == Goal::UnderWay).await;
    assert!(
        waiting.seen.contains("its database is a reader"),
        "{waiting:?}"
    );
    let outcome = stage.apply(&open).await;
    assert!(is_busy(&outcome, "not_the_writer_yet"), "{outcome:?}");
    stage.moves(&stage.dial(&active(), 0)).await;
    stage.moves(&open).await;
}

#[tokio::test]
async fn without_a_database_weight_waits_for_nothing() {
    let (stage, open) = after_a_failover(|app| app.resources.global_cluster = None).await;
    stage
        .moves(&stage.promote(Promotion::FailoverWithDataLoss))
        .await;
    stage.moves(&open).await;
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_impossible() {
    let stage = Stage::new().await;
    let world = stage.sandbox.world();
    let intent = Intent::Dial {
        region: standby(),
        endpoint_group_arn: format!(
            "{}/endpoint-group/gone",
            world.setup().accelerator.listener_arn
        ),
        percent: 100,
    };
    let observation = stage.observe(&intent).await;
    assert!(
        is_impossible(&observation, "EndpointGroupNotFoundException"),
        "{observation:?}"
    );
}

#[tokio::test]
async fn a_change_that_has_not_reached_the_edge_is_under_way() {
    let stage = Stage::with(
        |setup| setup.delays.accelerator_deploy = Millis::from_mins(600),
        |_| {},
    )
    .await;
    let intent = stage.dial(&standby(), 100);
    stage.apply(&intent).await;
    let observation = stage.observe(&intent).await;
    assert_eq!(observation.goal, Goal::UnderWay);
    assert_eq!(observation.seen, "dial 100 %, accelerator IN_PROGRESS");
}
