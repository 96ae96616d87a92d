//! Holding a request where a test wants it: before its execution, or between execution and reply.
//!
//! A held request is already in AWS's hands: it outlives its connection, so that a client killed
//! meanwhile leaves either an executed call or, if the gate discards it, one that never happened.

use std::sync::Arc;

use tokio::sync::watch;

use super::{LoggedRequest, Service};

/// Where a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldPoint {
    BeforeExecution,
    AfterExecution,
}

/// What to do with what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Hold,
    Release,
    Discard,
}

/// The gate's own side, kept by the world.
#[derive(Debug)]
pub(super) struct GateKeeper {
    pub(super) service: Service,
    pub(super) operation: String,
    pub(super) point: HoldPoint,
    /// How many requests are held; later ones pass.
    most: usize,
    reached: watch::Sender<Vec<LoggedRequest>>,
    verdict: watch::Receiver<Verdict>,
}

/// Holds the requests of one operation, or the first of them, until released, discarded, or dropped (which releases).
#[derive(Debug)]
pub struct Gate {
    reached: watch::Receiver<Vec<LoggedRequest>>,
    verdict: watch::Sender<Verdict>,
}

/// A gate and its keeper.
pub(super) fn gate(
    service: Service,
    operation: &str,
    point: HoldPoint,
    most: usize,
) -> (Gate, Arc<GateKeeper>) {
    let (reached_tx, reached) = watch::channel(Vec::new());
    let (verdict, verdict_rx) = watch::channel(Verdict::Hold);
    let keeper = GateKeeper {
        service,
        operation: operation.to_owned(),
        point,
        most,
        reached: reached_tx,
        verdict: verdict_rx,
    };
    (Gate { reached, verdict }, Arc::new(keeper))
}

impl Gate {
    /// Waits until a request stands at the gate, and says which came first.
    /// `None` if the sandbox has ended.
    pub async fn reached(&mut self) -> Option<LoggedRequest> {
        let held = self.reached.wait_for(|held| !held.is_empty()).await.ok()?;
        held.first().cloned()
    }

    /// How many requests have come to the gate.
    pub fn held(&self) -> usize {
        self.reached.borrow().len()
    }

    /// Lets everything through, now and from now on.
    pub fn release(self) {
        self.verdict.send_replace(Verdict::Release);
    }

    /// Drops what is held: never executed (or never answered), as if lost on the way. Later
    /// requests pass.
    pub fn discard(self) {
        self.verdict.send_replace(Verdict::Discard);
    }
}

impl GateKeeper {
    /// Whether the gate still stands.
    pub(super) fn stands(&self) -> bool {
        *self.verdict.borrow() == Verdict::Hold && self.verdict.has_changed().is_ok()
    }

    /// Holds until the gate opens; false if the request is to be dropped.
    pub(super) async fn pass(&self, request: LoggedRequest) -> bool {
        let held = self.reached.send_if_modified(|held| {
            let room = held.len() < self.most;
            if room {
                held.push(request);
            }
            room
        });
        if !held {
            return true;
        }
        let mut verdict = self.verdict.clone();
        match verdict.wait_for(|v| *v != Verdict::Hold).await {
            Ok(verdict) => *verdict == Verdict::Release,
            // The gate was dropped without a word: look at its last one.
            Err(_dropped) => *self.verdict.borrow() != Verdict::Discard,
        }
    }
}
