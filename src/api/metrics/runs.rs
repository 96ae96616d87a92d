//! Open runs and their steps. A run's id is no label (it is never reused, so there is no end of
//! them): the application and its epoch say which run it is.

use std::fmt;

use super::family::{Gauges, Labels, len, secs, truth, unix};
use crate::daemon::snapshot::Snapshot;
use crate::model::{
    AppId, NeedsOperator, PlannedStep, Run, RunStatus, StepActivity, StepRecord, Wall,
};

pub(super) fn encode(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    runs(out, snapshot)?;
    steps(out, snapshot)
}

fn runs(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    out.plain(
        "run_open",
        "Whether an application has an open run",
        snapshot.views.keys().map(|app| {
            let open = snapshot.state.open_run(app).is_some();
            (vec![("application", app.as_str())], truth(open))
        }),
    )?;
    out.plain(
        "run_status",
        "Where the open run of an application stands; only what is has a series",
        open(snapshot).map(|(app, run)| {
            (
                vec![
                    ("application", app.as_str()),
                    ("kind", run.plan.kind.as_str()),
                    ("from", run.plan.from.as_str()),
                    ("to", run.plan.to.as_str()),
                    ("origin", origin(run)),
                    ("status", run.status.as_str()),
                ],
                1.0,
            )
        }),
    )?;
    out.plain(
        "run_paused",
        "Whether the open run of an application is paused by an operator",
        open(snapshot).map(|(app, run)| {
            (
                vec![("application", app.as_str())],
                truth(run.paused.is_some()),
            )
        }),
    )?;
    out.seconds(
        "run_age",
        "Since when the open run of an application is open, in world time",
        open(snapshot).map(|(app, run)| {
            (
                vec![("application", app.as_str())],
                secs(snapshot.at.wall.since(run.opened_at)),
            )
        }),
    )?;
    out.plain(
        "run_needs_operator",
        "Why the open run of an application waits for a person; only what is has a series",
        open(snapshot).filter_map(|(app, run)| {
            let reason = waits_for_a_person(run)?;
            Some((vec![("application", app.as_str()), ("reason", reason)], 1.0))
        }),
    )?;
    out.plain(
        "drift_findings",
        "What is no longer as an application's open or last run left it; none once that was acknowledged",
        snapshot.views.keys().filter_map(|app| {
            let known = snapshot.state.apps.get(app)?;
            let run = match (snapshot.state.open_run(app), &known.last_run) {
                (Some(open), _) => open,
                (None, last) => snapshot.state.runs.get(last.as_ref()?)?,
            };
            let findings = if known.acknowledged && !run.is_open() {
                0
            } else {
                run.findings.len()
            };
            Some((vec![("application", app.as_str())], len(findings)))
        }),
    )
}

fn steps(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let steps = || {
        open(snapshot).flat_map(|(app, run)| {
            run.in_order()
                .map(move |(step, record)| (app, run, step, record))
        })
    };
    fn labels<'a>(app: &'a AppId, step: &'a PlannedStep) -> Labels<'a> {
        vec![
            ("application", app.as_str()),
            ("step", step.id.as_str()),
            ("action", step.intent.name()),
        ]
    }
    out.plain(
        "run_step_status",
        "Where a step of the open run stands; only what is has a series",
        steps().map(|(app, _, step, record): (_, _, _, &StepRecord)| {
            let mut labels = labels(app, step);
            labels.push(("status", record.status.as_str()));
            (labels, 1.0)
        }),
    )?;
    out.plain(
        "run_step_activity",
        "What this member is doing about a step; only what is has a series",
        steps().filter_map(|(app, run, step, _)| {
            let key = (run.id.clone(), step.id.clone());
            let activity = snapshot.activities.get(&key)?;
            let mut labels = labels(app, step);
            labels.push(("activity", activity_word(*activity)));
            Some((labels, 1.0))
        }),
    )?;
    type Date = fn(&StepRecord) -> Option<Wall>;
    let dates: [(&str, &str, Date); 2] = [
        (
            "run_step_started_timestamp",
            "When a step of the open run was begun, in seconds since 1970; no series before",
            |record| record.started_at,
        ),
        (
            "run_step_ended_timestamp",
            "When a step of the open run came to rest, in seconds since 1970; no series before",
            |record| record.ended_at,
        ),
    ];
    for (name, help, date) in dates {
        out.seconds(
            name,
            help,
            steps().filter_map(|(app, _, step, record)| {
                Some((labels(app, step), unix(date(record)?)))
            }),
        )?;
    }
    out.plain(
        "run_step_attempts",
        "Intents to write that a step of the open run has had",
        steps().map(|(app, _, step, record)| (labels(app, step), f64::from(record.attempts))),
    )
}

fn origin(run: &Run) -> &'static str {
    if run.origin.is_automatic() {
        "quorum"
    } else {
        "operator"
    }
}

fn waits_for_a_person(run: &Run) -> Option<&'static str> {
    match &run.status {
        RunStatus::NeedsOperator { reason } => Some(match reason {
            NeedsOperator::StepFailed { .. } => "step_failed",
            NeedsOperator::Drift { .. } => "drift",
            NeedsOperator::Inherited { .. } => "inherited",
        }),
        RunStatus::Executing
        | RunStatus::Aborting { .. }
        | RunStatus::Soaking { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => None,
    }
}

fn activity_word(activity: StepActivity) -> &'static str {
    match activity {
        StepActivity::Ready => "ready",
        StepActivity::Observing => "observing",
        StepActivity::Committing => "committing",
        StepActivity::Applying => "applying",
        StepActivity::Applied => "applied",
        StepActivity::Settling => "settling",
    }
}

fn open(snapshot: &Snapshot) -> impl Iterator<Item = (&AppId, &Run)> {
    snapshot
        .views
        .keys()
        .filter_map(|app| snapshot.state.open_run(app).map(|run| (app, run)))
}
