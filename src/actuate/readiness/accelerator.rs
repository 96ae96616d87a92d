//! Global Accelerator: is there a way in, and does it lead to something that answers?

use std::collections::BTreeSet;

use aws_sdk_globalaccelerator::types::{AcceleratorStatus, EndpointGroup, HealthState};

use super::Scene;
use super::book::{About, Book, Reader};
use crate::actuate::classify::read_error;
use crate::actuate::global_accelerator::{DEFAULT_WEIGHT, accelerator_arn, describe, home};
use crate::model::{AppRegion, Intent, ReadinessCode};

pub(super) async fn look(scene: &Scene<'_>) -> Book {
    let mut book = scene.book();
    for arn in accelerators(scene) {
        accelerator(scene, &mut book, &arn).await;
    }
    for region in &scene.app.regions {
        let Some(arn) = &region.resources.endpoint_group_arn else {
            continue;
        };
        match describe(scene.clients, arn).await {
            Ok(group) => judge(scene, &mut book, region, arn, &group),
            Err(error) => book.unread(
                About::of(ReadinessCode::EndpointGroup, &region.name, arn),
                &error,
                "globalaccelerator:DescribeEndpointGroup",
                Reader::Steps,
            ),
        }
    }
    book
}

/// As configured, or as the endpoint groups' own names say.
fn accelerators(scene: &Scene<'_>) -> BTreeSet<String> {
    let configured = scene.app.resources.accelerator_arn.clone();
    let named = scene
        .app
        .regions
        .iter()
        .filter_map(|region| region.resources.endpoint_group_arn.as_deref())
        .filter_map(accelerator_arn)
        .map(str::to_owned);
    configured.into_iter().chain(named).collect()
}

async fn accelerator(scene: &Scene<'_>, book: &mut Book, arn: &str) {
    let about = About::all(ReadinessCode::Accelerator, arn);
    let result = scene
        .clients
        .global_accelerator(&home())
        .read
        .describe_accelerator()
        .accelerator_arn(arn)
        .send()
        .await;
    let accelerator = match result {
        Ok(output) => output.accelerator,
        Err(error) => {
            let error = read_error(&format!("accelerator {arn}"), &error);
            let action = "globalaccelerator:DescribeAccelerator";
            return book.unread(about, &error, action, Reader::Steps);
        }
    };
    let Some(accelerator) = accelerator else {
        return book.unknown(
            about,
            "the answer holds no accelerator",
            "wait for the next check",
        );
    };
    if accelerator.enabled == Some(false) {
        return book.blocking(
            about,
            "the accelerator is disabled: nobody comes in through it",
            "enable it in Global Accelerator",
        );
    }
    match accelerator.status {
        Some(AcceleratorStatus::Deployed) => book.passed(about, "enabled and deployed"),
        Some(status) => book.warning(
            about,
            format!("the accelerator is {}", status.as_str()),
            "wait until it is DEPLOYED; a dial that is turned now takes longer",
        ),
        None => book.unknown(
            about,
            "the answer tells no status",
            "wait for the next check",
        ),
    }
}

fn judge(scene: &Scene<'_>, book: &mut Book, region: &AppRegion, arn: &str, group: &EndpointGroup) {
    let about = |code| About::of(code, &region.name, arn);
    match group.endpoint_group_region.as_deref() {
        Some(other) if other != region.name.as_str() => {
            return book.blocking(
                about(ReadinessCode::EndpointGroup),
                format!("this endpoint group is of {other}"),
                format!("correct endpoint_group_arn of {}", region.name),
            );
        }
        Some(_) | None => book.passed(about(ReadinessCode::EndpointGroup), "there"),
    }
    let endpoints = group.endpoint_descriptions();
    if endpoints.is_empty() {
        return book.blocking(
            about(ReadinessCode::EndpointsPresent),
            "the endpoint group holds no endpoint",
            "add the Region's load balancer to it",
        );
    }
    book.passed(
        about(ReadinessCode::EndpointsPresent),
        count(endpoints.len(), "endpoint"),
    );
    let weight = |w: Option<i32>| w.unwrap_or(DEFAULT_WEIGHT);
    let shut = endpoints.iter().all(|e| weight(e.weight) == 0);
    if shut && is_opened_by_a_run(scene, region) {
        book.warning(
            about(ReadinessCode::EndpointWeights),
            "every endpoint has weight 0, as a failover leaves them: a run there gives it back",
            "wait until its database is a reader again; the run is refused before",
        );
    } else if shut {
        book.blocking(
            about(ReadinessCode::EndpointWeights),
            "every endpoint has weight 0: no dial brings traffic here",
            "give the endpoints their weight back once the Region is sound (128 is the default)",
        );
    } else {
        book.passed(
            about(ReadinessCode::EndpointWeights),
            "endpoints have weight",
        );
    }
    health(book, region, arn, group);
}

/// Whether a run there would give the endpoints their weight back.
fn is_opened_by_a_run(scene: &Scene<'_>, region: &AppRegion) -> bool {
    let mut plans = scene.asked.trials.iter().filter(|t| t.to == region.name);
    plans.any(|trial| {
        let steps = trial.plan.iter().flat_map(|plan| &plan.steps);
        steps.into_iter().any(|step| {
            matches!(&step.intent, Intent::Weight { region: of, endpoints, .. }
                if of == &region.name && endpoints.iter().any(|e| e.weight > 0))
        })
    })
}

/// A standby at zero is unhealthy until it is grown: one that is declared cold may be.
fn health(book: &mut Book, region: &AppRegion, arn: &str, group: &EndpointGroup) {
    let about = About::of(ReadinessCode::EndpointsHealthy, &region.name, arn);
    let endpoints = group.endpoint_descriptions();
    let of = |state: &HealthState| {
        let is = endpoints
            .iter()
            .filter(|e| e.health_state.as_ref() == Some(state));
        is.count()
    };
    let (healthy, initial) = (of(&HealthState::Healthy), of(&HealthState::Initial));
    let text = format!(
        "{healthy} of {} healthy",
        count(endpoints.len(), "endpoint")
    );
    let remedy = "see why the load balancer has no healthy target";
    if healthy == endpoints.len() {
        book.passed(about, text);
    } else if healthy > 0 || initial > 0 || region.cold {
        book.warning(about, text, remedy);
    } else {
        book.blocking(about, text, remedy);
    }
}

pub(super) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
