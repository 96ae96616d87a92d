//! Whatever starts first, and whoever loses its disk: one cluster.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::cluster::{Cluster, eventually, has};
use crate::ledger::{
    Formation, HelloBody, MembershipError, NotAdmitted, OwnFolder, ServeError, decide, node_id,
};
use crate::model::{DiskId, MemberId};

fn members(names: &[&str]) -> BTreeSet<MemberId> {
    names.iter().map(|name| MemberId::from(*name)).collect()
}

fn hello(list: &BTreeSet<MemberId>, disk: u128, heard: &[(&str, u128)]) -> HelloBody {
    HelloBody {
        members: list.clone(),
        disk: DiskId(disk),
        pristine: true,
        heard: disks(heard),
        known: BTreeMap::new(),
        schema: 1,
        lease_ms: None,
        ledger: None,
        mark: None,
    }
}

fn disks(of: &[(&str, u128)]) -> BTreeMap<MemberId, DiskId> {
    of.iter()
        .map(|(member, disk)| (MemberId::from(*member), DiskId(*disk)))
        .collect()
}

fn own() -> OwnFolder {
    OwnFolder {
        member: MemberId::from("a"),
        disk: DiskId(1),
        pristine: true,
        on_record: false,
    }
}

#[test]
fn an_empty_member_waits_for_every_other_and_until_they_have_heard_the_same() {
    let list = members(&["a", "b", "c"]);
    let all = [("a", 1), ("b", 2), ("c", 3)];
    let mut heard = BTreeMap::new();
    assert_eq!(
        decide(&own(), &list, &heard),
        Formation::Wait {
            missing: members(&["b", "c"])
        }
    );
    heard.insert(MemberId::from("b"), hello(&list, 2, &all));
    heard.insert(MemberId::from("c"), hello(&list, 3, &[("c", 3)]));
    assert_eq!(
        decide(&own(), &list, &heard),
        Formation::Wait {
            missing: members(&["c"])
        }
    );
    heard.insert(MemberId::from("c"), hello(&list, 3, &all));
    assert_eq!(decide(&own(), &list, &heard), Formation::Form);
    assert_eq!(
        decide(&own(), &members(&["a"]), &BTreeMap::new()),
        Formation::Form
    );
}

#[test]
fn another_member_list_is_refused() {
    let list = members(&["a", "b"]);
    let other = members(&["a", "b", "c"]);
    let heard = BTreeMap::from([(MemberId::from("b"), hello(&other, 2, &[("b", 2)]))]);
    let Formation::Refuse { reason, .. } = decide(&own(), &list, &heard) else {
        panic!("not refused");
    };
    assert_eq!(
        reason,
        "member b is configured with the members a, b, c, this one with a, b"
    );
}

#[test]
fn a_member_that_finds_a_cluster_joins_it_or_is_refused() {
    let list = members(&["a", "b"]);
    let mut formed = hello(&list, 2, &[]);
    formed.pristine = false;
    let heard = |known: &[(&str, u128)]| {
        let hello = HelloBody {
            known: disks(known),
            ..formed.clone()
        };
        BTreeMap::from([(MemberId::from("b"), hello)])
    };
    let decide = |known| decide(&own(), &list, &heard(known));
    assert_eq!(decide(&[]), Formation::Join);
    assert_eq!(decide(&[("b", 2)]), Formation::Join);
    assert_eq!(decide(&[("a", 1), ("b", 2)]), Formation::Join);
    let Formation::Refuse { reason, remedy } = decide(&[("a", 9), ("b", 2)]) else {
        panic!("not refused");
    };
    assert_eq!(remedy, "failoverctl member readmit a");
    assert!(reason.contains("its log and votes were lost"), "{reason}");
}

/// A model of the members: what each has heard, and which cluster it is of.
#[derive(Clone, Debug)]
struct Being {
    disk: u128,
    heard: BTreeMap<MemberId, HelloBody>,
    /// What it formed with.
    cluster: Option<BTreeMap<MemberId, DiskId>>,
}

#[derive(Clone, Debug)]
enum Act {
    Greet(usize, usize),
    Decide(usize),
    Wipe(usize),
}

fn act(count: usize) -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => (0..count, 0..count).prop_map(|(from, to)| Act::Greet(from, to)),
        8 => (0..count).prop_map(Act::Decide),
        1 => (0..count).prop_map(Act::Wipe),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Hellos in any order and any number, wipes at any moment: all that are of a cluster are of the
    /// same. A minority is wiped at most: a cluster that lost more is lost, and no rule can know.
    #[test]
    fn never_two_clusters(acts in prop::collection::vec(act(3), 0..120)) {
        let list = members(&["a", "b", "c"]);
        let names: Vec<MemberId> = list.iter().cloned().collect();
        let mut beings: Vec<Being> = (0..3)
            .map(|n| Being { disk: n, heard: BTreeMap::new(), cluster: None })
            .collect();
        let mut next_disk = 10;
        let mut lost = BTreeSet::new();
        for act in acts {
            match act {
                Act::Greet(from, to) if from != to => {
                    let speaker = &beings[from];
                    let mut heard: BTreeMap<_, _> =
                        speaker.heard.iter().map(|(m, h)| (m.clone(), h.disk)).collect();
                    heard.insert(names[from].clone(), DiskId(speaker.disk));
                    let said = HelloBody {
                        members: list.clone(),
                        disk: DiskId(speaker.disk),
                        pristine: speaker.cluster.is_none(),
                        heard,
                        known: speaker.cluster.clone().unwrap_or_default(),
                        schema: 1,
                        lease_ms: None,
        ledger: None,
        mark: None,
                    };
                    beings[to].heard.insert(names[from].clone(), said);
                }
                Act::Greet(..) => {}
                Act::Decide(n) => {
                    let being = &mut beings[n];
                    let own = OwnFolder {
                        member: names[n].clone(),
                        disk: DiskId(being.disk),
                        pristine: being.cluster.is_none(),
                        on_record: being.cluster.is_some(),
                    };
                    if decide(&own, &list, &being.heard) == Formation::Form {
                        let mut with: BTreeMap<_, _> =
                            being.heard.iter().map(|(m, h)| (m.clone(), h.disk)).collect();
                        with.insert(names[n].clone(), DiskId(being.disk));
                        being.cluster = Some(with);
                    }
                }
                Act::Wipe(n) => {
                    if beings[n].cluster.is_some() {
                        // The loss of a second one's log is beyond what three survive.
                        lost.insert(n);
                        if lost.len() > 1 {
                            break;
                        }
                    }
                    next_disk += 1;
                    beings[n] = Being { disk: next_disk, heard: BTreeMap::new(), cluster: None };
                }
            }
            // One that was wiped before anybody heard of its cluster has left nothing behind.
            let clusters: BTreeSet<_> = beings.iter().filter_map(|b| b.cluster.as_ref()).collect();
            prop_assert!(clusters.len() <= 1, "{clusters:?}");
        }
    }
}

#[tokio::test]
async fn three_members_form_one_cluster_whoever_starts_first() {
    for order in [["a", "b", "c"], ["c", "a", "b"]] {
        let mut cluster = Cluster::new(&["a", "b", "c"]);
        for name in &order[..2] {
            let ledger = cluster.start(name).await;
            cluster.greet();
            cluster.greet();
            assert!(matches!(ledger.formation(), Formation::Wait { .. }));
        }
        cluster.start(order[2]).await;
        cluster.form().await;
        cluster.commit("shop").await;
        let state = cluster.agree().await;
        assert!(has(&state, "shop"));
        assert_eq!(state.disks.len(), 3);
        for (_, ledger) in cluster.running() {
            assert_eq!(ledger.formation(), Formation::Formed);
            assert_eq!(state.disks.get(ledger.core_member()), Some(&ledger.disk()));
        }
        cluster.shut_down().await;
    }
}

#[tokio::test]
async fn one_that_forms_alone_is_joined_by_the_others() {
    let mut cluster = Cluster::new(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        cluster.start(name).await;
    }
    // The others hear of it only when it has formed.
    cluster.greet();
    cluster.greet();
    let first = cluster.get("a");
    assert_eq!(first.formation(), Formation::Form);
    first.form().await.expect("forms");
    cluster.greet();
    eventually("the others are contacted", || {
        cluster.greet();
        cluster
            .running()
            .all(|(_, ledger)| ledger.formation() == Formation::Formed)
    })
    .await;
    cluster.commit("shop").await;
    assert!(has(&*cluster.agree().await, "shop"));
    cluster.shut_down().await;
}

#[tokio::test]
async fn what_was_decided_before_a_member_was_wiped_is_not_done_after() {
    let mut cluster = Cluster::new(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        cluster.start(name).await;
    }
    cluster.greet();
    cluster.greet();
    let first = cluster.get("a");
    assert_eq!(first.formation(), Formation::Form);
    // Between the decision and the deed.
    cluster.kill("c").await;
    cluster.wipe("c");
    let wiped = cluster.start("c").await;
    first.hear(&MemberId::from("c"), wiped.hello());
    first.form().await.expect("answers");
    assert!(
        matches!(first.formation(), Formation::Wait { .. }),
        "{:?}",
        first.formation()
    );
    cluster.form().await;
    cluster.shut_down().await;
}

#[tokio::test]
async fn one_that_was_killed_while_it_formed_shuts_nobody_out() {
    let mut cluster = Cluster::new(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        cluster.start(name).await;
    }
    cluster.greet();
    // It has written down with whom, and no more.
    let first = cluster.get("a");
    let disks = first.hello().heard;
    assert_eq!(disks.len(), 3);
    crate::ledger::store::keep_formed_with(&first.core.disk, &disks)
        .await
        .expect("written");
    drop(first);
    for name in ["a", "c"] {
        cluster.kill(name).await;
    }
    cluster.wipe("c");
    for name in ["a", "c"] {
        cluster.start(name).await;
    }
    cluster.form().await;
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_wiped_member_neither_votes_nor_follows_until_it_is_readmitted() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    cluster.commit("before").await;
    let name = cluster.name_of(&cluster.follower());
    let member = MemberId::from(name.as_str());
    let old = cluster.get(&name).disk();
    cluster.kill(&name).await;
    cluster.wipe(&name);
    let wiped = cluster.start(&name).await;
    assert_ne!(wiped.disk(), old);
    cluster.greet();
    let Formation::Refuse { remedy, .. } = wiped.formation() else {
        panic!("not refused: {:?}", wiped.formation());
    };
    assert_eq!(remedy, format!("failoverctl member readmit {name}"));

    // Everybody who knows better shuts it out, and it takes nothing meant for its old self.
    let leader = cluster.leader().await;
    let refused = leader.admits(&member, wiped.disk(), None);
    let Err(NotAdmitted::Wiped(refused)) = refused else {
        panic!("not refused as wiped: {refused:?}");
    };
    assert_eq!((refused.known, refused.got), (old, wiped.disk()));
    cluster.commit("meanwhile").await;
    eventually("it is asked and refuses", || {
        wiped.quorum().voters.is_empty()
    })
    .await;
    assert_eq!(wiped.metrics().last_log_index, None);
    let canvass = crate::ledger::wire::encode_request(&crate::ledger::wire::Request {
        to_disk: Some(old),
        ledger: None,
        call: crate::ledger::wire::Call::Vote(openraft::raft::VoteRequest::new(
            openraft::Vote::new(99, leader.node()),
            None,
        )),
    });
    let other = leader.core_member().clone();
    let error = wiped.serve(&other, &canvass).await.expect_err("refused");
    assert!(matches!(error, ServeError::OtherDisk { .. }), "{error}");

    // A person lets it back in.
    let leader = cluster.leader().await;
    let changed = leader
        .readmit(&member, "Ada", super::support::PATIENCE)
        .await
        .expect("re-admitted");
    assert_eq!(changed.voters, cluster.members);
    assert_eq!(changed.warning, None);
    cluster.commit("after").await;
    let state = cluster.agree().await;
    assert!(has(&state, "before") && has(&state, "meanwhile") && has(&state, "after"));
    assert_eq!(state.disks.get(&member), Some(&wiped.disk()));
    leader
        .admits(&member, wiped.disk(), None)
        .expect("admitted");
    assert_eq!(wiped.formation(), Formation::Formed);
    cluster.shut_down().await;
}

/// As with the port between members, which lets a wiped one in no further than to say which disk it
/// has: what it had said before is of the lost one.
#[tokio::test]
async fn one_that_is_shut_out_is_readmitted_with_the_disk_it_presents() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    cluster.commit("before").await;
    cluster.greet();
    let name = cluster.name_of(&cluster.follower());
    let member = MemberId::from(name.as_str());
    let old = cluster.get(&name).disk();
    cluster.kill(&name).await;
    cluster.wipe(&name);
    let wiped = cluster.start(&name).await;
    let leader = cluster.leader().await;
    leader
        .admits(&member, wiped.disk(), None)
        .expect_err("refused");
    let seen = leader.quorum().wiped;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        (&seen[0].member, seen[0].known, seen[0].got),
        (&member, old, wiped.disk())
    );

    // It does not come back in time: nothing but its old disk is given up, and one may ask again.
    let short = std::time::Duration::from_millis(1);
    let error = leader
        .readmit(&member, "Ada", short)
        .await
        .expect_err("it has not spoken");
    assert!(matches!(error, MembershipError::NotBack { .. }), "{error}");
    leader.admits(&member, wiped.disk(), None).expect("let in");
    assert!(leader.quorum().wiped.is_empty());
    let asked = tokio::spawn({
        let (leader, member) = (std::sync::Arc::clone(&leader), member.clone());
        async move {
            let within = super::support::PATIENCE;
            leader.readmit(&member, "Ada", within).await
        }
    });
    let changed = loop {
        cluster.greet();
        if asked.is_finished() {
            break asked.await.expect("joins").expect("re-admitted");
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(changed.voters, cluster.members);
    let again = leader
        .readmit(&member, "Ada", short)
        .await
        .expect("is back");
    assert_eq!(again.voters, cluster.members);
    drop(leader);
    cluster.commit("after").await;
    let state = cluster.agree().await;
    assert_eq!(state.disks.get(&member), Some(&wiped.disk()));
    assert!(has(&state, "before") && has(&state, "after"));
    cluster.shut_down().await;
}

#[test]
fn a_members_number_is_stable() {
    assert_eq!(
        node_id(&MemberId::from("ireland")),
        3_673_116_422_326_131_105
    );
}
