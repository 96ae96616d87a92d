//! The disk ends before the log does.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::support::{SmallDisk, lead, options, pause, start, stopped};
use crate::ledger::{DiskError, RaftLedger, StopReason};
use crate::model::AppId;
use crate::ports::{Ledger, LedgerError};

#[tokio::test]
async fn a_full_disk_stops_the_core_and_loses_nothing_acknowledged() {
    // Several amounts of room, so that the end comes within different writes of a transaction.
    for room in [600_000, 601_000, 650_000, 720_500] {
        let dir = tempfile::tempdir().expect("a folder");
        let left = Arc::new(AtomicU64::new(room));
        let ledger = RaftLedger::start_with(options(dir.path()), SmallDisk::wrap(&left))
            .await
            .expect("starts");
        lead(&ledger).await;

        let mut acknowledged = 0u64;
        let failure = loop {
            match ledger
                .propose(pause(&format!("app-{acknowledged}"), acknowledged))
                .await
            {
                Ok(answer) => {
                    answer.expect("applies");
                    acknowledged += 1;
                }
                Err(error) => break error,
            }
        };
        assert!(matches!(failure, LedgerError::Stopped { .. }), "{failure}");
        assert!(
            failure.to_string().contains("the disk is full"),
            "{failure}"
        );
        assert!(acknowledged > 0, "there was room for some");

        let reason = stopped(&ledger).await;
        let StopReason::Disk(error) = &reason else {
            panic!("stopped for another reason: {reason}");
        };
        assert!(matches!(**error, DiskError::Full { .. }), "{error}");
        let folder = dir.path().display().to_string();
        assert!(error.to_string().contains(&folder), "{error}");
        let later = ledger.changed().await;
        assert!(matches!(later, Err(LedgerError::Stopped { .. })));
        ledger.shutdown().await;

        let ledger = start(dir.path()).await;
        let state = ledger.prove().await.expect("proves");
        for n in 0..acknowledged {
            let app = AppId(format!("app-{n}"));
            assert!(state.apps.contains_key(&app), "{app} is gone (room {room})");
        }
        // The one that failed may be there; nothing after it can.
        assert!(state.apps.len() as u64 <= acknowledged + 1);
        ledger.shutdown().await;
    }
}

#[tokio::test]
async fn a_disk_without_room_for_a_ledger_is_a_clear_error_and_no_ruin() {
    let dir = tempfile::tempdir().expect("a folder");
    let left = Arc::new(AtomicU64::new(5_000));
    let error = RaftLedger::start_with(options(dir.path()), SmallDisk::wrap(&left))
        .await
        .expect_err("no room");
    let text = crate::ledger::error::chain(&error);
    assert!(text.contains("the disk is full"), "{text}");

    // With room again, the same folder serves.
    let ledger = start(dir.path()).await;
    ledger
        .propose(pause("shop", 1))
        .await
        .expect("answers")
        .expect("applies");
    ledger.shutdown().await;
}
