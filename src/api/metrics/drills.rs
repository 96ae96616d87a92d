//! Game days: when the last of each kind came to its end, and whether it passed. One that real life
//! has ended, or a person, says nothing and leaves both as they are.

use std::fmt;

use super::family::{Gauges, truth, unix};
use crate::daemon::snapshot::Snapshot;
use crate::model::{AppId, CompletedDrill, DrillMode};
use crate::run::last_completed_of;

const MODES: [DrillMode; 2] = [DrillMode::Rehearse, DrillMode::Live];

pub(super) fn encode(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "drill_running",
        "Whether a drill of that mode of the application is under way",
        snapshot.views.keys().flat_map(|app| {
            let open = snapshot.state.open_drill(app);
            MODES.into_iter().map(move |mode| {
                let is_open = open.is_some_and(|drill| drill.mode == mode);
                (labels(app, mode), truth(is_open))
            })
        }),
    )?;
    out.seconds(
        "drill_last_timestamp",
        "When the last drill that came to its end was over, since 1970",
        last(snapshot).map(|(app, last)| (labels(app, last.mode), unix(last.at))),
    )?;
    out.plain(
        "drill_last_passed",
        "Whether every check of that drill held",
        last(snapshot).map(|(app, last)| (labels(app, last.mode), truth(last.passed))),
    )
}

/// Of each application that is configured, and each mode.
fn last(snapshot: &Snapshot) -> impl Iterator<Item = (&AppId, &CompletedDrill)> {
    let apps = snapshot.views.keys();
    apps.flat_map(|app| MODES.into_iter().map(move |mode| (app, mode)))
        .filter_map(|(app, mode)| Some((app, last_completed_of(&snapshot.state, app, mode)?)))
}

fn labels(app: &AppId, mode: DrillMode) -> Vec<(&'static str, &str)> {
    vec![("application", app.as_str()), ("mode", mode.as_str())]
}
