//! A ledger that was begun anew beside what is left of the old one, and a folder that was put back in
//! time.

use std::path::Path;

use openraft::raft::AppendEntriesRequest;
use openraft::{Entry, EntryPayload, LogId, Vote};

use super::cluster::{Cluster, eventually, has};
use super::support::{PATIENCE, pause};
use crate::ledger::wire::{Call, Request, encode_request};
use crate::ledger::{
    Beginning, Formation, MembershipError, NotAdmitted, RaftLedger, ServeError, found,
};
use crate::model::{BootId, DiskId, LedgerId, MemberId, RestoredHow, State, Wall};
use crate::ports::Ledger;

async fn restore(dir: &Path, member: &MemberId, state: State) -> DiskId {
    let beginning = Beginning {
        state,
        how: RestoredHow::Backup,
        by: "ada".to_owned(),
        reason: "three disks are gone, she thinks".to_owned(),
        at: Wall(1_000),
        audit: None,
    };
    found(dir, member, beginning).await.expect("founds")
}

/// What a leader of the old cluster would say.
fn append(leader: &RaftLedger, to_disk: Option<DiskId>, ledger: Option<LedgerId>) -> Vec<u8> {
    let vote = Vote::new_committed(99, leader.node());
    let log_id = LogId::new(openraft::CommittedLeaderId::new(99, leader.node()), 1);
    encode_request(&Request {
        to_disk,
        ledger,
        call: Call::Append(AppendEntriesRequest {
            vote,
            prev_log_id: None,
            entries: vec![Entry {
                log_id,
                payload: EntryPayload::Normal(pause("from the old cluster", 9)),
            }],
            leader_commit: Some(log_id),
        }),
    })
}

#[tokio::test]
async fn what_is_left_of_the_old_cluster_neither_writes_into_a_restored_ledger_nor_is_heard() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    cluster.commit("before").await;
    let backup = State::clone(&*cluster.agree().await);
    let a = MemberId::from("a");
    let lost = cluster.get("a").disk();
    cluster.kill("a").await;
    cluster.commit("after the backup").await;

    // Two are alive, and somebody restores the third all the same.
    cluster.wipe("a");
    let disk = restore(&cluster.folder(&a), &a, backup).await;
    let restored = cluster.start("a").await;
    eventually("it leads alone", || restored.leads()).await;
    let old = [cluster.get("b"), cluster.get("c")];
    let old_leads = || old.iter().find(|ledger| ledger.leads()).cloned();
    eventually("the others lead on", || old_leads().is_some()).await;
    let old_leader = old_leads().expect("leads");
    for n in 0..5 {
        let written = old_leader.propose(pause(&format!("old {n}"), n)).await;
        assert!(matches!(written, Ok(Ok(_))), "{written:?}");
    }

    // The leader's messages to the lost disk are refused here, with or without the ledger's name; so
    // are such that name no disk, or, by a mistake, the right one.
    let from = old_leader.core_member().clone();
    let (term, applied) = (restored.term(), restored.applied());
    for (to_disk, ledger) in [
        (Some(lost), None),
        (Some(lost), Some(LedgerId::Founded)),
        (None, None),
        (Some(disk), Some(LedgerId::Founded)),
        (Some(disk), Some(LedgerId::Begun(DiskId(1)))),
    ] {
        let said = append(&old_leader, to_disk, ledger);
        let refused = restored.serve(&from, &said).await;
        assert!(
            matches!(
                refused,
                Err(ServeError::OtherLedger { .. } | ServeError::OtherDisk { .. })
            ),
            "{to_disk:?} {ledger:?}: {refused:?}"
        );
    }
    assert_eq!((restored.term(), restored.applied()), (term, applied));
    let state = restored.prove().await.expect("still leads");
    assert!(has(&state, "before") && !has(&state, "old 0") && !has(&state, "after the backup"));

    // Nor does it write into theirs, and nobody is taken in with another log.
    cluster.greet();
    assert_eq!(restored.quorum().strangers.len(), 2);
    assert!(old_leader.quorum().strangers.contains_key(&a));
    let b = MemberId::from("b");
    let refused = restored.add_member(&b, PATIENCE).await;
    assert!(
        matches!(refused, Err(MembershipError::OtherLedger { .. })),
        "{refused:?}"
    );
    assert!(restored.same_ledger(&b).is_err());
    assert_eq!(old_leader.state().disks[&a], lost);

    // With empty folders they are welcome.
    drop((old, old_leader));
    for name in ["b", "c"] {
        cluster.kill(name).await;
        cluster.wipe(name);
    }
    for name in ["b", "c"] {
        cluster.start(name).await;
        cluster.greet();
        let member = MemberId::from(name);
        let added = restored.add_member(&member, PATIENCE).await.expect("added");
        assert!(added.voters.contains(&member));
    }
    drop(restored);
    cluster.commit("together").await;
    let state = cluster.agree().await;
    assert!(has(&state, "before") && has(&state, "together"));
    assert_eq!(state.ledger(), Some(LedgerId::Begun(disk)));
    cluster.greet();
    assert!(cluster.get("b").quorum().strangers.is_empty());
    cluster.shut_down().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    std::fs::copy(from.join("ledger.redb"), to.join("ledger.redb")).expect("copies");
}

/// What the port does when that member's life connects.
fn present(
    at: &RaftLedger,
    member: &MemberId,
    ledger: &RaftLedger,
    boot: u64,
) -> Result<(), NotAdmitted> {
    at.admits(
        member,
        ledger.disk(),
        Some((BootId(boot), ledger.began_at())),
    )
}

#[tokio::test]
async fn a_folder_that_was_put_back_in_time_takes_no_part() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    cluster.commit("before").await;
    cluster.agree().await;
    let name = cluster.name_of(&cluster.follower());
    let member = MemberId::from(name.as_str());
    let snapshots = tempfile::tempdir().expect("a folder");
    let folder = cluster.folder(&member);
    cluster.kill(&name).await;
    copy(&folder, snapshots.path());

    // An ordinary restart: nothing is lost, and life goes on.
    let back = cluster.start(&name).await;
    for (_, other) in cluster.running() {
        if other.node() != back.node() {
            present(other, &member, &back, 2).expect("as far as ever");
        }
    }
    for n in 0..5 {
        cluster.commit(&format!("app-{n}")).await;
    }
    cluster.agree().await;
    cluster.greet();
    drop(back);
    cluster.kill(&name).await;
    // What the others remember outlives them: it went with what they wrote since.
    cluster.commit("once more").await;
    let witness = cluster.name_of(&cluster.follower());
    cluster.kill(&witness).await;
    cluster.start(&witness).await;

    // The volume is put back to the snapshot: the same disk, a shorter log.
    copy(snapshots.path(), &folder);
    cluster.isolate(&name);
    let back = cluster.start(&name).await;
    let mut known = None;
    for (_, other) in cluster.running() {
        if other.node() != back.node() {
            let refused = present(other, &member, &back, 3);
            let Err(NotAdmitted::PutBack(how)) = refused else {
                panic!("let in by {other:?}: {refused:?}");
            };
            assert!(how.known > how.got, "{how}");
            assert!(
                how.remedy.contains(&format!("member readmit {name}")),
                "{how}"
            );
            known = Some(how.known);
        }
    }
    back.take_no_part(known.expect("refused")).await;
    assert!(matches!(back.formation(), Formation::Refuse { .. }));
    cluster.net.heal();
    cluster.commit("meanwhile").await;
    assert!(!has(&back.state(), "meanwhile") && !back.leads());
    let leader = cluster.leader().await;
    let said = append(&leader, Some(back.disk()), None);
    let refused = back.serve(leader.core_member(), &said).await;
    assert!(
        matches!(refused, Err(ServeError::PutBack(_))),
        "{refused:?}"
    );

    // Not in a later life either.
    drop((back, leader));
    cluster.kill(&name).await;
    let back = cluster.start(&name).await;
    assert!(matches!(back.formation(), Formation::Refuse { .. }));
    drop(back);

    // With an empty folder it comes back.
    cluster.kill(&name).await;
    cluster.wipe(&name);
    let empty = cluster.start(&name).await;
    let leader = cluster.leader().await;
    let refused = present(&leader, &member, &empty, 5);
    assert!(matches!(refused, Err(NotAdmitted::Wiped(_))), "{refused:?}");
    drop(empty);
    cluster.greet();
    leader
        .readmit(&member, "Ada", PATIENCE)
        .await
        .expect("re-admitted");
    drop(leader);
    cluster.commit("after").await;
    let state = cluster.agree().await;
    assert!(has(&state, "app-4") && has(&state, "meanwhile") && has(&state, "after"));
    cluster.shut_down().await;
}
