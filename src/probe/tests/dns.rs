//! DNS probes, and how the names in other probes are resolved.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::proto::rr::Name;
use tokio::time::Instant;

use super::dns_server::DnsServer;
use super::*;
use crate::model::DnsType;
use crate::probe::resolve::{NoAnswer, Resolvers, addresses_by};

fn dns(server: SocketAddr, name: &str, record_type: DnsType, expect: &[&str]) -> Check {
    Check::Dns {
        name: name.to_owned(),
        record_type,
        resolver: Some(server.to_string()),
        expect: expect.iter().map(|e| (*e).to_owned()).collect(),
    }
}

#[tokio::test]
async fn an_expected_answer_is_a_success() {
    let server = DnsServer::start().await;
    for (name, record_type, expect) in [
        ("app.test", DnsType::A, vec![]),
        ("app.test.", DnsType::A, vec!["127.0.0.12"]),
        ("app.test", DnsType::A, vec!["10.0.0.1", "127.0.0.11"]),
        ("v6.test", DnsType::Aaaa, vec!["0:0:0:0:0:0:0:1"]),
        ("alias.test", DnsType::Cname, vec!["app.TEST"]),
        ("text.test", DnsType::Txt, vec!["epoch=7"]),
    ] {
        let result = look(dns(server.address, name, record_type, &expect)).await;
        assert_eq!(result.outcome, SampleOutcome::Success, "{name} {expect:?}");
    }
}

#[tokio::test]
async fn another_answer_is_a_failure_that_says_what_came() {
    let server = DnsServer::start().await;
    for (name, record_type, expect, got) in [
        ("app.test", DnsType::A, "10.0.0.1", "127.0.0.11, 127.0.0.12"),
        ("v6.test", DnsType::Aaaa, "::2", "::1"),
        ("alias.test", DnsType::Cname, "other.test", "App.test."),
        ("text.test", DnsType::Txt, "epoch=8", "epoch=7"),
    ] {
        let result = look(dns(server.address, name, record_type, &[expect])).await;
        assert_failure(&result, |r| {
            *r == FailureReason::WrongAnswer(got.to_owned())
        });
    }
}

#[tokio::test]
async fn no_such_name_or_record_is_a_failure() {
    let server = DnsServer::start().await;
    for (name, record_type) in [("absent.test", DnsType::A), ("app.test", DnsType::Txt)] {
        let result = look(dns(server.address, name, record_type, &[])).await;
        assert_failure(&result, |r| *r == FailureReason::NoRecords);
    }
}

#[tokio::test]
async fn an_error_of_the_server_that_is_probed_is_its_failure() {
    let server = DnsServer::start().await;
    for name in ["broken.test", "refused.test"] {
        let result = look(dns(server.address, name, DnsType::A, &[])).await;
        assert_failure(&result, |r| matches!(r, FailureReason::WrongAnswer(_)));
    }
}

#[tokio::test]
async fn a_resolver_that_does_not_answer_is_unknown() {
    let server = DnsServer::start().await;
    let silent = look_shortly(dns(server.address, "silent.test", DnsType::A, &[])).await;
    assert_unknown(&silent, |r| {
        matches!(r, UnknownReason::ResolverUnreachable(_))
    });
    // Nobody listens there.
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let gone = look_shortly(dns(address, "app.test", DnsType::A, &[])).await;
    assert_unknown(&gone, |r| {
        matches!(r, UnknownReason::ResolverUnreachable(_))
    });
}

#[tokio::test]
async fn every_probe_asks_anew_and_from_its_source() {
    let server = DnsServer::start().await;
    let source: IpAddr = "127.0.1.7".parse().unwrap();
    let prober = prober(Some(source));
    let probe = probe(dns(server.address, "app.test", DnsType::A, &[]), AMPLE);
    for _ in 0..2 {
        let result = prober.probe(&probe).await;
        assert_eq!(result.outcome, SampleOutcome::Success);
    }
    let asked = server.asked();
    assert!(asked.len() >= 2, "{asked:?}");
    assert!(asked.iter().all(|(peer, ..)| peer.ip() == source));
}

#[tokio::test]
async fn a_malformed_question_is_our_own_trouble() {
    let server = DnsServer::start().await;
    let bad_name = look(dns(server.address, "a..b", DnsType::A, &[])).await;
    assert_unknown(&bad_name, |r| matches!(r, UnknownReason::Local(_)));
    let bad_resolver = look(Check::Dns {
        name: "app.test".to_owned(),
        record_type: DnsType::A,
        resolver: Some("dns.example.com".to_owned()),
        expect: Vec::new(),
    })
    .await;
    assert_unknown(&bad_resolver, |r| matches!(r, UnknownReason::Local(_)));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a deadline of this test's own host"
)]
async fn resolve(
    server: SocketAddr,
    name: &str,
    source: Option<&str>,
    timeout: Millis,
) -> Result<Vec<IpAddr>, NoAnswer> {
    addresses_by(
        &Resolvers::only(server, None),
        &Name::from_ascii(name).unwrap(),
        source.map(|s| s.parse().unwrap()),
        Instant::now() + timeout.as_duration(),
    )
    .await
}

#[tokio::test]
async fn hosts_resolve_to_the_family_that_can_be_reached() {
    let server = DnsServer::start().await;
    let v4: Vec<IpAddr> = vec!["127.0.0.11".parse().unwrap(), "127.0.0.12".parse().unwrap()];
    let v6: Vec<IpAddr> = vec!["::1".parse().unwrap()];
    let ask = |name, source| resolve(server.address, name, source, AMPLE);
    assert_eq!(ask("app.test", None).await, Ok(v4.clone()));
    assert_eq!(ask("v6.test", None).await, Ok(v6));
    assert_eq!(ask("app.test", Some("127.0.1.7")).await, Ok(v4));
    assert_eq!(
        ask("v6.test", Some("127.0.1.7")).await,
        Err(NoAnswer::NoRecords)
    );
    assert_eq!(ask("absent.test", None).await, Err(NoAnswer::NoRecords));
    assert!(matches!(
        ask("broken.test", None).await,
        Err(NoAnswer::Refused(_))
    ));
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    // AAAA says "no records", but A is silent: taking the one for the other would call a healthy
    // endpoint down.
    let server = DnsServer::start().await;
    let answer = resolve(server.address, "only-v4-hangs.test", None, SHORT).await;
    assert!(
        matches!(answer, Err(NoAnswer::Unreachable(_))),
        "{answer:?}"
    );
}
