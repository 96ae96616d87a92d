//! What happens, told as it happens: server-sent events.
//!
//! ```text
//!  watch::Receiver<Snapshot> ──▶ what has changed since the last event ──▶ this client, if it reads
//! ```
//!
//! Nothing is queued for a client that does not read: what it has missed is told as one change later, or
//! as a whole new status.
//!
//! Invariant: a stream ends with its caller's right to it, with the daemon, and with a client that does
//! not read.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::api::access::{Caller, Scope};
use crate::api::gate;
use crate::api::params::Asked;
use crate::api::peer::Peer;
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::view::Seen;
use crate::api::wire::{AccessRole, ApiEvent};
use crate::daemon::snapshot::Snapshot;

/// Between two signs of life, in real time. Proxies close what is silent for a minute, some for less;
/// a right that was taken away ends the stream as soon.
const ALIVE: Duration = Duration::from_secs(10);

/// Between two looks at what has changed, in real time: the loop turns many times a second when much
/// happens, and each look costs as much as `GET /v1/status`.
const PACE: Duration = Duration::from_secs(1);

/// What a client that does not read is given at the daemon's end.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) fn routes(room: Room) -> Room {
    room.stream(AccessRole::Viewer, routes!(events))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Narrow {
    /// Of this application alone; of every one that the caller may see if absent.
    application: Option<String>,
}

/// One event of the stream.
#[derive(ToSchema)]
#[schema(as = SentEvent)]
#[expect(
    dead_code,
    reason = "the document tells of it; what is sent is written below"
)]
struct Sent {
    /// The tag of what `data` holds: `status`, `application`, `vote` or `run`.
    event: String,
    /// An `ApiEvent`, in a line.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// What happens, as it happens. The first event is the whole status; so is one after much has changed
/// at once, or anything that no other event tells, such as another leader, a pause or a warning. A
/// client that reads slowly is told the newest and not what was between.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "status",
    params(Narrow),
    responses((
        status = 200,
        description = "A stream of such events.",
        body = Sent,
        content_type = "text/event-stream",
    )),
)]
async fn events(
    State(api): State<Api>,
    caller: Caller,
    Asked(narrow): Asked<Narrow>,
    Extension(peer): Extension<Peer>,
    Extension(place): Extension<Arc<OwnedSemaphorePermit>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut sees = caller.clone();
    if let Some(name) = &narrow.application {
        let app = api.application(&caller, name)?;
        sees.scope = Scope::Only([app.name.clone()].into());
    }
    let mut alive = every(ALIVE);
    alive.reset();
    let teller = Teller {
        snapshots: api.source().snapshot.clone(),
        api,
        caller,
        sees,
        peer,
        headers,
        _place: place,
        known: None,
        pending: VecDeque::new(),
        alive,
        pace: every(PACE),
    };
    let told = stream::unfold(teller, async |mut teller| {
        let next = teller.next().await?;
        Some((Ok::<_, Infallible>(next), teller))
    });
    let head = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((head, Body::from_stream(told)).into_response())
}

/// One stream.
struct Teller {
    api: Api,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Who asked, and what they see of it.
    caller: Caller,
    sees: Caller,
    peer: Peer,
    headers: HeaderMap,
    _place: Arc<OwnedSemaphorePermit>,
    known: Option<Seen>,
    /// Events of one look: bounded there.
    pending: VecDeque<ApiEvent>,
    alive: Interval,
    pace: Interval,
}

impl Teller {
    /// What is sent next; none at the end. Asked for when the client has room for it.
    async fn next(&mut self) -> Option<Bytes> {
        self.peer.lease.last(self.peer.stall, FAREWELL);
        let stopping = self.api.stopping().clone();
        tokio::select! {
            biased;
            () = stopping.cancelled() => None,
            next = self.told() => next,
        }
    }

    async fn told(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(written(&event));
            }
            if self.known.is_none() {
                self.pace.tick().await;
                self.look();
                continue;
            }
            tokio::select! {
                changed = self.snapshots.changed() => {
                    changed.ok()?;
                    self.pace.tick().await;
                    self.look();
                }
                _ = self.alive.tick() => {
                    return self.still_may().then(|| Bytes::from_static(b": alive\n\n"));
                }
            }
        }
    }

    /// Takes the newest snapshot, and what it changes.
    fn look(&mut self) {
        let snapshot = self.snapshots.borrow_and_update().clone();
        let look = self.api.look(&snapshot);
        let seen = look.seen(&self.sees);
        match &self.known {
            None => self.pending.push_back(seen.whole()),
            Some(known) => self.pending.extend(look.events(&self.sees, known, &seen)),
        }
        self.known = Some(seen);
    }

    /// Whether the caller is still who they were when they asked.
    fn still_may(&self) -> bool {
        let now = gate::caller_of(&self.api, &self.headers, &self.peer);
        now.is_ok_and(|now| now.role == self.caller.role && now.scope == self.caller.scope)
    }
}

fn every(length: Duration) -> Interval {
    let mut ticks = interval(length);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// As it goes over the wire: JSON has no line breaks of its own.
fn written(event: &ApiEvent) -> Bytes {
    let name = match event {
        ApiEvent::Status { .. } => "status",
        ApiEvent::Application { .. } => "application",
        ApiEvent::Vote { .. } => "vote",
        ApiEvent::Run { .. } => "run",
    };
    // Our own types: nothing in them that JSON cannot write.
    let data = serde_json::to_string(event).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
