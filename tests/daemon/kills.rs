//! kill -9 at every boundary of the journal, then a restart on what it left.
//!
//! ```text
//!  observe ─▶ ① ─▶ intent ─▶ ② ─▶ call is carried out ─▶ ③ ─▶ answer, settling ─▶ ④ ─▶ outcome
//! ```
//!
//! The sandbox holds the request that marks the boundary, so that the kill lands there each time.
//! A request that was received lives on without its sender: it is dropped in ①, ② and ④, and was
//! carried out in ③.

use failoverd::sandbox::{Gate, HoldPoint, Service};

use super::child::{Daemon, Log};
use super::stage::Stage;

/// A step whose call may be made once only.
#[derive(Clone, Copy, Debug)]
struct Step {
    id: &'static str,
    service: Service,
    /// Changes something.
    write: &'static str,
    /// Looks at the goal, before and after.
    read: &'static str,
}

const SCALING: Step = Step {
    id: "grow-standby",
    service: Service::Eks,
    write: "UpdateNodegroupConfig",
    read: "DescribeNodegroup",
};

const PROMOTION: Step = Step {
    id: "promote-database",
    service: Service::Rds,
    write: "FailoverGlobalCluster",
    read: "DescribeGlobalClusters",
};

const FLIP: Step = Step {
    id: "flip-dns",
    service: Service::Route53,
    write: "ChangeResourceRecordSets",
    read: "ListResourceRecordSets",
};

/// Where the daemon is killed.
#[derive(Clone, Copy, Debug)]
enum Boundary {
    BeforeIntent,
    AfterIntent,
    AfterApply,
    BeforeOutcome,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scaling_survives_a_kill_at_every_boundary() {
    at_every_boundary(SCALING).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_promotion_survives_a_kill_at_every_boundary() {
    at_every_boundary(PROMOTION).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flip_survives_a_kill_at_every_boundary() {
    at_every_boundary(FLIP).await;
}

/// All four at the same time, each in a world of its own: most of each is waiting.
async fn at_every_boundary(step: Step) {
    tokio::join!(
        killed(step, Boundary::BeforeIntent),
        killed(step, Boundary::AfterIntent),
        killed(step, Boundary::AfterApply),
        killed(step, Boundary::BeforeOutcome),
    );
}

async fn killed(step: Step, boundary: Boundary) {
    let stage = Stage::new().await;
    let daemon = stage.steady().await;
    let (held, log) = match boundary {
        Boundary::BeforeIntent => before_intent(&stage, daemon, step).await,
        Boundary::AfterIntent => after_intent(&stage, daemon, step).await,
        Boundary::AfterApply => after_apply(&stage, daemon, step).await,
        Boundary::BeforeOutcome => before_outcome(&stage, daemon, step).await,
    };
    let what = format!("{} killed {boundary:?}", step.id);
    assert!(log.said("stopping").is_none(), "{what}: {log}");
    held.discard();

    let mut successor = stage.daemon();
    successor
        .shows(&format!("{what}: its run completes"), |metrics| {
            metrics.closed("completed")
        })
        .await;
    stage.moved_once();
    let sent = match boundary {
        // The first was lost on its way.
        Boundary::AfterIntent => 2,
        Boundary::BeforeIntent | Boundary::AfterApply | Boundary::BeforeOutcome => 1,
    };
    assert_eq!(
        stage.received(step.write),
        sent,
        "{what}\n{}",
        successor.log()
    );
    drop(successor);
    stage.strike().await;
}

async fn before_intent(stage: &Stage, mut daemon: Daemon, step: Step) -> (Gate, Log) {
    let gate = match step.id {
        // The same reads go into the plan: they are held only once that has been made.
        id if id == FLIP.id => {
            let mut promotion = stage.hold(
                PROMOTION.service,
                PROMOTION.write,
                HoldPoint::AfterExecution,
            );
            stage.lose_home();
            promotion.reached().await.expect("the sandbox runs");
            let gate = stage.hold(step.service, step.read, HoldPoint::BeforeExecution);
            promotion.release();
            gate
        }
        _ => {
            let gate = stage.hold(step.service, step.read, HoldPoint::BeforeExecution);
            stage.lose_home();
            gate
        }
    };
    daemon
        .shows("the step looks at its goal", |metrics| {
            metrics.step(step.id, "waiting") && metrics.doing(step.id, "observing")
        })
        .await;
    assert!(gate.held() > 0, "nothing is held");
    (gate, daemon.kill_9())
}

async fn after_intent(stage: &Stage, mut daemon: Daemon, step: Step) -> (Gate, Log) {
    let mut gate = stage.hold(step.service, step.write, HoldPoint::BeforeExecution);
    stage.lose_home();
    gate.reached().await.expect("the sandbox runs");
    stands_at_intent(&mut daemon, step).await;
    (gate, daemon.kill_9())
}

async fn after_apply(stage: &Stage, mut daemon: Daemon, step: Step) -> (Gate, Log) {
    let mut gate = stage.hold(step.service, step.write, HoldPoint::AfterExecution);
    stage.lose_home();
    gate.reached().await.expect("the sandbox runs");
    stands_at_intent(&mut daemon, step).await;
    (gate, daemon.kill_9())
}

async fn before_outcome(stage: &Stage, mut daemon: Daemon, step: Step) -> (Gate, Log) {
    let mut written = stage.hold(step.service, step.write, HoldPoint::AfterExecution);
    stage.lose_home();
    written.reached().await.expect("the sandbox runs");
    let gate = stage.hold(step.service, step.read, HoldPoint::BeforeExecution);
    written.release();
    daemon
        .shows("the step settles", |metrics| {
            metrics.step(step.id, "intent") && metrics.doing(step.id, "settling")
        })
        .await;
    (gate, daemon.kill_9())
}

/// The ledger has the intent, and not what became of it; on a host so slow that the call has timed
/// out by now, that it is unknown.
async fn stands_at_intent(daemon: &mut Daemon, step: Step) {
    daemon
        .shows("the step stands at its intent", |metrics| {
            metrics.step(step.id, "intent") || metrics.step(step.id, "unknown")
        })
        .await;
}
