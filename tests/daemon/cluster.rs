//! Three daemons, each with its own folder, port and certificate, and one decision.

use super::stage::STANDBY;
use super::trio::Trio;

#[tokio::test(flavor = "multi_thread")]
async fn three_members_are_one_cluster_and_move_the_application_once() {
    let mut trio = Trio::steady([2, 0, 1]).await;
    trio.stage.untouched();
    trio.stage.lose_home();
    trio.until("every member sees it moved", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("application_active", &[("region", STANDBY)]) && m.phase("cool_down"))
    })
    .await;
    trio.stage.moved_once();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_is_killed_and_another_carries_on() {
    let mut trio = Trio::steady([0, 1, 2]).await;
    let leader = trio.leader().await;
    let mut gate = trio.stage.hold(
        failoverd::sandbox::Service::Rds,
        "FailoverGlobalCluster",
        failoverd::sandbox::HoldPoint::AfterExecution,
    );
    trio.stage.lose_home();
    gate.reached().await;
    trio.kill_9(leader);
    gate.release();
    trio.until("the others see it moved", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("application_active", &[("region", STANDBY)]))
    })
    .await;
    trio.stage.moved_once();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_nothing_is_done_and_every_member_alarms() {
    let mut trio = Trio::steady([1, 2, 0]).await;
    // The two that stand outside of the Region to be lost are needed to agree on it.
    let (inside, returns) = (0, 2);
    trio.kill_9(inside);
    trio.kill_9(returns);
    trio.until("it alarms", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("quorum_lost", &[]) && !m.is("leader", &[]))
    })
    .await;
    trio.stage.lose_home();
    trio.until("it sees the loss", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("vote", &[("region", "eu-west-1"), ("state", "down")]))
    })
    .await;
    trio.stage.untouched();
    // Another one returns: there is a quorum, and the votes of two members outside.
    trio.start(returns);
    trio.until("the two act", |metrics| {
        metrics
            .iter()
            .all(|m| m.is("application_active", &[("region", STANDBY)]))
    })
    .await;
    trio.stage.moved_once();
}
