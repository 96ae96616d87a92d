//! What this life knows of a step beyond the ledger.

use crate::model::{CallOutcome, Millis, Mono, StepActivity, Wall};

/// What this life knows of a step beyond the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Work {
    /// An answer is being waited for.
    pub(super) waiting_for: Option<StepActivity>,
    /// Not before then.
    pub(super) wake_at: Mono,
    /// The attempt that was handed out to be called, and what came back.
    pub(super) called: Option<(u32, Option<CallOutcome>)>,
    /// The newest attempt, and since when its request may be on its way; `None` if it certainly is
    /// not. On our own clock: a date that jumps makes no request arrive sooner.
    pub(super) on_its_way: Option<(u32, Option<Mono>)>,
    /// The outcome of an attempt before the newest was never known.
    pub(super) in_doubt: bool,
    /// What the world looked like last, for the ledger's before and after.
    pub(super) seen: Option<String>,
    pub(super) busy: u32,
    /// The attempt at which the switchover was refused: what follows is the failover, if allowed.
    pub(super) switchover_refused: Option<u32>,
    /// Looks in a row that found drift.
    pub(super) drift_looks: u32,
    /// Since when this life might begin it.
    pub(super) might_begin_since: Option<Wall>,
}

impl Work {
    /// Takes in what became of a call, and nothing more.
    pub(super) fn answered(&mut self, attempt: u32, outcome: &CallOutcome) {
        self.waiting_for = None;
        if self.called.as_ref().is_some_and(|(of, _)| *of > attempt) {
            return;
        }
        self.called = Some((attempt, Some(outcome.clone())));
        let certainly_not = match outcome {
            CallOutcome::Refused { .. } => !self.in_doubt,
            CallOutcome::Busy { .. } | CallOutcome::NotSent { .. } => true,
            CallOutcome::Accepted | CallOutcome::Unknown { .. } => false,
        };
        if certainly_not {
            self.on_its_way = Some((attempt, None));
        }
    }

    /// A request of that attempt may be on its way from now on, unless that is known already.
    pub(super) fn sees_in_flight(&mut self, attempt: u32, now: Mono) {
        if self.on_its_way.is_some_and(|(of, _)| of == attempt) {
            return;
        }
        self.in_doubt |= attempt > 1 && self.on_its_way != Some((attempt - 1, None));
        self.on_its_way = Some((attempt, Some(now)));
    }

    /// Whether no request can still be on its way.
    pub(super) fn is_quiet(&self, now: Mono, after: Millis) -> bool {
        match self.on_its_way {
            Some((_, Some(since))) => now.since(since) >= after,
            Some((_, None)) | None => true,
        }
    }
}
