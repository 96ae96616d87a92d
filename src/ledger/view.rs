//! What the ledger shows without waiting.

use std::sync::Arc;

use tokio::sync::watch;

use crate::model::{MemberId, State};

use super::error::StopReason;

/// State and leadership as last seen here. Readers never wait for a disk or a peer.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) state: Arc<State>,
    pub(super) leads: bool,
    pub(super) term: u64,
    pub(super) leader: Option<MemberId>,
    pub(super) stopped: Option<StopReason>,
}

/// Where the view is published from: by the state machine and by the watcher of the log core.
pub(super) type ViewSender = Arc<watch::Sender<View>>;

pub(super) fn channel(state: Arc<State>) -> ViewSender {
    Arc::new(watch::Sender::new(View {
        state,
        leads: false,
        term: 0,
        leader: None,
        stopped: None,
    }))
}
