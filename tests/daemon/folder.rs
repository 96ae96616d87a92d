//! The ledger's folder: one process at a time, a disk that is full, and what a restart finds.

use std::path::Path;

use failoverd::sandbox::Fault;

use super::child::{Circumstances, Daemon, Ended};
#[cfg(target_os = "linux")]
use super::disk::SmallDisk;
use super::stage::{HOME, Props, STANDBY, Stage, knows_everything};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_told_who_has_the_folder_and_the_first_goes_on() {
    let stage = Stage::new().await;
    let mut first = stage.steady().await;
    let second = stage.daemon().ended().await;
    assert_eq!(second.status.code(), Some(1), "{}", second.log);
    let folder = stage.data_dir.display().to_string();
    let holder = format!("process {}", first.pid());
    second.log.must_say(&[
        &folder,
        "is locked by another process",
        &holder,
        "give this one a data_dir of its own",
    ]);
    assert_eq!(first.page("/readyz").await.unwrap().0, 200);
    stage.lose_home();
    first
        .shows("its run completes", |metrics| metrics.closed("completed"))
        .await;
    stage.moved_once();
    drop(first);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_is_there_at_once_after_a_kill() {
    let stage = Stage::new().await;
    let daemon = stage.steady().await;
    daemon.kill_9();
    // Whatever it knows now, nobody told it again.
    let silence = Fault::HangControlPlane {
        service: None,
        region: None,
    };
    stage.inject(silence.clone());
    let mut daemon = stage.daemon();
    daemon.api().await;
    daemon
        .shows("lag, sizes and traffic are known", knows_everything)
        .await;
    stage.clear(&silence);

    stage.lose_home();
    daemon
        .shows("the run completes", |metrics| metrics.closed("completed"))
        .await;
    daemon.kill_9();
    stage.inject(silence);
    let mut daemon = stage.daemon();
    daemon.api().await;
    daemon
        .shows("where it serves, and what happened", |metrics| {
            metrics.phase("cool_down")
                && metrics.is("application_active", &[("region", STANDBY)])
                && metrics.is("region_quarantined", &[("region", HOME)])
                && metrics.is("application_epoch", &[])
        })
        .await;
    stage.moved_once();
    drop(daemon);
    stage.strike().await;
}

/// No file of the daemon may grow past a few blocks: the first write of an outage fails.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_ends_the_daemon_and_loses_nothing() {
    use rustix::process::{Resource, Rlimit, prlimit};

    let stage = Stage::new().await;
    let mut daemon = Daemon::start(&stage.config, &unsignalled(""));
    super::stage::becomes_steady(&mut daemon).await;
    let full = Rlimit {
        current: Some(4_096),
        maximum: None,
    };
    prlimit(Some(daemon.pid()), Resource::Fsize, full).expect("the limit can be set");
    stage.lose_home();
    says_that_the_disk_is_full(&daemon.ended().await, &stage.data_dir);
    recovers(&stage).await;
    stage.strike().await;
}

/// The same with nothing but a shell, full from the beginning: what is there can be read, and the
/// first write ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_on_a_full_disk_ends_at_its_first_write_and_loses_nothing() {
    let stage = Stage::new().await;
    stage.steady().await.kill_9();
    let full = Daemon::start(&stage.config, &unsignalled("ulimit -f 8"));
    stage.lose_home();
    says_that_the_disk_is_full(&full.ended().await, &stage.data_dir);
    recovers(&stage).await;
    stage.strike().await;
}

/// A real file system with no room left; only root may make one.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_without_room_ends_the_daemon_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let stage = Stage::with(Props {
        data_dir: Some(disk.path().join("data")),
        ..Props::default()
    })
    .await;
    let daemon = stage.steady().await;
    disk.fill();
    stage.lose_home();
    says_that_the_disk_is_full(&daemon.ended().await, &stage.data_dir);
    disk.free();
    recovers(&stage).await;
    stage.strike().await;
}

/// Too large a file is an error to the daemon, not the end of it.
fn unsignalled(more: &str) -> Circumstances {
    Circumstances {
        shell: Some(format!("trap '' XFSZ\n{more}")),
        ..Circumstances::usual()
    }
}

#[track_caller]
fn says_that_the_disk_is_full(ended: &Ended, folder: &Path) {
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    let folder = folder.display().to_string();
    ended.log.must_say(&[
        "the disk is full",
        &folder,
        "free space there and start again",
        "nothing that was acknowledged is lost",
    ]);
    assert!(!ended.log.text().contains("panicked"), "{}", ended.log);
}

/// With room again it knows what it knew, and does what it could not.
async fn recovers(stage: &Stage) {
    assert!(stage.executed().is_empty(), "without a ledger no write");
    let mut daemon = stage.daemon();
    daemon
        .shows("the run completes", |metrics| metrics.closed("completed"))
        .await;
    stage.moved_once();
}
