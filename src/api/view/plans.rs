//! A plan, with what stands there now and what will.

use super::regions::role_of;
use super::{Look, moment, run_kind};
use crate::api::wire::{Change, Lag, Plan as WirePlan, PlanNote, PlanReport, PlanStep};
use crate::controller::Planned;
use crate::model::{
    Application, DataLossGrant, Endpoint, Intent, OnFailure, Plan, PlannedStep, Promotion,
    RecordSet, RoutingState, open_word,
};

impl Look<'_> {
    /// A dry run's outcome.
    pub fn planned(&self, app: &Application, planned: &Planned) -> PlanReport {
        PlanReport {
            application: app.name.to_string(),
            at: moment(planned.at),
            plan: planned.plan.as_ref().map(|plan| self.plan(plan)),
            guards: planned
                .guards
                .iter()
                .map(super::applications::guard)
                .collect(),
            would_start: planned.plan.is_some() && planned.refused.is_empty(),
            refused: planned.refused.iter().map(super::reason).collect(),
            lag: planned.lag.map(|lag| Lag {
                lag_ms: lag.lag.0,
                at: moment(lag.at),
                age_ms: planned.at.since(lag.at).0,
            }),
            rpo_max_ms: planned.rpo_max.map(|most| most.0),
        }
    }

    pub fn plan(&self, plan: &Plan) -> WirePlan {
        WirePlan {
            hash: plan.hash.to_string(),
            application: plan.application.to_string(),
            kind: run_kind(plan.kind),
            from: plan.from.to_string(),
            to: plan.to.to_string(),
            runbook: plan.runbook.clone(),
            epoch: plan.epoch.0,
            made_at: moment(plan.made_at),
            data_loss: plan.data_loss.as_ref().map(|grant| match grant {
                DataLossGrant::WithinRpo { lag, rpo_max } => {
                    format!("the replica was {lag} behind when last seen, {rpo_max} may be lost")
                }
                DataLossGrant::Operator(name) => format!("on the word of {name}"),
                DataLossGrant::AskedBy(name) => {
                    format!("asked for by {name}; another person must approve it")
                }
            }),
            objective_rto_ms: Some(plan.objective.rto.0),
            objective_rpo_ms: Some(plan.objective.rpo.0),
            steps: plan.steps.iter().map(step).collect(),
            notes: plan
                .notes
                .iter()
                .map(|note| PlanNote {
                    text: note.text.clone(),
                    seen_at: moment(note.seen_at),
                    age_ms: self.age_of(note.seen_at),
                })
                .collect(),
        }
    }
}

fn step(step: &PlannedStep) -> PlanStep {
    let name = |id: &crate::model::StepId| id.to_string();
    PlanStep {
        id: step.id.to_string(),
        uses: step.intent.name().to_owned(),
        goal: step.intent.to_string(),
        resource: step.intent.resource(),
        writes: step.intent.writes(),
        needs: step.needs.iter().map(name).collect(),
        timeout_ms: step.timeout.0,
        on_failure: match step.on_failure {
            OnFailure::Hold => "hold",
            OnFailure::Continue => "continue",
            OnFailure::Compensate => "compensate",
        }
        .to_owned(),
        or_else: step.or_else.as_ref().map(name),
        stands_in_for: step.stands_in_for.as_ref().map(name),
        best_effort: step.best_effort,
        changes: changes(step),
    }
}

/// One line per thing that a step changes. What was not seen has no `before`.
fn changes(step: &PlannedStep) -> Vec<Change> {
    let one = |what: String, after: String| {
        let before = step.before.clone();
        vec![Change {
            what,
            before,
            after,
        }]
    };
    match &step.intent {
        Intent::Dial {
            region, percent, ..
        } => {
            let before = match &step.restore {
                Some(Intent::Dial { percent, .. }) => Some(format!("{percent} %")),
                Some(_) | None => step.before.clone(),
            };
            vec![Change {
                what: format!("traffic dial of {region}"),
                before,
                after: format!("{percent} %"),
            }]
        }
        Intent::Weight {
            region, endpoints, ..
        } => {
            let before = match &step.restore {
                Some(Intent::Weight { endpoints, .. }) => Some(Endpoint::weights(endpoints)),
                Some(_) | None => step.before.clone(),
            };
            vec![Change {
                what: format!("endpoint weights of {region}"),
                before,
                after: Endpoint::weights(endpoints),
            }]
        }
        Intent::Route53Failover { delete, create, .. }
        | Intent::Route53Weights { delete, create, .. } => flips(delete, create),
        Intent::RoutingControl { states, .. } => {
            let before = |arn: &str| match &step.restore {
                Some(Intent::RoutingControl { states, .. }) => states
                    .iter()
                    .find(|state| state.arn == arn)
                    .map(|state| RoutingState::word(state.on).to_owned()),
                Some(_) | None => None,
            };
            let change = |state: &RoutingState| Change {
                what: format!("routing control of {}", state.region),
                before: before(&state.arn),
                after: RoutingState::word(state.on).to_owned(),
            };
            states.iter().map(change).collect()
        }
        Intent::AuroraPromote {
            global_cluster,
            target_region,
            source_region,
            method,
            ..
        } => vec![Change {
            what: format!("writer of {global_cluster}"),
            before: Some(source_region.to_string()),
            after: match method {
                Promotion::Switchover | Promotion::FailoverWithDataLoss => {
                    target_region.to_string()
                }
                Promotion::Detach => format!("{target_region}, detached"),
            },
        }],
        Intent::ScaleNodegroup {
            region,
            nodegroup,
            min,
            desired,
            max,
            ..
        } => one(
            format!("node group {nodegroup} in {region}"),
            format!("{desired} nodes ({min} to {max})"),
        ),
        Intent::Steer { region, serve, .. } => one(
            format!("{region} to health checks"),
            open_word(*serve).to_owned(),
        ),
        Intent::HttpRequest { method, url, .. } => vec![Change {
            what: format!("{method} {url}"),
            before: None,
            after: "sent once".to_owned(),
        }],
        Intent::HttpCheck { .. }
        | Intent::Approval { .. }
        | Intent::Bake { .. }
        | Intent::Wait { .. } => Vec::new(),
    }
}

/// Each record set by its name and identifier: its role or weight, or the text of the epoch record.
fn flips(delete: &[RecordSet], create: &[RecordSet]) -> Vec<Change> {
    let same = |a: &RecordSet, b: &RecordSet| {
        a.name == b.name && a.record_type == b.record_type && a.set_identifier == b.set_identifier
    };
    let text = |record: &RecordSet| match (record.failover, record.weight) {
        (Some(role), _) => role_of(role).to_owned(),
        (None, Some(weight)) => format!("weight {weight}"),
        (None, None) => record.values.join(" "),
    };
    let changed = create.iter().map(|after| {
        let before = delete.iter().find(|before| same(before, after));
        let set = after.set_identifier.as_ref();
        Change {
            what: match set {
                Some(set) => format!("{} {}, {set}", after.name, after.record_type),
                None => format!("{} {}", after.name, after.record_type),
            },
            before: before.map(text),
            after: text(after),
        }
    });
    let gone = delete
        .iter()
        .filter(|before| !create.iter().any(|c| same(before, c)));
    let gone = gone.map(|before| Change {
        what: format!("{} {}", before.name, before.record_type),
        before: Some(text(before)),
        after: "deleted".to_owned(),
    });
    changed.chain(gone).collect()
}
