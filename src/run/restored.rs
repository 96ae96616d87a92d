//! A ledger that did not begin with a cluster of empty members: restored from a backup, gone on with
//! by one member alone, or a person's journal without any cluster. Others may have acted since.
//!
//! ```text
//!  Restored ──▶ automation paused for everything; every open run asks for a person,
//!               every evacuation is stopped;
//!               no application's epoch is known ──▶ nothing opens, nothing is called
//!  RaiseEpoch ◀── what stands in the zone was read ──▶ known, above what stands there
//! ```
//!
//! Invariant: between [`restored`] and [`raise_epoch`] of an application nothing is written for it.
//! Invariant: an epoch never goes down, and a run of an older one never goes on: it is closed.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    AbortReason, AppId, AutomationPause, DiskId, Epoch, EpochGap, Event, MemberId, NeedsOperator,
    RegionId, Rejection, Restored, RestoredHow, Run, RunStatus, SkipReason, State, StepStatus,
    Wall,
};

use super::apply::app_mut;
use super::evacuate;
use super::open::finish;
use super::{drill, steps};

/// Begins anew from what the state holds.
pub(super) fn restored(
    state: &mut State,
    now: Wall,
    how: RestoredHow,
    by: &str,
    reason: &str,
    disks: &BTreeMap<MemberId, DiskId>,
) -> Event {
    let why = format!("{how}: {reason}");
    state.automation_paused = Some(AutomationPause {
        by: by.to_owned(),
        reason: why.clone(),
        since: now,
        until: None,
    });
    for run in state.runs.values_mut().filter(|run| run.is_open()) {
        run.status = RunStatus::NeedsOperator {
            reason: NeedsOperator::Inherited {
                detail: format!("{why}: what became of this run since is not known"),
            },
        };
    }
    evacuate::stop_all(state, now, by, &why);
    drill::forget_open(state, now, &why);
    state.disks.clone_from(disks);
    state.restored = Some(Restored {
        how,
        by: by.to_owned(),
        reason: reason.to_owned(),
        at: now,
        epochs_known: BTreeSet::new(),
        disk: disks.values().next().copied(),
        gaps: BTreeMap::new(),
    });
    Event::Restored
}

/// A person takes up a run that a restored ledger has inherited. Says whether it was one.
pub(super) fn take_up(run: &mut Run, now: Wall) -> bool {
    let inherited = matches!(
        run.status,
        RunStatus::NeedsOperator {
            reason: NeedsOperator::Inherited { .. }
        }
    );
    if inherited {
        steps::take_up_again(run, now);
        if let (RunStatus::Executing, Some(executed_at)) = (&run.status, run.executed_at) {
            run.status = RunStatus::Soaking {
                until: executed_at + run.soak,
            };
        }
    }
    inherited
}

/// Which epoch is taken over, on what grounds.
pub(super) struct Raise<'a> {
    pub app: &'a AppId,
    pub to: Epoch,
    /// What stood outside.
    pub seen: Option<Epoch>,
    pub active: Option<&'a RegionId>,
    pub by: &'a str,
    pub reason: &'a str,
}

/// Takes over the epoch that stands outside, or one above it; where somebody else has acted, the run
/// that is open here is over, and the application serves from where they have left it.
pub(super) fn raise_epoch(
    state: &mut State,
    now: Wall,
    raise: Raise<'_>,
) -> Result<Event, Rejection> {
    let Raise {
        app,
        to,
        seen,
        active,
        by,
        reason,
    } = raise;
    let standing = state.apps.get(app).map_or(Epoch(0), |known| known.epoch);
    if to < standing {
        return Err(Rejection::WrongEpoch {
            expected: standing,
            got: to,
        });
    }
    if to == standing && state.epoch_is_known(app) {
        return Ok(Event::NoChange);
    }
    if to > standing {
        close_overtaken(state, now, app, to, by, reason)?;
    }
    let known = app_mut(state, app);
    known.epoch = to;
    if known.open_run.is_none()
        && let Some(active) = active
    {
        known.active = Some(active.clone());
        // Whoever has moved it knew nothing of what is steered here.
        known.steer.clear();
    }
    if let Some(restored) = &mut state.restored {
        restored.epochs_known.insert(app.clone());
        // A run of the epoch that stood is this ledger's own, and may be carried on.
        let above = standing.max(seen.unwrap_or(standing));
        let gap = EpochGap { above, upto: to };
        restored.gaps.insert(app.clone(), gap);
    }
    Ok(Event::EpochRaised {
        app: app.clone(),
        to,
    })
}

/// Nothing is given back: what stands now is another's work.
fn close_overtaken(
    state: &mut State,
    now: Wall,
    app: &AppId,
    by_epoch: Epoch,
    by: &str,
    reason: &str,
) -> Result<(), Rejection> {
    let Some(id) = state.apps.get(app).and_then(|known| known.open_run.clone()) else {
        return Ok(());
    };
    let Some(run) = state.runs.get_mut(&id) else {
        return Ok(());
    };
    if let Some((step, _)) = run.in_order().find(|(_, r)| r.status.is_in_flight()) {
        return Err(Rejection::InFlight {
            step: step.id.clone(),
        });
    }
    if run.executed_at.is_some() && run.abort.is_none() {
        finish(state, now, &id, RunStatus::Completed);
        return Ok(());
    }
    for record in run.steps.values_mut() {
        if !record.status.is_at_rest() {
            record.status = StepStatus::Skipped {
                why: SkipReason::Aborted,
            };
            record.ended_at = Some(now);
        }
    }
    let reason = AbortReason::Operator {
        name: by.to_owned(),
        reason: format!("overtaken by epoch {by_epoch}: {reason}"),
    };
    run.abort = Some(reason.clone());
    finish(state, now, &id, RunStatus::Aborted { reason });
    Ok(())
}
