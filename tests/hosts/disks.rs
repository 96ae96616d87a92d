//! Disks: full, and lost.

use super::disk::SmallDisk;
use super::net::{HOSTS, Name};
use super::play::play;
use super::scene::{Hosts, Point, Scene, others};

/// A leader or a follower whose disk is full ends, and says why; the others carry on; with room again
/// it catches up.
async fn disk_full(net: Name, point: Point, of_leader: bool) {
    let disks: Vec<SmallDisk> = (0..HOSTS)
        .map(|_| SmallDisk::mount().expect("who may make namespaces may mount"))
        .collect();
    let hosts = Hosts {
        data_dirs: std::array::from_fn(|index| Some(disks[index].path().join("data"))),
        ..Hosts::default()
    };
    let mut scene = Scene::steady_with(net, point, hosts).await;
    let leader = scene.reach().await;
    let full = if of_leader { leader } else { others(leader)[0] };
    disks[full].fill();
    scene.go_on();
    let ended = scene.trio.ended(full).await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    let folder = scene.trio.data_dir(full).display().to_string();
    ended
        .log
        .must_say(&["the disk is full", &folder, "free space there"]);
    assert!(!ended.log.text().contains("panicked"), "{}", ended.log);
    let mark = scene.mark();
    scene.closes(&others(full)).await;
    scene.wrote_nothing(full, mark);
    disks[full].free();
    scene.trio.start(full);
    scene.all_agree().await;
}

#[test]
fn the_leaders_disk_is_full_before_a_run() {
    play(async |net: Name| disk_full(net, Point::Steady, true).await);
}

#[test]
fn the_leaders_disk_is_full_while_its_answer_is_on_the_way() {
    play(async |net: Name| disk_full(net, Point::CarriedOut, true).await);
}

#[test]
fn a_followers_disk_is_full_before_a_run() {
    play(async |net: Name| disk_full(net, Point::Steady, false).await);
}

/// A follower comes back with an empty folder: it is told on both sides what to do, and it does not
/// vote, also where its vote would make a quorum.
async fn wiped(net: Name, point: Point) {
    let mut scene = Scene::steady(net, point).await;
    let leader = scene.reach().await;
    let [wiped, third] = others(leader)[..] else {
        unreachable!("of three, two are others")
    };
    scene.trio.kill_9(wiped);
    std::fs::remove_dir_all(scene.trio.data_dir(wiped)).expect("it can be removed");
    scene.trio.start(wiped);
    let id = scene.trio.seat(wiped).id;
    let readmit = format!("failoverctl member readmit {id}");
    for told in [wiped, leader] {
        let what = format!("{} is told what to do", scene.trio.seat(told).id);
        let says = scene.trio.daemon(told);
        says.until(&what, async |daemon| {
            daemon.log().says(&[&readmit]).then_some(())
        })
        .await;
    }
    scene.trio.kill_9(leader);
    scene.without_quorum(&[wiped, third]).await;
    let mark = scene.mark();
    scene.go_on();
    scene.looks_on(&[third]).await;
    scene.nothing_done(mark);
    scene.trio.start(leader);
    let members = [leader, third];
    scene.closes(&members).await;
    scene.agree(&members).await;
    scene.moved_once();
    scene.wrote_nothing(wiped, 0);
    scene.without_quorum(&[wiped]).await;
}

#[test]
fn a_follower_loses_its_folder_before_a_run() {
    play(async |net: Name| wiped(net, Point::Steady).await);
}

#[test]
fn a_follower_loses_its_folder_while_an_answer_is_on_the_way() {
    play(async |net: Name| wiped(net, Point::CarriedOut).await);
}
