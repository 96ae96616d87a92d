//! Where each application stands, and why nothing is done about it.

use std::collections::BTreeSet;
use std::fmt;

use super::family::{Gauges, count, len, secs, truth, unix};
use crate::daemon::snapshot::Snapshot;
use crate::model::{
    AppId, AppState, AppView, Application, AutomationPause, Decision, Guard, HoldReason, Millis,
    Phase, Ruling, Wall,
};
use crate::quorum;

/// Every phase by its word; a test holds it against [`Phase::as_str`].
pub(in crate::api) const PHASES: [&str; 9] = [
    "steady",
    "suspect",
    "confirmed",
    "blocked",
    "planned",
    "executing",
    "soaking",
    "cool_down",
    "needs_operator",
];

pub(super) fn encode(
    out: &mut Gauges<'_, '_>,
    snapshot: &Snapshot,
    applications: &[Application],
) -> fmt::Result {
    phases(out, snapshot)?;
    guards(out, snapshot)?;
    automation(out, snapshot)?;
    latches(out, snapshot)?;
    policies(out, snapshot, applications)
}

fn phases(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "application_phase",
        "Where an application stands",
        views(snapshot).flat_map(|(app, view)| {
            PHASES.iter().map(move |word| {
                (
                    vec![("application", app.as_str()), ("phase", *word)],
                    truth(view.phase.as_str() == *word),
                )
            })
        }),
    )?;
    out.plain(
        "application_active",
        "The Region an application serves from; only that Region has a series",
        views(snapshot).map(|(app, view)| {
            (
                vec![
                    ("application", app.as_str()),
                    ("region", view.active.as_str()),
                ],
                1.0,
            )
        }),
    )?;
    out.seconds(
        "application_cool_down_remaining",
        "How long an application still cools down, in world time",
        views(snapshot).filter_map(|(app, view)| match &view.phase {
            Phase::CoolDown { remaining } => {
                Some((vec![("application", app.as_str())], secs(*remaining)))
            }
            Phase::Steady
            | Phase::Suspect { .. }
            | Phase::Confirmed { .. }
            | Phase::Blocked { .. }
            | Phase::Planned { .. }
            | Phase::Executing { .. }
            | Phase::Soaking { .. }
            | Phase::NeedsOperator { .. } => None,
        }),
    )
}

fn guards(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "guard_ruling",
        "What a guard that does not pass says (warn, hold, ask) and why, while a Region is confirmed",
        views(snapshot).flat_map(|(app, view)| {
            // Two rulings of one guard with one reason would be one series twice.
            let rulings: BTreeSet<_> = view
                .guards
                .iter()
                .filter_map(|verdict| ruling(&verdict.ruling).map(|said| (verdict.guard, said)))
                .collect();
            rulings
                .into_iter()
                .map(move |(guard, (ruling, reason)): (Guard, _)| {
                    (
                        vec![
                            ("application", app.as_str()),
                            ("guard", guard.as_str()),
                            ("ruling", ruling),
                            ("reason", reason),
                        ],
                        1.0,
                    )
                })
        }),
    )?;
    out.plain(
        "application_held",
        "Why an application is not acted upon though a Region is confirmed lost, by reason",
        views(snapshot).flat_map(|(app, view)| {
            held_by(view)
                .into_iter()
                .map(move |reason| (vec![("application", app.as_str()), ("reason", reason)], 1.0))
        }),
    )
}

fn ruling(ruling: &Ruling) -> Option<(&'static str, &'static str)> {
    match ruling {
        Ruling::Pass => None,
        Ruling::Warn(reason) => Some(("warn", reason.code())),
        Ruling::Hold(reason) => Some(("hold", reason.code())),
        Ruling::Ask(reason) => Some(("ask", reason.code())),
    }
}

/// The decision's reasons, and what blocked it after that (no runbook, no plan).
fn held_by(view: &AppView) -> BTreeSet<&'static str> {
    let decided: &[HoldReason] = match &view.decision {
        Some(Decision::Hold(reasons) | Decision::Ask { reasons, .. }) => reasons,
        Some(Decision::Act { .. }) | None => &[],
    };
    let blocked = match &view.phase {
        Phase::Blocked { reason, .. } => Some(reason),
        Phase::Steady
        | Phase::Suspect { .. }
        | Phase::Confirmed { .. }
        | Phase::Planned { .. }
        | Phase::Executing { .. }
        | Phase::Soaking { .. }
        | Phase::CoolDown { .. }
        | Phase::NeedsOperator { .. } => None,
    };
    decided
        .iter()
        .chain(blocked)
        .filter(|reason| **reason != HoldReason::NothingWrong)
        .map(HoldReason::code)
        .collect()
}

fn automation(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let pauses = || {
        views(snapshot).map(|(app, _)| {
            let pause = snapshot.state.automation_pause(app, snapshot.at.wall);
            (vec![("application", app.as_str())], pause)
        })
    };
    out.plain(
        "automation_paused",
        "Whether automation of an application stands still, by its own pause or everybody's",
        pauses().map(|(labels, pause)| (labels, truth(pause.is_some()))),
    )?;
    type Date = fn(&AutomationPause) -> Option<Wall>;
    let dates: [(&str, &str, Date); 2] = [
        (
            "automation_paused_timestamp",
            "Since when automation of an application stands still, in seconds since 1970",
            |pause| Some(pause.since),
        ),
        (
            "automation_paused_until_timestamp",
            "When automation of an application goes on by itself, in seconds since 1970; no series where it does not",
            |pause| pause.until,
        ),
    ];
    for (name, help, date) in dates {
        out.seconds(
            name,
            help,
            pauses().filter_map(|(labels, pause)| Some((labels, unix(date(pause?)?)))),
        )?;
    }
    Ok(())
}

fn latches(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "application_epoch",
        "The epoch of an application's last run",
        states(snapshot)
            .map(|(app, state)| (vec![("application", app.as_str())], count(state.epoch.0))),
    )?;
    out.plain(
        "brake_latched",
        "Whether an application failed over too often and waits for an acknowledgement",
        states(snapshot).map(|(app, state)| {
            (
                vec![("application", app.as_str())],
                truth(state.brake_latched),
            )
        }),
    )?;
    out.plain(
        "region_quarantined",
        "Regions that failed and wait to be rejoined; only those have a series",
        states(snapshot).flat_map(|(app, state)| {
            state.quarantined.keys().map(move |region| {
                (
                    vec![("application", app.as_str()), ("region", region.as_str())],
                    1.0,
                )
            })
        }),
    )
}

/// What alerts compare with: limits are configured, so they are told like anything else.
fn policies(
    out: &mut Gauges<'_, '_>,
    snapshot: &Snapshot,
    applications: &[Application],
) -> fmt::Result {
    out.plain(
        "application_candidates",
        "Regions an application could move to: neither active nor quarantined nor looking down",
        views(snapshot).filter_map(|(name, view)| {
            let app = applications.iter().find(|app| app.name == *name)?;
            let candidates = quorum::candidates(app, &snapshot.state, &view.verdicts, &view.active);
            Some((
                vec![("application", name.as_str())],
                len(candidates.count()),
            ))
        }),
    )?;
    type Limit = fn(&Application) -> Millis;
    let limits: [(&str, &str, Limit); 3] = [
        (
            "rpo_max",
            "The most replication lag of an application that may be lost without asking, as configured",
            |app| app.guards.rpo_max,
        ),
        (
            "lag_max_age",
            "How old the last known replication lag may be when a Region begins to fail, as configured",
            |app| app.guards.lag_max_age,
        ),
        (
            "vote_freshness",
            "A vote older than this is no vote, as configured",
            |app| app.guards.freshness,
        ),
    ];
    for (name, help, limit) in limits {
        out.seconds(
            name,
            help,
            applications
                .iter()
                .map(|app| (vec![("application", app.name.as_str())], secs(limit(app)))),
        )?;
    }
    Ok(())
}

pub(super) fn views(snapshot: &Snapshot) -> impl Iterator<Item = (&AppId, &AppView)> {
    snapshot.views.iter()
}

/// Of applications that are configured: the ledger may remember more.
pub(super) fn states(snapshot: &Snapshot) -> impl Iterator<Item = (&AppId, &AppState)> {
    snapshot
        .state
        .apps
        .iter()
        .filter(|(app, _)| snapshot.views.contains_key(*app))
}
