//! Raft's vote and log on the disk.

use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{
    AnyError, Entry, EntryPayload, ErrorSubject, ErrorVerb, LogId, LogState, OptionalSend,
    RaftLogReader, StorageError, StorageIOError, Vote,
};
use redb::{ReadableTable, WriteTransaction};
use serde::Deserialize;

use super::disk::Disk;
use super::error::DiskError;
use super::store::{
    FIRST_SCHEMA, KEY_COMMITTED, KEY_MARKS, KEY_PURGED, KEY_SCHEMA, KEY_VOTE, LOG, META, to_json,
};
use super::types::{NodeId, TypeConfig};

type Failure = StorageError<NodeId>;

/// Vote and log of one data folder.
#[derive(Debug)]
pub struct LogStore {
    disk: Disk,
    /// Known to be committed, but not yet on the disk: it goes there with the next append, so that
    /// it costs no fsync of its own. What a crash forgets of it, the leader tells again.
    committed: Option<LogId<NodeId>>,
}

/// Reads entries, beside the core.
#[derive(Clone, Debug)]
pub struct LogReader {
    disk: Disk,
}

impl LogStore {
    pub(super) fn new(disk: Disk) -> Self {
        Self {
            disk,
            committed: None,
        }
    }

    /// One value of the meta table.
    async fn meta<T: for<'de> Deserialize<'de>>(
        &self,
        key: &'static str,
        doing: &'static str,
    ) -> Result<Option<T>, Arc<DiskError>> {
        let bytes = self
            .disk
            .read(doing, move |transaction| {
                let meta = transaction.open_table(META)?;
                Ok(meta.get(key)?.map(|value| value.value().to_vec()))
            })
            .await?;
        bytes
            .map(|bytes| decode(&self.disk, doing, &bytes))
            .transpose()
    }

    /// A durable write that takes the committed id along, and what was seen of the others.
    async fn write(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error> + Send + 'static,
    ) -> Result<(), Arc<DiskError>> {
        let committed = self.committed.as_ref().map(to_json);
        let marks = self.disk.marks.to_keep().as_ref().map(to_json);
        self.disk
            .write(doing, move |transaction| {
                if let Some(committed) = committed {
                    put(transaction, KEY_COMMITTED, &committed)?;
                }
                if let Some(marks) = marks {
                    put(transaction, KEY_MARKS, &marks)?;
                }
                work(transaction)
            })
            .await
    }
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry<TypeConfig>>, Failure> {
        read_entries(&self.disk, bounds(&range)).await
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry<TypeConfig>>, Failure> {
        read_entries(&self.disk, bounds(&range)).await
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, Failure> {
        const DOING: &str = "reading the end of the log";
        let failure = |e| storage_error(ErrorSubject::Logs, ErrorVerb::Read, &e);
        let purged: Option<LogId<NodeId>> = self.meta(KEY_PURGED, DOING).await.map_err(failure)?;
        let last = self
            .disk
            .read(DOING, |transaction| {
                let log = transaction.open_table(LOG)?;
                Ok(log.last()?.map(|(_, entry)| entry.value().to_vec()))
            })
            .await
            .map_err(failure)?;
        let last: Option<Entry<TypeConfig>> = last
            .map(|bytes| decode(&self.disk, DOING, &bytes))
            .transpose()
            .map_err(failure)?;
        Ok(LogState {
            last_purged_log_id: purged,
            last_log_id: last.map(|entry| entry.log_id).or(purged),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader {
            disk: self.disk.clone(),
        }
    }

    async fn save_vote(&mut self, vote: &Vote<NodeId>) -> Result<(), Failure> {
        let encoded = to_json(vote);
        self.write("recording a vote", move |transaction| {
            put(transaction, KEY_VOTE, &encoded)
        })
        .await
        .map_err(|e| storage_error(ErrorSubject::Vote, ErrorVerb::Write, &e))?;
        self.disk.marks.promised(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote<NodeId>>, Failure> {
        self.meta(KEY_VOTE, "reading the vote")
            .await
            .map_err(|e| storage_error(ErrorSubject::Vote, ErrorVerb::Read, &e))
    }

    async fn save_committed(&mut self, committed: Option<LogId<NodeId>>) -> Result<(), Failure> {
        self.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId<NodeId>>, Failure> {
        if self.committed.is_some() {
            return Ok(self.committed);
        }
        self.meta(KEY_COMMITTED, "reading how far the log is committed")
            .await
            .map_err(|e| storage_error(ErrorSubject::Store, ErrorVerb::Read, &e))
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: LogFlushed<TypeConfig>,
    ) -> Result<(), Failure>
    where
        I: IntoIterator<Item = Entry<TypeConfig>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let (mut needs, mut last) = (FIRST_SCHEMA, None);
        let entries: Vec<(u64, Vec<u8>)> = entries
            .into_iter()
            .inspect(|entry| {
                needs = needs.max(schema_of(entry));
                last = Some(entry.log_id);
            })
            .map(|entry| (entry.log_id.index, to_json(&entry)))
            .collect();
        self.write("appending to the log", move |transaction| {
            // An older failoverd must not open a folder with entries it cannot read.
            if needs > FIRST_SCHEMA {
                raise_schema(transaction, needs)?;
            }
            let mut log = transaction.open_table(LOG)?;
            for (index, entry) in &entries {
                log.insert(index, entry.as_slice())?;
            }
            Ok(())
        })
        .await
        .map_err(|e| storage_error(ErrorSubject::Logs, ErrorVerb::Write, &e))?;
        if let Some(last) = last {
            self.disk.marks.written(last);
        }
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, since: LogId<NodeId>) -> Result<(), Failure> {
        self.write("taking back uncommitted entries", move |transaction| {
            let mut log = transaction.open_table(LOG)?;
            log.retain_in(since.index.., |_, _| false)?;
            Ok(())
        })
        .await
        .map_err(|e| storage_error(ErrorSubject::Log(since), ErrorVerb::Delete, &e))?;
        self.disk.marks.taken_back();
        Ok(())
    }

    async fn purge(&mut self, upto: LogId<NodeId>) -> Result<(), Failure> {
        let purged = to_json(&upto);
        // Both in one transaction, so that there is never a hole that nothing explains.
        self.write(
            "dropping entries that a snapshot holds",
            move |transaction| {
                put(transaction, KEY_PURGED, &purged)?;
                let mut log = transaction.open_table(LOG)?;
                log.retain_in(..=upto.index, |_, _| false)?;
                Ok(())
            },
        )
        .await
        .map_err(|e| storage_error(ErrorSubject::Log(upto), ErrorVerb::Delete, &e))?;
        self.disk.marks.written(upto);
        Ok(())
    }
}

async fn read_entries(
    disk: &Disk,
    range: (Bound<u64>, Bound<u64>),
) -> Result<Vec<Entry<TypeConfig>>, Failure> {
    const DOING: &str = "reading the log";
    let failure = |e| storage_error(ErrorSubject::Logs, ErrorVerb::Read, &e);
    if is_empty(range) {
        return Ok(Vec::new());
    }
    let entries = disk
        .read(DOING, move |transaction| {
            let log = transaction.open_table(LOG)?;
            log.range(range)?
                .map(|item| Ok(item?.1.value().to_vec()))
                .collect::<Result<Vec<_>, redb::Error>>()
        })
        .await
        .map_err(failure)?;
    let entries: Result<Vec<_>, _> = entries
        .iter()
        .map(|bytes| decode(disk, DOING, bytes))
        .collect();
    entries.map_err(failure)
}

fn bounds(range: &impl RangeBounds<u64>) -> (Bound<u64>, Bound<u64>) {
    (range.start_bound().cloned(), range.end_bound().cloned())
}

/// The database library panics over ranges that end before they begin.
fn is_empty(range: (Bound<u64>, Bound<u64>)) -> bool {
    let start = match range.0 {
        Bound::Included(index) => Some(index),
        Bound::Excluded(index) => index.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    match (start, range.1) {
        (None, _) => true,
        (Some(start), Bound::Included(end)) => start > end,
        (Some(start), Bound::Excluded(end)) => start >= end,
        (Some(_), Bound::Unbounded) => false,
    }
}

/// The first schema that knows the entry.
fn schema_of(entry: &Entry<TypeConfig>) -> u32 {
    match &entry.payload {
        EntryPayload::Normal(command) => command.since_schema(),
        EntryPayload::Blank | EntryPayload::Membership(_) => FIRST_SCHEMA,
    }
}

fn raise_schema(transaction: &WriteTransaction, needs: u32) -> Result<(), redb::Error> {
    let written = {
        let meta = transaction.open_table(META)?;
        meta.get(KEY_SCHEMA)?
            .and_then(|value| serde_json::from_slice::<u32>(value.value()).ok())
    };
    if written.is_none_or(|written| written < needs) {
        put(transaction, KEY_SCHEMA, &to_json(&needs))?;
    }
    Ok(())
}

fn put(transaction: &WriteTransaction, key: &str, value: &[u8]) -> Result<(), redb::Error> {
    transaction.open_table(META)?.insert(key, value)?;
    Ok(())
}

fn decode<T: for<'de> Deserialize<'de>>(
    disk: &Disk,
    doing: &'static str,
    bytes: &[u8],
) -> Result<T, Arc<DiskError>> {
    serde_json::from_slice(bytes).map_err(|e| disk.damaged(doing, e))
}

/// As openraft wants it: any of these ends the core.
pub(super) fn storage_error(
    subject: ErrorSubject<NodeId>,
    verb: ErrorVerb,
    error: &Arc<DiskError>,
) -> Failure {
    StorageIOError::new(subject, verb, AnyError::new(error.as_ref())).into()
}
