//! What a rehearsal found, and whether all of it is as one would want it on the worst day.

use crate::model::{
    Decision, DrillCheck, DrillClocks, DrillOutcome, DrillReport, GuardVerdict, HoldReason, Millis,
    Mono, Now, Outlook, Plan, RegionId, RehearsedStep, StepId, Verdict,
};

use super::{Imagined, Marks};

/// What is known once the plan is made, or is known not to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    from: RegionId,
    verdict: Option<Verdict>,
    guards: Vec<GuardVerdict>,
    decision: Decision,
    pub(super) plan: Result<Plan, HoldReason>,
}

impl Found {
    pub(super) fn new(imagined: Imagined, plan: Result<Plan, HoldReason>) -> Self {
        Self {
            verdict: imagined.verdict().cloned(),
            from: imagined.intended.from,
            guards: imagined.guards,
            decision: imagined.decision,
            plan,
        }
    }

    /// Everything, once the steps were looked at.
    pub(super) fn report(
        &self,
        now: Now,
        marks: &Marks,
        steps: Vec<RehearsedStep>,
    ) -> (DrillOutcome, DrillReport) {
        let clocks = clocks(now, marks);
        let mut checks = vec![
            self.detected(&clocks),
            self.decided(&clocks),
            self.planned(),
        ];
        if let Ok(plan) = &self.plan {
            checks.push(possible(plan, &steps));
            checks.push(seen(plan, &steps));
        }
        let (outcome, summary) = match checks.iter().find(|check| !check.held) {
            None => (DrillOutcome::Passed, self.passed(&clocks)),
            Some(check) => (DrillOutcome::Failed, check.seen.clone()),
        };
        let report = DrillReport {
            summary,
            clocks,
            checks,
            guards: self.guards.clone(),
            plan: self.plan.as_ref().ok().cloned().map(Box::new),
            steps,
        };
        (outcome, report)
    }

    fn passed(&self, clocks: &DrillClocks) -> String {
        let to = self.plan.as_ref().map_or("", |plan| plan.to.as_str());
        let decided = [clocks.detect, clocks.decide].into_iter().flatten();
        let after = decided.fold(Millis::ZERO, Millis::plus);
        format!(
            "{} would have been left for {to}, {after} after the first failure",
            self.from
        )
    }

    fn detected(&self, clocks: &DrillClocks) -> DrillCheck {
        let tally = self.verdict.as_ref().map(|verdict| &verdict.tally);
        let (down, members) = tally.map_or((0, 0), |tally| (tally.down.len(), tally.members));
        let after = clocks.detect.unwrap_or_default();
        check(
            "detected",
            clocks.detect.is_some(),
            format!(
                "{down} of {members} members agreed that {} is lost, {after} after the first failure",
                self.from
            ),
        )
    }

    fn decided(&self, clocks: &DrillClocks) -> DrillCheck {
        let after = clocks.decide.unwrap_or_default();
        let (held, seen) = match &self.decision {
            Decision::Act { to, .. } => (true, format!("to act, {after} later: to {to}")),
            // Wanted so by whoever configured it: nothing is wrong.
            Decision::Ask { to, reasons, .. } if only_configured(reasons) => (
                true,
                format!("to ask a person, as configured, {after} later: to {to}"),
            ),
            Decision::Ask { reasons, .. } => {
                (false, format!("a person would be asked: {}", told(reasons)))
            }
            Decision::Hold(reasons) => (false, format!("nothing would be done: {}", told(reasons))),
        };
        check("decided", held, seen)
    }

    fn planned(&self) -> DrillCheck {
        let (held, seen) = match &self.plan {
            Ok(plan) => (
                true,
                format!("{} steps of runbook {}", plan.steps.len(), plan.runbook),
            ),
            Err(reason) => (
                false,
                format!("no plan can be made: {reason}; {}", reason.remedy()),
            ),
        };
        check("planned", held, seen)
    }
}

fn check(name: &str, held: bool, seen: String) -> DrillCheck {
    DrillCheck {
        name: name.to_owned(),
        held,
        seen,
    }
}

fn only_configured(reasons: &[HoldReason]) -> bool {
    reasons
        .iter()
        .all(|reason| matches!(reason, HoldReason::AskConfigured))
}

fn told(reasons: &[HoldReason]) -> String {
    let told: Vec<String> = reasons
        .iter()
        .map(|reason| format!("{reason}; {}", reason.remedy()))
        .collect();
    told.join("; ")
}

/// That no step the run cannot do without would be refused.
fn possible(plan: &Plan, steps: &[RehearsedStep]) -> DrillCheck {
    let refused = of(plan, steps, Outlook::WouldBeRefused);
    let count = |outlook| steps.iter().filter(|step| step.outlook == outlook).count();
    let seen = if refused.is_empty() {
        format!(
            "{} steps would write, the goals of {} are met already",
            count(Outlook::WouldWrite),
            count(Outlook::AlreadyMet)
        )
    } else {
        format!("would be refused: {}", list(&refused))
    };
    check("possible", refused.is_empty(), seen)
}

/// That everything could be looked at.
fn seen(plan: &Plan, steps: &[RehearsedStep]) -> DrillCheck {
    let unseen = of(plan, steps, Outlook::Unobservable);
    let seen = if unseen.is_empty() {
        "every goal that can be read was read".to_owned()
    } else {
        format!("could not be read: {}", list(&unseen))
    };
    check("seen", unseen.is_empty(), seen)
}

/// The steps of that outlook. Best effort fails without harm in earnest, and so it does here.
fn of<'a>(plan: &Plan, steps: &'a [RehearsedStep], outlook: Outlook) -> Vec<&'a StepId> {
    let best_effort = |id: &StepId| plan.step(id).is_some_and(|step| step.best_effort);
    steps
        .iter()
        .filter(|step| step.outlook == outlook && !best_effort(&step.id))
        .map(|step| &step.id)
        .collect()
}

fn list(ids: &[&StepId]) -> String {
    let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    ids.join(", ")
}

fn clocks(now: Now, marks: &Marks) -> DrillClocks {
    let between = |earlier: Option<Mono>, later: Option<Mono>| Some(later?.since(earlier?));
    DrillClocks {
        detect: between(marks.failing_since, marks.down_at),
        decide: between(marks.down_at, marks.decided_at),
        plan: between(marks.decided_at, marks.planned_at),
        total: between(marks.failing_since, Some(now.mono)),
        ..DrillClocks::default()
    }
}
