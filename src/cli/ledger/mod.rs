//! `failoverctl ledger`: what becomes of the ledger on its worst day. On the member's own host, with
//! its daemon stopped; nobody is asked.
//!
//! ```text
//!  data folder ─backup─▶ FILE ─restore─▶ an empty folder    one voter, a new disk: a new ledger
//!  data folder ─force-new-cluster──────▶ the same folder    the old ledger is kept beside it
//! ```
//!
//! Invariant: nothing that is there is overwritten, and nothing is begun before the cluster's name was
//! typed, or `--yes` given.

mod told;

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sha2::{Digest, Sha256};

use super::frame::{Stop, confirm};
use super::{Exit, output};
use crate::config::{self, Config};
use crate::daemon::clock::WorldClock;
use crate::ledger::{self, Backup, BackupError, Beginning, FoundError, OpenError};
use crate::model::{AuditCall, AuditOutcome, MemberId, RestoredHow};
use crate::ports::Clock;

/// As typed.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum RawLedger {
    /// Write a stopped member's ledger into a file
    ///
    /// The daemon of that data folder must not run. Any member's will do; the one that led last
    /// certainly has everything.
    Backup(RawBackup),
    /// Show what a backup, or a stopped member's data folder, holds
    Inspect(RawInspect),
    /// Begin a new ledger of one member with what a backup holds
    ///
    /// For when every ledger is lost. It begins with automation paused, every open run waiting for a
    /// person, and no application's epoch known until it was read in the zone. No other member may run
    /// with the old ledger: they join with empty data folders.
    #[command(override_usage = "failoverctl ledger restore FILE --by NAME --reason TEXT [OPTIONS]")]
    Restore(RawRestore),
    /// Go on with one member alone, from its own data folder
    ///
    /// For when most members are lost for good, and this one is left. What it holds and a lost one
    /// had added is gone. It begins as a restored ledger does; the old one is kept beside it.
    #[command(
        override_usage = "failoverctl ledger force-new-cluster --by NAME --reason TEXT [OPTIONS]"
    )]
    ForceNewCluster(RawForce),
}

/// Which folder, of which cluster.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Folder {
    /// The member's configuration
    #[arg(long, value_name = "FILE", default_value = "failoverd.toml")]
    config: PathBuf,
    /// The data folder, if it is not the configured one
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RawBackup {
    /// Where it is written; nothing that is there is overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    folder: Folder,
}

/// A file or a folder to look into.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RawInspect {
    /// A backup
    #[arg(value_name = "FILE", required_unless_present = "data_dir")]
    file: Option<PathBuf>,
    /// A stopped member's data folder
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    data_dir: Option<PathBuf>,
}

/// Whose word it is.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Word {
    /// Who says so; told in the audit
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Do it without asking to type the cluster's name
    #[arg(long)]
    yes: bool,
}

/// A backup, and where its ledger begins anew.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RawRestore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    word: Word,
}

/// A folder whose ledger begins anew.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RawForce {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    word: Word,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
enum LedgerVerbError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Found(#[from] FoundError),
    #[error("`{}` cannot be read; check the path", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is there already, and nothing is overwritten; choose another --out", path.display())]
    Exists { path: PathBuf },
    #[error("`{}` cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("`{}` is not restored", path.display())]
    Backup { path: PathBuf, source: BackupError },
    #[error(
        "`{}` is of the cluster `{theirs}`, and the configuration is of `{ours}`; give the configuration of a member of `{theirs}`", path.display()
    )]
    OtherCluster {
        path: PathBuf,
        theirs: String,
        ours: String,
    },
    #[error("this host gives no threads")]
    Threads(#[source] io::Error),
}

/// Why it ended before its end.
enum Ended {
    Error(LedgerVerbError),
    Stop(Stop),
    /// Told already.
    Told(Exit),
}

impl From<LedgerVerbError> for Ended {
    fn from(error: LedgerVerbError) -> Self {
        Self::Error(error)
    }
}

impl From<OpenError> for Ended {
    fn from(error: OpenError) -> Self {
        Self::Error(error.into())
    }
}

impl From<FoundError> for Ended {
    fn from(error: FoundError) -> Self {
        Self::Error(error.into())
    }
}

/// Does it.
pub fn ledger(verb: &RawLedger) -> Exit {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(source) => {
            output::complain_chain(&LedgerVerbError::Threads(source));
            return Exit::No;
        }
    };
    let done = runtime.block_on(async {
        match verb {
            RawLedger::Backup(asked) => backup(asked).await,
            RawLedger::Inspect(asked) => inspect(asked).await,
            RawLedger::Restore(asked) => restore(asked).await,
            RawLedger::ForceNewCluster(asked) => force(asked).await,
        }
    });
    match done {
        Ok(exit) | Err(Ended::Told(exit) | Ended::Stop(Stop::Told(exit))) => exit,
        Err(Ended::Stop(Stop::Client(error))) => {
            output::complain_chain(&error);
            Exit::No
        }
        Err(Ended::Error(error)) => {
            output::complain_chain(&error);
            exit_of(&error)
        }
    }
}

fn exit_of(error: &LedgerVerbError) -> Exit {
    match error {
        LedgerVerbError::Read { .. }
        | LedgerVerbError::Exists { .. }
        | LedgerVerbError::Write { .. }
        | LedgerVerbError::Backup { .. }
        | LedgerVerbError::OtherCluster { .. } => Exit::Usage,
        LedgerVerbError::Found(FoundError::Occupied { .. } | FoundError::NotEmpty { .. }) => {
            Exit::Refused
        }
        LedgerVerbError::Open(_)
        | LedgerVerbError::Found(FoundError::Open(_) | FoundError::Refused(_))
        | LedgerVerbError::Threads(_) => Exit::No,
    }
}

/// What the configuration says of the member.
struct Here {
    cluster: String,
    member: MemberId,
    dir: PathBuf,
}

fn here(folder: &Folder) -> Result<Here, Ended> {
    let loaded = config::load(&folder.config, config::environment()).map_err(|error| {
        output::complain_findings(&error.diagnostics());
        Ended::Told(Exit::Usage)
    })?;
    let Config { node, peering, .. } = loaded.config;
    Ok(Here {
        // A member alone has a cluster's name only if it was given one.
        cluster: peering.map_or_else(|| node.id.to_string(), |peering| peering.cluster),
        member: node.id,
        dir: folder.data_dir.clone().unwrap_or(node.data_dir),
    })
}

async fn backup(asked: &RawBackup) -> Result<Exit, Ended> {
    let here = here(&asked.folder)?;
    let held = ledger::read_whole(&here.dir, Some(&here.member)).await?;
    let taken = Backup {
        cluster: Some(here.cluster),
        made_at: WorldClock::real().now().wall,
        ..held
    };
    write(&asked.out, &taken.encode())?;
    Ok(output::answer(&told::taken(&asked.out, &taken), Exit::Good))
}

/// A file that only its owner reads: it tells every run and everybody's name.
fn write(path: &Path, bytes: &[u8]) -> Result<(), LedgerVerbError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => LedgerVerbError::Exists {
            path: path.to_owned(),
        },
        _ => LedgerVerbError::Write {
            path: path.to_owned(),
            source,
        },
    };
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|source| {
        // Half a backup would be refused later; better there is none. If it cannot be removed, the
        // checksum tells.
        let _ = std::fs::remove_file(path);
        LedgerVerbError::Write {
            path: path.to_owned(),
            source,
        }
    })
}

fn open(path: &Path) -> Result<(Backup, String), LedgerVerbError> {
    let bytes = std::fs::read(path).map_err(|source| LedgerVerbError::Read {
        path: path.to_owned(),
        source,
    })?;
    let backup = Backup::decode(&bytes).map_err(|source| LedgerVerbError::Backup {
        path: path.to_owned(),
        source,
    })?;
    Ok((backup, hex::encode(Sha256::digest(&bytes))))
}

async fn inspect(asked: &RawInspect) -> Result<Exit, Ended> {
    let held = match (&asked.data_dir, &asked.file) {
        (Some(dir), _) => ledger::read_whole(dir, None).await?,
        (None, Some(file)) => open(file)?.0,
        // clap asks for one of the two.
        (None, None) => return Ok(Exit::Usage),
    };
    let text = told::held(&held, asked.data_dir.is_some());
    Ok(output::answer(&text, Exit::Good))
}

async fn restore(asked: &RawRestore) -> Result<Exit, Ended> {
    let here = here(&asked.folder)?;
    let (backup, sum) = open(&asked.file)?;
    if let Some(theirs) = backup
        .cluster
        .as_ref()
        .filter(|name| **name != here.cluster)
    {
        return Err(LedgerVerbError::OtherCluster {
            path: asked.file.clone(),
            theirs: theirs.clone(),
            ours: here.cluster,
        }
        .into());
    }
    ledger::check_empty(&here.dir)?;
    agreed(&asked.word, &here, &told::held(&backup, false))?;
    let said = format!(
        "backup of {} taken at entry {}, sha256 {sum}",
        backup.member, backup.applied
    );
    let call = format!("failoverctl ledger restore {}", asked.file.display());
    let beginning = beginning(
        &asked.word,
        &here,
        backup,
        RestoredHow::Backup,
        (call, said),
    );
    let disk = ledger::found(&here.dir, &here.member, beginning).await?;
    let text = told::begun(&here.dir, &here.member, disk, None);
    Ok(output::answer(&text, Exit::Good))
}

async fn force(asked: &RawForce) -> Result<Exit, Ended> {
    let here = here(&asked.folder)?;
    let held = ledger::read_whole(&here.dir, Some(&here.member)).await?;
    agreed(&asked.word, &here, &told::held(&held, true))?;
    let said = format!("its own folder, up to entry {}", held.applied);
    let call = "failoverctl ledger force-new-cluster".to_owned();
    let how = RestoredHow::ForcedQuorum;
    let beginning = beginning(&asked.word, &here, held, how, (call, said));
    let (disk, kept) = ledger::force(&here.dir, &here.member, beginning).await?;
    let text = told::begun(&here.dir, &here.member, disk, Some(&kept));
    Ok(output::answer(&text, Exit::Good))
}

fn agreed(word: &Word, here: &Here, held: &str) -> Result<(), Ended> {
    if word.yes {
        return Ok(());
    }
    let warning = told::warning(held, &here.cluster, &here.dir);
    confirm(&warning, &here.cluster).map_err(Ended::Stop)
}

fn beginning(
    word: &Word,
    here: &Here,
    backup: Backup,
    how: RestoredHow,
    (call, said): (String, String),
) -> Beginning {
    Beginning {
        state: backup.state,
        how,
        by: word.by.clone(),
        reason: word.reason.clone(),
        at: WorldClock::real().now().wall,
        audit: Some(AuditCall {
            who: word.by.clone(),
            how: "claimed".to_owned(),
            role: "admin".to_owned(),
            from: "this member's host".to_owned(),
            via: here.member.clone(),
            call,
            application: None,
            reason: Some(word.reason.clone()),
            said,
            outcome: AuditOutcome::Done,
            detail: None,
            answers: None,
        }),
    }
}
