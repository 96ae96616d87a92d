//! Who may what: every role at every route that the document tells of.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::support::{Answer, Served, starting};
use crate::api::{token_hash, token_of};
use crate::config::Auth;
use crate::model::{AuditOutcome, CommandBody, HoldReason};
use crate::ports::LedgerError;

/// Each route and the least role that it takes. A route that is missing here fails the test.
const TABLE: &[(&str, &str, &str)] = &[
    ("get", "/v1/applications", "viewer"),
    ("get", "/v1/applications/{application}", "viewer"),
    ("post", "/v1/applications/{application}/ack", "operator"),
    ("get", "/v1/applications/{application}/check", "viewer"),
    ("post", "/v1/applications/{application}/check", "operator"),
    ("post", "/v1/applications/{application}/plan", "viewer"),
    ("post", "/v1/applications/{application}/rejoin", "operator"),
    ("post", "/v1/applications/{application}/runs", "operator"),
    ("get", "/v1/applications/{application}/votes", "viewer"),
    ("get", "/v1/applications/{application}/why", "viewer"),
    ("post", "/v1/applications/{application}/drills", "operator"),
    ("get", "/v1/audit", "admin"),
    ("get", "/v1/automation", "viewer"),
    ("post", "/v1/automation/pause", "operator"),
    ("post", "/v1/automation/resume", "operator"),
    ("get", "/v1/evacuations", "viewer"),
    ("post", "/v1/evacuations", "operator"),
    ("get", "/v1/evacuations/{id}", "viewer"),
    ("post", "/v1/evacuations/{id}/stop", "operator"),
    ("get", "/v1/events", "viewer"),
    ("get", "/v1/drills", "viewer"),
    ("get", "/v1/drills/{drill}", "viewer"),
    ("post", "/v1/drills/{drill}/stop", "operator"),
    ("get", "/v1/members", "viewer"),
    ("post", "/v1/members/{id}/{act}", "admin"),
    ("get", "/v1/openapi.json", "nobody"),
    ("get", "/v1/runs", "viewer"),
    ("get", "/v1/runs/{run}", "viewer"),
    ("post", "/v1/runs/{run}/abort", "operator"),
    ("post", "/v1/runs/{run}/approve", "operator"),
    ("post", "/v1/runs/{run}/pause", "operator"),
    ("post", "/v1/runs/{run}/resume", "operator"),
    ("post", "/v1/runs/{run}/retry", "operator"),
    ("post", "/v1/runs/{run}/skip", "operator"),
    ("get", "/v1/status", "viewer"),
    ("get", "/v1/whoami", "viewer"),
];

const ROLES: [&str; 4] = ["nobody", "viewer", "operator", "admin"];

/// The token of a role: fixed, and not of a kind that could be guessed.
fn token(seed: u8) -> String {
    let byte = |n: usize| seed.wrapping_add(u8::try_from(n * 37 % 251).expect("below 251"));
    token_of(&std::array::from_fn(byte))
}

/// One token of each role; `narrow` is an operator of another application; `old` has expired.
pub fn auth(dir: &Path) -> Auth {
    let row = |name: &str, role: &str, seed, more: &str| {
        let hash = token_hash(&token(seed));
        format!("[[token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{hash}\"\n{more}\n")
    };
    let text = row("viewer", "viewer", 1, "")
        + &row("operator", "operator", 2, "")
        + &row("admin", "admin", 3, "")
        + &row("narrow", "admin", 4, "applications = [\"bank\"]")
        + &row("old", "admin", 5, "expires = \"2020-01-01T00:00:00Z\"");
    let path = dir.join("tokens.toml");
    std::fs::write(&path, text).expect("a temporary folder");
    Auth {
        tokens_file: Some(path),
        certificates: Vec::new(),
        metrics: true,
        insecure: false,
    }
}

async fn ask(api: &Served, method: &str, path: &str, seed: Option<u8>, body: &str) -> Answer {
    let who = seed.map_or_else(String::new, |seed| {
        format!("authorization: Bearer {}\r\n", token(seed))
    });
    let head = format!("host: 127.0.0.1\r\ncontent-type: application/json\r\n{who}");
    api.say(&method.to_uppercase(), path, &head, body).await
}

fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert!(
        body["remedy"].as_str().is_some_and(|r| !r.is_empty()),
        "{body}"
    );
    body["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_role_may_what_the_table_says_and_the_document_tells() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let api = Served::guarded(&auth(dir.path()), starting()).await;
    let document: Value = serde_json::from_str(&api.get("/v1/openapi.json").await.body).unwrap();
    let mut told = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let role = operation["x-failoverd-role"].as_str().unwrap_or("nobody");
            told.insert((method.clone(), path.clone(), role.to_owned()));
        }
    }
    let table: BTreeSet<_> = TABLE
        .iter()
        .map(|(m, p, r)| ((*m).to_owned(), (*p).to_owned(), (*r).to_owned()))
        .collect();
    assert_eq!(told, table);
    let mut asked: Vec<(String, usize)> = Vec::new();
    for (method, path, needs) in TABLE {
        let needs = ROLES.iter().position(|role| role == needs).expect("a role");
        let real = path
            .replace("{application}", "shop")
            .replace("{run}", "shop-1")
            .replace("{drill}", "shop-drill-1")
            .replace("{id}", "m2")
            .replace("{act}", "add");
        asked.push((format!("{} {real}", method.to_uppercase()), needs));
        for (has, seed) in (0_usize..).zip([None, Some(1), Some(2), Some(3)]) {
            let answer = ask(&api, method, &real, seed, "{}").await;
            let name = format!("{} {method} {path}: {}", ROLES[has], answer.body);
            if has >= needs {
                assert!(![401, 403, 405].contains(&answer.status), "{name}");
            } else if has == 0 {
                assert_eq!(
                    (answer.status, code(&answer).as_str()),
                    (401, "no_token"),
                    "{name}"
                );
            } else {
                assert_eq!(
                    (answer.status, code(&answer).as_str()),
                    (403, "role"),
                    "{name}"
                );
            }
        }
        // What is out of scope is not there, and what is about all is refused.
        if path.contains("{application}") {
            let answer = ask(&api, method, &real, Some(4), "{}").await;
            assert_eq!(code(&answer), "no_such_application", "{path}");
        }
    }
    let narrow = ask(
        &api,
        "post",
        "/v1/members/m2/add",
        Some(4),
        "{\"by\":\"x\"}",
    )
    .await;
    assert_eq!((narrow.status, code(&narrow).as_str()), (403, "scope"));
    assert!(
        api.desk.asked.lock().unwrap().is_empty(),
        "nothing was changed"
    );
    // What was asked, was asked by somebody who may.
    for call in api.desk.audit() {
        let (_, needs) = asked
            .iter()
            .find(|(name, _)| *name == call.call)
            .unwrap_or_else(|| panic!("{} is in no row", call.call));
        let has = ROLES.iter().position(|role| *role == call.role);
        assert!(has >= Some(*needs), "{call:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_wrong_expired_or_weak_has_no_caller() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let api = Served::guarded(&auth(dir.path()), starting()).await;
    let with = async |header: &str| {
        let head = format!("host: here\r\nauthorization: {header}\r\n");
        let answer = api.say("GET", "/v1/status", &head, "").await;
        assert!(
            answer.head.contains("www-authenticate: bearer"),
            "{}",
            answer.head
        );
        (answer.status, code(&answer))
    };
    for (header, expected) in [
        (format!("Bearer {}", token(9)), "unknown_token"),
        (format!("Bearer {}", token(5)), "expired_token"),
        ("Bearer hunter2".to_owned(), "weak_token"),
        ("Basic YWRhOmFkYQ==".to_owned(), "bad_authorization"),
    ] {
        assert_eq!(with(&header).await, (401, expected.to_owned()));
    }
    assert_eq!(api.get("/metrics").await.status, 401);
    assert_eq!(ask(&api, "get", "/metrics", Some(1), "").await.status, 200);
    assert_eq!(api.get("/livez").await.status, 200);
}

const PAUSE: &str = r#"{"reason":"a drill of the network","for_ms":60000}"#;

#[tokio::test]
async fn a_change_stands_between_two_entries_of_the_audit() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let api = Served::guarded(&auth(dir.path()), starting()).await;
    let answer = ask(&api, "post", "/v1/automation/pause", Some(2), PAUSE).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let [asked, done] = api.desk.audit().try_into().expect("two entries");
    assert_eq!(
        (asked.outcome, done.outcome),
        (AuditOutcome::Asked, AuditOutcome::Done)
    );
    assert_eq!(
        (asked.who.as_str(), asked.how.as_str()),
        ("operator", "token")
    );
    assert_eq!(asked.reason.as_deref(), Some("a drill of the network"));
    assert_eq!((asked.answers, done.answers), (None, Some(1)));
    let commands = api.desk.commands.lock().unwrap().clone();
    assert!(
        matches!(&commands[..], [CommandBody::PauseAutomation { by, .. }] if by == "operator"),
        "{commands:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let api = Served::guarded(&auth(dir.path()), starting()).await;
    *api.desk.trouble.lock().unwrap() = Some(LedgerError::NotLeader);
    let answer = ask(
        &api,
        "post",
        "/v1/members/m2/add",
        Some(3),
        "{\"by\":\"x\"}",
    )
    .await;
    assert_eq!((answer.status, code(&answer).as_str()), (503, "no_quorum"));
    assert!(answer.head.contains("retry-after"), "{}", answer.head);
    assert!(api.desk.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_same_key_is_answered_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let api = Served::guarded(&auth(dir.path()), starting()).await;
    let send = async |body: &str| {
        let head = format!(
            "host: here\r\ncontent-type: application/json\r\nidempotency-key: k1\r\n\
             authorization: Bearer {}\r\n",
            token(2)
        );
        api.say("POST", "/v1/automation/pause", &head, body).await
    };
    let (first, again) = (send(PAUSE).await, send(PAUSE).await);
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert!(
        again.head.contains("idempotency-replayed: true"),
        "{}",
        again.head
    );
    let other = send(r#"{"reason":"another","for_ms":1000}"#).await;
    assert_eq!(
        (other.status, code(&other).as_str()),
        (422, "idempotency_key_reused")
    );
    assert_eq!(api.desk.commands.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_is_opened_in_the_callers_name_or_refused_with_every_reason() {
    use AuditOutcome::{Asked, Done, Refused};
    let dir = tempfile::tempdir().expect("a temporary folder");
    let api = Served::guarded(&auth(dir.path()), starting()).await;
    let path = "/v1/applications/shop/runs";
    let bare = r#"{"kind":"failover","reason":" "}"#;
    let bare = ask(&api, "post", path, Some(2), bare).await;
    assert_eq!((bare.status, code(&bare).as_str()), (400, "no_reason"));
    let body = r#"{"kind":"failover","reason":"it burns","by":"mallory"}"#;
    let opened = ask(&api, "post", path, Some(2), body).await;
    assert_eq!(opened.status, 201, "{}", opened.body);
    let request = api.desk.requests.lock().unwrap().remove(0);
    assert_eq!(
        (request.by.as_str(), request.reason.as_str()),
        ("operator", "it burns")
    );
    *api.desk.declined.lock().unwrap() = vec![HoldReason::NoCandidate, HoldReason::SingleVantage];
    let refused = ask(&api, "post", path, Some(2), body).await;
    assert_eq!((refused.status, code(&refused).as_str()), (409, "declined"));
    let said: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(said["reasons"][1]["code"], "single_vantage");
    let outcomes: Vec<_> = api.desk.audit().iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [Asked, Done, Asked, Refused]);
}

/// The figures' drills: one that passed, one that was ended, one under way.
#[tokio::test]
async fn game_days_are_begun_listed_and_stopped() {
    let api = Served::start(super::figures::snapshot()).await;
    let list = api.get("/v1/drills?application=shop&limit=2").await;
    let list: Value = serde_json::from_str(&list.body).expect("JSON");
    let ids: Vec<&str> = list["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|drill| drill["id"].as_str())
        .collect();
    assert_eq!(ids, ["shop-drill-3", "shop-drill-2"]);
    assert_eq!(list["next"], "shop-drill-2");
    let one = api.get("/v1/drills/shop-drill-3").await;
    let one: Value = serde_json::from_str(&one.body).expect("JSON");
    assert_eq!(one["status"], "running");
    assert_eq!(one["previous"]["status"], "ended");
    assert_eq!(one["from"], crate::model::fixtures::FROM);

    let body = r#"{"mode": "rehearse", "reason": "weekly", "by": "ada"}"#;
    let path = "/v1/applications/shop/drills";
    let begun = ask(&api, "post", path, None, body).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let begun: Value = serde_json::from_str(&begun.body).expect("JSON");
    assert_eq!(begun["id"], "shop-drill-3");
    let live = r#"{"mode": "live", "reason": "weekly", "soak_ms": 60000, "by": "ada"}"#;
    let begun = ask(&api, "post", path, None, live).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let asked = api.desk.drills.lock().expect("it is not held").pop();
    let asked = asked.expect("it was asked for");
    assert_eq!(asked.mode, crate::model::DrillMode::Live);
    assert_eq!(asked.soak, Some(crate::model::Millis::from_mins(1)));
    for (body, refused) in [
        (
            r#"{"mode": "rehearse", "reason": "weekly", "soak_ms": 1, "by": "ada"}"#,
            "bad_body",
        ),
        (
            r#"{"mode": "rehearse", "reason": " ", "by": "ada"}"#,
            "no_reason",
        ),
    ] {
        let answer = ask(&api, "post", path, None, body).await;
        assert_eq!((answer.status, code(&answer).as_str()), (400, refused));
    }
    let calm = HoldReason::NotCalm {
        region: crate::model::fixtures::TO.into(),
        state: crate::model::VerdictState::Suspect,
    };
    api.desk.declined.lock().expect("it is not held").push(calm);
    let answer = ask(&api, "post", path, None, body).await;
    assert_eq!((answer.status, code(&answer).as_str()), (409, "not_calm"));

    let body = r#"{"reason": "the peak", "by": "bob"}"#;
    let path = "/v1/drills/shop-drill-3/stop";
    let stopped = ask(&api, "post", path, None, body).await;
    // The desk's own ledger has no such drill: the command came through, and its refusal back.
    assert_eq!(
        (stopped.status, code(&stopped).as_str()),
        (404, "no_such_drill")
    );
    let commands = api.desk.commands.lock().expect("it is not held").clone();
    assert!(
        matches!(&commands[..], [CommandBody::CloseDrill { report, .. }]
            if report.summary == "bob stopped it: the peak"),
        "{commands:?}"
    );
}
