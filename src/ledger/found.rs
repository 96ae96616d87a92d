//! A new log of one voter that begins with what another had known: offline, before any daemon.
//!
//! ```text
//!  a folder or a backup ─read─▶ State ─Restored─▶ snapshot of a new ledger
//!                                                 new disk · one voter · log from 1
//!                              found: in an empty folder
//!                              force: in place of the one that was read, which is kept beside it
//! ```
//!
//! Invariant: the folder appears whole or not at all, and from its first moment its state says that it
//! was restored: no daemon ever sees one that might act.
//! Invariant: the new disk is the new ledger's name. Members of the one before, whatever they have and
//! whatever they are called, neither write into it nor are heard by it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use openraft::storage::RaftLogStorage;
use openraft::{
    CommittedLeaderId, EntryPayload, LogId, Membership, RaftLogReader, SnapshotMeta,
    StoredMembership, Vote,
};

use crate::model::{
    AuditCall, Command, CommandBody, DiskId, MemberId, Rejection, RestoredHow, State, Wall,
};
use crate::run;

use super::backup::Backup;
use super::error::OpenError;
use super::state_machine;
use super::store::{
    self, KEY_COMMITTED, KEY_DISK, KEY_FORMED_WITH, KEY_PURGED, KEY_SCHEMA, KEY_SNAPSHOT,
    KEY_SNAPSHOT_META, KEY_VOTE, Owner, RedbStore, SCHEMA, to_json,
};
use super::types::{NodeId, Peer, node_id};

/// What a new log begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// What was known.
    pub state: State,
    /// Where it is from.
    pub how: RestoredHow,
    /// Whose word it is.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Now.
    pub at: Wall,
    /// What the audit tells of it; the new disk is added.
    pub audit: Option<AuditCall>,
}

/// Why no new log begins.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// The folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a ledger already; it is not touched.
    #[error(
        "{} holds a ledger already, which is not touched; choose an empty data_dir, or move that one aside", dir.display()
    )]
    Occupied {
        /// Where.
        dir: PathBuf,
    },
    /// Something else is in the folder.
    #[error(
        "{} is not empty: it holds {what}; choose an empty data_dir, or move that one aside", dir.display()
    )]
    NotEmpty {
        /// Where.
        dir: PathBuf,
        /// What is found there, by name.
        what: String,
    },
    /// The state does not take the command. Not for any state that this failoverd has written.
    #[error("the ledger cannot begin with that state: {0}")]
    Refused(#[from] Rejection),
}

/// Makes a log of one voter in a folder without a ledger.
///
/// # Errors
///
/// If there is a ledger already, or the folder cannot be written.
pub async fn found(
    dir: &Path,
    member: &MemberId,
    beginning: Beginning,
) -> Result<DiskId, FoundError> {
    let (owner, disk, content) = begin(member, beginning)?;
    if !RedbStore::create(dir, owner, content).await? {
        return Err(FoundError::Occupied {
            dir: dir.to_owned(),
        });
    }
    Ok(disk)
}

/// Puts a log of one voter in the place of the one that lies in the folder, which is kept beside it.
///
/// # Errors
///
/// If there is no ledger, it is in use, or the folder cannot be written.
pub async fn force(
    dir: &Path,
    member: &MemberId,
    beginning: Beginning,
) -> Result<(DiskId, PathBuf), FoundError> {
    if !RedbStore::exists(dir) {
        return Err(OpenError::NoLedger {
            dir: dir.to_owned(),
        }
        .into());
    }
    let (owner, disk, content) = begin(member, beginning)?;
    let kept = RedbStore::replace(dir, owner, content).await?;
    Ok((disk, kept))
}

/// What a new folder holds.
type Content = Vec<(&'static str, Vec<u8>)>;

fn begin(member: &MemberId, beginning: Beginning) -> Result<(Owner, DiskId, Content), FoundError> {
    let disk = store::draw();
    let disks = BTreeMap::from([(member.clone(), disk)]);
    let Beginning {
        mut state,
        how,
        by,
        reason,
        at,
        audit,
    } = beginning;
    let body = CommandBody::Restored {
        how,
        by,
        reason,
        disks: disks.clone(),
    };
    run::apply(&mut state, &Command { at, body })?;
    if let Some(call) = audit {
        let call = Box::new(AuditCall {
            detail: Some(format!("begun anew on disk {disk}")),
            ..call
        });
        let body = CommandBody::RecordAudit { call };
        run::apply(&mut state, &Command { at, body })?;
    }

    let node = node_id(member);
    let first = LogId::new(CommittedLeaderId::new(1, node), 1);
    let peer = Peer {
        member: member.clone(),
    };
    let alone = Membership::new(vec![BTreeSet::from([node])], BTreeMap::from([(node, peer)]));
    let meta: SnapshotMeta<NodeId, Peer> = SnapshotMeta {
        last_log_id: Some(first),
        last_membership: StoredMembership::new(Some(first), alone),
        snapshot_id: first.to_string(),
    };
    let content = vec![
        (KEY_SCHEMA, to_json(&SCHEMA)),
        (KEY_DISK, to_json(&disk)),
        (KEY_FORMED_WITH, to_json(&disks)),
        (KEY_VOTE, to_json(&Vote::new(1, node))),
        (KEY_PURGED, to_json(&first)),
        (KEY_COMMITTED, to_json(&first)),
        (KEY_SNAPSHOT_META, to_json(&meta)),
        (KEY_SNAPSHOT, state_machine::encode(&state)),
    ];
    let owner = Owner {
        member: member.clone(),
        node,
    };
    Ok((owner, disk, content))
}

/// Everything that a folder's ledger holds, whether or not it is known to be committed: an entry that
/// never was says what may have been begun, and nothing of it is acted upon without a person.
///
/// # Errors
///
/// If the folder is in use, is another member's, or cannot be read.
pub async fn read(dir: &Path, member: &MemberId) -> Result<State, OpenError> {
    Ok(read_whole(dir, Some(member)).await?.state)
}

/// The same, with what else there is to say of it; of whichever member it is, if none is named.
///
/// # Errors
///
/// If the folder is in use, is another member's, or cannot be read.
pub async fn read_whole(dir: &Path, member: Option<&MemberId>) -> Result<Backup, OpenError> {
    if !RedbStore::exists(dir) {
        return Err(OpenError::NoLedger {
            dir: dir.to_owned(),
        });
    }
    let owner = match member {
        Some(member) => Owner {
            member: member.clone(),
            node: node_id(member),
        },
        None => RedbStore::owner(dir).await?,
    };
    let member = owner.member.clone();
    let transition: state_machine::Transition = std::sync::Arc::new(run::apply);
    let opened = RedbStore::open_with(dir, owner, transition, |file| file).await?;
    let (mut log, disk) = (opened.log, opened.disk);
    let mut state = State::clone(&opened.view.borrow().state);
    let read = async {
        let ends = log.get_log_state().await?;
        let purged = ends.last_purged_log_id;
        let applied = opened.machine.applied_upto().or(purged);
        let from = applied.map_or(0, |id| id.index + 1);
        let entries = log.try_get_log_entries(from..).await?;
        Ok::<_, openraft::StorageError<NodeId>>((entries, ends.last_log_id))
    };
    let entries = read.await;
    let failure = disk.failure();
    disk.close().await;
    let (entries, last) = entries.map_err(|error| match failure {
        Some(failure) => OpenError::Disk(failure),
        None => OpenError::Disk(disk.damaged("reading the log", error)),
    })?;
    for entry in entries {
        if let EntryPayload::Normal(command) = entry.payload {
            // A refused command changed nothing then either.
            let _ = run::apply(&mut state, &command);
        }
    }
    Ok(Backup {
        cluster: None,
        member,
        made_at: state.time,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: SCHEMA,
        ledger: state.ledger(),
        applied: last.map_or(0, |last| last.index),
        term: last.map_or(0, |last| last.leader_id.term),
        state,
    })
}

/// Says no to a folder that holds anything: what is in it may be the only copy of something.
///
/// # Errors
///
/// If it holds anything, or cannot be looked at.
pub fn check_empty(dir: &Path) -> Result<(), FoundError> {
    let found = RedbStore::foreign_content(dir)?;
    if RedbStore::exists(dir) {
        return Err(FoundError::Occupied {
            dir: dir.to_owned(),
        });
    }
    match found {
        None => Ok(()),
        Some(what) => Err(FoundError::NotEmpty {
            dir: dir.to_owned(),
            what,
        }),
    }
}
