//! How large the node groups become. EKS lowers as willingly as it raises, so it is here that
//! nothing is ever made smaller.

use crate::model::{
    AppRegion, Intent, NodegroupRef, NodegroupSize, RegionId, Seen, Side, SizeSpec,
};

use super::resolve::Resolved;
use super::{Lack, Notes, Scene};

/// One intent per node group of the Region.
pub(super) fn resolve(
    scene: &Scene<'_>,
    side: Side,
    size: &SizeSpec,
    ready_percent: u8,
    min_ready_percent: Option<u8>,
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    let region = scene.region(side);
    let groups = &region.resources.nodegroups;
    if groups.is_empty() {
        return Err(Lack::Configuration(format!(
            "add a `nodegroup` to the Region `{}`",
            region.name
        )));
    }
    let mut resolved = Vec::with_capacity(groups.len());
    for group in groups {
        let wanted = wanted(scene, region, group, size, notes)?;
        let present = recorded(scene, &region.name, group, notes);
        let desired = present.map_or(wanted, |size| size.desired.max(wanted));
        let share = |percent: u8| percent_of(desired, u16::from(percent)).max(1).min(desired);
        resolved.push(Resolved {
            suffix: (groups.len() > 1).then(|| suffix(groups, group)),
            intent: Intent::ScaleNodegroup {
                region: region.name.clone(),
                nodegroup: group.clone(),
                // The floor too: Cluster Autoscaler takes back what only `desired` asks for.
                min: present.map_or(wanted, |size| size.min.max(wanted)),
                desired,
                // EKS refuses a maximum of zero.
                max: present.map_or(desired, |size| size.max.max(desired)).max(1),
                ready: share(ready_percent),
                min_ready: min_ready_percent.map(share),
            },
            // More nodes than needed do no harm, fewer do.
            restore: None,
            before: present.map(|size| format!("{} nodes of {}", size.in_service, size.desired)),
        });
    }
    Ok(resolved)
}

/// What tells the group's step from its siblings': its name, and its cluster where that is needed.
fn suffix(groups: &[NodegroupRef], group: &NodegroupRef) -> String {
    let namesakes = groups.iter().filter(|g| g.name == group.name).count();
    if namesakes > 1 {
        group.to_string()
    } else {
        group.name.clone()
    }
}

fn wanted(
    scene: &Scene<'_>,
    region: &AppRegion,
    group: &NodegroupRef,
    size: &SizeSpec,
    notes: &mut Notes,
) -> Result<u32, Lack> {
    let (side, percent, fallback) = match size {
        SizeSpec::Absolute(desired) => return Ok(*desired),
        SizeSpec::Peak => return at_peak(scene, region, group, notes),
        SizeSpec::Match {
            side,
            percent,
            fallback,
        } => (*side, *percent, *fallback),
    };
    let model = scene.region(side);
    let peer = peer(model, group);
    if let Some(seen) = peer.and_then(|peer| recorded(scene, &model.name, peer, notes)) {
        return Ok(percent_of(seen.desired, percent));
    }
    fallback.ok_or_else(|| {
        Lack::Observation(match peer {
            None => format!(
                "{} has no node group named `{}` to match: add one there, or a `fallback` to the step",
                model.name, group.name
            ),
            Some(peer) => format!(
                "no size of {peer} in {} was ever recorded: add a `fallback` to the step",
                model.name
            ),
        })
    })
}

/// What it needs for its own users and for those that it takes over, as far as it may grow: its
/// maximum is somebody's budget. Whether that is enough is a guard's question, and a person's.
fn at_peak(
    scene: &Scene<'_>,
    region: &AppRegion,
    group: &NodegroupRef,
    notes: &mut Notes,
) -> Result<u32, Lack> {
    let (gone, carriers) = scene.gone_and_carriers();
    let load = scene.app().load(region, group, &gone, &carriers);
    let load = load.ok_or_else(|| {
        Lack::Configuration(format!(
            "add `peak` to the node group `{}` of each Region with a share",
            group.name
        ))
    })?;
    let present = recorded(scene, &region.name, group, notes);
    let most = present.map_or(load, |size| size.max);
    if load > most {
        notes.insert((
            format!(
                "{group} in {} would need {load} nodes and may have {most}",
                region.name
            ),
            scene.request.now,
        ));
    }
    Ok(load.min(most))
}

fn peer<'a>(model: &'a AppRegion, group: &NodegroupRef) -> Option<&'a NodegroupRef> {
    let mut groups = model.resources.nodegroups.iter();
    groups.find(|candidate| candidate.name == group.name)
}

/// The size last recorded, with a note of it.
fn recorded(
    scene: &Scene<'_>,
    region: &RegionId,
    group: &NodegroupRef,
    notes: &mut Notes,
) -> Option<NodegroupSize> {
    let Seen { value, at } = scene
        .request
        .state
        .apps
        .get(&scene.app().name)?
        .capacity
        .get(region)?
        .get(&group.to_string())?;
    notes.insert((
        format!(
            "{group} in {region} had {} of {} nodes, at least {}, at most {}",
            value.in_service, value.desired, value.min, value.max
        ),
        *at,
    ));
    Some(*value)
}

/// That share, rounded up: half a node serves nobody.
fn percent_of(count: u32, percent: u16) -> u32 {
    let share = (u64::from(count) * u64::from(percent)).div_ceil(100);
    u32::try_from(share).unwrap_or(u32::MAX)
}
