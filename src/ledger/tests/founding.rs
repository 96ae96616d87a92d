//! A log of one voter that begins with what another had known.

use std::sync::Arc;

use super::support::{lead, options, pause};
use crate::ledger::{
    Backup, Beginning, FoundError, OpenError, RaftLedger, check_empty, force, found, read,
    read_whole,
};
use crate::model::{AppId, AuditCall, AuditOutcome, LedgerId, MemberId, RestoredHow, State, Wall};
use crate::ports::Ledger;

fn beginning() -> Beginning {
    Beginning {
        state: State::default(),
        how: RestoredHow::BreakGlass,
        by: "ada".to_owned(),
        reason: "no quorum".to_owned(),
        at: Wall(1_000),
        audit: None,
    }
}

#[tokio::test]
async fn a_founded_folder_leads_alone_and_knows_from_the_first_moment_that_it_was_restored() {
    let dir = tempfile::tempdir().expect("a folder");
    let me = MemberId::from("ireland");
    let disk = found(dir.path(), &me, beginning()).await.expect("founds");
    let again = found(dir.path(), &me, beginning()).await;
    assert!(
        matches!(again, Err(FoundError::Occupied { .. })),
        "{again:?}"
    );

    let mut options = options(dir.path());
    options.transition = Arc::new(crate::run::apply);
    let ledger = RaftLedger::start(options).await.expect("starts");
    assert!(ledger.state().restored.is_some());
    assert_eq!(ledger.disk(), disk);
    lead(&ledger).await;
    let state = ledger.prove().await.expect("proves");
    assert_eq!(state.disks.get(&me), Some(&disk));
    assert!(state.automation_paused.is_some());
    ledger.shutdown().await;

    let known = read(dir.path(), &me).await.expect("reads");
    assert_eq!(known, *state);
}

fn real(dir: &std::path::Path) -> crate::ledger::LedgerOptions {
    let mut options = options(dir);
    options.transition = Arc::new(crate::run::apply);
    options
}

fn word() -> AuditCall {
    AuditCall {
        who: "ada".to_owned(),
        how: "claimed".to_owned(),
        role: "admin".to_owned(),
        from: "this host".to_owned(),
        via: MemberId::from("ireland"),
        call: "failoverctl ledger force-new-cluster".to_owned(),
        application: None,
        reason: Some("two hosts burned".to_owned()),
        said: String::new(),
        outcome: AuditOutcome::Done,
        detail: None,
        answers: None,
    }
}

#[tokio::test]
async fn one_member_goes_on_alone_from_its_own_folder_and_the_old_ledger_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let me = MemberId::from("ireland");
    let missing = force(dir.path(), &me, beginning()).await;
    assert!(
        matches!(missing, Err(FoundError::Open(OpenError::NoLedger { .. }))),
        "{missing:?}"
    );

    let ledger = RaftLedger::start(real(dir.path())).await.expect("starts");
    lead(&ledger).await;
    let paused = ledger.propose(pause("shop", 5)).await.expect("answers");
    assert!(paused.is_ok());
    let old = ledger.disk();
    let locked = read_whole(dir.path(), None).await;
    assert!(
        matches!(locked, Err(OpenError::Locked { .. })),
        "{locked:?}"
    );
    ledger.shutdown().await;

    let held = read_whole(dir.path(), None).await.expect("reads");
    assert_eq!(held.member, me);
    assert!(held.applied > 0 && held.term > 0);
    let beginning = Beginning {
        state: held.state,
        how: RestoredHow::ForcedQuorum,
        audit: Some(word()),
        ..beginning()
    };
    let (disk, kept) = force(dir.path(), &me, beginning).await.expect("forces");
    assert_ne!(disk, old);
    assert!(kept.exists(), "{}", kept.display());

    let ledger = RaftLedger::start(real(dir.path())).await.expect("starts");
    lead(&ledger).await;
    let state = ledger.prove().await.expect("proves");
    assert!(state.apps.contains_key(&AppId::from("shop")));
    assert_eq!(state.ledger(), Some(LedgerId::Begun(disk)));
    let told = state.audit.entries.back().expect("the audit tells it");
    assert_eq!(told.call.reason.as_deref(), Some("two hosts burned"));
    assert!(
        told.call
            .detail
            .as_deref()
            .is_some_and(|d| d.contains(&disk.to_string()))
    );
    ledger.shutdown().await;

    // The old one is whole: somebody may want to look at it.
    let aside = tempfile::tempdir().expect("a folder");
    std::fs::copy(&kept, aside.path().join("ledger.redb")).expect("copies");
    let before = read_whole(aside.path(), None).await.expect("reads");
    assert!(before.state.restored.is_none());
    assert!(before.state.apps.contains_key(&AppId::from("shop")));
}

#[tokio::test]
async fn a_backup_of_a_folder_is_restored_into_an_empty_one_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = RaftLedger::start(real(dir.path())).await.expect("starts");
    lead(&ledger).await;
    let paused = ledger.propose(pause("shop", 5)).await.expect("answers");
    assert!(paused.is_ok());
    ledger.shutdown().await;
    let taken = read_whole(dir.path(), None).await.expect("reads");
    let file = taken.encode();
    let backup = Backup::decode(&file).expect("reads");
    assert_eq!(backup, taken);

    let refused = check_empty(dir.path());
    assert!(
        matches!(refused, Err(FoundError::Occupied { .. })),
        "{refused:?}"
    );
    let other = tempfile::tempdir().expect("a folder");
    check_empty(&other.path().join("not-there")).expect("will be made");
    std::fs::write(other.path().join("notes.txt"), "mine").expect("writes");
    let refused = check_empty(other.path());
    assert!(
        matches!(&refused, Err(FoundError::NotEmpty { what, .. }) if what == "notes.txt"),
        "{refused:?}"
    );

    let empty = tempfile::tempdir().expect("a folder");
    check_empty(empty.path()).expect("empty");
    // Another host, another name: what counts is what was agreed.
    let me = MemberId::from("frankfurt");
    let beginning = Beginning {
        state: backup.state,
        how: RestoredHow::Backup,
        ..beginning()
    };
    let disk = found(empty.path(), &me, beginning).await.expect("founds");
    let known = read(empty.path(), &me).await.expect("reads");
    assert!(known.apps.contains_key(&AppId::from("shop")));
    assert_eq!(known.disks, [(me, disk)].into());
    assert!(known.automation_paused.is_some());
}
