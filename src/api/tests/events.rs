//! Streams of events: what they tell, and how they end.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::support::{Served, starting};
use crate::api::serve::Limits;
use crate::daemon::snapshot::{Readiness, Snapshot, Unready};
use crate::model::{ConfigHash, HeldVote, Mono, Opinion, Vote, VoteReason};

/// A client that reads.
struct Client {
    stream: TcpStream,
    heard: String,
}

impl Client {
    fn of(api: &Served, query: &str) -> Self {
        let mut stream = std::net::TcpStream::connect(api.address).unwrap();
        let ask = format!("GET /v1/events{query} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self {
            stream: TcpStream::from_std(stream).unwrap(),
            heard: String::new(),
        }
    }

    /// The next event; none at the stream's end.
    async fn event(&mut self) -> Option<Value> {
        loop {
            if let Some((before, rest)) = self.heard.split_once("\n\n") {
                let data = before.lines().find_map(|line| line.strip_prefix("data: "));
                let event = data.map(|data| serde_json::from_str(data).expect("whole JSON"));
                self.heard = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let mut bytes = Vec::new();
            if self.stream.read_buf(&mut bytes).await.unwrap() == 0 {
                return None;
            }
            self.heard.push_str(&String::from_utf8(bytes).unwrap());
        }
    }
}

fn voted(opinion: Opinion) -> Snapshot {
    let vote = Vote {
        app: "shop".into(),
        region: "eu-west-1".into(),
        opinion,
        reason: VoteReason::Probes,
        evidence_at: Mono(0),
        failing_since: None,
        config: ConfigHash("c0ffee".into()),
        probes: Vec::new(),
    };
    let held = HeldVote {
        vote,
        evidence_at: Mono(0),
        failing_since: None,
    };
    let mut snapshot = starting();
    snapshot.votes = vec![("m2".into(), held)];
    snapshot
}

#[tokio::test]
async fn the_status_is_told_first_and_then_what_changes_until_the_daemon_drains() {
    let api = Served::start(voted(Opinion::Up)).await;
    let mut client = Client::of(&api, "?application=shop");
    let first = client.event().await.expect("an event");
    assert_eq!(first["event"], "status");
    assert_eq!(first["status"]["applications"][0]["name"], "shop");
    api.snapshot.send_replace(Arc::new(voted(Opinion::Down)));
    let next = loop {
        let next = client.event().await.expect("an event");
        if next["event"] == "vote" {
            break next;
        }
    };
    assert_eq!(
        (&next["member"], &next["opinion"]),
        (&"m2".into(), &"down".into())
    );
    api.stop.cancel();
    assert_eq!(client.event().await, None);
    api.served.await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_has_no_stream() {
    let api = Served::start(starting()).await;
    assert_eq!(api.get("/v1/events?application=none").await.status, 404);
    assert_eq!(api.get("/v1/events?app=shop").await.status, 400);
}

/// A status that no kernel buffers.
fn endless() -> Snapshot {
    let why = "x".repeat(32 * 1024 * 1024);
    let mut snapshot = starting();
    snapshot.ready = Readiness::new([Unready::TakesNoPart { why }]);
    snapshot
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let limits = Limits {
        stall: Duration::from_millis(150),
        ..Limits::default()
    };
    let api = Served::within(limits, endless()).await;
    let client = Client::of(&api, "");
    client.stream.readable().await.unwrap();
    loop {
        let metrics = api.scrape().await.body;
        if metrics.contains("failoverd_api_connections_dropped_total 1\n") {
            break;
        }
    }
    drop(client);
}

#[tokio::test]
async fn the_end_does_not_wait_for_one_either() {
    let limits = Limits {
        life: Duration::from_secs(3_600),
        stall: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let api = Served::within(limits, endless()).await;
    let client = Client::of(&api, "");
    client.stream.readable().await.unwrap();
    api.stop.cancel();
    api.served.await.unwrap();
    drop(client);
}

#[tokio::test]
async fn there_are_only_so_many() {
    let api = Served::start(starting()).await;
    let mut open = Vec::new();
    for _ in 0..32 {
        let mut client = Client::of(&api, "");
        client.event().await.expect("a place");
        open.push(client);
    }
    assert_eq!(api.get("/v1/events").await.status, 429);
    drop(open);
}
