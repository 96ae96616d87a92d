//! The planner: a runbook, two Regions and what was seen of the world become a plan.
//!
//! ```text
//!  Runbook ──run_if──▶ steps ──resolve──▶ intents ──graph──▶ needs, else ──▶ order ──▶ Plan + hash
//!                                ▲
//!      State (sizes, traffic), the plan's own reads
//! ```
//!
//! Every choice is made here and written down with what it stands on; a run makes none. What the
//! planner lacks it names, with the place to add it.
//!
//! Invariant: nothing is asked of anybody: a plan is a function of its request. So planning an
//! ungraceful run cannot hang on the lost Region.
//! Invariant: no need dangles, no step stands before its needs, and two requests that lead to the
//! same choices lead to the same hash.
//! Invariant: no node group is planned smaller than it was last seen.
//! Invariant: only a run that somebody allowed to lose data can.

mod dns;
mod graph;
mod ramp;
mod record_weights;
mod resolve;
mod routing;
mod scale;
mod shares;
mod template;
mod weights;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::model::{
    AppId, AppRegion, Application, DataLossGrant, Epoch, HoldReason, Millis, Plan, PlanHash,
    PlanNote, PlannedStep, RegionId, RunKind, Runbook, Side, State, StepId, Traffic, Wall,
};

pub use graph::topological;

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    pub app: &'a Application,
    pub runbook: &'a Runbook,
    pub kind: RunKind,
    /// The Region to be left.
    pub from: &'a RegionId,
    /// The Region to go to.
    pub to: &'a RegionId,
    /// Of a shift: the Regions that go on serving. Of a return: those that serve beside `to`.
    pub carriers: &'a [RegionId],
    /// For what was recorded of sizes, lag and traffic.
    pub state: &'a State,
    /// Traffic as read for this plan, and when; what was recorded serves if it could not be read.
    pub fresh: Option<(&'a Traffic, Wall)>,
    /// The epoch the run will have: the state's, raised by one.
    pub epoch: Epoch,
    /// On whose word unreplicated data may be lost. Of no effect on a graceful run.
    pub data_loss: Option<DataLossGrant>,
    pub now: Wall,
}

/// Makes the plan, or says what it lacks.
///
/// A step of an ungraceful run that is aimed at the lost Region (`region = "from"`) is best effort:
/// if what it needs to know was never seen, it is left out with a note instead of standing in the
/// way of the others, as its failure would not have either.
///
/// # Errors
/// [`HoldReason::PlanImpossible`] names the step, what is missing, and where to add it.
/// [`HoldReason::LagUnknown`] if the runbook promotes with data loss and nobody granted it: the
/// data guard is asked before planning, so this is a second lock, not a second question.
pub fn plan(request: &PlanRequest<'_>) -> Result<Plan, HoldReason> {
    let scene = Scene::new(request)?;
    let mut notes = BTreeSet::new();
    let steps = graph::resolve_all(&scene, &mut notes)?;
    let data_loss = scene.data_loss().cloned();
    let carriers: Vec<RegionId> = scene.carriers.iter().map(|r| r.name.clone()).collect();
    let hash = hash(&Choices {
        application: &request.app.name,
        kind: request.kind,
        from: request.from,
        to: request.to,
        carriers: &carriers,
        runbook: &request.runbook.name,
        epoch: request.epoch,
        steps: chosen(&steps),
        data_loss: data_loss.as_ref().map(Consent::from),
    })?;
    let plan = Plan {
        application: request.app.name.clone(),
        kind: request.kind,
        from: request.from.clone(),
        to: request.to.clone(),
        carriers,
        runbook: request.runbook.name.clone(),
        objective: request.runbook.objective,
        config: request.app.config.clone(),
        epoch: request.epoch,
        steps,
        notes: notes
            .into_iter()
            .map(|(text, seen_at)| PlanNote { text, seen_at })
            .collect(),
        data_loss,
        made_at: request.now,
        hash,
    };
    if plan.kind.moves_share() && plan.left_serving().next().is_none() {
        return Err(HoldReason::NobodyLeft {
            region: plan.from.clone(),
        });
    }
    Ok(plan)
}

/// What a plan's hash is over: every choice, and neither dates nor remarks. So a plan that is made
/// anew moments later, from later looks at the same world, has the same hash.
#[derive(Serialize)]
struct Choices<'a> {
    application: &'a AppId,
    kind: RunKind,
    from: &'a RegionId,
    to: &'a RegionId,
    #[serde(skip_serializing_if = "<[RegionId]>::is_empty")]
    carriers: &'a [RegionId],
    runbook: &'a str,
    epoch: Epoch,
    steps: Vec<PlannedStep>,
    data_loss: Option<Consent<'a>>,
}

/// On whose word data may be lost, without the lag of that minute: the next sample is another, and
/// the plan that a person has looked at is still the same.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Consent<'a> {
    WithinRpo(Millis),
    Operator(&'a str),
    AskedBy(&'a str),
}

impl<'a> From<&'a DataLossGrant> for Consent<'a> {
    fn from(grant: &'a DataLossGrant) -> Self {
        match grant {
            DataLossGrant::WithinRpo { lag: _, rpo_max } => Self::WithinRpo(*rpo_max),
            DataLossGrant::Operator(name) => Self::Operator(name),
            DataLossGrant::AskedBy(name) => Self::AskedBy(name),
        }
    }
}

/// The steps without what stood there before, which is a remark: what of it is to be given back, or
/// deleted by value, stands in the intents.
fn chosen(steps: &[PlannedStep]) -> Vec<PlannedStep> {
    let chosen = steps.iter().map(|step| PlannedStep {
        before: None,
        ..step.clone()
    });
    chosen.collect()
}

/// Canonical because the fields of each type are written in one order and maps are ordered.
fn hash(choices: &Choices<'_>) -> Result<PlanHash, HoldReason> {
    let text = serde_json::to_vec(choices)
        .map_err(|error| impossible(None, format!("it cannot be written as JSON: {error}")))?;
    Ok(PlanHash(hex::encode(Sha256::digest(text))))
}

fn impossible(step: Option<&StepId>, why: String) -> HoldReason {
    HoldReason::PlanImpossible {
        step: step.cloned(),
        why,
    }
}

/// The notes of a plan under way: text and date, each once.
type Notes = BTreeSet<(String, Wall)>;

/// A request whose Regions are known to exist.
#[derive(Clone)]
struct Scene<'a> {
    request: &'a PlanRequest<'a>,
    from: &'a AppRegion,
    to: &'a AppRegion,
    /// Of a shift or a return.
    carriers: Vec<&'a AppRegion>,
    /// The one of them that a step with `region = "others"` is about just now.
    carrier: Option<&'a AppRegion>,
    traffic: Option<(&'a Traffic, Wall)>,
}

impl<'a> Scene<'a> {
    fn new(request: &'a PlanRequest<'a>) -> Result<Self, HoldReason> {
        let PlanRequest { app, runbook, .. } = request;
        let region = |name: &RegionId| {
            app.region(name).ok_or_else(|| {
                let known: Vec<&str> = app.regions.iter().map(|r| r.name.as_str()).collect();
                let known = known.join(", ");
                impossible(
                    None,
                    format!("{name} is no Region of {}; it has {known}", app.name),
                )
            })
        };
        let (from, to) = (region(request.from)?, region(request.to)?);
        if from.name == to.name {
            let why = format!(
                "{} is both the Region to leave and the one to go to",
                to.name
            );
            return Err(impossible(None, why));
        }
        if !runbook.kinds.contains(&request.kind) {
            let why = format!(
                "runbook {} is not for a {}: add it to `for`, or name another under `[application.runbooks]`",
                runbook.name, request.kind
            );
            return Err(impossible(None, why));
        }
        let carriers = shares::carriers(request, from, to)?;
        let recorded = request.state.apps.get(&app.name);
        let recorded = recorded.and_then(|known| known.traffic.as_ref());
        Ok(Self {
            request,
            from,
            to,
            carriers,
            carrier: None,
            traffic: request
                .fresh
                .or(recorded.map(|seen| (&seen.value, seen.at))),
        })
    }

    fn app(&self) -> &'a Application {
        self.request.app
    }

    fn graceful(&self) -> bool {
        self.request.kind.is_graceful()
    }

    fn region(&self, side: Side) -> &'a AppRegion {
        match side {
            Side::From => self.from,
            // Each of the others has its own turn; see `graph`.
            Side::To => self.to,
            Side::Others => self.carrier.unwrap_or(self.to),
        }
    }

    /// The grant, where it is of any effect.
    fn data_loss(&self) -> Option<&DataLossGrant> {
        self.request.data_loss.as_ref().filter(|_| !self.graceful())
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::From => Side::To,
        Side::To | Side::Others => Side::From,
    }
}

/// Why a step cannot be resolved.
#[derive(Debug)]
enum Lack {
    /// Something that was never seen. A best-effort step goes without.
    Observation(String),
    /// Something that is not configured or not allowed: a person must mend it.
    Configuration(String),
    /// Nothing at all: there is nothing for the step to do, and the plan does without it.
    Nothing(String),
    /// A guard's own reason.
    Guard(HoldReason),
}
