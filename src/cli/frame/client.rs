//! One question, one answer, from the first daemon that can be reached.
//!
//! ```text
//!             ┌─ cannot be reached ─▶ the next server       nothing was sent
//!  ask ──▶ server ─ 503 ───────────▶ the next server       nobody could do it, nothing was done
//!             ├─ an answer ─────────▶ it
//!             └─ lost on the way ───▶ a read: the next server
//!                                     a change: the same server once more, with the same key
//! ```
//!
//! Invariant: a request that may have changed something is repeated only where the same key meets the
//! memory that knows it: at the same server.

use std::cell::Cell;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, DATE};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::ClientError;
use super::error::chain;
use super::servers::Access;
use crate::api::Problem;
use crate::api::wire::Reason;
use crate::daemon::clock::WorldClock;
use crate::model::Wall;
use crate::ports::Clock;

/// Bytes of an answer that are taken: thousands of members' worth.
const LARGEST: usize = 8 << 20;

/// The header by which a daemon knows a repetition.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The APIs of some daemons of one cluster.
pub struct Client {
    servers: Vec<Url>,
    /// The one that answered last, which is asked first.
    first: Cell<usize>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    interrupted: CancellationToken,
    /// What the last answer was dated.
    dated: Cell<Option<Wall>>,
}

/// A question, which may be asked of several servers.
struct Ask<'a> {
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, String)],
    /// With the key of a change.
    body: Option<(Vec<u8>, String)>,
}

/// What came of asking one server.
enum Outcome {
    Answer(u16, Vec<u8>),
    /// Nothing was sent.
    Unreachable(String),
    /// Something was sent, and no answer came.
    Lost(String),
}

/// A problem document, with what only some of them have.
#[derive(Deserialize)]
struct ProblemDocument {
    #[serde(default)]
    reasons: Vec<Reason>,
    #[serde(flatten)]
    problem: Problem,
}

impl Client {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// What was given makes no sense.
    pub fn new(access: &Access) -> Result<Self, ClientError> {
        let servers = access.urls()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ClientError::Setup {
                why: error.to_string(),
            })?;
        Ok(Self {
            servers,
            first: Cell::new(0),
            http: access.http()?,
            runtime,
            interrupted: CancellationToken::new(),
            dated: Cell::new(None),
        })
    }

    /// Reads something.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, ClientError> {
        self.get_with(path, &[])
    }

    /// Reads something, with a query.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        self.ask(&Ask {
            method: Method::GET,
            path,
            query,
            body: None,
        })
    }

    /// Reads a page of plain text, with its status whatever that is.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn page(&self, path: &[&str]) -> Result<(u16, String), ClientError> {
        let (_server, status, bytes) = self.answer(&Ask {
            method: Method::GET,
            path,
            query: &[],
            body: None,
        })?;
        Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Asks for a change, or for what needs a body.
    ///
    /// # Errors
    /// As [`Self::get`]; [`ClientError::Lost`] where it is not known whether it was done.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Setup {
            why: error.to_string(),
        })?;
        self.ask(&Ask {
            method: Method::POST,
            path,
            query: &[],
            body: Some((body, key())),
        })
    }

    /// From now on Ctrl-C ends waiting and asking, instead of the program.
    pub fn catch_interrupts(&self) {
        let token = self.interrupted.clone();
        self.runtime.spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                token.cancel();
            }
        });
        // The handler is installed when it is first polled.
        self.runtime.block_on(tokio::task::yield_now());
    }

    /// Waits, on behalf of whoever asks again.
    ///
    /// # Errors
    /// Ctrl-C, once [`Self::catch_interrupts`] was called.
    pub fn pause(&self, length: Duration) -> Result<(), ClientError> {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.interrupted.cancelled() => Err(ClientError::Interrupted),
                () = tokio::time::sleep(length) => Ok(()),
            }
        })
    }

    /// The daemons' present time as of the last answer; this host's before the first. Ages are
    /// counted to it, so that a laptop whose clock is wrong does not lie about them.
    pub fn now(&self) -> Wall {
        self.dated
            .get()
            .unwrap_or_else(|| WorldClock::real().now().wall)
    }

    /// The server that answered last, or that is asked next.
    pub fn server(&self) -> String {
        name(&self.servers[self.first.get()])
    }

    fn ask<T: DeserializeOwned>(&self, ask: &Ask<'_>) -> Result<T, ClientError> {
        let (server, status, bytes) = self.answer(ask)?;
        let strange = |why: &str| ClientError::Strange {
            server,
            status,
            why: why.to_owned(),
        };
        if (200..300).contains(&status) {
            return serde_json::from_slice(&bytes).map_err(|error| strange(&error.to_string()));
        }
        match serde_json::from_slice::<ProblemDocument>(&bytes) {
            Ok(ProblemDocument { problem, reasons }) => Err(ClientError::Problem {
                problem: Box::new(problem),
                reasons,
            }),
            Err(_) => Err(strange("it gives no reason that can be read")),
        }
    }

    /// The first usable answer, unless Ctrl-C is pressed before.
    fn answer(&self, ask: &Ask<'_>) -> Result<(String, u16, Vec<u8>), ClientError> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.interrupted.cancelled() => Err(ClientError::Interrupted),
                answer = self.anybody(ask) => answer,
            }
        })
    }

    /// The first usable answer.
    async fn anybody(&self, ask: &Ask<'_>) -> Result<(String, u16, Vec<u8>), ClientError> {
        let count = self.servers.len();
        let mut tried = Vec::new();
        let mut unable = None;
        for index in (0..count).map(|n| (self.first.get() + n) % count) {
            let server = name(&self.servers[index]);
            let mut outcome = self.once(index, ask).await;
            if let (Outcome::Lost(_), Some(_)) = (&outcome, &ask.body) {
                outcome = match self.once(index, ask).await {
                    answer @ Outcome::Answer(..) => answer,
                    Outcome::Lost(why) | Outcome::Unreachable(why) => {
                        return Err(ClientError::Lost { server, why });
                    }
                };
            }
            match outcome {
                Outcome::Answer(503, bytes) => unable = Some((server, 503, bytes)),
                Outcome::Answer(status, bytes) => {
                    self.first.set(index);
                    return Ok((server, status, bytes));
                }
                Outcome::Unreachable(why) | Outcome::Lost(why) => tried.push((server, why)),
            }
        }
        unable.ok_or(ClientError::Unreachable { tried })
    }

    async fn once(&self, index: usize, ask: &Ask<'_>) -> Outcome {
        let mut url = self.servers[index].clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // What was typed never makes a path of its own.
            segments.clear().extend(ask.path);
        }
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let mut request = self.http.request(ask.method.clone(), url);
        if let Some((body, key)) = &ask.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .header(IDEMPOTENCY_KEY, key)
                .body(body.clone());
        }
        let lost = |error: reqwest::Error| Outcome::Lost(chain(&error.without_url()));
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => {
                return Outcome::Unreachable(chain(&error.without_url()));
            }
            Err(error) => return lost(error),
        };
        let status = answer.status().as_u16();
        let date = answer.headers().get(DATE).and_then(|at| at.to_str().ok());
        self.dated.set(date.and_then(wall));
        let mut bytes = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > LARGEST => {
                    return Outcome::Lost("the answer does not come to an end".to_owned());
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return Outcome::Answer(status, bytes),
                Err(error) => return lost(error),
            }
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn wall(date: &str) -> Option<Wall> {
    let at = jiff::fmt::rfc2822::parse(date).ok()?;
    u64::try_from(at.timestamp().as_millisecond())
        .ok()
        .map(Wall)
}

/// As it was typed, about.
fn name(server: &Url) -> String {
    server.as_str().trim_end_matches('/').to_owned()
}

/// Never given twice.
fn key() -> String {
    use rand::RngCore as _;
    let mut bytes = [0; 16];
    #[expect(clippy::disallowed_methods, reason = "a key is drawn, not computed")]
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests;
