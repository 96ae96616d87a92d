//! Calls that wait for their answers on one connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Refusal;

/// What comes back for one call.
pub(super) type Answer = Result<Bytes, Refusal>;

/// By number. When it is dropped with its connection, every waiting call sees that.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    over: bool,
}

/// An answer that belongs to no call that was ever made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NeverAsked;

impl Pending {
    /// A new call; `None` if the connection is over.
    pub fn open(self: &Arc<Self>) -> Option<Waiting> {
        let mut state = self.lock();
        if state.over {
            return None;
        }
        let id = state.next;
        state.next += 1;
        let (answer, answered) = oneshot::channel();
        state.waiting.insert(id, answer);
        drop(state);
        Some(Waiting {
            id,
            answered,
            pending: Arc::clone(self),
        })
    }

    /// Whether anybody still waits for it: what nobody waits for need not be sent.
    pub fn waits(&self, id: u64) -> bool {
        self.lock().waiting.contains_key(&id)
    }

    /// Hands an answer to its call. One that comes too late is dropped.
    pub fn answer(&self, id: u64, answer: Answer) -> Result<(), NeverAsked> {
        let mut state = self.lock();
        if id >= state.next {
            return Err(NeverAsked);
        }
        if let Some(waiting) = state.waiting.remove(&id) {
            // Its caller may have gone this very moment.
            let _ = waiting.send(answer);
        }
        Ok(())
    }

    /// The connection is over: nobody is answered any more.
    pub fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        state.waiting.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing under the lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call that waits. Dropping it forgets the call.
#[derive(Debug)]
pub(super) struct Waiting {
    pub id: u64,
    pub answered: oneshot::Receiver<Answer>,
    pending: Arc<Pending>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.pending.lock().waiting.remove(&self.id);
    }
}
