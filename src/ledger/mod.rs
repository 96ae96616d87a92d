//! Floor 4: the replicated log. A one-voter cluster and a real one are the same code.
//!
//! ```text
//!  propose ─▶ Raft core ─append─▶ LogStore ─┐                        ┌─▶ disk thread ─▶ ledger.redb
//!                │                          ├── jobs, one at a time ─┘   (fsync before the answer)
//!                └─apply──▶ StateMachine ───┘
//!                               │ transition(&mut State, &Command)
//!                               ▼
//!                          watch: View { state, leads, term, stopped } ─▶ state(), changed(), stopped()
//! ```
//!
//! Invariant: vote and log are on the disk, fsynced, before anybody hears of them.
//! Invariant: an acknowledged command is in every later state, whatever happens to the process.
//! Invariant: a disk that fails stops the log core, and [`RaftLedger::stopped`] says why.
//!
//! The state itself is kept in memory and rebuilt from snapshot and log: it is small, and one store
//! of truth cannot disagree with another. A command that failed on a full disk may still be found
//! after reopening; this is why every failure of [`propose`](crate::ports::Ledger::propose) but
//! `NotLeader` means *unknown*.

mod backup;
mod commit_times;
mod core;
mod disk;
mod election;
mod error;
mod formation;
mod found;
mod host;
mod keeper;
mod log_store;
mod marks;
mod membership;
mod network;
mod quorum_view;
mod raft_ledger;
mod roll;
mod schema;
mod serve;
mod state_machine;
mod store;
mod types;
mod view;
mod wire;

#[cfg(test)]
mod tests;

pub use backup::{Backup, BackupError};
pub use commit_times::{COMMIT_BOUNDS_US, CommitTimes};
pub use error::{
    DiskError, NotAdmitted, OpenError, PutBack, ServeError, StartError, StopReason, WipedDisk,
};
pub use formation::{Formation, HelloBody, OwnFolder, decide};
pub use found::{Beginning, FoundError, check_empty, force, found, read, read_whole};
pub use log_store::{LogReader, LogStore};
pub use membership::{MembersChanged, MembershipError, even_voters};
pub use network::{Freight, NoPeers, PeerCallError, PeerCalls};
pub use quorum_view::{Quorum, VoterSeen};
pub use raft_ledger::{LedgerMetrics, LedgerOptions, LedgerTiming, RaftLedger};
pub use state_machine::{SnapshotBuilder, StateMachine, Transition};
pub use store::{Owner, RedbStore, SCHEMA};
pub use types::{NodeId, Peer, Reply, TypeConfig, node_id};
pub use wire::{WireError, understands};
