//! What a person wants to read at 3 a.m.: what is, and what happens next.

use super::Look;
use crate::model::{
    Application, Phase, Run, RunStatus, SkipReason, StepRecord, StepStatus, VerdictState, Wall,
};

impl Look<'_> {
    /// The phase and its reason in words.
    pub(super) fn summary(&self, app: &Application) -> String {
        let active = self.active(app);
        let open = self.snapshot.state.open_run(&app.name);
        let Some(phase) = self.phase(app) else {
            return match open {
                Some(run) => self.of_run(run),
                None => format!(
                    "serves from {active}, as far as is known: this member has only just started"
                ),
            };
        };
        match phase {
            Phase::Steady => self.steady(app),
            Phase::Suspect { region } => {
                format!("{region} may be failing: some members see errors, not enough to agree")
            }
            Phase::Confirmed { region } => match self.reasons(app).first() {
                Some(waits) => format!("{region} is down by quorum; {waits}"),
                None => format!("{region} is down by quorum; moving away"),
            },
            Phase::Blocked { region, reason } => {
                format!("{region} is down by quorum and nothing is done: {reason}")
            }
            Phase::Planned { region } => {
                format!("moving away from {region}: the plan is being made")
            }
            Phase::Executing { .. } | Phase::Soaking { .. } => match open {
                Some(run) => self.of_run(run),
                // The run ended between the turn and the state.
                None => self.steady(app),
            },
            Phase::CoolDown { remaining } => {
                format!("serves from {active}; cooling down after the last run, {remaining} left")
            }
            Phase::NeedsOperator { run, reason } => match run {
                Some(run) => format!("run {run} waits for a person: {reason}"),
                None => format!("waits for a person: {reason}"),
            },
        }
    }

    fn of_run(&self, run: &Run) -> String {
        let plan = &run.plan;
        let summary = run_summary(run, self.date());
        format!("{} from {} to {}: {summary}", plan.kind, plan.from, plan.to)
    }

    fn steady(&self, app: &Application) -> String {
        let active = self.active(app);
        let verdict = |state| {
            let regions = app.regions.iter();
            let in_state = regions.filter(move |region| {
                let verdict = self.verdict(app, &region.name);
                &region.name != active && verdict.is_some_and(|v| v.state == state)
            });
            in_state
                .map(|region| region.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let down = verdict(VerdictState::Down);
        let home = if *active == app.home {
            String::new()
        } else {
            format!(", away from its home {}", app.home)
        };
        if down.is_empty() {
            return format!("serves from {active}{home}");
        }
        format!("serves from {active}{home}; its standby {down} is down")
    }
}

/// A run's status and its reason.
pub(super) fn run_summary(run: &Run, now: Wall) -> String {
    let paused = match &run.paused {
        Some(paused) if run.is_open() => {
            format!("paused by {}: {}; ", paused.by, paused.reason)
        }
        Some(_) | None => String::new(),
    };
    let text = match &run.status {
        RunStatus::Executing => executing(run),
        RunStatus::NeedsOperator { reason } => format!("waits for a person: {reason}"),
        RunStatus::Aborting { reason } => format!("{reason}; giving back what it changed"),
        RunStatus::Soaking { until } => {
            let executed = run.executed_at.unwrap_or(run.opened_at);
            let took = executed.since(run.opened_at);
            let left = until.since(now);
            format!("executed in {took}; its goals are watched for {left} more")
        }
        RunStatus::Completed => {
            let ended = run.executed_at.or(run.closed_at).unwrap_or(run.opened_at);
            format!("completed in {}", ended.since(run.opened_at))
        }
        RunStatus::Aborted { reason } => reason.to_string(),
    };
    format!("{paused}{text}")
}

fn executing(run: &Run) -> String {
    let all = run.steps.len();
    let done = run.steps.values().filter(|r| r.status.is_at_rest()).count();
    let asked = run
        .in_order()
        .find(|(_, record)| record.status == StepStatus::AwaitingApproval);
    if let Some((step, _)) = asked {
        return format!(
            "{done} of {all} steps done; {} waits for an approval",
            step.id
        );
    }
    let unknown = run
        .in_order()
        .find(|(_, record)| matches!(record.status, StepStatus::Unknown { .. }));
    if let Some((step, _)) = unknown {
        return format!(
            "{done} of {all} steps done; whether {} was done is not known yet",
            step.id
        );
    }
    let under_way: Vec<&str> = run
        .in_order()
        .filter(|(_, record)| record.status.is_in_flight())
        .map(|(step, _)| step.id.as_str())
        .collect();
    if under_way.is_empty() {
        return format!("{done} of {all} steps done");
    }
    format!("{done} of {all} steps done; now {}", under_way.join(", "))
}

/// Why a step failed or was skipped, what is not known, or what was seen last.
pub(super) fn step_detail(record: &StepRecord) -> Option<String> {
    match &record.status {
        StepStatus::Waiting | StepStatus::AwaitingApproval | StepStatus::Intent { .. } => {
            record.after.clone()
        }
        StepStatus::Unknown { why, .. } => Some(why.clone()),
        StepStatus::Done { wrote, partly } => match (wrote, partly) {
            (_, true) => Some("enough of it, at its timeout".to_owned()),
            (false, false) => Some("it was so already".to_owned()),
            (true, false) => record.after.clone(),
        },
        StepStatus::Skipped { why } => Some(match why {
            SkipReason::NotNeeded => "not needed".to_owned(),
            SkipReason::Operator(name) => format!("skipped by {name}"),
            SkipReason::Aborted => "the run was aborted first".to_owned(),
        }),
        StepStatus::Failed { failure } => Some(failure.to_string()),
    }
}
