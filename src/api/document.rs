//! The OpenAPI document: made from the routes themselves, served as it is.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, Content, InfoBuilder, Object, OpenApi, OpenApiBuilder, RefOr, Schema,
};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::routes;

use super::act::{NAME, NAME_PATTERN, REASON, REASON_PATTERN, TEXT_PATTERN};
use super::automation::LONGEST;
use super::problem::Problem;
use super::room::Room;
use super::state::Api;
use super::wire::ApiEvent;
use crate::run::MOST_PARALLEL;

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
    bound(document);
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
    // As text in a stream: no route has it for its body.
    ApiEvent::schemas(&mut schemas);
    schemas.push((ApiEvent::name().into_owned(), ApiEvent::schema()));
    components.schemas.extend(schemas);
}

/// Says of every body what is looked at wherever it stands: who asks, why, and how much.
fn bound(document: &mut OpenApi) {
    let bodies = bodies(document);
    let schemas = document.components.iter_mut().flat_map(|c| &mut c.schemas);
    for (_, schema) in schemas.filter(|(name, _)| bodies.contains(*name)) {
        let RefOr::T(Schema::Object(body)) = schema else {
            continue;
        };
        let must = body.required.iter().any(|name| name == "reason");
        if let Some(by) = property(body, "by") {
            by.min_length = Some(1);
            by.max_length = Some(NAME);
            by.pattern = Some(NAME_PATTERN.to_owned());
        }
        if let Some(reason) = property(body, "reason") {
            reason.max_length = Some(REASON);
            // One that need not be given may be left blank as well.
            let pattern = if must { REASON_PATTERN } else { TEXT_PATTERN };
            reason.pattern = Some(pattern.to_owned());
            reason.min_length = must.then_some(1);
        }
        if let Some(length) = property(body, "for_ms") {
            length.minimum = Some(1_u32.into());
            length.maximum = Some(LONGEST.0.into());
        }
        if let Some(parallel) = property(body, "parallel") {
            parallel.minimum = Some(1_u32.into());
            parallel.maximum = Some(MOST_PARALLEL.into());
        }
    }
}

/// The names of what is sent to any route.
fn bodies(document: &OpenApi) -> BTreeSet<String> {
    let posts = document
        .paths
        .paths
        .values()
        .filter_map(|item| item.post.as_ref());
    let contents = posts
        .filter_map(|post| match post.request_body.as_ref()? {
            RefOr::T(body) => Some(body.content.values()),
            RefOr::Ref(_) => None,
        })
        .flatten();
    let named = contents.filter_map(|content| match content {
        RefOr::T(Content {
            schema: Some(RefOr::Ref(named)),
            ..
        }) => named.ref_location.rsplit('/').next(),
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    named.map(str::to_owned).collect()
}

fn property<'a>(body: &'a mut Object, name: &str) -> Option<&'a mut Object> {
    match body.properties.get_mut(name)? {
        RefOr::T(Schema::Object(object)) => Some(object),
        RefOr::T(_) | RefOr::Ref(_) => None,
    }
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
