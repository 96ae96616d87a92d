//! The ledger as the rest of the daemon sees it: openraft with a deadline on every call, and its
//! death made visible.
//!
//! What openraft 0.9 does not do, and what is done about it here:
//! - A leader that is cut off goes on saying "leader", and its writes hang: [`RaftLedger::leads`]
//!   also asks for a quorum's acknowledgement within the lease, every call has a deadline, and the
//!   keeper makes such a leader stand down.
//! - A core that dies may leave its last state standing: the closing of the metrics channel is what
//!   counts.
//! - It knows no pre-vote, no check-quorum, no leadership transfer: see the keeper.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use openraft::error::{CheckIsLeaderError, ClientWriteError, InitializeError, RaftError};
use openraft::storage::RaftLogStorage;
use openraft::{Config, StorageError};
use redb::StorageBackend;
use redb::backends::FileBackend;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::config::ClusterTiming;
use crate::model::{BootId, Command, DiskId, DiskMark, Event, MemberId, Rejection, State};
use crate::ports::{Clock, Ledger, LedgerError};

use super::commit_times::CommitTimes;
use super::core::{self, Core, Parts, stop_reason};
use super::error::{NotAdmitted, OpenError, PutBack, ServeError, StartError, StopReason, chain};
use super::formation::{Formation, HelloBody, OwnFolder};
use super::host::since_boot;
use super::keeper::{self, ORDERS, Order};
use super::network::{Network, PeerCalls};
use super::quorum_view::{self, Quorum};
use super::roll::Roll;
use super::schema;
use super::serve;
use super::state_machine::Transition;
use super::store::{self, Opened, Owner, RedbStore};
use super::types::{NodeId, Peer, Reply, node_id};
use super::view::View;

/// A member that stood down lets the others try for so many leases before it stands again: each of
/// them has several elections' time, and a cluster that has only this one left is not without a
/// leader for long.
const QUIET_LEASES: u32 = 4;

/// How a ledger is started.
#[derive(Clone)]
pub struct LedgerOptions {
    /// Where it lies. Made if it does not exist.
    pub data_dir: PathBuf,
    /// This member.
    pub member: MemberId,
    /// The configured members, this one included. With this one alone, the cluster is formed at
    /// once; otherwise when [`RaftLedger::formation`] says so.
    pub members: BTreeSet<MemberId>,
    pub timing: LedgerTiming,
    pub transition: Transition,
    pub peers: Arc<dyn PeerCalls>,
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
    /// Bytes that may still be written to the data folder's file system.
    pub free_bytes: Option<u64>,
    /// How long every durable commit took since the start.
    pub commits: CommitTimes,
}

/// The replicated log of this member.
pub struct RaftLedger {
    pub(super) core: Arc<Core>,
    view: watch::Receiver<View>,
    /// What `changed` has told of.
    told: Mutex<watch::Receiver<View>>,
    /// Held while the members are changed.
    pub(super) changing: Mutex<()>,
    /// How far the data folder went when this life began.
    began_at: DiskMark,
    /// Dropped with the ledger: the keeper then closes everything.
    orders: mpsc::Sender<Order>,
}

impl RaftLedger {
    /// Opens the data folder and starts the log. Must be called inside a tokio runtime.
    pub async fn start(options: LedgerOptions) -> Result<Self, StartError> {
        Self::start_with(options, |file| file).await
    }

    /// The identity of a data folder, which is made if it does not exist. For the transport, which
    /// must be there before the ledger.
    pub async fn disk_identity(dir: &Path, member: &MemberId) -> Result<DiskId, OpenError> {
        RedbStore::identity(dir, owner(member)).await
    }

    /// The same as `start`, with something between the database and its file.
    pub(super) async fn start_with<B: StorageBackend>(
        options: LedgerOptions,
        wrap: impl FnOnce(FileBackend) -> B + Send + 'static,
    ) -> Result<Self, StartError> {
        let config = core::config(&options.timing)?;
        let opened = RedbStore::open_with(
            &options.data_dir,
            owner(&options.member),
            options.transition.clone(),
            wrap,
        )
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
            identity,
        } = opened;
        let pristine = {
            let failed = |e: StorageError<NodeId>| {
                stop_reason(&disk, Some(&openraft::error::Fatal::StorageError(e)))
            };
            let state = log.get_log_state().await.map_err(failed)?;
            let vote = log.read_vote().await.map_err(failed)?;
            disk.marks.begin(vote, state.last_log_id);
            state.last_log_id.is_none() && vote.is_none()
        };
        let began_at = disk.marks.own();
        let own = OwnFolder {
            member: options.member.clone(),
            disk: identity.disk,
            pristine,
            on_record: false,
        };
        let roll = Arc::new(Roll::new(
            own,
            options.members,
            identity.formed_with,
            options.timing.election_max,
            Arc::clone(&view),
            Arc::clone(&disk.marks),
        ));
        if let Some(how) = identity.put_back {
            roll.set_put_back(how);
        }
        let network = Network {
            peers: options.peers,
            roll: Arc::clone(&roll),
            pause: options.timing.heartbeat,
        };
        let (orders, queue) = mpsc::channel(ORDERS);
        let parts = Parts {
            node: node_id(&options.member),
            member: options.member,
            timing: options.timing,
            disk,
            view: Arc::clone(&view),
            roll,
            network,
            orders: orders.downgrade(),
            config: Arc::new(config),
        };
        let core = Arc::new(Core::start(parts, log, machine).await?);
        let told = view.subscribe();
        let ledger = Self {
            core: Arc::clone(&core),
            view: view.subscribe(),
            told: Mutex::new(told),
            changing: Mutex::new(()),
            began_at,
            orders,
        };
        tokio::spawn(keeper::keep(core, queue));
        if ledger.formation() == Formation::Form
            && let Err(error) = ledger.form().await
        {
            ledger.shutdown().await;
            return Err(error);
        }
        Ok(ledger)
    }

    /// What this member says of itself to every other, again and again.
    pub fn hello(&self) -> HelloBody {
        self.core.roll.hello()
    }

    /// Takes what another member says of itself. Must be called inside a tokio runtime.
    pub fn hear(&self, from: &MemberId, hello: HelloBody) {
        let Some(disks) = self.core.roll.hear(from, hello) else {
            return;
        };
        let disk = self.core.disk.clone();
        tokio::spawn(async move {
            if let Err(error) = store::keep_formed_with(&disk, &disks).await {
                // The log core will trip over the same disk.
                tracing::warn!(%error, "the members' disks were not kept");
            }
        });
    }

    /// What is to be done about the cluster, from what was heard so far.
    pub fn formation(&self) -> Formation {
        self.core.roll.formation()
    }

    /// Founds the cluster of the configured members, if [`formation`](Self::formation) still says
    /// [`Formation::Form`]: a member may have been wiped since. Done already: nothing happens.
    pub async fn form(&self) -> Result<(), StartError> {
        let core = &self.core;
        let Some(disks) = core.roll.to_form_with() else {
            return Ok(());
        };
        store::keep_formed_with(&core.disk, &disks)
            .await
            .map_err(|e| StartError::Stopped(StopReason::Disk(e)))?;
        core.roll.formed_with(disks);
        let members: BTreeMap<NodeId, Peer> = core
            .roll
            .configured
            .iter()
            .map(|member| {
                let peer = Peer {
                    member: member.clone(),
                };
                (node_id(member), peer)
            })
            .collect();
        if members.len() != core.roll.configured.len() {
            return Err(StartError::Found {
                why: "two members' names give one number; rename one of them".to_owned(),
            });
        }
        match core.raft().initialize(members).await {
            // Not allowed any more: the cluster came to be meanwhile.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {
                core.roll.set_pristine(false);
                Ok(())
            }
            Err(RaftError::Fatal(fatal)) => Err(stop_reason(&core.disk, Some(&fatal)).into()),
            Err(RaftError::APIError(why @ InitializeError::NotInMembers(_))) => {
                Err(StartError::Found {
                    why: why.to_string(),
                })
            }
        }
    }

    /// Answers a message of another member's ledger. `from` is who the transport says it is.
    pub async fn serve(&self, from: &MemberId, body: &[u8]) -> Result<Vec<u8>, ServeError> {
        serve::serve(&self.core, from, body).await
    }

    /// Whether that member may speak from that data folder, which went so far when this life of it
    /// began: for the transport, before anything else is said.
    pub fn admits(
        &self,
        member: &MemberId,
        disk: DiskId,
        life: Option<(BootId, DiskMark)>,
    ) -> Result<(), NotAdmitted> {
        self.core.roll.admits(member, disk, life)
    }

    /// How far the data folder went when this life began.
    pub fn began_at(&self) -> DiskMark {
        self.began_at
    }

    /// Says no to what a member sends whose state is of another ledger.
    pub fn same_ledger(&self, from: &MemberId) -> Result<(), ServeError> {
        let theirs = self.core.roll.hello_of(from).and_then(|hello| hello.ledger);
        self.core.roll.same_ledger(from, theirs)
    }

    /// Another member says that this data folder was put back in time: it neither votes nor follows
    /// nor leads from now on, nor in any later life. Returns when that is kept on the disk.
    pub async fn take_no_part(&self, known: DiskMark) {
        let core = &self.core;
        let how = PutBack::new(&core.member, core.roll.disk, known, self.began_at);
        if !core.roll.set_put_back(how.clone()) {
            return;
        }
        tracing::error!(error = %how, "this member takes no part");
        if let Err(error) = store::keep_put_back(&core.disk, &how).await {
            // Found out again by whoever found it out now.
            tracing::warn!(%error, "that the folder was put back was not kept");
        }
        let reason = "its data folder was put back in time";
        if let Err(error) = self.stand_down(reason, Duration::ZERO).await {
            tracing::debug!(%error, "the log has stopped already");
        }
    }

    /// Gives up leadership, and does not stand for election for `quiet` unless another leader is
    /// heard before. Returns when it is done; what was under way ends as unknown.
    pub async fn stand_down(&self, reason: &str, quiet: Duration) -> Result<(), LedgerError> {
        let (done, heard) = oneshot::channel();
        let order = Order::StandDown {
            reason: reason.to_owned(),
            quiet,
            done,
        };
        let given = self.orders.send(order).await;
        if given.is_ok() && heard.await.is_ok() {
            return Ok(());
        }
        let reason = self.view.borrow().stopped.clone();
        Err(stopped_as(&reason.unwrap_or(StopReason::ShutDown)))
    }

    /// The cluster as this member sees it.
    pub fn quorum(&self) -> Quorum {
        quorum_view::look(&self.core)
    }

    /// The identity of this member's data folder.
    pub fn disk(&self) -> DiskId {
        self.core.roll.disk
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
        self.core.node
    }

    /// What the ledger measures of itself.
    pub fn metrics(&self) -> LedgerMetrics {
        let metrics = self.core.metrics();
        LedgerMetrics {
            term: metrics.current_term,
            last_log_index: metrics.last_log_index,
            last_applied_index: metrics.last_applied.map(|id| id.index),
            snapshot_index: metrics.snapshot.map(|id| id.index),
            last_commit: self.core.disk.last_commit(),
            size_bytes: self.core.disk.size_bytes(),
            free_bytes: self.core.disk.free_bytes(),
            commits: self.core.disk.commits(),
        }
    }

    /// The index of the log's entry up to which the state that is shown here has come.
    pub fn applied(&self) -> u64 {
        self.view.borrow().applied
    }

    /// Resolves when the log core has stopped, with the reason. After [`StopReason::ShutDown`] the
    /// process may go on; after any other it must end.
    pub fn stopped(&self) -> impl Future<Output = StopReason> + Send + 'static {
        keeper::stopped(self.view.clone())
    }

    /// This member.
    #[cfg(test)]
    pub(super) fn core_member(&self) -> &MemberId {
        &self.core.member
    }

    /// openraft itself, to trigger by hand what it does of its own in time.
    #[cfg(test)]
    pub(super) fn raft_for_tests(&self) -> openraft::Raft<super::types::TypeConfig> {
        self.core.raft()
    }

    /// Stops the log and gives the data folder free. Returns when both have happened.
    pub async fn shutdown(&self) {
        self.core.close();
        let (done, heard) = oneshot::channel();
        if self.orders.send(Order::ShutDown { done }).await.is_ok() {
            // An error means that the keeper has ended: everything is closed.
            let _ = heard.await;
        }
    }

    /// `call`, for at most the deadline.
    pub(super) async fn bounded<T>(
        &self,
        what: &str,
        call: impl Future<Output = T>,
    ) -> Result<T, LedgerError> {
        tokio::time::timeout(self.core.timing.deadline, call)
            .await
            .map_err(|_| LedgerError::Unknown {
                why: format!(
                    "{what} was not answered within {:?}",
                    self.core.timing.deadline
                ),
            })
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
            if !view.leads() {
                // Never handed to the core: a leader that lost its quorum would append it, and it
                // could surface after the partition.
                return Err(LedgerError::NotLeader);
            }
        }
        if let Err(rejection) = schema::admits(&self.core, &command) {
            return Ok(Err(rejection));
        }
        let raft = self.core.raft();
        let answer = self
            .bounded("the proposal", raft.client_write(command))
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
            Err(RaftError::Fatal(fatal)) => Err(self.core.ended(&fatal)),
        }
    }

    async fn prove(&self) -> Result<Arc<State>, LedgerError> {
        if !self.leads() {
            let stopped = self.view.borrow().stopped.clone();
            return Err(stopped.map_or(LedgerError::NotLeader, |reason| stopped_as(&reason)));
        }
        let raft = self.core.raft();
        let asked = since_boot();
        let answer = self
            .bounded("the linearizable read", raft.ensure_linearizable())
            .await?;
        // The process may have been stopped between the answers and now.
        let took = since_boot().saturating_sub(asked);
        if took > self.core.timing.election_max {
            return Err(LedgerError::Unknown {
                why: format!("the linearizable read took {took:?}, longer than the lease"),
            });
        }
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
            Err(RaftError::Fatal(fatal)) => Err(self.core.ended(&fatal)),
        }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.view.borrow().state)
    }

    fn leads(&self) -> bool {
        self.view.borrow().leads()
    }

    async fn stand_down(&self, reason: &str) -> Result<(), LedgerError> {
        let quiet = self.core.timing.election_max * QUIET_LEASES;
        Self::stand_down(self, reason, quiet).await
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

impl std::fmt::Debug for RaftLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftLedger")
            .field("node", &self.core.node)
            .field("term", &self.term())
            .field("leads", &self.leads())
            .finish_non_exhaustive()
    }
}

fn owner(member: &MemberId) -> Owner {
    Owner {
        member: member.clone(),
        node: node_id(member),
    }
}

fn stopped_as(reason: &StopReason) -> LedgerError {
    LedgerError::Stopped { why: chain(reason) }
}
