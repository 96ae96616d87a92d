//! `/v1/members`: the list, and who may change it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::support::{Answer, Served, starting};
use crate::api::serve::Limits;
use crate::daemon::members::{ChangeCode, ChangeRefused, MemberAct, MemberChange};
use crate::daemon::snapshot::Snapshot;
use crate::ledger::{Formation, Quorum, VoterSeen, WipedDisk};
use crate::model::{BootId, DiskId, MemberId, RegionId, State};
use crate::peer::{PeerFault, PeerIdentity, PeerStatus};

const JSON: Option<&str> = Some("application/json");
const ADA: &str = r#"{"by":"Ada"}"#;

fn parse(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.body))
}

/// A problem with these words in it.
#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(
        answer
            .head
            .contains("content-type: application/problem+json"),
        "{}",
        answer.head
    );
    let body = parse(answer);
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status);
    for words in ["title", "detail", "remedy"] {
        let said = body[words].as_str().unwrap_or_default();
        assert!(!said.is_empty(), "no {words}: {body}");
    }
}

fn peer(member: &str, disk: u128) -> PeerStatus {
    PeerStatus {
        member: member.into(),
        address: format!("{member}.example.org:7401"),
        connected: true,
        outgoing: BTreeSet::new(),
        incoming: BTreeSet::new(),
        last_heard: Some(Duration::from_millis(40)),
        identity: Some(PeerIdentity {
            member: member.into(),
            region: RegionId::from("eu-central-1"),
            boot: BootId(1),
            disk: DiskId(disk),
            schema: crate::ledger::SCHEMA + 1,
            mark: None,
            version: "0.0.9".to_owned(),
        }),
        refuses: None,
        last_error: None,
        round_trip: None,
        round_trip_worst: None,
        traffic: BTreeMap::new(),
    }
}

/// m1 answers; m2 leads; m3 was wiped; m4 is in the log and not configured.
fn troubled() -> Snapshot {
    let mut snapshot = starting();
    let seen = |member: &str| VoterSeen {
        member: member.into(),
        is_self: member == "m1",
        silent_for: None,
    };
    let disks = [("m1", 1), ("m2", 2), ("m3", 3)]
        .map(|(member, disk)| (MemberId::from(member), DiskId(disk)));
    snapshot.state = State {
        disks: disks.into(),
        ..State::default()
    }
    .into();
    let mut wiped = peer("m3", 3);
    wiped.connected = false;
    wiped.last_error = Some(PeerFault {
        code: "disk".to_owned(),
        message: "refused here: another data folder".to_owned(),
        ago: Duration::from_secs(1),
    });
    snapshot.cluster.formation = Formation::Formed;
    snapshot.cluster.peers = vec![peer("m2", 2), wiped];
    snapshot.cluster.slow = [("m2".into(), Duration::from_millis(700))].into();
    snapshot.cluster.heartbeat = Duration::from_millis(500);
    snapshot.cluster.quorum = Quorum {
        voters: ["m1", "m2", "m3", "m4"].map(seen).into(),
        leader: Some("m2".into()),
        term: 7,
        reachable: true,
        not_configured: ["m4".into()].into(),
        wiped: vec![WipedDisk {
            member: "m3".into(),
            known: DiskId(3),
            got: DiskId(9),
            remedy: "failoverctl member readmit m3".to_owned(),
        }],
        ..Quorum::default()
    };
    snapshot
}

#[tokio::test]
async fn the_list_says_who_is_who_and_what_to_see_to() {
    let api = Served::start(troubled()).await;
    let answer = api.get("/v1/members").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/json"));
    assert!(answer.head.contains("cache-control: no-store"));
    let mut list: crate::api::wire::MemberList =
        serde_json::from_str(&answer.body).expect("a list");
    // Another one with each release.
    let own = &mut list.members[0];
    assert_eq!(
        own.version.take().as_deref(),
        Some(env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(own.schema.take(), Some(crate::ledger::SCHEMA));
    insta::assert_debug_snapshot!(list);
}

#[tokio::test]
async fn a_change_is_handed_on_with_who_asks() {
    let api = Served::start(starting()).await;
    for (path, act) in [
        ("add", MemberAct::Add),
        ("remove", MemberAct::Remove),
        ("readmit", MemberAct::Readmit),
        ("stand-down", MemberAct::StandDown),
    ] {
        let path = format!("/v1/members/m%202/{path}");
        let answer = api.send("POST", &path, "127.0.0.1:1", JSON, ADA).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(parse(&answer)["voters"][0], "m 2");
        let asked = api.desk.asked.lock().unwrap().pop();
        let expected = MemberChange {
            act,
            member: "m 2".into(),
            by: "Ada".to_owned(),
        };
        assert_eq!(asked, Some(expected));
    }
}

#[tokio::test]
async fn what_may_come_from_elsewhere_changes_nothing() {
    let api = Served::start(starting()).await;
    let path = "/v1/members/m2/remove";
    // A web page may send a form to loopback, and may have its own name lead there.
    let form = Some("application/x-www-form-urlencoded");
    let answer = api.send("POST", path, "127.0.0.1", form, ADA).await;
    problem(&answer, 415, "not_json");
    let answer = api.send("POST", path, "127.0.0.1", None, ADA).await;
    problem(&answer, 415, "not_json");
    let answer = api.send("POST", path, "rebound.example", JSON, ADA).await;
    problem(&answer, 403, "foreign_host");

    let open = Served::on(
        "0.0.0.0:0",
        Limits::default(),
        starting(),
        Duration::from_millis(1),
    )
    .await;
    let answer = open.send("POST", path, "127.0.0.1", JSON, ADA).await;
    problem(&answer, 403, "not_on_loopback");
    problem(&open.get("/v1/members").await, 403, "not_on_loopback");
    for api in [&api, &open] {
        assert!(api.desk.asked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_a_problem_and_changes_nothing() {
    let api = Served::start(starting()).await;
    let post = async |path: &str, body: &str| api.send("POST", path, "localhost", JSON, body).await;
    let path = "/v1/members/m2/add";
    problem(&post(path, "").await, 400, "bad_body");
    problem(
        &post(path, r#"{"by":"Ada","force":true}"#).await,
        400,
        "bad_body",
    );
    problem(&post(path, r#"{"by":" "}"#).await, 400, "bad_name");
    problem(&post(path, r#"{"by":"Ada\nadmin"}"#).await, 400, "bad_name");
    let long = format!(r#"{{"by":"{}"}}"#, "a".repeat(20_000));
    problem(&post(path, &long).await, 413, "unreadable_body");
    problem(
        &post("/v1/members/m2/promote", ADA).await,
        404,
        "no_such_page",
    );
    problem(&post("/v1/members/%0A/add", ADA).await, 400, "bad_name");
    problem(&post("/v1/members", ADA).await, 405, "wrong_method");
    problem(&api.get("/v1/nothing").await, 404, "no_such_page");
    problem(&api.get(path).await, 405, "wrong_method");
    assert!(api.desk.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_keeps_its_code_its_reason_and_its_remedy() {
    let api = Served::start(starting()).await;
    for (code, status) in [
        (ChangeCode::NoLeader, 503),
        (ChangeCode::Busy, 409),
        (ChangeCode::NotHeard, 409),
        (ChangeCode::NoSuchMember, 404),
        (ChangeCode::OtherDisk, 409),
        (ChangeCode::IsLeader, 409),
        (ChangeCode::IsNotLeader, 409),
        (ChangeCode::WouldLoseQuorum, 409),
        (ChangeCode::Unfinished, 409),
        (ChangeCode::Unknown, 504),
        (ChangeCode::Rejected, 409),
    ] {
        *api.desk.refusal.lock().unwrap() = Some(ChangeRefused {
            code,
            reason: "because".to_owned(),
            remedy: "do something".to_owned(),
        });
        let answer = api
            .send("POST", "/v1/members/m2/add", "[::1]:7400", JSON, ADA)
            .await;
        problem(&answer, status, code.as_str());
        let body = parse(&answer);
        assert_eq!(
            (&body["detail"], &body["remedy"]),
            (&"because".into(), &"do something".into())
        );
    }
}
