//! Whatever is proposed, and wherever the process ends and begins again, the state is what a plain
//! fold over the acknowledged commands gives.

use openraft::{RaftSnapshotBuilder, storage::RaftStateMachine};
use proptest::prelude::*;

use super::support::{acknowledge, fold, pause, start};
use crate::model::{Command, CommandBody, State, Wall};
use crate::ports::Ledger;

#[derive(Clone, Debug)]
enum Act {
    Propose(Command),
    Snapshot,
    Reopen,
}

fn command() -> impl Strategy<Value = Command> {
    let app = prop::sample::select(vec!["a", "b", "c", "d"]);
    prop_oneof![
        6 => (app.clone(), 0..1_000u64).prop_map(|(app, at)| pause(app, at)),
        4 => app.prop_map(acknowledge),
        1 => (0..1_000u64).prop_map(|at| Command {
            at: Wall(at),
            body: CommandBody::ResumeAutomation { app: None, by: "a test".to_owned() },
        }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => command().prop_map(Act::Propose),
        1 => Just(Act::Snapshot),
        2 => Just(Act::Reopen),
    ]
}

async fn play(acts: Vec<Act>) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ledger = start(dir.path()).await;
    let mut plain = State::default();
    for act in acts {
        match act {
            Act::Propose(command) => {
                let expected = fold(&mut plain, &command);
                let answer = ledger.propose(command).await.expect("answers");
                prop_assert_eq!(answer, expected);
            }
            Act::Snapshot => {
                let raft = ledger.raft_for_tests();
                raft.trigger().snapshot().await.expect("runs");
            }
            Act::Reopen => {
                ledger.shutdown().await;
                ledger = start(dir.path()).await;
                let proven = ledger.prove().await.expect("proves");
                prop_assert_eq!(&*proven, &plain);
            }
        }
        prop_assert_eq!(&*ledger.state(), &plain);
    }
    ledger.shutdown().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_is_a_fold(acts in prop::collection::vec(act(), 1..40)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(play(acts))?;
    }
}

/// A snapshot made by one member is read by another.
#[tokio::test]
async fn a_snapshot_travels() {
    use super::support::{owner, transition};
    use crate::ledger::{RedbStore, SCHEMA};

    let (one, other) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let ledger = start(one.path()).await;
    ledger
        .propose(pause("shop", 3))
        .await
        .expect("answers")
        .expect("applies");
    let state = ledger.state();
    ledger.shutdown().await;
    drop(ledger);

    let (_log, mut from) = RedbStore::open(one.path(), owner(), transition())
        .await
        .expect("opens");
    let opened = RedbStore::open_with(other.path(), owner(), transition(), |file| file)
        .await
        .expect("opens");
    let mut to = opened.machine;
    let mut builder = from.get_snapshot_builder().await;
    let empty = builder.build_snapshot().await.expect("builds");
    to.install_snapshot(&empty.meta, empty.snapshot)
        .await
        .expect("installs");
    assert!(opened.view.borrow().state.apps.is_empty());

    // One of a newer schema is refused before its state is looked at.
    let body = serde_json::json!({ "schema": SCHEMA + 1, "state": "of another shape" });
    let body = serde_json::to_vec(&body).expect("encodes");
    let error = to
        .install_snapshot(&empty.meta, Box::new(std::io::Cursor::new(body)))
        .await
        .expect_err("refused");
    assert!(error.to_string().contains("newer failoverd"), "{error}");

    // And the true one gives the same state.
    let meta = empty.meta;
    let body = serde_json::json!({ "schema": 1, "state": &*state });
    let body = serde_json::to_vec(&body).expect("encodes");
    to.install_snapshot(&meta, Box::new(std::io::Cursor::new(body)))
        .await
        .expect("installs");
    assert_eq!(opened.view.borrow().state, state);
}
