//! A step that raises traffic value by value.
//!
//! ```text
//!  raise  ──▶  raise/10 ─▶ raise/bake-10 ─▶ raise/25 ─▶ raise/bake-25 ─▶ … ─▶ raise/100
//! ```
//!
//! Each of them needs the one before it; who needs the authored step needs the last. Every value gives
//! back what stood there before the first, so that an abort leaves nothing half-way.

use crate::model::{ActionSpec, Intent, Ramp, RegionId};

use super::resolve::{Resolved, resolve};
use super::{Lack, Notes, Scene};

/// The action once for each value, and the bakes between them.
pub(super) fn expand(
    scene: &Scene<'_>,
    action: &ActionSpec,
    ramp: &Ramp,
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    let mut steps = Vec::new();
    let mut previous: Option<u8> = None;
    for percent in &ramp.percents {
        if let (Some(before), Some(region)) = (previous, raised(scene, action)) {
            steps.push(Resolved {
                suffix: Some(format!("bake-{before}")),
                intent: Intent::Bake {
                    region,
                    duration: ramp.bake,
                },
                restore: None,
                before: None,
            });
        }
        for mut one in resolve(scene, &at(action, *percent), notes)? {
            one.suffix = Some(percent.to_string());
            if let Some(before) = previous {
                one.before = Some(format!("{before} % of the ramp"));
            }
            steps.push(one);
        }
        previous = Some(*percent);
    }
    Ok(steps)
}

fn raised(scene: &Scene<'_>, action: &ActionSpec) -> Option<RegionId> {
    let side = match action {
        ActionSpec::Dial { region, .. } | ActionSpec::Route53Weights { region, .. } => region,
        ActionSpec::Weight { .. }
        | ActionSpec::Route53Failover { .. }
        | ActionSpec::RoutingControl { .. }
        | ActionSpec::Steer { .. }
        | ActionSpec::AuroraPromote { .. }
        | ActionSpec::ScaleNodegroup { .. }
        | ActionSpec::HttpCheck { .. }
        | ActionSpec::HttpRequest { .. }
        | ActionSpec::Approval { .. }
        | ActionSpec::Wait { .. } => return None,
    };
    Some(scene.region(*side).name.clone())
}

/// The same action on its way. What has no percent has no way.
fn at(action: &ActionSpec, percent: u8) -> ActionSpec {
    let mut action = action.clone();
    if let ActionSpec::Dial { percent: of, .. } | ActionSpec::Route53Weights { percent: of, .. } =
        &mut action
    {
        *of = percent;
    }
    action
}
