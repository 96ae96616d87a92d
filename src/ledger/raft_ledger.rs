//! The ledger as the rest of the daemon sees it: openraft with a deadline on every call, and its
//! death made visible.
//!
//! What openraft 0.9 does not do, and what is done about it here:
//! - A leader that is cut off goes on saying "leader", and its writes hang: [`RaftLedger::leads`]
//!   also asks for a quorum's acknowledgement within the lease, and every call has a deadline.
//! - A core that dies may leave its last state standing: the closing of the metrics channel is what
//!   counts.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use openraft::error::{CheckIsLeaderError, ClientWriteError, Fatal, InitializeError, RaftError};
use openraft::storage::RaftLogStorage;
use openraft::{Config, Raft, RaftMetrics, ServerState, SnapshotPolicy};
use redb::StorageBackend;
use redb::backends::FileBackend;
use tokio::sync::{Mutex, watch};

use crate::config::ClusterTiming;
use crate::model::{Command, Event, MemberId, Rejection, State};
use crate::ports::{Clock, Ledger, LedgerError};

use super::disk::Disk;
use super::error::{StartError, StopReason, chain};
use super::network::{Network, Peers};
use super::state_machine::Transition;
use super::store::{Opened, Owner, RedbStore};
use super::types::{NodeId, Peer, Reply, TypeConfig};
use super::view::{View, ViewSender};

/// Entries between two snapshots. A restart reads at most this many and some, in well under a
/// second; a snapshot is made a few times a day.
const SNAPSHOT_EVERY: u64 = 2_000;

/// Entries kept behind a snapshot, so that a member which was away for a moment gets entries
/// instead of the whole state.
const KEPT_BEHIND_SNAPSHOT: u64 = 1_000;

/// How a ledger is started.
#[derive(Clone)]
pub struct LedgerOptions {
    /// Where it lies. Made if it does not exist.
    pub data_dir: PathBuf,
    /// This member.
    pub member: MemberId,
    /// This member's number; the same for ever.
    pub node: NodeId,
    pub timing: LedgerTiming,
    pub transition: Transition,
    pub peers: Arc<dyn Peers>,
}

/// The log's timers in *real* durations: it waits for disks and peers, which know no world time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerTiming {
    /// Between two heartbeats of the leader; also the bound of a linearizable read.
    pub heartbeat: Duration,
    /// The election timeout is drawn between this
    pub election_min: Duration,
    /// and this, which is also the lease.
    pub election_max: Duration,
    /// Until a call's outcome is given up as unknown.
    pub deadline: Duration,
}

impl LedgerTiming {
    /// The configured timers at the pace of `clock`.
    pub fn scaled(timing: &ClusterTiming, clock: &dyn Clock) -> Self {
        // The floors: an event loop that shares its host with others is late by tens of
        // milliseconds, and a disk by seconds. Neither may look like a lost leader.
        let floor = Duration::from_millis;
        Self {
            heartbeat: clock.real(timing.heartbeat, floor(50)),
            election_min: clock.real(timing.election_min, floor(150)),
            election_max: clock.real(timing.election_max, floor(300)),
            deadline: clock.real(timing.election_max, floor(3_000)),
        }
    }

    fn config(&self) -> Result<Config, StartError> {
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Config {
            cluster_name: "failoverd".to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            // A snapshot is megabytes between continents, not a heartbeat.
            install_snapshot_timeout: millis(self.election_max).saturating_mul(10),
            snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_EVERY),
            max_in_snapshot_log_to_keep: KEPT_BEHIND_SNAPSHOT,
            ..Config::default()
        }
        .validate()
        .map_err(|e| StartError::Timing { why: e.to_string() })
    }
}

/// What the ledger measures of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerMetrics {
    pub term: u64,
    pub last_log_index: Option<u64>,
    pub last_applied_index: Option<u64>,
    pub snapshot_index: Option<u64>,
    /// How long the last durable commit took on this host's disk.
    pub last_commit: Option<Duration>,
    /// Size of the database file in bytes.
    pub size_bytes: u64,
}

/// The replicated log of this member.
pub struct RaftLedger {
    node: NodeId,
    raft: Raft<TypeConfig>,
    metrics: watch::Receiver<RaftMetrics<NodeId, Peer>>,
    disk: Disk,
    view: watch::Receiver<View>,
    /// What `changed` has told of.
    told: Mutex<watch::Receiver<View>>,
    deadline: Duration,
}

impl RaftLedger {
    /// Opens the data folder and starts the log. On an empty folder it founds a cluster of this one
    /// member. Must be called inside a tokio runtime.
    pub async fn start(options: LedgerOptions) -> Result<Self, StartError> {
        Self::start_with(options, |file| file).await
    }

    /// The same, with something between the database and its file.
    pub(super) async fn start_with<B: StorageBackend>(
        options: LedgerOptions,
        wrap: impl FnOnce(FileBackend) -> B + Send + 'static,
    ) -> Result<Self, StartError> {
        let config = options.timing.config()?;
        let owner = Owner {
            member: options.member.clone(),
            node: options.node,
        };
        let opened =
            RedbStore::open_with(&options.data_dir, owner, options.transition.clone(), wrap)
                .await?;
        let disk = opened.disk.clone();
        match Self::run(options, config, opened).await {
            Ok(ledger) => Ok(ledger),
            Err(error) => {
                // The folder must be free again for the next attempt.
                disk.close().await;
                Err(error)
            }
        }
    }

    async fn run(
        options: LedgerOptions,
        config: Config,
        opened: Opened,
    ) -> Result<Self, StartError> {
        let Opened {
            mut log,
            machine,
            disk,
            view,
        } = opened;
        let pristine = {
            let failed = |e| stop_reason(&disk, Some(&Fatal::StorageError(e)));
            let state = log.get_log_state().await.map_err(failed)?;
            state.last_log_id.is_none() && log.read_vote().await.map_err(failed)?.is_none()
        };
        let raft = Raft::new(
            options.node,
            Arc::new(config),
            Network(options.peers),
            log,
            machine,
        )
        .await
        .map_err(|e| stop_reason(&disk, Some(&e)))?;
        if pristine && let Err(error) = found(&raft, &disk, options.node, options.member).await {
            stop(&raft, &disk).await;
            return Err(error);
        }
        let metrics = raft.metrics();
        let lease = options.timing.election_max;
        tokio::spawn(watch_core(
            metrics.clone(),
            Arc::clone(&view),
            disk.clone(),
            lease,
        ));
        Ok(Self {
            node: options.node,
            metrics,
            disk,
            view: view.subscribe(),
            told: Mutex::new(view.subscribe()),
            deadline: options.timing.deadline,
            raft,
        })
    }

    /// The present term: rises with every election.
    pub fn term(&self) -> u64 {
        self.view.borrow().term
    }

    /// Who leads, as far as this member knows.
    pub fn leader(&self) -> Option<MemberId> {
        self.view.borrow().leader.clone()
    }

    /// This member's number in the log.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// What the ledger measures of itself.
    pub fn metrics(&self) -> LedgerMetrics {
        let metrics = self.metrics.borrow();
        LedgerMetrics {
            term: metrics.current_term,
            last_log_index: metrics.last_log_index,
            last_applied_index: metrics.last_applied.map(|id| id.index),
            snapshot_index: metrics.snapshot.map(|id| id.index),
            last_commit: self.disk.last_commit(),
            size_bytes: self.disk.size_bytes(),
        }
    }

    /// Resolves when the log core has stopped, with the reason. After [`StopReason::ShutDown`] the
    /// process may go on; after any other it must end.
    pub fn stopped(&self) -> impl Future<Output = StopReason> + Send + 'static {
        let mut view = self.view.clone();
        async move {
            let seen = view.wait_for(|view| view.stopped.is_some()).await;
            seen.ok()
                .and_then(|view| view.stopped.clone())
                .unwrap_or(StopReason::ShutDown)
        }
    }

    /// openraft itself, to trigger by hand what it does of its own in time.
    #[cfg(test)]
    pub(super) fn raft_for_tests(&self) -> &Raft<TypeConfig> {
        &self.raft
    }

    /// Stops the log and gives the data folder free. Returns when both have happened.
    pub async fn shutdown(&self) {
        stop(&self.raft, &self.disk).await;
    }

    /// `call`, for at most the deadline.
    async fn bounded<T>(
        &self,
        what: &str,
        call: impl Future<Output = T>,
    ) -> Result<T, LedgerError> {
        tokio::time::timeout(self.deadline, call)
            .await
            .map_err(|_| LedgerError::Unknown {
                why: format!("{what} was not answered within {:?}", self.deadline),
            })
    }

    fn stopped_error(&self, fatal: &Fatal<NodeId>) -> LedgerError {
        LedgerError::Stopped {
            why: chain(&stop_reason(&self.disk, Some(fatal))),
        }
    }
}

#[async_trait]
impl Ledger for RaftLedger {
    async fn propose(&self, command: Command) -> Result<Result<Event, Rejection>, LedgerError> {
        {
            let view = self.view.borrow();
            if let Some(reason) = &view.stopped {
                return Err(stopped_as(reason));
            }
            if !view.leads {
                // Never handed to the core: a leader that lost its quorum would append it, and it
                // could surface after the partition.
                return Err(LedgerError::NotLeader);
            }
        }
        let answer = self
            .bounded("the proposal", self.raft.client_write(command))
            .await?;
        match answer {
            Ok(response) => match response.data {
                Reply::Applied(event) => Ok(Ok(event)),
                Reply::Rejected(rejection) => Ok(Err(rejection)),
                Reply::Nothing => Err(LedgerError::Unknown {
                    why: "the log answered a command as if it were none".to_owned(),
                }),
            },
            // Refused at once, or taken back here by a new leader while a third member still has it
            // and may yet be elected. openraft does not say which.
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => {
                Err(LedgerError::Unknown {
                    why: "this member lost the leadership meanwhile".to_owned(),
                })
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(e))) => {
                Err(LedgerError::Unknown { why: e.to_string() })
            }
            Err(RaftError::Fatal(fatal)) => Err(self.stopped_error(&fatal)),
        }
    }

    async fn prove(&self) -> Result<Arc<State>, LedgerError> {
        let answer = self
            .bounded("the linearizable read", self.raft.ensure_linearizable())
            .await?;
        match answer {
            // The state machine publishes before openraft counts an entry as applied: what is seen
            // here is at least as new as the read's log id.
            Ok(_) => Ok(self.state()),
            Err(RaftError::APIError(CheckIsLeaderError::ForwardToLeader(_))) => {
                Err(LedgerError::NotLeader)
            }
            Err(RaftError::APIError(CheckIsLeaderError::QuorumNotEnough(e))) => {
                Err(LedgerError::Unknown { why: e.to_string() })
            }
            Err(RaftError::Fatal(fatal)) => Err(self.stopped_error(&fatal)),
        }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.view.borrow().state)
    }

    fn leads(&self) -> bool {
        self.view.borrow().leads
    }

    async fn changed(&self) -> Result<(), LedgerError> {
        let mut told = self.told.lock().await;
        if let Some(reason) = &told.borrow().stopped {
            return Err(stopped_as(reason));
        }
        let alive = told.changed().await;
        let view = told.borrow();
        match (&view.stopped, alive) {
            (Some(reason), _) => Err(stopped_as(reason)),
            (None, Err(_)) => Err(stopped_as(&StopReason::ShutDown)),
            (None, Ok(())) => Ok(()),
        }
    }
}

impl Drop for RaftLedger {
    /// openraft's tasks hold each other and outlive their handle: they are stopped here, so that
    /// the folder becomes free even if nobody called `shutdown`.
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (raft, disk) = (self.raft.clone(), self.disk.clone());
            runtime.spawn(async move { stop(&raft, &disk).await });
        }
    }
}

impl std::fmt::Debug for RaftLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftLedger")
            .field("node", &self.node)
            .field("term", &self.term())
            .field("leads", &self.leads())
            .finish_non_exhaustive()
    }
}

/// Makes a cluster of this one member out of an empty folder.
async fn found(
    raft: &Raft<TypeConfig>,
    disk: &Disk,
    node: NodeId,
    member: MemberId,
) -> Result<(), StartError> {
    match raft
        .initialize(BTreeMap::from([(node, Peer { member })]))
        .await
    {
        Ok(()) => Ok(()),
        Err(RaftError::Fatal(fatal)) => Err(stop_reason(disk, Some(&fatal)).into()),
        Err(RaftError::APIError(
            why @ (InitializeError::NotAllowed(_) | InitializeError::NotInMembers(_)),
        )) => Err(StartError::Found {
            why: why.to_string(),
        }),
    }
}

async fn stop(raft: &Raft<TypeConfig>, disk: &Disk) {
    if let Err(error) = raft.shutdown().await {
        tracing::warn!(%error, "the log core ended badly");
    }
    disk.close().await;
}

/// Turns what the core reports into the view, until it ends.
async fn watch_core(
    mut metrics: watch::Receiver<RaftMetrics<NodeId, Peer>>,
    view: ViewSender,
    disk: Disk,
    lease: Duration,
) {
    loop {
        observe(&metrics.borrow_and_update(), &view, lease);
        if metrics.changed().await.is_err() {
            break;
        }
    }
    // Closed: the core's task is no more. Its last words, if it had time for any:
    let reason = stop_reason(&disk, metrics.borrow().running_state.as_ref().err());
    match &reason {
        StopReason::ShutDown => tracing::info!("the ledger was shut down"),
        StopReason::Disk(_) | StopReason::Died { .. } => {
            tracing::error!(reason = chain(&reason), "the ledger has stopped");
        }
    }
    view.send_modify(|view| {
        view.leads = false;
        view.leader = None;
        view.stopped = Some(reason);
    });
}

fn observe(metrics: &RaftMetrics<NodeId, Peer>, view: &ViewSender, lease: Duration) {
    let acknowledged = metrics
        .millis_since_quorum_ack
        .is_some_and(|ms| Duration::from_millis(ms) <= lease);
    let leads = metrics.state == ServerState::Leader && acknowledged;
    let leader = metrics.current_leader.and_then(|id| {
        let nodes = metrics.membership_config.membership();
        nodes.get_node(&id).map(|peer| peer.member.clone())
    });
    view.send_if_modified(|view| {
        let same =
            view.leads == leads && view.leader == leader && view.term == metrics.current_term;
        view.leads = leads;
        view.leader = leader;
        view.term = metrics.current_term;
        !same
    });
}

fn stop_reason(disk: &Disk, fatal: Option<&Fatal<NodeId>>) -> StopReason {
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

fn stopped_as(reason: &StopReason) -> LedgerError {
    LedgerError::Stopped { why: chain(reason) }
}
