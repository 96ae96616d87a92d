//! Health and metrics: text, for programs that know neither tokens nor JSON.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode, Uri};
use tokio::sync::Semaphore;

use crate::api::gate;
use crate::api::metrics::{Exposition, Scraper};
use crate::api::page;
use crate::api::problem::Problem;
use crate::api::state::Api;
use crate::api::traffic::Traffic;
use crate::model::Millis;

/// Scrapes that are written at the same time. Two scrapers are usual (a pair of Prometheus servers);
/// more wait, so that the memory for the text stays bounded.
const SCRAPES: usize = 2;

const PAGES: &str = "/         the status page, for people\n\
                     /livez    200 while the daemon's loop turns\n\
                     /readyz   200 while this member does its part, 503 and why otherwise\n\
                     /metrics  for Prometheus\n\
                     /v1/openapi.json  everything else, for failoverctl and other programs\n";

#[derive(Clone)]
struct Pages {
    api: Api,
    scraper: Arc<Scraper>,
    scrapes: Arc<Semaphore>,
}

pub(super) fn router(api: &Api, traffic: &Traffic) -> Router {
    let pages = Pages {
        scraper: Arc::new(Scraper::new(api.source(), traffic)),
        scrapes: Arc::new(Semaphore::new(SCRAPES)),
        api: api.clone(),
    };
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(pages)
        .merge(page::router())
}

async fn livez(State(pages): State<Pages>) -> Response {
    let heartbeat = &pages.api.source().heartbeat;
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
    let ready = &pages.api.now().ready;
    let status = if ready.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    text(status, format!("{ready}\n"))
}

async fn metrics(State(pages): State<Pages>, request: Request) -> Response {
    let exposition = Exposition::accepted(request.headers());
    if pages.api.access().guards_metrics()
        && let Err(problem) = gate::known(&pages.api, request)
    {
        return problem.into_response();
    }
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

pub(super) async fn no_such_page(uri: Uri) -> Response {
    if is_for_programs(&uri) {
        return Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_page",
            format!("there is nothing at {}", uri.path()),
            "GET /v1/openapi.json says what there is.",
        )
        .into_response();
    }
    text(
        StatusCode::NOT_FOUND,
        format!("there is no such page; there are\n{PAGES}"),
    )
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
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
