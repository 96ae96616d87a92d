//! From the desk to the receiver.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::letters::{message, sender};
use super::receiver::Receiver;
use crate::config::{Heartbeat, NotifySink, SinkAddress, SinkKind, Urgency};
use crate::model::{Millis, Now, Wall};
use crate::notify::{Desk, Message, Standing, Tally, beat};
use crate::ports::Clock;

/// At the host's own pace, always at the same moment.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Now {
        Now {
            wall: Wall(1_790_000_000_000),
            ..Now::default()
        }
    }

    fn real(&self, world: Millis, floor: std::time::Duration) -> std::time::Duration {
        world.as_duration().max(floor)
    }

    fn sleep(&self, world: Millis) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(world.as_duration()))
    }
}

struct Office {
    desk: Desk,
    tally: Tally,
    stopping: CancellationToken,
    tasks: TaskTracker,
    folder: tempfile::TempDir,
}

fn sink(id: &str, kind: SinkKind, address: SinkAddress) -> NotifySink {
    NotifySink {
        id: id.to_owned(),
        kind,
        address,
        applications: None,
        least: Urgency::Info,
    }
}

impl Office {
    fn with(sinks: impl FnOnce(&std::path::Path) -> Vec<NotifySink>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sinks = sinks(folder.path());
        let tally = Tally::of(&sinks, false);
        let clock: Arc<dyn Clock> = Arc::new(Still);
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        let desk = Desk::open(&sinks, sender(), &tally, &clock, &stopping, &tasks).unwrap();
        Self {
            desk,
            tally,
            stopping,
            tasks,
            folder,
        }
    }

    fn outcome(&self, sink: &str, outcome: &str) -> u64 {
        let tally = &self.tally.sinks[sink];
        let found = tally
            .outcomes()
            .into_iter()
            .find(|(name, _)| *name == outcome);
        found.expect("an outcome").1
    }

    /// Ends the couriers, each after the message it is at.
    async fn close(self) -> (Tally, tempfile::TempDir) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        (self.tally, self.folder)
    }
}

fn write(folder: &std::path::Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_webhook_is_signed_with_the_secret_of_its_file() {
    let mut receiver = Receiver::answering(&[]).await;
    let url = receiver.url.clone();
    let office = Office::with(|folder| {
        let secret_file = Some(write(folder, "secret", "s3cret\n"));
        vec![sink(
            "hook",
            SinkKind::Webhook { secret_file },
            SinkAddress::Url(url),
        )]
    });
    office.desk.tell(&message(Standing::Begun));
    let given = receiver.next().await;
    assert_eq!(given.headers["content-type"], "application/json");
    assert_eq!(given.headers["failoverd-timestamp"], "1790000000");
    let signature = crate::notify::letter::signature(b"s3cret", 1_790_000_000, &given.body);
    assert_eq!(
        given.headers["failoverd-signature"].to_str().unwrap(),
        signature.unwrap()
    );
    let body: Value = serde_json::from_slice(&given.body).unwrap();
    assert_eq!(body["key"], "shop/held");
    assert!(!String::from_utf8_lossy(&given.body).contains("s3cret"));
}

#[tokio::test]
async fn a_receiver_that_stumbles_is_asked_again_and_one_that_refuses_is_not() {
    let mut receiver = Receiver::answering(&[503]).await;
    let url = receiver.url.clone();
    let office = Office::with(|_| vec![sink("chat", SinkKind::Slack, SinkAddress::Url(url))]);
    office.desk.tell(&message(Standing::Begun));
    let first = receiver.next().await;
    let again = receiver.next().await;
    assert_eq!(first.body, again.body);
    receiver.answer(400);
    office.desk.tell(&message(Standing::Over));
    receiver.next().await;
    // In their order: what comes next tells that the refused one is done with.
    office.desk.tell(&message(Standing::Told));
    receiver.next().await;
    assert!(receiver.is_empty());
    assert_eq!(office.outcome("chat", "retried"), 1);
    assert_eq!(office.outcome("chat", "refused"), 1);
    assert!(office.outcome("chat", "delivered") >= 1);
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let hung = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hung_url = format!("http://{}/", hung.local_addr().unwrap());
    let mut receiver = Receiver::answering(&[]).await;
    let url = receiver.url.clone();
    let office = Office::with(|_| {
        vec![
            sink("hung", SinkKind::Slack, SinkAddress::Url(hung_url)),
            sink("chat", SinkKind::Slack, SinkAddress::Url(url)),
        ]
    });
    // More than one queue holds: nobody waits, the oldest make room.
    for number in 0..400 {
        office.desk.tell(&Message {
            title: format!("number {number}"),
            ..message(Standing::Told)
        });
    }
    let given = receiver.next().await;
    assert!(!given.body.is_empty());
    assert!(office.outcome("hung", "dropped") >= 400 - 256 - 1);
    assert!(office.tally.sinks["hung"].waiting() <= 256);
    let (tally, _folder) = office.close().await;
    assert_eq!(tally.sinks["hung"].outcomes()[0], ("delivered", 0));
}

#[tokio::test]
async fn each_receiver_gets_what_it_wants() {
    let mut receiver = Receiver::answering(&[]).await;
    let url = receiver.url.clone();
    let office = Office::with(|_| {
        vec![NotifySink {
            applications: Some(["blog".into()].into()),
            least: Urgency::Warning,
            ..sink("blog", SinkKind::Slack, SinkAddress::Url(url))
        }]
    });
    let of = |application: Option<&str>, urgency| Message {
        application: application.map(Into::into),
        urgency,
        title: format!("{application:?} {urgency:?}"),
        ..message(Standing::Told)
    };
    office.desk.tell(&of(Some("shop"), Urgency::Critical));
    office.desk.tell(&of(Some("blog"), Urgency::Info));
    office.desk.tell(&of(Some("blog"), Urgency::Warning));
    office.desk.tell(&of(None, Urgency::Critical));
    for wanted in ["Some(\"blog\") Warning", "None Critical"] {
        let body: Value = serde_json::from_slice(&receiver.next().await.body).unwrap();
        assert_eq!(body["text"], wanted);
    }
    assert!(receiver.is_empty());
}

#[tokio::test]
async fn an_address_that_is_a_secret_is_read_from_its_file_each_time() {
    let mut receiver = Receiver::answering(&[]).await;
    let url = receiver.url.clone();
    // Missing at first: it is asked for again until it is there.
    let office = Office::with(|folder| {
        let file = SinkAddress::File(folder.join("url"));
        vec![sink("chat", SinkKind::Slack, file)]
    });
    office.desk.tell(&message(Standing::Begun));
    write(office.folder.path(), "url", &format!("{url}\n"));
    receiver.next().await;
}

#[tokio::test]
async fn the_heartbeat_is_held_back_while_the_member_is_not_well() {
    let mut receiver = Receiver::answering(&[200, 500]).await;
    let tally = Arc::new(crate::notify::HeartbeatTally::default());
    let stopping = CancellationToken::new();
    // Well, well, not, not, well, …: each look is one beat, or none.
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let (looked_in, mut looked) = tokio::sync::mpsc::unbounded_channel();
    let beating = beat(
        Heartbeat {
            address: SinkAddress::Url(receiver.url.clone()),
            interval: Millis(1_000),
        },
        Arc::clone(&tally),
        Arc::new(Still),
        Arc::new(move || {
            let look = looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _ = looked_in.send(look);
            if matches!(look, 2 | 3) {
                return Err("no quorum".to_owned());
            }
            Ok(())
        }),
        stopping.clone(),
    );
    let beating = tokio::spawn(beating.unwrap());
    receiver.next().await;
    receiver.next().await;
    while looked.recv().await != Some(3) {}
    assert!(receiver.is_empty());
    receiver.next().await;
    assert_eq!(tally.failures(), 1);
    assert_eq!(tally.last_success(), Some(Wall(1_790_000_000_000)));
    stopping.cancel();
    beating.await.unwrap();
}
