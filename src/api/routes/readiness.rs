//! Readiness: what this member last found of everything that a plan would touch.

use std::time::Duration;

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use utoipa_axum::routes;

use crate::api::access::Caller;
use crate::api::act::parse;
use crate::api::params::{Named, Told};
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::view;
use crate::api::wire::{AccessRole, Because, ReadinessReport};
use crate::daemon::NotChecked;

/// Clients wait no longer than a few seconds more.
const ANSWER: Duration = Duration::from_secs(10);

/// For programs: ask again what was found.
const STILL_LOOKING: &str = "still_looking";

pub(super) fn routes(room: Room) -> Room {
    room.look(AccessRole::Viewer, routes!(found))
        .ask(AccessRole::Operator, routes!(look_now))
}

/// What was last found of everything that a plan would touch, by the member that is asked.
#[utoipa::path(
    get,
    path = "/v1/applications/{application}/check",
    tag = "applications",
    params(("application" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The findings, worst first.", body = ReadinessReport)),
)]
async fn found(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> Result<Told<ReadinessReport>, Problem> {
    let app = api.application(&caller, &name)?;
    let snapshot = api.now();
    Ok(Told(api.look(&snapshot).readiness(app)))
}

/// Look now. It changes nothing, and gives way to a run that is under way.
#[utoipa::path(
    post,
    path = "/v1/applications/{application}/check",
    tag = "applications",
    params(("application" = String, Path, description = "Its name.")),
    request_body = Because,
    responses((status = 200, description = "What was found just now.", body = ReadinessReport)),
)]
async fn look_now(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
    body: Bytes,
) -> Result<Told<ReadinessReport>, Problem> {
    let _why: Because = parse(&body)?;
    let app = api.application(&caller, &name)?;
    let looking = api.desk().check_now(app.name.clone());
    let Ok(looked) = tokio::time::timeout(ANSWER, looking).await else {
        return Err(still_looking());
    };
    let held = looked.map_err(|why| refused(&why))?;
    Ok(Told(view::just_checked(&held)))
}

/// It goes on without whoever asked.
fn still_looking() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        STILL_LOOKING,
        "the check takes longer than an answer may, and goes on",
        "GET the same path in a moment: `failoverctl check` shows what was found.",
    )
}

fn refused(why: &NotChecked) -> Problem {
    let (status, code, remedy) = match why {
        NotChecked::NoSuchApplication(_) => (
            StatusCode::NOT_FOUND,
            "no_such_application",
            "GET /v1/applications lists them.",
        ),
        NotChecked::RunUnderWay(_) => (
            StatusCode::CONFLICT,
            "run_under_way",
            "Follow the run, and check when its steps have come to rest.",
        ),
        NotChecked::Busy => (
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "GET the same path shows what was last found; or ask again in a minute.",
        ),
        NotChecked::TooSlow(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            "too_slow",
            "The last report stands. See which service does not answer, and the daemon's log.",
        ),
        NotChecked::Ending => (
            StatusCode::SERVICE_UNAVAILABLE,
            "ending",
            "Ask another member.",
        ),
    };
    Problem::new(status, code, why.to_string(), remedy)
}
