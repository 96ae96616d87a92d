//! What a `steer` step does: it changes this state, and nothing else anywhere.
//!
//! ```text
//!  engine: observe ─▶ StepIntent ─▶ call ─▶ Steer ─▶ observe ─▶ StepOutcome
//!                                            └ applied here, or refused here: both certain
//! ```
//!
//! The step goes the way of every other, so that pausing, aborting, resuming and giving back need not
//! know of it. `Steer` is its call, and the intent it names is what makes it a compare-and-swap: one
//! that arrives late, from a leader that has been deposed or for an attempt that was given up, changes
//! nothing.
//!
//! Invariant: as long as any Region is open, one stays open.

use crate::model::{
    AppState, BootId, Event, Intent, RegionId, Rejection, Run, RunId, State, StepId, StepStatus,
};

use super::apply::{app_mut, open_run};
use super::steps::may_call;

/// Opens or closes a Region to health checks.
pub(super) fn steer(
    state: &mut State,
    id: &RunId,
    step: &StepId,
    attempt: u32,
    boot: BootId,
) -> Result<Event, Rejection> {
    let may_not = |why: String| Rejection::MayNotCall {
        step: step.clone(),
        why,
    };
    open_run(state, id, "steering")?;
    may_call(state, id, step, attempt, boot).map_err(may_not)?;
    let planned = state.runs.get(id).and_then(|run| run.planned(step));
    let Some(Intent::Steer {
        application,
        region,
        serve,
        open_by_role,
    }) = planned.map(|step| step.intent.clone())
    else {
        return Err(may_not("it is no step that steers".to_owned()));
    };
    let app = app_mut(state, &application);
    if !serve && !another_is_open(app, &region, &open_by_role) {
        return Err(Rejection::LastOpen {
            app: application,
            region,
        });
    }
    if app.steer.insert(region.clone(), serve) == Some(serve) {
        return Ok(Event::NoChange);
    }
    Ok(Event::Steered {
        app: application,
        region,
        open: serve,
    })
}

fn another_is_open(app: &AppState, region: &RegionId, open_by_role: &[RegionId]) -> bool {
    let said = app
        .steer
        .iter()
        .any(|(other, open)| *open && other != region);
    let mut by_role = open_by_role.iter();
    said || by_role.any(|other| other != region && !app.steer.contains_key(other))
}

/// The application now serves from elsewhere: of the run's two Regions, each that the run has not
/// steered itself follows its role again. What stands of it was said when the other one served.
pub(super) fn follow_roles(app: &mut AppState, run: &Run) {
    let steered: Vec<&RegionId> = run
        .in_order()
        .filter(|(_, record)| matches!(record.status, StepStatus::Done { .. }))
        .filter_map(|(step, _)| match &step.intent {
            Intent::Steer { region, .. } => Some(region),
            Intent::Dial { .. }
            | Intent::Weight { .. }
            | Intent::Route53Failover { .. }
            | Intent::Route53Weights { .. }
            | Intent::RoutingControl { .. }
            | Intent::AuroraPromote { .. }
            | Intent::ScaleNodegroup { .. }
            | Intent::HttpCheck { .. }
            | Intent::HttpRequest { .. }
            | Intent::Approval { .. }
            | Intent::Bake { .. }
            | Intent::Wait { .. } => None,
        })
        .collect();
    for region in [&run.plan.from, &run.plan.to] {
        if !steered.contains(&region) {
            app.steer.remove(region);
        }
    }
}
