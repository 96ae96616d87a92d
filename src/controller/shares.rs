//! Regions that serve side by side: which of them is lost, and what a person means by a shift or a
//! return.

use crate::model::{
    Application, HoldReason, RegionId, Run, RunKind, RunStatus, State, Verdict, VerdictState,
};
use crate::quorum;

/// The Region that is to be left: that which serves, if it is lost; of several that serve side by side
/// the first that is, and that with the writer before all others.
pub(super) fn lost<'a>(
    app: &'a Application,
    state: &'a State,
    verdicts: &[Verdict],
    active: &'a RegionId,
) -> Option<&'a RegionId> {
    watched(app, state, active)
        .into_iter()
        .find(|region| quorum::looks_down(app, verdicts, region))
}

/// The Region that is worst off of those that serve; where all is well the one with the writer.
pub(super) fn worst<'a>(
    app: &'a Application,
    state: &'a State,
    verdicts: &[Verdict],
    active: &'a RegionId,
) -> &'a RegionId {
    let watched = watched(app, state, active);
    let with = |wanted: VerdictState| {
        let mut of = watched.iter();
        of.find(|region| state_of(verdicts, region) == wanted)
    };
    with(VerdictState::Down)
        .or_else(|| with(VerdictState::Suspect))
        .map_or(active, |region| *region)
}

fn watched<'a>(app: &'a Application, state: &'a State, active: &'a RegionId) -> Vec<&'a RegionId> {
    if !app.is_active_active() {
        return vec![active];
    }
    let mut serving: Vec<&RegionId> = app.serving(state).map(|region| &region.name).collect();
    serving.sort_by_key(|name| *name != active);
    serving
}

fn state_of(verdicts: &[Verdict], region: &RegionId) -> VerdictState {
    let verdict = verdicts.iter().find(|verdict| &verdict.region == region);
    verdict.map_or(VerdictState::Unknown, |verdict| verdict.state)
}

/// While a shift soaks: who of those that carry the share is not well. Nothing more is shifted then.
pub(super) fn unwell(verdicts: &[Verdict], open: &Run) -> Option<HoldReason> {
    let soaks = matches!(open.status, RunStatus::Soaking { .. });
    if open.plan.kind != RunKind::Shift || !soaks {
        return None;
    }
    open.plan.carriers.iter().find_map(|region| {
        let state = state_of(verdicts, region);
        match state {
            VerdictState::Down | VerdictState::Suspect => Some(HoldReason::ReceiverUnwell {
                region: region.clone(),
                state,
                run: open.id.clone(),
            }),
            VerdictState::Up | VerdictState::Unknown => None,
        }
    })
}

/// Whether what a shift or a return has left is what still holds.
pub(super) fn still_stands(state: &State, run: &Run) -> bool {
    let mut away = state.away(&run.application);
    match run.plan.kind {
        RunKind::Shift => away.any(|(region, away)| region == &run.plan.from && away.run == run.id),
        RunKind::Return => !state.is_away(&run.application, &run.plan.to),
        RunKind::Failover | RunKind::Switchover | RunKind::Failback => false,
    }
}

/// Which Region a run that a person asks for leaves, and which it goes to.
pub(super) fn wanted(
    app: &Application,
    state: &State,
    verdicts: &[Verdict],
    active: &RegionId,
    (kind, from, to): (RunKind, Option<&RegionId>, Option<&RegionId>),
) -> (RegionId, Option<RegionId>) {
    let choose = |from: &RegionId| quorum::choose_target(app, state, verdicts, from);
    match kind {
        RunKind::Shift => {
            let from = from.unwrap_or_else(|| worst(app, state, verdicts, active));
            (from.clone(), to.cloned().or_else(|| choose(from)))
        }
        RunKind::Return => {
            let to = to.or_else(|| state.away(&app.name).map(|(region, _)| region).next());
            let beside = to.and_then(|to| {
                let mut carriers = quorum::candidates(app, state, verdicts, to).collect::<Vec<_>>();
                carriers.sort_by_key(|name| *name != active);
                carriers.first().copied()
            });
            (beside.unwrap_or(active).clone(), to.cloned())
        }
        RunKind::Failover | RunKind::Switchover | RunKind::Failback => {
            let home = (kind == RunKind::Failback).then_some(&app.home);
            let to = to.or(home).cloned().or_else(|| choose(active));
            (active.clone(), to)
        }
    }
}
