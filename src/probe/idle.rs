//! Connections kept between probes, for those that ask for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::SendRequest;
use tokio_util::task::AbortOnDropHandle;

use crate::model::Check;

/// An open HTTP connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection {
    pub sender: SendRequest<Empty<Bytes>>,
    /// Moves the bytes.
    pub _driver: AbortOnDropHandle<()>,
}

/// At most one connection per check: a check's connection is taken out while it is in use.
#[derive(Debug, Default)]
pub(super) struct Idle {
    kept: Mutex<BTreeMap<Check, Connection>>,
}

impl Idle {
    /// The connection of that check, if one is kept that is not known to be closed.
    pub fn take(&self, check: &Check) -> Option<Connection> {
        self.lock()
            .remove(check)
            .filter(|connection| !connection.sender.is_closed())
    }

    /// Keeps it for the next probe.
    pub fn keep(&self, check: &Check, connection: Connection) {
        let replaced = self.lock().insert(check.clone(), connection);
        // Outside the lock: closing a connection runs the runtime's code.
        drop(replaced);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Check, Connection>> {
        // A map is whole after each call, whoever panicked.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
