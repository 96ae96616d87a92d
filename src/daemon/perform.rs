//! Performs what the controller asks for. Each effect is a task of its own that ends with an input
//! for the same loop; none is ever waited for by the loop.
//!
//! Invariant: a call is handed to the actuator only after a linearizable read has shown, in this
//! order, that this member leads and that the step stands at this life's intent.
//! Invariant: an effect that is performed is answered, also by a task that panics: the answer is
//! then that nothing is known.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::controller::{Effect, Input};
use crate::model::{
    AppId, Application, BootId, CallOutcome, Command, CommandBody, Event, Goal, Intent, Millis,
    Observation, Outcome, Rejection, RunId, StandDownReason, StepId, Variant,
};
use crate::ports::{Actuator, Call, Clock, Ledger, LedgerError, Proof};
use crate::run::{Heard, Move, may_call};

use super::epochs::Looked;
use super::game_day::RehearsalSheets;
use super::gossip::Sheets;
use super::operate::Operators;
use super::preflight;
use super::stats::Stats;
use super::trace;

/// Performs effects, and answers into the loop's inbox.
#[derive(Clone)]
pub(super) struct Performer {
    pub ledger: Arc<dyn Ledger>,
    pub actuator: Arc<dyn Actuator>,
    pub clock: Arc<dyn Clock>,
    pub boot: BootId,
    /// How old a proof of leadership may be, in world time: half the lease.
    pub proof_lasts: Millis,
    pub inbox: mpsc::Sender<Input>,
    pub stats: Arc<Stats>,
    /// Calls and commits under way: what a shutdown waits for. Reads are not among them.
    pub journal: TaskTracker,
    /// Why a step's goal could not be seen at the last look.
    pub unseen: Unseen,
    /// What the other members are told when they ask.
    pub sheets: Sheets,
    /// Likewise, what is made up for game days.
    pub rehearsals: RehearsalSheets,
    /// Whether leadership is being given up.
    pub standing_down: Arc<AtomicBool>,
    /// What is failed over.
    pub apps: Arc<[Application]>,
    /// When the epoch that stands outside was last compared with a run's.
    pub looked: Looked,
    /// Who waits for an answer of the loop.
    pub operators: Operators,
}

/// By step; one that is seen has no entry.
pub(super) type Unseen = Arc<Mutex<BTreeMap<(RunId, StepId), String>>>;

impl Performer {
    /// Performs one effect, unless this process is ending.
    pub fn perform(&self, effect: Effect) {
        match effect {
            Effect::Perform { app, run, act } => self.perform_move(app, run, act),
            Effect::ReadTraffic { app } => {
                let this = self.clone();
                let unread = Input::TrafficRead {
                    app: app.clone(),
                    traffic: None,
                };
                tokio::spawn(self.clone().answered(unread, async move {
                    let traffic = match this.actuator.read_traffic(&app).await {
                        Ok(traffic) => Some(traffic),
                        Err(error) => {
                            tracing::warn!(%app, %error, "planning from what was recorded");
                            None
                        }
                    };
                    Input::TrafficRead { app, traffic }
                }));
            }
            Effect::OpenRun { app, body } => {
                let this = self.clone();
                let untold = Input::Opened {
                    app: app.clone(),
                    answer: None,
                };
                self.journal
                    .spawn(self.clone().answered(untold, async move {
                        let answer = match preflight::refusal(&this, &app, &body).await {
                            Some(reason) => Some(Err(Rejection::Guard { reason })),
                            None => {
                                let span = if let CommandBody::OpenRun { plan, .. } = &body {
                                    trace::decide(&app, &plan.run_id())
                                } else {
                                    tracing::Span::none()
                                };
                                this.open(&app, body).instrument(span).await
                            }
                        };
                        Input::Opened { app, answer }
                    }));
            }
            Effect::Evacuate { body } => self.evacuate(body),
            Effect::Gossip(sheets) => self.sheets.put(sheets),
            Effect::StandDown(reason) => self.stand_down(reason),
            Effect::Drill(act) => self.drill(act),
            // The loop tells these itself.
            Effect::Publish(_) | Effect::Answer { .. } => {}
        }
    }

    /// What may still be done once this process is ending: journal outcomes, and nothing else.
    pub fn perform_ending(&self, effect: Effect) {
        if let Effect::Perform {
            app,
            run,
            act:
                act @ Move::Commit {
                    body: CommandBody::StepOutcome { .. },
                    ..
                },
        } = effect
        {
            self.perform_move(app, run, act);
        }
    }

    /// Not journaled: the next leader says it again.
    fn evacuate(&self, body: CommandBody) {
        let this = self.clone();
        tokio::spawn(async move {
            match this.propose(body.clone()).await {
                Ok(Ok(event)) => tracing::info!(?body, ?event, "evacuation"),
                Ok(Err(rejection)) => tracing::warn!(?body, %rejection, "the ledger refused"),
                Err(error) => tracing::warn!(?body, %error, "the ledger did not answer"),
            }
        });
    }

    /// Asked for at every turn until it is done; once is enough.
    fn stand_down(&self, reason: StandDownReason) {
        if self.standing_down.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            let done = this.ledger.stand_down(&reason.to_string()).await;
            this.standing_down.store(false, Ordering::Release);
            if let Err(error) = done {
                tracing::error!(%error, "this member could not stand down");
            }
        });
    }

    fn perform_move(&self, app: AppId, run: RunId, act: Move) {
        let this = self.clone();
        let lost = Input::Heard {
            run: run.clone(),
            heard: lost(&act),
        };
        match act {
            Move::Observe { step, intent } => {
                let span = trace::look(&run, &step, &intent);
                tokio::spawn(self.clone().answered(lost, async move {
                    let looking = this.actuator.observe(&app, &intent);
                    let observation = looking.instrument(span).await;
                    this.stats.observed(&intent, &observation.goal);
                    this.tell_looked(&run, &step, &observation);
                    let heard = Heard::Observed { step, observation };
                    Input::Heard { run, heard }
                }));
            }
            Move::Commit { step, body } => {
                self.journal.spawn(self.clone().answered(lost, async move {
                    log_commit(&run, &body);
                    let span = trace::commit(&run, &step);
                    match this.propose(body).instrument(span).await {
                        Ok(Ok(_)) => tracing::debug!(%run, %step, "committed"),
                        Ok(Err(rejection)) => {
                            tracing::warn!(%run, %step, %rejection, "the ledger refused");
                        }
                        Err(error) => {
                            tracing::warn!(%run, %step, %error, "the ledger did not answer");
                        }
                    }
                    let heard = Heard::Committed { step };
                    Input::Heard { run, heard }
                }));
            }
            Move::Call {
                step,
                attempt,
                intent,
                variant,
            } => {
                self.journal.spawn(self.clone().answered(lost, async move {
                    let span = trace::call(&run, &step, attempt, &intent);
                    let outcome = this
                        .call(&app, &run, &step, attempt, &intent, variant)
                        .instrument(span)
                        .await;
                    this.stats.called(&intent, &outcome);
                    tracing::info!(%run, %step, attempt, action = intent.name(), ?outcome, "called");
                    let heard = Heard::Called {
                        step,
                        attempt,
                        outcome,
                    };
                    Input::Heard { run, heard }
                }));
            }
        }
    }

    /// That a goal cannot be seen is told once, and again when the reason changes.
    fn tell_looked(&self, run: &RunId, step: &StepId, observation: &Observation) {
        tracing::debug!(%run, %step, seen = observation.seen, "observed");
        let key = (run.clone(), step.clone());
        let mut unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Goal::Unobservable { why } = &observation.goal {
            if unseen.insert(key, why.clone()).as_ref() != Some(why) {
                tracing::warn!(%run, %step, why, "the goal cannot be seen");
            }
        } else if unseen.remove(&key).is_some() {
            tracing::info!(%run, %step, seen = observation.seen, "the goal is seen again");
        }
    }

    /// Opens a run; `None` if the ledger did not say.
    async fn open(&self, app: &AppId, body: CommandBody) -> Option<Result<Event, Rejection>> {
        tracing::debug!(%app, "everything is there that the run will change: opening it");
        let answer = self.propose(body).await;
        match &answer {
            Ok(Ok(Event::RunOpened { run })) => {
                self.looked_outside(run);
                tracing::info!(%app, %run, "the run is open");
            }
            Ok(Ok(event)) => tracing::info!(%app, ?event, "the run was open already"),
            // The loop tells people; this tells when.
            Ok(Err(rejection)) => tracing::debug!(%app, %rejection, "the run is not opened"),
            Err(error) => tracing::debug!(%app, %error, "whether the run is open is not known"),
        }
        answer.ok()
    }

    async fn call(
        &self,
        app: &AppId,
        run: &RunId,
        step: &StepId,
        attempt: u32,
        intent: &Intent,
        variant: Variant,
    ) -> CallOutcome {
        // Before the proof is asked for, which does not last as long as this may take.
        // What needs no control plane waits for none: what was recorded must do.
        let newer = if matches!(intent, Intent::Steer { .. }) {
            self.ledger.state().overtaken_by(app)
        } else {
            self.overtaken(app, run).await
        };
        if let Some(newer) = newer {
            return CallOutcome::Refused {
                code: "stale_epoch".to_owned(),
                message: format!(
                    "epoch {newer} stands in the zone: somebody else has moved {app} since; \
                     `failoverctl ack {app}` takes that over and ends this run"
                ),
            };
        }
        // The proof is as old as the question, not as the answer.
        let asked_at = self.clock.now().mono;
        tracing::debug!(%run, %step, attempt, "proving leadership");
        let state = match self.ledger.prove().await {
            Ok(state) => state,
            Err(error) => {
                let why = format!("leadership is not proven: {error}");
                return CallOutcome::NotSent { why };
            }
        };
        tracing::debug!(%run, %step, attempt, "leadership is proven");
        if let Err(why) = may_call(&state, run, step, attempt, self.boot) {
            return CallOutcome::NotSent { why };
        }
        let (clock, lasts) = (Arc::clone(&self.clock), self.proof_lasts);
        // Once this member gives up leading, or its lease is over, nothing more leaves it.
        let ledger = Arc::clone(&self.ledger);
        let proof = Proof::new(move || clock.now().mono.since(asked_at) < lasts && ledger.leads());
        let call = Call {
            run,
            step,
            attempt,
            intent,
            variant,
        };
        self.actuator.apply(app, &call, &proof).await
    }

    /// Commits a command that carries this moment's date.
    pub async fn propose(
        &self,
        body: CommandBody,
    ) -> Result<Result<Event, Rejection>, LedgerError> {
        let at = self.clock.now().wall;
        let answer = self.ledger.propose(Command { at, body }).await;
        self.stats.proposed(&answer);
        answer
    }

    /// Whether AWS answered this member: what a leader's trust in itself stands on.
    pub async fn aws_answered(&self, reached: bool) {
        // The loop is gone only when the process ends; nobody is left to tell.
        let _ = self.inbox.send(Input::AwsAnswered { reached }).await;
    }

    /// Tells the loop what comes of `work`, and `lost` if it panics: a step that waits for an answer
    /// which never comes would wait until a restart.
    pub(super) async fn answered(self, lost: Input, work: impl Future<Output = Input>) {
        // What a panic leaves half done in here is counters; what was half done outside is unknown.
        let input = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(input) => input,
            Err(panic) => {
                let panic = words(panic.as_ref());
                tracing::error!(panic, answer = ?lost, "a task failed; its outcome is unknown");
                lost
            }
        };
        // The loop is gone only when the process ends; nobody is left to tell.
        let _ = self.inbox.send(input).await;
    }
}

/// What is heard of a move whose task failed: that it may or may not have happened.
fn lost(act: &Move) -> Heard {
    let why = || "the task that was to find out failed: see this member's log".to_owned();
    match act {
        Move::Observe { step, .. } => Heard::Observed {
            step: step.clone(),
            observation: Observation {
                goal: Goal::Unobservable { why: why() },
                seen: why(),
            },
        },
        Move::Commit { step, .. } => Heard::Committed { step: step.clone() },
        Move::Call { step, attempt, .. } => Heard::Called {
            step: step.clone(),
            attempt: *attempt,
            outcome: CallOutcome::Unknown { why: why() },
        },
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}

fn log_commit(run: &RunId, body: &CommandBody) {
    match body {
        CommandBody::StepIntent { step, attempt, .. } => {
            tracing::info!(%run, %step, attempt, "intent");
        }
        CommandBody::StepOutcome {
            step,
            attempt,
            outcome,
            after,
            ..
        } => {
            let seen = after.as_deref().unwrap_or_default();
            match outcome {
                Outcome::Failed { failure } => {
                    tracing::warn!(%run, %step, attempt, %failure, "step failed");
                }
                Outcome::Unknown { why } => {
                    tracing::warn!(%run, %step, attempt, why, "outcome unknown");
                }
                Outcome::NotSent { why } => {
                    tracing::info!(%run, %step, attempt, why, "not sent");
                }
                Outcome::Done { .. } | Outcome::Skipped { .. } | Outcome::AwaitingApproval => {
                    tracing::info!(%run, %step, attempt, ?outcome, seen, "step moved");
                }
            }
        }
        CommandBody::RecordDrift { step, seen, .. } => {
            tracing::warn!(%run, %step, seen, "drift");
        }
        body => tracing::info!(%run, ?body, "commit"),
    }
}

#[cfg(test)]
mod tests;
