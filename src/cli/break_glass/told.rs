//! What a person is told: the plan, what it lacks, each step as it moves, and how it ended.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::controller::Planned;
use crate::model::{GuardVerdict, HoldReason, Plan, Ruling, Run, RunStatus, StepId, StepStatus};

const WIDTH: usize = 80;

fn wrapped(first: &str, text: &str) -> String {
    let rest = " ".repeat(first.chars().count());
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(&rest);
    let mut out = textwrap::fill(text, options);
    out.push('\n');
    out
}

/// The plan before it is confirmed.
pub(super) fn plan(planned: &Planned, plan: &Plan, missing: &[String]) -> String {
    let mut out = format!(
        "{} of {} from {} to {} by runbook {}\n",
        plan.kind, plan.application, plan.from, plan.to, plan.runbook
    );
    let _ = writeln!(out, "epoch {}, plan {}\n", plan.epoch, short(&plan.hash.0));
    for (n, step) in plan.steps.iter().enumerate() {
        let head = format!("{:>3}. ", n + 1);
        out += &wrapped(&head, &format!("{}: {}", step.id, step.intent));
        if let Some(before) = &step.before {
            out += &wrapped("       now: ", before);
        }
        if let Some(other) = &step.stands_in_for {
            out += &wrapped("       ", &format!("only if {other} fails"));
        }
    }
    let told = planned.guards.iter().filter_map(warns);
    let told: Vec<String> = told.collect();
    if !told.is_empty() || !missing.is_empty() {
        out.push('\n');
    }
    for text in told.iter().chain(missing) {
        out += &wrapped("warning: ", text);
    }
    out
}

fn warns(verdict: &GuardVerdict) -> Option<String> {
    match &verdict.ruling {
        Ruling::Pass => None,
        // It is what break-glass is: told once, when it is confirmed.
        Ruling::Warn(
            HoldReason::NoQuorum { .. }
            | HoldReason::AutomationPaused { .. }
            | HoldReason::SingleVantage
            | HoldReason::HoldDown { .. }
            | HoldReason::StartupGrace { .. },
        ) => None,
        Ruling::Warn(reason) | Ruling::Hold(reason) | Ruling::Ask(reason) => {
            Some(format!("{}: {reason}", verdict.guard))
        }
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Why there is no plan.
pub(super) fn refused(reasons: &[HoldReason]) -> String {
    let mut out = String::from("error: no run can be made\n");
    for reason in reasons {
        out += &wrapped("  because: ", &reason.to_string());
        out += &wrapped("     help: ", remedy(reason));
    }
    out.truncate(out.trim_end().len());
    out
}

/// Some remedies are a cluster's.
fn remedy(reason: &HoldReason) -> &str {
    match reason {
        HoldReason::LagUnknown { .. } | HoldReason::LagTooHigh { .. } => {
            "if that may be lost, add --allow-data-loss"
        }
        reason => reason.remedy(),
    }
}

/// What is confirmed by typing the Region.
pub(super) fn warning(missing: &[String]) -> String {
    let mut out = String::new();
    out += &wrapped(
        "",
        "Nobody else is asked: no member votes that the Region is lost, no other look says that \
         the target is well. Members that are alive may be acting at this moment. Their flip of \
         the record sets fails once yours has been made, and what they promote you would find \
         under way; but see first that none of them has a quorum.",
    );
    if !missing.is_empty() {
        out += &wrapped("", "What the warnings above name is accepted with it.");
    }
    out
}

/// A run of an earlier time.
pub(super) fn run(run: &Run) -> String {
    let mut out = format!(
        "the journal has an open run: {} from {} to {}\n",
        run.id, run.plan.from, run.plan.to
    );
    for (step, record) in run.in_order() {
        let head = format!("  {:<18}", record.status.as_str());
        out += &wrapped(&head, &format!("{}: {}", step.id, step.intent));
    }
    out
}

/// Tells each move of a step once.
#[derive(Default)]
pub(super) struct Teller {
    told: BTreeMap<StepId, StepStatus>,
    status: Option<&'static str>,
}

impl Teller {
    /// What is new in the run.
    pub fn news(&mut self, run: &Run) -> Vec<String> {
        let mut lines = Vec::new();
        for (step, record) in run.in_order() {
            let was = self.told.insert(step.id.clone(), record.status.clone());
            if was.as_ref() == Some(&record.status) || record.status == StepStatus::Waiting {
                continue;
            }
            let more = match &record.status {
                StepStatus::Failed { failure } => format!(": {failure}"),
                StepStatus::Unknown { why, .. } => format!(": {why}"),
                StepStatus::Waiting
                | StepStatus::AwaitingApproval
                | StepStatus::Intent { .. }
                | StepStatus::Done { .. }
                | StepStatus::Skipped { .. } => String::new(),
            };
            let head = format!("  {:<18}", record.status.as_str());
            lines.push(
                wrapped(&head, &format!("{}{more}", step.id))
                    .trim_end()
                    .to_owned(),
            );
        }
        let status = run.status.as_str();
        if self.status.replace(status) != Some(status) {
            lines.push(format!("run {} is {status}", run.id));
        }
        lines
    }
}

/// How it ended.
pub(super) fn ended(run: &Run) -> String {
    let mut out = match &run.status {
        RunStatus::Completed => format!("{} serves {} now\n", run.plan.to, run.application),
        RunStatus::Aborted { reason } => wrapped("", &format!("the run ended: {reason}")),
        RunStatus::NeedsOperator { reason } => {
            let mut text = wrapped("", &format!("the run waits for you: {reason}"));
            text += &wrapped(
                "  help: ",
                "Run the same again with --retry STEP, --skip STEP or --abort.",
            );
            text
        }
        RunStatus::Executing | RunStatus::Aborting { .. } | RunStatus::Soaking { .. } => {
            format!("the run is {}\n", run.status.as_str())
        }
    };
    if run.status == RunStatus::Completed {
        out += &wrapped(
            "",
            &format!(
                "Epoch {} stands in the zone. Members that come back find it and do nothing by \
                 themselves for {app}: `failoverctl ack {app}` has them go on from here.",
                run.epoch,
                app = run.application
            ),
        );
    }
    out
}
