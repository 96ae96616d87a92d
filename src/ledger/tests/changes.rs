//! Members added, removed and re-admitted.

use std::time::Duration;

use super::cluster::{Cluster, eventually, has};
use super::support::PATIENCE;
use crate::ledger::{Formation, HelloBody, MembershipError, SCHEMA, schema};
use crate::model::{MemberId, Rejection};
use crate::ports::Ledger;

#[tokio::test]
async fn a_cluster_of_one_grows_to_three_and_shrinks() {
    let mut cluster = Cluster::new(&["a"]);
    let leader = cluster.start("a").await;
    cluster.commit("before").await;

    let b = MemberId::from("b");
    let unheard = leader.add_member(&b, PATIENCE).await.expect_err("unheard");
    assert!(
        matches!(unheard, MembershipError::NotHeard { .. }),
        "{unheard}"
    );

    cluster.members = ["a", "b", "c"].map(MemberId::from).into();
    for name in ["b", "c"] {
        let new = cluster.start(name).await;
        cluster.greet();
        assert_eq!(new.formation(), Formation::Join);
    }
    let changed = leader.add_member(&b, PATIENCE).await.expect("added");
    let warning = changed.warning.expect("two are as good as one");
    assert!(
        warning.starts_with("2 voters survive the loss of 0, as 1 would"),
        "{warning}"
    );
    let quorum = leader.quorum();
    assert!(quorum.not_configured.contains(&b), "{quorum:?}");
    let c = MemberId::from("c");
    let changed = leader.add_member(&c, PATIENCE).await.expect("added");
    assert_eq!((changed.voters.len(), changed.warning), (3, None));
    let again = leader.add_member(&c, PATIENCE).await.expect("is there");
    assert_eq!(again.voters.len(), 3);
    cluster.commit("with three").await;
    let state = cluster.agree().await;
    assert!(has(&state, "before") && has(&state, "with three"));
    assert_eq!(state.disks.len(), 3);

    let follower = cluster.follower();
    let error = follower
        .remove_member(&c, "Ada")
        .await
        .expect_err("not the leader");
    assert!(
        matches!(error, MembershipError::NotLeader { .. }),
        "{error}"
    );

    drop(leader);
    let leader = cluster.leader().await;
    let own = MemberId::from(cluster.name_of(&leader).as_str());
    let error = leader.remove_member(&own, "Ada").await.expect_err("leads");
    assert!(matches!(error, MembershipError::IsLeader { .. }), "{error}");
    let nobody = MemberId::from("nobody");
    let error = leader
        .remove_member(&nobody, "Ada")
        .await
        .expect_err("unknown");
    assert!(
        error.to_string().contains("its members are a, b, c"),
        "{error}"
    );

    drop(follower);
    let gone = cluster.name_of(&cluster.follower());
    let changed = leader
        .remove_member(&MemberId::from(gone.as_str()), "Ada")
        .await
        .expect("removed");
    assert_eq!(changed.voters.len(), 2);
    eventually("it learns that it is out", || {
        cluster.greet();
        cluster.get(&gone).quorum().removed
    })
    .await;
    for (member, ledger) in cluster.running() {
        assert_eq!(ledger.quorum().removed, member.as_str() == gone, "{member}");
    }
    cluster.kill(&gone).await;
    cluster.commit("with two").await;
    assert_eq!(cluster.agree().await.disks.len(), 2);

    // Without the other of two, nothing could be decided any more.
    drop(leader);
    let leader = cluster.leader().await;
    let other = cluster.name_of(&cluster.follower());
    cluster.kill(&other).await;
    eventually("its silence is noticed", || !leader.leads()).await;
    let error = leader
        .remove_member(&MemberId::from(other.as_str()), "Ada")
        .await
        .expect_err("no quorum");
    assert!(
        matches!(error, MembershipError::NotLeader { .. }),
        "{error}"
    );
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_removal_that_would_lose_the_quorum_is_refused() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    let dead = cluster.name_of(&cluster.follower());
    cluster.kill(&dead).await;
    let leader = cluster.leader().await;
    let alive = cluster.name_of(&cluster.follower());
    eventually("its silence is noticed", || {
        let quorum = leader.quorum();
        let lease = Duration::from_millis(400);
        quorum
            .voters
            .iter()
            .any(|voter| voter.silent_for.is_some_and(|silence| silence > lease))
    })
    .await;
    let error = leader
        .remove_member(&MemberId::from(alive.as_str()), "Ada")
        .await
        .expect_err("refused");
    assert!(
        matches!(
            error,
            MembershipError::WouldLoseQuorum {
                voters: 2,
                needed: 2,
                heard: 1,
                ..
            }
        ),
        "{error}"
    );
    // The dead one may go.
    let changed = leader
        .remove_member(&MemberId::from(dead.as_str()), "Ada")
        .await
        .expect("removed");
    assert_eq!(changed.voters.len(), 2);
    cluster.commit("after").await;
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_mixed_cluster_works_and_its_leader_knows_who_is_the_oldest() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    cluster.greet();
    let leader = cluster.leader().await;
    let announced = schema::announced(&leader.core);
    assert!(
        announced.values().all(|knows| *knows == SCHEMA),
        "{announced:?}"
    );
    assert_eq!(schema::check(SCHEMA, &announced), Ok(()));

    // One is upgraded: what only it can read is refused with the name of one that cannot.
    let own = MemberId::from(cluster.name_of(&leader).as_str());
    let others: Vec<MemberId> = cluster
        .members
        .iter()
        .filter(|m| **m != own)
        .cloned()
        .collect();
    let newer = |member: &MemberId| HelloBody {
        schema: SCHEMA + 1,
        ..cluster.get(member.as_str()).hello()
    };
    leader.hear(&others[0], newer(&others[0]));
    let announced = schema::announced(&leader.core);
    assert_eq!(announced.get(&others[0]), Some(&(SCHEMA + 1)));
    let refused = schema::check(SCHEMA + 1, &announced).expect_err("two are older");
    assert!(
        matches!(&refused, Rejection::OldMember { member, .. } if *member != others[0]),
        "{refused}"
    );
    cluster.commit("mixed").await;
    assert!(has(&*cluster.agree().await, "mixed"));

    leader.hear(&others[1], newer(&others[1]));
    let mut announced = schema::announced(&leader.core);
    assert!(matches!(
        schema::check(SCHEMA + 1, &announced),
        Err(Rejection::OldMember { member, .. }) if member == own
    ));
    announced.insert(own, SCHEMA + 1);
    assert_eq!(schema::check(SCHEMA + 1, &announced), Ok(()));
    drop(leader);
    cluster.members.insert(MemberId::from("d"));
    cluster.start("d").await;
    cluster.greet();
    let leader = cluster.leader().await;
    let fourth = MemberId::from("d");
    leader.add_member(&fourth, PATIENCE).await.expect("added");
    assert_eq!(schema::announced(&leader.core).get(&fourth), Some(&SCHEMA));
    drop(leader);
    cluster.shut_down().await;
}
