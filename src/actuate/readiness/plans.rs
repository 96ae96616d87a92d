//! What the plans themselves tell: can they be made, whose control planes do they lean on, and when
//! was the last one carried out? Asks nobody.

use super::Scene;
use super::book::{About, Book};
use crate::actuate::permissions::control_plane;
use crate::model::{HoldReason, OnFailure, Plan, PlannedStep, ReadinessCode};
use crate::ports::PlanTrial;

pub(super) fn judge(scene: &Scene<'_>, book: &mut Book) {
    for trial in &scene.asked.trials {
        let about = About::of(ReadinessCode::Plan, &trial.to, trial.kind.as_str());
        match &trial.plan {
            Ok(plan) => {
                book.passed(about, format!("a plan of {} steps", plan.steps.len()));
                if trial.kind.is_automatic() {
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
    } else if trial.kind.is_automatic() {
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
    let app = &scene.app.name;
    let about = About::all(ReadinessCode::LastExercise, app.to_string());
    let remedy = format!("`failoverctl drill {app}` rehearses an outage and changes nothing");
    let Some(last) = &scene.asked.last_exercise else {
        return book.warning(
            about,
            "no run and no drill of it was ever completed",
            remedy,
        );
    };
    let (what, age) = (&last.what, scene.clock.now().wall.since(last.at));
    let most = scene.asked.drill_max_age;
    if let Some(failure) = &last.failure {
        book.warning(
            about,
            format!("{what} failed {age} ago: {failure}"),
            format!("mend what it found, then `failoverctl drill {app}` again"),
        );
    } else if age > most {
        let text =
            format!("{what} was completed {age} ago and nothing since; drill_max_age is {most}");
        book.warning(about, text, remedy);
    } else {
        book.passed(about, format!("{what} was completed {age} ago"));
    }
}
