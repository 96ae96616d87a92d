//! A member that comes back as one that does not belong: refused with a clear word on both sides, and
//! the others move the application without it. Whoever else knocks: `tests/daemon/strangers.rs`.

use super::metrics::Metrics;
use super::net::Name;
use super::play::play;
use super::scene::{Point, Scene, others};

/// A follower comes back as somebody who does not belong. The others refuse it or are refused, say so,
/// and move the application without it; as it was, it is taken back.
async fn comes_back_strange(
    net: Name,
    change: impl Fn(&Scene, usize),
    mend: impl Fn(&Scene, usize),
    words: &[&str],
    reason: &str,
) {
    let mut scene = Scene::steady(net, Point::Steady).await;
    let leader = scene.reach().await;
    let strange = others(leader)[0];
    scene.trio.kill_9(strange);
    change(&scene, strange);
    scene.trio.start(strange);
    for told in 0..3 {
        let what = format!("{} says what is wrong", scene.trio.seat(told).id);
        let says = scene.trio.daemon(told);
        says.until(&what, async |daemon| daemon.log().says(words).then_some(()))
            .await;
    }
    let refused = |metrics: &Metrics| {
        let times = metrics.value("peer_refusals_total", &[("reason", reason)]);
        times.is_some_and(|times| times > 0.0)
    };
    scene
        .trio
        .until("somebody counts the refusals", |metrics| {
            metrics.iter().any(refused)
        })
        .await;
    scene.without_quorum(&[strange]).await;
    scene.go_on();
    scene.closes(&others(strange)).await;
    scene.wrote_nothing(strange, 0);
    scene.trio.kill_9(strange);
    mend(&scene, strange);
    scene.trio.start(strange);
    scene.all_agree().await;
}

#[test]
fn a_certificate_of_another_authority() {
    play(async |net: Name| {
        comes_back_strange(
            net,
            |scene, strange| {
                scene.trio.certify("foreign");
                scene.trio.edit(strange, "/tls/", "/foreign/");
            },
            |scene, strange| scene.trio.edit(strange, "/foreign/", "/tls/"),
            &["certificate"],
            "certificate",
        )
        .await;
    });
}

#[test]
fn a_member_of_another_cluster() {
    const SECTION: &str = "[cluster]\n";
    const FOREIGN: &str = "[cluster]\nname = \"foreign\"\n";
    play(async |net: Name| {
        comes_back_strange(
            net,
            |scene, strange| scene.trio.edit(strange, SECTION, FOREIGN),
            |scene, strange| scene.trio.edit(strange, FOREIGN, SECTION),
            &["a member of another cluster: `"],
            "foreign_cluster",
        )
        .await;
    });
}
