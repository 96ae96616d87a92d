//! The data folder: who holds it, what is in it, and how it comes to be.
//!
//! ```text
//! data_dir/
//!   failoverd.lock   held by one process; its text is that process's id
//!   ledger.redb      schema, owner, vote, log, snapshot
//! ```
//!
//! Invariant: `ledger.redb` appears whole or not at all: it is made under another name, fsynced and
//! renamed. A process killed in its first second leaves a folder that the next one can open.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::model::{DiskId, MemberId};

use super::disk::{Disk, Held};
use super::error::{DiskError, OpenError, PutBack};
use super::log_store::LogStore;
use super::marks::Remembered;
use super::state_machine::{StateMachine, Transition};
use super::types::NodeId;
use super::view::{self, ViewSender};

/// The newest version of what is written to the tables that this failoverd reads. Raise it with
/// every new command and every change an older one would misread.
pub const SCHEMA: u32 = 3;

/// What a new folder is of: it stays readable for an older failoverd until the log holds a command
/// which that one does not know.
pub(super) const FIRST_SCHEMA: u32 = 1;

/// Small things by name, each as JSON; see the `KEY_` constants.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Raft's log: index → entry as JSON.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

pub(super) const KEY_SCHEMA: &str = "schema";
pub(super) const KEY_OWNER: &str = "owner";
pub(super) const KEY_DISK: &str = "disk";
pub(super) const KEY_FORMED_WITH: &str = "formed_with";
pub(super) const KEY_VOTE: &str = "vote";
pub(super) const KEY_COMMITTED: &str = "committed";
pub(super) const KEY_PURGED: &str = "purged";
/// How far the other members' data folders were seen to go.
pub(super) const KEY_MARKS: &str = "marks";
/// This folder was put back in time: it takes no part any more.
pub(super) const KEY_PUT_BACK: &str = "put_back";
pub(super) const KEY_SNAPSHOT_META: &str = "snapshot_meta";
pub(super) const KEY_SNAPSHOT: &str = "snapshot";

const DATABASE: &str = "ledger.redb";
const UNFINISHED: &str = "ledger.redb.new";
const LOCK: &str = "failoverd.lock";

/// Page cache of the database in bytes. The log between two snapshots is a few megabytes; the
/// library's default of 1 GiB is not for a side process.
const CACHE_BYTES: usize = 32 << 20;

const OPENING: &str = "opening the ledger";

/// Whose folder it is. A folder copied to another member would vote twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub member: MemberId,
    pub node: NodeId,
}

/// Log and state machine of one data folder.
#[derive(Debug)]
pub struct RedbStore;

/// Both halves, and what the ledger needs besides.
pub(super) struct Opened {
    pub(super) log: LogStore,
    pub(super) machine: StateMachine,
    pub(super) disk: Disk,
    pub(super) view: ViewSender,
    pub(super) identity: Identity,
}

/// Which folder it is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) disk: DiskId,
    /// The folders the cluster was formed from, if this member took part.
    pub(super) formed_with: BTreeMap<MemberId, DiskId>,
    /// It was put back in time, as was found out in an earlier life.
    pub(super) put_back: Option<PutBack>,
}

/// What stands in the tables and must be known before the first entry.
struct Found {
    snapshot: Option<(Vec<u8>, Vec<u8>)>,
    identity: Identity,
    marks: BTreeMap<MemberId, Remembered>,
}

impl RedbStore {
    /// Opens the folder, or makes it. `transition` is what the state machine does with a command.
    pub async fn open(
        dir: &Path,
        owner: Owner,
        transition: Transition,
    ) -> Result<(LogStore, StateMachine), OpenError> {
        let opened = Self::open_with(dir, owner, transition, |file| file).await?;
        Ok((opened.log, opened.machine))
    }

    /// The same, with something between the database and its file.
    pub(super) async fn open_with<B: StorageBackend>(
        dir: &Path,
        owner: Owner,
        transition: Transition,
        wrap: impl FnOnce(FileBackend) -> B + Send + 'static,
    ) -> Result<Opened, OpenError> {
        let (disk, found) =
            Disk::start(dir.to_owned(), move |dir| open_folder(dir, &owner, wrap)).await?;
        let restored = match found.snapshot {
            Some((meta, body)) => Some(StateMachine::decode(&disk, &meta, &body)?),
            None => None,
        };
        disk.marks.remember_again(found.marks);
        let view = view::channel(Arc::default());
        let machine = StateMachine::new(disk.clone(), transition, Arc::clone(&view), restored);
        Ok(Opened {
            log: LogStore::new(disk.clone()),
            machine,
            disk,
            view,
            identity: found.identity,
        })
    }

    /// Whether there is a ledger in the folder.
    pub(super) fn exists(dir: &Path) -> bool {
        dir.join(DATABASE).exists()
    }

    /// Makes a folder's ledger with that content; says no where there is one already.
    pub(super) async fn create(
        dir: &Path,
        owner: Owner,
        content: Vec<(&'static str, Vec<u8>)>,
    ) -> Result<bool, OpenError> {
        let (disk, made) = Disk::start(dir.to_owned(), move |dir| {
            make_folder(dir)?;
            let lock = lock(dir)?;
            let file = dir.join(DATABASE);
            let made = !exists(dir, &file)?;
            let database = if made {
                create_database(dir, &file, &owner, &content, |file| file)?
            } else {
                open_database(dir, &file, |file| file)?
            };
            let held = Held {
                database,
                lock,
                file,
            };
            Ok((held, made))
        })
        .await?;
        disk.close().await;
        Ok(made)
    }

    /// Puts a new ledger in the place of the folder's own, which is kept under another name: that name
    /// is returned. The place is never empty.
    pub(super) async fn replace(
        dir: &Path,
        owner: Owner,
        content: Vec<(&'static str, Vec<u8>)>,
    ) -> Result<PathBuf, OpenError> {
        let (disk, kept) = Disk::start(dir.to_owned(), move |dir| {
            let lock = lock(dir)?;
            let file = dir.join(DATABASE);
            let old = inspect(dir, &open_database(dir, &file, |file| file)?, &owner)?;
            let kept = dir.join(format!("{DATABASE}.{}", old.identity.disk));
            match fs::hard_link(&file, &kept) {
                Ok(()) => {}
                // Of an attempt that was killed: the same file.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => {
                    return Err(OpenError::from_io(dir, &kept, "keeping the old ledger", e));
                }
            }
            let database = create_database(dir, &file, &owner, &content, |file| file)?;
            let held = Held {
                database,
                lock,
                file,
            };
            Ok((held, kept))
        })
        .await?;
        disk.close().await;
        Ok(kept)
    }

    /// Whose folder it is.
    pub(super) async fn owner(dir: &Path) -> Result<Owner, OpenError> {
        let (disk, owner) = Disk::start(dir.to_owned(), move |dir| {
            let lock = lock(dir)?;
            let file = dir.join(DATABASE);
            let database = open_database(dir, &file, |file| file)?;
            let read = || -> Result<_, redb::Error> {
                let meta = database.begin_read()?.open_table(META)?;
                Ok(meta.get(KEY_OWNER)?.map(|value| value.value().to_vec()))
            };
            let owner = parse(dir, KEY_OWNER, read().map_err(|e| failed(dir, OPENING, e))?)?;
            let held = Held {
                database,
                lock,
                file,
            };
            Ok((held, owner))
        })
        .await?;
        disk.close().await;
        Ok(owner)
    }

    /// The first thing in the folder that no empty data folder holds.
    pub(super) fn foreign_content(dir: &Path) -> Result<Option<String>, OpenError> {
        let io = |e| OpenError::from_io(dir, dir, "looking into the folder", e);
        if !exists(dir, dir)? {
            return Ok(None);
        }
        for entry in fs::read_dir(dir).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            // A file system's own, and what a process that was killed here had begun.
            if name != LOCK && name != UNFINISHED && name != "lost+found" {
                return Ok(Some(name.to_string_lossy().into_owned()));
            }
        }
        Ok(None)
    }

    /// The identity of the folder, which is made if it does not exist. The folder is free again
    /// when this returns.
    pub async fn identity(dir: &Path, owner: Owner) -> Result<DiskId, OpenError> {
        let (disk, found) = Disk::start(dir.to_owned(), move |dir| {
            open_folder(dir, &owner, |file| file)
        })
        .await?;
        disk.close().await;
        Ok(found.identity.disk)
    }
}

/// Keeps what the cluster is formed from, before it is.
pub(super) async fn keep_formed_with(
    disk: &Disk,
    disks: &BTreeMap<MemberId, DiskId>,
) -> Result<(), Arc<DiskError>> {
    let encoded = to_json(disks);
    disk.write("forming the cluster", move |transaction| {
        transaction
            .open_table(META)?
            .insert(KEY_FORMED_WITH, encoded.as_slice())?;
        Ok(())
    })
    .await
}

/// Keeps that this folder was put back in time.
pub(super) async fn keep_put_back(disk: &Disk, how: &PutBack) -> Result<(), Arc<DiskError>> {
    let encoded = to_json(how);
    disk.write("keeping that the folder was put back", move |transaction| {
        transaction
            .open_table(META)?
            .insert(KEY_PUT_BACK, encoded.as_slice())?;
        Ok(())
    })
    .await
}

/// Drawn once for each folder.
#[allow(
    clippy::disallowed_methods,
    reason = "an identity must never come twice, not even with one seed"
)]
pub(super) fn draw() -> DiskId {
    DiskId(rand::random())
}

fn open_folder<B: StorageBackend>(
    dir: &Path,
    owner: &Owner,
    wrap: impl FnOnce(FileBackend) -> B,
) -> Result<(Held, Found), OpenError> {
    make_folder(dir)?;
    let lock = lock(dir)?;
    let file = dir.join(DATABASE);
    let database = if exists(dir, &file)? {
        open_database(dir, &file, wrap)?
    } else {
        create_database(dir, &file, owner, &[], wrap)?
    };
    let found = inspect(dir, &database, owner)?;
    let held = Held {
        database,
        lock,
        file,
    };
    Ok((held, found))
}

fn make_folder(dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    if exists(dir, dir)? {
        return Err(OpenError::NotAFolder {
            dir: dir.to_owned(),
        });
    }
    let doing = "creating the data folder";
    fs::create_dir_all(dir).map_err(|e| OpenError::from_io(dir, dir, doing, e))?;
    match dir.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => sync_folder(dir, parent),
        None => Ok(()),
    }
}

fn exists(dir: &Path, path: &Path) -> Result<bool, OpenError> {
    path.try_exists()
        .map_err(|e| OpenError::from_io(dir, path, "looking for it", e))
}

/// A new name in a folder is durable only when the folder is.
fn sync_folder(dir: &Path, folder: &Path) -> Result<(), OpenError> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| OpenError::from_io(dir, folder, "syncing the folder", e))
}

/// Takes the folder for this process. The database locks its file as well, but a file that does
/// not yet exist cannot be locked.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK);
    let io = |e| OpenError::from_io(dir, &path, "locking the data folder", e);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {
            // For people only: a full disk must not speak through this line.
            let _ = file
                .set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| writeln!(file, "{}", std::process::id()));
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let holder = match pid.trim() {
                "" => "another failoverd?".to_owned(),
                pid => format!("another failoverd? process {pid}"),
            };
            Err(OpenError::Locked {
                dir: dir.to_owned(),
                holder,
            })
        }
        Err(TryLockError::Error(e)) => Err(io(e)),
    }
}

fn open_database<B: StorageBackend>(
    dir: &Path,
    path: &Path,
    wrap: impl FnOnce(FileBackend) -> B,
) -> Result<Database, OpenError> {
    let io = |e| OpenError::from_io(dir, path, OPENING, e);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(io)?;
    // The library takes an empty file for a new database; here it is one that was lost.
    if file.metadata().map_err(io)?.len() == 0 {
        return Err(damaged(dir, format!("{} is empty", path.display())));
    }
    build(dir, file, wrap)
}

fn create_database<B: StorageBackend>(
    dir: &Path,
    path: &Path,
    owner: &Owner,
    content: &[(&str, Vec<u8>)],
    wrap: impl FnOnce(FileBackend) -> B,
) -> Result<Database, OpenError> {
    let unfinished = dir.join(UNFINISHED);
    let io = |e| OpenError::from_io(dir, &unfinished, "creating the ledger", e);
    // What a predecessor left half-made, if it was killed here.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&unfinished)
        .map_err(io)?;
    let database = build(dir, file, wrap)?;
    let fill = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction.open_table(LOG)?;
        {
            let mut meta = transaction.open_table(META)?;
            meta.insert(KEY_SCHEMA, to_json(&FIRST_SCHEMA).as_slice())?;
            meta.insert(KEY_OWNER, to_json(owner).as_slice())?;
            meta.insert(KEY_DISK, to_json(&draw()).as_slice())?;
            for (key, value) in content {
                meta.insert(*key, value.as_slice())?;
            }
        }
        transaction.commit()?;
        Ok(())
    };
    fill().map_err(|e| failed(dir, "creating the ledger", e))?;
    fs::rename(&unfinished, path).map_err(io)?;
    sync_folder(dir, dir)?;
    Ok(database)
}

fn build<B: StorageBackend>(
    dir: &Path,
    file: File,
    wrap: impl FnOnce(FileBackend) -> B,
) -> Result<Database, OpenError> {
    let backend = FileBackend::new(file).map_err(|e| opening(dir, e.into()))?;
    Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(wrap(backend))
        .map_err(|e| opening(dir, e.into()))
}

fn inspect(dir: &Path, database: &Database, owner: &Owner) -> Result<Found, OpenError> {
    let read = || -> Result<_, redb::Error> {
        let transaction = database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let get = |key: &str| -> Result<Option<Vec<u8>>, redb::Error> {
            Ok(meta.get(key)?.map(|value| value.value().to_vec()))
        };
        Ok((
            get(KEY_SCHEMA)?,
            get(KEY_OWNER)?,
            get(KEY_SNAPSHOT_META)?,
            get(KEY_SNAPSHOT)?,
            get(KEY_DISK)?,
            get(KEY_FORMED_WITH)?,
            (get(KEY_MARKS)?, get(KEY_PUT_BACK)?),
        ))
    };
    let (schema, found_owner, snapshot_meta, snapshot, disk, formed_with, (marks, put_back)) =
        read().map_err(|e| failed(dir, OPENING, e))?;

    let found: u32 = parse(dir, KEY_SCHEMA, schema)?;
    if found > SCHEMA {
        return Err(OpenError::NewerSchema {
            dir: dir.to_owned(),
            found,
            known: SCHEMA,
        });
    }
    let found: Owner = parse(dir, KEY_OWNER, found_owner)?;
    if found != *owner {
        return Err(OpenError::WrongOwner {
            dir: dir.to_owned(),
            found: found.member,
            found_node: found.node,
            expected: owner.member.clone(),
            expected_node: owner.node,
        });
    }
    Ok(Found {
        snapshot: snapshot_meta.zip(snapshot),
        identity: Identity {
            disk: match disk {
                Some(_) => parse(dir, KEY_DISK, disk)?,
                None => name(dir, database)?,
            },
            formed_with: match formed_with {
                Some(_) => parse(dir, KEY_FORMED_WITH, formed_with)?,
                None => BTreeMap::new(),
            },
            put_back: put_back
                .map(|bytes| parse(dir, KEY_PUT_BACK, Some(bytes)))
                .transpose()?,
        },
        marks: match marks {
            Some(_) => parse(dir, KEY_MARKS, marks)?,
            None => BTreeMap::new(),
        },
    })
}

/// Gives an identity to a folder of the first release, which had none.
fn name(dir: &Path, database: &Database) -> Result<DiskId, OpenError> {
    let disk = draw();
    let write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction
            .open_table(META)?
            .insert(KEY_DISK, to_json(&disk).as_slice())?;
        transaction.commit()?;
        Ok(())
    };
    write().map_err(|e| failed(dir, OPENING, e))?;
    Ok(disk)
}

fn parse<T: for<'de> Deserialize<'de>>(
    dir: &Path,
    key: &str,
    bytes: Option<Vec<u8>>,
) -> Result<T, OpenError> {
    let bytes = bytes.ok_or_else(|| damaged(dir, format!("its {key} is missing")))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| damaged(dir, format!("its {key} is unreadable: {e}")))
}

/// JSON of a type of this crate.
pub(super) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    // Cannot fail: no map in the model or in Raft's types has keys that are not text or numbers,
    // and writing to a vector does not fail. The tests write one of each.
    serde_json::to_vec(value).expect("the ledger's types have a JSON form")
}

fn damaged(dir: &Path, what: String) -> OpenError {
    OpenError::Disk(Arc::new(DiskError::Damaged {
        dir: dir.to_owned(),
        doing: OPENING,
        what,
    }))
}

fn failed(dir: &Path, doing: &'static str, error: redb::Error) -> OpenError {
    OpenError::Disk(Arc::new(DiskError::from_redb(dir, doing, error)))
}

/// The library's errors while opening: a file that is none of its own shows as an I/O error.
fn opening(dir: &Path, error: redb::Error) -> OpenError {
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::Locked {
            dir: dir.to_owned(),
            holder: "another program has ledger.redb open".to_owned(),
        },
        redb::Error::Io(e)
            if matches!(
                e.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            damaged(dir, e.to_string())
        }
        other => failed(dir, OPENING, other),
    }
}

/// The database's file of a data folder, for tests that tamper with it.
#[cfg(test)]
pub(super) fn database_file(dir: &Path) -> std::path::PathBuf {
    dir.join(DATABASE)
}
