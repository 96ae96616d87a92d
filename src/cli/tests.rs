//! Whole verbs against a small real HTTP server: what they ask, in which order, and the number they end
//! with.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Exit, perform, sample};
use crate::api::wire::{AutomationReport, Confirmation, RunStarted};

type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers by what is asked, until the test ends.
fn server(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let asked = Asked::default();
    let told = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("a connection"));
            let mut head = String::new();
            while reader.read_line(&mut head).expect("a line") > 2 {}
            let length = head.to_lowercase();
            let length = length
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().expect("a number"));
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let line = head
                .split(" HTTP/")
                .next()
                .expect("a request line")
                .to_owned();
            let (status, text) = answer(&line);
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            told.lock().expect("nobody panics").push((line, body));
            let text = text.to_string();
            let _ = write!(
                reader.get_mut(),
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            );
        }
    });
    (format!("http://{address}"), asked)
}

fn ended(server: &str, typed: &[&str]) -> Exit {
    let argv = ["failoverctl", "--server", server, "--by", "ada"];
    perform(argv.iter().chain(typed).map(Into::into))
}

fn lines(asked: &Asked) -> Vec<String> {
    let asked = asked.lock().expect("nobody panics");
    asked.iter().map(|(line, _)| line.clone()).collect()
}

fn body(asked: &Asked, wanted: &str) -> Value {
    let asked = asked.lock().expect("nobody panics");
    let found = asked.iter().find(|(line, _)| line == wanted);
    found
        .unwrap_or_else(|| panic!("{wanted}: {asked:?}"))
        .1
        .clone()
}

const PLAN: &str = "POST /v1/applications/shop/plan";
const RUNS: &str = "POST /v1/applications/shop/runs";
const RUN: &str = "GET /v1/runs/shop-4";

/// Would open a run, and has one that soaks.
fn willing(line: &str) -> (u16, Value) {
    match line {
        PLAN => (200, json!(sample::plan_report(Vec::new()))),
        RUNS => (
            201,
            json!(RunStarted {
                run: "shop-4".to_owned(),
                plan_hash: sample::plan().hash,
            }),
        ),
        RUN => (200, json!(sample::run_soaking())),
        other => panic!("{other}"),
    }
}

#[test]
fn a_run_is_started_with_the_hash_of_the_plan_that_was_shown() {
    let (url, asked) = server(willing);
    let typed = ["failover", "shop", "--reason", "it burns", "--yes"];
    assert_eq!(ended(&url, &typed), Exit::Good);
    assert_eq!(lines(&asked), [PLAN, RUNS, RUN]);
    assert_eq!(
        body(&asked, RUNS),
        json!({
            "kind": "failover",
            "to": "eu-west-1",
            "reason": "it burns",
            "plan_hash": sample::plan().hash,
            "allow_data_loss": false,
            "by": "ada",
        })
    );
    let (url, asked) = server(willing);
    let typed = ["failover", "shop", "--reason", "x", "--yes", "--no-follow"];
    assert_eq!(ended(&url, &typed), Exit::Good);
    assert_eq!(lines(&asked), [PLAN, RUNS]);
}

#[test]
fn nothing_is_started_without_a_word() {
    // Where tests run at a terminal somebody would be asked.
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return;
    }
    let (url, asked) = server(willing);
    assert_eq!(
        ended(&url, &["failover", "shop", "--reason", "x"]),
        Exit::Usage
    );
    assert_eq!(lines(&asked), [PLAN]);
}

#[test]
fn a_plan_that_has_changed_or_is_refused_starts_nothing() {
    let (url, asked) = server(willing);
    let typed = [
        "switchover",
        "shop",
        "--reason",
        "x",
        "--yes",
        "--plan-hash",
        "0",
    ];
    assert_eq!(ended(&url, &typed), Exit::Refused);
    assert_eq!(lines(&asked), [PLAN]);

    let refusing = |_: &str| {
        let reason = sample::reason("run_open", "shop-3 is open", "Wait.");
        (200, json!(sample::plan_report(vec![reason])))
    };
    let (url, asked) = server(refusing);
    let typed = ["failback", "shop", "--reason", "x", "--yes"];
    assert_eq!(ended(&url, &typed), Exit::Refused);
    assert_eq!(ended(&url, &["plan", "shop"]), Exit::Refused);
    assert_eq!(lines(&asked), [PLAN, PLAN]);
}

#[test]
fn every_refusal_has_its_number() {
    for (status, exit) in [
        (400, Exit::Usage),
        (401, Exit::NotAuthorised),
        (403, Exit::NotAuthorised),
        (404, Exit::Usage),
        (409, Exit::Refused),
        (422, Exit::Usage),
        (429, Exit::Unreachable),
        (503, Exit::Unreachable),
        (504, Exit::Unreachable),
    ] {
        let (url, asked) = server(move |_| {
            let problem = json!({
                "title": "X", "status": status, "code": "x", "detail": "x", "remedy": "x",
            });
            (status, problem)
        });
        for typed in [
            &["status"][..],
            &["status", "shop"],
            &["list"],
            &["why", "shop"],
            &["votes", "shop"],
            &["plan", "shop"],
            &["failover", "shop", "--reason", "x", "--yes"],
            &["evacuate", "eu-west-1", "--reason", "x", "--yes"],
            &["evacuate", "list"],
            &["evacuate", "show", "eu-west-1-1"],
            &["evacuate", "stop", "eu-west-1-1", "--reason", "x"],
            &["runs"],
            &["show", "shop-4"],
            &["approve", "shop-4", "--yes"],
            &["abort", "shop-4", "--reason", "x", "--yes"],
            &["pause", "shop-4", "--reason", "x"],
            &["resume", "shop-4"],
            &["retry", "shop-4", "a"],
            &["skip", "shop-4", "a", "--yes"],
            &["pause-automation", "--reason", "x", "--for", "2h"],
            &["resume-automation"],
            &["ack", "shop"],
            &["rejoin", "shop", "eu-west-1"],
            &["member", "list"],
            &["whoami"],
        ] {
            assert_eq!(ended(&url, typed), exit, "{status} {typed:?}");
        }
        assert_eq!(lines(&asked).len(), 25, "each asks once");
    }
}

#[test]
fn a_pause_waits_for_every_member() {
    let done = json!({ "changed": true, "text": "Automation of shop is paused." });
    let (url, asked) = server(move |line| match line {
        "POST /v1/automation/pause" => (200, done.clone()),
        "GET /v1/automation" => (
            200,
            json!(AutomationReport {
                pauses: vec![sample::pause(Some("shop"))],
                applied: 7,
                members: vec![Confirmation {
                    member: "dublin".to_owned(),
                    applied: Some(7),
                    confirmed: true,
                }],
            }),
        ),
        other => panic!("{other}"),
    });
    let typed = [
        "pause-automation",
        "shop",
        "--reason",
        "x",
        "--for",
        "2h",
        "--wait",
    ];
    assert_eq!(ended(&url, &typed), Exit::Good);
    let body = body(&asked, "POST /v1/automation/pause");
    assert_eq!(body["for_ms"], 7_200_000);
    assert_eq!(lines(&asked).len(), 2);
}

#[test]
fn an_approval_finds_the_step_that_waits() {
    let (url, asked) = server(|line| match line {
        RUN => (200, json!(sample::run_needs_operator())),
        _ => (200, json!({ "changed": true, "text": "Approved." })),
    });
    assert_eq!(
        ended(&url, &["approve", "shop-4", "--yes", "--decline"]),
        Exit::Good
    );
    let body = body(&asked, "POST /v1/runs/shop-4/approve");
    assert_eq!(body["step"], "promote-another-way");
    assert_eq!(body["granted"], false);
}

#[test]
fn what_is_asked_for_must_be_whole() {
    for typed in [
        &["failover", "shop"][..],
        &["failover", "--reason", "x"],
        &["evacuate"],
        &["evacuate", "eu-west-1"],
        &["evacuate", "eu-west-1", "--reason", "x", "--parallel", "0"],
        &["evacuate", "stop", "eu-west-1-1"],
        &["abort", "shop-4"],
        &["pause-automation", "--reason", "x"],
        &["pause-automation", "--for", "2h"],
        &[
            "pause-automation",
            "--reason",
            "x",
            "--for",
            "2h",
            "--until",
            "2026-01-02T03:04:05Z",
        ],
        &["rejoin", "shop"],
        &["runs", "--status", "done"],
        &["runs", "--limit", "0"],
        &["status", "--watch=fast"],
        &["status", "--output", "xml"],
        &["failover", "shop", "--reason", "x", "--token", "secret"],
    ] {
        let argv = ["failoverctl"];
        let exit = perform(argv.iter().chain(typed).map(Into::into));
        assert_eq!(exit, Exit::Usage, "{typed:?}");
    }
}

#[test]
fn a_supervisor_learns_in_a_number_whether_the_daemon_lives() {
    let (url, asked) = server(|line| match line {
        "GET /livez" => (200, json!("alive")),
        "GET /readyz" => (503, json!("no quorum is seen")),
        other => panic!("{other}"),
    });
    assert_eq!(ended(&url, &["alive"]), Exit::Good);
    assert_eq!(ended(&url, &["alive", "--ready"]), Exit::No);
    assert_eq!(lines(&asked), ["GET /livez", "GET /readyz"]);

    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", free.local_addr().expect("bound"));
    drop(free);
    assert_eq!(ended(&nobody, &["alive"]), Exit::Unreachable);
}
