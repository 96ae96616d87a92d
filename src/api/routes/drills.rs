//! Game days: begun, looked at, stopped.

use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::refusals::{done, of_ask, of_command};
use super::start::target;
use crate::api::access::Caller;
use crate::api::act::{Act, Came};
use crate::api::params::{Asked, Begun, Named, Told, page, rows};
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::wire::{AccessRole, Because, Done, Drill, DrillMode as WireMode, Page, StartDrill};
use crate::controller::DrillAsk;
use crate::daemon::stopping_drill;
use crate::model::{CommandBody, DrillId, DrillMode, Drills, Millis};

/// Real time until this member has on record what the leader has begun: a round or two of the ledger.
const ON_RECORD: Duration = Duration::from_secs(3);

pub(super) fn routes(room: Room) -> Room {
    room.change(AccessRole::Operator, routes!(begin))
        .change(AccessRole::Operator, routes!(stop))
        .look(AccessRole::Viewer, routes!(list))
        .look(AccessRole::Viewer, routes!(one))
}

impl Came for Drill {
    fn detail(&self) -> Option<String> {
        Some(self.id.clone())
    }
}

/// Begin a game day. A rehearsal changes nothing outside; a live one moves the application there and back.
#[utoipa::path(
    post,
    path = "/v1/applications/{application}/drills",
    tag = "drills",
    params(("application" = String, Path, description = "Its name.")),
    request_body = StartDrill,
    responses((status = 201, description = "It has begun.", body = Drill)),
)]
async fn begin(
    State(api): State<Api>,
    Named(name): Named,
    act: Act<StartDrill>,
) -> Result<Begun<Drill>, Problem> {
    let app = api.application(&act.caller, &name)?;
    let live = act.body.mode == WireMode::Live;
    if !live && act.body.soak_ms.is_some() {
        return Err(nothing_soaks());
    }
    let ask = DrillAsk {
        app: app.name.clone(),
        mode: if live {
            DrillMode::Live
        } else {
            DrillMode::Rehearse
        },
        to: target(app, act.body.to.as_ref())?,
        by: act.by.clone(),
        reason: act.because()?,
        max_duration: act.body.max_duration_ms.map(Millis),
        soak: act.body.soak_ms.map(Millis),
    };
    let at = api.clone();
    let came = act.perform(async |desk| {
        let id = desk
            .begin_drill(ask)
            .await
            .map_err(|failed| of_ask(&failed))?;
        on_record(&at, &id).await
    });
    came.await.map(Begun)
}

/// As this member has it on record. It has begun whether it is or not.
async fn on_record(api: &Api, id: &DrillId) -> Result<Drill, Problem> {
    let mut snapshots = api.snapshots();
    let seen = snapshots.wait_for(|seen| seen.state.drill(id).is_some());
    // Too slow, or stopping: what is here now says.
    let _ = tokio::time::timeout(ON_RECORD, seen).await;
    let snapshot = api.now();
    let Some(drill) = snapshot.state.drill(id) else {
        return Err(Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "unknown",
            format!("{id} has begun, and this member has not heard of it yet"),
            "Look at it in a few seconds: GET /v1/drills.",
        ));
    };
    Ok(api.look(&snapshot).drill(drill))
}

fn nothing_soaks() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "bad_body",
        "a rehearsal moves nothing, so there is nothing to soak",
        "Leave `soak_ms` away, or ask for `\"mode\": \"live\"`.",
    )
}

/// Which game days.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of that application alone.
    application: Option<String>,
    /// How many at the most; 100 if absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Every game day that is kept, the newest first.
#[utoipa::path(
    get,
    path = "/v1/drills",
    tag = "drills",
    params(Which),
    responses((status = 200, description = "A part of the list.", body = Page<Drill>)),
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Told<Page<Drill>>, Problem> {
    let limit = rows(which.limit)?;
    if let Some(app) = &which.application {
        api.application(&caller, app)?;
    }
    let snapshot = api.now();
    let look = api.look(&snapshot);
    let mut drills: Vec<_> = snapshot
        .state
        .drills
        .values()
        .flat_map(Drills::newest_first)
        .collect();
    drills.sort_by(|a, b| (b.begun_at, &b.id).cmp(&(a.begun_at, &a.id)));
    let begin = which.after.as_ref().map_or(Ok(0), |after| {
        let place = drills.iter().position(|drill| drill.id.as_str() == after);
        place.map(|place| place + 1).ok_or_else(gone)
    })?;
    let wanted = drills.into_iter().skip(begin).filter(|drill| {
        let app = which.application.as_ref();
        caller.scope.covers(&drill.application)
            && app.is_none_or(|app| drill.application.as_str() == app)
    });
    let listed = wanted.map(|drill| look.drill(drill));
    Ok(Told(page(listed, limit, |drill| drill.id.clone())))
}

fn gone() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "gone",
        "`after` names a game day that is not kept any more",
        "Read the list again from its beginning.",
    )
}

/// One game day: what it found, and the one before to compare with.
#[utoipa::path(
    get,
    path = "/v1/drills/{drill}",
    tag = "drills",
    params(("drill" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The game day.", body = Drill)),
)]
async fn one(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> Result<Told<Drill>, Problem> {
    let snapshot = api.now();
    let drill = api.drill(&caller, &snapshot, &name)?;
    Ok(Told(api.look(&snapshot).drill(drill)))
}

/// End the game day that is under way; a live one goes home first. One that has ended stays as it ended.
#[utoipa::path(
    post,
    path = "/v1/drills/{drill}/stop",
    tag = "drills",
    params(("drill" = String, Path, description = "Its name.")),
    request_body = Because,
    responses((status = 200, description = "It is over.", body = Done)),
)]
async fn stop(
    State(api): State<Api>,
    Named(name): Named,
    act: Act<Because>,
) -> Result<Told<Done>, Problem> {
    let why = act.reason().map(|why| format!(": {why}"));
    let summary = format!("{} stopped it{}", act.by, why.unwrap_or_default());
    let command = stopping_drill(&api.now().state, DrillId(name.clone()), summary);
    let told = if matches!(command, CommandBody::MoveDrill { .. }) {
        format!("{name} goes home")
    } else {
        format!("{name} is over")
    };
    let came = act.perform(async |desk| {
        let event = of_command(desk.command(command).await)?;
        Ok(done(&event, told))
    });
    came.await.map(Told)
}
