//! Nothing acknowledged is ever gone.

use std::fs;

use super::support::{pause, start};
use crate::model::AppId;
use crate::ports::Ledger;

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut term = 0;
    for life in 0..4u64 {
        let ledger = start(dir.path()).await;
        assert!(ledger.term() >= term, "terms never fall");
        term = ledger.term();
        let state = ledger.prove().await.expect("proves");
        assert_eq!(state.apps.len() as u64, life * 5);
        for n in 0..5 {
            ledger
                .propose(pause(&format!("app-{life}-{n}"), life * 5 + n))
                .await
                .expect("answers")
                .expect("applies");
        }
        ledger.shutdown().await;
    }
}

/// What a power cut or a kill leaves behind: the file as it is at some moment of a life, without
/// any closing.
#[tokio::test]
async fn what_was_acknowledged_is_in_the_file_at_that_moment() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = start(dir.path()).await;
    let mut copies = Vec::new();
    for n in 0..8u64 {
        ledger
            .propose(pause(&format!("app-{n}"), n))
            .await
            .expect("answers")
            .expect("applies");
        let copy = tempfile::tempdir().expect("a folder");
        let from = crate::ledger::store::database_file(dir.path());
        let to = crate::ledger::store::database_file(copy.path());
        fs::copy(from, to).expect("copies");
        copies.push((n, copy));
    }
    ledger.shutdown().await;
    for (n, copy) in copies {
        let ledger = start(copy.path()).await;
        let state = ledger.prove().await.expect("proves");
        for earlier in 0..=n {
            let app = AppId(format!("app-{earlier}"));
            assert!(state.apps.contains_key(&app), "{app} is gone from copy {n}");
        }
        ledger.shutdown().await;
    }
}

/// Past a snapshot, so that a state is rebuilt from it and from what came after.
#[tokio::test]
async fn a_snapshot_and_the_log_after_it_make_the_same_state() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = start(dir.path()).await;
    let raft = ledger.raft_for_tests();
    for n in 0..30u64 {
        ledger
            .propose(pause(&format!("app-{n}"), n))
            .await
            .expect("answers")
            .expect("applies");
    }
    raft.trigger().snapshot().await.expect("runs");
    let wait = raft.wait(Some(super::support::PATIENCE));
    let upto = ledger.metrics().last_applied_index.expect("applied");
    wait.metrics(|m| m.snapshot.is_some(), "a snapshot")
        .await
        .expect("in time");
    raft.trigger().purge_log(upto).await.expect("runs");
    wait.metrics(|m| m.purged.is_some(), "the purge")
        .await
        .expect("in time");
    ledger
        .propose(pause("after", 99))
        .await
        .expect("answers")
        .expect("applies");
    let before = ledger.state();
    ledger.shutdown().await;

    let ledger = start(dir.path()).await;
    assert!(ledger.metrics().snapshot_index.is_some());
    assert_eq!(ledger.prove().await.expect("proves"), before);
    ledger.shutdown().await;
}
