//! What people are told of an outage, by a real daemon to real receivers.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use super::stage::Stage;
use super::wait;

/// Everything that came, in its order: the path, the signature if there was one, and the body.
struct Receiver {
    url: String,
    given: Mutex<mpsc::UnboundedReceiver<(String, Option<String>, Value)>>,
}

type Given = mpsc::UnboundedSender<(String, Option<String>, Value)>;

impl Receiver {
    async fn open() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, given) = mpsc::unbounded_channel();
        let router = Router::new().fallback(take).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Arc::new(Self {
            url,
            given: Mutex::new(given),
        })
    }

    /// The next at `path` that `wanted` is about, past whatever else comes.
    async fn next(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> (Option<String>, Value) {
        let mut given = self.given.lock().await;
        let found = async {
            loop {
                let (at, signature, body) = given.recv().await.expect("it listens");
                if at == path && wanted(&body) {
                    return (signature, body);
                }
            }
        };
        tokio::time::timeout(wait::PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("nothing of the kind came at {path}"))
    }
}

async fn take(State(given): State<Given>, uri: Uri, headers: HeaderMap, body: String) {
    let signature = headers
        .get("failoverd-signature")
        .and_then(|value| value.to_str().ok().map(ToOwned::to_owned));
    let body = serde_json::from_str(&body).unwrap_or(Value::Null);
    let _ = given.send((uri.path().to_owned(), signature, body));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_from_its_beginning_to_its_end() {
    let receiver = Receiver::open().await;
    let stage = Stage::new().await;
    std::fs::write(stage.folder().join("secret"), "s3cret\n").unwrap();
    let url = &receiver.url;
    stage.edit(
        "[guards]",
        &format!(
            "[[notify]]\nid = \"hook\"\nkind = \"webhook\"\nurl = \"{url}/hook\"\n\
             secret_file = \"secret\"\n\n[heartbeat]\nurl = \"{url}/alive\"\ninterval = \"5s\"\n\n\
             [guards]"
        ),
    );
    let mut daemon = stage.steady().await;
    receiver.next("/alive", |_| true).await;
    stage.lose_home();
    let kind = |kind: &'static str, standing: &'static str| {
        move |body: &Value| body["kind"] == kind && body["standing"] == standing
    };
    let (signature, lost) = receiver.next("/hook", kind("region_lost", "begun")).await;
    assert!(signature.is_some_and(|text| text.starts_with("v1=")));
    assert_eq!(lost["urgency"], "critical");
    assert_eq!(lost["application"], "shop");
    let (_, run) = receiver.next("/hook", kind("run", "begun")).await;
    assert_eq!(run["text"], "The quorum decided it.");
    let (_, done) = receiver.next("/hook", kind("run", "over")).await;
    assert_eq!(done["key"], run["key"]);
    assert!(
        done["title"]
            .as_str()
            .is_some_and(|t| t.ends_with("is completed")),
        "{done}"
    );
    let metrics = daemon
        .shows("the notifications are counted", |metrics| {
            let labels = [("sink", "hook"), ("outcome", "delivered")];
            metrics.value("notifications_total", &labels) >= Some(3.0)
        })
        .await;
    let beaten = metrics.value("heartbeat_last_success_timestamp_seconds", &[]);
    assert!(beaten > Some(1_700_000_000.0), "{beaten:?}");
    drop(daemon);
    stage.strike().await;
}
