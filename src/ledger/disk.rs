//! The thread that owns the database. Nothing else touches the file, so that closing it has a
//! moment, and no fsync ever stalls the async loop.
//!
//! Invariant: a write is answered after its transaction is durable, or with an error.
//!
//! Jobs run one at a time: openraft 0.9 waits for each append before it makes the next, so there is
//! never a second one to share an fsync with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use redb::{Database, Durability, ReadTransaction, ReadableDatabase, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::commit_times::{CommitClock, CommitTimes};
use super::error::{DiskError, OpenError};
use super::marks::Marks;

/// Jobs that may wait. The core has one write under way, each replication stream and the snapshot
/// builder one read or write: this is never reached in a cluster of tens.
const QUEUE: usize = 64;

/// Of a size that nobody told.
const UNKNOWN: u64 = u64::MAX;

type Work = Box<dyn FnOnce(&Database) + Send>;

enum Job {
    Work(Work),
    Close(oneshot::Sender<()>),
}

/// What the thread owns: the database, and the lock on the folder for as long as it is open.
pub(super) struct Held {
    pub(super) database: Database,
    /// Dropped after the database.
    pub(super) lock: File,
    /// Whose size is the database's.
    pub(super) file: PathBuf,
}

/// A handle to the disk thread.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    /// How far this folder goes, and the others' were seen to go.
    pub(super) marks: Arc<Marks>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    /// The first thing that went wrong: what comes after is only its echo.
    failure: OnceLock<Arc<DiskError>>,
    /// Microseconds of the last durable commit; zero before the first.
    commit_us: AtomicU64,
    commits: CommitClock,
    size_bytes: AtomicU64,
    /// What this process may still write to the folder's file system; unknown if it does not say.
    free_bytes: AtomicU64,
    /// Closed on purpose.
    closing: AtomicBool,
}

impl Disk {
    /// Opens the database on a thread of its own and leaves it there. `open` also returns what its
    /// caller wants to know first.
    pub(super) async fn start<T: Send + 'static>(
        dir: PathBuf,
        open: impl FnOnce(&Path) -> Result<(Held, T), OpenError> + Send + 'static,
    ) -> Result<(Self, T), OpenError> {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        let (opened_tx, opened_rx) = oneshot::channel();
        let shared = Arc::new(Shared {
            dir: dir.clone(),
            failure: OnceLock::new(),
            commit_us: AtomicU64::new(0),
            commits: CommitClock::default(),
            size_bytes: AtomicU64::new(0),
            free_bytes: AtomicU64::new(UNKNOWN),
            closing: AtomicBool::new(false),
        });
        let gauges = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("ledger-disk".to_owned())
            .spawn(move || match open(&gauges.dir) {
                Err(error) => {
                    let _ = opened_tx.send(Err(error));
                }
                Ok((held, found)) => {
                    gauges.measure(&held.file);
                    if opened_tx.send(Ok(found)).is_ok() {
                        serve(held, &mut queue, &gauges);
                    }
                }
            })
            .map_err(|e| OpenError::from_io(&dir, &dir, "starting the disk thread", e))?;
        let found = opened_rx.await.map_err(|_| {
            // The thread ended without an answer: the database library panicked over the file.
            Arc::new(DiskError::Damaged {
                dir,
                doing: "opening the ledger",
                what: "the file cannot be made sense of".to_owned(),
            })
        })??;
        let marks = Arc::default();
        Ok((
            Self {
                jobs,
                shared,
                marks,
            },
            found,
        ))
    }

    /// Runs `work` in one read transaction.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, Arc<DiskError>> {
        self.run(doing, move |database, _| {
            let transaction = database.begin_read()?;
            work(&transaction)
        })
        .await
    }

    /// Runs `work` in one write transaction and makes it durable.
    pub(super) async fn write(
        &self,
        doing: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error> + Send + 'static,
    ) -> Result<(), Arc<DiskError>> {
        self.run(doing, move |database, shared| {
            write_durably(database, shared, work)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Database, &Shared) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, Arc<DiskError>> {
        let (answer_tx, answer_rx) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let job = Box::new(move |database: &Database| {
            let answer = work(database, &shared).map_err(|error| {
                let error = Arc::new(DiskError::from_redb(&shared.dir, doing, error));
                shared.failed(error)
            });
            // The asker may have gone; what was done is done.
            let _ = answer_tx.send(answer);
        });
        let gone = || self.failure().unwrap_or_else(|| self.gone(doing));
        self.jobs.send(Job::Work(job)).await.map_err(|_| gone())?;
        answer_rx.await.map_err(|_| gone())?
    }

    /// Reports bytes on the disk that mean nothing.
    pub(super) fn damaged(&self, doing: &'static str, what: impl ToString) -> Arc<DiskError> {
        self.shared.failed(Arc::new(DiskError::Damaged {
            dir: self.shared.dir.clone(),
            doing,
            what: what.to_string(),
        }))
    }

    /// The first failure since opening.
    pub(super) fn failure(&self) -> Option<Arc<DiskError>> {
        self.shared.failure.get().cloned()
    }

    /// How long the last durable commit took, in host time.
    pub(super) fn last_commit(&self) -> Option<Duration> {
        match self.shared.commit_us.load(Ordering::Relaxed) {
            0 => None,
            us => Some(Duration::from_micros(us)),
        }
    }

    /// How long every durable commit took, in host time.
    pub(super) fn commits(&self) -> CommitTimes {
        self.shared.commits.read()
    }

    /// Bytes that may still be written to the folder's file system, if it says.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        match self.shared.free_bytes.load(Ordering::Relaxed) {
            UNKNOWN => None,
            bytes => Some(bytes),
        }
    }

    /// Size of the database file in bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.shared.size_bytes.load(Ordering::Relaxed)
    }

    /// Closes the database and gives the folder free. Jobs already waiting are done first; later
    /// ones fail. Returns when it has happened.
    pub(super) async fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        let (done_tx, done_rx) = oneshot::channel();
        if self.jobs.send(Job::Close(done_tx)).await.is_ok() {
            // An error means that the thread ended on its own: closed as well.
            let _ = done_rx.await;
        }
    }

    /// Why there is no disk thread any more: it was closed, or the database library panicked.
    fn gone(&self, doing: &'static str) -> Arc<DiskError> {
        if self.shared.closing.load(Ordering::Acquire) {
            Arc::new(DiskError::Closed {
                dir: self.shared.dir.clone(),
                doing,
            })
        } else {
            self.damaged(doing, "the file cannot be made sense of")
        }
    }
}

impl Shared {
    /// Keeps the first failure and returns it, whichever comes later.
    fn failed(&self, error: Arc<DiskError>) -> Arc<DiskError> {
        Arc::clone(self.failure.get_or_init(|| error))
    }

    fn measure(&self, file: &Path) {
        // Only a gauge: an unreadable size must not fail a commit that has succeeded.
        if let Ok(meta) = fs::metadata(file) {
            self.size_bytes.store(meta.len(), Ordering::Relaxed);
        }
        if let Ok(space) = rustix::fs::statvfs(&self.dir) {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            self.free_bytes.store(free, Ordering::Relaxed);
        }
    }
}

fn serve(held: Held, queue: &mut mpsc::Receiver<Job>, shared: &Shared) {
    let Held {
        database,
        lock,
        file,
    } = held;
    let mut closing = None;
    while let Some(job) = queue.blocking_recv() {
        match job {
            Job::Work(work) => {
                work(&database);
                shared.measure(&file);
            }
            Job::Close(done) => {
                closing = Some(done);
                break;
            }
        }
    }
    queue.close();
    drop(database);
    drop(lock);
    if let Some(done) = closing {
        let _ = done.send(());
    }
}

fn write_durably(
    database: &Database,
    shared: &Shared,
    work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    work(&transaction)?;
    let started = host_now();
    transaction.commit()?;
    let took = started.elapsed();
    shared.commits.took(took);
    let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    shared.commit_us.store(took.max(1), Ordering::Relaxed);
    Ok(())
}

/// The host's own clock: what is measured is this host's disk, not the world.
#[allow(clippy::disallowed_methods, reason = "measures the host's disk")]
fn host_now() -> Instant {
    Instant::now()
}
