//! The OpenAPI document: made from the routes themselves, served as it is.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::routes;

use super::problem::Problem;
use super::room::Room;
use super::state::Api;

const ABOUT: &str = "What a member of failoverd tells, and what may be asked of it. Any member may be \
asked: who follows forwards to the leader. Every error is an `application/problem+json` with a stable \
`code`, the reason in `detail`, and what may be done about it in `remedy`.";

/// What it says before any route.
pub(super) fn head() -> OpenApi {
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("failoverd")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(ABOUT))
                .build(),
        )
        .build()
}

/// What is common to all routes.
pub(super) fn finish(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "A token of `failoverctl token new`. Without [auth] in the configuration none is \
                     needed on loopback.",
                ))
                .build(),
        ),
    );
    components.add_security_scheme(
        "certificate",
        SecurityScheme::MutualTls {
            description: Some("A client certificate that [[auth.certificate]] names.".to_owned()),
            deprecated: None,
            extensions: None,
        },
    );
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    schemas.push((Problem::name().into_owned(), Problem::schema()));
    components.schemas.extend(schemas);
}

pub(super) fn routes(room: Room) -> Room {
    room.open(routes!(openapi))
}

/// This document.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    tag = "about",
    responses((status = 200, description = "The document.", body = serde_json::Value)),
)]
async fn openapi(State(api): State<Api>) -> Response {
    let document = api.document().get().cloned().unwrap_or_default();
    (
        [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "no-store"),
        ],
        document,
    )
        .into_response()
}
