//! What is known of a connection, and how long it may last.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::Wall;

/// One connection; every request on it carries this.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// The caller's address.
    pub address: SocketAddr,
    /// Whether the listener is reached from this host alone.
    pub loopback: bool,
    /// What the caller showed in the TLS handshake, verified.
    pub certificate: Option<Shown>,
    pub lease: Lease,
    /// A stream that its client has taken nothing of for so long ends.
    pub stall: Duration,
}

/// A caller's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its DNS names and its common name.
    pub names: Vec<String>,
    pub not_after: Wall,
}

/// For how long a connection lasts. It begins with what a look at a page may take; what takes longer
/// on purpose asks for it.
#[derive(Clone, Debug)]
pub(super) struct Lease(watch::Sender<Term>);

/// From when it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub life: Duration,
    /// From when the daemon drains, where that makes a difference.
    pub farewell: Option<Duration>,
}

impl Lease {
    pub fn new(life: Duration) -> (Self, watch::Receiver<Term>) {
        let farewell = None;
        let (sender, receiver) = watch::channel(Term { life, farewell });
        (Self(sender), receiver)
    }

    /// From now on, so long.
    pub fn renew(&self, life: Duration) {
        let farewell = None;
        self.0.send_replace(Term { life, farewell });
    }

    /// From now on, so long; and no longer than `farewell` once the daemon drains.
    pub fn last(&self, life: Duration, farewell: Duration) {
        let farewell = Some(farewell);
        self.0.send_replace(Term { life, farewell });
    }
}
