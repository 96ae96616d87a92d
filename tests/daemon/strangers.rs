//! Who is not, or may not be, of the cluster: told on both sides, and the cluster goes on.

use std::io::Write as _;
use std::net::TcpStream;

use super::child::Daemon;
use super::trio::{THREE, Trio, nothing_to_see_to};

/// Waits until a daemon's log has these words in one line.
async fn says(daemon: &mut Daemon, words: &[&str]) {
    daemon
        .until(&format!("its log says {words:?}"), async |daemon| {
            daemon.log().says(words).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_told_apart_and_the_cluster_goes_on() {
    let mut trio = Trio::steady(THREE).await;
    let (asked, index) = (0, 2);

    // A second daemon of one name, with a folder of its own.
    let mut twin = trio.stranger(index, "twin", &[]);
    let words = ["two daemons call themselves `stockholm`"];
    says(&mut twin, &words).await;
    says(trio.daemons[asked].as_mut().expect("it runs"), &words).await;
    twin.kill_9();

    // A member of another cluster, with certificates of the same authority.
    let name = ("[cluster]\n", "[cluster]\nname = \"elsewhere\"\n");
    let mut foreign = trio.stranger(index, "foreign", &[name]);
    says(&mut foreign, &["a member of another cluster"]).await;
    let words = ["a member of another cluster: `elsewhere`, not `failoverd`"];
    says(trio.daemons[asked].as_mut().expect("it runs"), &words).await;
    foreign.kill_9();

    // One with certificates of another authority.
    trio.certify("tls-forged");
    let mut forged = trio.stranger(index, "forged", &[("/tls/", "/tls-forged/")]);
    says(&mut forged, &["its certificate is not good"]).await;
    let words = ["its certificate is not good", "127.0.0.1"];
    says(trio.daemons[asked].as_mut().expect("it runs"), &words).await;
    forged.kill_9();

    // Somebody who speaks another language.
    let mut wire = TcpStream::connect(trio.address(asked)).expect("it listens");
    wire.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        .expect("it is taken");
    let words = ["no TLS handshake of a member"];
    says(trio.daemons[asked].as_mut().expect("it runs"), &words).await;
    drop(wire);

    trio.until("the cluster goes on", |metrics| {
        metrics.iter().filter(|m| m.is("leader", &[])).count() == 1
            && metrics.iter().all(|m| m.is("quorum_reachable", &[]))
            && metrics.iter().all(|m| m.phase("steady"))
    })
    .await;
    trio.listed(asked, "the member itself is well", |list| {
        let rows = list["members"].as_array().expect("a list");
        nothing_to_see_to(list)
            && rows
                .iter()
                .all(|row| row["connected"] == true && row["disk"] == "known")
    })
    .await;
    trio.stage.untouched();
}
