//! `/v1/members`: who is a member, and changing it.
//!
//! ```text
//!  GET  /v1/members             ◀── snapshot, configured members
//!  POST /v1/members/{id}/{act}  ──▶ MemberDesk ──▶ the leader
//! ```
//!
//! There is no authentication yet. So changes are taken only where nobody but this host's own users
//! can ask, and never on behalf of a web page that one of them looks at.
//!
//! Invariant: nothing is changed by a call that may come from elsewhere.

mod list;

use std::net::IpAddr;

use async_trait::async_trait;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderMap, StatusCode};

use super::problem::Problem;
use super::source::ApiSource;
use super::wire::ChangeBody;
use crate::daemon::NodeHandle;
use crate::daemon::members::{ChangeCode, ChangeRefused, MemberAct, MemberChange, MembersNow};
use crate::model::MemberId;

/// Bytes of a change's body: a name and its frame.
const BODY: usize = 4 * 1024;

/// Characters of a name, of a member or of a person.
const NAME: usize = 128;

/// Has the members changed.
#[async_trait]
pub trait MemberDesk: Send + Sync + 'static {
    /// By whoever leads.
    async fn change(&self, change: MemberChange) -> Result<MembersNow, ChangeRefused>;
}

impl std::fmt::Debug for dyn MemberDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemberDesk")
    }
}

#[async_trait]
impl MemberDesk for NodeHandle {
    async fn change(&self, change: MemberChange) -> Result<MembersNow, ChangeRefused> {
        self.change_members(change).await
    }
}

#[derive(Clone)]
struct Members {
    source: ApiSource,
    /// Whether the listener is reached from this host alone.
    loopback: bool,
}

pub(super) fn router(source: ApiSource, loopback: bool) -> Router {
    Router::new()
        .route("/v1/members", get(list_members))
        .route("/v1/members/{id}/{act}", post(change_members))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(Members { source, loopback })
}

async fn list_members(State(members): State<Members>) -> Response {
    answer(&list::of(&members.source))
}

async fn change_members(
    State(members): State<Members>,
    Path((id, act)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    from_this_host(&members, &headers)?;
    let act = match act.as_str() {
        "add" => MemberAct::Add,
        "remove" => MemberAct::Remove,
        "readmit" => MemberAct::Readmit,
        "stand-down" => MemberAct::StandDown,
        other => {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "no_such_page",
                format!("nothing called `{other}` can be done with a member"),
                "There are add, remove, readmit and stand-down.",
            ));
        }
    };
    let body = said(&headers, body)?;
    let change = MemberChange {
        act,
        member: MemberId::from(name("the member's id", &id)?),
        by: name("`by`", &body.by)?.to_owned(),
    };
    match members.source.desk.change(change).await {
        Ok(now) => Ok(answer(&now)),
        Err(refused) => Err(refused.into()),
    }
}

fn answer<T: serde::Serialize>(what: &T) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(what)).into_response()
}

/// A page that a browser on this host shows may send requests to loopback addresses, and make a name
/// of its own lead there. The first is held off by the media type, which a browser asks leave for; the
/// second by the name.
fn from_this_host(members: &Members, headers: &HeaderMap) -> Result<(), Problem> {
    if !members.loopback {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not_on_loopback",
            "this daemon's API is open to other hosts, and it cannot tell yet who asks",
            "Set `api` under [node] to a loopback address, such as 127.0.0.1:7400, and ask on its \
             host; or ask another member that has one.",
        ));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(is_this_host) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "foreign_host",
        "the request is addressed to another host's name",
        "Use a loopback address, such as http://127.0.0.1:7400.",
    ))
}

fn is_this_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn said(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<ChangeBody, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|t| t.to_str().ok());
    let kind = kind.and_then(|t| t.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "a change is asked for in JSON",
            "Send content-type: application/json and a body such as {\"by\":\"Ada\"}.",
        ));
    }
    let body = body.map_err(|rejection| {
        Problem::new(
            rejection.status(),
            "unreadable_body",
            rejection.body_text(),
            format!("Send a whole body of at most {BODY} bytes."),
        )
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_body",
            format!("the body cannot be understood: {error}"),
            "Send a body such as {\"by\":\"Ada\"}.",
        )
    })
}

/// What goes into logs and the ledger: short, and of one line.
fn name<'a>(what: &str, name: &'a str) -> Result<&'a str, Problem> {
    let good = !name.trim().is_empty()
        && name.chars().count() <= NAME
        && !name.chars().any(char::is_control);
    good.then_some(name).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_name",
            format!("{what} is empty, too long or not of one line"),
            format!("Send a name of 1 to {NAME} characters."),
        )
    })
}

impl From<ChangeRefused> for Problem {
    fn from(refused: ChangeRefused) -> Self {
        let status = match refused.code {
            ChangeCode::NoSuchMember => StatusCode::NOT_FOUND,
            ChangeCode::Busy
            | ChangeCode::NotHeard
            | ChangeCode::OtherDisk
            | ChangeCode::IsLeader
            | ChangeCode::IsNotLeader
            | ChangeCode::WouldLoseQuorum
            | ChangeCode::Unfinished
            | ChangeCode::Rejected => StatusCode::CONFLICT,
            ChangeCode::NoLeader => StatusCode::SERVICE_UNAVAILABLE,
            ChangeCode::Unknown => StatusCode::GATEWAY_TIMEOUT,
        };
        Self::new(
            status,
            refused.code.as_str(),
            refused.reason,
            refused.remedy,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_made_to_lead_here_is_not_this_host() {
        for host in ["127.0.0.1:7400", "localhost", "LOCALHOST:1", "[::1]:7400"] {
            assert!(is_this_host(host), "{host}");
        }
        for host in [
            "rebound.example:7400",
            "127.0.0.1.example",
            "10.0.0.1:7400",
            "",
        ] {
            assert!(!is_this_host(host), "{host}");
        }
    }
}
