//! The running openraft, and what is shared between those who use it.
//!
//! openraft 0.9 cannot give up leadership. To stand down, its core is shut down and another is made
//! over the same open database: everybody here asks for the present one anew at each call.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use openraft::error::Fatal;
use openraft::storage::RaftLogStorage;
use openraft::{Config, LogId, Membership, Raft, RaftMetrics, SnapshotPolicy, Vote};
use tokio::sync::mpsc;

use crate::model::MemberId;
use crate::ports::LedgerError;

use super::disk::Disk;
use super::error::{StartError, StopReason, chain};
use super::keeper::Order;
use super::log_store::LogStore;
use super::network::Network;
use super::raft_ledger::LedgerTiming;
use super::roll::Roll;
use super::state_machine::{Heir, StateMachine};
use super::types::{NodeId, Peer, TypeConfig};
use super::view::ViewSender;

/// Entries between two snapshots. A restart reads at most this many and some, in well under a
/// second; a snapshot is made a few times a day.
const SNAPSHOT_EVERY: u64 = 2_000;

/// Entries kept behind a snapshot, so that a member which was away for a moment gets entries
/// instead of the whole state.
const KEPT_BEHIND_SNAPSHOT: u64 = 1_000;

/// Entries in one message. openraft gives a message one heartbeat interval to arrive: 64 plans of
/// 20 kB are what a slow link between continents carries in half a second.
const ENTRIES_IN_MESSAGE: u64 = 64;

/// Bytes of a snapshot in one message: twice this much as CBOR, well below what a transport bounds.
const SNAPSHOT_CHUNK: u64 = 256 << 10;

pub(super) type Metrics = RaftMetrics<NodeId, Peer>;

/// What is shared between the ledger's handle, its keeper and its tasks.
pub(super) struct Core {
    pub(super) member: MemberId,
    pub(super) node: NodeId,
    pub(super) timing: LedgerTiming,
    pub(super) disk: Disk,
    pub(super) view: ViewSender,
    pub(super) roll: Arc<Roll>,
    pub(super) network: Network,
    /// Told what only the keeper may do.
    pub(super) orders: mpsc::WeakSender<Order>,
    /// Shared while a leader is heard, exclusive while this member calls an election: what a leader
    /// counts as its lease, no election cuts short.
    pub(super) hearing: tokio::sync::RwLock<()>,
    config: Arc<Config>,
    heir: Heir,
    raft: RwLock<Raft<TypeConfig>>,
    /// Nothing will start the log again.
    closing: AtomicBool,
}

/// What [`Core::start`] is made from.
pub(super) struct Parts {
    pub(super) member: MemberId,
    pub(super) node: NodeId,
    pub(super) timing: LedgerTiming,
    pub(super) disk: Disk,
    pub(super) view: ViewSender,
    pub(super) roll: Arc<Roll>,
    pub(super) network: Network,
    pub(super) orders: mpsc::WeakSender<Order>,
    pub(super) config: Arc<Config>,
}

impl Core {
    pub(super) async fn start(
        parts: Parts,
        log: LogStore,
        machine: StateMachine,
    ) -> Result<Self, StopReason> {
        let heir = machine.heir();
        let raft = Raft::new(
            parts.node,
            Arc::clone(&parts.config),
            parts.network.clone(),
            log,
            machine,
        )
        .await
        .map_err(|e| stop_reason(&parts.disk, Some(&e)))?;
        Ok(Self {
            member: parts.member,
            node: parts.node,
            timing: parts.timing,
            disk: parts.disk,
            view: parts.view,
            roll: parts.roll,
            network: parts.network,
            orders: parts.orders,
            hearing: tokio::sync::RwLock::default(),
            config: parts.config,
            heir,
            raft: RwLock::new(raft),
            closing: AtomicBool::new(false),
        })
    }

    /// The present one.
    pub(super) fn raft(&self) -> Raft<TypeConfig> {
        let raft = self.raft.read().unwrap_or_else(PoisonError::into_inner);
        raft.clone()
    }

    /// The present one's metrics as of now.
    pub(super) fn metrics(&self) -> Metrics {
        self.raft().metrics().borrow().clone()
    }

    /// The last entry of the log.
    pub(super) fn last_log(&self) -> Option<LogId<NodeId>> {
        self.raft().data_metrics().borrow().last_log
    }

    /// Ends the present one and begins another, over the same database, as a follower.
    pub(super) async fn begin_again(&self) -> Result<(), StopReason> {
        let failed = |fatal: Fatal<NodeId>| stop_reason(&self.disk, Some(&fatal));
        if let Err(error) = self.raft().shutdown().await {
            tracing::warn!(%error, "the log core ended badly");
        }
        let mut log = LogStore::new(self.disk.clone());
        self.forget_leadership(&mut log)
            .await
            .map_err(|e| failed(Fatal::StorageError(e)))?;
        let raft = Raft::new(
            self.node,
            Arc::clone(&self.config),
            self.network.clone(),
            log,
            self.heir.take_over(),
        )
        .await
        .map_err(failed)?;
        *self.raft.write().unwrap_or_else(PoisonError::into_inner) = raft;
        Ok(())
    }

    /// openraft starts as the leader it was, at once, if its stored vote says that a quorum had
    /// granted it. The vote as it was before the grant keeps the promise (no other vote in this
    /// term) without the office.
    async fn forget_leadership(
        &self,
        log: &mut LogStore,
    ) -> Result<(), openraft::StorageError<NodeId>> {
        let Some(vote) = log.read_vote().await? else {
            return Ok(());
        };
        if vote.is_committed() && vote.leader_id().voted_for() == Some(self.node) {
            let promise = Vote::new(vote.leader_id().get_term(), self.node);
            log.save_vote(&promise).await?;
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// What a dead core means for a call that was waiting on it.
    pub(super) fn ended(&self, fatal: &Fatal<NodeId>) -> LedgerError {
        let stopping = matches!(fatal, Fatal::Stopped);
        if stopping && !self.closing.load(Ordering::Acquire) && self.disk.failure().is_none() {
            return LedgerError::Unknown {
                why: "this member stood down meanwhile".to_owned(),
            };
        }
        LedgerError::Stopped {
            why: chain(&stop_reason(&self.disk, Some(fatal))),
        }
    }
}

/// openraft's settings.
pub(super) fn config(timing: &LedgerTiming) -> Result<Config, StartError> {
    let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    Config {
        cluster_name: "failoverd".to_owned(),
        heartbeat_interval: millis(timing.heartbeat),
        election_timeout_min: millis(timing.election_min),
        election_timeout_max: millis(timing.election_max),
        // A snapshot is megabytes between continents, not a heartbeat.
        install_snapshot_timeout: millis(timing.election_max).saturating_mul(10),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
        snapshot_max_chunk_size: SNAPSHOT_CHUNK,
        max_in_snapshot_log_to_keep: KEPT_BEHIND_SNAPSHOT,
        max_payload_entries: ENTRIES_IN_MESSAGE,
        // The keeper calls elections, after asking around.
        enable_elect: false,
        ..Config::default()
    }
    .validate()
    .map_err(|e| StartError::Timing { why: e.to_string() })
}

/// Whether `these` are enough of that membership to decide: more than half of each of its configs.
pub(super) fn is_quorum(membership: &Membership<NodeId, Peer>, these: &BTreeSet<NodeId>) -> bool {
    let configs = membership.get_joint_config();
    !configs.is_empty()
        && configs
            .iter()
            .all(|voters| voters.intersection(these).count() * 2 > voters.len())
}

/// The name behind the number.
pub(super) fn member_of(membership: &Membership<NodeId, Peer>, node: NodeId) -> Option<MemberId> {
    membership.get_node(&node).map(|peer| peer.member.clone())
}

pub(super) fn stop_reason(disk: &Disk, fatal: Option<&Fatal<NodeId>>) -> StopReason {
    if let Some(failure) = disk.failure() {
        return StopReason::Disk(failure);
    }
    match fatal {
        Some(Fatal::Stopped) => StopReason::ShutDown,
        Some(Fatal::Panicked) | None => StopReason::Died {
            why: "it panicked".to_owned(),
        },
        Some(Fatal::StorageError(error)) => StopReason::Died {
            why: error.to_string(),
        },
    }
}
