//! kill -9 of the leader, as a host's power cut would: another carries on, and it follows when it is
//! back.

use super::net::Name;
use super::play::play;
use super::scene::{Point, Scene, others};

async fn leader_killed(net: Name, point: Point) {
    let mut scene = Scene::steady(net, point).await;
    let leader = scene.reach().await;
    let log = scene.trio.kill_9(leader);
    assert!(log.said("stopping").is_none(), "{log}");
    scene.another_leads(leader).await;
    let mark = scene.mark();
    scene.go_on();
    scene.closes(&others(leader)).await;
    scene.wrote_nothing(leader, mark);
    scene.trio.start(leader);
    scene.all_agree().await;
}

#[test]
fn the_leader_is_killed_before_a_run() {
    play(async |net: Name| leader_killed(net, Point::Steady).await);
}

#[test]
fn the_leader_is_killed_and_its_call_is_lost() {
    play(async |net: Name| leader_killed(net, Point::Lost).await);
}

#[test]
fn the_leader_is_killed_while_its_answer_is_on_the_way() {
    play(async |net: Name| leader_killed(net, Point::CarriedOut).await);
}

#[test]
fn the_leader_is_killed_while_a_step_settles() {
    play(async |net: Name| leader_killed(net, Point::Settling).await);
}

#[test]
fn the_leader_is_killed_while_the_run_soaks() {
    play(async |net: Name| leader_killed(net, Point::Soaking).await);
}
