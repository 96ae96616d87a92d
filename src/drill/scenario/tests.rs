use std::collections::BTreeSet;

use super::*;
use crate::config::BUILT_IN_RUNBOOKS;
use crate::runbook::spanned::Style;

fn rendered(error: &ScenarioError) -> String {
    error.diagnostics().render(Style::Plain)
}

#[test]
fn every_shipped_scenario_reads_and_is_what_its_file_is_called() {
    for (file, text) in SHIPPED {
        let scenario = Scenario::parse(file, text).unwrap_or_else(|e| panic!("{}", rendered(&e)));
        assert_eq!(scenario.name, *file);
        // The longest name and this fill a line of `drill list` at 80 columns.
        assert!(
            scenario.title.chars().count() <= 51,
            "{file}: {}",
            scenario.title
        );
        assert!(!scenario.description.is_empty(), "{file}");
        if let RunbookChoice::Shipped(name) = &scenario.runbook {
            let mut built_in = BUILT_IN_RUNBOOKS.iter();
            assert!(
                built_in.any(|(known, _)| known == name) || shipped_runbook(name).is_some(),
                "{file} names the runbook {name}"
            );
        }
    }
}

/// What ships for users is played by somebody.
#[test]
fn every_built_in_runbook_has_a_drill() {
    let played: BTreeSet<String> = Scenario::shipped()
        .unwrap()
        .into_iter()
        .filter_map(|scenario| match scenario.runbook {
            RunbookChoice::Shipped(name) => Some(name),
            RunbookChoice::File(_) => None,
        })
        .collect();
    for &(name, _) in BUILT_IN_RUNBOOKS {
        assert!(played.contains(name), "no scenario plays {name}");
    }
}

#[test]
fn the_default_scenario_comes_first() {
    assert_eq!(SHIPPED[0].0, Scenario::DEFAULT);
}

#[test]
fn every_scenario_of_the_first_wave_is_there() {
    let names: BTreeSet<_> = SHIPPED.iter().map(|(name, _)| *name).collect();
    for name in [
        "region-outage",
        "planned-switchover",
        "failback",
        "both-regions-down",
        "flapping",
        "observer-isolated",
        "aws-throttled",
        "reply-lost",
        "route53-control-plane-down",
        "promotion-stuck",
        "no-capacity",
        "lag-too-high",
        "lag-unknown",
        "control-plane-of-from-gone",
        "stale-plan",
    ] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn every_scenario_of_the_cluster_is_there() {
    let names: BTreeSet<_> = SHIPPED.iter().map(|(name, _)| *name).collect();
    for name in [
        "leader-lost",
        "leader-grey",
        "leader-killed-mid-run",
        "leader-paused",
        "member-partitioned",
        "five-members-two-lost",
        "asymmetric-partition",
        "quorum-lost",
        "late-open-run",
        "abort-races-call",
        "config-drift",
        "region-returns-mid-run",
        "second-region-fails-mid-run",
        "clock-step",
        "operator-races-automation",
    ] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn three_members_are_led_from_the_witness_unless_said() {
    let outage = Scenario::find("region-outage").expect("shipped");
    assert_eq!(outage.members.count, 3);
    assert_eq!(outage.members.leader, Place::Witness);
    let lost = Scenario::find("five-members-two-lost").expect("shipped");
    assert_eq!(lost.members.count, 5);
}

#[test]
fn a_fault_of_a_member_says_whose() {
    let paused = Scenario::find("leader-paused").expect("shipped");
    let frozen = paused.events.iter().find_map(|event| match &event.deed {
        Deed::Inject(fault) => fault.member().map(|who| (fault.to_string(), who.clone())),
        Deed::Clear(_) | Deed::Operator(_) => None,
    });
    let words = "the leader will stand still between proof and aurora.promote";
    assert_eq!(frozen, Some((words.to_owned(), Who::Leader)));
}

#[test]
fn an_even_number_of_members_is_a_mistake() {
    let error = Scenario::parse(
        "mine.toml",
        r#"
name = "mine"
title = "one"
description = "two"
start = "outage"
deadline = "20m"

[members]
count = 4

[[event]]
at = "1m"
fault = "member_killed"
with = { member = "leader", softly = true }

[[event]]
when = "run_exploded"
fault = "members_partitioned"

[expect]
outcome = "aborted"
aborted = "bored"
"#,
    )
    .expect_err("three mistakes and one more");
    insta::assert_snapshot!(rendered(&error));
}

#[test]
fn every_expected_reason_is_one_that_exists() {
    // The codes live in one match; a scenario that misspells one would wait for it for ever.
    let known = [
        crate::model::HoldReason::EverythingDown { down: vec![] }.code(),
        crate::model::HoldReason::HoldDown {
            confirmed_for: Millis::ZERO,
            required: Millis::ZERO,
        }
        .code(),
        crate::model::HoldReason::LagTooHigh {
            lag: Millis::ZERO,
            rpo_max: Millis::ZERO,
        }
        .code(),
        crate::model::HoldReason::LagUnknown { why: String::new() }.code(),
        crate::model::HoldReason::AutomationPaused {
            reason: String::new(),
            by: String::new(),
        }
        .code(),
        crate::model::HoldReason::CannotCarry { short: Vec::new() }.code(),
        crate::model::HoldReason::Overtaken {
            epoch: crate::model::Epoch(2),
            ours: crate::model::Epoch(0),
        }
        .code(),
        crate::model::HoldReason::TargetFinding {
            region: "eu-central-1".into(),
            finding: Box::new(crate::model::ReadinessFinding {
                code: crate::model::ReadinessCode::DatabaseInstances,
                level: crate::model::ReadinessLevel::Blocking,
                region: None,
                subject: String::new(),
                text: String::new(),
                remedy: None,
            }),
        }
        .code(),
    ];
    for scenario in Scenario::shipped().expect("they parse") {
        if let Some(reason) = &scenario.expect.reason {
            assert!(
                known.contains(&reason.as_str()),
                "{}: {reason}",
                scenario.name
            );
        }
    }
}

#[test]
fn clocks_count_from_the_marked_event() {
    let flapping = Scenario::find("flapping").expect("shipped");
    assert_eq!(flapping.zero(), 4);
    let outage = Scenario::find("region-outage").expect("shipped");
    assert_eq!(outage.zero(), 0);
}

#[test]
fn a_name_that_is_not_shipped_says_which_are() {
    let error = Scenario::find("region-outrage").expect_err("no such scenario");
    insta::assert_snapshot!(rendered(&error));
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let error = Scenario::find("./no/such/scenario.toml").expect_err("no such file");
    assert!(matches!(error, ScenarioError::Unreadable { .. }));
}

#[test]
fn every_mistake_is_shown_at_once_under_its_line() {
    let error = Scenario::parse(
        "mine.toml",
        r#"
name = "My Scenario"
title = "one"
description = "two"
start = "outrage"
deadline = "20 minutes"

[[event]]
at = "20s"
when = "run_opened"
fault = "region_down"
with = { region = "home" }

[[event]]
when = "step:flip-dns:exploded"
fault = "region_gone"

[[event]]
at = "1m"
fault = "throttle"
with = { percent = 101 }

[[event]]
at = "1m"
fault = "no_capacity"
with = { region = "standby" }

[[event]]
at = "1m"
operator = "shrug"

[[event]]
fault = "promotion_stuck"
clear = "promotion_stuck"

[expect]
outcome = "held"
runs = 1
steps = { flip-dns = "exploded" }
"#,
    )
    .expect_err("full of mistakes");
    insta::assert_snapshot!(rendered(&error));
}

#[test]
fn an_unknown_key_is_a_mistake() {
    let error = Scenario::parse(
        "mine.toml",
        "name = \"x\"\ntitle = \"x\"\ndescription = \"x\"\nstart = \"outage\"\ndeadline = \"1m\"\nsped = 3\n",
    )
    .expect_err("unknown key");
    insta::assert_snapshot!(rendered(&error));
}

#[test]
fn text_that_is_not_toml_is_a_mistake_with_a_place() {
    let error = Scenario::parse("mine.toml", "name = \"x\ntitle =").expect_err("not TOML");
    insta::assert_snapshot!(rendered(&error));
}
