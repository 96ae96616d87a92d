//! From one leader to the next: nothing is missed, and nobody's lease is cut short.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use openraft::raft::{AppendEntriesRequest, VoteRequest};
use openraft::{CommittedLeaderId, EntryPayload, LogId, Vote};

use super::cluster::{Cluster, Watch, eventually, has, timing};
use super::support::{PATIENCE, pause};
use crate::ledger::host::since_boot;
use crate::ledger::wire::{Answer, Call, Request, decode_answer, encode_request};
use crate::ledger::{Formation, LedgerOptions, LedgerTiming, Transition, node_id};
use crate::model::{AppId, CommandBody, MemberId};
use crate::ports::Ledger;

/// Holds up the transition of one application's pause.
#[derive(Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

/// A test that fails does not leave threads behind that wait.
impl Drop for Gate {
    fn drop(&mut self) {
        self.set(false);
    }
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.0.0.lock().expect("whole") = shut;
        self.0.1.notify_all();
    }

    fn transition(&self, held: &str) -> Transition {
        let (gate, held) = (Arc::clone(&self.0), AppId::from(held));
        Arc::new(move |state, command| {
            if let CommandBody::PauseAutomation { app: Some(app), .. } = &command.body
                && *app == held
            {
                let shut = gate.0.lock().expect("whole");
                drop(gate.1.wait_while(shut, |shut| *shut).expect("whole"));
            }
            crate::run::apply(state, command)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_new_leader_leads_only_when_it_has_applied_what_the_old_one_committed() {
    let gate = Gate::default();
    let slow = gate.transition("late");
    let mut cluster = Cluster::new(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        let transition = Arc::clone(&slow);
        let edit = |options| LedgerOptions {
            transition,
            ..options
        };
        cluster.start_as(name, edit).await;
    }
    cluster.form().await;
    // Everybody has the entry, and nobody can apply it yet.
    gate.set(true);
    let old = cluster.leader().await;
    let name = cluster.name_of(&old);
    let end = old.metrics().last_log_index.map(|index| index + 1);
    tokio::spawn(async move { old.propose(pause("late", 1)).await });
    eventually("everybody has it", || {
        cluster
            .running()
            .all(|(_, ledger)| ledger.metrics().last_log_index >= end)
    })
    .await;
    cluster.isolate(&name);
    let leads_and_knows_less = || {
        cluster.running().any(|(member, ledger)| {
            member.as_str() != name && ledger.leads() && !has(&ledger.state(), "late")
        })
    };
    let mut wrong = false;
    let mut since = None;
    eventually("another one has been elected for long", || {
        wrong |= leads_and_knows_less();
        // The first entry of its own is everywhere: a quorum has answered it.
        let elected = cluster.running().all(|(member, ledger)| {
            member.as_str() == name || ledger.metrics().last_log_index > end
        });
        if elected {
            since.get_or_insert(since_boot());
        }
        wrong || since.is_some_and(|since| since_boot() > since + timing().heartbeat * 5)
    })
    .await;
    gate.set(false);
    assert!(!wrong, "it leads and knows less");
    cluster.net.heal();
    assert!(has(&cluster.leader().await.state(), "late"));
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_leader_that_is_heard_while_others_are_asked_is_not_voted_out() {
    let cluster = Cluster::formed(&["a", "b", "c"]).await;
    let leader = cluster.leader().await;
    let (own, vote) = (
        leader.core_member().clone(),
        leader.raft_for_tests().metrics().borrow().vote,
    );
    let term = leader.term();
    // Whoever asks around first is kept waiting.
    let (asked, release) = (
        Arc::new(Mutex::new(None::<MemberId>)),
        Arc::new(AtomicBool::new(false)),
    );
    cluster.net.hold({
        let (asked, release, own) = (Arc::clone(&asked), Arc::clone(&release), own.clone());
        move |from, _, call| match call {
            Call::Canvass { .. } => {
                asked.lock().expect("whole").get_or_insert(from.clone());
                !release.load(Ordering::Acquire)
            }
            // The leader is not heard.
            Call::Append(_) => *from == own,
            Call::Vote(_) | Call::Snapshot(_) => false,
        }
    });
    eventually("somebody asks around", || {
        asked.lock().expect("whole").is_some()
    })
    .await;
    let name = asked.lock().expect("whole").clone().expect("somebody");
    let asker = cluster.get(name.as_str());
    let late = encode_request(&Request {
        to_disk: Some(asker.disk()),
        ledger: None,
        call: Call::Append(AppendEntriesRequest {
            vote,
            prev_log_id: None,
            entries: Vec::new(),
            leader_commit: None,
        }),
    });
    let before = since_boot();
    asker.serve(&own, &late).await.expect("it is heard");
    release.store(true, Ordering::Release);
    let mut elected = None;
    eventually("there is another election", || {
        let terms = cluster.running().map(|(_, ledger)| {
            let metrics = ledger.raft_for_tests().metrics().borrow().clone();
            (
                metrics.vote.leader_id().get_term(),
                metrics.vote.leader_id().voted_for(),
            )
        });
        elected = terms.max();
        elected.is_some_and(|(of, _)| of > term)
    })
    .await;
    if elected.and_then(|(_, by)| by) == Some(asker.node()) {
        let lease = timing().election_max;
        let waited = since_boot() - before;
        assert!(waited > lease, "{name} has promised {lease:?}: {waited:?}");
    }
    cluster.net.heal();
    cluster.shut_down().await;
}

/// One forms, the others only hear of it by its log.
async fn formed_by_one_of(names: &[&str]) -> Cluster {
    let mut cluster = Cluster::new(names);
    for name in names {
        cluster.start(name).await;
    }
    cluster.greet();
    cluster.greet();
    let first = cluster.get(names[0]);
    assert_eq!(first.formation(), Formation::Form);
    cluster
}

fn is_command(call: &Call) -> bool {
    matches!(call, Call::Append(append)
        if append.entries.iter().any(|entry| matches!(entry.payload, EntryPayload::Normal(_))))
}

#[tokio::test]
async fn one_that_did_not_form_the_cluster_does_not_lead_it_before_all_are_on_record() {
    let cluster = formed_by_one_of(&["a", "b", "c"]).await;
    // Its log begins everywhere, but it cannot say who everybody is, nor stand again.
    let first = MemberId::from("a");
    cluster.net.hold(move |from, _, call| {
        *from == first && (is_command(call) || matches!(call, Call::Canvass { .. }))
    });
    cluster.get("a").form().await.expect("forms");
    eventually("the log has begun", || {
        cluster
            .running()
            .all(|(_, ledger)| ledger.metrics().last_log_index >= Some(1))
    })
    .await;
    cluster
        .get("a")
        .stand_down("a test", PATIENCE)
        .await
        .expect("stands down");
    eventually("the disks are on record", || {
        cluster.greet();
        cluster
            .running()
            .filter(|(member, _)| member.as_str() != "a")
            .all(|(_, ledger)| !ledger.state().disks.is_empty())
    })
    .await;
    cluster.net.heal();
    let state = cluster.agree().await;
    assert_eq!(state.disks.len(), 3, "{:?}", state.disks);
    cluster.shut_down().await;
}

#[tokio::test]
async fn those_that_did_not_form_the_cluster_can_carry_it_on_after_all_were_killed() {
    let mut cluster = formed_by_one_of(&["a", "b", "c"]).await;
    cluster.get("a").form().await.expect("forms");
    eventually("the disks are on record", || {
        cluster.greet();
        cluster
            .running()
            .all(|(_, ledger)| ledger.state().disks.len() == 3)
    })
    .await;
    for name in ["a", "b", "c"] {
        cluster.kill(name).await;
    }
    // How far the log was committed, they had not written down: they know the disks by themselves.
    for name in ["b", "c"] {
        let back = cluster.start(name).await;
        assert_eq!(back.formation(), Formation::Formed);
    }
    cluster.commit("after").await;
    assert_eq!(cluster.agree().await.disks.len(), 3);
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_wiped_member_does_not_make_others_stand_in_vain() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    let leader = cluster.name_of(&*cluster.leader().await);
    let wiped = cluster.name_of(&cluster.follower());
    cluster.kill(&wiped).await;
    cluster.wipe(&wiped);
    cluster.start(&wiped).await;
    let other = cluster
        .running()
        .map(|(member, _)| member.to_string())
        .find(|name| *name != leader && *name != wiped)
        .expect("three");
    let term = cluster.get(&other).term();
    cluster.net.cut(
        &MemberId::from(leader.as_str()),
        &MemberId::from(other.as_str()),
    );
    cluster.net.cut(
        &MemberId::from(other.as_str()),
        &MemberId::from(leader.as_str()),
    );
    let alone = cluster.get(&other);
    eventually("it has been alone for long", || {
        let long = timing().election_max * 5;
        alone.quorum().voters.iter().any(|voter| {
            voter.member.as_str() == leader
                && voter.silent_for.is_some_and(|silence| silence > long)
        })
    })
    .await;
    assert_eq!(alone.metrics().term, term, "it asked to be elected in vain");
    drop(alone);
    cluster.net.heal();
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_follower_that_starts_again_keeps_its_promise_to_the_leader() {
    let mut cluster = Cluster::formed(&["a", "b", "c"]).await;
    let leader = cluster.leader().await.core_member().clone();
    let name = cluster.name_of(&cluster.follower());
    let other = cluster
        .members
        .iter()
        .find(|member| **member != leader && member.as_str() != name)
        .cloned()
        .expect("three");
    let lease = timing().election_max;
    // Out of reach: it has only what it wrote down.
    cluster.isolate(&name);
    let mut tried = false;
    while !tried {
        cluster.kill(&name).await;
        let before = since_boot();
        let back = cluster.start(&name).await;
        let vote = Call::Vote(VoteRequest::new(
            Vote::new(99, node_id(&other)),
            Some(LogId::new(CommittedLeaderId::new(98, 1), 1_000)),
        ));
        let call = encode_request(&Request {
            to_disk: Some(back.disk()),
            ledger: None,
            call: vote,
        });
        let answer = back.serve(&other, &call).await.expect("answers");
        let Ok(Answer::Vote(answer)) = decode_answer(&answer) else {
            panic!("another answer");
        };
        // A host that is slower than that says nothing.
        tried = since_boot() - before < lease;
        assert!(!(tried && answer.vote_granted), "{answer:?}");
        if answer.vote_granted {
            cluster.shut_down().await;
            return;
        }
    }
    cluster.shut_down().await;
}

#[tokio::test]
async fn a_leader_with_a_longer_lease_than_its_voters_goes_by_theirs() {
    let mut cluster = Cluster::new(&["a", "b", "c"]);
    let patient = |options: LedgerOptions| LedgerOptions {
        timing: LedgerTiming {
            election_max: timing().election_max * 5,
            ..options.timing
        },
        ..options
    };
    cluster.start_as("a", patient).await;
    cluster.start("b").await;
    cluster.start("c").await;
    cluster.form().await;
    cluster.greet();
    cluster
        .net
        .hold(|from, _, call| from.as_str() != "a" && matches!(call, Call::Canvass { .. }));
    if cluster.name_of(&*cluster.leader().await) != "a" {
        let leader = cluster.leader().await;
        leader
            .stand_down("a test", PATIENCE)
            .await
            .expect("stands down");
    }
    eventually("the patient one leads", || cluster.get("a").leads()).await;
    let watch = Watch::begin(&cluster.net);
    cluster.net.heal();
    cluster.isolate("a");
    eventually("another one leads", || {
        cluster
            .running()
            .any(|(member, ledger)| member.as_str() != "a" && ledger.leads())
    })
    .await;
    assert!(!cluster.get("a").leads());
    cluster.commit("after").await;
    watch.end().await;
    cluster.net.heal();
    cluster.shut_down().await;
}
