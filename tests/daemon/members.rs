//! Members that are wiped, replaced, removed: by a person, with `failoverctl`, while the rest decides.

use serde_json::Value;

use super::child::Daemon;
use super::trio::{MEMBERS, THREE, Trio, nothing_to_see_to};

/// The row of a member.
fn row<'a>(list: &'a Value, id: &str) -> &'a Value {
    let rows = list["members"].as_array().expect("a list");
    let found = rows.iter().find(|row| row["id"] == id);
    found.unwrap_or(&Value::Null)
}

fn warned(list: &Value, code: &str) -> bool {
    let warnings = list["warnings"].as_array().expect("a list");
    warnings.iter().any(|warning| warning["code"] == code)
}

/// Those who vote, in the order of their names.
fn voters(list: &Value) -> Vec<&str> {
    let rows = list["members"].as_array().expect("a list").iter();
    rows.filter(|row| row["role"] == "voter" || row["role"] == "leader")
        .filter_map(|row| row["id"].as_str())
        .collect()
}

async fn not_ready(daemon: &mut Daemon, words: &str) {
    daemon
        .until("it says why it takes no part", async |daemon| {
            let (status, text) = daemon.page("/readyz").await?;
            (status == 503 && text.contains(words)).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_member_is_refused_on_both_sides_until_it_is_readmitted() {
    let mut trio = Trio::steady(THREE).await;
    let leader = trio.leader().await;
    let (wiped, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let id = MEMBERS[wiped].0;
    trio.kill_9(wiped);
    std::fs::remove_dir_all(trio.data_dir(wiped)).expect("it is there");
    trio.start(wiped);
    let remedy = format!("failoverctl member readmit {id}");
    let daemon = trio.daemons[wiped].as_mut().expect("it runs");
    daemon.api().await;
    not_ready(daemon, &remedy).await;
    daemon.log().must_say(&["it refuses this member", &remedy]);
    for index in [leader, other] {
        trio.listed(index, "its disk is seen to be another", |list| {
            row(list, id)["disk"] == "other" && warned(list, "other_disk")
        })
        .await;
        let log = trio.daemons[index].as_ref().expect("it runs").log();
        log.must_say(&["refused here", id, &remedy]);
    }

    // Nobody can be asked whether they mean it.
    let typed = ["member", "readmit", id];
    let output = trio.failoverctl(leader, &typed).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));
    assert_eq!(row(&trio.list(leader).await, id)["disk"], "other");

    // Whoever is asked, the leader does it.
    trio.must(other, "readmit", id).await;
    trio.listed(wiped, "it is back", |list| {
        voters(list).len() == 3
            && row(list, id)["disk"] == "known"
            && list["quorum_reachable"] == true
    })
    .await;
    trio.until("it is ready", |metrics| {
        metrics.iter().all(|m| m.is("quorum_reachable", &[]))
    })
    .await;

    // And it votes: of three there are two left, and both are needed.
    trio.kill_9(leader);
    trio.until("the two have a leader", |metrics| {
        metrics.iter().filter(|m| m.is("leader", &[])).count() == 1
            && metrics.iter().all(|m| m.is("quorum_reachable", &[]))
    })
    .await;
    trio.stage.untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_replaced_by_another_and_the_leader_stands_down() {
    let mut trio = Trio::steady(THREE).await;
    let (gone, new) = (2, 3);
    let list = [0, 1, new];
    // Its host is lost. The others are restarted one by one with the new list, and the new one is
    // started.
    trio.kill_9(gone);
    for index in list {
        trio.furnish(index, &list);
    }
    for index in [0, 1] {
        trio.kill_9(index);
        trio.start(index);
        trio.until("the two have a leader", |metrics| {
            metrics.iter().all(|m| m.is("quorum_reachable", &[]))
        })
        .await;
    }
    trio.start(new);
    let (gone, new_id) = (MEMBERS[gone].0, MEMBERS[new].0);
    trio.listed(0, "the new one is heard, and has no vote", |list| {
        row(list, new_id)["connected"] == true
            && row(list, new_id)["role"] == "absent"
            && warned(list, "not_in_log")
            && warned(list, "not_configured")
            && row(list, gone)["role"] == "voter"
    })
    .await;
    // The dead one first: with it there would be four, of whom the three that live are all needed.
    trio.must(1, "remove", gone).await;
    trio.must(0, "add", new_id).await;
    trio.listed(new, "the new one votes, the old one does not", |list| {
        voters(list) == ["frankfurt", "ireland", new_id]
            && nothing_to_see_to(list)
            && row(list, new_id)["disk"] == "known"
    })
    .await;

    // The leader cannot remove itself, and says what to do.
    let leader = trio.leader().await;
    let id = MEMBERS[leader].0;
    let typed = ["member", "remove", id, "--yes"];
    let output = trio.failoverctl(new, &typed).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    for words in ["is_leader", "failoverctl member stand-down"] {
        assert!(said.contains(words), "no {words} in\n{said}");
    }
    let output = trio
        .failoverctl(new, &["member", "remove", "oslo", "--yes"])
        .await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");

    trio.must(new, "stand-down", id).await;
    trio.until("another one leads", |metrics| {
        metrics.iter().filter(|m| m.is("leader", &[])).count() == 1
    })
    .await;
    trio.listed(leader, "it knows who", |list| {
        list["leader"].as_str().is_some_and(|now| now != id)
    })
    .await;
    trio.must(leader, "remove", id).await;
    let removed = trio.daemons[leader].as_mut().expect("it runs");
    not_ready(removed, "it was removed").await;
    trio.stage.untouched();
}
