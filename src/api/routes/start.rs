//! A run: looked at first, then asked for.

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use utoipa_axum::routes;

use super::refusals::{no_such_region, of_ask};
use crate::api::access::Caller;
use crate::api::act::{Act, parse};
use crate::api::params::{Begun, Named, Told};
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::view;
use crate::api::wire::{AccessRole, MakePlan, PlanReport, RunStarted, StartRun};
use crate::controller::{PlanAsk, RunRequest};
use crate::model::{Application, PlanHash, RegionId, RunKind};

pub(super) fn routes(room: Room) -> Room {
    room.ask(AccessRole::Viewer, routes!(plan))
        .change(AccessRole::Operator, routes!(start))
}

/// The Region that is named, if that is one of the application.
pub(super) fn target(app: &Application, to: Option<&String>) -> Result<Option<RegionId>, Problem> {
    let Some(to) = to else {
        return Ok(None);
    };
    let region = RegionId(to.clone());
    match app.region(&region) {
        Some(_) => Ok(Some(region)),
        None => Err(no_such_region(app, &region)),
    }
}

/// What a run would do if it were asked for now, and what stands in its way. Nothing is changed.
#[utoipa::path(
    post,
    path = "/v1/applications/{application}/plan",
    tag = "runs",
    params(("application" = String, Path, description = "Its name.")),
    request_body = MakePlan,
    responses((status = 200, description = "The plan, and each guard's word.", body = PlanReport)),
)]
async fn plan(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
    body: Bytes,
) -> Result<Told<PlanReport>, Problem> {
    let body: MakePlan = parse(&body)?;
    let app = api.application(&caller, &name)?;
    let ask = PlanAsk {
        from: target(app, body.from.as_ref())?,
        app: app.name.clone(),
        kind: body.kind.map_or(RunKind::Failover, view::asked_kind),
        to: target(app, body.to.as_ref())?,
        by: caller.name().to_owned(),
        allow_data_loss: body.allow_data_loss,
    };
    let planned = api
        .desk()
        .plan(ask)
        .await
        .map_err(|failed| of_ask(&failed))?;
    let snapshot = api.now();
    Ok(Told(api.look(&snapshot).planned(app, &planned)))
}

/// Ask for a run.
#[utoipa::path(
    post,
    path = "/v1/applications/{application}/runs",
    tag = "runs",
    params(("application" = String, Path, description = "Its name.")),
    request_body = StartRun,
    responses((status = 201, description = "It is open.", body = RunStarted)),
)]
async fn start(
    State(api): State<Api>,
    Named(name): Named,
    act: Act<StartRun>,
) -> Result<Begun<RunStarted>, Problem> {
    let app = api.application(&act.caller, &name)?;
    let request = RunRequest {
        from: target(app, act.body.from.as_ref())?,
        app: app.name.clone(),
        kind: view::asked_kind(act.body.kind),
        to: target(app, act.body.to.as_ref())?,
        by: act.by.clone(),
        reason: act.because()?,
        allow_data_loss: act.body.allow_data_loss,
        plan_hash: act.body.plan_hash.clone().map(hash).transpose()?,
        id: crate::controller::RequestId::default(),
        evacuation: None,
        drill: None,
    };
    let came = act.perform(async |desk| {
        let started = desk
            .start(request)
            .await
            .map_err(|failed| of_ask(&failed))?;
        Ok(RunStarted {
            run: started.run.to_string(),
            plan_hash: started.plan_hash.to_string(),
        })
    });
    came.await.map(Begun)
}

fn hash(text: String) -> Result<PlanHash, Problem> {
    let good = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if good {
        return Ok(PlanHash(text));
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "bad_plan_hash",
        "`plan_hash` is no plan's hash",
        "Send the whole `hash` of the plan that was looked at: 64 hexadecimal digits.",
    ))
}
