//! The graph: which steps there are, what each needs, which stands in for which, and their order.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    ActionSpec, HoldReason, OnFailure, PlannedStep, RunIf, RunbookStep, Side, StepId,
};

use super::resolve::{Resolved, aimed_at, resolve};
use super::{Lack, Notes, Scene, impossible, ramp, record_weights};

/// Every step of the runbook that this run has, resolved, each after what it needs.
pub(super) fn resolve_all(
    scene: &Scene<'_>,
    notes: &mut Notes,
) -> Result<Vec<PlannedStep>, HoldReason> {
    let authored = &scene.request.runbook.steps;
    let mut resolved: BTreeMap<&StepId, Vec<Resolved>> = BTreeMap::new();
    for step in authored.iter().filter(|step| runs(scene, step)) {
        let found = match &step.ramp {
            None => resolve_each(scene, step, notes),
            Some(ramp) => ramp::expand(scene, &step.action, ramp, notes),
        };
        match found {
            Ok(intents) => {
                resolved.insert(&step.id, intents);
            }
            Err(Lack::Observation(why)) if is_best_effort(scene, &step.action) => {
                notes.insert((format!("{} is left out: {why}", step.id), scene.request.now));
            }
            Err(Lack::Nothing(why)) => {
                notes.insert((format!("{} is left out: {why}", step.id), scene.request.now));
            }
            Err(Lack::Observation(why) | Lack::Configuration(why)) => {
                return Err(impossible(Some(&step.id), why));
            }
            Err(Lack::Guard(reason)) => return Err(reason),
        }
    }
    drop_idle_stand_ins(authored, &mut resolved);
    let ids = planned_ids(&resolved);
    let stand_ins = pair_stand_ins(authored, &ids)?;
    let mut steps = Vec::new();
    for step in authored {
        let mut needs = step_needs(authored, &ids, step)?;
        let best_effort = is_best_effort(scene, &step.action);
        let own_ids = ids.get(&step.id).into_iter().flatten();
        let intents = resolved.remove(&step.id).unwrap_or_default();
        for (id, one) in own_ids.zip(intents) {
            steps.push(PlannedStep {
                or_else: stand_ins.get(id).cloned(),
                stands_in_for: stand_ins
                    .iter()
                    .find(|(_, stand_in)| *stand_in == id)
                    .map(|(original, _)| original.clone()),
                id: id.clone(),
                timeout: step.timeout,
                intent: one.intent,
                needs: needs.clone(),
                on_failure: if best_effort {
                    OnFailure::Continue
                } else {
                    step.on_failure
                },
                best_effort,
                restore: one.restore,
                before: one.before,
            });
            if step.ramp.is_some() {
                needs = vec![id.clone()];
            }
        }
    }
    let mut steps = topological(steps).map_err(|circle| {
        let names: Vec<&str> = circle.iter().map(StepId::as_str).collect();
        impossible(
            circle.first(),
            format!("these steps need each other: {}", names.join(", ")),
        )
    })?;
    record_weights::freeze(scene, &mut steps)?;
    Ok(steps)
}

/// Resolves a step; one that is about the other Regions once for each of them.
fn resolve_each(
    scene: &Scene<'_>,
    step: &RunbookStep,
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    if aimed_at(&step.action) != Some(Side::Others) {
        return resolve(scene, &step.action, notes);
    }
    let mut all = Vec::new();
    for carrier in &scene.carriers {
        let of_one = match resolve(&scene.about(carrier), &step.action, notes) {
            Err(Lack::Nothing(why)) => {
                let text = format!("{}/{} is left out: {why}", step.id, carrier.name);
                notes.insert((text, scene.request.now));
                continue;
            }
            other => other?,
        };
        all.extend(of_one.into_iter().map(|one| Resolved {
            suffix: Some(match &one.suffix {
                Some(suffix) => format!("{}/{suffix}", carrier.name),
                None => carrier.name.to_string(),
            }),
            ..one
        }));
    }
    if all.is_empty() {
        return Err(Lack::Nothing(
            "there is nothing to do in any of them".to_owned(),
        ));
    }
    Ok(all)
}

/// Whether a step of this run gives the endpoints of that Region a weight.
pub(super) fn gives_weight(scene: &Scene<'_>, side: Side) -> bool {
    let mut steps = scene.request.runbook.steps.iter();
    steps.any(|step| {
        let gives = matches!(
            &step.action,
            ActionSpec::Weight { region, weight } if *region == side && weight.gives()
        );
        gives && runs(scene, step)
    })
}

fn runs(scene: &Scene<'_>, step: &RunbookStep) -> bool {
    match step.run_if {
        None => true,
        Some(RunIf::Graceful) => scene.graceful(),
        Some(RunIf::Ungraceful) => !scene.graceful(),
    }
}

/// Aimed at the lost Region of an ungraceful run.
fn is_best_effort(scene: &Scene<'_>, action: &ActionSpec) -> bool {
    !scene.graceful() && aimed_at(action) == Some(Side::From)
}

/// A stand-in never starts by itself: without the step it stands in for it would never run, or,
/// worse, run unasked. So it goes with it.
fn drop_idle_stand_ins(authored: &[RunbookStep], resolved: &mut BTreeMap<&StepId, Vec<Resolved>>) {
    loop {
        let idle: Vec<&StepId> = authored
            .iter()
            .filter(|step| !resolved.contains_key(&step.id))
            .filter_map(|step| step.or_else.as_ref())
            .filter(|stand_in| resolved.contains_key(stand_in))
            .collect();
        if idle.is_empty() {
            return;
        }
        for stand_in in idle {
            resolved.remove(stand_in);
        }
    }
}

/// The planned steps that each authored one has become.
type PlannedIds = BTreeMap<StepId, Vec<StepId>>;

fn planned_ids(resolved: &BTreeMap<&StepId, Vec<Resolved>>) -> PlannedIds {
    let planned = |id: &StepId, one: &Resolved| match &one.suffix {
        Some(suffix) => StepId(format!("{id}/{suffix}")),
        None => id.clone(),
    };
    resolved
        .iter()
        .map(|(id, all)| {
            let ids = all.iter().map(|one| planned(id, one)).collect();
            ((*id).clone(), ids)
        })
        .collect()
}

/// Which step is taken after which has failed. Steps over several node groups pair off one by one.
fn pair_stand_ins(
    authored: &[RunbookStep],
    ids: &PlannedIds,
) -> Result<BTreeMap<StepId, StepId>, HoldReason> {
    let mut pairs = BTreeMap::new();
    for step in authored {
        let Some(stand_in) = &step.or_else else {
            continue;
        };
        let (Some(originals), Some(stand_ins)) = (ids.get(&step.id), ids.get(stand_in)) else {
            continue;
        };
        if originals.len() != stand_ins.len() {
            let why = format!(
                "its `else` {stand_in} covers {} resources, not {}: one must stand in for one",
                stand_ins.len(),
                originals.len()
            );
            return Err(impossible(Some(&step.id), why));
        }
        pairs.extend(originals.iter().cloned().zip(stand_ins.iter().cloned()));
    }
    Ok(pairs)
}

/// What a step needs, in planned steps. A need on a step that this run does not have counts as met,
/// but what *that* step needs must still come first.
fn step_needs(
    authored: &[RunbookStep],
    ids: &PlannedIds,
    step: &RunbookStep,
) -> Result<Vec<StepId>, HoldReason> {
    let mut needs: Vec<StepId> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&StepId> = step.needs.iter().rev().collect();
    while let Some(need) = open.pop() {
        if !seen.insert(need) {
            continue;
        }
        let Some(needed) = authored.iter().find(|other| &other.id == need) else {
            let why = format!("it needs {need}, and the runbook has no such step");
            return Err(impossible(Some(&step.id), why));
        };
        match ids.get(need) {
            Some(planned) if needed.ramp.is_some() => needs.extend(planned.last().cloned()),
            Some(planned) => needs.extend(planned.iter().cloned()),
            None => open.extend(needed.needs.iter().rev()),
        }
    }
    Ok(needs)
}

/// Puts every step after those it needs and after the one it stands in for, otherwise in the order
/// given.
///
/// # Errors
/// The steps that cannot be put in order: some of them go in a circle, the others wait for those.
pub fn topological(steps: Vec<PlannedStep>) -> Result<Vec<PlannedStep>, Vec<StepId>> {
    let mut waiting = steps;
    let mut placed = BTreeSet::new();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let mut still = Vec::new();
        let before = ordered.len();
        for step in waiting {
            let mut first = step.needs.iter().chain(&step.stands_in_for);
            if first.all(|id| placed.contains(id)) {
                placed.insert(step.id.clone());
                ordered.push(step);
            } else {
                still.push(step);
            }
        }
        if ordered.len() == before {
            return Err(still.into_iter().map(|step| step.id).collect());
        }
        waiting = still;
    }
    Ok(ordered)
}
