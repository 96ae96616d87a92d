//! Each page, and what is no page.

use std::sync::Arc;
use std::time::Duration;

use super::support::{Served, starting};
use crate::daemon::snapshot::{Readiness, Unready};

#[tokio::test]
async fn a_loop_that_turns_is_alive() {
    let api = Served::start(starting()).await;
    let answer = api.get("/livez").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "alive\n"));
    assert!(answer.head.contains("content-type: text/plain"));
    assert!(answer.head.contains("cache-control: no-store"));
}

#[tokio::test]
async fn a_loop_that_hangs_is_not() {
    let api = Served::with_heartbeat(starting(), Duration::from_millis(12_300)).await;
    let answer = api.get("/livez").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body,
        "hung: the daemon's loop has not turned for 12.3s (10s is allowed); see its log, then restart it\n"
    );
}

#[tokio::test]
async fn readiness_follows_the_snapshot() {
    let api = Served::start(starting()).await;
    let answer = api.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body,
        "not ready: the ledger has no leader; the first round of votes has not been cast\n"
    );

    let mut turned = starting();
    turned.ready = Readiness::default();
    api.snapshot.send_replace(Arc::new(turned));
    let answer = api.get("/readyz").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ready\n"));

    let mut draining = starting();
    draining.ready = Readiness::new([Unready::Draining]);
    api.snapshot.send_replace(Arc::new(draining));
    let answer = api.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body,
        "not ready: shutting down, finishing what has begun\n"
    );
}

#[tokio::test]
async fn what_is_no_page_says_which_there_are() {
    let api = Served::start(starting()).await;
    for path in ["/page", "/metric", "/livez/"] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        for page in ["/livez", "/readyz", "/metrics"] {
            assert!(answer.body.contains(page), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn the_status_page_is_there() {
    let api = Served::start(starting()).await;
    let answer = api.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.head.contains("content-security-policy"),
        "{}",
        answer.head
    );
}

#[tokio::test]
async fn a_page_is_only_read() {
    let api = Served::start(starting()).await;
    let answer = api.ask("POST", "/metrics").await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.body, "/metrics takes GET, not POST\n");
    assert!(answer.head.contains("allow: get,head"), "{}", answer.head);

    let answer = api.ask("HEAD", "/livez").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
}
