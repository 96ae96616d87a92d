//! What clients may not do to the daemon.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::support::{Served, answer, starting};
use crate::api::serve::Limits;
use crate::daemon::snapshot::Snapshot;
use crate::model::{ConfigHash, HeldVote, MemberId, Mono, Opinion, Vote, VoteReason};

/// Short enough to be waited for.
const SHORT: Duration = Duration::from_millis(150);

/// So long that a test which waits for it is seen to hang.
const NEVER: Duration = Duration::from_secs(3_600);

/// A client that has said `text`: it lies in the kernel's buffers before the server runs.
fn says(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    TcpStream::from_std(stream).unwrap()
}

#[tokio::test]
async fn a_client_that_never_finishes_its_request_is_dropped() {
    let limits = Limits {
        head: SHORT,
        life: NEVER,
        ..Limits::default()
    };
    let api = Served::within(limits, starting()).await;
    let mut stream = says(api.address, "GET /livez HTTP/1.1\r\nhost: ");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert!(!heard.contains("200"), "{heard}");
}

#[tokio::test]
async fn clients_that_say_nothing_do_not_keep_the_others_out() {
    let limits = Limits {
        connections: 2,
        head: SHORT,
        life: NEVER,
        ..Limits::default()
    };
    let api = Served::within(limits, starting()).await;
    let silent = [says(api.address, ""), says(api.address, "")];
    let waiting = says(api.address, "GET /livez HTTP/1.1\r\nhost: here\r\n\r\n");
    assert_eq!(answer(waiting).await.status, 200);
    drop(silent);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let api = Served::start(starting()).await;
    let long = "x".repeat(20_000);
    let stream = says(
        api.address,
        &format!("GET /{long} HTTP/1.1\r\nhost: here\r\n"),
    );
    let answer = answer(stream).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
}

#[tokio::test]
async fn an_endless_body_is_not_read() {
    let api = Served::start(starting()).await;
    let stream = says(
        api.address,
        "POST /livez HTTP/1.1\r\nhost: here\r\ncontent-length: 999999999\r\n\r\nx",
    );
    assert_eq!(answer(stream).await.status, 405);
}

/// More text than the kernel buffers on both sides of a connection.
fn large() -> Snapshot {
    let vote = |n: u64| HeldVote {
        vote: Vote {
            app: "shop".into(),
            region: format!("region-{n}").as_str().into(),
            opinion: Opinion::Up,
            reason: VoteReason::Probes,
            evidence_at: Mono(0),
            failing_since: None,
            config: ConfigHash("c0ffee".into()),
            probes: Vec::new(),
        },
        evidence_at: Mono(0),
        failing_since: None,
    };
    let mut snapshot = starting();
    snapshot.votes = (0..40_000)
        .map(|n| (MemberId::from("m1"), vote(n)))
        .collect();
    snapshot
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_client_that_does_not_read() {
    let limits = Limits {
        life: Duration::from_secs(1),
        ..Limits::default()
    };
    let api = Served::within(limits, large()).await;
    let stream = says(api.address, "GET /metrics HTTP/1.1\r\nhost: here\r\n\r\n");
    // Readable with the answer's beginning, or closed because even that took too long.
    stream.readable().await.unwrap();
    api.stop.cancel();
    api.served.await.unwrap();
    drop(stream);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_finished_at_the_end() {
    let limits = Limits {
        life: NEVER,
        ..Limits::default()
    };
    let api = Served::within(limits, large()).await;
    let stream = says(
        api.address,
        "GET /metrics HTTP/1.1\r\nhost: here\r\naccept: application/openmetrics-text\r\n\r\n",
    );
    stream.readable().await.unwrap();
    api.stop.cancel();
    let answer = answer(stream).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.ends_with("# EOF\n"));
    api.served.await.unwrap();
    let later = TcpStream::connect(api.address).await;
    assert!(later.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn scrapes_that_come_together_are_all_answered() {
    let api = Arc::new(Served::start(starting()).await);
    let asks: Vec<_> = (0..20)
        .map(|_| {
            let api = api.clone();
            tokio::spawn(async move { api.get("/metrics").await.status })
        })
        .collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap(), 200);
    }
}
