//! What HTTP probes make of servers' answers.

use std::net::IpAddr;

use super::server::{Reply, Server};
use super::*;
use crate::model::HeaderMatch;

fn expecting(url: String, body: Option<&str>, header: Option<(&str, Option<&str>)>) -> Check {
    match get(url) {
        Check::Http {
            url,
            method,
            expect_status,
            headers,
            keep_alive,
            ca_file,
            ..
        } => Check::Http {
            url,
            method,
            expect_status,
            body_contains: body.map(str::to_owned),
            expect_header: header.map(|(name, value)| HeaderMatch {
                name: name.to_owned(),
                value: value.map(str::to_owned),
            }),
            headers,
            keep_alive,
            ca_file,
        },
        other => other,
    }
}

fn asking(url: String, with_method: &str, with_headers: &[(&str, &str)]) -> Check {
    match get(url) {
        Check::Http {
            url,
            expect_status,
            body_contains,
            expect_header,
            keep_alive,
            ca_file,
            ..
        } => Check::Http {
            url,
            method: with_method.to_owned(),
            expect_status,
            body_contains,
            expect_header,
            headers: with_headers
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            keep_alive,
            ca_file,
        },
        other => other,
    }
}

#[tokio::test]
async fn a_good_answer_is_a_success_with_its_times_apart() {
    let server = Server::start(Reply::ok("fine")).await;
    let result = look(get(server.url("/health?deep=1"))).await;
    assert_eq!(result.outcome, SampleOutcome::Success);
    let times = result.timings;
    assert!(times.connect_us.is_some() && times.first_byte_us.is_some());
    assert_eq!(times.tls_us, None);
    assert!(times.total_us >= times.connect_us.unwrap() + times.first_byte_us.unwrap());
    let head = &server.received()[0].head;
    assert!(
        head.starts_with("GET /health?deep=1 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains(&format!("host: {}\r\n", server.address)),
        "{head}"
    );
    assert!(head.contains("connection: close\r\n"), "{head}");
}

#[tokio::test]
async fn the_status_decides() {
    for (status, code) in [("503 Sorry", 503), ("404 No", 404), ("300 Many", 300)] {
        let server = Server::start(Reply::status(status, "", "")).await;
        let result = look(get(server.url("/"))).await;
        assert_failure(&result, |r| *r == FailureReason::Status(code));
    }
}

#[tokio::test]
async fn a_wrong_status_is_told_before_a_body_that_never_comes() {
    let reply = b"HTTP/1.1 503 No\r\ncontent-length: 10\r\n\r\n".to_vec();
    let server = Server::start(Reply::BytesThenHang(reply)).await;
    let result = look(get(server.url("/"))).await;
    assert_failure(&result, |r| *r == FailureReason::Status(503));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let elsewhere = Server::start(Reply::ok("")).await;
    let location = format!("location: {}\r\n", elsewhere.url("/"));
    let server = Server::start(Reply::status("302 Found", &location, "")).await;
    let result = look(get(server.url("/"))).await;
    assert_failure(&result, |r| *r == FailureReason::Status(302));
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn the_body_must_hold_the_text() {
    let server = Server::start(Reply::ok("role: writer")).await;
    let found = look(expecting(server.url("/"), Some("writer"), None)).await;
    assert_eq!(found.outcome, SampleOutcome::Success);
    let missing = look(expecting(server.url("/"), Some("reader"), None)).await;
    assert_failure(&missing, |r| *r == FailureReason::BodyMismatch);
}

#[tokio::test]
async fn the_header_must_be_there_and_match() {
    let headers = "x-region: eu-west-1\r\nx-region: other\r\n";
    let server = Server::start(Reply::status("200 OK", headers, "")).await;
    for (name, value, good) in [
        ("X-Region", None, true),
        ("x-region", Some("eu-west-1"), true),
        ("x-region", Some("other"), true),
        ("x-region", Some("us-east-1"), false),
        ("x-absent", None, false),
    ] {
        let result = look(expecting(server.url("/"), None, Some((name, value)))).await;
        if good {
            assert_eq!(result.outcome, SampleOutcome::Success, "{name} {value:?}");
        } else {
            assert_failure(&result, |r| *r == FailureReason::HeaderMismatch);
        }
    }
}

#[tokio::test]
async fn method_and_headers_are_sent_as_configured() {
    let server = Server::start(Reply::ok("")).await;
    let own = [("Host", "app.example.com"), ("Authorization", "Bearer x")];
    let result = look(asking(server.url("/"), "POST", &own)).await;
    assert_eq!(result.outcome, SampleOutcome::Success);
    let head = server.received()[0].head.clone();
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("host: app.example.com\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer x\r\n"), "{head}");
    assert!(head.contains("content-length: 0\r\n"), "{head}");
}

#[tokio::test]
async fn a_head_request_expects_no_body() {
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    let server = Server::start(Reply::BytesThenHang(reply)).await;
    let result = look(asking(server.url("/"), "HEAD", &[])).await;
    assert_eq!(result.outcome, SampleOutcome::Success);
}

#[tokio::test]
async fn slow_heads_and_slow_bodies_time_out() {
    for sent in [
        "",
        "HTTP/1.1 200 OK\r\nx-ha",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
    ] {
        let server = Server::start(Reply::BytesThenHang(sent.into())).await;
        let result = look_shortly(get(server.url("/"))).await;
        assert_failure(&result, |r| *r == FailureReason::Timeout);
    }
}

#[tokio::test]
async fn a_connection_that_ends_too_soon_is_told() {
    for sent in [
        "",
        "HTTP/1.1 200 OK\r\nx-ha",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha",
    ] {
        let server = Server::start(Reply::BytesThenClose(sent.into())).await;
        let result = look(get(server.url("/"))).await;
        assert_failure(&result, |r| *r == FailureReason::ClosedEarly);
    }
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_whole() {
    let reply = b"HTTP/1.0 200 OK\r\n\r\nold style".to_vec();
    let server = Server::start(Reply::BytesThenClose(reply)).await;
    let result = look(expecting(server.url("/"), Some("old style"), None)).await;
    assert_eq!(result.outcome, SampleOutcome::Success);
}

#[tokio::test]
async fn garbage_is_a_protocol_failure() {
    for sent in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "\u{0}\u{1}\u{2}\u{3}\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a number\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
    ] {
        let server = Server::start(Reply::BytesThenClose(sent.into())).await;
        let result = look(get(server.url("/"))).await;
        assert_failure(&result, |r| matches!(r, FailureReason::Protocol(_)));
    }
}

#[tokio::test]
async fn heads_without_end_are_refused() {
    let one_long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    let many: String = (0..1_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{many}\r\n");
    for sent in [one_long, many] {
        let server = Server::start(Reply::BytesThenHang(sent.into())).await;
        let result = look(get(server.url("/"))).await;
        assert_failure(&result, |r| matches!(r, FailureReason::Protocol(_)));
    }
    // Never a line's end: must neither fill the memory nor last for ever.
    let server = Server::start(Reply::Endless(b"HTTP/1.1 200 OK".to_vec())).await;
    let result = look(get(server.url("/"))).await;
    assert_failure(&result, |r| matches!(r, FailureReason::Protocol(_)));
}

#[tokio::test]
async fn of_a_body_without_end_the_first_64_kib_count() {
    let long = format!("{}needle", "x".repeat(64 * 1024 - 6));
    let server = Server::start(Reply::BytesThenHang(
        format!("HTTP/1.1 200 OK\r\n\r\n{long} beyond").into_bytes(),
    ))
    .await;
    let within = look(expecting(server.url("/"), Some("needle"), None)).await;
    assert_eq!(within.outcome, SampleOutcome::Success);
    let past = look(expecting(server.url("/"), Some("beyond"), None)).await;
    assert_failure(&past, |r| *r == FailureReason::BodyMismatch);
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let result = look(get(format!("http://{address}/"))).await;
    assert_failure(&result, |r| *r == FailureReason::ConnectRefused);
}

#[tokio::test]
async fn the_source_address_is_what_the_server_sees() {
    let server = Server::start(Reply::ok("")).await;
    let source: IpAddr = "127.0.1.7".parse().unwrap();
    let result = prober(Some(source))
        .probe(&probe(get(server.url("/")), AMPLE))
        .await;
    assert_eq!(result.outcome, SampleOutcome::Success);
    assert_eq!(server.received()[0].peer.ip(), source);
}

#[tokio::test]
async fn a_source_address_that_is_not_ours_is_our_own_trouble() {
    let server = Server::start(Reply::ok("")).await;
    // TEST-NET-1: no host has it.
    for source in ["192.0.2.1", "::1"] {
        let result = prober(Some(source.parse().unwrap()))
            .probe(&probe(get(server.url("/")), AMPLE))
            .await;
        assert_unknown(&result, |r| matches!(r, UnknownReason::Local(_)));
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_asked_is_our_own_trouble() {
    for url in ["ftp://127.0.0.1/", "/no-host", "http://", "not a url"] {
        let result = look(get(url)).await;
        assert_unknown(&result, |r| matches!(r, UnknownReason::Local(_)));
    }
}

#[tokio::test]
async fn each_probe_has_a_fresh_connection() {
    let server = Server::start(Reply::ok("")).await;
    let prober = prober(None);
    let probe = probe(get(server.url("/")), AMPLE);
    for _ in 0..3 {
        let result = prober.probe(&probe).await;
        assert_eq!(result.outcome, SampleOutcome::Success);
    }
    let connections: Vec<_> = server.received().iter().map(|r| r.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
}
