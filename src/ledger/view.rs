//! What the ledger shows without waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::{MemberId, State};

use super::error::StopReason;
use super::host::since_boot;

/// State and leadership as last seen here. Readers never wait for a disk or a peer.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) state: Arc<State>,
    /// The index of the log's entry up to which the state has come; 0 before the first.
    pub(super) applied: u64,
    /// Until when this member leads, since the host's start, if a quorum is not heard again before.
    pub(super) leads_until: Option<Duration>,
    pub(super) term: u64,
    pub(super) leader: Option<MemberId>,
    pub(super) stopped: Option<StopReason>,
}

impl View {
    /// Whether this member leads at this very moment.
    pub(super) fn leads(&self) -> bool {
        self.leads_until.is_some_and(|until| since_boot() <= until)
    }
}

/// Where the view is published from: by the state machine and by the keeper of the log core.
pub(super) type ViewSender = Arc<watch::Sender<View>>;

pub(super) fn channel(state: Arc<State>) -> ViewSender {
    Arc::new(watch::Sender::new(View {
        state,
        applied: 0,
        leads_until: None,
        term: 0,
        leader: None,
        stopped: None,
    }))
}
