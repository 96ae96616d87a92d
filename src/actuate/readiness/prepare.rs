//! What a look is asked, made from what is known already: the plans to every candidate.

use std::collections::BTreeMap;

use crate::controller::active_region;
use crate::model::{
    Application, DataLossGrant, DrillMode, Epoch, HoldReason, Millis, RegionId, RunKind, RunStatus,
    Runbook, State, Touches, Traffic, Wall,
};
use crate::ports::{Exercise, Inspection, PlanTrial};
use crate::run::last_completed;
use crate::runbook::{PlanRequest, plan};

/// What is known of one application.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub app: &'a Application,
    /// By name.
    pub runbooks: &'a BTreeMap<String, Runbook>,
    pub state: &'a State,
    /// As just read; `None` if it could not be.
    pub traffic: Option<&'a Traffic>,
    pub drill_max_age: Millis,
    pub now: Wall,
}

/// Makes every plan that somebody could ask for now. Asks nobody, changes nothing.
pub fn prepare(known: &Known<'_>) -> Inspection {
    let active = active_region(known.app, known.state);
    let mut trials = Vec::new();
    trials.extend(of_shares(known));
    for to in known.app.regions.iter().map(|region| &region.name) {
        if to == active {
            continue;
        }
        if known.state.is_away(&known.app.name, to) {
            continue;
        }
        for kind in [RunKind::Failover, RunKind::Switchover, RunKind::Failback] {
            // Where several Regions serve side by side, moving the writer alone is nobody's default.
            if known.app.is_active_active() && !known.app.runbooks.contains_key(&kind) {
                continue;
            }
            // A failback leads home and nowhere else.
            if kind == RunKind::Failback && to != &known.app.home {
                continue;
            }
            trials.push(PlanTrial {
                kind,
                from: active.clone(),
                to: to.clone(),
                plan: try_plan(known, kind, active, to, &[]),
                blind: known.traffic.is_none(),
            });
        }
    }
    let kinds = known.app.runbooks.keys();
    Inspection {
        active: active.clone(),
        trials,
        touches: kinds
            .filter_map(|kind| touches(known, *kind))
            .fold(Touches::default(), Touches::or),
        binding: touches(known, known.app.automatic_kind()).unwrap_or_default(),
        last_exercise: last_exercise(known),
        drill_max_age: known.drill_max_age,
    }
}

/// The shift of each Region that serves side by side with others, and the return of each that is away.
fn of_shares(known: &Known<'_>) -> Vec<PlanTrial> {
    let serving: Vec<RegionId> = known
        .app
        .serving(known.state)
        .map(|region| region.name.clone())
        .collect();
    let away: Vec<&RegionId> = known
        .state
        .away(&known.app.name)
        .map(|(region, _)| region)
        .collect();
    let returns = serving.first().into_iter().flat_map(|from| {
        let away = away.iter().copied();
        away.map(move |to| (RunKind::Return, from.clone(), to.clone()))
    });
    let shifts = serving.iter().filter_map(|from| {
        let to = serving.iter().find(|to| *to != from)?;
        Some((RunKind::Shift, from.clone(), to.clone()))
    });
    shifts
        .chain(returns)
        .map(|(kind, from, to)| {
            let moved = if kind == RunKind::Shift { &from } else { &to };
            let carriers: Vec<RegionId> = serving.iter().filter(|r| *r != moved).cloned().collect();
            PlanTrial {
                kind,
                plan: try_plan(known, kind, &from, &to, &carriers),
                from,
                to,
                blind: known.traffic.is_none(),
            }
        })
        .collect()
}

fn try_plan(
    known: &Known<'_>,
    kind: RunKind,
    from: &RegionId,
    to: &RegionId,
    carriers: &[RegionId],
) -> Result<crate::model::Plan, HoldReason> {
    let runbook = runbook(known, kind).ok_or(HoldReason::NoRunbook { kind })?;
    let recorded = known.state.apps.get(&known.app.name);
    let epoch = recorded.map_or(Epoch(0), |app| app.epoch);
    plan(&PlanRequest {
        carriers,
        app: known.app,
        runbook,
        kind,
        from,
        to,
        state: known.state,
        fresh: known.traffic.map(|traffic| (traffic, known.now)),
        epoch: epoch.next(),
        // Whether data may be lost is the data guard's question, not this one's.
        data_loss: Some(DataLossGrant::Operator("a check".to_owned())),
        now: known.now,
    })
}

fn runbook<'a>(known: &Known<'a>, kind: RunKind) -> Option<&'a Runbook> {
    known.runbooks.get(known.app.runbooks.get(&kind)?)
}

fn touches(known: &Known<'_>, kind: RunKind) -> Option<Touches> {
    runbook(known, kind).map(Runbook::touches)
}

/// A run that was carried to its end proves the way as well as a drill does.
fn last_exercise(known: &Known<'_>) -> Option<Exercise> {
    let both = last_run(known).into_iter().chain(last_drill(known));
    both.max_by_key(|exercise| exercise.at)
}

fn last_run(known: &Known<'_>) -> Option<Exercise> {
    let runs = known.state.runs.values();
    runs.filter(|run| run.application == known.app.name)
        .filter(|run| matches!(run.status, RunStatus::Completed | RunStatus::Soaking { .. }))
        .filter_map(|run| {
            Some(Exercise {
                what: format!("run {}", run.id),
                at: run.executed_at?,
                failure: None,
            })
        })
        .max_by_key(|exercise| exercise.at)
}

fn last_drill(known: &Known<'_>) -> Option<Exercise> {
    let last = last_completed(known.state, &known.app.name)?;
    let kind = match last.mode {
        DrillMode::Rehearse => "rehearsal",
        DrillMode::Live => "live drill",
    };
    // What a drill found is kept of the newest ones only.
    let end = known.state.drill(&last.drill);
    let end = end.and_then(|drill| drill.end.as_ref());
    let summary = || match end {
        Some(end) => end.report.summary.clone(),
        None => "a check did not hold".to_owned(),
    };
    Some(Exercise {
        what: format!("{kind} {}", last.drill),
        at: last.at,
        failure: (!last.passed).then(summary),
    })
}
