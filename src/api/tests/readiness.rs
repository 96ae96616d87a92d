//! Readiness over HTTP: what was found, how old it is, and why nobody looked.

use std::sync::Arc;

use serde_json::{Value, json};

use super::support::{Served, checked, starting};
use crate::daemon::NotChecked;
use crate::model::Millis;

const PATH: &str = "/v1/applications/shop/check";

async fn say(api: &Served, method: &str, body: &str) -> (u16, Value) {
    let head = "host: 127.0.0.1\r\ncontent-type: application/json\r\n";
    let answer = api.say(method, PATH, head, body).await;
    let said = serde_json::from_str(&answer.body).expect("JSON");
    (answer.status, said)
}

#[tokio::test]
async fn what_was_found_is_told_with_its_age_and_before_that_that_nobody_looked() {
    let mut snapshot = starting();
    let api = Served::start(snapshot.clone()).await;
    let (status, never) = say(&api, "GET", "").await;
    assert_eq!((status, &never["checked_by"]), (200, &Value::Null));
    assert_eq!(never["findings"], json!([]));
    let looked_at = snapshot.at.mono;
    snapshot.at.mono = looked_at + Millis::from_secs(72);
    let held = Arc::new(checked("shop", looked_at));
    snapshot.checks.insert("shop".into(), held);
    api.snapshot.send_replace(Arc::new(snapshot));
    let (_, found) = say(&api, "GET", "").await;
    let text = serde_json::to_string_pretty(&found).unwrap();
    insta::assert_snapshot!("readiness", text);
    let (_, app) = {
        let answer = api.get("/v1/applications/shop").await;
        (
            answer.status,
            serde_json::from_str::<Value>(&answer.body).expect("JSON"),
        )
    };
    assert_eq!(app["readiness"], found["summary"]);
    let status: Value = serde_json::from_str(&api.get("/v1/status").await.body).expect("JSON");
    let warnings = status["warnings"].as_array().expect("a list");
    let told = warnings.iter().any(|row| row["code"] == "not_ready");
    assert!(told, "{status}");
}

#[tokio::test]
async fn it_is_looked_at_now_or_said_why_not() {
    let api = Served::start(starting()).await;
    let (status, found) = say(&api, "POST", r#"{"by":"ada"}"#).await;
    assert_eq!((status, &found["summary"]["age_ms"]), (200, &json!(0)));
    assert_eq!(found["findings"][0]["code"], "database_instances");
    let (status, _) = say(&api, "POST", r#"{"why":"ada"}"#).await;
    assert_eq!(status, 400);
    for (why, status, code) in [
        (
            NotChecked::RunUnderWay("shop-1".into()),
            409,
            "run_under_way",
        ),
        (NotChecked::Busy, 429, "busy"),
        (NotChecked::TooSlow(Millis::from_mins(3)), 504, "too_slow"),
        (NotChecked::Ending, 503, "ending"),
    ] {
        *api.desk.not_checked.lock().unwrap() = Some(why);
        let (said, problem) = say(&api, "POST", "{}").await;
        assert_eq!((said, &problem["code"]), (status, &json!(code)));
    }
}
