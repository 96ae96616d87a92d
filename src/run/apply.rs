//! The one transition function of the replicated state: total, and an illegal pair is a typed
//! rejection, never a panic.
//!
//! Invariant: a rejected command changes nothing, not even the time.
//! Invariant: the same commands in the same order make the same state on every member; nothing is
//! read here but the state and the command.

use crate::model::{
    AppId, AppState, AutomationPause, Command, CommandBody, Event, Finding, LagSample,
    NeedsOperator, Paused, RegionId, Rejection, Run, RunId, RunStatus, Seen, State, Wall,
};

use super::{audit, drill, evacuate, live_drill, members, open, restored, steer, steps};

/// Closed runs that are kept. Enough for a year of weekly drills in two Regions; bounds the
/// snapshot.
pub const KEPT_RUNS: usize = 100;

/// Lag samples that are kept for each secondary. The data guard looks at three; ten show a trend.
pub const KEPT_LAG_SAMPLES: usize = 10;

/// Findings that are kept of a run: what drifts to and fro for months must not fill the state. The
/// newest tell how things stand.
pub const KEPT_FINDINGS: usize = 20;

/// Applies one command.
///
/// # Errors
///
/// The reason why it does not apply; the state is then as it was.
pub fn apply(state: &mut State, command: &Command) -> Result<Event, Rejection> {
    let now = state.date(command.at);
    let event = transition(state, now, command)?;
    state.time = now;
    state.dated_at = command.at;
    Ok(event)
}

fn transition(state: &mut State, now: Wall, command: &Command) -> Result<Event, Rejection> {
    match &command.body {
        CommandBody::OpenRun {
            plan,
            origin,
            limits,
        } => open::open(state, now, command.at, plan, origin, limits),
        CommandBody::CloseRun { run } => open::close(state, now, run),
        CommandBody::AbandonStale { run } => open::abandon_stale(state, now, run),
        CommandBody::AbortRecovered { run } => open::abort_recovered(state, now, run),
        CommandBody::AbortWorsened { run, why } => open::abort_worsened(state, now, run, why),
        CommandBody::Abort { run, by, reason } => open::abort(state, now, run, by, reason),

        CommandBody::StepIntent {
            run,
            step,
            attempt,
            member,
            boot,
            epoch,
            variant,
            before,
        } => steps::intent(
            open_run(state, run, "a step's intent")?,
            now,
            step,
            &steps::NewIntent {
                attempt: *attempt,
                member,
                boot: *boot,
                epoch: *epoch,
                variant: *variant,
                before: before.as_deref(),
            },
        ),
        CommandBody::StepOutcome {
            run,
            step,
            attempt,
            outcome,
            after,
        } => {
            let moved = steps::outcome(
                open_run(state, run, "a step's outcome")?,
                now,
                step,
                *attempt,
                outcome,
                after.as_deref(),
            )?;
            open::follow_execution(state, run);
            Ok(moved)
        }
        CommandBody::Steer {
            run,
            step,
            attempt,
            boot,
        } => steer::steer(state, run, step, *attempt, *boot),
        CommandBody::Approve {
            run,
            step,
            by,
            granted,
            reason: _,
        } => {
            let moved = steps::approve(
                open_run(state, run, "an approval")?,
                now,
                step,
                by,
                *granted,
            )?;
            open::follow_execution(state, run);
            Ok(moved)
        }
        CommandBody::SkipStep {
            run,
            step,
            by,
            reason: _,
        } => {
            let moved = steps::skip(open_run(state, run, "a skip")?, now, step, by)?;
            open::follow_execution(state, run);
            Ok(moved)
        }
        CommandBody::RetryStep {
            run,
            step,
            by: _,
            reason: _,
        } => steps::retry(open_run(state, run, "a retry")?, now, step),
        CommandBody::PauseRun { run, by, reason } => {
            let id = run;
            let run = open_run(state, id, "a pause")?;
            if let Some(paused) = &run.paused {
                return Err(Rejection::Paused {
                    run: id.clone(),
                    by: paused.by.clone(),
                });
            }
            run.paused = Some(Paused {
                by: by.clone(),
                reason: reason.clone(),
                at: now,
            });
            Ok(Event::RunMoved { run: id.clone() })
        }
        CommandBody::ResumeRun { run, by: _ } => {
            let id = run;
            let run = open_run(state, id, "a resume")?;
            let inherited = restored::take_up(run, now);
            if run.paused.take().is_none() && !inherited {
                return Ok(Event::NoChange);
            }
            steps::begin_anew(run, now);
            Ok(Event::RunMoved { run: id.clone() })
        }
        CommandBody::RecordDrift { run, step, seen } => record_drift(state, now, run, step, seen),

        CommandBody::PauseAutomation {
            app,
            by,
            reason,
            until,
        } => {
            let pause = AutomationPause {
                by: by.clone(),
                reason: reason.clone(),
                since: now,
                until: *until,
            };
            *pause_slot(state, app.as_ref()) = Some(pause);
            Ok(Event::AutomationChanged)
        }
        CommandBody::ResumeAutomation { app, by: _ } => {
            match pause_slot(state, app.as_ref()).take() {
                Some(_) => Ok(Event::AutomationChanged),
                None => Ok(Event::NoChange),
            }
        }
        CommandBody::Acknowledge { app, by: _ } => open::acknowledge(state, now, app),
        CommandBody::Rejoin { app, region, by: _ } => {
            match app_mut(state, app).quarantined.remove(region) {
                Some(_) => Ok(Event::Rejoined {
                    app: app.clone(),
                    region: region.clone(),
                }),
                None => Ok(Event::NoChange),
            }
        }

        CommandBody::RecordLag {
            app,
            region,
            samples,
        } => Ok(record_lag(app_mut(state, app), region, samples)),
        CommandBody::RecordCapacity {
            app,
            region,
            nodegroup,
            size,
        } => {
            app_mut(state, app)
                .capacity
                .entry(region.clone())
                .or_default()
                .insert(
                    nodegroup.to_string(),
                    Seen {
                        value: *size,
                        at: now,
                    },
                );
            Ok(Event::Recorded)
        }
        CommandBody::RecordTraffic { app, traffic } => {
            app_mut(state, app).traffic = Some(Seen {
                value: traffic.clone(),
                at: now,
            });
            Ok(Event::Recorded)
        }

        CommandBody::FoundCluster { disks } => members::found(state, disks),
        CommandBody::RecordDisk { member, disk } => members::record(state, member, *disk),
        CommandBody::Readmit { member, by: _ } => members::readmit(state, member),

        CommandBody::Restored {
            how,
            by,
            reason,
            disks,
        } => Ok(restored::restored(state, now, *how, by, reason, disks)),
        CommandBody::RaiseEpoch {
            app,
            to,
            active,
            by,
            reason,
            seen,
        } => {
            let raise = restored::Raise {
                app,
                to: *to,
                seen: *seen,
                active: active.as_ref(),
                by,
                reason,
            };
            restored::raise_epoch(state, now, raise)
        }

        CommandBody::BeginDrill {
            id,
            app,
            mode,
            from,
            to,
            by,
            reason,
            max_duration,
            soak,
        } => drill::begin(
            state,
            now,
            &drill::Asked {
                id,
                app,
                mode: *mode,
                from,
                to: to.as_ref(),
                by,
                reason,
                max_duration: *max_duration,
                soak: *soak,
            },
        ),
        CommandBody::OpenDrillRun {
            drill,
            plan,
            origin,
            limits,
        } => live_drill::open_run(state, now, command.at, drill, plan, origin, limits),
        CommandBody::MoveDrill { id, cause, why } => {
            live_drill::move_on(state, now, id, *cause, why)
        }
        CommandBody::CloseDrill {
            id,
            outcome,
            report,
        } => drill::close(state, now, id, *outcome, report),

        CommandBody::RecordAudit { call } => Ok(audit::record(&mut state.audit, now, call)),
        CommandBody::BeginEvacuation {
            id,
            region,
            by,
            reason,
            parallel,
            allow_data_loss,
            waves,
        } => evacuate::begin(
            state,
            now,
            &evacuate::Begin {
                id,
                region,
                by,
                reason,
                parallel: *parallel,
                allow_data_loss: *allow_data_loss,
                waves,
            },
        ),
        CommandBody::OpenEvacuationRun {
            evacuation,
            plan,
            origin,
            limits,
        } => evacuate::open_run(state, now, command.at, evacuation, plan, origin, limits),
        CommandBody::HoldEvacuee {
            evacuation,
            app,
            reason,
        } => evacuate::hold(state, now, evacuation, app, reason),
        CommandBody::StopEvacuation { id, by, reason } => {
            evacuate::stop(state, now, id, by, reason)
        }
        CommandBody::CloseEvacuation { id } => evacuate::close(state, now, id),
    }
}

/// The application's part of the state, made on first use: the ledger knows an application from
/// the first time it is spoken of.
pub(super) fn app_mut<'a>(state: &'a mut State, app: &AppId) -> &'a mut AppState {
    state.apps.entry(app.clone()).or_default()
}

fn pause_slot<'a>(state: &'a mut State, app: Option<&AppId>) -> &'a mut Option<AutomationPause> {
    match app {
        Some(app) => &mut app_mut(state, app).automation_paused,
        None => &mut state.automation_paused,
    }
}

/// The run of that name if it is open.
pub(super) fn open_run<'a>(
    state: &'a mut State,
    id: &RunId,
    what: &str,
) -> Result<&'a mut Run, Rejection> {
    let run = state
        .runs
        .get_mut(id)
        .ok_or_else(|| Rejection::NoSuchRun { run: id.clone() })?;
    if !run.is_open() {
        return Err(wrong_status(run, what));
    }
    Ok(run)
}

/// The rejection for a command that does not fit the run's status.
pub(super) fn wrong_status(run: &Run, what: &str) -> Rejection {
    Rejection::RunStatus {
        run: run.id.clone(),
        status: run.status.as_str().to_owned(),
        what: what.to_owned(),
    }
}

/// Drift found while soaking asks for a person; found later it is a finding on a closed run. Of an
/// aborted run, what was given up can land, and what was given back can be undone by that.
fn record_drift(
    state: &mut State,
    now: Wall,
    id: &RunId,
    step: &crate::model::StepId,
    seen: &str,
) -> Result<Event, Rejection> {
    let run = state
        .runs
        .get_mut(id)
        .ok_or_else(|| Rejection::NoSuchRun { run: id.clone() })?;
    if !run.steps.contains_key(step) {
        return Err(Rejection::NoSuchStep {
            run: id.clone(),
            step: step.clone(),
        });
    }
    let known = run
        .findings
        .iter()
        .any(|finding| &finding.step == step && finding.text == seen);
    let mut landed = None;
    match run.status {
        RunStatus::Soaking { .. } => {
            run.status = RunStatus::NeedsOperator {
                reason: NeedsOperator::Drift {
                    step: step.clone(),
                    seen: seen.to_owned(),
                },
            };
        }
        RunStatus::NeedsOperator { .. } | RunStatus::Completed => {
            if known {
                return Ok(Event::NoChange);
            }
        }
        RunStatus::Aborted { .. } => {
            if known {
                return Ok(Event::NoChange);
            }
            if run.promotions_given_up().any(|given| &given.id == step) {
                landed = Some(run.clone());
            } else if !run.restoring.iter().any(|given| &given.id == step) {
                return Err(wrong_status(run, "drift of what was given up"));
            }
        }
        RunStatus::Executing | RunStatus::Aborting { .. } => {
            return Err(wrong_status(run, "drift"));
        }
    }
    if !known {
        run.findings.push(Finding {
            step: step.clone(),
            text: seen.to_owned(),
            at: now,
        });
        let surplus = run.findings.len().saturating_sub(KEPT_FINDINGS);
        run.findings.drain(..surplus);
    }
    if let Some(run) = landed {
        open::landed_late(app_mut(state, &run.application), now, &run);
    }
    Ok(Event::RunMoved { run: id.clone() })
}

fn record_lag(app: &mut AppState, region: &RegionId, samples: &[LagSample]) -> Event {
    let kept = app.lag.entry(region.clone()).or_default();
    let before = kept.clone();
    kept.extend_from_slice(samples);
    // Datapoints come unordered, and one is read many times; of two with one date the later reading
    // wins, because CloudWatch still amends its newest minute.
    kept.reverse();
    kept.sort_by_key(|sample| sample.at);
    kept.dedup_by_key(|sample| sample.at);
    let surplus = kept.len().saturating_sub(KEPT_LAG_SAMPLES);
    kept.drain(..surplus);
    if *kept == before {
        Event::NoChange
    } else {
        Event::Recorded
    }
}
