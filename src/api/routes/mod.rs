//! Every route, each subject in a file of its own.

mod applications;
mod audit;
mod automation;
mod drills;
mod evacuations;
mod events;
mod identity;
mod members;
mod pages;
mod readiness;
mod refusals;
mod runs;
mod spoken;
mod start;
mod steer;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use bytes::Bytes;
use utoipa::openapi::OpenApi;

use super::document;
use super::room::Room;
use super::state::Api;
use super::traffic::{self, Traffic};

/// All of them. Leaves the OpenAPI document with `api`, to be served.
pub(super) fn router(api: &Api, traffic: &Arc<Traffic>) -> Router {
    let (v1, document) = rooms(api);
    // Our own types: nothing in them that JSON cannot write.
    let text = serde_json::to_vec(&document).unwrap_or_default();
    // Set once: there is one router for each `api`.
    let _ = api.document().set(Bytes::from(text));
    pages::router(api, traffic)
        .merge(v1)
        .method_not_allowed_fallback(pages::wrong_method)
        .fallback(pages::no_such_page)
        .layer(from_fn_with_state(Arc::clone(traffic), traffic::count))
}

/// What stands under `/v1`, and what it says of itself.
pub(super) fn rooms(api: &Api) -> (Router, OpenApi) {
    let room = Room::new(api.clone(), document::head());
    let room = document::routes(room);
    let room = identity::routes(room);
    let room = applications::routes(room);
    let room = readiness::routes(room);
    let room = runs::routes(room);
    let room = start::routes(room);
    let room = steer::routes(room);
    let room = automation::routes(room);
    let room = evacuations::routes(room);
    let room = drills::routes(room);
    let room = members::routes(room);
    let room = events::routes(room);
    let room = audit::routes(room);
    let (router, mut document) = room.close();
    document::finish(&mut document);
    (router, document)
}
