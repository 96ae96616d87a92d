//! Warnings that are repeated every second tell no more than the first one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::host_time;

/// Strangers are told apart by address only up to here; a flood of them is one stranger.
const DISTINCT: usize = 256;

/// Who, what kind, and the words.
type Key = (String, String, String);

/// Lets a warning through once, then at most once a while.
#[derive(Debug)]
pub(super) struct Warnings {
    every: Duration,
    said: Mutex<BTreeMap<Key, Said>>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    suppressed: u64,
}

impl Warnings {
    pub fn new(every: Duration) -> Self {
        Self {
            every,
            said: Mutex::default(),
        }
    }

    /// Logs that something is wrong with `peer` (a member, or a stranger's address).
    pub fn warn(&self, peer: &str, code: &str, message: &str) {
        if let Some(suppressed) = self.due(peer, code, message) {
            if suppressed > 0 {
                tracing::warn!(peer, code, suppressed, "{message}");
            } else {
                tracing::warn!(peer, code, "{message}");
            }
        } else {
            tracing::debug!(peer, code, "{message}");
        }
    }

    /// All is well with `peer` again: the next trouble is news.
    pub fn forget(&self, peer: &str) {
        self.lock().retain(|(of, _, _), _| of != peer);
    }

    /// How many of the same were kept silent before this one; `None` if it is one of them.
    fn due(&self, peer: &str, code: &str, message: &str) -> Option<u64> {
        let now = host_time::now();
        let mut said = self.lock();
        if said.len() >= DISTINCT {
            said.retain(|_, s| now.duration_since(s.at) < self.every);
        }
        let mut key = (peer.to_owned(), code.to_owned(), message.to_owned());
        if said.len() >= DISTINCT && !said.contains_key(&key) {
            key = ("many".to_owned(), code.to_owned(), String::new());
        }
        let Some(before) = said.get_mut(&key) else {
            said.insert(
                key,
                Said {
                    at: now,
                    suppressed: 0,
                },
            );
            return Some(0);
        };
        if now.duration_since(before.at) < self.every {
            before.suppressed += 1;
            return None;
        }
        before.at = now;
        Some(std::mem::take(&mut before.suppressed))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Said>> {
        // A map is whole after each call.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_again_is_silent_and_something_else_is_not() {
        let warnings = Warnings::new(Duration::from_secs(3_600));
        assert_eq!(warnings.due("b", "lost", "gone"), Some(0));
        assert_eq!(warnings.due("b", "lost", "gone"), None);
        assert_eq!(warnings.due("c", "lost", "gone"), Some(0));
        assert_eq!(warnings.due("b", "lost", "gone for good"), Some(0));
        warnings.forget("b");
        assert_eq!(warnings.due("b", "lost", "gone for good"), Some(0));
        assert_eq!(warnings.due("c", "lost", "gone"), None);
    }

    #[test]
    fn after_a_while_it_is_said_again_with_the_count() {
        let warnings = Warnings::new(Duration::ZERO);
        assert_eq!(warnings.due("b", "lost", "gone"), Some(0));
        assert_eq!(warnings.due("b", "lost", "gone"), Some(0));
    }

    #[test]
    fn a_flood_of_strangers_is_bounded() {
        let warnings = Warnings::new(Duration::from_secs(3_600));
        for n in 0..10_000 {
            warnings.warn(&n.to_string(), "garbled", "x");
        }
        // And one for all that are many.
        assert_eq!(warnings.lock().len(), DISTINCT + 1);
    }
}
