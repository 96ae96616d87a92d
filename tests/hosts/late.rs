//! Calls that are late: prepared by a leader that is stopped before it makes them, or made by one that
//! cannot know that they will arrive when everything is over.

use failoverd::sandbox::{Execution, Gate, HoldPoint, Service};
use rustix::process::Signal;

use super::net::Name;
use super::play::play;
use super::scene::{HELD, Point, READ, Scene, WRITE, others};
use super::wait::{self, PATIENCE};

/// A leader that looks whether a step must be called: what it sees is held back.
async fn about_to_call(net: Name) -> (Scene, usize, Gate) {
    let mut scene = Scene::steady(net, Point::Steady).await;
    let leader = scene.trio.leader().await;
    let gate = scene
        .trio
        .stage
        .hold(READ.0, READ.1, HoldPoint::BeforeExecution);
    scene.trio.stage.lose_home();
    scene
        .trio
        .among(&[leader], "the step looks at its goal", |metrics| {
            metrics[0].step(HELD, "waiting") && metrics[0].doing(HELD, "observing")
        })
        .await;
    (scene, leader, gate)
}

#[test]
fn the_leader_is_stopped_right_before_a_call_and_does_not_make_it_when_it_wakes() {
    play(async |net: Name| {
        let (mut scene, leader, gate) = about_to_call(net).await;
        scene.trio.daemon(leader).signal(Signal::STOP);
        scene.another_leads(leader).await;
        // What it was told waits in its socket.
        gate.release();
        scene.closes(&others(leader)).await;
        let mark = scene.mark();
        scene.trio.daemon(leader).signal(Signal::CONT);
        scene.all_agree().await;
        scene.wrote_nothing(leader, mark);
        assert!(
            !scene.called(leader),
            "the successor's call was the only one"
        );
    });
}

/// What a late call may still do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Late {
    Refused,
    /// What it asks for is so already.
    Repeated,
}

/// A leader's call is on its way for so long that others have finished the run before it arrives.
async fn arrives_when_everything_is_over(net: Name, call: (Service, &str), late: Late) {
    let mut scene = Scene::steady(net, Point::Steady).await;
    let stage = &scene.trio.stage;
    let mut gate = stage
        .world
        .hold_one(call.0, call.1, HoldPoint::BeforeExecution);
    stage.lose_home();
    let held = gate.reached().await.expect("the sandbox runs");
    let leader = scene.trio.leader().await;
    assert_eq!(held.caller, scene.trio.seat(leader).access_key());
    for other in others(leader) {
        scene.net.part(leader, other);
    }
    scene.another_leads(leader).await;
    scene.closes(&others(leader)).await;
    gate.release();
    let log = || scene.trio.stage.world.request_log();
    let arrived = wait::for_some(PATIENCE, async || {
        let execution = log()[held.number].execution.clone();
        (execution != Execution::NotExecuted).then_some(execution)
    })
    .await;
    let refused = match arrived.expect("nothing holds it") {
        Execution::Refused { .. } => true,
        Execution::Executed | Execution::NotExecuted => false,
    };
    assert_eq!(refused, late == Late::Refused, "{:?}", log()[held.number]);
    scene.net.mend();
    let repeated = if refused { "" } else { call.1 };
    scene.all_agree_but(repeated).await;
}

#[test]
fn a_promotion_arrives_when_everything_is_over() {
    play(async |net: Name| arrives_when_everything_is_over(net, WRITE, Late::Refused).await);
}

#[test]
fn a_flip_arrives_when_everything_is_over() {
    play(async |net: Name| {
        let call = (Service::Route53, "ChangeResourceRecordSets");
        arrives_when_everything_is_over(net, call, Late::Refused).await;
    });
}

#[test]
fn a_scaling_arrives_when_everything_is_over() {
    play(async |net: Name| {
        let call = (Service::Eks, "UpdateNodegroupConfig");
        arrives_when_everything_is_over(net, call, Late::Repeated).await;
    });
}
