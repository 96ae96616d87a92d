//! `GET /steer/{application}/{region}`: what health checks follow.
//!
//! ```text
//!  Route 53's checkers ─┐
//!  a load balancer ─────┴▶ [node] steer ─▶ the state as last agreed ─▶ 200 open, 503 closed
//! ```
//!
//! A door of its own, because whoever asks comes from the internet and shows no token: nothing else is
//! answered here, and the answer tells nothing that its asker does not see from the traffic itself.
//!
//! | answer | when |
//! | --- | --- |
//! | 200 `open` | the Region serves, as last agreed |
//! | 503 `closed` | it does not |
//! | 503 `nothing is agreed yet` | this member has never been part of a founded cluster |
//! | 404 `unknown` | no such application or Region, or no such path |
//!
//! A member that is cut off from the quorum repeats what it last agreed to. It cannot know better, and
//! silence would be an answer as well: a health check takes it for `closed`. That it may be wrong is why
//! nobody should follow one member alone; a calculated health check over all of them outvotes it.
//!
//! Invariant: an answer is read from memory. No disk, peer or lock of the daemon is waited for.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::serve::{Door, Limits};
use crate::daemon::snapshot::Snapshot;
use crate::model::{AppId, Application, RegionId};

/// Connections at the same time. Sixteen of Route 53's checkers ask each address every 10 s, for every
/// health check anew; an answer takes a millisecond, and a slow one holds its place for `head` at most.
const CONNECTIONS: usize = 256;

/// What answers are made of. Clones share it.
#[derive(Clone, Debug)]
pub struct SteerSource {
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// Every configured application.
    pub applications: Arc<[Application]>,
    /// Whether this member is the only one: what it says itself is agreed.
    pub alone: bool,
    pub tally: SteerTally,
}

/// How often each answer was given. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SteerTally(Family<AnswerLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    answer: &'static str,
}

impl SteerTally {
    /// Hands the counters to a registry, whose prefix goes before this name.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "steer_requests",
            "Requests of health checks that were answered, by the answer",
            self.0.clone(),
        );
    }

    fn answered(&self, answer: Answer) {
        let answer = answer.word();
        self.0.get_or_create(&AnswerLabels { answer }).inc();
    }

    /// One of each answer.
    #[cfg(test)]
    pub(super) fn count_something(&self) {
        self.answered(Answer::Open);
    }
}

/// What a health check is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Open,
    Closed,
    NothingAgreed,
    Unknown,
}

impl Answer {
    fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::NothingAgreed => "nothing_agreed",
            Self::Unknown => "unknown",
        }
    }

    fn said(self) -> (StatusCode, &'static str) {
        match self {
            Self::Open => (StatusCode::OK, "open\n"),
            Self::Closed => (StatusCode::SERVICE_UNAVAILABLE, "closed\n"),
            Self::NothingAgreed => (StatusCode::SERVICE_UNAVAILABLE, "nothing is agreed yet\n"),
            Self::Unknown => (StatusCode::NOT_FOUND, "unknown\n"),
        }
    }
}

/// Serves until `shutdown`, then lets answers that have begun end; that is bounded.
pub async fn serve_steer(
    listener: TcpListener,
    source: SteerSource,
    shutdown: impl Future<Output = ()>,
) {
    let limits = Limits {
        connections: CONNECTIONS,
        ..Limits::default()
    };
    serve_steer_within(limits, listener, source, shutdown).await;
}

pub(super) async fn serve_steer_within(
    limits: Limits,
    listener: TcpListener,
    source: SteerSource,
    shutdown: impl Future<Output = ()>,
) {
    let dropped = source.tally.clone();
    let door = Door {
        limits,
        tls: None,
        router: Router::new()
            .route("/steer/{application}/{region}", get(steer))
            .fallback(elsewhere)
            .with_state(source),
        stop: CancellationToken::new(),
        dropped: Arc::new(move || {
            let answer = "none";
            dropped.0.get_or_create(&AnswerLabels { answer }).inc();
        }),
    };
    door.keep(listener, shutdown).await;
}

async fn steer(
    State(source): State<SteerSource>,
    Path((application, region)): Path<(AppId, RegionId)>,
) -> Response {
    tell(&source, look(&source, &application, &region))
}

async fn elsewhere(State(source): State<SteerSource>) -> Response {
    tell(&source, Answer::Unknown)
}

fn look(source: &SteerSource, application: &AppId, region: &RegionId) -> Answer {
    let snapshot = source.snapshot.borrow().clone();
    let Some(app) = source.applications.iter().find(|a| &a.name == application) else {
        return Answer::Unknown;
    };
    let known = snapshot.state.apps.get(application);
    let Some(steered) = app.steered(known, region) else {
        return Answer::Unknown;
    };
    if snapshot.state.ledger().is_none() && !source.alone {
        return Answer::NothingAgreed;
    }
    if steered.open {
        Answer::Open
    } else {
        Answer::Closed
    }
}

fn tell(source: &SteerSource, answer: Answer) -> Response {
    source.tally.answered(answer);
    let (status, text) = answer.said();
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, text).into_response()
}
