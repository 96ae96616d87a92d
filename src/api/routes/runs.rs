//! Runs: their history, and one of them whole.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::api::access::Caller;
use crate::api::params::{Asked, Named, Told, page, rows};
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::wire::{AccessRole, Page, Run, RunRow};

pub(super) fn routes(room: Room) -> Room {
    room.look(AccessRole::Viewer, routes!(list))
        .look(AccessRole::Viewer, routes!(one))
}

/// Which runs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of that application alone.
    application: Option<String>,
    /// In that status alone: `executing`, `needs_operator`, `aborting`, `soaking`, `completed` or
    /// `aborted`; `open` for all that are not closed.
    #[param(pattern = "^(open|executing|needs_operator|aborting|soaking|completed|aborted)$")]
    status: Option<String>,
    /// Those of game days alone, or those that are none; both if absent.
    drill: Option<bool>,
    /// How many at the most; 100 if absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

const STATUSES: [&str; 7] = [
    "open",
    "executing",
    "needs_operator",
    "aborting",
    "soaking",
    "completed",
    "aborted",
];

/// Every run that is kept, the newest first.
#[utoipa::path(
    get,
    path = "/v1/runs",
    tag = "runs",
    params(Which),
    responses((status = 200, description = "A part of the list.", body = Page<RunRow>)),
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Told<Page<RunRow>>, Problem> {
    let limit = rows(which.limit)?;
    if let Some(app) = &which.application {
        api.application(&caller, app)?;
    }
    if let Some(status) = &which.status
        && !STATUSES.contains(&status.as_str())
    {
        return Err(Problem::new(
            http::StatusCode::BAD_REQUEST,
            "bad_query",
            format!("no run is ever `{status}`"),
            format!("`status` is one of {}.", STATUSES.join(", ")),
        ));
    }
    let snapshot = api.now();
    let look = api.look(&snapshot);
    let mut runs: Vec<_> = snapshot.state.runs.values().collect();
    // The newest first; two of one moment by their names, so that a page can say where it ended.
    runs.sort_by(|a, b| (b.opened_at, &b.id).cmp(&(a.opened_at, &a.id)));
    let begin = which.after.as_ref().map_or(Ok(0), |after| {
        let place = runs.iter().position(|run| run.id.as_str() == after);
        place.map(|place| place + 1).ok_or_else(gone)
    })?;
    let wanted = runs.into_iter().skip(begin).filter(|run| {
        let app = which.application.as_ref();
        let status = which.status.as_deref();
        caller.scope.covers(&run.application)
            && app.is_none_or(|app| run.application.as_str() == app)
            && status.is_none_or(|s| s == run.status.as_str() || (s == "open" && run.is_open()))
    });
    let listed = wanted
        .map(|run| look.run_row(run))
        .filter(|row| which.drill.is_none_or(|drill| row.drill == drill));
    Ok(Told(page(listed, limit, |row| row.id.clone())))
}

/// One run: its plan, its steps, what may be done with it now.
#[utoipa::path(
    get,
    path = "/v1/runs/{run}",
    tag = "runs",
    params(("run" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The run.", body = Run)),
)]
async fn one(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> Result<Told<Run>, Problem> {
    let snapshot = api.now();
    let run = api.run(&caller, &snapshot, &name)?;
    Ok(Told(api.look(&snapshot).run(run)))
}

fn gone() -> Problem {
    Problem::new(
        http::StatusCode::NOT_FOUND,
        "gone",
        "`after` names a run that is not kept any more",
        "Read the list again from its beginning.",
    )
}
