//! Whether failoverd acts by itself.

use axum::extract::State;
use http::StatusCode;
use utoipa_axum::routes;

use super::refusals::{done, of_command};
use crate::api::access::Caller;
use crate::api::act::Act;
use crate::api::automation::{BadEnd, end_of};
use crate::api::params::Told;
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::state::Api;
use crate::api::view;
use crate::api::wire::{AccessRole, AutomationReport, Done, PauseAutomation, ResumeAutomation};
use crate::model::{AppId, CommandBody};

pub(super) fn routes(room: Room) -> Room {
    room.look(AccessRole::Viewer, routes!(show))
        .change(AccessRole::Operator, routes!(pause))
        .change(AccessRole::Operator, routes!(resume))
}

/// Every pause that is in force, and which members know of it.
#[utoipa::path(
    get,
    path = "/v1/automation",
    tag = "automation",
    responses((status = 200, description = "Every pause.", body = AutomationReport)),
)]
async fn show(State(api): State<Api>, caller: Caller) -> Told<AutomationReport> {
    let snapshot = api.now();
    Told(api.look(&snapshot).automation(&caller))
}

/// Have failoverd do nothing by itself until then, in one application or in all.
#[utoipa::path(
    post,
    path = "/v1/automation/pause",
    tag = "automation",
    request_body = PauseAutomation,
    responses((status = 200, description = "It is paused.", body = Done)),
)]
async fn pause(State(api): State<Api>, act: Act<PauseAutomation>) -> Result<Told<Done>, Problem> {
    let app = whose(&api, &act.caller, act.body.application.as_deref())?;
    let now = api.now().at.wall;
    let until = end_of(&act.body, now).map_err(|bad| bad_end(&bad))?;
    let reason = act.because()?;
    let text = format!(
        "{} until {}",
        named(app.as_ref(), "is paused"),
        view::moment(until)
    );
    let command = CommandBody::PauseAutomation {
        app: app.clone(),
        by: act.by.clone(),
        reason,
        until: Some(until),
    };
    let came = act.about(app).perform(async |desk| {
        let event = of_command(desk.command(command).await)?;
        Ok(done(&event, text))
    });
    came.await.map(Told)
}

/// Let failoverd act by itself again.
#[utoipa::path(
    post,
    path = "/v1/automation/resume",
    tag = "automation",
    request_body = ResumeAutomation,
    responses((status = 200, description = "It goes on.", body = Done)),
)]
async fn resume(State(api): State<Api>, act: Act<ResumeAutomation>) -> Result<Told<Done>, Problem> {
    let app = whose(&api, &act.caller, act.body.application.as_deref())?;
    let text = named(app.as_ref(), "goes on");
    let command = CommandBody::ResumeAutomation {
        app: app.clone(),
        by: act.by.clone(),
    };
    let came = act.about(app).perform(async |desk| {
        let event = of_command(desk.command(command).await)?;
        Ok(done(&event, text))
    });
    came.await.map(Told)
}

fn named(app: Option<&AppId>, what: &str) -> String {
    match app {
        Some(app) => format!("automation of {app} {what}"),
        None => format!("automation of every application {what}"),
    }
}

/// All of them only by whoever may steer all of them.
fn whose(api: &Api, caller: &Caller, name: Option<&str>) -> Result<Option<AppId>, Problem> {
    match name {
        Some(name) => Ok(Some(api.application(caller, name)?.name.clone())),
        None if caller.scope.is_everything() => Ok(None),
        None => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "scope",
            format!(
                "{} is for some applications, and this is about all",
                caller.name()
            ),
            "Name one of them in `application`, or ask somebody whose token has no `applications`.",
        )),
    }
}

/// The pause cannot end so.
fn bad_end(bad: &BadEnd) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        bad.code(),
        bad.to_string(),
        "Say when it ends: \"for_ms\": 3600000, or \"until\": \"2027-01-31T06:00:00Z\"; a pause \
         that nobody ends is an outage that nobody answers.",
    )
}
