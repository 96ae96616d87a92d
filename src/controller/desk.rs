//! What the controller keeps of one application between two steps.

use std::sync::Arc;

use crate::model::{
    AppView, Application, CommandBody, HeldReadiness, HoldReason, Millis, Mono, Now, Origin,
    PlanHash, RegionId, Run, RunId, RunKind, StepId,
};
use crate::run::{Engine, Move};

use super::{Effect, RunAnswer, RunRequest, Started};

/// A run that no longer holds is ended again only after this: the ledger may be answering yet.
const END_AGAIN: Millis = Millis::from_secs(5);

/// What the controller keeps of one application between two steps. All of it may be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Desk {
    pub(super) app: Arc<Application>,
    pub(super) planning: Option<Planning>,
    pub(super) engine: Option<(RunId, Engine)>,
    /// The run whose verdict is known to have held while this member led without a break: because it
    /// was opened then, or proven anew. One that surfaces unannounced must prove it.
    pub(super) proven_here: Option<RunId>,
    /// Why nothing new is begun in the open run.
    pub(super) held: Option<HoldReason>,
    /// Since when an inherited run waits for its verdict.
    pub(super) unproven_since: Option<Mono>,
    /// A run that no longer holds is not ended again before then.
    pub(super) end_at: Mono,
    /// Not planned again before then, and why.
    pub(super) refused: Option<(Mono, HoldReason)>,
    pub(super) request: Option<RunRequest>,
    /// An evacuation does not ask for it again before then.
    pub(super) not_evacuated_before: Mono,
    /// Since when a live drill's run is held, and why.
    pub(super) drill_held: Option<(Mono, HoldReason)>,
    /// A live drill does not ask for it again before then.
    pub(super) drill_asks_at: Mono,
    /// What became of a live drill is not said again before then.
    pub(super) drill_said_at: Mono,
    pub(super) view: Option<AppView>,
    /// What the last look at what plans will touch found.
    pub(super) readiness: Option<Arc<HeldReadiness>>,
}

impl Desk {
    pub(super) fn new(app: &Application) -> Self {
        Self {
            app: Arc::new(app.clone()),
            planning: None,
            engine: None,
            proven_here: None,
            held: None,
            unproven_since: None,
            end_at: Mono::default(),
            refused: None,
            request: None,
            not_evacuated_before: Mono::default(),
            drill_held: None,
            drill_asks_at: Mono::default(),
            drill_said_at: Mono::default(),
            view: None,
            readiness: None,
        }
    }

    /// Ends a run that no longer holds.
    pub(super) fn end(&mut self, now: Now, run: &Run, body: CommandBody) -> Option<Effect> {
        if now.mono < self.end_at {
            return None;
        }
        self.end_at = now.mono + END_AGAIN;
        Some(Effect::Perform {
            app: run.application.clone(),
            run: run.id.clone(),
            act: Move::Commit {
                step: StepId(String::new()),
                body,
            },
        })
    }

    /// That another person's run is in the making, if so: whose, and since when.
    pub(super) fn being_planned(&self, now: Now) -> Option<HoldReason> {
        let planned = self.planning.as_ref();
        let (first, since) = match (&self.request, planned) {
            (Some(waiting), _) => (waiting, now.mono),
            (None, Some(planning)) => (planning.request()?, planning.since()),
            (None, None) => return None,
        };
        Some(HoldReason::BeingPlanned {
            by: first.by.clone(),
            since: now.wall - now.mono.since(since),
        })
    }

    /// This member does not lead: what it was about to open is another's to decide.
    pub(super) fn stand_down(&mut self) -> Vec<Effect> {
        self.unproven_since = None;
        self.proven_here = None;
        self.held = None;
        self.drill_held = None;
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
        hash: PlanHash,
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
        match self {
            Self::Reading { intended, .. } => Some(decline(
                intended.request?,
                HoldReason::PlanImpossible {
                    step: None,
                    why: "where traffic stands was not told in time".to_owned(),
                },
            )),
            Self::Opening { request, run, .. } => Some(Effect::Answer {
                request: request?,
                answer: RunAnswer::Unknown {
                    why: format!("the ledger has not said whether run {run} is open"),
                },
            }),
        }
    }

    /// Since when it is in the making.
    pub(super) fn since(&self) -> Mono {
        match self {
            Self::Reading { since, .. } | Self::Opening { since, .. } => *since,
        }
    }

    /// The state shows an open run: whoever asked for it is told, though the ledger's own answer
    /// may be under way. What is being opened stays, for that answer to find.
    pub(super) fn sees_open(&mut self, open: &Run) -> Option<Effect> {
        let Self::Opening {
            run, hash, request, ..
        } = self
        else {
            return None;
        };
        if run != &open.id || hash != &open.plan.hash {
            return None;
        }
        let request = request.take()?;
        Some(opened(request, open))
    }
}

/// Tells whoever asked why not.
pub(super) fn decline(request: RunRequest, reason: HoldReason) -> Effect {
    Effect::Answer {
        request,
        answer: RunAnswer::Declined(vec![reason]),
    }
}

/// Tells whoever asked that this run is open: as theirs, unless another person was first with the
/// very same plan.
pub(super) fn opened(request: RunRequest, run: &Run) -> Effect {
    match &run.origin {
        Origin::Operator { name, .. } if *name == request.by => {
            let started = Started {
                run: run.id.clone(),
                plan_hash: run.plan.hash.clone(),
            };
            Effect::Answer {
                request,
                answer: RunAnswer::Started(started),
            }
        }
        Origin::Operator { .. } | Origin::Quorum { .. } => {
            decline(request, HoldReason::run_open(run))
        }
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
