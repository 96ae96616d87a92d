//! Whether what a run has reached still stands: other hands revert things.

use std::collections::BTreeSet;

use super::{Engine, Move};
use crate::model::{
    CommandBody, Goal, Millis, Now, Observation, PlannedStep, Run, RunStatus, StepActivity, StepId,
    StepStatus,
};

/// Looks in a row that must find a goal undone before it is drift: one may be a stale read.
const DRIFT_LOOKS: u32 = 2;

impl Engine {
    pub(super) fn look_for_drift(&mut self, now: Now, run: &Run, every: Millis) -> Vec<Move> {
        let mut moves = Vec::new();
        for step in standing_goals(run) {
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
        run: &Run,
        step: &StepId,
        look: &Observation,
    ) -> Option<Move> {
        let soaking = matches!(run.status, RunStatus::Soaking { .. });
        let every = if soaking {
            self.timing.soak_poll
        } else {
            self.timing.steady_poll
        };
        let poll = self.timing.poll;
        let run_id = self.run.clone();
        let work = self.work.entry(step.clone()).or_default();
        let undone = match &look.goal {
            Goal::NotMet | Goal::Impossible { .. } | Goal::StaleEpoch { .. } => true,
            Goal::Met | Goal::PartlyMet | Goal::UnderWay | Goal::Unobservable { .. } => false,
        };
        if !undone {
            work.undone_looks = 0;
            work.wake_at = work.wake_at + Millis(every.0.saturating_sub(poll.0));
            return None;
        }
        work.undone_looks += 1;
        if work.undone_looks < DRIFT_LOOKS {
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
