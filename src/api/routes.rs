//! The pages.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tokio::sync::Semaphore;

use super::members;
use super::metrics::{Exposition, Scraper};
use super::page;
use super::problem::Problem;
use super::source::ApiSource;
use super::traffic::{self, Traffic};
use crate::model::Millis;

/// Scrapes that are written at the same time. Two scrapers are usual (a pair of Prometheus servers);
/// more wait, so that the memory for the text stays bounded.
const SCRAPES: usize = 2;

const PAGES: &str = "/         the status page, for people\n\
                     /livez    200 while the daemon's loop turns\n\
                     /readyz   200 while this member does its part, 503 and why otherwise\n\
                     /metrics  for Prometheus\n\
                     /v1/members  the members as JSON; see failoverctl member\n";

#[derive(Clone)]
struct Pages {
    source: ApiSource,
    scraper: Arc<Scraper>,
    scrapes: Arc<Semaphore>,
}

/// `loopback`: whether only this host's own users can ask.
pub(super) fn router(source: ApiSource, loopback: bool, traffic: &Arc<Traffic>) -> Router {
    let members = members::router(source.clone(), loopback);
    let pages = Pages {
        scraper: Arc::new(Scraper::new(&source, traffic)),
        scrapes: Arc::new(Semaphore::new(SCRAPES)),
        source,
    };
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(pages)
        .merge(page::router())
        .merge(members)
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_such_page)
        .layer(from_fn_with_state(Arc::clone(traffic), traffic::count))
}

async fn livez(State(pages): State<Pages>) -> Response {
    let heartbeat = &pages.source.heartbeat;
    let age = heartbeat.age();
    if age <= heartbeat.limit() {
        return text(StatusCode::OK, "alive\n".to_owned());
    }
    let ms =
        |length: std::time::Duration| Millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        format!(
            "hung: the daemon's loop has not turned for {} ({} is allowed); see its log, then restart it\n",
            ms(age),
            ms(heartbeat.limit())
        ),
    )
}

async fn readyz(State(pages): State<Pages>) -> Response {
    let ready = &pages.source.now().ready;
    let status = if ready.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    text(status, format!("{ready}\n"))
}

async fn metrics(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let exposition = Exposition::accepted(&headers);
    let cannot = |why: String| {
        tracing::error!(why, "the metrics could not be written");
        text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the metrics could not be written: {why}\n"),
        )
    };
    let permit = match pages.scrapes.acquire_owned().await {
        Ok(permit) => permit,
        Err(closed) => return cannot(closed.to_string()),
    };
    let scraper = pages.scraper;
    // On a thread of its own: with a thousand applications the text is megabytes, and the runtime's
    // threads have probes and proofs to carry.
    let written = tokio::task::spawn_blocking(move || {
        let text = scraper.scrape(exposition);
        drop(permit);
        text
    })
    .await;
    match written {
        Ok(Ok(text)) => (
            [(CONTENT_TYPE, HeaderValue::from_static(exposition.content()))],
            text,
        )
            .into_response(),
        Ok(Err(error)) => cannot(error.to_string()),
        Err(error) => cannot(error.to_string()),
    }
}

async fn no_such_page(uri: Uri) -> Response {
    if is_for_programs(&uri) {
        return Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_page",
            format!("there is nothing at {}", uri.path()),
            "There are GET /v1/members and POST /v1/members/{id}/{act}.",
        )
        .into_response();
    }
    text(
        StatusCode::NOT_FOUND,
        format!("there is no such page; there are\n{PAGES}"),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    if is_for_programs(&uri) {
        return Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "wrong_method",
            format!("{} does not take {method}", uri.path()),
            "Lists are read with GET, changes are asked for with POST.",
        )
        .into_response();
    }
    text(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} takes GET, not {method}\n", uri.path()),
    )
}

fn is_for_programs(uri: &Uri) -> bool {
    uri.path().starts_with("/v1/")
}

fn text(status: StatusCode, body: String) -> Response {
    (
        status,
        [
            (CONTENT_TYPE, "text/plain; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
        ],
        body,
    )
        .into_response()
}
