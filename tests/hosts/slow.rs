//! A host that is slow, because others of its neighbours are busy: a process that runs a twentieth of
//! the time. Whether it goes on leading is its own affair; the run is completed, once.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::net::Name;
use super::play::play_with;
use super::scene::{Point, Scene, others};

const LIMITER: &str = "cpulimit";

/// How much of one processor is left.
const PERCENT: &str = "5";

/// Slows a process while it lives.
struct Slowed {
    limiter: Child,
    slowed: Pid,
}

impl Slowed {
    fn new(slowed: Pid) -> Self {
        let limiter = Command::new(LIMITER)
            .args(["--limit", PERCENT, "--pid"])
            .arg(slowed.as_raw_nonzero().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it was looked for outside");
        Self { limiter, slowed }
    }
}

impl Drop for Slowed {
    fn drop(&mut self) {
        // It stops and continues the process in turns: it may leave it stopped.
        let _ = self.limiter.kill();
        let _ = self.limiter.wait();
        let _ = kill_process(self.slowed, Signal::CONT);
    }
}

async fn slow(net: Name, point: Point, leads: bool) {
    let mut scene = Scene::steady(net, point).await;
    let leader = scene.reach().await;
    let slow = if leads { leader } else { others(leader)[0] };
    let slowed = Slowed::new(scene.trio.daemon(slow).pid());
    scene.go_on();
    scene.closes(&others(slow)).await;
    drop(slowed);
    scene.all_agree().await;
}

fn limiter() -> Option<()> {
    let found = Command::new(LIMITER).arg("--help").output();
    found.ok().map(drop)
}

#[test]
fn the_leader_is_slow_before_a_run() {
    play_with(LIMITER, limiter(), async |net: Name| {
        slow(net, Point::Steady, true).await;
    });
}

#[test]
fn the_leader_is_slow_while_its_answer_is_on_the_way() {
    play_with(LIMITER, limiter(), async |net: Name| {
        slow(net, Point::CarriedOut, true).await;
    });
}

#[test]
fn a_follower_is_slow_before_a_run() {
    play_with(LIMITER, limiter(), async |net: Name| {
        slow(net, Point::Steady, false).await;
    });
}
