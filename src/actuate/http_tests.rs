use super::*;
use crate::actuate::testing::{Canned, Reply, actuator, held};
use crate::model::{AppId, Intent, RunId, StepId, Variant};
use crate::ports::{Actuator, Call};

async fn checked(reply: Reply) -> Goal {
    let canned = Canned::start(move |_| reply.clone()).await;
    let intent = Intent::HttpCheck {
        url: format!("{}/write", canned.url),
        method: "POST".to_owned(),
        expect_status: vec![StatusRange {
            low: 200,
            high: 204,
        }],
        body_contains: Some("row".to_owned()),
        expect_region: Some(RegionId::from("us-east-1")),
    };
    actuator(&canned.url)
        .await
        .observe(&AppId::from("shop"), &intent)
        .await
        .goal
}

#[tokio::test]
async fn a_check_is_met_by_status_body_and_region_together() {
    let good = r#"{"row":1,"region":"us-east-1"}"#;
    assert_eq!(checked(Reply::json(200, good)).await, Goal::Met);
    for wrong in [
        Reply::json(503, good),
        Reply::json(302, good),
        Reply::json(200, r#"{"region":"us-east-1"}"#),
        Reply::json(200, r#"{"row":1,"region":"eu-west-1"}"#),
        Reply::json(200, "row"),
    ] {
        let what = format!("{wrong:?}");
        assert_eq!(checked(wrong).await, Goal::NotMet, "{what}");
    }
    for silent in [Reply::Reset, Reply::Hang, Reply::Garbage] {
        let what = format!("{silent:?}");
        let goal = checked(silent).await;
        assert!(
            matches!(goal, Goal::Unobservable { .. }),
            "{what}: {goal:?}"
        );
    }
}

#[tokio::test]
async fn only_the_first_64_kib_of_a_body_are_looked_at() {
    let canned = Canned::start(|asked| {
        let row = if asked.head.starts_with("GET /early") {
            0
        } else {
            64 * 1024
        };
        let mut body = vec![b'x'; row];
        body.extend_from_slice(b"row");
        body.resize(1024 * 1024, b'x');
        Reply::Answer(200, "text/plain", body)
    })
    .await;
    let actuator = actuator(&canned.url).await;
    for (path, goal) in [("early", Goal::Met), ("late", Goal::NotMet)] {
        let intent = Intent::HttpCheck {
            url: format!("{}/{path}", canned.url),
            method: "GET".to_owned(),
            expect_status: Vec::new(),
            body_contains: Some("row".to_owned()),
            expect_region: None,
        };
        let observation = actuator.observe(&AppId::from("shop"), &intent).await;
        assert_eq!(observation.goal, goal, "{path}: {observation:?}");
    }
}

async fn requested(reply: Reply) -> CallOutcome {
    let canned = Canned::start(move |_| reply.clone()).await;
    let intent = Intent::HttpRequest {
        url: format!("{}/fence", canned.url),
        method: "POST".to_owned(),
        body: Some(r#"{"fence":true}"#.to_owned()),
        expect_status: vec![StatusRange {
            low: 200,
            high: 299,
        }],
    };
    let (run, step) = (RunId::from("shop-1"), StepId::from("fence-old"));
    let call = Call {
        run: &run,
        step: &step,
        attempt: 1,
        intent: &intent,
        variant: Variant::AsPlanned,
    };
    let outcome = actuator(&canned.url)
        .await
        .apply(&AppId::from("shop"), &call, &held())
        .await;
    let asked = canned.asked();
    assert_eq!(asked.len(), 1, "sent once");
    assert_eq!(asked[0].body, r#"{"fence":true}"#);
    assert!(
        asked[0]
            .head
            .contains("idempotency-key: shop-1-fence-old-1")
    );
    outcome
}

#[tokio::test]
async fn a_hooks_answer_is_its_outcome() {
    assert_eq!(requested(Reply::json(204, "")).await, CallOutcome::Accepted);
    assert!(matches!(
        requested(Reply::json(429, "")).await,
        CallOutcome::Busy { .. }
    ));
    for status in [302, 400, 404] {
        let outcome = requested(Reply::json(status, "")).await;
        assert!(
            matches!(outcome, CallOutcome::Refused { .. }),
            "{outcome:?}"
        );
    }
    for unknown in [
        Reply::json(408, ""),
        Reply::json(500, ""),
        Reply::Reset,
        Reply::Hang,
        Reply::Garbage,
    ] {
        let outcome = requested(unknown).await;
        assert!(
            matches!(outcome, CallOutcome::Unknown { .. }),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_request_is_told_as_such() {
    let actuator = actuator("http://127.0.0.1:9").await;
    let intent = Intent::HttpCheck {
        url: "${to.url}/write".to_owned(),
        method: "GET".to_owned(),
        expect_status: Vec::new(),
        body_contains: None,
        expect_region: None,
    };
    let goal = actuator.observe(&AppId::from("shop"), &intent).await.goal;
    assert!(
        matches!(&goal, Goal::Impossible { message, .. } if message.contains("correct url")),
        "{goal:?}"
    );
}

#[tokio::test]
async fn people_and_time_are_not_asked_of_aws() {
    let actuator = actuator("http://127.0.0.1:9").await;
    for intent in [
        Intent::Approval {
            message: "go?".to_owned(),
        },
        Intent::Wait {
            duration: crate::model::Millis(1),
        },
    ] {
        let goal = actuator.observe(&AppId::from("shop"), &intent).await.goal;
        assert!(matches!(goal, Goal::Impossible { .. }), "{goal:?}");
    }
}
