//! Regions that serve side by side: whose share is away, and that somebody is left.
//!
//! Invariant: a Region counts as away from the moment a shift may take anything from it, until a
//! return has executed or the shift has given everything back. Who is in doubt serves nobody.
//! Invariant: no shift or return is opened that would leave no serving Region.

use crate::model::{
    AppState, HoldReason, Plan, Rejection, RunId, RunKind, ShareTaken, State, Wall,
};

use super::apply::app_mut;

/// What must hold of a plan whatever its proposer believed.
pub(super) fn check(state: &State, plan: &Plan) -> Result<(), Rejection> {
    let refuse = |reason: HoldReason| Err(Rejection::Guard { reason });
    let is_away = |region| state.is_away(&plan.application, region);
    let away = |region: &crate::model::RegionId| {
        refuse(HoldReason::ShiftedAway {
            region: region.clone(),
        })
    };
    let moved = match plan.kind {
        RunKind::Failover | RunKind::Switchover | RunKind::Failback => {
            return if is_away(&plan.to) {
                away(&plan.to)
            } else {
                Ok(())
            };
        }
        RunKind::Shift if is_away(&plan.from) => return away(&plan.from),
        RunKind::Shift if is_away(&plan.to) => return away(&plan.to),
        RunKind::Return if !is_away(&plan.to) => {
            return refuse(HoldReason::NotAway {
                region: plan.to.clone(),
            });
        }
        RunKind::Shift => &plan.from,
        RunKind::Return => &plan.to,
    };
    if let Some(carrier) = plan.carriers.iter().find(|carrier| is_away(carrier)) {
        return away(carrier);
    }
    let beside = match plan.kind {
        RunKind::Shift => &plan.to,
        RunKind::Failover | RunKind::Switchover | RunKind::Failback | RunKind::Return => &plan.from,
    };
    if plan.carriers.contains(moved) || !plan.carriers.contains(beside) {
        return Err(Rejection::BadPlan {
            why: format!("{beside} does not serve beside {moved}"),
        });
    }
    match plan.left_serving().next() {
        Some(_) => Ok(()),
        None => refuse(HoldReason::NobodyLeft {
            region: moved.clone(),
        }),
    }
}

/// A run is opened.
pub(super) fn opened(app: &mut AppState, plan: &Plan, run: &RunId, now: Wall) {
    match plan.kind {
        RunKind::Shift => {
            let away = ShareTaken {
                run: run.clone(),
                since: now,
                executed: false,
            };
            app.away.insert(plan.from.clone(), away);
        }
        RunKind::Failover | RunKind::Switchover | RunKind::Failback | RunKind::Return => {}
    }
}

/// Every step of the run has come to rest.
pub(super) fn executed(state: &mut State, id: &RunId) {
    let Some(run) = state.runs.get(id) else {
        return;
    };
    match run.plan.kind {
        RunKind::Return => {
            let (app, to) = (run.application.clone(), run.plan.to.clone());
            app_mut(state, &app).away.remove(&to);
        }
        RunKind::Shift => {
            let (app, from) = (run.application.clone(), run.plan.from.clone());
            if let Some(taken) = app_mut(state, &app).away.get_mut(&from) {
                taken.executed = true;
            }
        }
        RunKind::Failover | RunKind::Switchover | RunKind::Failback => {}
    }
}
