//! SIGSTOP of the leader for longer than its lease, then SIGCONT: what it was about to do is not done.

use rustix::process::Signal;

use super::net::Name;
use super::play::play;
use super::scene::{Point, Scene, others};

async fn leader_stopped(net: Name, point: Point) {
    let mut scene = Scene::steady(net, point).await;
    let leader = scene.reach().await;
    scene.trio.daemon(leader).signal(Signal::STOP);
    scene.another_leads(leader).await;
    let mark = scene.mark();
    scene.go_on();
    scene.closes(&others(leader)).await;
    scene.trio.daemon(leader).signal(Signal::CONT);
    scene.all_agree().await;
    scene.wrote_nothing(leader, mark);
}

#[test]
fn the_leader_is_stopped_before_a_run() {
    play(async |net: Name| leader_stopped(net, Point::Steady).await);
}

#[test]
fn the_leader_is_stopped_while_its_call_is_lost() {
    play(async |net: Name| leader_stopped(net, Point::Lost).await);
}

#[test]
fn the_leader_is_stopped_while_its_answer_is_on_the_way() {
    play(async |net: Name| leader_stopped(net, Point::CarriedOut).await);
}

#[test]
fn the_leader_is_stopped_while_a_step_settles() {
    play(async |net: Name| leader_stopped(net, Point::Settling).await);
}
