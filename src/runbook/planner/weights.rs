//! The weights of a Region's endpoints: set to a number, or given back.
//!
//! A failover ends with every weight of the lost Region at 0. What they had before stands in that
//! run's own plan, as what an abort would have restored; so the way home asks nobody.
//!
//! Invariant: weights are given back only where all of them are 0. Anything else is somebody's
//! choice, and a plan made a minute ago must not undo it.

use std::collections::BTreeMap;

use crate::model::{Endpoint, EndpointGroup, Intent, Run, Side, WeightSpec};

use super::resolve::{Resolved, endpoint_group_arn, group, is_shut};
use super::{Lack, Notes, Scene};

pub(super) fn resolve(
    scene: &Scene<'_>,
    side: Side,
    weight: WeightSpec,
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    let region = scene.region(side);
    let endpoint_group_arn = endpoint_group_arn(region)?;
    let known = group(scene, region, notes).filter(|group| !group.endpoints.is_empty());
    let unknown = || format!("the endpoints of {} are not known", region.name);
    let (group, wanted) = match (weight, known) {
        (WeightSpec::Absolute(weight), Some(group)) => {
            let endpoints = group.endpoints.iter().cloned();
            let wanted = endpoints.map(|endpoint| Endpoint { weight, ..endpoint });
            (group, wanted.collect())
        }
        (WeightSpec::Absolute(_), None) => {
            return Err(Lack::Observation(format!(
                "{}, so their weights cannot be set: see that Global Accelerator can be read",
                unknown()
            )));
        }
        (WeightSpec::Recorded { fallback }, Some(group)) if is_shut(group) => {
            let recorded = recorded(scene, &endpoint_group_arn);
            let wanted = given_back(scene, side, group, recorded.as_ref(), fallback)?;
            notes.insert(match recorded {
                Some((run, _)) => (
                    format!(
                        "the endpoint weights of {} as {} recorded them",
                        region.name, run.id
                    ),
                    run.opened_at,
                ),
                None => (
                    format!(
                        "no run has recorded the endpoint weights of {}: they become the step's `fallback`",
                        region.name
                    ),
                    scene.request.now,
                ),
            });
            (group, wanted)
        }
        (WeightSpec::Recorded { .. }, Some(group)) => {
            return Err(Lack::Nothing(format!(
                "the endpoints of {} have weight ({})",
                region.name,
                Endpoint::weights(&group.endpoints)
            )));
        }
        // Nobody knows of weights that are gone: that is no reason to stay in a lost Region.
        (WeightSpec::Recorded { .. }, None) => return Err(Lack::Nothing(unknown())),
    };
    let to = |endpoints: Vec<Endpoint>| Intent::Weight {
        region: region.name.clone(),
        endpoint_group_arn: endpoint_group_arn.clone(),
        endpoints,
    };
    Ok(vec![Resolved {
        suffix: None,
        intent: to(wanted),
        restore: Some(to(group.endpoints.clone())),
        before: Some(format!(
            "endpoint weights {}",
            Endpoint::weights(&group.endpoints)
        )),
    }])
}

/// By endpoint, and the run that has recorded it.
type Recorded<'a> = (&'a Run, BTreeMap<&'a str, u8>);

/// The weights that the newest run to touch them found there. A list of nothing but 0 says what was
/// taken, not what it was.
fn recorded<'a>(scene: &Scene<'a>, arn: &str) -> Option<Recorded<'a>> {
    let runs = scene.request.state.runs.values();
    runs.filter(|run| run.application == scene.app().name)
        .filter_map(|run| Some((run, found_by(run, arn)?)))
        .max_by_key(|(run, _)| run.epoch)
}

fn found_by<'a>(run: &'a Run, arn: &str) -> Option<BTreeMap<&'a str, u8>> {
    run.plan.steps.iter().find_map(|step| {
        let Some(Intent::Weight {
            endpoint_group_arn,
            endpoints,
            ..
        }) = &step.restore
        else {
            return None;
        };
        let any = endpoints.iter().any(|endpoint| endpoint.weight > 0);
        (endpoint_group_arn == arn && any).then(|| {
            endpoints
                .iter()
                .map(|e| (e.id.as_str(), e.weight))
                .collect()
        })
    })
}

fn given_back(
    scene: &Scene<'_>,
    side: Side,
    group: &EndpointGroup,
    recorded: Option<&Recorded<'_>>,
    fallback: Option<u8>,
) -> Result<Vec<Endpoint>, Lack> {
    let recorded = recorded.map(|(_, weights)| weights);
    let weight_of = |endpoint: &Endpoint| {
        let known = recorded.and_then(|weights| weights.get(endpoint.id.as_str()).copied());
        known.or(fallback).unwrap_or(endpoint.weight)
    };
    let wanted: Vec<Endpoint> = group
        .endpoints
        .iter()
        .map(|endpoint| Endpoint {
            weight: weight_of(endpoint),
            ..endpoint.clone()
        })
        .collect();
    if wanted.iter().all(|endpoint| endpoint.weight == 0) {
        return Err(Lack::Configuration(format!(
            "every endpoint weight of {} is 0, and no run has recorded what they were: add a `fallback` to the step (128 is what Global Accelerator gives), or give its endpoints their weights in Global Accelerator, then plan again",
            scene.region(side).name
        )));
    }
    Ok(wanted)
}
