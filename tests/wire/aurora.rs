//! `aurora.promote`.

use failoverd::model::{Intent, Millis, Promotion, Variant};
use failoverd::ports::{CallOutcome, Goal, Proof};
use failoverd::sandbox::{Fault, LostReply, Service};
use serde_json::json;

use crate::stage::{ACTIVE, STANDBY, Stage, active, is_busy, is_impossible, is_refused, standby};

#[tokio::test]
async fn a_switchover_is_asked_of_the_primary_and_loses_nothing() {
    let stage = Stage::new().await;
    stage.moves(&stage.promote(Promotion::Switchover)).await;
    let writes = stage.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].operation, "SwitchoverGlobalCluster");
    assert_eq!(writes[0].region.as_str(), ACTIVE);
    let world = stage.sandbox.world();
    assert_eq!(world.writers_now(), [standby()]);
    assert!(world.lost_writes().is_empty());
}

#[tokio::test]
async fn a_failover_needs_nothing_of_the_lost_region() {
    let stage = Stage::new().await;
    stage.sandbox.inject(Fault::RegionDown { region: active() });
    stage
        .sandbox
        .inject(Fault::ControlPlaneGone { region: active() });
    stage
        .moves(&stage.promote(Promotion::FailoverWithDataLoss))
        .await;
    let writes = stage.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].operation, "FailoverGlobalCluster");
    assert_eq!(writes[0].region.as_str(), STANDBY);
    assert!(
        writes[0].parameters["AllowDataLoss"] == json!("true")
            || writes[0].parameters["AllowDataLoss"] == json!(true)
    );
    assert!(stage.log().iter().all(|r| r.region != active()));
}

#[tokio::test]
async fn a_cluster_that_is_detached_takes_writes_by_itself() {
    let stage = Stage::new().await;
    stage.sandbox.inject(Fault::RegionDown { region: active() });
    stage
        .sandbox
        .inject(Fault::ControlPlaneGone { region: active() });
    let intent = stage.promote(Promotion::Detach);
    stage.moves(&intent).await;
    let writes = stage.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].operation, "RemoveFromGlobalCluster");
    assert_eq!(writes[0].region.as_str(), STANDBY);
    assert!(stage.log().iter().all(|r| r.region != active()));
    assert_eq!(stage.sandbox.world().writers_now(), [standby()]);
    // Nobody promotes what has left; and what has left is not detached twice.
    let promotion = stage.promote(Promotion::FailoverWithDataLoss);
    assert!(is_impossible(
        &stage.observe(&promotion).await,
        "not_a_member"
    ));
    let again = stage.apply(&intent).await;
    assert!(is_refused(&again, "DBClusterNotFoundFault"), "{again:?}");
    assert_eq!(stage.observe(&intent).await.goal, Goal::Met);
    stage.nothing_unknown();
}

#[tokio::test]
async fn a_promotion_that_came_through_after_all_needs_no_detaching() {
    let stage = Stage::new().await;
    stage.sandbox.inject(Fault::RegionDown { region: active() });
    let promotion = stage.promote(Promotion::FailoverWithDataLoss);
    assert_eq!(stage.apply(&promotion).await, CallOutcome::Accepted);
    let detach = stage.promote(Promotion::Detach);
    // Refused while it is under way, and not for good.
    assert!(is_busy(
        &stage.apply(&detach).await,
        "InvalidGlobalClusterStateFault"
    ));
    stage.until(&detach, |seen| seen.goal == Goal::Met).await;
    assert_eq!(stage.sandbox.world().writers_now(), [standby()]);
}

#[tokio::test]
async fn an_escalated_switchover_is_a_failover() {
    let stage = Stage::new().await;
    stage.sandbox.inject(Fault::RegionDown { region: active() });
    let intent = stage.promote(Promotion::Switchover);
    let outcome = stage
        .apply_as(&intent, 2, Variant::Escalated, &Proof::new(|| true))
        .await;
    assert_eq!(outcome, CallOutcome::Accepted);
    assert_eq!(stage.writes()[0].operation, "FailoverGlobalCluster");
    stage.until(&intent, |seen| seen.goal == Goal::Met).await;
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_the_promotion_is_seen_to_be_under_way() {
    for how in [LostReply::Reset, LostReply::Silence] {
        let stage = Stage::new().await;
        stage.sandbox.inject(Fault::LoseReply {
            service: Service::Rds,
            operation: "FailoverGlobalCluster".to_owned(),
            times: 1,
            how,
        });
        let intent = stage.promote(Promotion::FailoverWithDataLoss);
        let outcome = stage.apply(&intent).await;
        assert!(
            matches!(outcome, CallOutcome::Unknown { .. }),
            "{outcome:?}"
        );
        assert_eq!(stage.writes().len(), 1, "the SDK must not send it again");
        assert!(matches!(
            stage.observe(&intent).await.goal,
            Goal::UnderWay | Goal::Met
        ));
        stage.until(&intent, |seen| seen.goal == Goal::Met).await;
    }
}

#[tokio::test]
async fn a_repetition_of_our_own_promotion_is_busy() {
    let stage = Stage::with(
        |setup| setup.delays.aurora_failover = Millis::from_mins(60),
        |_| {},
    )
    .await;
    let intent = stage.promote(Promotion::FailoverWithDataLoss);
    assert_eq!(stage.apply(&intent).await, CallOutcome::Accepted);
    let outcome = stage.apply(&intent).await;
    assert!(
        matches!(&outcome, CallOutcome::Busy { message, .. } if message.contains("under way already")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_stuck_promotion_stays_under_way() {
    let stage = Stage::with(
        |setup| {
            setup.delays.aurora_pending = Millis(100);
            setup.delays.aurora_failover = Millis(200);
        },
        |_| {},
    )
    .await;
    stage.sandbox.inject(Fault::PromotionStuck);
    let intent = stage.promote(Promotion::FailoverWithDataLoss);
    assert_eq!(stage.apply(&intent).await, CallOutcome::Accepted);
    let seen = stage
        .until(&intent, |seen| seen.seen.contains("failing-over"))
        .await;
    assert_eq!(seen.goal, Goal::UnderWay);
}

#[tokio::test]
async fn what_does_not_exist_is_impossible_and_refused() {
    let stage = Stage::new().await;
    let mut gone = stage.promote(Promotion::FailoverWithDataLoss);
    if let Intent::AuroraPromote { global_cluster, .. } = &mut gone {
        *global_cluster = "gone".to_owned();
    }
    let observation = stage.observe(&gone).await;
    assert!(
        is_impossible(&observation, "GlobalClusterNotFoundFault"),
        "{observation:?}"
    );
    let outcome = stage.apply(&gone).await;
    assert!(
        is_refused(&outcome, "GlobalClusterNotFoundFault"),
        "{outcome:?}"
    );

    let mut stranger = stage.promote(Promotion::FailoverWithDataLoss);
    if let Intent::AuroraPromote { target_arn, .. } = &mut stranger {
        target_arn.push_str("-stranger");
    }
    let observation = stage.observe(&stranger).await;
    assert!(
        is_impossible(&observation, "not_a_member"),
        "{observation:?}"
    );
}

#[tokio::test]
async fn a_switchover_away_from_a_lost_region_never_moves_the_writer() {
    let stage = Stage::new().await;
    stage
        .sandbox
        .inject(Fault::ControlPlaneGone { region: active() });
    let intent = stage.promote(Promotion::Switchover);
    let outcome = stage.apply(&intent).await;
    assert!(
        matches!(outcome, CallOutcome::Unknown { .. }),
        "{outcome:?}"
    );
    assert_eq!(stage.observe(&intent).await.goal, Goal::NotMet);
    assert!(!is_busy(&outcome, "InvalidGlobalClusterStateFault"));
}
