//! `eks.scale_nodegroup`.

use failoverd::model::{Intent, Millis};
use failoverd::ports::{CallOutcome, Goal};
use failoverd::sandbox::Fault;
use serde_json::json;

use crate::stage::{STANDBY, Stage, is_busy, is_impossible, is_refused, standby};

#[tokio::test]
async fn a_group_grows_node_by_node() {
    let stage = Stage::new().await;
    let intent = stage.scale(6, 6, Some(4));
    let before = stage.observe(&intent).await;
    assert_eq!(before.goal, Goal::NotMet, "{before:?}");
    assert_eq!(stage.apply(&intent).await, CallOutcome::Accepted);
    let mut goals = Vec::new();
    stage
        .until(&intent, |seen| {
            if goals.last() != Some(&seen.goal) {
                goals.push(seen.goal.clone());
            }
            seen.goal == Goal::Met
        })
        .await;
    assert!(!goals.contains(&Goal::NotMet), "{goals:?}");
    let write = &stage.writes()[0];
    assert_eq!(write.region.as_str(), STANDBY);
    assert_eq!(
        write.parameters["scalingConfig"],
        json!({ "minSize": 2, "desiredSize": 6, "maxSize": 12 })
    );
    assert_eq!(write.parameters["clientRequestToken"], "shop-1-step-1");
    stage.nothing_unknown();
}

#[tokio::test]
async fn a_larger_group_is_left_as_it_is() {
    let stage = Stage::with(
        |setup| {
            let group = &mut setup.regions[1].nodegroups[0];
            (group.desired, group.max) = (9, 20);
        },
        |_| {},
    )
    .await;
    let observation = stage.observe(&stage.scale(4, 4, None)).await;
    assert_eq!(observation.goal, Goal::Met, "{observation:?}");
}

#[tokio::test]
async fn a_group_that_is_being_updated_is_busy() {
    let stage = Stage::with(
        |setup| setup.delays.eks_update = Millis::from_mins(60),
        |_| {},
    )
    .await;
    assert_eq!(
        stage.apply(&stage.scale(4, 4, None)).await,
        CallOutcome::Accepted
    );
    let outcome = stage
        .apply_as(
            &stage.scale(6, 6, None),
            2,
            failoverd::model::Variant::AsPlanned,
            &failoverd::ports::Proof::new(|| true),
        )
        .await;
    assert!(is_busy(&outcome, "ResourceInUseException"), "{outcome:?}");
}

#[tokio::test]
async fn want_of_capacity_ends_at_what_there_is() {
    let stage = Stage::new().await;
    stage.sandbox.inject(Fault::NoCapacity {
        region: standby(),
        at_most: 4,
    });
    let intent = stage.scale(6, 6, Some(4));
    assert_eq!(stage.apply(&intent).await, CallOutcome::Accepted);
    let seen = stage
        .until(&intent, |seen| {
            seen.goal == Goal::PartlyMet && seen.seen.contains("AsgInstanceLaunchFailures")
        })
        .await;
    assert!(seen.seen.starts_with("4 of 6 InService"), "{seen:?}");
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_impossible() {
    let stage = Stage::new().await;
    let mut intent = stage.scale(6, 6, None);
    if let Intent::ScaleNodegroup { nodegroup, .. } = &mut intent {
        nodegroup.name = "gone".to_owned();
    }
    let observation = stage.observe(&intent).await;
    assert!(
        is_impossible(&observation, "ResourceNotFoundException"),
        "{observation:?}"
    );
    let outcome = stage.apply(&intent).await;
    assert!(
        is_refused(&outcome, "ResourceNotFoundException"),
        "{outcome:?}"
    );
    assert!(stage.writes().is_empty());
}
