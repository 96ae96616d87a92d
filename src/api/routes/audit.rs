//! The audit: who asked what, and what came of it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, LINK};
use http::{HeaderMap, StatusCode};
use utoipa_axum::routes;

use crate::api::params::{Asked, Paging, Told, page};
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::view::audit_entry;
use crate::api::wire::{AccessRole, AuditEntry, Page};

/// An entry on each line.
const JSON_LINES: &str = "application/jsonl";

pub(super) fn routes(room: Room) -> Room {
    // It tells of every application.
    room.look_at_all(AccessRole::Admin, routes!(list))
}

/// What people asked of the cluster, the oldest first: a chain, each entry with the hash of the one before.
///
/// `after` is the number of the last entry that is known. The ledger keeps the newest thousand: an answer
/// that begins later than asked for shows it by its numbers. With `Accept: application/jsonl` an entry on each
/// line; where there are more, the header `Link` says where.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "audit",
    params(Paging),
    responses((
        status = 200,
        description = "A part of the list.",
        content((Page<AuditEntry> = "application/json"), (String = "application/jsonl")),
    )),
)]
async fn list(
    State(api): State<Api>,
    Asked(paging): Asked<Paging>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = paging.rows()?;
    let after = paging.after.as_deref().map_or(Ok(0), number)?;
    let snapshot = api.now();
    let entries = snapshot.state.audit.after(after);
    let page = page(entries.map(|entry| audit_entry(entry)), limit, |entry| {
        entry.number.to_string()
    });
    if wants_lines(&headers) {
        Ok(lines(&page, limit))
    } else {
        Ok(Told(page).into_response())
    }
}

fn number(after: &str) -> Result<u64, Problem> {
    after.parse().map_err(|_| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "gone",
            "`after` is not the number of an entry",
            "Give the number of the last entry that you have, or leave it out.",
        )
    })
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).into_iter();
    let mut kinds = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case(JSON_LINES))
}

fn lines(page: &Page<AuditEntry>, limit: usize) -> Response {
    let mut text = String::new();
    for entry in &page.items {
        // Our own type: nothing in it that JSON cannot write.
        text += &serde_json::to_string(entry).unwrap_or_default();
        text.push('\n');
    }
    let head = [(CONTENT_TYPE, JSON_LINES), (CACHE_CONTROL, "no-store")];
    match &page.next {
        None => (head, text).into_response(),
        Some(next) => {
            let link = format!("</v1/audit?after={next}&limit={limit}>; rel=\"next\"");
            (head, [(LINK, link)], text).into_response()
        }
    }
}
