//! One authored action becomes an intent with nothing open in it.

use crate::model::{
    ActionSpec, AppRegion, EndpointGroup, HoldReason, Intent, PromoteMethod, Promotion, RunKind,
    Side,
};

use super::{
    Lack, Notes, Scene, dns, graph, other, record_weights, routing, scale, template, weights,
};

/// An intent, what gives back what it changes, and what stood there before.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Set where one authored step becomes several: what its id is followed by.
    pub(super) suffix: Option<String>,
    pub(super) intent: Intent,
    pub(super) restore: Option<Intent>,
    pub(super) before: Option<String>,
}

impl Resolved {
    /// A step that leaves nothing to give back.
    pub(super) fn of(intent: Intent) -> Vec<Self> {
        vec![Self {
            suffix: None,
            intent,
            restore: None,
            before: None,
        }]
    }
}

/// The Region whose resource the action changes, where it changes one that may be lost.
pub(super) fn aimed_at(action: &ActionSpec) -> Option<Side> {
    match action {
        ActionSpec::Dial { region, .. }
        | ActionSpec::Weight { region, .. }
        | ActionSpec::ScaleNodegroup { region, .. } => Some(*region),
        // A promotion is never best effort; record sets, what the members answer, hooks and questions
        // live elsewhere.
        ActionSpec::AuroraPromote { .. }
        | ActionSpec::Route53Failover { .. }
        | ActionSpec::Steer { .. }
        | ActionSpec::Route53Weights { .. }
        | ActionSpec::RoutingControl { .. }
        | ActionSpec::HttpCheck { .. }
        | ActionSpec::HttpRequest { .. }
        | ActionSpec::Approval { .. }
        | ActionSpec::Wait { .. } => None,
    }
}

/// Resolves one action; into several intents where it covers several node groups.
pub(super) fn resolve(
    scene: &Scene<'_>,
    action: &ActionSpec,
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    match action {
        ActionSpec::Dial { region, percent } => dial(scene, *region, *percent, notes),
        ActionSpec::Weight { region, weight } => weights::resolve(scene, *region, *weight, notes),
        ActionSpec::Route53Failover { primary } => dns::resolve(scene, *primary, notes),
        ActionSpec::Route53Weights { region, percent } => {
            record_weights::resolve(scene, *region, *percent, notes)
        }
        ActionSpec::RoutingControl {
            on,
            off,
            override_safety_rules,
        } => routing::resolve(scene, *on, *off, override_safety_rules, notes),
        ActionSpec::AuroraPromote {
            region,
            graceful,
            ungraceful,
            switchover_timeout,
        } => {
            if scene.request.kind == RunKind::Shift && scene.writer() != &scene.from.name {
                return Err(Lack::Nothing(format!(
                    "the writer is in {}, which goes on serving",
                    scene.writer()
                )));
            }
            let method = if scene.graceful() {
                *graceful
            } else {
                *ungraceful
            };
            let (method, escalates) = promotion(scene, method)?;
            let target = scene.region(*region);
            note_lag(scene, target, notes);
            Ok(Resolved::of(Intent::AuroraPromote {
                global_cluster: configured(
                    scene.app().resources.global_cluster.as_ref(),
                    "global_cluster",
                    &format!("the application `{}`", scene.app().name),
                )?,
                target_arn: configured(
                    target.resources.db_cluster_arn.as_ref(),
                    "db_cluster_arn",
                    &format!("the Region `{}`", target.name),
                )?,
                target_region: target.name.clone(),
                source_region: scene.region(other(*region)).name.clone(),
                method,
                escalate_after: escalates.then_some(*switchover_timeout),
            }))
        }
        ActionSpec::ScaleNodegroup {
            region,
            size,
            ready_percent,
            min_ready_percent,
        } => scale::resolve(
            scene,
            *region,
            size,
            *ready_percent,
            *min_ready_percent,
            notes,
        ),
        ActionSpec::Steer { region, serve } => Ok(steer(scene, *region, *serve)),
        ActionSpec::HttpCheck {
            url,
            method,
            expect_status,
            body_contains,
            expect_region,
        } => Ok(Resolved::of(Intent::HttpCheck {
            url: template::fill(scene, url)?,
            method: method.clone(),
            expect_status: expect_status.clone(),
            body_contains: body_contains
                .as_ref()
                .map(|text| template::fill(scene, text))
                .transpose()?,
            expect_region: expect_region.map(|side| scene.region(side).name.clone()),
        })),
        ActionSpec::HttpRequest {
            url,
            method,
            body,
            expect_status,
        } => Ok(Resolved::of(Intent::HttpRequest {
            url: template::fill(scene, url)?,
            method: method.clone(),
            body: body
                .as_ref()
                .map(|text| template::fill(scene, text))
                .transpose()?,
            expect_status: expect_status.clone(),
        })),
        ActionSpec::Approval { message } => Ok(Resolved::of(Intent::Approval {
            message: message.clone(),
        })),
        ActionSpec::Wait { duration } => Ok(Resolved::of(Intent::Wait {
            duration: *duration,
        })),
    }
}

/// Which call promotes, and whether it may escalate. Data is lost only on somebody's word.
fn promotion(scene: &Scene<'_>, method: PromoteMethod) -> Result<(Promotion, bool), Lack> {
    match method {
        PromoteMethod::Switchover => Ok((Promotion::Switchover, false)),
        PromoteMethod::SwitchoverThenFailover => {
            Ok((Promotion::Switchover, scene.data_loss().is_some()))
        }
        PromoteMethod::Detach if scene.graceful() => Err(Lack::Configuration(format!(
            "a {} detaches nothing: give the step `run_if = \"ungraceful\"`",
            scene.request.kind
        ))),
        PromoteMethod::Detach if scene.data_loss().is_some() => Ok((Promotion::Detach, false)),
        PromoteMethod::Failover if scene.graceful() => Err(Lack::Configuration(format!(
            "a {} loses nothing: set `graceful = \"switchover\"`",
            scene.request.kind
        ))),
        PromoteMethod::Failover if scene.data_loss().is_some() => {
            Ok((Promotion::FailoverWithDataLoss, false))
        }
        PromoteMethod::Failover | PromoteMethod::Detach => {
            Err(Lack::Guard(HoldReason::LagUnknown {
                why: "nobody has allowed the loss of what was not replicated".to_owned(),
            }))
        }
    }
}

fn note_lag(scene: &Scene<'_>, target: &AppRegion, notes: &mut Notes) {
    let recorded = scene.request.state.apps.get(&scene.app().name);
    let newest = recorded
        .and_then(|app| app.lag.get(&target.name))
        .and_then(|samples| samples.iter().max());
    if let Some(sample) = newest {
        notes.insert((
            format!("{} was {} behind", target.name, sample.lag),
            sample.at,
        ));
    }
}

fn dial(
    scene: &Scene<'_>,
    side: Side,
    percent: u8,
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    let region = scene.region(side);
    let endpoint_group_arn = endpoint_group_arn(region)?;
    let to = |percent| Intent::Dial {
        region: region.name.clone(),
        endpoint_group_arn: endpoint_group_arn.clone(),
        percent,
    };
    // The goal needs no earlier value: an unknown one only means that nothing can be given back.
    let group = group(scene, region, notes);
    if percent > 0 && group.is_some_and(is_shut) && !graph::gives_weight(scene, side) {
        return Err(Lack::Configuration(format!(
            "every endpoint weight of {} is 0, so a dial of {percent} % would send the users nowhere: add a step `global_accelerator.weight` with `match = \"recorded\"` to the runbook, or give its endpoints their weights back in Global Accelerator, then plan again",
            region.name
        )));
    }
    let before = group.map(|group| group.dial_percent);
    Ok(vec![Resolved {
        suffix: None,
        intent: to(percent),
        restore: before.map(to),
        before: before.map(|percent| format!("dial {percent} %")),
    }])
}

fn steer(scene: &Scene<'_>, side: Side, serve: bool) -> Vec<Resolved> {
    let (app, region) = (scene.app(), scene.region(side));
    let known = scene.request.state.apps.get(&app.name);
    let to = |serve| Intent::Steer {
        application: app.name.clone(),
        region: region.name.clone(),
        serve,
        open_by_role: app.open_by_role(known).into_iter().collect(),
    };
    let stands = app.steered(known, &region.name);
    vec![Resolved {
        suffix: None,
        intent: to(serve),
        restore: stands.map(|stands| to(stands.open)),
        before: stands.map(|stands| stands.as_str().to_owned()),
    }]
}

/// Whether its endpoints are known, and none of them gets anything.
pub(super) fn is_shut(group: &EndpointGroup) -> bool {
    let mut endpoints = group.endpoints.iter();
    !group.endpoints.is_empty() && endpoints.all(|endpoint| endpoint.weight == 0)
}

/// The endpoint group of that Region as seen, with a note of it.
pub(super) fn group<'a>(
    scene: &Scene<'a>,
    region: &AppRegion,
    notes: &mut Notes,
) -> Option<&'a EndpointGroup> {
    let (traffic, at) = scene.traffic?;
    let (_, group) = traffic
        .groups
        .iter()
        .find(|(name, _)| name == &region.name)?;
    notes.insert((
        format!(
            "the dial of {} stood at {} %",
            region.name, group.dial_percent
        ),
        at,
    ));
    Some(group)
}

pub(super) fn endpoint_group_arn(region: &AppRegion) -> Result<String, Lack> {
    configured(
        region.resources.endpoint_group_arn.as_ref(),
        "endpoint_group_arn",
        &format!("the Region `{}`", region.name),
    )
}

/// A resource's name, or what to add where.
pub(super) fn configured(value: Option<&String>, key: &str, owner: &str) -> Result<String, Lack> {
    value
        .cloned()
        .ok_or_else(|| Lack::Configuration(format!("add `{key}` to {owner}")))
}
