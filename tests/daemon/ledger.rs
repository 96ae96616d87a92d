//! The ledger's worst day: lost everywhere and restored, and one member's folder put back in time; by
//! `failoverctl` on the hosts, while real daemons are killed and started.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::child::{Daemon, FAILOVERCTL, clean};
use super::trio::{MEMBERS, THREE, Trio};

/// A verb that asks nobody, at that member's host.
fn here(trio: &Trio, index: usize, arguments: &[&str]) -> Output {
    clean(&FAILOVERCTL)
        .args(arguments)
        .arg("--config")
        .arg(trio.config(index))
        .stdin(Stdio::null())
        .output()
        .expect("failoverctl runs")
}

fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn ends(output: &Output, code: i32, words: &[&str]) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "no {words} in\n{said}");
    }
    said
}

fn warned(list: &Value, code: &str) -> bool {
    let warnings = list["warnings"].as_array().expect("a list");
    warnings.iter().any(|warning| warning["code"] == code)
}

fn votes(list: &Value) -> usize {
    let rows = list["members"].as_array().expect("a list").iter();
    rows.filter(|row| row["role"] == "voter" || row["role"] == "leader")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ledger_is_lost_and_one_member_begins_anew_with_a_backup() {
    let mut trio = Trio::steady(THREE).await;
    let leader = trio.leader().await;
    let (other, on) = ((leader + 1) % 3, (leader + 2) % 3);
    let file = trio.stage.folder().join("monday.backup");
    let file = file.to_str().expect("text").to_owned();

    // A daemon that runs has its folder; one is stopped for it while the others decide.
    let backup = ["ledger", "backup", "--out", &file];
    ends(
        &here(&trio, on, &backup),
        1,
        &["is locked by another process"],
    );
    assert!(!Path::new(&file).exists());
    trio.kill_9(on);
    ends(
        &here(&trio, on, &backup),
        0,
        &[MEMBERS[on].0, "up to entry"],
    );
    ends(&here(&trio, on, &backup), 2, &["nothing is overwritten"]);
    let shown = clean(&FAILOVERCTL)
        .args(["ledger", "inspect", &file])
        .output()
        .expect("failoverctl runs");
    ends(
        &shown,
        0,
        &["ireland", "frankfurt", "stockholm", "shop: epoch"],
    );
    trio.start(on);
    trio.becomes_steady().await;

    // Every folder is lost, but the one of the old majority's last member, which somebody starts
    // again on the worst of all days.
    for index in THREE {
        trio.kill_9(index);
    }
    for index in [on, other] {
        std::fs::remove_dir_all(trio.data_dir(index)).expect("it is there");
    }
    let restore = [
        "ledger",
        "restore",
        &file,
        "--by",
        "ada",
        "--reason",
        "all disks are gone",
    ];
    ends(
        &here(&trio, on, &restore),
        2,
        &["nothing was done", "--yes"],
    );
    assert!(!trio.data_dir(on).exists());
    let restore: Vec<&str> = restore.into_iter().chain(["--yes"]).collect();
    ends(
        &here(&trio, on, &restore),
        0,
        &["A new ledger", "resume-automation"],
    );
    ends(&here(&trio, on, &restore), 4, &["holds a ledger already"]);
    let cut = std::fs::read(&file).expect("it is there");
    let half = format!("{file}.half");
    std::fs::write(&half, &cut[..cut.len() / 2]).expect("writes");
    let mut of_half = restore.clone();
    of_half[2] = &half;
    ends(&here(&trio, other, &of_half), 2, &["damaged or cut off"]);

    // It leads alone, and the one of the old ledger neither writes into it nor is let in.
    trio.start(on);
    trio.start(leader);
    let old = MEMBERS[leader].0;
    trio.among(&[on], "it leads alone", |metrics| {
        metrics.iter().all(|m| m.is("leader", &[]))
    })
    .await;
    trio.listed(on, "the other ledger is seen", |list| {
        votes(list) == 1 && warned(list, "other_ledger")
    })
    .await;
    let refused = trio.failoverctl(on, &["member", "add", old, "--yes"]).await;
    ends(&refused, 4, &["of another ledger"]);
    let status = trio.failoverctl(on, &["status"]).await;
    ends(&status, 0, &["all disks are gone"]);
    let audit = trio.failoverctl(on, &["audit", "--verify"]).await;
    ends(&audit, 0, &["ada", "ledger restore"]);

    // With empty folders both join.
    trio.kill_9(leader);
    std::fs::remove_dir_all(trio.data_dir(leader)).expect("it is there");
    for index in [leader, other] {
        trio.start(index);
        let id = MEMBERS[index].0;
        trio.listed(on, "it is heard", |list| {
            let rows = list["members"].as_array().expect("a list");
            rows.iter()
                .any(|row| row["id"] == id && row["connected"] == true)
        })
        .await;
        trio.must(on, "add", id).await;
    }
    trio.listed(other, "three vote, and nobody is a stranger", |list| {
        votes(list) == 3 && !warned(list, "other_ledger") && list["quorum_reachable"] == true
    })
    .await;
    trio.stage.untouched();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    std::fs::copy(from.join("ledger.redb"), to.join("ledger.redb")).expect("copies");
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
async fn a_folder_that_was_put_back_in_time_is_refused_and_comes_back_empty() {
    let mut trio = Trio::steady(THREE).await;
    let leader = trio.leader().await;
    let (back, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let id = MEMBERS[back].0;
    let snapshot = trio.stage.folder().join("snapshot");
    trio.kill_9(back);
    copy(&trio.data_dir(back), &snapshot);
    trio.start(back);
    trio.becomes_steady().await;
    // What it acknowledges now is what it will have forgotten.
    for verb in ["pause-automation", "resume-automation"] {
        let mut typed = vec![verb, "--by", "ada"];
        if verb == "pause-automation" {
            typed.extend(["--reason", "a test", "--for", "1h"]);
        }
        let done = trio.failoverctl(leader, &typed).await;
        ends(&done, 0, &[]);
    }
    trio.becomes_steady().await;
    trio.kill_9(back);
    copy(&snapshot, &trio.data_dir(back));
    trio.start(back);

    let remedy = format!("failoverctl member readmit {id}");
    let daemon = trio.daemon(back);
    daemon.api().await;
    not_ready(daemon, "was put back in time").await;
    daemon
        .log()
        .must_say(&["this member takes no part", "put back in time", &remedy]);
    for index in [leader, other] {
        let log = trio.daemon(index).log();
        log.must_say(&["refused here", id, "put back in time"]);
    }
    // Not in its next life either, whoever it meets first.
    trio.kill_9(back);
    trio.start(back);
    let daemon = trio.daemon(back);
    daemon.api().await;
    not_ready(daemon, "was put back in time").await;

    trio.kill_9(back);
    std::fs::remove_dir_all(trio.data_dir(back)).expect("it is there");
    trio.start(back);
    let daemon = trio.daemon(back);
    daemon.api().await;
    not_ready(daemon, &remedy).await;
    trio.must(leader, "readmit", id).await;
    trio.listed(back, "it is back", |list| {
        votes(list) == 3 && list["quorum_reachable"] == true
    })
    .await;
    trio.stage.untouched();
}
