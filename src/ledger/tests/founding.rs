//! A log of one voter that begins with what another had known.

use std::sync::Arc;

use super::support::{lead, options};
use crate::ledger::{Beginning, FoundError, RaftLedger, found, read};
use crate::model::{MemberId, RestoredHow, State, Wall};
use crate::ports::Ledger;

fn beginning() -> Beginning {
    Beginning {
        state: State::default(),
        how: RestoredHow::BreakGlass,
        by: "ada".to_owned(),
        reason: "no quorum".to_owned(),
        at: Wall(1_000),
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
