//! How many calls are worked on at the same time, by kind: none of them may take from the others.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// Kinds of calls that do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Made of a snapshot, in milliseconds.
    Read,
    /// Waits for the leader, or for AWS.
    Write,
    /// Lasts until somebody ends it.
    Stream,
}

/// Each holds a snapshot and the text made of it: megabytes with a thousand applications.
const READS: usize = 16;

/// Few people act at the same time; each call is two entries of the log and more.
const WRITES: usize = 16;

/// Pages that are open and `--watch`. Each is told of every change.
const STREAMS: usize = 32;

/// What is left of each.
#[derive(Debug)]
pub(super) struct Places {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self::new(READS, WRITES, STREAMS)
    }
}

impl Places {
    pub fn new(reads: usize, writes: usize, streams: usize) -> Self {
        Self {
            reads: Arc::new(Semaphore::new(reads)),
            writes: Arc::new(Semaphore::new(writes)),
            streams: Arc::new(Semaphore::new(streams)),
        }
    }

    /// A place until what is returned is dropped.
    pub fn take(&self, class: Class) -> Result<OwnedSemaphorePermit, Problem> {
        let (places, what) = match class {
            Class::Read => (&self.reads, "calls"),
            Class::Write => (&self.writes, "changes"),
            Class::Stream => (&self.streams, "streams"),
        };
        Arc::clone(places).try_acquire_owned().map_err(|_| {
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many",
                format!("this member works on as many {what} as it takes at a time"),
                "Ask again in a moment, or ask another member.",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_places_of_its_own_and_gets_them_back() {
        let places = Places::new(1, 1, 1);
        let read = places.take(Class::Read).expect("one is free");
        let refused = places.take(Class::Read).expect_err("none is left");
        assert_eq!((refused.status, refused.code.as_str()), (429, "too_many"));
        let _write = places.take(Class::Write).expect("of another kind");
        let _stream = places.take(Class::Stream).expect("of a third");
        drop(read);
        assert!(places.take(Class::Read).is_ok(), "given back");
    }
}
