//! Cuts between hosts: both ways, one way, a ring, and everything.

use super::net::Name;
use super::play::play;
use super::scene::{Point, Scene, others};

/// The leader alone on one side: the others carry on, it writes nothing more, and follows once it hears
/// them again.
async fn leader_cut_off(net: Name, point: Point, cut: impl Fn(&Name, usize, usize)) {
    let mut scene = Scene::steady(net, point).await;
    let leader = scene.reach().await;
    for other in others(leader) {
        cut(&scene.net, leader, other);
    }
    scene.another_leads(leader).await;
    let mark = scene.mark();
    scene.without_quorum(&[leader]).await;
    scene.go_on();
    scene.closes(&others(leader)).await;
    scene.wrote_nothing(leader, mark);
    scene.net.mend();
    scene.all_agree().await;
    scene.wrote_nothing(leader, mark);
}

fn both_ways(net: &Name, leader: usize, other: usize) {
    net.part(leader, other);
}

fn it_hears_and_is_not_heard(net: &Name, leader: usize, other: usize) {
    net.cut(leader, other);
}

fn it_is_heard_and_does_not_hear(net: &Name, leader: usize, other: usize) {
    net.cut(other, leader);
}

#[test]
fn the_leader_is_cut_off_before_a_run() {
    play(async |net: Name| leader_cut_off(net, Point::Steady, both_ways).await);
}

#[test]
fn the_leader_is_cut_off_while_its_call_is_lost() {
    play(async |net: Name| leader_cut_off(net, Point::Lost, both_ways).await);
}

#[test]
fn the_leader_is_cut_off_while_its_answer_is_on_the_way() {
    play(async |net: Name| leader_cut_off(net, Point::CarriedOut, both_ways).await);
}

#[test]
fn the_leader_is_cut_off_while_a_step_settles() {
    play(async |net: Name| leader_cut_off(net, Point::Settling, both_ways).await);
}

#[test]
fn the_leader_is_cut_off_while_the_run_soaks() {
    play(async |net: Name| leader_cut_off(net, Point::Soaking, both_ways).await);
}

#[test]
fn the_leader_is_not_heard_any_more_before_a_run() {
    play(async |net: Name| leader_cut_off(net, Point::Steady, it_hears_and_is_not_heard).await);
}

#[test]
fn the_leader_is_not_heard_any_more_while_its_answer_is_on_the_way() {
    play(async |net: Name| leader_cut_off(net, Point::CarriedOut, it_hears_and_is_not_heard).await);
}

#[test]
fn the_leader_does_not_hear_any_more_before_a_run() {
    play(async |net: Name| leader_cut_off(net, Point::Steady, it_is_heard_and_does_not_hear).await);
}

#[test]
fn the_leader_does_not_hear_any_more_while_its_answer_is_on_the_way() {
    play(async |net: Name| {
        leader_cut_off(net, Point::CarriedOut, it_is_heard_and_does_not_hear).await;
    });
}

/// Nobody has a quorum: nothing is done and everybody alarms; healed, the run goes on.
async fn quorum_lost(net: Name, point: Point, cut: impl Fn(&Name)) {
    let mut scene = Scene::steady(net, point).await;
    scene.reach().await;
    cut(&scene.net);
    let everybody = [0, 1, 2];
    scene.without_quorum(&everybody).await;
    let mark = scene.mark();
    scene.go_on();
    scene.looks_on(&everybody).await;
    scene.nothing_done(mark);
    scene.net.mend();
    scene.all_agree().await;
}

fn everything(net: &Name) {
    net.part(0, 1);
    net.part(1, 2);
    net.part(2, 0);
}

/// Each is heard by the next one alone.
fn ring(net: &Name) {
    net.cut(1, 0);
    net.cut(2, 1);
    net.cut(0, 2);
}

#[test]
fn everybody_is_cut_off_before_a_run() {
    play(async |net: Name| quorum_lost(net, Point::Steady, everything).await);
}

#[test]
fn everybody_is_cut_off_while_an_answer_is_on_the_way() {
    play(async |net: Name| quorum_lost(net, Point::CarriedOut, everything).await);
}

#[test]
fn everybody_is_cut_off_while_a_step_settles() {
    play(async |net: Name| quorum_lost(net, Point::Settling, everything).await);
}

#[test]
fn each_hears_one_and_is_heard_by_the_other_before_a_run() {
    play(async |net: Name| quorum_lost(net, Point::Steady, ring).await);
}

#[test]
fn each_hears_one_and_is_heard_by_the_other_while_an_answer_is_on_the_way() {
    play(async |net: Name| quorum_lost(net, Point::CarriedOut, ring).await);
}

/// A follower misses the leader, or everybody: the leader goes on leading, and the follower follows
/// again once it hears it.
async fn follower_cut_off(net: Name, point: Point, alone: bool) {
    let mut scene = Scene::steady(net, point).await;
    let leader = scene.reach().await;
    let [cut, hearing] = others(leader)[..] else {
        unreachable!("of three, two are others")
    };
    scene.net.part(leader, cut);
    if alone {
        scene.net.part(hearing, cut);
    }
    let term = term(&mut scene, leader).await;
    scene.without_quorum(&[cut]).await;
    let mark = scene.mark();
    scene.go_on();
    scene.closes(&[leader, hearing]).await;
    scene.net.mend();
    scene.all_agree().await;
    for follower in [cut, hearing] {
        scene.wrote_nothing(follower, mark);
    }
    assert_eq!(self::term(&mut scene, leader).await, term, "an election");
}

async fn term(scene: &mut Scene, member: usize) -> Option<f64> {
    let metrics = scene.trio.daemon(member).metrics().await;
    metrics.expect("it serves").value("ledger_term", &[])
}

#[test]
fn a_follower_misses_the_leader_alone() {
    play(async |net: Name| follower_cut_off(net, Point::Steady, false).await);
}

#[test]
fn a_follower_misses_everybody_while_an_answer_is_on_the_way() {
    play(async |net: Name| follower_cut_off(net, Point::CarriedOut, true).await);
}
