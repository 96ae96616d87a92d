//! Applications: how they stand, why nothing happens, who thinks what.

use axum::extract::State;
use utoipa_axum::routes;

use super::refusals::{done, of_command};
use crate::api::access::Caller;
use crate::api::act::Act;
use crate::api::params::{Asked, Named, Paging, Told, page};
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::wire::{
    AccessRole, ApplicationStatus, Because, Done, Page, Rejoin, VoteMatrix, Why,
};
use crate::model::{AppId, CommandBody, RegionId};

pub(super) fn routes(room: Room) -> Room {
    room.look(AccessRole::Viewer, routes!(list))
        .look(AccessRole::Viewer, routes!(one))
        .look(AccessRole::Viewer, routes!(why))
        .look(AccessRole::Viewer, routes!(votes))
        .change(AccessRole::Operator, routes!(acknowledge))
        .change(AccessRole::Operator, routes!(rejoin))
}

/// Every application, in the order of their names.
#[utoipa::path(
    get,
    path = "/v1/applications",
    tag = "applications",
    params(Paging),
    responses((status = 200, description = "A part of the list.", body = Page<ApplicationStatus>)),
)]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Told<Page<ApplicationStatus>>, Problem> {
    let limit = paging.rows()?;
    let snapshot = api.now();
    let look = api.look(&snapshot);
    let after = paging.after.map(AppId);
    let apps = look
        .applications_of(&caller)
        .filter(|app| after.as_ref().is_none_or(|after| app.name > *after))
        .map(|app| look.application(app));
    Ok(Told(page(apps, limit, |app| app.name.clone())))
}

/// One application.
#[utoipa::path(
    get,
    path = "/v1/applications/{application}",
    tag = "applications",
    params(("application" = String, Path, description = "Its name.")),
    responses((status = 200, description = "How it stands.", body = ApplicationStatus)),
)]
async fn one(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> Result<Told<ApplicationStatus>, Problem> {
    let app = api.application(&caller, &name)?;
    let snapshot = api.now();
    Ok(Told(api.look(&snapshot).application(app)))
}

/// Why nothing happens, or what is about to.
#[utoipa::path(
    get,
    path = "/v1/applications/{application}/why",
    tag = "applications",
    params(("application" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The decision, every guard and the votes.", body = Why)),
)]
async fn why(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> Result<Told<Why>, Problem> {
    let app = api.application(&caller, &name)?;
    let snapshot = api.now();
    Ok(Told(api.look(&snapshot).why(app)))
}

/// Who thinks what of each Region.
#[utoipa::path(
    get,
    path = "/v1/applications/{application}/votes",
    tag = "applications",
    params(("application" = String, Path, description = "Its name.")),
    responses((status = 200, description = "One row per Region, one vote per member.", body = VoteMatrix)),
)]
async fn votes(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> Result<Told<VoteMatrix>, Problem> {
    let app = api.application(&caller, &name)?;
    let snapshot = api.now();
    Ok(Told(api.look(&snapshot).vote_matrix(app)))
}

/// Acknowledge what happened: ends the cool-down and releases the brake.
#[utoipa::path(
    post,
    path = "/v1/applications/{application}/ack",
    tag = "applications",
    params(("application" = String, Path, description = "Its name.")),
    request_body = Because,
    responses((status = 200, description = "It is acknowledged.", body = Done)),
)]
async fn acknowledge(Named(name): Named, act: Act<Because>) -> Result<Told<Done>, Problem> {
    let command = CommandBody::Acknowledge {
        app: AppId(name.clone()),
        by: act.by.clone(),
    };
    let came = act.perform(async |desk| {
        let event = of_command(desk.command(command).await)?;
        Ok(done(
            &event,
            format!("{name} is acknowledged: cool-down and brake are lifted"),
        ))
    });
    came.await.map(Told)
}

/// Let a Region be a candidate again that failed.
#[utoipa::path(
    post,
    path = "/v1/applications/{application}/rejoin",
    tag = "applications",
    params(("application" = String, Path, description = "Its name.")),
    request_body = Rejoin,
    responses((status = 200, description = "It is a candidate.", body = Done)),
)]
async fn rejoin(
    State(api): State<Api>,
    Named(name): Named,
    act: Act<Rejoin>,
) -> Result<Told<Done>, Problem> {
    let app = api.application(&act.caller, &name)?;
    let region = RegionId(act.body.region.clone());
    if app.region(&region).is_none() {
        return Err(super::refusals::no_such_region(app, &region));
    }
    let command = CommandBody::Rejoin {
        app: app.name.clone(),
        region: region.clone(),
        by: act.by.clone(),
    };
    let came = act.perform(async |desk| {
        let event = of_command(desk.command(command).await)?;
        Ok(done(&event, format!("{region} may be moved to again")))
    });
    came.await.map(Told)
}
