//! What is written, to whom.

use crate::config::Urgency;
use crate::model::{Member, Wall};
use crate::notify::letter::{self, Sender};
use crate::notify::{Message, Standing};

pub fn message(standing: Standing) -> Message {
    Message {
        kind: "held",
        key: "shop/held".to_owned(),
        standing,
        urgency: Urgency::Critical,
        at: Wall(1_790_000_000_123),
        application: Some("shop".into()),
        region: Some("eu-west-1".into()),
        run: None,
        title: "shop: eu-west-1 is lost and nothing is done".to_owned(),
        text: "automation is paused by Ada: <!channel> & more.".to_owned(),
        remedy: Some("`failoverctl resume-automation`, or start the run by hand".to_owned()),
        drill: false,
    }
}

pub fn sender() -> Sender {
    Sender {
        member: Member {
            id: "frankfurt".into(),
            region: "eu-central-1".into(),
        },
        cluster: "failoverd".to_owned(),
    }
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn each_kind_of_receiver_reads_its_own_language() {
    let begun = message(Standing::Begun);
    insta::assert_snapshot!("webhook", pretty(&letter::webhook(&sender(), &begun)));
    insta::assert_snapshot!("slack", pretty(&letter::slack(&sender(), &begun)));
    let trigger = letter::pagerduty(&sender(), &begun, "R0UT1NG").expect("it wakes somebody");
    insta::assert_snapshot!("pagerduty_trigger", pretty(&trigger));
    let over = letter::pagerduty(&sender(), &message(Standing::Over), "R0UT1NG");
    insta::assert_snapshot!("pagerduty_resolve", pretty(&over.expect("it is over")));
}

#[test]
fn a_game_day_wakes_nobody_and_is_told_as_one() {
    let drill = Message {
        drill: true,
        ..message(Standing::Begun)
    };
    assert_eq!(letter::pagerduty(&sender(), &drill, "k"), None);
    let slack = letter::slack(&sender(), &drill).to_string();
    assert!(slack.contains("[DRILL] shop: eu-west-1"), "{slack}");
    let told = message(Standing::Told);
    assert_eq!(letter::pagerduty(&sender(), &told, "k"), None);
}

#[test]
fn what_a_person_typed_mentions_nobody() {
    let slack = letter::slack(&sender(), &message(Standing::Begun)).to_string();
    assert!(!slack.contains("<!channel>"), "{slack}");
    assert!(slack.contains("&lt;!channel&gt; &amp; more"), "{slack}");
}

#[test]
fn a_summary_is_as_long_as_pagerduty_takes() {
    let long = Message {
        title: "ä".repeat(3_000),
        ..message(Standing::Begun)
    };
    let trigger = letter::pagerduty(&sender(), &long, "k").unwrap();
    let summary = trigger["payload"]["summary"].as_str().unwrap();
    assert_eq!(summary.chars().count(), 1_024);
    assert!(summary.ends_with('…'));
}

#[test]
fn the_signature_is_an_hmac_of_the_moment_and_the_body() {
    // Made with: printf '1790000000.{"a":1}' | openssl dgst -sha256 -hmac s3cret
    assert_eq!(
        letter::signature(b"s3cret", 1_790_000_000, b"{\"a\":1}").unwrap(),
        "v1=b3e592eceaf8e8b6c5101a58c2678f5ff4e74c21bed3a56a3130ecc5c7f6ed82"
    );
}
