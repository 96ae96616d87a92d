//! A "no", as every client reads it: RFC 9457 with a stable code, the reason and the remedy.

use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::Reason;

use super::traffic::RefusedBecause;

/// What media type it has.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which asking again may help: an election is over by then.
const AGAIN: HeaderValue = HeaderValue::from_static("2");

/// Why a call was not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The status in words.
    pub title: String,
    /// As in the answer's first line.
    pub status: u16,
    /// For programs: stable over versions.
    pub code: String,
    /// For people.
    pub detail: String,
    /// What they may do about it.
    pub remedy: String,
    /// Every reason, where several guards refuse; the first one is told above.
    #[serde(default, skip_serializing_if = "<[Reason]>::is_empty")]
    #[schema(value_type = Vec<Reason>)]
    pub reasons: Box<[Reason]>,
}

impl Problem {
    /// One with that status.
    pub fn new(
        status: StatusCode,
        code: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: code.into(),
            detail: detail.into(),
            remedy: remedy.into(),
            reasons: Box::default(),
        }
    }

    /// Several guards refuse.
    #[must_use]
    pub fn with_reasons(mut self, reasons: Vec<Reason>) -> Self {
        self.reasons = reasons.into_boxed_slice();
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (
            status,
            Extension(RefusedBecause(self.code.clone())),
            [(CONTENT_TYPE, PROBLEM_JSON), (CACHE_CONTROL, "no-store")],
            // Texts and a number: nothing in it that JSON cannot write.
            serde_json::to_vec(&self).unwrap_or_default(),
        )
            .into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let how = HeaderValue::from_static("Bearer realm=\"failoverd\"");
            headers.insert(WWW_AUTHENTICATE, how);
        }
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, AGAIN);
        }
        response
    }
}
