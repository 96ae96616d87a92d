//! Folders that cannot be used, each with its own words.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use super::support::{options, owner, pause, start, transition};
use crate::ledger::error::chain;
use crate::ledger::store::{KEY_SCHEMA, META, SCHEMA, database_file, to_json};
use crate::ledger::{OpenError, RaftLedger, RedbStore, StartError};
use crate::model::MemberId;
use crate::ports::Ledger;

async fn refusal(dir: &Path) -> OpenError {
    match RaftLedger::start(options(dir)).await {
        Ok(ledger) => panic!("started: {ledger:?}"),
        Err(StartError::Open(error)) => error,
        Err(error) => panic!("refused otherwise: {}", chain(&error)),
    }
}

#[tokio::test]
async fn a_folder_is_made_with_its_parents() {
    let dir = tempfile::tempdir().expect("a folder");
    let deep = dir.path().join("var").join("lib").join("failoverd");
    start(&deep).await.shutdown().await;
    assert!(database_file(&deep).is_file());
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = start(dir.path()).await;
    let error = refusal(dir.path()).await;
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    let text = error.to_string();
    let expected = format!(
        "data folder {} is locked by another process (another failoverd? process {}); stop it, or \
         give this one a data_dir of its own",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(text, expected);

    // Refusing did no harm, and the folder is free after the first has stopped.
    first
        .propose(pause("shop", 1))
        .await
        .expect("answers")
        .expect("applies");
    first.shutdown().await;
    let second = start(dir.path()).await;
    assert_eq!(second.prove().await.expect("proves").apps.len(), 1);
    second.shutdown().await;
}

#[tokio::test]
async fn a_file_is_no_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("failoverd");
    fs::write(&file, "text").expect("writes");
    let error = refusal(&file).await;
    assert!(matches!(error, OpenError::NotAFolder { .. }), "{error}");
    let error = refusal(&file.join("data")).await;
    assert!(matches!(error, OpenError::NotAFolder { .. }), "{error}");
}

#[tokio::test]
async fn files_that_are_no_ledger_are_damaged_ones() {
    for content in [Vec::new(), b"not a database".to_vec(), vec![0xa5; 1 << 20]] {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(database_file(dir.path()), &content).expect("writes");
        let text = chain(&refusal(dir.path()).await);
        assert!(text.contains("is damaged"), "{text}");
        assert!(text.contains("restore it from a backup"), "{text}");
        // It is left as it was found.
        let kept = fs::read(database_file(dir.path())).expect("reads");
        assert!(kept == content);
    }
}

#[tokio::test]
async fn a_ledger_cut_short_is_a_damaged_one() {
    let dir = tempfile::tempdir().expect("a folder");
    start(dir.path()).await.shutdown().await;
    let file = fs::OpenOptions::new()
        .write(true)
        .open(database_file(dir.path()))
        .expect("opens");
    file.set_len(5_000).expect("cuts");
    let text = chain(&refusal(dir.path()).await);
    assert!(text.contains("is damaged"), "{text}");
}

#[tokio::test]
async fn a_ledger_with_its_head_overwritten_is_a_damaged_one() {
    let dir = tempfile::tempdir().expect("a folder");
    start(dir.path()).await.shutdown().await;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(database_file(dir.path()))
        .expect("opens");
    file.seek(SeekFrom::Start(64)).expect("seeks");
    file.write_all(&[0x5a; 256]).expect("writes");
    drop(file);
    let text = chain(&refusal(dir.path()).await);
    assert!(text.contains("is damaged"), "{text}");
}

#[tokio::test]
async fn what_a_killed_predecessor_left_half_made_is_no_obstacle() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("ledger.redb.new"), "half a database").expect("writes");
    fs::write(dir.path().join("failoverd.lock"), "4711\n").expect("writes");
    start(dir.path()).await.shutdown().await;
}

#[tokio::test]
async fn a_newer_schema_is_not_touched() {
    let dir = tempfile::tempdir().expect("a folder");
    start(dir.path()).await.shutdown().await;
    let database = redb::Database::create(database_file(dir.path())).expect("opens");
    let write = database.begin_write().expect("begins");
    write
        .open_table(META)
        .expect("opens")
        .insert(KEY_SCHEMA, to_json(&(SCHEMA + 1)).as_slice())
        .expect("inserts");
    write.commit().expect("commits");
    drop(database);
    let error = refusal(dir.path()).await;
    assert!(
        matches!(
            error,
            OpenError::NewerSchema { found, known: SCHEMA, .. } if found == SCHEMA + 1
        ),
        "{error}"
    );
}

#[tokio::test]
async fn another_members_folder_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    start(dir.path()).await.shutdown().await;
    let mut owner = owner();
    owner.member = MemberId::from("oregon");
    let error = RedbStore::open(dir.path(), owner, transition())
        .await
        .expect_err("refused");
    let text = error.to_string();
    assert!(matches!(error, OpenError::WrongOwner { .. }), "{text}");
    assert!(text.contains("belongs to member ireland"), "{text}");
}
