//! What can go wrong with the disk, at the start, and for good. Each says where, what, and how to
//! mend it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{DiskId, DiskMark, LedgerId, MemberId};

use super::types::NodeId;
use super::wire::WireError;

/// The disk could not do what the ledger needs. Always the end of the log core.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error(
        "the disk is full: data folder {} (while {doing}); free space there and start again, nothing that was acknowledged is lost",
        dir.display()
    )]
    Full {
        dir: PathBuf,
        doing: &'static str,
        source: io::Error,
    },
    #[error(
        "data folder {} cannot be read or written (while {doing}); check the disk and its mount, then start again",
        dir.display()
    )]
    Io {
        dir: PathBuf,
        doing: &'static str,
        source: io::Error,
    },
    #[error(
        "the ledger in data folder {} is damaged (while {doing}): {what}; move the folder away and restore it from a backup",
        dir.display()
    )]
    Damaged {
        dir: PathBuf,
        doing: &'static str,
        what: String,
    },
    #[error("the ledger in data folder {} is closed (while {doing})", dir.display())]
    Closed { dir: PathBuf, doing: &'static str },
}

impl DiskError {
    /// Sorts out what the database says.
    pub(super) fn from_redb(dir: &Path, doing: &'static str, error: redb::Error) -> Self {
        let dir = dir.to_owned();
        match error {
            redb::Error::Io(source) if is_full(&source) => Self::Full { dir, doing, source },
            redb::Error::Io(source) => Self::Io { dir, doing, source },
            redb::Error::PreviousIo => Self::Io {
                dir,
                doing,
                source: io::Error::other("an earlier write failed"),
            },
            redb::Error::DatabaseClosed => Self::Closed { dir, doing },
            // The rest is about the file's inside (and the enum is not exhaustive).
            other => Self::Damaged {
                dir,
                doing,
                what: other.to_string(),
            },
        }
    }
}

/// Whether there is no room: the device's, the quota's or the largest file's end.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "data folder {} is locked by another process ({holder}); stop it, or give this one a data_dir of its own",
        dir.display()
    )]
    Locked { dir: PathBuf, holder: String },
    #[error("data folder {} holds no ledger; check the path", dir.display())]
    NoLedger { dir: PathBuf },
    #[error("data folder {} is not a folder; set data_dir to a folder", dir.display())]
    NotAFolder { dir: PathBuf },
    #[error(
        "{} must not be used by this user (while {doing}); give the user failoverd runs as read and write access to it",
        path.display()
    )]
    Permission {
        path: PathBuf,
        doing: &'static str,
        source: io::Error,
    },
    #[error("{} cannot be used (while {doing}); check the path and the disk", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        source: io::Error,
    },
    #[error(
        "the ledger in data folder {} was written by a newer failoverd (schema {found}, this one knows up to {known}); run that version or a later one",
        dir.display()
    )]
    NewerSchema {
        dir: PathBuf,
        found: u32,
        known: u32,
    },
    #[error(
        "data folder {} belongs to member {found} (node {found_node}), not to {expected} (node {expected_node}); set data_dir to this member's own",
        dir.display()
    )]
    WrongOwner {
        dir: PathBuf,
        found: MemberId,
        found_node: NodeId,
        expected: MemberId,
        expected_node: NodeId,
    },
    #[error("the ledger cannot be opened")]
    Disk(#[from] Arc<DiskError>),
}

impl OpenError {
    /// Sorts out what the file system says.
    pub(super) fn from_io(dir: &Path, path: &Path, doing: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission {
                    path: path.to_owned(),
                    doing,
                    source,
                }
            }
            io::ErrorKind::NotADirectory => Self::NotAFolder {
                dir: dir.to_owned(),
            },
            _ if is_full(&source) => Self::Disk(Arc::new(DiskError::Full {
                dir: dir.to_owned(),
                doing,
                source,
            })),
            _ => Self::Io {
                path: path.to_owned(),
                doing,
                source,
            },
        }
    }
}

/// Why the ledger did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the ledger's timers do not fit: {why}")]
    Timing { why: String },
    #[error("the log core did not start")]
    Stopped(#[from] StopReason),
    #[error("the cluster could not be founded: {why}")]
    Found { why: String },
}

/// Why the log core runs no more.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StopReason {
    #[error("the ledger was shut down")]
    ShutDown,
    #[error("the ledger's disk failed")]
    Disk(#[source] Arc<DiskError>),
    /// A bug: what it tripped over was printed when it happened.
    /// Went on, it would differ from the others without knowing.
    #[error(
        "the cluster's log is of schema {found}, this failoverd knows up to {known}; upgrade this member, nothing of its ledger is lost"
    )]
    NewerSchema { found: u32, known: u32 },
    #[error("the log core died: {why}; please report it, then start again")]
    Died { why: String },
}

/// A member speaks from another data folder than the cluster knows it by: its log and its votes are
/// lost, and it must not take its old place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "member {member} speaks from disk {got}, but is known by disk {known}; if its data folder was lost, run: {remedy}"
)]
pub struct WipedDisk {
    pub member: MemberId,
    pub known: DiskId,
    pub got: DiskId,
    /// The command that mends it.
    pub remedy: String,
}

/// A member's data folder was put back to an earlier time: it has forgotten votes or entries that the
/// others count on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error(
    "the data folder of member {member} was put back in time: it ends at {got}, and had gone to {known}; what it promised since is forgotten, so it takes no part; {remedy}"
)]
pub struct PutBack {
    pub member: MemberId,
    pub disk: DiskId,
    /// How far the folder was seen to go.
    pub known: DiskMark,
    /// How far it goes now.
    pub got: DiskMark,
    /// What mends it.
    pub remedy: String,
}

impl PutBack {
    pub(super) fn new(member: &MemberId, disk: DiskId, known: DiskMark, got: DiskMark) -> Self {
        Self {
            member: member.clone(),
            disk,
            known,
            got,
            remedy: format!(
                "stop it, move its data folder away, start it with an empty one, then run: failoverctl member readmit {member}; where that befell most members: failoverctl ledger restore"
            ),
        }
    }
}

/// Why a member may not speak.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    #[error(transparent)]
    Wiped(#[from] WipedDisk),
    #[error(transparent)]
    PutBack(#[from] PutBack),
}

/// Why a member's message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("member {from} sent a message that this one cannot take")]
    Wire {
        from: MemberId,
        #[source]
        source: WireError,
    },
    /// This data folder is not the one the sender means: it must not speak for it.
    #[error(
        "member {member} has disk {own}, not {meant}; if its data folder was lost, run: {remedy}"
    )]
    OtherDisk {
        member: MemberId,
        own: DiskId,
        meant: String,
        remedy: String,
    },
    /// What is left of the cluster before a restore, or a restored one beside it.
    #[error(
        "member {from} is of another ledger: {theirs}, and this is {ours}; one of the two must not run: stop it, move its data folder away, start it with an empty one, then run: failoverctl member add {from}"
    )]
    OtherLedger {
        from: MemberId,
        theirs: LedgerId,
        ours: LedgerId,
    },
    /// This member's own folder.
    #[error(transparent)]
    PutBack(PutBack),
    #[error("the ledger does not answer now: {why}")]
    Unavailable { why: String },
}

/// The error with its sources, on one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
