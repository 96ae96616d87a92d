//! What was answered to which `Idempotency-Key`, so that a call that is sent again is not done again.
//!
//! ```text
//!  key, caller, path ─┬─ unknown ──────────▶ done, and remembered
//!                     ├─ under way ────────▶ 409
//!                     ├─ with other words ─▶ 422
//!                     └─ answered ─────────▶ the first answer again
//! ```
//!
//! Kept by the member that answered, and forgotten when it ends. What holds beyond that is the ledger's:
//! one run per application at a time, and acts that say "no change" the second time.
//!
//! Invariant: what is not known to have been done or refused (5xx) is not remembered as either.
//! Invariant: bounded in number, size and age.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::problem::Problem;

/// Answers that are kept: more than people give in a day, and a few megabytes at the most.
const KEPT: usize = 4_096;

/// For so long a client may send the same again.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of an answer that is kept; larger ones are not, and no change has one.
const LARGEST: usize = 16 * 1024;

/// Characters of a key.
const KEY: std::ops::RangeInclusive<usize> = 1..=128;

/// The header.
pub(super) const HEADER: &str = "idempotency-key";

/// One answer as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub status: StatusCode,
    pub kind: Option<http::HeaderValue>,
    pub body: Bytes,
}

/// Whose call it is, and which.
type Key = [u8; 32];

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<Key, Entry>,
    /// Oldest first.
    order: VecDeque<(Key, Instant)>,
}

#[derive(Debug)]
struct Entry {
    /// Of the body.
    said: [u8; 32],
    since: Instant,
    /// None while it is under way.
    answer: Option<Kept>,
}

/// What is known of a call.
#[derive(Debug)]
pub(super) enum Recall {
    /// It is new: answer through this.
    New(Pending),
    /// This was answered.
    Answered(Kept),
}

/// A call under way. Forgotten if dropped without an answer.
#[derive(Debug)]
pub(super) struct Pending {
    shelf: Arc<Mutex<Shelf>>,
    key: Key,
    since: Instant,
}

/// The key of a request, if it has one.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(header) = headers.get(HEADER) else {
        return Ok(None);
    };
    let key = header
        .to_str()
        .ok()
        .filter(|key| KEY.contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()));
    key.map(Some).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_idempotency_key",
            "the Idempotency-Key is empty, too long or not plain text",
            format!(
                "Send up to {} letters and digits, drawn at random for each call.",
                KEY.end()
            ),
        )
    })
}

impl Memory {
    /// Looks up the call `what` (method and path) of `who` with that key and body.
    pub fn recall(&self, who: &str, what: &str, key: &str, body: &[u8]) -> Result<Recall, Problem> {
        self.recall_at(now(), who, what, key, body)
    }

    fn recall_at(
        &self,
        now: Instant,
        who: &str,
        what: &str,
        key: &str,
        body: &[u8],
    ) -> Result<Recall, Problem> {
        let mut hasher = Sha256::new();
        for part in [who, what, key] {
            // Lengths first: no two triples read the same.
            hasher.update(part.len().to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let key: Key = hasher.finalize().into();
        let said: [u8; 32] = Sha256::digest(body).into();
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.forget_old(now);
        if let Some(entry) = shelf.entries.get(&key) {
            if entry.said != said {
                return Err(reused());
            }
            return entry
                .answer
                .clone()
                .map(Recall::Answered)
                .ok_or_else(under_way);
        }
        let entry = Entry {
            said,
            since: now,
            answer: None,
        };
        shelf.entries.insert(key, entry);
        shelf.order.push_back((key, now));
        Ok(Recall::New(Pending {
            shelf: Arc::clone(&self.shelf),
            key,
            since: now,
        }))
    }
}

impl Pending {
    /// Keeps the answer for whoever asks again.
    pub fn answered(self, answer: Kept) {
        if answer.status.is_server_error() || answer.body.len() > LARGEST {
            return; // Forgotten as it is dropped.
        }
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shelf.entries.get_mut(&self.key)
            && entry.since == self.since
        {
            entry.answer = Some(answer);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let unanswered = |entry: &Entry| entry.since == self.since && entry.answer.is_none();
        if shelf.entries.get(&self.key).is_some_and(unanswered) {
            shelf.entries.remove(&self.key);
        }
    }
}

impl Shelf {
    fn forget_old(&mut self, now: Instant) {
        while let Some((key, since)) = self.order.front().copied() {
            let full = self.order.len() >= KEPT;
            if !full && now.duration_since(since) < LIFE {
                break;
            }
            self.order.pop_front();
            // Another call may have taken the key since, after the first came to nothing.
            if self.entries.get(&key).is_some_and(|e| e.since == since) {
                self.entries.remove(&key);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long this process remembers")]
fn now() -> Instant {
    Instant::now()
}

fn reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "this Idempotency-Key was sent before with another body",
        "Draw a new key for each call; send the same one only to repeat the same call.",
    )
}

fn under_way() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "idempotency_key_in_use",
        "the first call with this Idempotency-Key is still worked on",
        "Wait a moment and ask again with the same key: its answer comes then.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(status: StatusCode) -> Kept {
        Kept {
            status,
            kind: None,
            body: Bytes::from_static(b"{}"),
        }
    }

    fn new(memory: &Memory, who: &str, key: &str, body: &[u8]) -> Pending {
        match memory.recall(who, "POST /v1/x", key, body) {
            Ok(Recall::New(pending)) => pending,
            other => panic!("not new: {other:?}"),
        }
    }

    #[test]
    fn the_first_answer_is_given_again_to_the_same_words_alone() {
        let memory = Memory::default();
        let first = new(&memory, "ada", "k", b"a");
        let meanwhile = memory.recall("ada", "POST /v1/x", "k", b"a");
        assert_eq!(meanwhile.expect_err("under way").status, 409);
        first.answered(kept(StatusCode::OK));
        let again = memory.recall("ada", "POST /v1/x", "k", b"a");
        assert!(matches!(again, Ok(Recall::Answered(answer)) if answer == kept(StatusCode::OK)));
        let other = memory.recall("ada", "POST /v1/x", "k", b"b");
        assert_eq!(other.expect_err("other words").status, 422);
        // Another person's, and another call's, are others.
        drop(new(&memory, "bob", "k", b"b"));
        let elsewhere = memory.recall("ada", "POST /v1/y", "k", b"b");
        assert!(matches!(elsewhere, Ok(Recall::New(_))));
    }

    #[test]
    fn what_is_unknown_or_came_to_nothing_is_not_remembered() {
        let memory = Memory::default();
        new(&memory, "ada", "k", b"a").answered(kept(StatusCode::GATEWAY_TIMEOUT));
        drop(new(&memory, "ada", "k", b"b"));
        new(&memory, "ada", "k", b"c").answered(kept(StatusCode::CONFLICT));
        let again = memory.recall("ada", "POST /v1/x", "k", b"c");
        assert!(matches!(again, Ok(Recall::Answered(_))), "{again:?}");
    }

    #[test]
    fn only_so_many_are_remembered() {
        let memory = Memory::default();
        for n in 0..KEPT * 2 {
            new(&memory, "ada", &n.to_string(), b"").answered(kept(StatusCode::OK));
        }
        let shelf = memory.shelf.lock().unwrap();
        assert!(shelf.entries.len() <= KEPT && shelf.order.len() <= KEPT);
    }

    #[test]
    fn a_day_later_it_is_forgotten() {
        let memory = Memory::default();
        new(&memory, "ada", "k", b"a").answered(kept(StatusCode::OK));
        let later = now() + LIFE;
        let other = memory.recall_at(later, "ada", "POST /v1/x", "k", b"b");
        assert!(matches!(other, Ok(Recall::New(_))), "{other:?}");
    }

    #[test]
    fn a_key_is_plain_text() {
        let of = |key: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, http::HeaderValue::from_static(key));
            key_of(&headers).map(|key| key.map(str::to_owned))
        };
        assert_eq!(of("4f2c"), Ok(Some("4f2c".to_owned())));
        for bad in ["", "a b"] {
            assert_eq!(of(bad).expect_err("no key").status, 400, "{bad:?}");
        }
        assert_eq!(key_of(&HeaderMap::new()), Ok(None));
    }
}
