//! Where to go: which Region is a candidate, and whether the chosen one is ready.

use crate::model::{
    AppRegion, Application, HoldReason, Member, Mono, Opinion, ProbeId, RegionId, State, Verdict,
    VerdictState,
};

use super::judge::{majority, usable};
use super::matrix::Matrix;

/// Whether the quorum holds that Region for lost. A cold standby is not meant to answer before it
/// is grown: its silence says nothing.
pub fn looks_down(app: &Application, verdicts: &[Verdict], region: &RegionId) -> bool {
    let cold = app.region(region).is_some_and(|r| r.cold);
    !cold
        && verdicts
            .iter()
            .any(|v| &v.region == region && v.state == VerdictState::Down)
}

/// Whether that Region may carry users now: of several that serve side by side, one whose share was not
/// taken away.
pub(super) fn is_meant_to_serve(app: &Application, state: &State, region: &RegionId) -> bool {
    !app.is_active_active() || app.serving(state).any(|r| &r.name == region)
}

/// Whether that Region waits for an operator's `rejoin`, where the policy asks for one.
pub(super) fn is_quarantined(app: &Application, state: &State, region: &RegionId) -> bool {
    app.guards.quarantine
        && state
            .apps
            .get(&app.name)
            .is_some_and(|known| known.quarantined.contains_key(region))
}

/// The first of the [`candidates`]. Whether it is *ready* is for the guard to say: a candidate that is
/// not is a reason, not a reason to look for a worse one.
pub fn choose_target(
    app: &Application,
    state: &State,
    verdicts: &[Verdict],
    from: &RegionId,
) -> Option<RegionId> {
    candidates(app, state, verdicts, from).next().cloned()
}

/// The Regions that are not `from`, not quarantined, not being evacuated and do not look down, as
/// configured. Of Regions that serve side by side only those that serve now: all of them go on, and
/// take over from `from`.
pub fn candidates<'a>(
    app: &'a Application,
    state: &State,
    verdicts: &[Verdict],
    from: &RegionId,
) -> impl Iterator<Item = &'a RegionId> {
    app.regions
        .iter()
        .map(|region| &region.name)
        .filter(move |name| {
            is_meant_to_serve(app, state, name)
                && *name != from
                && !is_quarantined(app, state, name)
                && !looks_down(app, verdicts, name)
                && state.evacuation_of(name).is_none()
        })
}

/// Whether `to` can take over as far as the votes tell. Each of its standby probes must be up for
/// more than half of the configured members, wherever they are: the same number that a quorum
/// needs, so that silence helps no more here than there.
pub(super) fn readiness(
    now: Mono,
    matrix: &Matrix,
    members: &[Member],
    app: &Application,
    verdicts: &[Verdict],
    from: &RegionId,
    to: &RegionId,
) -> Result<(), HoldReason> {
    let not_ready = |why: String| HoldReason::TargetNotReady {
        region: to.clone(),
        why,
    };
    let Some(region) = app.region(to) else {
        return Err(not_ready(format!("it is no Region of {}", app.name)));
    };
    if to == from {
        return Err(not_ready(
            "the application is moved away from it".to_owned(),
        ));
    }
    if region.cold {
        return Ok(());
    }
    if looks_down(app, verdicts, to) {
        return Err(not_ready("it looks down itself".to_owned()));
    }
    let needed = majority(u32::try_from(members.len()).unwrap_or(u32::MAX));
    for probe in required_probes(region) {
        let seen_up = members
            .iter()
            .filter(|member| sees_up(now, matrix, member, app, to, probe))
            .count();
        if u32::try_from(seen_up).unwrap_or(u32::MAX) < needed {
            return Err(not_ready(format!(
                "probe {probe} is up for {seen_up} of {} members, {needed} are needed",
                members.len()
            )));
        }
    }
    Ok(())
}

fn sees_up(
    now: Mono,
    matrix: &Matrix,
    member: &Member,
    app: &Application,
    region: &RegionId,
    probe: &ProbeId,
) -> bool {
    usable(now, matrix, member, app, region).is_ok_and(|held| {
        held.vote.opinion != Opinion::Unknown
            && held
                .vote
                .probes
                .iter()
                .any(|state| &state.probe == probe && state.up == Some(true))
    })
}

/// The standby probes; the critical ones if none are named; all if none is critical.
fn required_probes(region: &AppRegion) -> Vec<&ProbeId> {
    if !region.standby_probes.is_empty() {
        return region.standby_probes.iter().collect();
    }
    let any_critical = region.probes.iter().any(|probe| probe.critical);
    region
        .probes
        .iter()
        .filter(|probe| probe.critical || !any_critical)
        .map(|probe| &probe.id)
        .collect()
}
