//! Whether what a run has reached still stands: other hands revert things.

use std::collections::BTreeSet;

use super::{Engine, Move};
use crate::model::{
    CommandBody, Goal, Millis, Now, Observation, PlannedStep, Run, RunStatus, StepActivity, StepId,
    StepStatus,
};

/// Looks in a row that must find a goal undone (or, given up, reached) before it is drift: one may
/// be a stale read.
const DRIFT_LOOKS: u32 = 2;

impl Engine {
    pub(super) fn look_for_drift(&mut self, now: Now, run: &Run, every: Millis) -> Vec<Move> {
        self.look_at(now, standing_goals(run), every)
    }

    /// What an abort has given up may land long after the run is closed: a promotion at any time,
    /// whatever else was given back for as long as a run soaks.
    pub(super) fn look_after_abort(&mut self, now: Now, run: &Run) -> Vec<Move> {
        let every = self.drift_poll(now, run);
        let mut goals: Vec<PlannedStep> = run.promotions_given_up().cloned().collect();
        if is_soaking(now, run) {
            let given_back = |step: &PlannedStep| run.restoring.contains(step);
            goals.extend(standing_goals(run).into_iter().filter(given_back));
        }
        goals.retain(|step| run.findings.iter().all(|found| found.step != step.id));
        self.look_at(now, goals, every)
    }

    /// Often at first, then now and then.
    fn drift_poll(&self, now: Now, run: &Run) -> Millis {
        if is_soaking(now, run) {
            self.timing.soak_poll
        } else {
            self.timing.steady_poll
        }
    }

    fn look_at(&mut self, now: Now, goals: Vec<PlannedStep>, every: Millis) -> Vec<Move> {
        let mut moves = Vec::new();
        for step in goals {
            let work = self.work.entry(step.id.clone()).or_default();
            if work.waiting_for.is_some() || now.mono < work.wake_at {
                continue;
            }
            work.waiting_for = Some(StepActivity::Observing);
            // The answer shortens this to a poll where it must be asked again soon.
            work.wake_at = now.mono + every;
            moves.push(Move::Observe {
                step: step.id.clone(),
                intent: step.intent.clone(),
            });
        }
        moves
    }

    pub(super) fn judge_drift(
        &mut self,
        now: Now,
        run: &Run,
        step: &StepId,
        look: &Observation,
    ) -> Option<Move> {
        let every = self.drift_poll(now, run);
        let poll = self.timing.poll;
        let run_id = self.run.clone();
        let work = self.work.entry(step.clone()).or_default();
        let given_up = run.promotions_given_up().any(|given| &given.id == step);
        let drifted = match &look.goal {
            Goal::NotMet | Goal::Impossible { .. } | Goal::StaleEpoch { .. } => !given_up,
            Goal::Met | Goal::PartlyMet | Goal::UnderWay => given_up,
            Goal::Unobservable { .. } => false,
        };
        if !drifted {
            work.drift_looks = 0;
            work.wake_at = work.wake_at + Millis(every.0.saturating_sub(poll.0));
            return None;
        }
        work.drift_looks += 1;
        if work.drift_looks < DRIFT_LOOKS {
            return None;
        }
        work.wake_at = work.wake_at + Millis(every.0.saturating_sub(poll.0));
        work.waiting_for = Some(StepActivity::Committing);
        Some(Move::Commit {
            step: step.clone(),
            body: CommandBody::RecordDrift {
                run: run_id,
                step: step.clone(),
                seen: look.seen.clone(),
            },
        })
    }
}

/// A run that has ended early is watched as closely for as long as one that soaks.
fn is_soaking(now: Now, run: &Run) -> bool {
    match (&run.status, run.closed_at) {
        (RunStatus::Soaking { .. }, _) => true,
        (RunStatus::Aborted { .. }, Some(closed)) => now.wall.since(closed) < run.soak,
        (
            RunStatus::Executing
            | RunStatus::NeedsOperator { .. }
            | RunStatus::Aborting { .. }
            | RunStatus::Aborted { .. }
            | RunStatus::Completed,
            _,
        ) => false,
    }
}

/// The goals that a run has reached and that should still stand: of several steps of one action on
/// one resource the last.
fn standing_goals(run: &Run) -> Vec<PlannedStep> {
    let mut seen = BTreeSet::new();
    let mut goals = Vec::new();
    let mut done: Vec<_> = run
        .in_order()
        .filter(|(_, record)| matches!(record.status, StepStatus::Done { .. }))
        .collect();
    done.sort_by_key(|(_, record)| record.ended_at);
    for (step, _) in done.into_iter().rev() {
        if let Some(resource) = step.intent.resource()
            && seen.insert((step.intent.name(), resource))
        {
            goals.push(step.clone());
        }
    }
    goals
}
