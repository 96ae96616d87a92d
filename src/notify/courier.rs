//! Carries one receiver's messages, one after the other, and asks again when it has to.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use tokio_util::sync::CancellationToken;

use super::desk::Queue;
use super::letter::{self, Sender};
use super::message::Message;
use super::tally::{Fate, SinkTally, Tally};
use crate::config::{NotifySink, SinkAddress, SinkKind};
use crate::model::Millis;
use crate::ports::Clock;

/// Between two attempts: doubled from the first to the last, so that a receiver's short restart costs
/// seconds and its outage does not cost it a storm.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// After this a message is no news any more.
const NEWS: Millis = Millis::from_mins(60);

/// The longest that a receiver may ask us to wait.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// The longest secret, URL or key that a file may hold, in bytes.
const SECRET: u64 = 4 * 1024;

pub(super) struct Courier {
    pub sink: Arc<NotifySink>,
    pub queue: Arc<Queue>,
    pub tally: Tally,
    pub sender: Sender,
    pub http: reqwest::Client,
    pub clock: Arc<dyn Clock>,
    pub stopping: CancellationToken,
}

/// What one attempt came to.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    Delivered,
    /// Nothing is sent of it: this receiver has no use for it.
    Nothing,
    /// It may be taken later.
    Later {
        why: String,
        after: Option<Duration>,
    },
    /// It never will be.
    Refused {
        why: String,
    },
}

impl Courier {
    pub(super) async fn run(self) {
        loop {
            let message = tokio::select! {
                message = self.queue.take(self.counters()) => message,
                () = self.stopping.cancelled() => return,
            };
            tokio::select! {
                () = self.carry(&message) => {}
                () = self.stopping.cancelled() => {
                    // Another member may lead by now and tell it; this one has no time left.
                    tracing::info!(sink = self.sink.id, title = message.title, "not told: this daemon stops");
                    return;
                }
            }
        }
    }

    /// Until it is delivered, refused, or no news any more.
    async fn carry(&self, message: &Message) {
        let begun = self.clock.now().mono;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.attempt(message).await {
                Attempt::Delivered => return self.count(Fate::Delivered),
                Attempt::Nothing => return,
                Attempt::Refused { why } => {
                    tracing::error!(
                        sink = self.sink.id,
                        title = message.title,
                        why,
                        "a notification was refused; check the sink's address and secret"
                    );
                    return self.count(Fate::Refused);
                }
                Attempt::Later { why, after } => {
                    if self.clock.now().mono.since(begun) >= NEWS {
                        tracing::error!(
                            sink = self.sink.id,
                            title = message.title,
                            why,
                            "a notification was not delivered within an hour and is given up"
                        );
                        return self.count(Fate::Expired);
                    }
                    tracing::warn!(
                        sink = self.sink.id,
                        why,
                        ?pause,
                        "a notification is tried again"
                    );
                    self.count(Fate::Retried);
                    let wait =
                        after.map_or(pause, |asked| asked.min(LONGEST_RETRY_AFTER).max(pause));
                    tokio::time::sleep(wait).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn attempt(&self, message: &Message) -> Attempt {
        let url = match &self.sink.address {
            SinkAddress::Url(url) => url.clone(),
            SinkAddress::File(path) => match secret(path) {
                Ok(url) => url,
                Err(why) => return Attempt::Later { why, after: None },
            },
        };
        let request = match self.request(&url, message) {
            Ok(Some(request)) => request,
            Ok(None) => return Attempt::Nothing,
            Err(why) => return Attempt::Later { why, after: None },
        };
        match request.send().await {
            Ok(answer) => judge(&answer),
            // A mistake in the URL will be one tomorrow, but the file may be mended.
            Err(error) => Attempt::Later {
                // Its URL may be a secret.
                why: chain(&error.without_url()),
                after: None,
            },
        }
    }

    fn request(
        &self,
        url: &str,
        message: &Message,
    ) -> Result<Option<reqwest::RequestBuilder>, String> {
        let post = |body: Vec<u8>| {
            self.http
                .post(url)
                .header(CONTENT_TYPE, "application/json")
                .body(body)
        };
        // Texts and numbers: nothing in it that JSON cannot write.
        let written = |value: &serde_json::Value| value.to_string().into_bytes();
        match &self.sink.kind {
            SinkKind::Webhook { secret_file } => {
                let body = written(&letter::webhook(&self.sender, message));
                let Some(secret_file) = secret_file else {
                    return Ok(Some(post(body)));
                };
                let secret = secret(secret_file)?;
                let now = self.clock.now().wall.0 / 1_000;
                let signature = letter::signature(secret.as_bytes(), now, &body)?;
                Ok(Some(
                    post(body)
                        .header("failoverd-timestamp", now)
                        .header("failoverd-signature", signature),
                ))
            }
            SinkKind::Slack => Ok(Some(post(written(&letter::slack(&self.sender, message))))),
            SinkKind::PagerDuty { routing_key_file } => {
                let key = secret(routing_key_file)?;
                let body = letter::pagerduty(&self.sender, message, &key);
                Ok(body.map(|body| post(written(&body))))
            }
        }
    }

    fn counters(&self) -> Option<&SinkTally> {
        self.tally.sinks.get(&self.sink.id)
    }

    fn count(&self, fate: Fate) {
        if let Some(tally) = self.counters() {
            tally.count(fate);
        }
    }
}

/// 2xx is taken. 408, 425, 429 and 5xx may be another time; the rest never will.
fn judge(answer: &reqwest::Response) -> Attempt {
    let status = answer.status();
    if status.is_success() {
        return Attempt::Delivered;
    }
    let why = format!("it answered {status}");
    if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
        let after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        return Attempt::Later { why, after };
    }
    Attempt::Refused { why }
}

/// The file's first line. Read each time: a new one is taken without a restart.
pub(super) fn secret(path: &Path) -> Result<String, String> {
    use std::io::Read;

    let cannot = |why: &dyn std::fmt::Display| format!("{} cannot be read: {why}", path.display());
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    let mut text = String::new();
    file.take(SECRET)
        .read_to_string(&mut text)
        .map_err(|error| cannot(&error))?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(cannot(&"it is empty"));
    }
    Ok(line.to_owned())
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
