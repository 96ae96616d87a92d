//! Game days, with the one before to compare with.

use super::{Look, moment, run_kind};
use crate::api::wire::{
    Drill as WireDrill, DrillCheck, DrillClocks as WireClocks, DrillMode as WireMode,
    PreviousDrill, Reason, RehearsedStep as WireStep,
};
use crate::model::{Drill, DrillClocks, DrillMode, DrillReport, Millis, RehearsedStep, RunKind};

impl Look<'_> {
    /// One of them.
    pub fn drill(&self, drill: &Drill) -> WireDrill {
        let drills = self.snapshot.state.drills.get(&drill.application);
        let before = drills.and_then(|drills| drills.before(drill));
        let empty = DrillReport::default();
        let report = drill.end.as_ref().map_or(&empty, |end| &end.report);
        let plan = report.plan.as_deref();
        WireDrill {
            id: drill.id.to_string(),
            application: drill.application.to_string(),
            mode: match drill.mode {
                DrillMode::Rehearse => WireMode::Rehearse,
                DrillMode::Live => WireMode::Live,
            },
            status: status(drill).to_owned(),
            summary: match &drill.end {
                Some(_) => report.summary.clone(),
                None => format!("{} is taken for lost, on paper", drill.from),
            },
            by: drill.by.clone(),
            reason: drill.reason.clone(),
            from: drill.from.to_string(),
            to: plan
                .map(|plan| &plan.to)
                .or(drill.to.as_ref())
                .map(ToString::to_string),
            kind: run_kind(plan.map_or(RunKind::Failover, |plan| plan.kind)),
            begun_at: moment(drill.begun_at),
            ended_at: drill.end.as_ref().map(|end| moment(end.at)),
            clocks: clocks(report.clocks),
            plan: plan.map(|plan| self.plan(plan)),
            guards: report
                .guards
                .iter()
                .map(super::applications::guard)
                .collect(),
            steps: report.steps.iter().map(step).collect(),
            checks: report
                .checks
                .iter()
                .map(|check| DrillCheck {
                    name: check.name.clone(),
                    held: check.held,
                    seen: check.seen.clone(),
                })
                .collect(),
            runs: Vec::new(),
            previous: before.map(|before| PreviousDrill {
                id: before.id.to_string(),
                status: status(before).to_owned(),
                ended_at: before.end.as_ref().map(|end| moment(end.at)),
                clocks: before
                    .end
                    .as_ref()
                    .map_or_else(WireClocks::default, |end| clocks(end.report.clocks)),
            }),
        }
    }
}

fn status(drill: &Drill) -> &'static str {
    drill
        .end
        .as_ref()
        .map_or("running", |end| end.outcome.as_str())
}

fn clocks(clocks: DrillClocks) -> WireClocks {
    let ms = |length: Option<Millis>| length.map(|length| length.0);
    WireClocks {
        detect_ms: ms(clocks.detect),
        decide_ms: ms(clocks.decide),
        plan_ms: ms(clocks.plan),
        execute_ms: None,
        total_ms: ms(clocks.total),
    }
}

fn step(step: &RehearsedStep) -> WireStep {
    let obstacle = |(code, text): &(String, String)| Reason {
        code: code.clone(),
        text: text.clone(),
        remedy: String::new(),
    };
    WireStep {
        id: step.id.to_string(),
        uses: step.uses.clone(),
        goal: step.goal.clone(),
        outcome: step.outlook.as_str().to_owned(),
        seen: step.seen.clone(),
        permissions: step.permissions.clone(),
        control_plane: step.control_plane.clone(),
        obstacles: step.obstacles.iter().map(obstacle).collect(),
    }
}
