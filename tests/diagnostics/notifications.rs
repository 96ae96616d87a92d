//! Mistakes in `[[notify]]` and `[heartbeat]`.

use super::config::{after, read};
use failoverd::config::{SinkAddress, SinkKind, Urgency};

/// Stands before the first table that takes it up.
const BEFORE: &str = "[[detection.reference]]\nid = \"one\"";

fn with(sections: &str) -> String {
    let text = format!("{sections}\n{BEFORE}");
    after(&[(BEFORE, &text)])
}

#[test]
fn receivers_are_taken_as_they_are_written() {
    let text = super::config::changed(&[(
        BEFORE,
        &format!(
            r#"[[notify]]
id = "pager"
kind = "pagerduty"
routing_key_file = "pagerduty.key"
least = "critical"

[[notify]]
id = "chat"
kind = "slack"
url_file = "/run/secrets/chat"
applications = ["shop"]

[heartbeat]
url = "https://alive.example.net/abc"
interval = "30s"

{BEFORE}"#
        ),
    )]);
    let loaded = read(&text, &[], &[]).unwrap();
    let [pager, chat] = loaded.config.notifications.as_slice() else {
        panic!("two receivers: {:?}", loaded.config.notifications);
    };
    assert_eq!(
        pager.address,
        SinkAddress::Url("https://events.pagerduty.com/v2/enqueue".to_owned())
    );
    assert!(
        matches!(&pager.kind, SinkKind::PagerDuty { routing_key_file }
        if routing_key_file.ends_with("etc/failoverd/pagerduty.key"))
    );
    assert_eq!(pager.least, Urgency::Critical);
    assert_eq!(chat.address, SinkAddress::File("/run/secrets/chat".into()));
    assert_eq!(chat.applications.as_ref().map(|only| only.len()), Some(1));
    assert_eq!(loaded.config.heartbeat.unwrap().interval.0, 30_000);
}

#[test]
fn every_mistake_in_a_receiver() {
    insta::assert_snapshot!(with(
        r#"[[notify]]
id = "pager"
kind = "pagerduty"

[[notify]]
id = "pager"
kind = "slack"
applications = ["shopp"]

[[notify]]
id = "hook"
kind = "webhook"
url = "https://hooks.example.net"
url_file = "hook"
secret = "hunter2"

[[notify]]
id = "mail"
kind = "email"
url = "mailto:ada@example.net"

[heartbeat]
interval = "1s"
"#
    ));
}

#[test]
fn receivers_that_do_not_fit_the_rest() {
    insta::assert_snapshot!(with(
        r#"[[notify]]
id = "chat"
kind = "slack"
url = "https://one.example.net"

[[notify]]
id = "chat"
kind = "slack"
url = "https://two.example.net"
applications = ["shopp"]
"#
    ));
}
