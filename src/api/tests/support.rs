//! A served API and a client that speaks HTTP by hand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::serve::{Limits, serve_within};
use crate::api::{ApiSource, Configured, Heartbeat, MemberDesk, bind};
use crate::daemon::members::{ChangeRefused, MemberChange, MembersNow};
use crate::daemon::snapshot::Snapshot;
use crate::daemon::stats::Stats;
use crate::model::{Now, fixtures};

/// An API that is being served, and what it is served from.
pub struct Served {
    pub address: SocketAddr,
    pub snapshot: watch::Sender<Arc<Snapshot>>,
    pub stats: Arc<Stats>,
    pub desk: Arc<Desk>,
    pub stop: CancellationToken,
    pub served: JoinHandle<()>,
}

/// Answers as it was told to, and remembers what it was asked.
#[derive(Default)]
pub struct Desk {
    pub asked: Mutex<Vec<MemberChange>>,
    pub refusal: Mutex<Option<ChangeRefused>>,
}

#[async_trait]
impl MemberDesk for Desk {
    async fn change(&self, change: MemberChange) -> Result<MembersNow, ChangeRefused> {
        let member = change.member.clone();
        self.asked.lock().unwrap().push(change);
        match self.refusal.lock().unwrap().clone() {
            Some(refusal) => Err(refusal),
            None => Ok(MembersNow {
                voters: [member].into(),
                warning: None,
            }),
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Served {
    pub async fn start(snapshot: Snapshot) -> Self {
        Self::with_heartbeat(snapshot, Duration::from_millis(1_500)).await
    }

    pub async fn within(limits: Limits, snapshot: Snapshot) -> Self {
        Self::with(limits, snapshot, Duration::from_millis(1_500)).await
    }

    /// The loop's last turn is `age` old; ten seconds are allowed.
    pub async fn with_heartbeat(snapshot: Snapshot, age: Duration) -> Self {
        Self::with(Limits::default(), snapshot, age).await
    }

    async fn with(limits: Limits, snapshot: Snapshot, age: Duration) -> Self {
        Self::on("127.0.0.1:0", limits, snapshot, age).await
    }

    pub async fn on(listen: &str, limits: Limits, snapshot: Snapshot, age: Duration) -> Self {
        let listener = bind(listen.parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (snapshot, seen) = watch::channel(Arc::new(snapshot));
        let stop = CancellationToken::new();
        let desk = Arc::new(Desk::default());
        let source = source(seen, desk.clone(), age);
        let stats = source.stats.clone();
        let served = tokio::spawn(serve_within(
            limits,
            listener,
            source,
            stop.clone().cancelled_owned(),
        ));
        Self {
            address,
            snapshot,
            stats,
            desk,
            stop,
            served,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).await
    }

    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        self.send(method, path, "here", None, "").await
    }

    /// As a scraper asks that reads OpenMetrics.
    pub async fn scrape(&self) -> Answer {
        let accept = "here\r\naccept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        self.send("GET", "/metrics", accept, None, "").await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        host: &str,
        kind: Option<&str>,
        body: &str,
    ) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.address.port()))
            .await
            .unwrap();
        let kind = kind.map_or_else(String::new, |kind| format!("content-type: {kind}\r\n"));
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{kind}content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(stream).await
    }
}

/// What an API answers from, whose loop last turned that long ago.
pub fn source(
    snapshot: watch::Receiver<Arc<Snapshot>>,
    desk: Arc<Desk>,
    age: Duration,
) -> ApiSource {
    ApiSource {
        member: fixtures::members().remove(0),
        snapshot,
        stats: Arc::new(Stats::new()),
        heartbeat: Heartbeat::new(move || age, Duration::from_secs(10)),
        configured: fixtures::members()
            .into_iter()
            .map(|member| Configured {
                address: Some(format!("{}.example.org:7401", member.id)),
                id: member.id,
                region: member.region,
            })
            .collect(),
        applications: [fixtures::application()].into(),
        desk,
    }
}

/// Reads until the server closes.
pub async fn answer(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// Before the first turn.
pub fn starting() -> Snapshot {
    Snapshot::starting(Now::default(), Arc::default())
}
