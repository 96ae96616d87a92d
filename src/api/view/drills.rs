//! Game days, with the one before to compare with.

use super::{Look, moment, run_kind};
use crate::api::wire::{
    Drill as WireDrill, DrillCheck, DrillClocks as WireClocks, DrillMode as WireMode,
    PreviousDrill, Reason, RehearsedStep as WireStep,
};
use crate::model::{
    Drill, DrillClocks, DrillMode, DrillReport, LivePhase, Millis, RehearsedStep, RunId, RunKind,
};

impl Look<'_> {
    /// One of them.
    pub fn drill(&self, drill: &Drill) -> WireDrill {
        let drills = self.snapshot.state.drills.get(&drill.application);
        let before = drills.and_then(|drills| drills.before(drill));
        let empty = DrillReport::default();
        let report = drill.end.as_ref().map_or(&empty, |end| &end.report);
        let plan = report.plan.as_deref();
        let live = drill.live.as_ref();
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
                None => under_way(drill),
            },
            phase: live
                .filter(|_| drill.end.is_none())
                .map(|live| live.phase.as_str().to_owned()),
            cause: drill
                .end
                .as_ref()
                .and_then(|end| end.cause)
                .map(|cause| cause.as_str().to_owned()),
            by: drill.by.clone(),
            reason: drill.reason.clone(),
            from: drill.from.to_string(),
            to: plan
                .map(|plan| &plan.to)
                .or(drill.to.as_ref())
                .map(ToString::to_string),
            kind: run_kind(match drill.mode {
                DrillMode::Rehearse => plan.map_or(RunKind::Failover, |plan| plan.kind),
                DrillMode::Live => RunKind::Switchover,
            }),
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
            runs: live
                .into_iter()
                .flat_map(|live| live.there.iter().chain(&live.back))
                .map(ToString::to_string)
                .collect(),
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

/// What it is doing.
fn under_way(drill: &Drill) -> String {
    let (from, to) = (&drill.from, drill.to.as_ref().map_or("", |to| to.as_str()));
    let Some(live) = &drill.live else {
        return format!("{from} is taken for lost, on paper");
    };
    let cut = live.cut.as_ref().map(|cut| format!(": {}", cut.why));
    let run = |run: &Option<RunId>| {
        run.as_ref().map_or_else(
            || "its run is being asked for".to_owned(),
            |run| format!("run {run}"),
        )
    };
    match &live.phase {
        LivePhase::Switching => format!(
            "on its way from {from} to {to}, {}{}",
            run(&live.there),
            cut.unwrap_or_default()
        ),
        LivePhase::Soaking { until } => {
            format!("{to} serves until {}, then it goes home", moment(*until))
        }
        LivePhase::Returning => format!(
            "on its way home to {from}, {}{}",
            run(&live.back),
            cut.unwrap_or_default()
        ),
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
        execute_ms: ms(clocks.execute),
        soak_ms: ms(clocks.soak),
        return_ms: ms(clocks.back),
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
