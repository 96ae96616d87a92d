//! A small transition function, real folders and a disk that can be filled.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::ledger::{
    LedgerOptions, LedgerTiming, NoPeers, Owner, RaftLedger, StopReason, Transition, node_id,
};
use crate::model::{
    AppId, AutomationPause, Command, CommandBody, Event, MemberId, Rejection, State, Wall,
};
use crate::ports::{Ledger, LedgerError};

/// Longer than anything here may take, so that a hang fails instead of hanging.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A transition with the three outcomes: changes, repeats, refuses.
pub(super) fn fold(state: &mut State, command: &Command) -> Result<Event, Rejection> {
    state.time = state.time.max(command.at);
    match &command.body {
        CommandBody::PauseAutomation {
            app: Some(app),
            by,
            reason,
            until,
        } => {
            let pause = AutomationPause {
                by: by.clone(),
                reason: reason.clone(),
                since: state.time,
                until: *until,
            };
            state.apps.entry(app.clone()).or_default().automation_paused = Some(pause);
            Ok(Event::AutomationChanged)
        }
        CommandBody::Acknowledge { app, .. } => match state.apps.get_mut(app) {
            Some(app_state) => {
                app_state.acknowledged = true;
                Ok(Event::Acknowledged { app: app.clone() })
            }
            None => Err(Rejection::BadPlan {
                why: format!("no application is called {app}"),
            }),
        },
        CommandBody::ResumeAutomation { app: None, .. } => {
            state.apps.clear();
            Ok(Event::AutomationChanged)
        }
        _ => Ok(Event::NoChange),
    }
}

pub(super) fn transition() -> Transition {
    Arc::new(fold)
}

pub(super) fn pause(app: &str, at: u64) -> Command {
    Command {
        at: Wall(at),
        body: CommandBody::PauseAutomation {
            app: Some(AppId::from(app)),
            by: "a test".to_owned(),
            reason: "because".to_owned(),
            until: Some(Wall(at + 1)),
        },
    }
}

pub(super) fn acknowledge(app: &str) -> Command {
    Command {
        at: Wall(0),
        body: CommandBody::Acknowledge {
            app: AppId::from(app),
            by: "a test".to_owned(),
        },
    }
}

pub(super) fn owner() -> Owner {
    let member = MemberId::from("ireland");
    Owner {
        node: node_id(&member),
        member,
    }
}

pub(super) fn options(dir: &Path) -> LedgerOptions {
    let member = owner().member;
    LedgerOptions {
        data_dir: dir.to_owned(),
        members: [member.clone()].into(),
        member,
        timing: LedgerTiming {
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
            deadline: PATIENCE,
        },
        transition: transition(),
        peers: Arc::new(NoPeers),
    }
}

pub(super) async fn start(dir: &Path) -> RaftLedger {
    let ledger = RaftLedger::start(options(dir)).await.expect("starts");
    lead(&ledger).await;
    ledger
}

/// Waits until it leads.
pub(super) async fn lead(ledger: &RaftLedger) {
    let led = async {
        while !ledger.leads() {
            ledger.changed().await?;
        }
        Ok::<(), LedgerError>(())
    };
    tokio::time::timeout(PATIENCE, led)
        .await
        .expect("leads in time")
        .expect("runs");
}

pub(super) async fn stopped(ledger: &RaftLedger) -> StopReason {
    tokio::time::timeout(PATIENCE, ledger.stopped())
        .await
        .expect("stops in time")
}

/// A disk with so much room and no more.
#[derive(Debug)]
pub(super) struct SmallDisk {
    file: FileBackend,
    room: Arc<AtomicU64>,
}

impl SmallDisk {
    /// `room` is in bytes of written pages; it may be changed while the database is open.
    pub(super) fn wrap(room: &Arc<AtomicU64>) -> impl FnOnce(FileBackend) -> Self + Send + use<> {
        let room = Arc::clone(room);
        move |file| Self { file, room }
    }
}

impl StorageBackend for SmallDisk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        // A sparse file takes no room until it is written.
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let wanted = data.len() as u64;
        let taken = self
            .room
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| {
                room.checked_sub(wanted)
            });
        match taken {
            Ok(_) => self.file.write(offset, data),
            Err(left) => {
                // As a real disk does: what still fits is written.
                self.file.write(offset, &data[..left as usize])?;
                self.room.store(0, Ordering::SeqCst);
                Err(io::Error::from_raw_os_error(libc::ENOSPC))
            }
        }
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}
