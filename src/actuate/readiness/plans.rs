//! What the plans themselves tell: can they be made, whose control planes do they lean on, and when
//! was the last one carried out? Asks nobody.

use super::Scene;
use super::book::{About, Book};
use crate::actuate::permissions::control_plane;
use crate::model::{HoldReason, OnFailure, Plan, PlannedStep, ReadinessCode, RunKind};
use crate::ports::PlanTrial;

pub(super) fn judge(scene: &Scene<'_>, book: &mut Book) {
    for trial in &scene.asked.trials {
        let about = About::of(ReadinessCode::Plan, &trial.to, trial.kind.as_str());
        match &trial.plan {
            Ok(plan) => {
                book.passed(about, format!("a plan of {} steps", plan.steps.len()));
                if trial.kind == RunKind::Failover {
                    leaning(book, trial, plan);
                }
            }
            Err(reason) => refused(book, about, trial, reason),
        }
    }
    exercise(scene, book);
}

fn refused(book: &mut Book, about: About, trial: &PlanTrial, reason: &HoldReason) {
    let text = match reason {
        HoldReason::PlanImpossible {
            step: Some(step),
            why,
        } => format!("step `{step}`: {why}"),
        reason => reason.to_string(),
    };
    if trial.blind {
        let remedy = "where traffic stands could not be read just now: it is tried again";
        book.unknown(about, text, remedy);
    } else if trial.kind == RunKind::Failover {
        book.blocking(about, text, reason.remedy());
    } else {
        // An outage does not need it.
        book.warning(about, text, reason.remedy());
    }
}

/// Steps that the run cannot do without, and that the fled Region's own control plane must do.
fn leaning(book: &mut Book, trial: &PlanTrial, plan: &Plan) {
    let mut leans = false;
    for step in plan.steps.iter().filter(|step| is_needed(step)) {
        let Some(plane) = control_plane(&step.intent).filter(|p| p.region == trial.from) else {
            continue;
        };
        leans = true;
        book.warning(
            About::of(ReadinessCode::ControlPlane, &trial.to, step.id.to_string()),
            format!(
                "step `{}` needs the control plane of {} in {}, the Region it flees",
                step.id, plane.service, plane.region
            ),
            "give the step an `else` that reaches its goal another way, or let it fail (`on_failure \
             = \"continue\"`)",
        );
    }
    if !leans {
        let about = About::of(ReadinessCode::ControlPlane, &trial.to, "failover");
        book.passed(
            about,
            format!("no step needs a control plane in {}", trial.from),
        );
    }
}

/// Whether the run stands still without this very step.
pub(super) fn is_needed(step: &PlannedStep) -> bool {
    let or_not = match step.on_failure {
        OnFailure::Continue => true,
        OnFailure::Hold | OnFailure::Compensate => step.best_effort,
    };
    !or_not && step.or_else.is_none() && step.stands_in_for.is_none()
}

fn exercise(scene: &Scene<'_>, book: &mut Book) {
    let about = About::all(ReadinessCode::LastExercise, scene.app.name.to_string());
    let most = scene.asked.drill_max_age;
    let remedy = "hold a game day: a way out that is never walked is found blocked when needed";
    match scene.asked.last_exercise {
        None => book.warning(
            about,
            "no run and no drill of it was ever completed",
            remedy,
        ),
        Some(at) => {
            let age = scene.clock.now().wall.since(at);
            if age > most {
                let text =
                    format!("the last run or drill was completed {age} ago, more than {most}");
                book.warning(about, text, remedy);
            } else {
                book.passed(
                    about,
                    format!("the last run or drill was completed {age} ago"),
                );
            }
        }
    }
}
