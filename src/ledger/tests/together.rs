//! Three and five ledgers at work: leaders lost, cut off, standing down; members away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cluster::{Cluster, Watch, eventually, has, timing};
use super::support::{PATIENCE, pause};
use crate::model::MemberId;
use crate::ports::{Ledger, LedgerError};

#[tokio::test]
async fn what_the_leader_commits_is_seen_by_all_and_only_it_proposes() {
    let cluster = Cluster::formed(&["a", "b", "c"]).await;
    cluster.commit("shop").await;
    assert!(has(&*cluster.agree().await, "shop"));
    let follower = cluster.follower();
    assert_eq!(
        follower.propose(pause("bank", 1)).await,
        Err(LedgerError::NotLeader)
    );
    assert_eq!(follower.prove().await, Err(LedgerError::NotLeader));
    let leader = cluster.leader().await;
    assert!(has(&leader.prove().await.expect("proves"), "shop"));
    assert_eq!(follower.leader(), leader.leader());
    for (_, ledger) in cluster.running() {
        let quorum = ledger.quorum();
        assert!(quorum.reachable, "{quorum:?}");
        assert_eq!(quorum.voters.len(), 3);
        assert!(quorum.not_in_log.is_empty() && quorum.not_configured.is_empty());
    }
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_leader_that_is_cut_off_stands_down_and_its_write_is_unknown() {
    let cluster = Cluster::formed(&["a", "b", "c"]).await;
    let watch = Watch::begin(&cluster.net);
    cluster.commit("before").await;
    let old = cluster.leader().await;
    let name = cluster.name_of(&old);
    let term = old.term();
    cluster.isolate(&name);
    let pending = tokio::spawn({
        let old = Arc::clone(&old);
        async move { old.propose(pause("pending", 1)).await }
    });
    eventually("the old leader stands down", || !old.leads()).await;
    let answer = pending.await.expect("joins");
    assert!(
        matches!(answer, Err(LedgerError::Unknown { .. })),
        "{answer:?}"
    );
    assert_eq!(old.prove().await, Err(LedgerError::NotLeader));
    eventually("another one leads", || {
        cluster
            .running()
            .any(|(_, ledger)| ledger.leads() && ledger.node() != old.node())
    })
    .await;
    assert!(!old.quorum().reachable);
    cluster.commit("meanwhile").await;
    // Its own term has not risen while it was alone.
    assert!(old.term() <= term + 1, "{} after {term}", old.term());

    cluster.net.heal();
    cluster.commit("after").await;
    let state = cluster.agree().await;
    assert!(has(&state, "before") && has(&state, "meanwhile") && has(&state, "after"));
    // Unknown, but here it cannot have been committed: nobody else ever had it.
    assert!(!has(&state, "pending"));
    assert!(watch.end().await > 0);
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_leader_that_is_heard_but_hears_nothing_stands_down() {
    let cluster = Cluster::formed(&["a", "b", "c"]).await;
    let watch = Watch::begin(&cluster.net);
    let old = cluster.leader().await;
    let own = MemberId::from(cluster.name_of(&old).as_str());
    for other in cluster.members.iter().filter(|other| **other != own) {
        cluster.net.cut(other, &own);
    }
    // Reads and a write that hangs speak to the others as heartbeats do.
    let pending = tokio::spawn({
        let old = Arc::clone(&old);
        async move { old.propose(pause("pending", 1)).await }
    });
    let over = Arc::new(AtomicBool::new(false));
    let reads = tokio::spawn({
        let (old, over) = (Arc::clone(&old), Arc::clone(&over));
        async move {
            while !over.load(Ordering::Acquire) {
                let _ = old.prove().await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    eventually("another one leads", || {
        !old.leads()
            && cluster
                .running()
                .any(|(_, ledger)| ledger.leads() && ledger.node() != old.node())
    })
    .await;
    over.store(true, Ordering::Release);
    reads.await.expect("joins");
    let answer = pending.await.expect("joins");
    assert!(
        matches!(answer, Err(LedgerError::Unknown { .. })),
        "{answer:?}"
    );
    cluster.commit("meanwhile").await;
    cluster.net.heal();
    cluster.commit("after").await;
    let state = cluster.agree().await;
    assert!(has(&state, "meanwhile") && has(&state, "after"));
    watch.end().await;
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_follower_that_was_away_does_not_disturb_when_it_comes_back() {
    let cluster = Cluster::formed(&["a", "b", "c"]).await;
    let away = cluster.follower();
    cluster.isolate(&cluster.name_of(&away));
    eventually("it notices", || !away.quorum().reachable).await;
    let leader = cluster.leader().await;
    let term = leader.term();
    // Long enough for openraft's own elections to have raised its term many times.
    let long = timing().election_max * 5;
    let since = cluster.get(&cluster.name_of(&away));
    eventually("it has been alone for long", || {
        let quorum = since.quorum();
        quorum
            .voters
            .iter()
            .filter(|voter| !voter.is_self)
            .all(|voter| voter.silent_for.is_some_and(|silence| silence > long))
    })
    .await;
    assert_eq!(away.term(), term);
    cluster.net.heal();
    cluster.commit("after").await;
    assert!(has(&*cluster.agree().await, "after"));
    assert!(leader.leads());
    assert_eq!(leader.term(), term);
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_leader_stands_down_on_request_and_another_takes_over() {
    let cluster = Cluster::formed(&["a", "b", "c"]).await;
    let watch = Watch::begin(&cluster.net);
    cluster.commit("before").await;
    let old = cluster.leader().await;
    old.stand_down("it cannot reach AWS", PATIENCE)
        .await
        .expect("stands down");
    assert!(!old.leads());
    assert!(has(&old.state(), "before"), "nothing is forgotten");
    eventually("another one leads", || {
        cluster
            .running()
            .any(|(_, ledger)| ledger.leads() && ledger.node() != old.node())
    })
    .await;
    cluster.commit("after").await;
    assert!(has(&*cluster.agree().await, "after"));
    watch.end().await;
    cluster.shut_down().await;
}

#[tokio::test]
async fn alone_it_stands_again_after_the_quiet_time() {
    let mut cluster = Cluster::new(&["a"]);
    let ledger = cluster.start("a").await;
    let leader = cluster.leader().await;
    leader
        .propose(pause("before", 1))
        .await
        .expect("answers")
        .expect("applies");
    ledger
        .stand_down("a test", Duration::from_millis(50))
        .await
        .expect("stands down");
    cluster.commit("after").await;
    assert!(has(&ledger.state(), "before"));
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_killed_leader_is_replaced_and_comes_back() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    cluster.commit("before").await;
    let name = cluster.name_of(&*cluster.leader().await);
    cluster.kill(&name).await;
    cluster.commit("meanwhile").await;
    cluster.start(&name).await;
    cluster.commit("after").await;
    let state = cluster.agree().await;
    assert!(has(&state, "before") && has(&state, "meanwhile") && has(&state, "after"));
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_member_that_was_away_beyond_the_log_gets_the_state() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    let name = cluster.name_of(&cluster.follower());
    cluster.kill(&name).await;
    for n in 0..20 {
        cluster.commit(&format!("app-{n}")).await;
    }
    let leader = cluster.leader().await;
    let raft = leader.raft_for_tests();
    let upto = leader.metrics().last_applied_index.expect("applied");
    raft.trigger().snapshot().await.expect("runs");
    raft.wait(Some(PATIENCE))
        .metrics(
            |m| m.snapshot.is_some_and(|id| id.index >= upto),
            "a snapshot",
        )
        .await
        .expect("in time");
    raft.trigger().purge_log(upto).await.expect("runs");
    raft.wait(Some(PATIENCE))
        .metrics(|m| m.purged.is_some_and(|id| id.index >= upto), "purged")
        .await
        .expect("in time");

    let back = cluster.start(&name).await;
    cluster.commit("after").await;
    let state = cluster.agree().await;
    assert!((0..20).all(|n| has(&state, &format!("app-{n}"))));
    assert!(back.metrics().snapshot_index >= Some(upto), "by a snapshot");
    drop(back);
    // And what it got is on its disk.
    cluster.kill(&name).await;
    let back = cluster.start(&name).await;
    eventually("it has it", || has(&back.state(), "app-19")).await;
    cluster.shut_down().await;
}

#[tokio::test]
async fn five_survive_two_and_every_member_sees_the_loss_of_a_third() {
    let mut cluster = Cluster::formed(&["a", "b", "c", "d", "e"]).await;
    let first = cluster.name_of(&*cluster.leader().await);
    cluster.kill(&first).await;
    let second = cluster.name_of(&*cluster.leader().await);
    cluster.kill(&second).await;
    cluster.commit("with three").await;

    let third = cluster.name_of(&cluster.follower());
    cluster.kill(&third).await;
    eventually("both see it", || {
        cluster
            .running()
            .all(|(_, ledger)| !ledger.quorum().reachable && !ledger.leads())
    })
    .await;
    let left = cluster.follower();
    assert_eq!(
        left.propose(pause("without", 1)).await,
        Err(LedgerError::NotLeader)
    );

    for name in [&first, &second, &third] {
        cluster.start(name).await;
    }
    cluster.commit("again").await;
    let state = cluster.agree().await;
    assert!(has(&state, "with three") && has(&state, "again"));
    assert!(!has(&state, "without"));
    cluster.shut_down().await;
}

#[tokio::test]
async fn proposals_that_race_a_change_of_leader_are_kept_if_acknowledged() {
    let cluster = Arc::new(Cluster::formed(&["a", "b", "c"]).await);
    let watch = Watch::begin(&cluster.net);
    let propose = |prefix: &'static str| {
        let cluster = Arc::clone(&cluster);
        async move {
            let mut acknowledged = Vec::new();
            for n in 0..40u64 {
                let app = format!("{prefix}-{n}");
                let leader = cluster.leader().await;
                if let Ok(Ok(_)) = leader.propose(pause(&app, n)).await {
                    acknowledged.push(app);
                }
            }
            acknowledged
        }
    };
    let changes = async {
        for _ in 0..3 {
            let leader = cluster.leader().await;
            leader
                .stand_down("a test", timing().election_max)
                .await
                .expect("stands down");
        }
    };
    let (one, other, ()) = tokio::join!(propose("one"), propose("other"), changes);
    let state = cluster.agree().await;
    for app in one.iter().chain(&other) {
        assert!(has(&state, app), "{app} was acknowledged and is gone");
    }
    assert!(!one.is_empty() && !other.is_empty());
    watch.end().await;
}
