//! Against small real HTTP servers, which do as they are told and remember what they were asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::cli::Exit;
use crate::cli::frame::servers::Secret;

/// What a server does with one connection.
enum Act {
    Say(u16, &'static str),
    /// Reads the request and closes.
    Drop,
}

/// One request as it came: its head in lower case, and its body.
struct Seen {
    head: String,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }
}

fn server(acts: Vec<Act>) -> (String, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (told, seen) = channel();
    std::thread::spawn(move || {
        for act in acts {
            let (stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while reader.read_line(&mut head).expect("a line") > 2 {}
            let head = head.to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().expect("a number"));
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let body = String::from_utf8(body).expect("text");
            let _ = told.send(Seen { head, body });
            if let Act::Say(status, text) = act {
                let _ = write!(
                    reader.get_mut(),
                    "HTTP/1.1 {status} X\r\ndate: Fri, 02 Jan 2026 03:04:05 GMT\r\nconnection: \
                     close\r\ncontent-length: {}\r\n\r\n{text}",
                    text.len()
                );
            }
        }
    });
    (format!("http://{address}"), seen)
}

/// Where nobody listens.
fn nowhere() -> String {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address: SocketAddr = free.local_addr().expect("bound");
    format!("http://{address}")
}

fn access(servers: &[String]) -> Access {
    Access {
        servers: servers.to_vec(),
        token: None,
        authority: None,
        certificate: None,
    }
}

fn client(servers: &[String]) -> Client {
    Client::new(&access(servers)).expect("addresses")
}

const PROBLEM: &str = r#"{"title":"Service Unavailable","status":503,"code":"no_leader",
    "detail":"nobody leads","remedy":"Wait.","reasons":[{"code":"a","text":"b","remedy":"c"}]}"#;

#[test]
fn a_change_carries_a_key_the_token_and_its_body() {
    let (url, seen) = server(vec![Act::Say(200, "7"), Act::Say(200, "8")]);
    let mut access = access(&[url]);
    access.token = Some(Secret::parse(" t0ken\n", "here").expect("a token"));
    let client = Client::new(&access).expect("an address");
    let path = ["v1", "applications", "a/../b", "ack"];
    assert_eq!(client.post::<u32>(&path, &"why").expect("an answer"), 7);
    assert_eq!(client.post::<u32>(&path, &"why").expect("an answer"), 8);
    let (first, second) = (seen.recv().expect("one"), seen.recv().expect("two"));
    assert!(
        first
            .head
            .starts_with("post /v1/applications/a%2f../b/ack ")
            || first
                .head
                .starts_with("post /v1/applications/a%2f..%2fb/ack "),
        "{}",
        first.head
    );
    assert_eq!(first.header("authorization"), Some("bearer t0ken"));
    assert_eq!(first.body, "\"why\"");
    let key = first.header(IDEMPOTENCY_KEY).expect("a key");
    assert_eq!(key.len(), 32);
    assert_ne!(second.header(IDEMPOTENCY_KEY), Some(key));
    assert_eq!(client.now(), Wall(1_767_323_045_000));
}

#[test]
fn the_next_server_is_asked_where_one_cannot_be_reached_and_stays_the_first() {
    let (url, seen) = server(vec![Act::Say(200, "1"), Act::Say(201, "2")]);
    let client = client(&[nowhere(), url.clone()]);
    let query = [("application", "shop & co".to_owned())];
    assert_eq!(client.get_with::<u32>(&["v1"], &query).expect("it"), 1);
    assert_eq!(client.server(), url);
    assert_eq!(client.post::<u32>(&["v1"], &0).expect("it"), 2);
    let first = seen.recv().expect("one");
    assert!(
        first.head.starts_with("get /v1?application=shop+%26+co "),
        "{}",
        first.head
    );
    assert_eq!(first.header(IDEMPOTENCY_KEY), None);
}

#[test]
fn a_change_whose_answer_is_lost_is_repeated_there_with_the_same_key() {
    let (url, seen) = server(vec![Act::Drop, Act::Say(200, "3")]);
    assert_eq!(client(&[url]).post::<u32>(&["v1"], &0).expect("it"), 3);
    let keys = [seen.recv().expect("one"), seen.recv().expect("two")];
    assert_eq!(
        keys[0].header(IDEMPOTENCY_KEY),
        keys[1].header(IDEMPOTENCY_KEY)
    );
}

#[test]
fn a_change_that_stays_lost_goes_to_nobody_else_and_is_said_to_be_unknown() {
    let (lossy, _seen) = server(vec![Act::Drop, Act::Drop]);
    let (other, asked) = server(vec![Act::Say(200, "4")]);
    let error = client(&[lossy, other])
        .post::<u32>(&["v1"], &0)
        .expect_err("nobody knows");
    assert!(matches!(error, ClientError::Lost { .. }), "{error:?}");
    assert_eq!(error.exit(), Exit::Unreachable);
    assert!(error.to_string().contains("not known"), "{error}");
    assert!(asked.try_recv().is_err(), "the other was not asked");
}

#[test]
fn a_read_that_is_lost_goes_to_the_next() {
    let (lossy, _seen) = server(vec![Act::Drop]);
    let (other, _asked) = server(vec![Act::Say(200, "5")]);
    assert_eq!(client(&[lossy, other]).get::<u32>(&["v1"]).expect("it"), 5);
}

#[test]
fn who_cannot_do_it_passes_it_on_and_its_reasons_are_told_if_nobody_can() {
    let (url, _seen) = server(vec![Act::Say(503, PROBLEM)]);
    let (other, _asked) = server(vec![Act::Say(200, "6")]);
    assert_eq!(
        client(&[url, other]).post::<u32>(&["v1"], &0).expect("it"),
        6
    );
    let (url, _seen) = server(vec![Act::Say(503, PROBLEM)]);
    let error = client(&[nowhere(), url])
        .get::<u32>(&["v1"])
        .expect_err("nobody leads");
    let ClientError::Problem { problem, reasons } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(problem.code, "no_leader");
    assert_eq!(reasons.len(), 1);
    assert_eq!(error.exit(), Exit::Unreachable);
}

#[test]
fn what_is_no_answer_of_a_failoverd_is_said_to_be_strange() {
    for (status, text) in [(200, "<html>"), (404, "not found"), (302, "")] {
        let (url, _seen) = server(vec![Act::Say(status, text)]);
        let error = client(&[url]).get::<u32>(&["v1"]).expect_err("strange");
        assert!(matches!(error, ClientError::Strange { .. }), "{error:?}");
    }
}

#[test]
fn nobody_there_is_said_with_the_remedy() {
    let error = client(&[nowhere()])
        .get::<u32>(&["v1"])
        .expect_err("nobody is there");
    assert_eq!(error.exit(), Exit::Unreachable);
    let text = error.render();
    assert!(
        text.contains("no daemon answers at http://127.0.0.1:"),
        "{text}"
    );
    assert!(text.contains("--server"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn an_address_that_is_none_is_a_mistake_in_usage() {
    for server in [
        "127.0.0.1:7400",
        "ftp://here",
        "http://here/v1",
        "",
        "http://",
        "http://ada:secret@here",
    ] {
        let error = Client::new(&access(&[server.to_owned()]))
            .err()
            .expect("no address");
        assert_eq!(error.exit(), Exit::Usage, "{server}: {error}");
    }
}

#[test]
fn a_token_does_not_travel_unprotected() {
    for (server, protected) in [
        ("https://there.example.net:7400", true),
        ("http://127.0.0.1:7400", true),
        ("http://[::1]:7400", true),
        ("http://localhost:7400", true),
        ("http://there.example.net:7400", false),
        ("http://10.0.0.1:7400", false),
    ] {
        let mut access = access(&[server.to_owned()]);
        access.token = Some(Secret::parse("x", "here").expect("a token"));
        assert_eq!(access.urls().is_ok(), protected, "{server}");
    }
}

#[test]
fn a_token_is_one_word() {
    for text in ["", " \n", "two words", "a\nb", "naïve"] {
        assert!(Secret::parse(text, "here").is_err(), "{text:?}");
    }
}
