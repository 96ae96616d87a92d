//! What the controller keeps of one application between two steps.

use std::sync::Arc;

use crate::model::{
    AppView, Application, CommandBody, HoldReason, Millis, Mono, Now, RegionId, Run, RunId,
    RunKind, StepId,
};
use crate::run::{Engine, Move};

use super::{Effect, RunRequest};

/// A stale run is given up again only after this: the ledger may be answering yet.
const ABANDON_AGAIN: Millis = Millis::from_secs(5);

/// What the controller keeps of one application between two steps. All of it may be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Desk {
    pub(super) app: Arc<Application>,
    pub(super) planning: Option<Planning>,
    pub(super) engine: Option<(RunId, Engine)>,
    /// The run whose opening was answered while this member led without a break: its verdict is
    /// known to have held then. One that surfaces unannounced must prove it.
    pub(super) opened_here: Option<RunId>,
    /// Since when an inherited run waits for its verdict.
    pub(super) unproven_since: Option<Mono>,
    /// A stale run is not given up again before then.
    pub(super) abandon_at: Mono,
    /// Not planned again before then, and why.
    pub(super) refused: Option<(Mono, HoldReason)>,
    pub(super) request: Option<RunRequest>,
    pub(super) view: Option<AppView>,
}

impl Desk {
    pub(super) fn new(app: &Application) -> Self {
        Self {
            app: Arc::new(app.clone()),
            planning: None,
            engine: None,
            opened_here: None,
            unproven_since: None,
            abandon_at: Mono::default(),
            refused: None,
            request: None,
            view: None,
        }
    }

    /// Gives up a run that no longer holds.
    pub(super) fn abandon(&mut self, now: Now, run: &Run) -> Vec<Effect> {
        if now.mono < self.abandon_at {
            return Vec::new();
        }
        self.abandon_at = now.mono + ABANDON_AGAIN;
        vec![Effect::Perform {
            app: run.application.clone(),
            run: run.id.clone(),
            act: Move::Commit {
                step: StepId(String::new()),
                body: CommandBody::AbandonStale {
                    run: run.id.clone(),
                },
            },
        }]
    }

    /// This member does not lead: what it was about to open is another's to decide.
    pub(super) fn stand_down(&mut self) -> Vec<Effect> {
        self.unproven_since = None;
        self.opened_here = None;
        let waiting = self.request.take();
        let (planned, opening) = match self.planning.take() {
            Some(Planning::Reading { intended, .. }) => (intended.request, None),
            Some(opening @ Planning::Opening { .. }) => (None, opening.give_up()),
            None => (None, None),
        };
        [waiting, planned]
            .into_iter()
            .flatten()
            .map(|request| decline(request, HoldReason::NotLeader))
            .chain(opening)
            .collect()
    }
}

/// A run in the making.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Planning {
    Reading {
        intended: Intended,
        since: Mono,
    },
    Opening {
        run: RunId,
        region: RegionId,
        /// The person's, if one asked.
        request: Option<RunRequest>,
        since: Mono,
    },
}

impl Planning {
    /// The request it follows.
    pub(super) fn request(&self) -> Option<&RunRequest> {
        match self {
            Self::Reading { intended, .. } => intended.request.as_ref(),
            Self::Opening { request, .. } => request.as_ref(),
        }
    }

    /// Whether its answer is waited for no longer. A reading is several calls, an opening one; and a
    /// person would have to ask anew, so theirs is given what a slow control plane needs.
    pub(super) fn is_overdue(&self, now: Now, call_timeout: Millis) -> bool {
        let (since, calls) = match self {
            Self::Reading { intended, since } if intended.request.is_some() => (since, 12),
            Self::Reading { since, .. } | Self::Opening { since, .. } => (since, 3),
        };
        now.mono.since(*since) >= call_timeout.times(calls)
    }

    /// Gives it up: whoever asked is told.
    pub(super) fn give_up(self) -> Option<Effect> {
        let (request, reason) = match self {
            Self::Reading { intended, .. } => (
                intended.request?,
                HoldReason::PlanImpossible {
                    step: None,
                    why: "where traffic stands was not told in time".to_owned(),
                },
            ),
            Self::Opening { request, .. } => (
                request?,
                HoldReason::LedgerUnavailable {
                    why: "it did not answer in time; the run may open yet".to_owned(),
                },
            ),
        };
        Some(decline(request, reason))
    }
}

/// Tells whoever asked why not.
pub(super) fn decline(request: RunRequest, reason: HoldReason) -> Effect {
    Effect::Decline {
        request,
        reasons: vec![reason],
    }
}

/// A run that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Intended {
    pub(super) kind: RunKind,
    pub(super) from: RegionId,
    pub(super) to: Option<RegionId>,
    pub(super) request: Option<RunRequest>,
}
