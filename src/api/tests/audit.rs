//! What was asked is told in parts and in lines, and the chain can be checked from outside.

use std::sync::Arc;

use super::support::{Answer, Served, starting};
use crate::api::recorded_audit;
use crate::api::wire::{AuditEntry, Page};
use crate::daemon::snapshot::Snapshot;
use crate::model::{AuditCall, AuditOutcome, Command, CommandBody, State, Wall};
use crate::run::{apply, verify_audit};

/// A ledger with that many entries.
fn with_entries(many: u64) -> Snapshot {
    let mut state = State::default();
    for n in 0..many {
        let call = AuditCall {
            who: "ana".to_owned(),
            how: "token".to_owned(),
            role: "operator".to_owned(),
            from: "10.0.0.7:50122".to_owned(),
            via: "ireland".into(),
            call: "POST /v1/automation/pause".to_owned(),
            application: None,
            reason: Some("a drill".to_owned()),
            said: "all, for 1h".to_owned(),
            outcome: AuditOutcome::Asked,
            detail: None,
            answers: None,
        };
        let command = Command {
            at: Wall(1_780_000_000_123 + n),
            body: CommandBody::RecordAudit {
                call: Box::new(call),
            },
        };
        apply(&mut state, &command).expect("it is recorded");
    }
    Snapshot {
        state: Arc::new(state),
        ..starting()
    }
}

fn page(answer: &Answer) -> Page<AuditEntry> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).expect("a page")
}

#[tokio::test]
async fn it_is_told_in_parts_that_make_one_chain() {
    let api = Served::start(with_entries(5)).await;
    let mut told = Vec::new();
    let mut path = "/v1/audit?limit=2".to_owned();
    loop {
        let part = page(&api.get(&path).await);
        assert!(part.items.len() <= 2);
        told.extend(part.items);
        match part.next {
            Some(next) => path = format!("/v1/audit?limit=2&after={next}"),
            None => break,
        }
    }
    let read: Option<Vec<_>> = told.iter().map(recorded_audit).collect();
    let read = read.expect("entries of a ledger");
    assert_eq!(read.len(), 5);
    assert_eq!(verify_audit(&read), Ok(()));
    assert!(page(&api.get("/v1/audit?after=5").await).items.is_empty());
    let bad = api.get("/v1/audit?after=yesterday").await;
    assert_eq!(bad.status, 404, "{}", bad.body);
}

#[tokio::test]
async fn lines_are_the_same_entries_and_say_where_the_next_are() {
    let api = Served::start(with_entries(3)).await;
    let lines = async |path: &str| {
        let head = "host: 127.0.0.1\r\naccept: text/plain;q=0.1, application/jsonl\r\n";
        let answer = api.say("GET", path, head, "").await;
        assert!(
            answer.head.contains("content-type: application/jsonl"),
            "{}",
            answer.head
        );
        let entries: Vec<AuditEntry> = answer
            .body
            .lines()
            .map(|line| serde_json::from_str(line).expect("an entry"))
            .collect();
        (entries, answer.head)
    };
    let whole = page(&api.get("/v1/audit").await).items;
    let (all, head) = lines("/v1/audit").await;
    assert_eq!(all, whole);
    assert!(!head.contains("\r\nlink:"), "{head}");
    let (some, head) = lines("/v1/audit?limit=2").await;
    assert_eq!(some, whole[..2]);
    assert!(
        head.contains("link: </v1/audit?after=2&limit=2>; rel=\"next\""),
        "{head}"
    );
}
