//! Mistakes in `[readiness]`.

use super::config::{after, changed, read};
use failoverd::model::Millis;

/// Stands before the first table that takes it up.
const BEFORE: &str = "[[detection.reference]]\nid = \"one\"";

#[test]
fn readiness_is_taken_as_it_is_written() {
    let given = "[readiness]\ninterval = \"2m\"\ndrill_max_age = \"14d\"\n";
    let text = changed(&[(BEFORE, &format!("{given}\n{BEFORE}"))]);
    let policy = read(&text, &[], &[]).unwrap().config.readiness;
    assert_eq!(policy.interval, Millis::from_mins(2));
    assert_eq!(policy.drill_max_age, Millis::from_mins(14 * 24 * 60));
    let policy = read(&changed(&[]), &[], &[]).unwrap().config.readiness;
    assert_eq!(policy, failoverd::config::ReadinessPolicy::default());
}

#[test]
fn every_mistake_in_readiness() {
    let given = "[readiness]\ninterval = \"2h\"\ndrill_max_ages = \"30d\"\n";
    insta::assert_snapshot!(after(&[(BEFORE, &format!("{given}\n{BEFORE}"))]));
}
