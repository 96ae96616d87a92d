//! Routing controls: one Region's on, the other's off, in one call that is taken whole or not at all.
//!
//! ```text
//!  cluster of the application  1 2 3 4 5 ──less the fled Region's──▶ 1 3 4 5 ──from another at
//!                                                                    each run──▶ 4 5 1 3
//! ```
//!
//! Invariant: what is planned turns one control on; nothing planned, nor given back, turns off all that
//! it names.

use crate::model::{ClusterEndpoint, Intent, RoutingCluster, RoutingState, Side};

use super::resolve::{Resolved, configured};
use super::{Lack, Notes, Scene};

pub(super) fn resolve(
    scene: &Scene<'_>,
    on: Side,
    off: Side,
    override_safety_rules: &[String],
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    let app = scene.app();
    let Some(cluster) = &app.resources.routing_cluster else {
        return Err(Lack::Configuration(format!(
            "add `[application.routing_controls]` with the cluster's endpoints to the application `{}`",
            app.name
        )));
    };
    let wanted = vec![wanted(scene, on, true)?, wanted(scene, off, false)?];
    if wanted.iter().all(|state| state.arn == wanted[0].arn) {
        return Err(Lack::Configuration(format!(
            "{} and {} have the same routing control, so that turning one off turns off both: mend `routing_control_arn` of one of them",
            scene.region(on).name,
            scene.region(off).name
        )));
    }
    let endpoints = endpoints(scene, cluster);
    let to = |states: Vec<RoutingState>| Intent::RoutingControl {
        endpoints: endpoints.clone(),
        states,
        override_safety_rules: override_safety_rules.to_vec(),
    };
    let seen = seen(scene, &wanted, notes);
    // What nobody could have come in by is not given back.
    let restore = seen
        .as_ref()
        .filter(|states| states.iter().any(|state| state.on));
    Ok(vec![Resolved {
        suffix: None,
        restore: restore.cloned().map(to),
        before: seen.as_deref().map(RoutingState::words),
        intent: to(wanted),
    }])
}

fn wanted(scene: &Scene<'_>, side: Side, on: bool) -> Result<RoutingState, Lack> {
    let region = scene.region(side);
    Ok(RoutingState {
        region: region.name.clone(),
        arn: configured(
            region.resources.routing_control_arn.as_ref(),
            "routing_control_arn",
            &format!("the Region `{}`", region.name),
        )?,
        on,
    })
}

/// How they stood when they were last read, if all of them were. The goal needs no earlier state: an
/// unknown one only means that nothing can be given back.
fn seen(
    scene: &Scene<'_>,
    wanted: &[RoutingState],
    notes: &mut Notes,
) -> Option<Vec<RoutingState>> {
    let (traffic, at) = scene.traffic?;
    let as_seen = |state: &RoutingState| {
        let mut known = traffic.routing.iter();
        let (_, on) = known.find(|(region, _)| region == &state.region)?;
        Some(RoutingState {
            on: *on,
            ..state.clone()
        })
    };
    let states: Vec<RoutingState> = wanted.iter().map(as_seen).collect::<Option<_>>()?;
    let words = RoutingState::words(&states);
    notes.insert((format!("the routing controls stood at {words}"), at));
    Some(states)
}

/// In the order in which they are tried. The fled Region's is left out, for it is the likeliest not to
/// answer, and each run begins with another, so that no one endpoint is first for everybody.
fn endpoints(scene: &Scene<'_>, cluster: &RoutingCluster) -> Vec<ClusterEndpoint> {
    let fled = &scene.region(Side::From).name;
    let stays = |endpoint: &&ClusterEndpoint| scene.graceful() || &endpoint.region != fled;
    let mut order: Vec<ClusterEndpoint> = cluster.endpoints.iter().filter(stays).cloned().collect();
    if order.is_empty() {
        order = cluster.endpoints.clone();
    }
    let first = scene.request.epoch.0 % order.len().max(1) as u64;
    order.rotate_left(usize::try_from(first).unwrap_or(0));
    order
}
