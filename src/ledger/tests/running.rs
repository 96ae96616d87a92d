//! A ledger of one member at work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::support::{acknowledge, lead, options, pause, start, stopped};
use crate::ledger::{LedgerTiming, RaftLedger, StartError, StopReason};
use crate::model::{AppId, Event, Rejection};
use crate::ports::{Ledger, LedgerError};

#[tokio::test]
async fn one_voter_leads_by_itself_commits_and_refuses() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = start(dir.path()).await;
    assert_eq!(ledger.leader().expect("a leader").as_str(), "ireland");
    assert!(ledger.term() >= 1);

    let event = ledger.propose(pause("shop", 5)).await.expect("answers");
    assert_eq!(event, Ok(Event::AutomationChanged));
    assert!(ledger.state().apps.contains_key(&AppId::from("shop")));

    let refused = ledger.propose(acknowledge("bank")).await.expect("answers");
    assert!(
        matches!(refused, Err(Rejection::BadPlan { .. })),
        "{refused:?}"
    );

    let proven = ledger.prove().await.expect("proves");
    assert_eq!(proven, ledger.state());

    let metrics = ledger.metrics();
    assert!(metrics.last_log_index >= Some(3), "{metrics:?}");
    assert!(metrics.last_commit.is_some());
    assert!(metrics.size_bytes > 0);
    ledger.shutdown().await;
}

#[tokio::test]
async fn a_proof_shows_what_was_just_committed() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = start(dir.path()).await;
    for n in 0..50 {
        let app = format!("app-{n}");
        ledger
            .propose(pause(&app, n))
            .await
            .expect("answers")
            .expect("applies");
        let proven = ledger.prove().await.expect("proves");
        assert!(proven.apps.contains_key(&AppId::from(app.as_str())));
    }
    ledger.shutdown().await;
}

#[tokio::test]
async fn proposals_in_flight_together_are_all_applied() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = Arc::new(start(dir.path()).await);
    let proposals = (0..20u64).map(|n| {
        let ledger = Arc::clone(&ledger);
        async move { ledger.propose(pause(&format!("app-{n}"), n)).await }
    });
    for answer in futures::future::join_all(proposals).await {
        assert_eq!(answer, Ok(Ok(Event::AutomationChanged)));
    }
    let apps: BTreeSet<_> = ledger.state().apps.keys().cloned().collect();
    assert_eq!(apps.len(), 20);
    ledger.shutdown().await;
}

#[tokio::test]
async fn a_change_wakes_the_waiter_and_so_does_the_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = Arc::new(start(dir.path()).await);
    let waiter = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move {
            let shop = AppId::from("shop");
            while !ledger.state().apps.contains_key(&shop) {
                ledger.changed().await?;
            }
            loop {
                ledger.changed().await?;
            }
            #[allow(unreachable_code, reason = "names the type of the error")]
            Ok::<(), LedgerError>(())
        }
    });
    ledger
        .propose(pause("shop", 1))
        .await
        .expect("answers")
        .expect("applies");
    ledger.shutdown().await;
    let end = waiter.await.expect("joins").expect_err("ends");
    assert!(matches!(end, LedgerError::Stopped { .. }), "{end}");
    assert!(matches!(stopped(&ledger).await, StopReason::ShutDown));
    assert!(!ledger.leads());

    let late = ledger.propose(pause("shop", 2)).await;
    assert!(matches!(late, Err(LedgerError::Stopped { .. })), "{late:?}");
    let late = ledger.prove().await;
    assert!(matches!(late, Err(LedgerError::Stopped { .. })), "{late:?}");
    let late = ledger.changed().await;
    assert!(matches!(late, Err(LedgerError::Stopped { .. })), "{late:?}");
}

#[tokio::test]
async fn a_dropped_ledger_gives_its_folder_free() {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = start(dir.path()).await;
    let end = ledger.stopped();
    drop(ledger);
    assert!(matches!(end.await, StopReason::ShutDown));
}

#[tokio::test]
async fn a_transition_that_panics_ends_the_core_with_its_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = options(dir.path());
    options.transition = Arc::new(|_, _| panic!("a bug in the transition"));
    let ledger = RaftLedger::start(options).await.expect("starts");
    lead(&ledger).await;
    let answer = ledger.propose(pause("shop", 1)).await;
    assert!(
        matches!(answer, Err(LedgerError::Stopped { .. })),
        "{answer:?}"
    );
    let reason = stopped(&ledger).await;
    assert!(
        reason.to_string().contains("transition function panicked"),
        "{reason}"
    );
    ledger.shutdown().await;
}

#[tokio::test]
async fn timers_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut options = options(dir.path());
    options.timing = LedgerTiming {
        heartbeat: Duration::from_secs(2),
        ..options.timing
    };
    let error = RaftLedger::start(options).await.expect_err("refused");
    assert!(matches!(error, StartError::Timing { .. }), "{error}");
}
