//! A "no", as every client reads it: RFC 9457 with a stable code, the reason and the remedy.

use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::{Deserialize, Serialize};

use super::traffic::RefusedBecause;

/// What media type it has.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a call was not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (
            status,
            Extension(RefusedBecause(self.code.clone())),
            [(CONTENT_TYPE, PROBLEM_JSON), (CACHE_CONTROL, "no-store")],
            // Five texts and a number: nothing in it that JSON cannot write.
            serde_json::to_vec(&self).unwrap_or_default(),
        )
            .into_response()
    }
}
