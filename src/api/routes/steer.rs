//! Steering a run: what may be said to one that is open.

use utoipa_axum::routes;

use super::refusals::{done, of_command};
use crate::api::act::{Act, Spoken};
use crate::api::params::{Named, Told};
use crate::api::problem::Problem;
use crate::api::room::Room;
use crate::api::wire::{AccessRole, Approve, Because, Done, OfStep, WithReason};
use crate::model::{CommandBody, RunId, StepId};

pub(super) fn routes(room: Room) -> Room {
    room.change(AccessRole::Operator, routes!(approve))
        .change(AccessRole::Operator, routes!(abort))
        .change(AccessRole::Operator, routes!(pause))
        .change(AccessRole::Operator, routes!(resume))
        .change(AccessRole::Operator, routes!(skip))
        .change(AccessRole::Operator, routes!(retry))
}

/// Has a command written, and says what came of it.
async fn steer<T: Spoken>(
    act: Act<T>,
    command: CommandBody,
    text: String,
) -> Result<Told<Done>, Problem> {
    let came = act.perform(async |desk| {
        let event = of_command(desk.command(command).await)?;
        Ok(done(&event, text))
    });
    came.await.map(Told)
}

/// The same, of what needs a reason.
async fn because<T: Spoken>(
    act: Act<T>,
    text: String,
    command: impl FnOnce(String, String) -> CommandBody,
) -> Result<Told<Done>, Problem> {
    let command = command(act.by.clone(), act.because()?);
    steer(act, command, text).await
}

/// The same, of one step.
async fn of_step(
    run: String,
    act: Act<OfStep>,
    what: &str,
    command: impl FnOnce(RunId, StepId, String, Option<String>) -> CommandBody,
) -> Result<Told<Done>, Problem> {
    let step = StepId(act.body.step.clone());
    let text = format!("step {step} of {run} {what}");
    let reason = act.reason().map(str::to_owned);
    let command = command(RunId(run), step, act.by.clone(), reason);
    steer(act, command, text).await
}

/// Give or decline the approval that a step waits for.
#[utoipa::path(
    post,
    path = "/v1/runs/{run}/approve",
    tag = "runs",
    params(("run" = String, Path, description = "Its name.")),
    request_body = Approve,
    responses((status = 200, description = "It is said.", body = Done)),
)]
async fn approve(Named(run): Named, act: Act<Approve>) -> Result<Told<Done>, Problem> {
    let (step, granted) = (StepId(act.body.step.clone()), act.body.granted);
    let text = if granted {
        format!("step {step} of {run} is approved")
    } else {
        format!("step {step} of {run} is declined")
    };
    let command = CommandBody::Approve {
        run: RunId(run),
        step,
        by: act.by.clone(),
        granted,
        reason: act.reason().map(str::to_owned),
    };
    steer(act, command, text).await
}

/// End the run: nothing new is begun, and what it changed is given back while its data has not moved.
#[utoipa::path(
    post,
    path = "/v1/runs/{run}/abort",
    tag = "runs",
    params(("run" = String, Path, description = "Its name.")),
    request_body = WithReason,
    responses((status = 200, description = "It is being aborted.", body = Done)),
)]
async fn abort(Named(run): Named, act: Act<WithReason>) -> Result<Told<Done>, Problem> {
    let text = format!("{run} is being aborted");
    let run = RunId(run);
    because(act, text, |by, reason| CommandBody::Abort {
        run,
        by,
        reason,
    })
    .await
}

/// Begin nothing new in the run until it is resumed. What is under way goes on.
#[utoipa::path(
    post,
    path = "/v1/runs/{run}/pause",
    tag = "runs",
    params(("run" = String, Path, description = "Its name.")),
    request_body = WithReason,
    responses((status = 200, description = "It is paused.", body = Done)),
)]
async fn pause(Named(run): Named, act: Act<WithReason>) -> Result<Told<Done>, Problem> {
    let text = format!("{run} is paused: nothing new is begun in it");
    let run = RunId(run);
    because(act, text, |by, reason| CommandBody::PauseRun {
        run,
        by,
        reason,
    })
    .await
}

/// Go on with a run that was paused.
#[utoipa::path(
    post,
    path = "/v1/runs/{run}/resume",
    tag = "runs",
    params(("run" = String, Path, description = "Its name.")),
    request_body = Because,
    responses((status = 200, description = "It goes on.", body = Done)),
)]
async fn resume(Named(run): Named, act: Act<Because>) -> Result<Told<Done>, Problem> {
    let text = format!("{run} goes on");
    let command = CommandBody::ResumeRun {
        run: RunId(run),
        by: act.by.clone(),
    };
    steer(act, command, text).await
}

/// Leave a step out that has failed or waits.
#[utoipa::path(
    post,
    path = "/v1/runs/{run}/skip",
    tag = "runs",
    params(("run" = String, Path, description = "Its name.")),
    request_body = OfStep,
    responses((status = 200, description = "It is left out.", body = Done)),
)]
async fn skip(Named(run): Named, act: Act<OfStep>) -> Result<Told<Done>, Problem> {
    of_step(run, act, "is left out", |run, step, by, reason| {
        CommandBody::SkipStep {
            run,
            step,
            by,
            reason,
        }
    })
    .await
}

/// Try a step again that has failed.
#[utoipa::path(
    post,
    path = "/v1/runs/{run}/retry",
    tag = "runs",
    params(("run" = String, Path, description = "Its name.")),
    request_body = OfStep,
    responses((status = 200, description = "It is tried again.", body = Done)),
)]
async fn retry(Named(run): Named, act: Act<OfStep>) -> Result<Told<Done>, Problem> {
    of_step(run, act, "is tried again", |run, step, by, reason| {
        CommandBody::RetryStep {
            run,
            step,
            by,
            reason,
        }
    })
    .await
}
