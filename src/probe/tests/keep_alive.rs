//! Connections kept between probes.

use super::server::{Reply, Server};
use super::*;

fn kept(url: String) -> Check {
    match get(url) {
        Check::Http {
            url,
            method,
            expect_status,
            body_contains,
            expect_header,
            headers,
            ca_file,
            ..
        } => Check::Http {
            url,
            method,
            expect_status,
            body_contains,
            expect_header,
            headers,
            keep_alive: true,
            ca_file,
        },
        other => other,
    }
}

async fn connections(reply: Reply, probes: usize) -> Vec<usize> {
    let server = Server::start(reply).await;
    let prober = prober(None);
    let probe = probe(kept(server.url("/")), AMPLE);
    for _ in 0..probes {
        let result = prober.probe(&probe).await;
        assert_eq!(result.outcome, SampleOutcome::Success);
    }
    server.received().iter().map(|r| r.connection).collect()
}

#[tokio::test]
async fn a_kept_connection_is_used_again() {
    assert_eq!(connections(Reply::ok("fine"), 3).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_kept_connection_costs_no_connect() {
    let server = Server::start(Reply::ok("")).await;
    let prober = prober(None);
    let probe = probe(kept(server.url("/")), AMPLE);
    assert!(prober.probe(&probe).await.timings.connect_us.is_some());
    let again = prober.probe(&probe).await.timings;
    assert_eq!(again.connect_us, None);
    assert!(again.first_byte_us.is_some());
    assert!(!server.received()[0].head.contains("connection: close"));
}

#[tokio::test]
async fn a_server_that_closes_between_probes_is_asked_afresh() {
    let closing = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec();
    let used = connections(Reply::BytesThenClose(closing), 4).await;
    assert_eq!(used, [0, 1, 2, 3]);
}

#[tokio::test]
async fn two_probes_at_once_do_not_share_a_connection() {
    let server = Server::start(Reply::ok("")).await;
    let prober = prober(None);
    let probe = probe(kept(server.url("/")), AMPLE);
    let (one, two) = tokio::join!(prober.probe(&probe), prober.probe(&probe));
    assert_eq!(one.outcome, SampleOutcome::Success);
    assert_eq!(two.outcome, SampleOutcome::Success);
    let mut used: Vec<_> = server.received().iter().map(|r| r.connection).collect();
    used.sort_unstable();
    assert_eq!(used, [0, 1]);
}

#[tokio::test]
async fn a_failed_answer_gives_the_connection_up() {
    let server = Server::start(Reply::status("500 Oh", "", "")).await;
    let prober = prober(None);
    let probe = probe(kept(server.url("/")), AMPLE);
    for _ in 0..2 {
        let result = prober.probe(&probe).await;
        assert_failure(&result, |r| *r == FailureReason::Status(500));
    }
    let used: Vec<_> = server.received().iter().map(|r| r.connection).collect();
    assert_eq!(used, [0, 1]);
}
