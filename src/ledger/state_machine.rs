//! The replicated state in memory, and its snapshots on the disk.
//!
//! ```text
//!  committed entries ─apply─▶ State ─publish─▶ View
//!                               │  every SNAPSHOT_EVERY entries
//!                               └─▶ snapshot on the disk ─▶ older entries are dropped
//! ```
//!
//! Invariant: what is published has been applied whole: nobody sees half a batch.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::RaftStateMachine;
use openraft::{
    AnyError, Entry, EntryPayload, ErrorSubject, ErrorVerb, LogId, OptionalSend,
    RaftSnapshotBuilder, Snapshot, SnapshotMeta, StorageError, StorageIOError, StoredMembership,
};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use crate::model::{Command, Event, Rejection, State};

use super::disk::Disk;
use super::error::{DiskError, OpenError};
use super::log_store::storage_error;
use super::store::{FIRST_SCHEMA, KEY_SNAPSHOT, KEY_SNAPSHOT_META, META, SCHEMA, to_json};
use super::types::{NodeId, Peer, Reply, TypeConfig};
use super::view::ViewSender;

/// What a command does to the state: the one transition function of the pure core.
pub type Transition =
    Arc<dyn Fn(&mut State, &Command) -> Result<Event, Rejection> + Send + Sync + 'static>;

type Failure = StorageError<NodeId>;
type Meta = SnapshotMeta<NodeId, Peer>;

/// The state, as far as the log has been applied.
pub struct StateMachine {
    disk: Disk,
    transition: Transition,
    view: ViewSender,
    slot: Arc<Mutex<Slot>>,
    generation: u64,
}

/// Where the state is kept, for one log core after another.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Whose state machine may write. openraft's worker outlives the core it belongs to.
    generation: u64,
    now: Applied,
}

/// One moment of the state machine. Cloning it copies no state.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    state: Arc<State>,
    upto: Option<LogId<NodeId>>,
    membership: StoredMembership<NodeId, Peer>,
    /// The newest schema that any command behind it needed. Not this failoverd's own: while a release
    /// is rolled out, its snapshots go to members of the last one.
    schema: u32,
}

impl Default for Applied {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            upto: None,
            membership: StoredMembership::default(),
            schema: FIRST_SCHEMA,
        }
    }
}

/// Makes a snapshot of one moment, beside the core.
#[derive(Debug)]
pub struct SnapshotBuilder {
    disk: Disk,
    moment: Applied,
}

/// A snapshot as it lies on the disk and travels to other members. It carries its schema because
/// the member that receives it may be the older one.
#[derive(Serialize, Deserialize)]
struct Body<S> {
    schema: u32,
    state: S,
}

/// Read before the state, which a newer schema may have changed beyond reading.
#[derive(Deserialize)]
struct SchemaOnly {
    schema: u32,
}

#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error(
        "the snapshot was made by a newer failoverd (schema {found}, this one knows up to {SCHEMA}); upgrade this member"
    )]
    Newer { found: u32 },
    #[error("the snapshot is unreadable")]
    Unreadable(#[from] serde_json::Error),
}

#[derive(Debug, thiserror::Error)]
#[error("the state's transition function panicked")]
struct Panicked;

#[derive(Debug, thiserror::Error)]
#[error("another log core has taken over")]
struct Retired;

impl StateMachine {
    pub(super) fn new(
        disk: Disk,
        transition: Transition,
        view: ViewSender,
        restored: Option<Applied>,
    ) -> Self {
        let now = restored.unwrap_or_default();
        publish(&view, &now, true);
        Self {
            disk,
            transition,
            view,
            slot: Arc::new(Mutex::new(Slot { generation: 0, now })),
            generation: 0,
        }
    }

    /// What the next log core needs to go on from here.
    pub(super) fn heir(&self) -> Heir {
        Heir {
            disk: self.disk.clone(),
            transition: Arc::clone(&self.transition),
            view: Arc::clone(&self.view),
            slot: Arc::clone(&self.slot),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        lock(&self.slot)
    }

    /// How far the log is applied.
    pub(super) fn applied_upto(&self) -> Option<LogId<NodeId>> {
        self.slot().now.upto
    }

    /// The snapshot of an earlier life.
    pub(super) fn decode(disk: &Disk, meta: &[u8], body: &[u8]) -> Result<Applied, OpenError> {
        const DOING: &str = "reading the snapshot";
        let meta: Meta = serde_json::from_slice(meta).map_err(|e| disk.damaged(DOING, e))?;
        let body = parse(body).map_err(|e| disk.damaged(DOING, super::error::chain(&e)))?;
        Ok(Applied {
            state: Arc::new(body.state),
            upto: meta.last_log_id,
            membership: meta.last_membership,
            schema: body.schema,
        })
    }

    /// Applies one command. The transition is total, but a bug in it must end the log core with its
    /// name, not leave a member that looks alive and applies nothing.
    fn transit(&self, state: &mut Arc<State>, command: &Command) -> Result<Reply, Panicked> {
        // Readers hold the last state: this copies it, once for each batch.
        let state = Arc::make_mut(state);
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.transition)(state, command)));
        match outcome {
            Ok(Ok(event)) => Ok(Reply::Applied(event)),
            Ok(Err(rejection)) => Ok(Reply::Rejected(rejection)),
            Err(_) => Err(Panicked),
        }
    }
}

/// Makes the state machine of the next log core.
#[derive(Clone)]
pub(super) struct Heir {
    disk: Disk,
    transition: Transition,
    view: ViewSender,
    slot: Arc<Mutex<Slot>>,
}

impl Heir {
    /// From here on, no earlier one changes anything.
    pub(super) fn take_over(&self) -> StateMachine {
        let mut slot = lock(&self.slot);
        slot.generation += 1;
        StateMachine {
            disk: self.disk.clone(),
            transition: Arc::clone(&self.transition),
            view: Arc::clone(&self.view),
            slot: Arc::clone(&self.slot),
            generation: slot.generation,
        }
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    // A transition that panics is caught inside, and ends the log core.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows the state with how far it has come; wakes whoever waits for news if it is news.
fn publish(view: &ViewSender, now: &Applied, is_news: bool) {
    let state = Arc::clone(&now.state);
    let applied = now.upto.map_or(0, |upto| upto.index);
    view.send_if_modified(|view| {
        view.state = state;
        view.applied = applied;
        is_news
    });
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId<NodeId>>, StoredMembership<NodeId, Peer>), Failure> {
        let slot = self.slot();
        Ok((slot.now.upto, slot.now.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Reply>, Failure>
    where
        I: IntoIterator<Item = Entry<TypeConfig>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut replies = Vec::new();
        let mut slot = self.slot();
        if slot.generation != self.generation {
            return Err(StorageIOError::write_state_machine(AnyError::new(&Retired)).into());
        }
        let now = &mut slot.now;
        // A rejected command changes nothing.
        let mut changed = false;
        for entry in entries {
            let reply = match entry.payload {
                EntryPayload::Blank => Reply::Nothing,
                EntryPayload::Membership(membership) => {
                    now.membership = StoredMembership::new(Some(entry.log_id), membership);
                    Reply::Nothing
                }
                EntryPayload::Normal(command) => {
                    now.schema = now.schema.max(command.since_schema());
                    let reply = self
                        .transit(&mut now.state, &command)
                        .map_err(|e| StorageIOError::apply(entry.log_id, AnyError::new(&e)))?;
                    changed |= matches!(reply, Reply::Applied(_));
                    reply
                }
            };
            now.upto = Some(entry.log_id);
            replies.push(reply);
        }
        publish(&self.view, now, changed);
        Ok(replies)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder {
            disk: self.disk.clone(),
            moment: self.slot().now.clone(),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, Failure> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &Meta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), Failure> {
        let body = snapshot.into_inner();
        let parsed = parse(&body).map_err(|e| {
            let error = AnyError::error(super::error::chain(&e));
            StorageIOError::read_snapshot(Some(meta.signature()), error)
        })?;
        write_snapshot(&self.disk, meta, body).await?;
        let mut slot = self.slot();
        if slot.generation != self.generation {
            return Err(StorageIOError::write_state_machine(AnyError::new(&Retired)).into());
        }
        slot.now = Applied {
            state: Arc::new(parsed.state),
            upto: meta.last_log_id,
            membership: meta.last_membership.clone(),
            schema: parsed.schema,
        };
        publish(&self.view, &slot.now, true);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, Failure> {
        const DOING: &str = "reading the snapshot";
        let failure = |e| storage_error(ErrorSubject::Snapshot(None), ErrorVerb::Read, &e);
        let found = self
            .disk
            .read(DOING, |transaction| {
                let table = transaction.open_table(META)?;
                let meta = table.get(KEY_SNAPSHOT_META)?;
                let body = table.get(KEY_SNAPSHOT)?;
                Ok(meta
                    .zip(body)
                    .map(|(meta, body)| (meta.value().to_vec(), body.value().to_vec())))
            })
            .await
            .map_err(failure)?;
        let Some((meta, body)) = found else {
            return Ok(None);
        };
        let meta =
            serde_json::from_slice(&meta).map_err(|e| failure(self.disk.damaged(DOING, e)))?;
        Ok(Some(Snapshot {
            meta,
            snapshot: Box::new(Cursor::new(body)),
        }))
    }
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, Failure> {
        let Applied {
            state,
            upto,
            membership,
            schema,
        } = self.moment.clone();
        let meta = Meta {
            last_log_id: upto,
            last_membership: membership,
            // One state for one log id: the transition is deterministic.
            snapshot_id: upto.map_or_else(|| "empty".to_owned(), |id| id.to_string()),
        };
        // Megabytes with a thousand applications: not on the async loop.
        let body = tokio::task::spawn_blocking(move || {
            to_json(&Body {
                schema,
                state: &*state,
            })
        })
        .await
        .map_err(|e| StorageIOError::write_snapshot(Some(meta.signature()), AnyError::new(&e)))?;
        write_snapshot(&self.disk, &meta, body.clone()).await?;
        Ok(Snapshot {
            meta,
            snapshot: Box::new(Cursor::new(body)),
        })
    }
}

/// A state as a snapshot holds it, readable by this failoverd and newer ones.
pub(super) fn encode(state: &State) -> Vec<u8> {
    to_json(&Body {
        schema: SCHEMA,
        state,
    })
}

fn parse(body: &[u8]) -> Result<Body<State>, BodyError> {
    let SchemaOnly { schema } = serde_json::from_slice(body)?;
    if schema > SCHEMA {
        return Err(BodyError::Newer { found: schema });
    }
    Ok(serde_json::from_slice(body)?)
}

/// Keeps the snapshot unless a later one is there: one being built may be overtaken by one received.
async fn write_snapshot(disk: &Disk, meta: &Meta, body: Vec<u8>) -> Result<(), Failure> {
    const DOING: &str = "writing a snapshot";
    let upto = meta.last_log_id;
    let encoded = to_json(meta);
    disk.write(DOING, move |transaction| {
        let mut table = transaction.open_table(META)?;
        let present = table
            .get(KEY_SNAPSHOT_META)?
            .and_then(|value| serde_json::from_slice::<Meta>(value.value()).ok());
        if present.is_some_and(|present| present.last_log_id > upto) {
            return Ok(());
        }
        table.insert(KEY_SNAPSHOT_META, encoded.as_slice())?;
        table.insert(KEY_SNAPSHOT, body.as_slice())?;
        Ok(())
    })
    .await
    .map_err(|e: Arc<DiskError>| {
        storage_error(
            ErrorSubject::Snapshot(Some(meta.signature())),
            ErrorVerb::Write,
            &e,
        )
    })
}

impl std::fmt::Debug for StateMachine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateMachine")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Owner, RedbStore, node_id};

    #[tokio::test]
    async fn a_snapshot_says_what_its_commands_need_not_who_made_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let member = crate::model::MemberId::from("ireland");
        let owner = Owner {
            node: node_id(&member),
            member,
        };
        let opened = RedbStore::open(dir.path(), owner, Arc::new(crate::run::apply)).await;
        let (_log, mut machine) = opened.expect("opens");
        // As if a command of a far newer schema were among them.
        let needed = SCHEMA + 6;
        machine.slot().now.schema = needed;
        let mut builder = machine.get_snapshot_builder().await;
        let snapshot = builder.build_snapshot().await.expect("builds");
        let body = snapshot.snapshot.into_inner();
        let said: SchemaOnly = serde_json::from_slice(&body).expect("reads");
        assert_eq!(said.schema, needed);
        assert!(matches!(
            parse(&body),
            Err(BodyError::Newer { found }) if found == needed
        ));
    }
}
