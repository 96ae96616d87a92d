//! openraft's own suite for stores.

use openraft::testing::{StoreBuilder, Suite};
use openraft::{StorageError, StorageIOError};
use tempfile::TempDir;

use super::support::{owner, transition};
use crate::ledger::{LogStore, NodeId, RedbStore, StateMachine, TypeConfig};

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<NodeId>> {
        let failed = |e: &dyn std::error::Error| {
            StorageIOError::write(openraft::AnyError::error(e.to_string()))
        };
        let dir = tempfile::tempdir().map_err(|e| failed(&e))?;
        let (log, machine) = RedbStore::open(dir.path(), owner(), transition())
            .await
            .map_err(|e| failed(&e))?;
        Ok((dir, log, machine))
    }
}

#[test]
fn the_store_passes_the_suite_of_openraft() {
    Suite::test_all(Builder).expect("every case holds");
}
