//! Carries one open run from step to step: pure, told what came back, answers what to do next.
//!
//! ```text
//!            ┌───────────── not met ──────────────┐
//!  Waiting ─▶ observe ─ met ─▶ commit Done        ▼
//!            └ under way ─▶ settle        commit StepIntent ─▶ call ─▶ accepted ─▶ settle ─▶ Done
//!                                                  ▲              ├▶ refused ─▶ commit Failed
//!                                                  └── not sent ──┤
//!                                                                 └▶ unknown ─▶ commit, settle
//! ```
//!
//! What it must not forget is in the ledger; what it holds here (who is being waited for, when to
//! look again) may be lost at any moment, and a successor goes on from the ledger alone.
//!
//! Invariant: a call is only ever asked for when the ledger shows its intent, of this very life,
//! and no more than once for one attempt.
//! Invariant: an unknown outcome is observed, never taken for a failure.

mod drift;
mod work;

use std::collections::BTreeMap;

use crate::model::{
    BootId, CallOutcome, CommandBody, Failure, Goal, Intent, MemberId, Millis, Mono, Now,
    Observation, Outcome, PlannedStep, Promotion, Run, RunId, RunStatus, StepActivity, StepId,
    StepRecord, StepStatus, Variant, Wall,
};

use self::work::Work;
use super::steps::may_begin;

/// World times the engine goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    /// Between two looks at a goal.
    pub poll: Millis,
    /// The longest that one call may take.
    pub call_timeout: Millis,
    /// The leader's lease.
    pub lease: Millis,
    /// Between two looks at goals that have been reached, while soaking.
    pub soak_poll: Millis,
    /// The same once the run is closed.
    pub steady_poll: Millis,
}

/// How many steps two repetitions of a busy answer are apart at most: 1, 2, 4, then 8 polls.
const BUSY_BACKOFF_LIMIT: u32 = 3;

/// What the shell is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Read the world; answer with [`Heard::Observed`].
    Observe { step: StepId, intent: Intent },
    /// Write to the ledger; answer with [`Heard::Committed`].
    Commit { step: StepId, body: CommandBody },
    /// Prove leadership and make the one call; answer with [`Heard::Called`].
    Call {
        step: StepId,
        attempt: u32,
        intent: Intent,
        variant: Variant,
    },
}

/// What the shell answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Heard {
    /// What was seen.
    Observed {
        step: StepId,
        observation: Observation,
    },
    /// The ledger answered, whatever it said: the state tells.
    Committed { step: StepId },
    /// What became of the call.
    Called {
        step: StepId,
        attempt: u32,
        outcome: CallOutcome,
    },
}

/// The engine of one run on the member that leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Engine {
    run: RunId,
    member: MemberId,
    boot: BootId,
    timing: Timing,
    /// Until then nothing is written: a predecessor's last call may still be on its way.
    quiet_until: Mono,
    /// Since when this life carries it: no step's time runs while nobody does.
    carried_since: Wall,
    work: BTreeMap<StepId, Work>,
    /// The closing of the run is being committed.
    closing: bool,
    /// Not closed before then.
    close_at: Mono,
    /// Whether steps may begin, as last told.
    may_start: bool,
}

impl Engine {
    /// Takes up `run` in this life. If a predecessor left an intent standing, nothing is written
    /// until its lease and its longest call are over.
    pub fn take_up(run: &Run, member: MemberId, boot: BootId, timing: Timing, now: Now) -> Self {
        let mut engine = Self {
            run: run.id.clone(),
            member,
            boot,
            timing,
            quiet_until: now.mono,
            carried_since: now.wall,
            work: BTreeMap::new(),
            closing: false,
            close_at: now.mono,
            may_start: true,
        };
        engine.lead_again(run, now);
        engine
    }

    /// This member leads again, and another may have in between. What this life has called stays
    /// known: an attempt is never called a second time.
    pub fn lead_again(&mut self, run: &Run, now: Now) {
        let inherited = run.steps.values().any(|record| {
            matches!(&record.status, StepStatus::Intent { boot, .. } if *boot != self.boot)
        });
        self.carried_since = now.wall;
        if inherited {
            let quiet = self.timing.lease.plus(self.timing.call_timeout);
            self.quiet_until = self.quiet_until.max(now.mono + quiet);
            self.carried_since = now.wall + quiet;
        }
    }

    /// Takes in what came back while this member does not lead: nothing follows from it, but nobody
    /// is waited for any more, and what was called stays known.
    pub fn absorb(&mut self, heard: &Heard) {
        match heard {
            Heard::Committed { step } if step.as_str().is_empty() => self.closing = false,
            Heard::Committed { step } | Heard::Observed { step, .. } => {
                self.work.entry(step.clone()).or_default().waiting_for = None;
            }
            Heard::Called {
                step,
                attempt,
                outcome,
            } => self
                .work
                .entry(step.clone())
                .or_default()
                .answered(*attempt, outcome),
        }
    }

    /// What this member is doing about a step right now.
    pub fn activity(&self, run: &Run, step: &StepId) -> Option<StepActivity> {
        let work = self.work.get(step)?;
        let status = &run.steps.get(step)?.status;
        if status.is_at_rest() {
            return None;
        }
        match (work.waiting_for, status) {
            (Some(StepActivity::Observing), s) if s.is_in_flight() => Some(StepActivity::Settling),
            (Some(activity), _) => Some(activity),
            (None, s) if s.is_in_flight() => Some(StepActivity::Settling),
            (None, _) => Some(StepActivity::Ready),
        }
    }

    /// Everything that is to be done now. `may_start` is false while an inherited run has yet to
    /// prove its verdict anew.
    pub fn advance(&mut self, now: Now, run: &Run, may_start: bool) -> Vec<Move> {
        let mut moves = Vec::new();
        self.may_start = may_start;
        match &run.status {
            RunStatus::Executing | RunStatus::NeedsOperator { .. } | RunStatus::Aborting { .. } => {
                for (step, record) in run.in_order() {
                    moves.extend(self.advance_step(now, run, step, record, may_start));
                }
                let at_rest = run.in_order().all(|(_, r)| r.status.is_at_rest());
                if at_rest && matches!(run.status, RunStatus::Aborting { .. }) {
                    moves.extend(self.close(now));
                }
            }
            RunStatus::Soaking { until } => {
                moves.extend(self.look_for_drift(now, run, self.timing.soak_poll));
                if now.wall >= *until {
                    moves.extend(self.close(now));
                }
            }
            RunStatus::Completed => {
                moves.extend(self.look_for_drift(now, run, self.timing.steady_poll));
            }
            RunStatus::Aborted { .. } => moves.extend(self.look_after_abort(now, run)),
        }
        moves
    }

    /// This process is ending: whatever stands between an intent and its outcome is journaled, so
    /// that a successor need not wait to learn that nobody is about to call.
    pub fn drain(&mut self, now: Now, run: &Run) -> Vec<Move> {
        let boot = self.boot;
        let standing: Vec<(PlannedStep, u32)> = run
            .in_order()
            .filter_map(|(step, record)| match &record.status {
                StepStatus::Intent {
                    attempt, boot: of, ..
                } if *of == boot => Some((step.clone(), *attempt)),
                StepStatus::Intent { .. }
                | StepStatus::Unknown { .. }
                | StepStatus::Waiting
                | StepStatus::AwaitingApproval
                | StepStatus::Done { .. }
                | StepStatus::Skipped { .. }
                | StepStatus::Failed { .. } => None,
            })
            .collect();
        let mut moves = Vec::new();
        for (step, attempt) in standing {
            let work = self.work.entry(step.id.clone()).or_default();
            let busy = matches!(
                work.waiting_for,
                Some(StepActivity::Applying | StepActivity::Committing)
            );
            if busy {
                continue;
            }
            let answer = work
                .called
                .clone()
                .filter(|(called, _)| *called == attempt)
                .and_then(|(_, answer)| answer);
            moves.extend(match answer {
                Some(CallOutcome::Accepted) => {
                    let why = "accepted; the member that called is shutting down".to_owned();
                    Some(self.report(&step, attempt, Outcome::Unknown { why }, None))
                }
                Some(outcome) => self.after_call(now, &step, attempt, &outcome),
                None => {
                    let why = "the member is shutting down".to_owned();
                    Some(self.report(&step, attempt, Outcome::NotSent { why }, None))
                }
            });
        }
        moves
    }

    fn close(&mut self, now: Now) -> Option<Move> {
        if self.closing || now.mono < self.close_at {
            return None;
        }
        self.closing = true;
        self.close_at = now.mono + self.timing.poll;
        Some(Move::Commit {
            step: StepId(String::new()),
            body: CommandBody::CloseRun {
                run: self.run.clone(),
            },
        })
    }

    fn advance_step(
        &mut self,
        now: Now,
        run: &Run,
        step: &PlannedStep,
        record: &StepRecord,
        may_start: bool,
    ) -> Option<Move> {
        let boot = self.boot;
        let work = self.work.entry(step.id.clone()).or_default();
        match &record.status {
            StepStatus::Intent { attempt, .. } | StepStatus::Unknown { attempt, .. } => {
                work.sees_in_flight(*attempt, now.mono);
            }
            // Its request may outlive its time, and a person may ask for another.
            StepStatus::Failed { .. } if record.attempts > 0 => {
                work.sees_in_flight(record.attempts, now.mono);
            }
            StepStatus::Waiting if may_start && may_begin(run, step) => {
                work.might_begin_since.get_or_insert(now.wall);
            }
            StepStatus::Waiting => work.might_begin_since = None,
            StepStatus::Failed { .. }
            | StepStatus::AwaitingApproval
            | StepStatus::Done { .. }
            | StepStatus::Skipped { .. } => {}
        }
        // An intent that has just been committed is called at once, whenever the next look is due.
        let fresh_intent = matches!(
            &record.status,
            StepStatus::Intent { attempt, boot: of, .. }
                if *of == boot && work.called.as_ref().is_none_or(|(called, _)| called != attempt)
        );
        if work.waiting_for.is_some() || (now.mono < work.wake_at && !fresh_intent) {
            return None;
        }
        match &record.status {
            StepStatus::Done { .. }
            | StepStatus::Skipped { .. }
            | StepStatus::Failed { .. }
            | StepStatus::AwaitingApproval => None,
            StepStatus::Waiting => {
                if !may_start || !may_begin(run, step) {
                    return None;
                }
                self.begin(now, run, step, record)
            }
            StepStatus::Intent {
                attempt,
                boot: of,
                variant,
                ..
            } if *of == boot => match &work.called {
                Some((called, answer)) if called == attempt => match answer {
                    // The ledger did not take the outcome in: say it again.
                    Some(outcome) => {
                        let outcome = outcome.clone();
                        self.after_call(now, step, *attempt, &outcome)
                    }
                    // Nobody is waited for, and no answer came: it was lost on its way here.
                    None => {
                        let why = "the call's answer was lost".to_owned();
                        Some(self.report(step, *attempt, Outcome::Unknown { why }, None))
                    }
                },
                Some(_) | None => {
                    work.on_its_way = Some((*attempt, Some(now.mono)));
                    work.called = Some((*attempt, None));
                    work.waiting_for = Some(StepActivity::Applying);
                    Some(Move::Call {
                        step: step.id.clone(),
                        attempt: *attempt,
                        intent: step.intent.clone(),
                        variant: *variant,
                    })
                }
            },
            StepStatus::Intent { .. } | StepStatus::Unknown { .. } => {
                if step.intent.is_observable() {
                    Some(self.observe(step))
                } else {
                    self.repeat_unobservable(now, run, step, record)
                }
            }
        }
    }

    fn begin(
        &mut self,
        now: Now,
        run: &Run,
        step: &PlannedStep,
        record: &StepRecord,
    ) -> Option<Move> {
        let (begun, deadline) = self.span(run, step, record);
        match &step.intent {
            Intent::Approval { .. } => {
                Some(self.report(step, record.attempts, Outcome::AwaitingApproval, None))
            }
            Intent::Wait { duration } => {
                if now.wall < begun + *duration {
                    return None;
                }
                let done = Outcome::Done { partly: false };
                Some(self.report(step, record.attempts, done, None))
            }
            Intent::Bake { duration, .. } => {
                // Only what this life has seen of it counts: another's votes are not ours, and time in
                // which the Region was not well is none.
                let work = self.work.get(&step.id);
                let watched_since = work.and_then(|work| work.might_begin_since)?;
                if now.wall < watched_since + *duration {
                    return None;
                }
                let done = Outcome::Done { partly: false };
                Some(self.report(step, record.attempts, done, None))
            }
            Intent::HttpRequest { .. } => {
                if now.wall >= deadline {
                    let failure = Failure::TimedOut {
                        seen: self.last_seen(step),
                    };
                    return Some(self.fail(step, record.attempts, failure));
                }
                self.intend(now, run, step, record)
            }
            Intent::Dial { .. }
            | Intent::Weight { .. }
            | Intent::Route53Failover { .. }
            | Intent::Route53Weights { .. }
            | Intent::RoutingControl { .. }
            | Intent::AuroraPromote { .. }
            | Intent::ScaleNodegroup { .. }
            | Intent::Steer { .. }
            | Intent::HttpCheck { .. } => Some(self.observe(step)),
        }
    }

    /// A hook's answer was lost, and its goal cannot be read: hooks are asked to bear repetition.
    fn repeat_unobservable(
        &mut self,
        now: Now,
        run: &Run,
        step: &PlannedStep,
        record: &StepRecord,
    ) -> Option<Move> {
        let (_, deadline) = self.span(run, step, record);
        if now.wall >= deadline {
            // A run that is being aborted closes next; one that goes on need not wait for a hook.
            let aborting = matches!(run.status, RunStatus::Aborting { .. });
            if aborting && !self.is_quiet(now, step) {
                return None;
            }
            let failure = Failure::Unobservable {
                why: self.last_seen(step),
            };
            return Some(self.fail(step, record.attempts, failure));
        }
        self.intend(now, run, step, record)
    }

    /// Takes in what came back, and says what follows at once.
    pub fn hear(&mut self, now: Now, run: &Run, heard: Heard) -> Vec<Move> {
        match heard {
            Heard::Committed { step } => {
                if step.as_str().is_empty() {
                    // Closing was refused or lost: tried again at the next turn.
                    self.closing = false;
                    return Vec::new();
                }
                let work = self.work.entry(step).or_default();
                work.waiting_for = None;
                // What the ledger refused, or did not hear, is not said again at once.
                work.wake_at = work.wake_at.max(now.mono + self.timing.poll);
                Vec::new()
            }
            Heard::Called {
                step,
                attempt,
                outcome,
            } => {
                let work = self.work.entry(step.clone()).or_default();
                work.answered(attempt, &outcome);
                let Some(planned) = run.planned(&step) else {
                    return Vec::new();
                };
                self.after_call(now, planned, attempt, &outcome)
                    .into_iter()
                    .collect()
            }
            Heard::Observed { step, observation } => {
                let work = self.work.entry(step.clone()).or_default();
                work.waiting_for = None;
                work.wake_at = now.mono + self.timing.poll;
                work.seen = Some(observation.seen.clone());
                let (Some(planned), Some(record)) = (run.planned(&step), run.steps.get(&step))
                else {
                    return Vec::new();
                };
                if !matches!(
                    run.status,
                    RunStatus::Executing
                        | RunStatus::NeedsOperator { .. }
                        | RunStatus::Aborting { .. }
                ) {
                    let found = self.judge_drift(now, run, &step, &observation);
                    return found.into_iter().collect();
                }
                self.after_look(now, run, planned, record, &observation)
                    .into_iter()
                    .collect()
            }
        }
    }

    fn after_call(
        &mut self,
        now: Now,
        step: &PlannedStep,
        attempt: u32,
        outcome: &CallOutcome,
    ) -> Option<Move> {
        let poll = self.timing.poll;
        let work = self.work.entry(step.id.clone()).or_default();
        match outcome {
            CallOutcome::Accepted => {
                work.busy = 0;
                if !step.intent.is_observable() {
                    return Some(self.report(step, attempt, Outcome::Done { partly: false }, None));
                }
                Some(self.observe(step))
            }
            CallOutcome::Refused { code, message } => {
                if let Intent::AuroraPromote {
                    method: Promotion::Switchover,
                    escalate_after: Some(_),
                    ..
                } = &step.intent
                    && work.switchover_refused.is_none_or(|at| at == attempt)
                {
                    work.switchover_refused = Some(attempt);
                    let why = format!("the switchover was refused ({code}): {message}");
                    return Some(self.report(step, attempt, Outcome::NotSent { why }, None));
                }
                // An earlier attempt of unknown outcome may be why: the goal tells.
                if work.in_doubt && step.intent.is_observable() {
                    return Some(self.observe(step));
                }
                let failure = Failure::Refused {
                    code: code.clone(),
                    message: message.clone(),
                };
                Some(self.fail(step, attempt, failure))
            }
            CallOutcome::Busy { code, message } => {
                let wait = poll.times(1 << work.busy.min(BUSY_BACKOFF_LIMIT));
                work.busy += 1;
                work.wake_at = now.mono + wait;
                work.seen = Some(format!("{code}: {message}"));
                let why = format!("busy ({code}): {message}");
                Some(self.report(step, attempt, Outcome::NotSent { why }, None))
            }
            CallOutcome::NotSent { why } => {
                work.wake_at = now.mono + poll;
                let why = why.clone();
                Some(self.report(step, attempt, Outcome::NotSent { why }, None))
            }
            CallOutcome::Unknown { why } => {
                work.wake_at = now.mono + poll;
                work.seen = Some(why.clone());
                let why = why.clone();
                Some(self.report(step, attempt, Outcome::Unknown { why }, None))
            }
        }
    }

    fn after_look(
        &mut self,
        now: Now,
        run: &Run,
        step: &PlannedStep,
        record: &StepRecord,
        look: &Observation,
    ) -> Option<Move> {
        if record.status.is_at_rest() || record.status == StepStatus::AwaitingApproval {
            return None;
        }
        if record.status == StepStatus::Waiting && look.goal != Goal::Met && !may_begin(run, step) {
            return None;
        }
        let attempt = record.attempts;
        let (_, deadline) = self.span(run, step, record);
        let over = now.wall >= deadline;
        // While its request may be on its way, or has only just arrived, a step is not given up: what
        // is at rest may be closed.
        let late = over && self.is_quiet(now, step);
        let timed_out = || Failure::TimedOut {
            seen: look.seen.clone(),
        };
        match &look.goal {
            Goal::Met => {
                let done = Outcome::Done { partly: false };
                Some(self.report(step, attempt, done, Some(&look.seen)))
            }
            Goal::PartlyMet if over => {
                let done = Outcome::Done { partly: true };
                Some(self.report(step, attempt, done, Some(&look.seen)))
            }
            Goal::UnderWay if late => Some(self.fail(step, attempt, timed_out())),
            Goal::PartlyMet | Goal::UnderWay => None,
            Goal::Impossible { code, message } => {
                let failure = Failure::Impossible {
                    code: code.clone(),
                    message: message.clone(),
                };
                Some(self.fail(step, attempt, failure))
            }
            Goal::StaleEpoch { seen } => {
                Some(self.fail(step, attempt, Failure::StaleEpoch { seen: *seen }))
            }
            Goal::Unobservable { why } if late => {
                let failure = Failure::Unobservable { why: why.clone() };
                Some(self.fail(step, attempt, failure))
            }
            Goal::Unobservable { .. } => None,
            Goal::NotMet => match self.refusal(step, record) {
                // What it was refused for may not be visible yet.
                Some(_) if !self.is_quiet(now, step) => None,
                Some(refusal) => Some(self.fail(step, attempt, refusal)),
                None if late => Some(self.fail(step, attempt, timed_out())),
                None => self.after_unmet(now, run, step, record),
            },
        }
    }

    /// The refusal of the attempt that stands, if it was refused.
    fn refusal(&self, step: &PlannedStep, record: &StepRecord) -> Option<Failure> {
        let StepStatus::Intent { attempt, boot, .. } = &record.status else {
            return None;
        };
        match &self.work.get(&step.id)?.called {
            Some((of, Some(CallOutcome::Refused { code, message })))
                if of == attempt && *boot == self.boot =>
            {
                Some(Failure::Refused {
                    code: code.clone(),
                    message: message.clone(),
                })
            }
            Some(_) | None => None,
        }
    }

    /// The goal is not met and nothing is under way: is it time to write, or to write again?
    fn after_unmet(
        &mut self,
        now: Now,
        run: &Run,
        step: &PlannedStep,
        record: &StepRecord,
    ) -> Option<Move> {
        if !step.intent.writes() {
            return None;
        }
        match &record.status {
            StepStatus::Waiting => {
                if self.may_start && may_begin(run, step) {
                    self.intend(now, run, step, record)
                } else {
                    None
                }
            }
            StepStatus::Intent { boot, .. } => {
                if !self.is_quiet(now, step) {
                    return None;
                }
                if *boot == self.boot {
                    let why = "accepted, but nothing came of it".to_owned();
                    let seen = self.last_seen(step);
                    let unknown = Outcome::Unknown { why };
                    return Some(self.report(step, record.attempts, unknown, Some(&seen)));
                }
                self.intend(now, run, step, record)
            }
            StepStatus::Unknown { .. } => self.intend(now, run, step, record),
            StepStatus::AwaitingApproval
            | StepStatus::Done { .. }
            | StepStatus::Skipped { .. }
            | StepStatus::Failed { .. } => None,
        }
    }

    /// Whether neither the last request can land late nor a read of what it did be stale: before
    /// that nothing is written again. A request is sent within the lease that its proof stands on
    /// and lands within its timeout; a read may lag behind by as much again.
    fn is_quiet(&self, now: Now, step: &PlannedStep) -> bool {
        let after = self.timing.lease.plus(self.timing.call_timeout.times(2));
        self.work
            .get(&step.id)
            .is_none_or(|work| work.is_quiet(now.mono, after))
    }

    fn intend(
        &mut self,
        now: Now,
        run: &Run,
        step: &PlannedStep,
        record: &StepRecord,
    ) -> Option<Move> {
        let allowed = match &run.status {
            RunStatus::Executing => true,
            RunStatus::Aborting { .. } => run.restoring.iter().any(|r| r.id == step.id),
            RunStatus::NeedsOperator { .. }
            | RunStatus::Soaking { .. }
            | RunStatus::Completed
            | RunStatus::Aborted { .. } => false,
        };
        if !allowed || run.paused.is_some() || now.mono < self.quiet_until {
            return None;
        }
        // Hooks are asked to bear repetition.
        if step.intent.is_observable() && !self.is_quiet(now, step) {
            return None;
        }
        let variant = self.variant(now, run, step, record);
        let work = self.work.entry(step.id.clone()).or_default();
        work.waiting_for = Some(StepActivity::Committing);
        Some(Move::Commit {
            step: step.id.clone(),
            body: CommandBody::StepIntent {
                run: self.run.clone(),
                step: step.id.clone(),
                attempt: record.attempts + 1,
                member: self.member.clone(),
                boot: self.boot,
                epoch: run.epoch,
                variant,
                before: work.seen.clone(),
            },
        })
    }

    /// A bounded switchover becomes a failover when its bound has passed or it was refused, and
    /// stays one.
    fn variant(&self, now: Now, run: &Run, step: &PlannedStep, record: &StepRecord) -> Variant {
        let Intent::AuroraPromote {
            method: Promotion::Switchover,
            escalate_after: Some(bound),
            ..
        } = &step.intent
        else {
            return Variant::AsPlanned;
        };
        let (begun, _) = self.span(run, step, record);
        let refused = self
            .work
            .get(&step.id)
            .is_some_and(|work| work.switchover_refused.is_some());
        let was_escalated = matches!(
            &record.status,
            StepStatus::Intent {
                variant: Variant::Escalated,
                ..
            } | StepStatus::Unknown {
                variant: Variant::Escalated,
                ..
            }
        );
        if refused || was_escalated || now.wall.since(begun) >= *bound {
            Variant::Escalated
        } else {
            Variant::AsPlanned
        }
    }

    /// When the step's time began, and when it is over. Where it was over before anybody was there
    /// to begin the step, it begins when this life might; so it does in the ledger, by its intent.
    /// Where somebody was and is gone, whoever carries the run now has the step's whole time: what
    /// it inherits may have to be done from the beginning.
    fn span(&self, run: &Run, step: &PlannedStep, record: &StepRecord) -> (Wall, Wall) {
        let begun = record.started_at.unwrap_or_else(|| run.ready_at(step));
        let might_since = self
            .work
            .get(&step.id)
            .filter(|_| record.status == StepStatus::Waiting)
            .and_then(|work| work.might_begin_since)
            .filter(|since| *since >= begun + step.timeout);
        let begun = might_since.unwrap_or(begun);
        (begun, begun.max(self.carried_since) + step.timeout)
    }

    fn observe(&mut self, step: &PlannedStep) -> Move {
        let work = self.work.entry(step.id.clone()).or_default();
        work.waiting_for = Some(StepActivity::Observing);
        Move::Observe {
            step: step.id.clone(),
            intent: step.intent.clone(),
        }
    }

    fn report(
        &mut self,
        step: &PlannedStep,
        attempt: u32,
        outcome: Outcome,
        after: Option<&str>,
    ) -> Move {
        let work = self.work.entry(step.id.clone()).or_default();
        work.waiting_for = Some(StepActivity::Committing);
        Move::Commit {
            step: step.id.clone(),
            body: CommandBody::StepOutcome {
                run: self.run.clone(),
                step: step.id.clone(),
                attempt,
                outcome,
                after: after.map(str::to_owned),
            },
        }
    }

    fn fail(&mut self, step: &PlannedStep, attempt: u32, failure: Failure) -> Move {
        let seen = self.last_seen(step);
        self.report(step, attempt, Outcome::Failed { failure }, Some(&seen))
    }

    fn last_seen(&self, step: &PlannedStep) -> String {
        self.work
            .get(&step.id)
            .and_then(|work| work.seen.clone())
            .unwrap_or_else(|| "nothing was seen".to_owned())
    }
}
