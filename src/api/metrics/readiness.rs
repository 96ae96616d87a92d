//! What this member last found of each application's readiness.

use std::fmt;

use super::family::{Gauges, len, secs};
use crate::daemon::snapshot::Snapshot;
use crate::model::ReadinessLevel;

pub(super) fn encode(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "readiness_findings",
        "How many things this member last found at that level of what a plan would touch",
        snapshot.checks.iter().flat_map(|(app, held)| {
            ReadinessLevel::ALL.into_iter().map(move |level| {
                (
                    vec![("application", app.as_str()), ("level", level.as_str())],
                    len(held.report.count(level)),
                )
            })
        }),
    )?;
    out.seconds(
        "readiness_age",
        "Since this member last began to look at an application's readiness, in world time",
        snapshot.checks.iter().map(|(app, held)| {
            let age = snapshot.at.mono.since(held.looked_at);
            (vec![("application", app.as_str())], secs(age))
        }),
    )?;
    out.seconds(
        "readiness_interval",
        "Between two looks of this member at an application's readiness, in world time",
        snapshot
            .checks
            .iter()
            .map(|(app, held)| (vec![("application", app.as_str())], secs(held.interval))),
    )
}
