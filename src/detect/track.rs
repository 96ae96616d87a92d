//! The memory of one probe: runs of failures and successes, and what they add up to.
//!
//! ```text
//!                 first success                 fall failures in a row
//!  Undetermined ───────────────▶ Up ──────────────────────────────────▶ Down
//!       │                         ▲                                       │ ▲
//!       │                         └──────── rise successes in a row ──────┘ │
//!       └───────────────────── fall failures in a row ──────────────────────┘
//! ```
//!
//! A probe that starts life needs only one success to be up (there is nothing to recover from), but
//! all of `fall` to be down: a daemon that starts must not add to an outage it has not watched.

use crate::model::{FailureReason, Millis, Mono, Probe, ProbeState, Sample, SampleOutcome};

/// Where a probe stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Neither one success nor `fall` failures yet.
    Undetermined,
    Up,
    Down,
}

/// One probe's state machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProbeTrack {
    probe: Probe,
    level: Level,
    failures_in_row: u32,
    successes_in_row: u32,
    /// Start of the first failure of the present run of failures.
    failing_since: Option<Mono>,
    /// End of the `fall`-th failure of the present run: an answer of a reference target after this
    /// tells that it was not us.
    fell_at: Option<Mono>,
    last_failure: Option<FailureReason>,
    /// Start of the newest sample that said anything about the endpoint.
    evidence_at: Option<Mono>,
    /// Start of the newest sample, whatever it said.
    sampled_at: Option<Mono>,
    /// Whether the newest sample could not ask.
    could_not_ask: bool,
}

impl ProbeTrack {
    /// A probe nothing is known of.
    pub fn new(probe: Probe) -> Self {
        Self {
            probe,
            level: Level::Undetermined,
            failures_in_row: 0,
            successes_in_row: 0,
            failing_since: None,
            fell_at: None,
            last_failure: None,
            evidence_at: None,
            sampled_at: None,
            could_not_ask: false,
        }
    }

    /// Takes one sample in; says whether it counted. One that is not newer than the newest does
    /// not: evidence only ever gets younger.
    pub fn observe(&mut self, sample: &Sample) -> bool {
        if self
            .sampled_at
            .is_some_and(|newest| sample.started <= newest)
        {
            return false;
        }
        self.sampled_at = Some(sample.started);
        match &sample.result.outcome {
            SampleOutcome::Success => self.succeed(sample),
            SampleOutcome::Failure(reason) => self.fail(sample, reason),
            SampleOutcome::Unknown(_) => self.could_not_ask = true,
        }
        true
    }

    fn succeed(&mut self, sample: &Sample) {
        self.could_not_ask = false;
        self.evidence_at = Some(sample.started);
        self.failures_in_row = 0;
        self.failing_since = None;
        self.fell_at = None;
        self.successes_in_row = self.successes_in_row.saturating_add(1);
        self.level = match self.level {
            Level::Undetermined | Level::Up => Level::Up,
            Level::Down if self.successes_in_row >= self.probe.rise => Level::Up,
            Level::Down => Level::Down,
        };
    }

    fn fail(&mut self, sample: &Sample, reason: &FailureReason) {
        self.could_not_ask = false;
        self.evidence_at = Some(sample.started);
        self.successes_in_row = 0;
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.failing_since.get_or_insert(sample.started);
        self.last_failure = Some(reason.clone());
        // `fall = 0` is refused by the configuration; one failure is the least that can mean down.
        if self.failures_in_row >= self.probe.fall.max(1) {
            self.level = Level::Down;
            self.fell_at.get_or_insert(sample.ended);
        }
    }

    /// The probe as configured.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Where it stands.
    pub fn level(&self) -> Level {
        self.level
    }

    /// When the `fall`-th failure in a row had happened, while no success has come since. A probe
    /// that is down but has answered again is *recovering*: it no longer stands for `down`.
    pub fn fell_at(&self) -> Option<Mono> {
        self.fell_at
    }

    /// Start of the present run of failures.
    pub fn failing_since(&self) -> Option<Mono> {
        self.failing_since
    }

    /// Up, and its newest word was a success.
    pub fn is_well(&self) -> bool {
        self.level == Level::Up && self.failures_in_row == 0
    }

    /// Whether its newest word was a success that is still fresh: for reference targets.
    pub fn answers(&self, now: Mono) -> bool {
        self.successes_in_row > 0 && !self.could_not_ask && !self.is_stale(now)
    }

    /// Start of the newest sample that said anything about the endpoint.
    pub fn evidence_at(&self) -> Option<Mono> {
        self.evidence_at
    }

    /// Whether anything at all came of this probe yet, if only that it could not ask.
    pub fn was_sampled(&self) -> bool {
        self.sampled_at.is_some()
    }

    /// Whether the newest sample could not ask.
    pub fn could_not_ask(&self) -> bool {
        self.could_not_ask
    }

    /// How old the newest evidence may be: two intervals, so that one lost sample is forgiven, and
    /// the timeout that the second may take.
    pub fn evidence_lasts(&self) -> Millis {
        self.probe.interval.times(2).plus(self.probe.timeout)
    }

    /// Whether the newest evidence, if any, is too old.
    pub fn is_stale(&self, now: Mono) -> bool {
        self.evidence_at
            .is_some_and(|at| now.since(at) > self.evidence_lasts())
    }

    /// As it is shown behind a vote.
    pub fn state(&self) -> ProbeState {
        ProbeState {
            probe: self.probe.id.clone(),
            critical: self.probe.critical,
            up: match self.level {
                Level::Undetermined => None,
                Level::Up => Some(true),
                Level::Down => Some(false),
            },
            failures_in_row: self.failures_in_row,
            successes_in_row: self.successes_in_row,
            last_failure: self.last_failure.as_ref().map(ToString::to_string),
            last_sample_at: self.sampled_at,
        }
    }
}
