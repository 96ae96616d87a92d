//! What every call passes before its route sees it.
//!
//! ```text
//!  request ─▶ who? 401 ─▶ role? 403 ─▶ scope? 404 ─▶ a place? 429 ─┬─ GET ───────────────▶ route
//!                                                                  └─ POST: JSON? 415, one body? 413,
//!                                                                     own page? 403, key? 409 422 ─▶ route
//! ```
//!
//! Invariant: a route is reached by callers of its role alone, and for what is in their scope alone.
//! Invariant: a change that has begun is brought to its end, whether its caller waits or not.

use std::time::Duration;

use axum::RequestPartsExt as _;
use axum::body::{Body, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};

use super::access::{Caller, from_our_page, real_now, role_word};
use super::memory::{self, Kept, Pending, Recall};
use super::peer::Peer;
use super::places::Class;
use super::problem::Problem;
use super::state::Api;
use super::wire::AccessRole;
use crate::model::AppId;

/// Bytes of a body: words, and never data.
pub(super) const BODY: usize = 16 * 1024;

/// For a change or a dry run: AWS is read in the caller's time, and the ledger is written twice.
const WRITE_LIFE: Duration = Duration::from_secs(90);

/// What a route asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub role: AccessRole,
    pub class: Class,
    /// A POST that changes something: in the audit, and answered once for each key.
    pub changes: bool,
    /// For callers without a scope alone.
    pub whole: bool,
    /// Whether it takes anything in the query.
    pub query: bool,
}

/// A rule and what it is checked with.
#[derive(Clone)]
pub(super) struct Gate {
    pub api: Api,
    pub rule: Rule,
}

/// Who came through, for the route.
#[derive(Clone, Debug)]
pub(super) struct Passed {
    pub caller: Caller,
    pub changes: bool,
    /// The application that the path is about, by its name, its run's or its drill's.
    pub about: Option<AppId>,
    /// `POST /v1/…`
    pub call: String,
}

pub(super) async fn enter(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.pass(request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// Whether whoever sent this may look, for pages without a rule of their own.
pub(super) fn known(api: &Api, request: Request) -> Result<Caller, Problem> {
    let (parts, _) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().ok_or_else(lost)?;
    caller_of(api, &parts.headers, peer)
}

/// Who sends these headers over that connection, as things stand now.
pub(super) fn caller_of(api: &Api, headers: &HeaderMap, peer: &Peer) -> Result<Caller, Problem> {
    let caller = api.access().identify(headers, peer, real_now())?;
    // A certificate was good when the connection began.
    match caller.expires {
        Some(expires) if expires <= real_now() => Err(certificate_expired()),
        Some(_) | None => Ok(caller),
    }
}

impl Gate {
    async fn pass(self, request: Request, next: Next) -> Result<Response, Problem> {
        let (mut parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>().cloned().ok_or_else(lost)?;
        let caller = caller_of(&self.api, &parts.headers, &peer)?;
        self.may(&caller)?;
        self.nothing_unasked(&parts)?;
        let about = self.about(&mut parts, &caller).await?;
        let place = self.api.places().take(self.rule.class)?;
        let passed = Passed {
            caller,
            changes: self.rule.changes,
            about,
            call: format!("{} {}", parts.method, parts.uri.path()),
        };
        match self.rule.class {
            Class::Read => {
                parts.extensions.insert(passed);
                let response = next.run(Request::from_parts(parts, body)).await;
                drop(place);
                Ok(response)
            }
            Class::Stream => {
                parts.extensions.insert(passed);
                // The stream keeps it until it ends.
                parts.extensions.insert(std::sync::Arc::new(place));
                Ok(next.run(Request::from_parts(parts, body)).await)
            }
            Class::Write => {
                peer.lease.renew(WRITE_LIFE);
                let work = self.write(passed, parts, body, next).await?;
                let done = self.api.changes().spawn(async move {
                    let response = work.await;
                    drop(place);
                    response
                });
                done.await.unwrap_or_else(|error| Err(failed(&error)))
            }
        }
    }

    fn may(&self, caller: &Caller) -> Result<(), Problem> {
        if caller.role < self.rule.role {
            let needed = role_word(self.rule.role);
            let has = role_word(caller.role);
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "role",
                format!("{} is {has} here, and this needs {needed}", caller.name()),
                format!("Ask somebody who is {needed}, or an admin for a token of that role."),
            ));
        }
        if self.rule.whole && !caller.scope.is_everything() {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "scope",
                format!(
                    "{} is for some applications, and this is about all",
                    caller.name()
                ),
                "Ask somebody whose token has no `applications`.",
            ));
        }
        Ok(())
    }

    /// What was asked and is not understood must not be taken for answered.
    fn nothing_unasked(&self, parts: &Parts) -> Result<(), Problem> {
        let asked = parts.uri.query().is_some_and(|query| !query.is_empty());
        if asked && !self.rule.query {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_query",
                "this takes nothing after a `?`",
                "Leave it out. GET /v1/openapi.json says what may be asked.",
            ));
        }
        Ok(())
    }

    /// What the path is about, if the caller may know of it. What is out of scope is not there.
    async fn about(&self, parts: &mut Parts, caller: &Caller) -> Result<Option<AppId>, Problem> {
        let params: RawPathParams = parts.extract().await.map_err(|_| unreadable_path())?;
        for (name, value) in &params {
            match name {
                "application" => {
                    let app = self.api.application(caller, value)?;
                    return Ok(Some(app.name.clone()));
                }
                "run" => {
                    let snapshot = self.api.now();
                    let run = self.api.run(caller, &snapshot, value)?;
                    return Ok(Some(run.application.clone()));
                }
                "drill" => {
                    let snapshot = self.api.now();
                    let drill = self.api.drill(caller, &snapshot, value)?;
                    return Ok(Some(drill.application.clone()));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Everything about a POST that can be told before it is begun, and how to go on.
    async fn write(
        &self,
        passed: Passed,
        mut parts: Parts,
        body: Body,
        next: Next,
    ) -> Result<impl Future<Output = Result<Response, Problem>> + Send + 'static, Problem> {
        from_our_page(&parts.headers)?;
        is_json(&parts.headers)?;
        let key = memory::key_of(&parts.headers)?.filter(|_| self.rule.changes);
        let body = whole(body).await?;
        let recall = key.map(|key| {
            let who = format!("{} {}", passed.caller.how.as_str(), passed.caller.name());
            self.api.memory().recall(&who, &passed.call, key, &body)
        });
        let recall = recall.transpose()?;
        parts.extensions.insert(passed);
        Ok(async move {
            let pending = match recall {
                Some(Recall::Answered(kept)) => return Ok(again(kept)),
                Some(Recall::New(pending)) => Some(pending),
                None => None,
            };
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            match pending {
                Some(pending) => remember(pending, response).await,
                None => Ok(response),
            }
        })
    }
}

/// The whole body, if it is of a bearable size.
pub(super) async fn whole(body: Body) -> Result<Bytes, Problem> {
    let read = Limited::new(body, BODY).collect().await;
    read.map(Collected::to_bytes).map_err(|error| {
        let long = error.is::<LengthLimitError>();
        let status = if long {
            StatusCode::PAYLOAD_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        Problem::new(
            status,
            "unreadable_body",
            error.to_string(),
            format!("Send a whole body of at most {BODY} bytes."),
        )
    })
}

fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|t| t.to_str().ok());
    let kind = kind.and_then(|t| t.split(';').next()).unwrap_or_default();
    if kind.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not_json",
        "a call that is not a look is made in JSON",
        "Send content-type: application/json and a body such as {\"by\":\"Ada\"}.",
    ))
}

/// The first answer, marked as such.
fn again(kept: Kept) -> Response {
    let mut response = (kept.status, kept.body).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    if let Some(kind) = kept.kind {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

async fn remember(pending: Pending, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    // Our own answers: of a known size, and not of a kind that fails.
    let body = to_bytes(body, usize::MAX).await.map_err(|_| lost())?;
    pending.answered(Kept {
        status: parts.status,
        kind: parts.headers.get(CONTENT_TYPE).cloned(),
        body: body.clone(),
    });
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn certificate_expired() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "expired_certificate",
        "the caller's certificate has expired",
        "Ask whoever signs them for a new one.",
    )
}

fn unreadable_path() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "bad_path",
        "the path is not readable text",
        "Percent-encode names as UTF-8.",
    )
}

fn lost() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the daemon lost track of this call",
        "This is a mistake in failoverd: its log says more. Report it.",
    )
}

fn failed(error: &tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "a call failed within the daemon");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the call failed within the daemon; whether anything was done is unknown",
        "Look at GET /v1/status before asking again, and report it.",
    )
}
