//! What a call says beside its body: the caller, the path, the query.

use axum::extract::{FromRequestParts, Query};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::access::Caller;
use super::gate::Passed;
use super::problem::Problem;
use super::wire::Page;

/// Rows of a page that does not say how many.
const ROWS: u32 = 100;

/// Rows of a page at the most.
const MOST: u32 = 500;

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let passed = parts.extensions.get::<Passed>();
        passed.map(|passed| passed.caller.clone()).ok_or_else(|| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "this route is not behind the gate",
                "This is a mistake in failoverd: report it.",
            )
        })
    }
}

/// One name of the path, such as `{run}`.
#[derive(Clone, Debug)]
pub(super) struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(name)| Self(name))
            .map_err(|error| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "bad_path",
                    error.body_text(),
                    "GET /v1/openapi.json says which paths there are.",
                )
            })
    }
}

/// The query, whole: a word of it that is not understood is refused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(asked)| Self(asked)).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_query",
                error.body_text(),
                "GET /v1/openapi.json says what may be asked.",
            )
        })
    }
}

/// Which part of a long list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many at the most; 100 if absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub after: Option<String>,
}

impl Paging {
    /// How many rows, if that can be answered.
    pub fn rows(&self) -> Result<usize, Problem> {
        rows(self.limit)
    }
}

/// How many rows, if that can be answered.
pub(super) fn rows(limit: Option<u32>) -> Result<usize, Problem> {
    let rows = limit.unwrap_or(ROWS);
    if !(1..=MOST).contains(&rows) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_limit",
            format!("`limit` is {rows}"),
            format!("Ask for 1 to {MOST} rows."),
        ));
    }
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}

/// The page that begins with the first of `rows`; `name` is what `after` takes.
pub(super) fn page<T>(
    rows: impl Iterator<Item = T>,
    limit: usize,
    name: impl Fn(&T) -> String,
) -> Page<T> {
    let mut items: Vec<T> = rows.take(limit.saturating_add(1)).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(name);
    Page { items, next }
}

/// An answer: JSON that nobody keeps.
#[derive(Debug)]
pub(super) struct Told<T>(pub T);

impl<T: Serialize> IntoResponse for Told<T> {
    fn into_response(self) -> Response {
        ([(CACHE_CONTROL, "no-store")], axum::Json(self.0)).into_response()
    }
}

/// Something was begun that has a name.
#[derive(Debug)]
pub(super) struct Begun<T>(pub T);

impl<T: Serialize> IntoResponse for Begun<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Told(self.0)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_the_next_begins() {
        let of = |rows: u32, limit| {
            let page = page(0..rows, limit, u32::to_string);
            (page.items.len(), page.next)
        };
        assert_eq!(of(0, 2), (0, None));
        assert_eq!(of(2, 2), (2, None));
        assert_eq!(of(3, 2), (2, Some("1".to_owned())));
    }

    #[test]
    fn a_limit_is_bounded() {
        assert_eq!(rows(None), Ok(100));
        for bad in [0, MOST + 1] {
            assert_eq!(rows(Some(bad)).expect_err("out of bounds").status, 400);
        }
    }
}
