//! A durable commit on this host's disk, beside a bare write and fsync on the same disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use failoverd::ledger::{LedgerOptions, LedgerTiming, NoPeers, RaftLedger};
use failoverd::ports::Ledger;
use failoverd::run;
use futures::future::join_all;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::running::{lag, recorded};

/// On the disk that the build is on: a system's folder for temporary files is often in memory.
fn folder() -> TempDir {
    let beside = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(beside).unwrap_or_else(|error| panic!("{}: {error}", beside.display()))
}

struct Log {
    runtime: Runtime,
    ledger: RaftLedger,
    _folder: TempDir,
}

impl Log {
    /// A ledger of one member that leads, with `apps` applications on record.
    fn new(apps: usize) -> Self {
        let folder = folder();
        let runtime = Runtime::new().unwrap_or_else(|error| panic!("{error}"));
        let restored = recorded(apps);
        let ledger = runtime.block_on(async {
            let ledger = RaftLedger::start(LedgerOptions {
                data_dir: folder.path().join("data"),
                member: "m1".into(),
                members: ["m1".into()].into(),
                timing: LedgerTiming {
                    heartbeat: Duration::from_millis(500),
                    election_min: Duration::from_millis(1_500),
                    election_max: Duration::from_secs(3),
                    deadline: Duration::from_secs(30),
                },
                // The first command finds the fleet on record, as if it had been there always.
                transition: Arc::new(move |state, command| {
                    if state.apps.is_empty() {
                        state.apps.clone_from(&restored.apps);
                    }
                    run::apply(state, command)
                }),
                peers: Arc::new(NoPeers),
            })
            .await
            .unwrap_or_else(|error| panic!("{error}"));
            while !ledger.leads() {
                ledger
                    .changed()
                    .await
                    .unwrap_or_else(|error| panic!("{error}"));
            }
            ledger
        });
        Self {
            runtime,
            ledger,
            _folder: folder,
        }
    }
}

/// What the disk takes by itself: 4 KiB written and fsynced. A commit cannot be cheaper.
#[divan::bench(max_time = 5)]
fn bare_fsync(bencher: Bencher<'_, '_>) {
    let folder = folder();
    let mut file = File::create(folder.path().join("bare")).unwrap_or_else(|e| panic!("{e}"));
    bencher.bench_local(|| {
        file.write_all(&[7; 4_096])
            .and_then(|()| file.sync_data())
            .unwrap_or_else(|e| panic!("{e}"));
    });
}

/// One command: appended, fsynced, applied, acknowledged; with so many applications on record.
#[divan::bench(args = [1, 1_000], max_time = 5)]
fn commit(bencher: Bencher<'_, '_>, apps: usize) {
    let log = Log::new(apps);
    let mut at = 1_000;
    bencher.bench_local(|| {
        at += 1;
        log.runtime
            .block_on(log.ledger.propose(lag(0, at)))
            .unwrap_or_else(|e| panic!("{e}"))
    });
    log.runtime.block_on(log.ledger.shutdown());
}

/// Sixteen commands proposed at once, as when many steps end together. Items are commands.
#[divan::bench(max_time = 5)]
fn commit_sixteen_at_once(bencher: Bencher<'_, '_>) {
    let log = Log::new(16);
    let mut at = 1_000;
    bencher.counter(ItemsCount::new(16_usize)).bench_local(|| {
        at += 1;
        let proposals = (0..16).map(|app| log.ledger.propose(lag(app, at)));
        for answer in log.runtime.block_on(join_all(proposals)) {
            answer
                .unwrap_or_else(|e| panic!("{e}"))
                .unwrap_or_else(|e| panic!("{e}"));
        }
    });
    log.runtime.block_on(log.ledger.shutdown());
}

/// A linearizable read: what every call to AWS waits for first.
#[divan::bench(max_time = 5)]
fn prove(bencher: Bencher<'_, '_>) {
    let log = Log::new(1);
    bencher.bench_local(|| {
        log.runtime
            .block_on(log.ledger.prove())
            .unwrap_or_else(|e| panic!("{e}"))
    });
    log.runtime.block_on(log.ledger.shutdown());
}
