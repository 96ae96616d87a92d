//! `route53.failover`: the compare-and-swap batch.

use failoverd::model::{Intent, Millis};
use failoverd::ports::{Actuator, CallOutcome, Goal};
use failoverd::sandbox::Fault;

use crate::stage::{Stage, is_busy, is_impossible, is_refused};

#[tokio::test]
async fn records_flip_and_flip_back() {
    let stage = Stage::new().await;
    for epoch in [1, 2] {
        let intent = stage.flip(epoch).await;
        stage.moves(&intent).await;
    }
    assert_eq!(stage.writes().len(), 2);
    assert!(
        stage
            .writes()
            .iter()
            .all(|w| w.region.as_str() == "us-east-1")
    );
    assert!(!stage.sandbox.world().ever_unresolvable());
}

#[tokio::test]
async fn a_stale_plans_batch_fails_whole() {
    let stage = Stage::new().await;
    let intent = stage.flip(1).await;
    stage.sandbox.inject(Fault::RecordChangedBy {
        name: stage.name(),
        ttl: 17,
    });
    let before = stage
        .actuator
        .read_traffic(&stage.application.name)
        .await
        .unwrap();
    let observation = stage.observe(&intent).await;
    assert!(is_impossible(&observation, "drifted"), "{observation:?}");
    let outcome = stage.apply(&intent).await;
    assert!(is_refused(&outcome, "InvalidChangeBatch"), "{outcome:?}");
    let after = stage
        .actuator
        .read_traffic(&stage.application.name)
        .await
        .unwrap();
    assert_eq!(before, after);
    stage.nothing_unknown();
}

#[tokio::test]
async fn an_overtaken_plan_sees_the_newer_epoch() {
    let stage = Stage::new().await;
    let old = stage.flip(3).await;
    let new = stage.flip(4).await;
    assert_eq!(stage.apply(&new).await, CallOutcome::Accepted);
    assert_eq!(stage.observe(&old).await.goal, Goal::StaleEpoch { seen: 4 });
    let outcome = stage.apply(&old).await;
    assert!(
        matches!(
            outcome,
            CallOutcome::Refused { .. } | CallOutcome::Busy { .. }
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_zone_takes_one_batch_at_a_time() {
    let stage = Stage::with(
        |setup| setup.delays.route53_serialised = Millis::from_mins(60),
        |_| {},
    )
    .await;
    let first = stage.flip(1).await;
    assert_eq!(stage.apply(&first).await, CallOutcome::Accepted);
    let second = stage.flip(2).await;
    let outcome = stage.apply(&second).await;
    assert!(is_busy(&outcome, "PriorRequestNotComplete"), "{outcome:?}");
    assert_eq!(stage.writes().len(), 2, "nothing was sent again by itself");
}

#[tokio::test]
async fn a_zone_that_does_not_exist_is_impossible() {
    let stage = Stage::new().await;
    let mut intent = stage.flip(1).await;
    if let Intent::Route53Failover { hosted_zone_id, .. } = &mut intent {
        *hosted_zone_id = "ZGONE".to_owned();
    }
    let observation = stage.observe(&intent).await;
    assert!(
        is_impossible(&observation, "NoSuchHostedZone"),
        "{observation:?}"
    );
    let outcome = stage.apply(&intent).await;
    assert!(is_refused(&outcome, "NoSuchHostedZone"), "{outcome:?}");
}

#[tokio::test]
async fn a_change_that_is_not_insync_is_under_way() {
    let stage = Stage::with(
        |setup| setup.delays.route53_insync = Millis::from_mins(600),
        |_| {},
    )
    .await;
    let intent = stage.flip(1).await;
    stage.apply(&intent).await;
    let observation = stage.observe(&intent).await;
    assert_eq!(observation.goal, Goal::UnderWay, "{observation:?}");
}
