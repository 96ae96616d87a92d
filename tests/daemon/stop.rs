//! SIGTERM: what was begun is journaled, and only then the process ends.

use failoverd::sandbox::{Gate, HoldPoint, Service};
use rustix::process::Signal;

use super::child::{Daemon, Ended};
use super::stage::Stage;

const PROMOTION: &str = "promote-database";

#[tokio::test(flavor = "multi_thread")]
async fn at_peace_it_ends_at_once() {
    let stage = Stage::new().await;
    let daemon = stage.steady().await;
    daemon.signal(Signal::TERM);
    drained(daemon).await;
    let daemon = stage.steady().await;
    daemon.signal(Signal::INT);
    drained(daemon).await;
    stage.untouched();
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_while_it_drains_is_journaled() {
    let stage = Stage::new().await;
    let (mut daemon, gate) = mid_promotion(&stage, HoldPoint::AfterExecution).await;
    daemon.signal(Signal::TERM);
    daemon
        .until("it is not ready, for it drains", async |daemon| {
            let (status, text) = daemon.page("/readyz").await?;
            (status == 503 && text.contains("shutting down")).then_some(())
        })
        .await;
    gate.release();
    drained(daemon).await;
    nothing_inherited(&stage).await;
    stage.moved_once();
    assert_eq!(stage.received("FailoverGlobalCluster"), 1);
    stage.strike().await;
}

/// It does not wait longer than the call itself may.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_comes_is_journaled_as_unknown() {
    let stage = Stage::new().await;
    let (daemon, gate) = mid_promotion(&stage, HoldPoint::BeforeExecution).await;
    daemon.signal(Signal::TERM);
    drained(daemon).await;
    gate.discard();
    nothing_inherited(&stage).await;
    stage.moved_once();
    assert_eq!(stage.received("FailoverGlobalCluster"), 2);
    stage.strike().await;
}

async fn mid_promotion(stage: &Stage, point: HoldPoint) -> (Daemon, Gate) {
    let daemon = stage.steady().await;
    let mut gate = stage.hold(Service::Rds, "FailoverGlobalCluster", point);
    stage.lose_home();
    gate.reached().await.expect("the sandbox runs");
    (daemon, gate)
}

async fn drained(daemon: Daemon) -> Ended {
    let ended = daemon.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    ended
        .log
        .must_say(&["nothing is left between an intent and its outcome"]);
    ended
}

/// The successor finds no step at an intent, so it has no call of a predecessor to wait for; and
/// completes the run.
async fn nothing_inherited(stage: &Stage) {
    // So that its first look at the journal is not already history.
    let reading = stage.hold(
        Service::Rds,
        "DescribeGlobalClusters",
        HoldPoint::BeforeExecution,
    );
    let mut successor = stage.daemon();
    successor.api().await;
    let metrics = successor
        .shows("the run is taken up", |metrics| {
            metrics.doing(PROMOTION, "settling")
        })
        .await;
    assert!(metrics.step(PROMOTION, "unknown"), "{}", metrics.brief());
    reading.release();
    successor
        .shows("the run completes", |metrics| metrics.closed("completed"))
        .await;
}
