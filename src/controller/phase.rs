//! Where an application stands, for people; and which change of it is news.

use std::mem::{Discriminant, discriminant};

use crate::model::{
    AppView, Application, Decision, HoldReason, LivePhase, Millis, NeedsOperator, Now, Phase,
    RegionId, Run, RunStatus, State, StepStatus, Verdict, VerdictState, Wall,
};

use super::live_drill::kind_of_return;
use super::shares::worst;
use super::{Controller, Planning};

impl Controller {
    pub(super) fn phase(
        &self,
        now: Now,
        state: &State,
        app: &Application,
        verdicts: &[Verdict],
        decision: Option<&Decision>,
        active: &RegionId,
    ) -> Phase {
        if let Some(run) = state.open_run(&app.name) {
            return run_phase(run, decision);
        }
        let desk = self.desks.get(&app.name);
        if let Some(planning) = desk.and_then(|desk| desk.planning.as_ref()) {
            let region = match planning {
                Planning::Reading { intended, .. } => intended.from.clone(),
                Planning::Opening { region, .. } => region.clone(),
            };
            return Phase::Planned { region };
        }
        let region = worst(app, state, verdicts, active).clone();
        match decision {
            Some(Decision::Act { .. }) => {
                return match desk.and_then(|desk| desk.refused.as_ref()) {
                    Some((_, reason)) => Phase::Blocked {
                        region,
                        reason: reason.clone(),
                    },
                    None => Phase::Confirmed { region },
                };
            }
            Some(Decision::Ask { reasons, .. }) => {
                let text: Vec<String> = reasons
                    .iter()
                    .map(|reason| format!("{reason}; {}", reason.remedy()))
                    .collect();
                return Phase::NeedsOperator {
                    run: None,
                    reason: text.join("; "),
                };
            }
            Some(Decision::Hold(reasons)) => {
                let waiting = |reason: &&HoldReason| {
                    matches!(
                        reason,
                        HoldReason::HoldDown { .. } | HoldReason::StartupGrace { .. }
                    )
                };
                return match reasons.iter().find(|reason| !waiting(reason)) {
                    Some(reason) => Phase::Blocked {
                        region,
                        reason: reason.clone(),
                    },
                    None => Phase::Confirmed { region },
                };
            }
            None => {}
        }
        if let Some(landed) = landed_late(app, state) {
            return landed;
        }
        let suspect = verdicts
            .iter()
            .any(|v| v.region == region && v.state == VerdictState::Suspect);
        if suspect {
            return Phase::Suspect { region };
        }
        // What may be an outage of where it serves now comes first.
        if let Some(away) = self.away(now, state, app) {
            return away;
        }
        match cool_down(app, state, state.date(now.wall)) {
            Some(remaining) => Phase::CoolDown { remaining },
            None => Phase::Steady,
        }
    }
}

impl Controller {
    /// A live drill cannot bring the application home, or has left it where it is.
    fn away(&self, now: Now, state: &State, app: &Application) -> Option<Phase> {
        let name = &app.name;
        let drills = state.drills.get(name)?;
        let reason = match (&drills.open, &drills.away) {
            (Some(open), _) => {
                let live = open.live.as_ref()?;
                let (since, held) = self.desks.get(name)?.drill_held.as_ref()?;
                let lasts = now.mono.since(*since) >= app.guards.hold_down;
                if live.phase != LivePhase::Returning || !lasts {
                    return None;
                }
                format!(
                    "drill {} cannot bring {name} home to {} yet: {held}; {}",
                    open.id,
                    open.from,
                    held.remedy()
                )
            }
            (None, Some(away)) => format!(
                "drill {} has left {name} in {}: {}; `failoverctl {} {name} --to {}` brings it home, `failoverctl ack {name}` says that it stays",
                away.drill,
                away.region,
                away.why,
                kind_of_return(app, &away.home),
                away.home
            ),
            (None, None) => return None,
        };
        Some(Phase::NeedsOperator { run: None, reason })
    }
}

/// What an aborted run had given up has landed, or what it gave back is undone, and nobody has said
/// yet that they know.
fn landed_late(app: &Application, state: &State) -> Option<Phase> {
    let known = state
        .apps
        .get(&app.name)
        .filter(|known| !known.acknowledged)?;
    let run = state.runs.get(known.last_run.as_ref()?)?;
    if !matches!(run.status, RunStatus::Aborted { .. }) {
        return None;
    }
    let finding = run.findings.last()?;
    Some(Phase::NeedsOperator {
        run: Some(run.id.clone()),
        reason: format!(
            "run {} was aborted, and then the goal of step {} changed: {}; look where data and traffic stand, then `failoverctl ack`",
            run.id, finding.step, finding.text
        ),
    })
}

fn run_phase(run: &Run, held: Option<&Decision>) -> Phase {
    let id = run.id.clone();
    if let Some(Decision::Hold(reasons)) = held
        && let Some(lost) = reasons
            .iter()
            .find(|reason| matches!(reason, HoldReason::TargetLost { .. }))
    {
        return Phase::NeedsOperator {
            run: Some(id),
            reason: format!("{lost}; {}", lost.remedy()),
        };
    }
    match &run.status {
        RunStatus::NeedsOperator { reason } => Phase::NeedsOperator {
            run: Some(id),
            reason: NeedsOperator::to_string(reason),
        },
        RunStatus::Soaking { .. } => Phase::Soaking { run: id },
        RunStatus::Executing
        | RunStatus::Aborting { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => {
            let asked = run
                .in_order()
                .find(|(_, record)| record.status == StepStatus::AwaitingApproval);
            match asked {
                Some((step, _)) => Phase::NeedsOperator {
                    run: Some(id),
                    reason: format!("step {} waits for an approval", step.id),
                },
                None => Phase::Executing { run: id },
            }
        }
    }
}

/// Whether more has changed than ages and what is left of a delay: those count with every tick, and
/// a line in the log for each of them would bury the others.
pub(super) fn is_news(old: &AppView, new: &AppView) -> bool {
    old.active != new.active
        || !same_phase(&old.phase, &new.phase)
        || !old
            .verdicts
            .iter()
            .map(|v| (&v.region, v.state))
            .eq(new.verdicts.iter().map(|v| (&v.region, v.state)))
        || !reasons(old).eq(reasons(new))
}

fn same_phase(old: &Phase, new: &Phase) -> bool {
    match (old, new) {
        (
            Phase::Blocked { region, reason },
            Phase::Blocked {
                region: other,
                reason: another,
            },
        ) => region == other && discriminant(reason) == discriminant(another),
        // Asked before there is a run, the text is that of the reasons, with their ages.
        (Phase::NeedsOperator { run: None, .. }, Phase::NeedsOperator { run: None, .. })
        | (Phase::CoolDown { .. }, Phase::CoolDown { .. }) => true,
        (old, new) => old == new,
    }
}

/// Which reasons stand in the way, without their figures.
fn reasons(view: &AppView) -> impl Iterator<Item = Discriminant<HoldReason>> {
    let reasons = match &view.decision {
        Some(Decision::Hold(reasons) | Decision::Ask { reasons, .. }) => reasons.as_slice(),
        Some(Decision::Act { .. }) | None => &[],
    };
    reasons.iter().map(discriminant)
}

/// What is left of the cool-down, in whole seconds as a person counts them.
fn cool_down(app: &Application, state: &State, now: Wall) -> Option<Millis> {
    let known = state.apps.get(&app.name)?;
    if known.acknowledged {
        return None;
    }
    let ends = known.last_closed_at? + app.guards.cool_down;
    let left = ends.since(now);
    (left > Millis::ZERO).then(|| Millis::from_secs(left.0.div_ceil(1_000)))
}
