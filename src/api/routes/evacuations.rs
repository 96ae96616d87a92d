//! Evacuations: every application out of a Region; shown first, begun, followed and stopped.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use utoipa_axum::routes;

use super::refusals::{done, of_command, of_ledger, of_rejection};
use crate::api::access::{Caller, Scope};
use crate::api::act::Act;
use crate::api::evacuations::{report, reports, within};
use crate::api::params::{Asked, Begun, Named, Paging, Told, page};
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::wire::{AccessRole, Done, Evacuation, Page, StartEvacuation, WithReason};
use crate::daemon::EvacuationAsk;
use crate::model::{CommandBody, EvacuationId, RegionId};
use crate::run::MOST_PARALLEL;
use crate::runbook::spanned::closest;

pub(super) fn routes(room: Room) -> Room {
    room.look(AccessRole::Viewer, routes!(list))
        .look(AccessRole::Viewer, routes!(one))
        .change_all(AccessRole::Operator, routes!(begin))
        .change_all(AccessRole::Operator, routes!(stop))
}

/// Every evacuation that is kept, the newest first.
#[utoipa::path(
    get,
    path = "/v1/evacuations",
    tag = "evacuations",
    params(Paging),
    responses((status = 200, description = "A part of the list.", body = Page<Evacuation>)),
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Told<Page<Evacuation>>, Problem> {
    let limit = paging.rows()?;
    let all = seen(&api, &caller);
    let begin = paging.after.as_ref().map_or(Ok(0), |after| {
        let place = all.iter().position(|evacuation| &evacuation.id == after);
        place.map(|place| place + 1).ok_or_else(gone)
    })?;
    let rows = all.into_iter().skip(begin);
    Ok(Told(page(rows, limit, |row| row.id.clone())))
}

/// One evacuation: each application in its wave, with what it waits for.
#[utoipa::path(
    get,
    path = "/v1/evacuations/{id}",
    tag = "evacuations",
    params(("id" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The evacuation.", body = Evacuation)),
)]
async fn one(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named,
) -> Result<Told<Evacuation>, Problem> {
    let mut all = seen(&api, &caller).into_iter();
    let found = all.find(|evacuation| evacuation.id == id);
    found.map(Told).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_evacuation",
            format!("no evacuation is called `{id}`"),
            "GET /v1/evacuations lists those that are kept: failoverctl evacuate list.",
        )
    })
}

/// What the caller may see of the evacuations that are kept, the newest first.
fn seen(api: &Api, caller: &Caller) -> Vec<Evacuation> {
    let snapshot = api.now();
    let all = reports(&snapshot.state, snapshot.at.wall).into_iter();
    match &caller.scope {
        Scope::Everything => all.collect(),
        Scope::Only(apps) => all.filter_map(|one| within(one, apps)).collect(),
    }
}

/// Move every application out of a Region, or show the waves in which they would go.
#[utoipa::path(
    post,
    path = "/v1/evacuations",
    tag = "evacuations",
    request_body = StartEvacuation,
    responses(
        (status = 201, description = "It has begun.", body = Evacuation),
        (status = 200, description = "A dry run: nothing was begun.", body = Evacuation),
    ),
)]
async fn begin(State(api): State<Api>, act: Act<StartEvacuation>) -> Result<Response, Problem> {
    let ask = EvacuationAsk {
        region: region(&api, &act.body.region)?,
        by: act.by.clone(),
        reason: act.because()?,
        parallel: parallel(act.body.parallel)?,
        allow_data_loss: act.body.allow_data_loss,
    };
    let snapshot = api.now();
    let shown = |evacuation, begun| report(&snapshot.state, snapshot.at.wall, &evacuation, begun);
    if act.body.dry_run {
        let planned = api.desk().plan_evacuation(&ask);
        let planned = planned.map_err(|rejection| of_rejection(&rejection))?;
        return Ok(Told(shown(planned, false)).into_response());
    }
    let begun = act.perform(async |desk| match desk.begin_evacuation(&ask).await {
        Ok(Ok(evacuation)) => Ok(evacuation),
        Ok(Err(rejection)) => Err(of_rejection(&rejection)),
        Err(error) => Err(of_ledger(&error)),
    });
    Ok(Begun(shown(begun.await?, true)).into_response())
}

/// Begin nothing new in an evacuation. The runs that are open are left to their own end.
#[utoipa::path(
    post,
    path = "/v1/evacuations/{id}/stop",
    tag = "evacuations",
    params(("id" = String, Path, description = "Its name.")),
    request_body = WithReason,
    responses((status = 200, description = "It is stopped.", body = Done)),
)]
async fn stop(Named(id): Named, act: Act<WithReason>) -> Result<Told<Done>, Problem> {
    let text = format!("evacuation {id} is stopped: its open runs go on to their own end");
    let command = CommandBody::StopEvacuation {
        id: EvacuationId(id),
        by: act.by.clone(),
        reason: act.because()?,
    };
    let came = act.perform(async |desk| {
        let event = of_command(desk.command(command).await)?;
        Ok(done(&event, text))
    });
    came.await.map(Told)
}

/// A Region in which something is deployed: a slip of the fingers must not pass for an empty one.
fn region(api: &Api, name: &str) -> Result<RegionId, Problem> {
    let apps = api.source().applications.iter();
    let mut known: Vec<&str> = apps
        .flat_map(|app| &app.regions)
        .map(|region| region.name.as_str())
        .collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&name) {
        return Ok(RegionId::from(name));
    }
    let remedy = match closest(name, &known) {
        Some(close) => format!("Did you mean {close}?"),
        None => format!("The Regions are {}.", known.join(", ")),
    };
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_region",
        format!("no application is deployed in `{name}`"),
        remedy,
    ))
}

fn parallel(runs: Option<u32>) -> Result<Option<u32>, Problem> {
    if runs.is_none_or(|runs| (1..=MOST_PARALLEL).contains(&runs)) {
        return Ok(runs);
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "bad_parallel",
        "`parallel` is out of its bounds",
        format!("Between 1 and {MOST_PARALLEL} runs may be under way at a time."),
    ))
}

fn gone() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "gone",
        "`after` names an evacuation that is not kept any more",
        "Read the list again from its beginning.",
    )
}
