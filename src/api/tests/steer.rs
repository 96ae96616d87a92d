//! What health checks are told, and what they may not do to a member.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::support::{Answer, answer, starting};
use crate::api::bind;
use crate::api::serve::Limits;
use crate::api::steer::serve_steer_within;
use crate::api::{SteerSource, SteerTally};
use crate::daemon::snapshot::Snapshot;
use crate::model::{AppState, DiskId, State, fixtures};

const HOME: &str = "/steer/shop/eu-west-1";
const STANDBY: &str = "/steer/shop/eu-central-1";

struct Door {
    address: SocketAddr,
    snapshot: watch::Sender<Arc<Snapshot>>,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl Door {
    async fn open(snapshot: Snapshot, limits: Limits) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (snapshot, seen) = watch::channel(Arc::new(snapshot));
        let stop = CancellationToken::new();
        let source = SteerSource {
            snapshot: seen,
            applications: [fixtures::application()].into(),
            alone: false,
            tally: SteerTally::default(),
        };
        let shutdown = stop.clone().cancelled_owned();
        let served = tokio::spawn(serve_steer_within(limits, listener, source, shutdown));
        Self {
            address,
            snapshot,
            stop,
            served,
        }
    }

    fn says(&self, text: &str) -> TcpStream {
        let mut stream = std::net::TcpStream::connect(self.address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        TcpStream::from_std(stream).unwrap()
    }

    async fn ask(&self, method: &str, path: &str) -> Answer {
        answer(self.says(&format!("{method} {path} HTTP/1.1\r\nhost: here\r\n\r\n"))).await
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.ask("GET", path).await;
        (answer.status, answer.body)
    }
}

fn agreed(app: AppState) -> Snapshot {
    let mut state = State::default();
    state.disks.insert("m1".into(), DiskId(1));
    state.apps.insert("shop".into(), app);
    let mut snapshot = starting();
    snapshot.state = Arc::new(state);
    snapshot
}

fn open() -> (u16, String) {
    (200, "open\n".to_owned())
}

fn closed() -> (u16, String) {
    (503, "closed\n".to_owned())
}

#[tokio::test]
async fn a_region_is_open_or_closed_as_last_agreed() {
    let door = Door::open(agreed(AppState::default()), Limits::default()).await;
    assert_eq!(
        (door.get(HOME).await, door.get(STANDBY).await),
        (open(), closed())
    );
    let mut steered = AppState::default();
    steered.steer.insert("eu-west-1".into(), false);
    steered.steer.insert("eu-central-1".into(), true);
    door.snapshot.send_replace(Arc::new(agreed(steered)));
    assert_eq!(
        (door.get(HOME).await, door.get(STANDBY).await),
        (closed(), open())
    );
    // A run that used other levers.
    let moved = AppState {
        active: Some("eu-central-1".into()),
        ..AppState::default()
    };
    door.snapshot.send_replace(Arc::new(agreed(moved)));
    assert_eq!(
        (door.get(HOME).await, door.get(STANDBY).await),
        (closed(), open())
    );
    let head = door.ask("GET", HOME).await.head;
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert!(head.contains("content-type: text/plain"), "{head}");
}

#[tokio::test]
async fn a_member_that_was_never_told_anything_says_so() {
    let door = Door::open(starting(), Limits::default()).await;
    let nothing = (503, "nothing is agreed yet\n".to_owned());
    assert_eq!(
        (door.get(HOME).await, door.get(STANDBY).await),
        (nothing.clone(), nothing)
    );
}

#[tokio::test]
async fn nothing_else_is_told_here() {
    let door = Door::open(agreed(AppState::default()), Limits::default()).await;
    for path in [
        "/steer/blog/eu-west-1",
        "/steer/shop/ap-south-1",
        "/steer/shop",
        "/steer/shop/eu-west-1/more",
        "/",
        "/metrics",
        "/v1/status",
    ] {
        assert_eq!(
            door.get(path).await,
            (404, "unknown\n".to_owned()),
            "{path}"
        );
    }
    assert_eq!(door.ask("HEAD", HOME).await.status, 200);
    assert_eq!(door.ask("POST", HOME).await.status, 405);
}

#[tokio::test]
async fn clients_that_say_nothing_do_not_keep_health_checks_out() {
    let limits = Limits {
        connections: 2,
        head: Duration::from_millis(150),
        ..Limits::default()
    };
    let door = Door::open(agreed(AppState::default()), limits).await;
    let silent = [door.says(""), door.says("GET /steer")];
    assert_eq!(door.get(HOME).await, open());
    drop(silent);
    door.stop.cancel();
    door.served.await.unwrap();
}
