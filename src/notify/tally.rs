//! What is counted about telling people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Wall;

/// Everything, by sink. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub sinks: Arc<BTreeMap<String, SinkTally>>,
    /// Absent without a heartbeat.
    pub heartbeat: Option<Arc<HeartbeatTally>>,
}

/// One sink since this process started.
#[derive(Debug, Default)]
pub struct SinkTally {
    delivered: AtomicU64,
    refused: AtomicU64,
    expired: AtomicU64,
    dropped: AtomicU64,
    retried: AtomicU64,
    waiting: AtomicU64,
}

/// What became of a message, or of one attempt at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    /// The receiver will never take it.
    Refused,
    /// It could not be delivered while it was news.
    Expired,
    /// The queue had no room.
    Dropped,
    /// Not this time; it is tried again.
    Retried,
}

impl SinkTally {
    pub(super) fn count(&self, fate: Fate) {
        let counter = match fate {
            Fate::Delivered => &self.delivered,
            Fate::Refused => &self.refused,
            Fate::Expired => &self.expired,
            Fate::Dropped => &self.dropped,
            Fate::Retried => &self.retried,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn waits(&self, messages: usize) {
        self.waiting.store(messages as u64, Ordering::Relaxed);
    }

    /// Messages that wait now.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Each outcome with how often it came, in a fixed order.
    pub fn outcomes(&self) -> [(&'static str, u64); 5] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("delivered", read(&self.delivered)),
            ("refused", read(&self.refused)),
            ("expired", read(&self.expired)),
            ("dropped", read(&self.dropped)),
            ("retried", read(&self.retried)),
        ]
    }
}

/// The heartbeat since this process started.
#[derive(Debug, Default)]
pub struct HeartbeatTally {
    failures: AtomicU64,
    /// Milliseconds since 1970; 0 before the first.
    last_success: AtomicU64,
}

impl HeartbeatTally {
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn succeeded(&self, at: Wall) {
        self.last_success.store(at.0, Ordering::Relaxed);
    }

    /// How often it was not taken.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// When it was last taken.
    pub fn last_success(&self) -> Option<Wall> {
        let at = self.last_success.load(Ordering::Relaxed);
        (at > 0).then_some(Wall(at))
    }
}
