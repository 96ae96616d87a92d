//! Mistakes in runbooks.

use failoverd::runbook::parse_runbook;

/// A small runbook without mistakes.
const GOOD: &str = r#"schema = 1
name = "small"
description = "Promote, then move traffic."
for = ["failover", "switchover"]
objective = { rto = "5m", rpo = "10s" }

[[step]]
id = "promote"
uses = "aurora.promote"
with = { region = "to" }

[[step]]
id = "dial"
uses = "global_accelerator.dial"
needs = ["promote"]
with = { region = "to", percent = 100 }

[[step]]
id = "verify"
uses = "http.check"
needs = ["dial"]
with = { url = "https://${to.host}/write" }
"#;

/// What is said about `GOOD` after `old` in it has become `new`.
fn after(changes: &[(&str, &str)]) -> String {
    let mut text = GOOD.to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    match parse_runbook("runbooks/small.toml", &text) {
        Ok(_) => panic!("no mistake was found"),
        Err(findings) => findings.to_string(),
    }
}

#[test]
fn without_mistakes_it_is_read() {
    let runbook = parse_runbook("runbooks/small.toml", GOOD).unwrap();
    insta::assert_debug_snapshot!(runbook);
}

#[test]
fn a_dial_of_101() {
    insta::assert_snapshot!(after(&[("percent = 100", "percent = 101")]));
}

#[test]
fn a_weight_of_256() {
    insta::assert_snapshot!(after(&[(
        r#"uses = "global_accelerator.dial"
needs = ["promote"]
with = { region = "to", percent = 100 }"#,
        r#"uses = "global_accelerator.weight"
needs = ["promote"]
with = { region = "to", weight = 256 }"#
    )]));
}

#[test]
fn a_record_weight_of_101_percent() {
    insta::assert_snapshot!(after(&[(
        r#"uses = "global_accelerator.dial"
needs = ["promote"]
with = { region = "to", percent = 100 }"#,
        r#"uses = "route53.weights"
needs = ["promote"]
with = { region = "to", percent = 101 }"#
    )]));
}

#[test]
fn ramps_that_are_none() {
    for (name, with) in [
        ("down", "ramp = [10, 50, 25, 100], bake = \"2m\""),
        ("not_to_100", "ramp = [10, 25, 50], bake = \"2m\""),
        ("out_of_range", "ramp = [0, 50, 101], bake = \"2m\""),
        (
            "and_percent",
            "ramp = [50, 100], bake = \"2m\", percent = 100",
        ),
        ("without_bake", "ramp = [50, 100]"),
        ("bake_alone", "percent = 100, bake = \"2m\""),
        ("empty", "ramp = [], bake = \"2m\""),
        ("of_one", "ramp = [100], bake = \"2m\""),
    ] {
        insta::assert_snapshot!(format!("ramp_{name}"), after(&[("percent = 100", with)]));
    }
    let from = "with = { region = \"from\", ramp = [50, 100], bake = \"2m\" }";
    let told = after(&[("with = { region = \"to\", percent = 100 }", from)]);
    insta::assert_snapshot!("ramp_of_what_is_left", told);
    let other_way = "ramp = [50, 100], bake = \"2m\" }\nelse = \"verify\"";
    let told = after(&[("percent = 100 }", other_way)]);
    insta::assert_snapshot!("ramp_with_another_way", told);
}

#[test]
fn several_mistakes_at_once() {
    insta::assert_snapshot!(after(&[
        ("schema = 1", "schema = 2"),
        ("rto = \"5m\"", "rto = 5"),
        ("id = \"promote\"", "id = \"promote\"\ntimout = \"5m\""),
        ("percent = 100", "percent = \"all\""),
        ("needs = [\"dial\"]", "needs = [\"dail\"]"),
    ]));
}

#[test]
fn an_unknown_action() {
    insta::assert_snapshot!(after(&[(
        "global_accelerator.dial",
        "globalaccelerator.dial"
    )]));
}

#[test]
fn a_circle() {
    insta::assert_snapshot!(after(&[(
        "with = { region = \"to\" }",
        "needs = [\"verify\"]\nwith = { region = \"to\" }"
    )]));
}

#[test]
fn a_step_that_waits_for_itself() {
    insta::assert_snapshot!(after(&[("needs = [\"dial\"]", "needs = [\"verify\"]")]));
}

#[test]
fn a_need_that_names_nothing() {
    insta::assert_snapshot!(after(&[("needs = [\"dial\"]", "needs = [\"flip-dns\"]")]));
}

#[test]
fn two_steps_of_one_name() {
    insta::assert_snapshot!(after(&[("id = \"verify\"", "id = \"dial\"")]));
}

#[test]
fn a_missing_argument() {
    insta::assert_snapshot!(after(&[(", percent = 100", "")]));
}

#[test]
fn a_syntax_error() {
    insta::assert_snapshot!(after(&[
        ("name = \"small\"", "name = small"),
        ("percent = 100", "percent = 101"),
    ]));
}

#[test]
fn a_key_twice() {
    insta::assert_snapshot!(after(&[("id = \"dial\"", "id = \"dial\"\nid = \"dial2\"")]));
}

#[test]
fn a_template_that_is_never_closed() {
    insta::assert_snapshot!(after(&[("${to.host}", "${to.host")]));
}

#[test]
fn a_template_of_nobody() {
    insta::assert_snapshot!(after(&[("${to.host}", "${standby.host}")]));
}

#[test]
fn a_url_without_a_scheme() {
    insta::assert_snapshot!(after(&[("https://${to.host}/write", "example.com/write")]));
}

#[test]
fn traffic_before_data() {
    insta::assert_snapshot!(after(&[("needs = [\"promote\"]\n", "")]));
}

#[test]
fn traffic_before_data_with_a_reason_is_taken() {
    let text = GOOD.replace("needs = [\"promote\"]\n", "").replace(
        "schema = 1",
        "schema = 1\ntraffic_before_data = \"reads first\"",
    );
    let runbook = parse_runbook("runbooks/small.toml", &text).unwrap();
    assert_eq!(runbook.traffic_before_data.as_deref(), Some("reads first"));
}

#[test]
fn data_loss_without_asking() {
    insta::assert_snapshot!(after(&[(
        "with = { region = \"to\" }",
        "with = { region = \"to\", graceful = \"switchover_then_failover\" }"
    )]));
}

#[test]
fn a_detaching_without_asking() {
    insta::assert_snapshot!(after(&[(
        "uses = \"aurora.promote\"",
        "uses = \"aurora.detach\""
    )]));
}

#[test]
fn compensation_without_an_inverse() {
    insta::assert_snapshot!(after(&[(
        "needs = [\"dial\"]",
        "needs = [\"dial\"]\non_failure = \"compensate\""
    )]));
}

#[test]
fn a_promotion_that_may_be_skipped() {
    insta::assert_snapshot!(after(&[(
        "id = \"promote\"",
        "id = \"promote\"\non_failure = \"continue\""
    )]));
}

#[test]
fn more_ready_at_least_than_at_best() {
    insta::assert_snapshot!(after(&[(
        r#"uses = "http.check"
needs = ["dial"]
with = { url = "https://${to.host}/write" }"#,
        r#"uses = "eks.scale_nodegroup"
with = { region = "to", match = "from", ready_percent = 60, min_ready_percent = 80 }"#
    )]));
}

#[test]
fn a_switchover_that_outlasts_its_step() {
    insta::assert_snapshot!(after(&[(
        "with = { region = \"to\" }",
        "with = { region = \"to\", ungraceful = \"switchover_then_failover\", switchover_timeout = \"5m\" }\ntimeout = \"4m\""
    )]));
}

#[test]
fn other_ways_that_are_none() {
    insta::assert_snapshot!(after(&[
        ("id = \"dial\"", "id = \"dial\"\nelse = \"verify\""),
        ("id = \"promote\"", "id = \"promote\"\nelse = \"by-hand\""),
    ]));
}

#[test]
fn another_way_that_somebody_needs() {
    let text = format!(
        "{}{}",
        GOOD.replace("id = \"dial\"", "id = \"dial\"\nelse = \"weights\"")
            .replace("needs = [\"dial\"]", "needs = [\"weights\"]"),
        "\n[[step]]\nid = \"weights\"\nuses = \"global_accelerator.weight\"\nwith = { region = \"from\", weight = 0 }\n"
    );
    let findings = parse_runbook("runbooks/small.toml", &text).unwrap_err();
    insta::assert_snapshot!(findings.to_string());
}

#[test]
fn another_way_that_waits_for_who_needs_it() {
    let text = format!(
        "{}{}",
        GOOD.replace("id = \"dial\"", "id = \"dial\"\nelse = \"weights\""),
        "\n[[step]]\nid = \"weights\"\nuses = \"global_accelerator.weight\"\nneeds = [\"verify\"]\nwith = { region = \"from\", weight = 0 }\n"
    );
    let findings = parse_runbook("runbooks/small.toml", &text).unwrap_err();
    insta::assert_snapshot!(findings.to_string());
}

#[test]
fn a_step_that_never_runs() {
    insta::assert_snapshot!(after(&[
        (
            "for = [\"failover\", \"switchover\"]",
            "for = [\"failover\"]"
        ),
        ("id = \"verify\"", "id = \"verify\"\nrun_if = \"graceful\""),
    ]));
}

#[test]
fn kinds_that_do_not_exist() {
    insta::assert_snapshot!(after(&[("\"switchover\"]", "\"swichover\"]")]));
}

#[test]
fn no_steps() {
    let text = GOOD.split("[[step]]").next().unwrap();
    let findings = parse_runbook("runbooks/small.toml", text).unwrap_err();
    insta::assert_snapshot!(findings.to_string());
}

#[test]
fn steps_in_single_brackets() {
    let text = GOOD.split("[[step]]").next().unwrap();
    let text = format!("{text}[step]\nid = \"promote\"\n");
    let findings = parse_runbook("runbooks/small.toml", &text).unwrap_err();
    insta::assert_snapshot!(findings.to_string());
}

#[test]
fn an_empty_file() {
    let findings = parse_runbook("runbooks/empty.toml", "").unwrap_err();
    insta::assert_snapshot!(findings.to_string());
}

mod any_text {
    use proptest::prelude::*;

    use super::GOOD;
    use failoverd::runbook::parse_runbook;

    proptest! {
        #[test]
        fn never_makes_it_panic(text in "(?s).{0,200}") {
            if let Err(findings) = parse_runbook("any.toml", &text) {
                prop_assert!(!findings.is_empty());
                let _ = findings.to_string();
            }
        }

        #[test]
        fn nor_does_a_good_one_with_a_piece_replaced(
            at in 0..GOOD.len(),
            length in 0_usize..20,
            piece in "[ \\n\"'\\[\\]{}=.,a-z0-9_-]{0,12}",
        ) {
            let end = (at + length).min(GOOD.len());
            let text = format!("{}{piece}{}", &GOOD[..at], &GOOD[end..]);
            if let Err(findings) = parse_runbook("any.toml", &text) {
                prop_assert!(!findings.is_empty());
                let _ = findings.to_string();
            }
        }

        /// Any graph at all: either it holds together or somebody says why not.
        #[test]
        fn nor_does_any_graph(edges in proptest::collection::vec((0_u8..8, 0_u8..8, any::<bool>()), 0..14)) {
            let mut text = GOOD.split("[[step]]").next().unwrap_or_default().to_owned();
            for step in 0..8_u8 {
                let of = |other_way: bool| edges
                    .iter()
                    .filter(move |(from, _, e)| *from == step && *e == other_way)
                    .map(|(_, to, _)| format!("\"s{to}\""));
                text += &format!("[[step]]\nid = \"s{step}\"\nuses = \"wait\"\nwith = {{ duration = \"1s\" }}\n");
                text += &format!("needs = [{}]\n", of(false).collect::<Vec<_>>().join(", "));
                if let Some(other) = of(true).next() {
                    text += &format!("else = {other}\n");
                }
            }
            match parse_runbook("any.toml", &text) {
                Err(findings) => prop_assert!(!findings.is_empty()),
                Ok(runbook) => {
                    // Steps can be peeled off until none is left.
                    let mut left: Vec<_> = runbook.steps.iter().collect();
                    while !left.is_empty() {
                        let before = left.len();
                        let names: Vec<_> = left.iter().map(|s| s.id.clone()).collect();
                        left.retain(|s| s.needs.iter().any(|n| names.contains(n)));
                        prop_assert!(left.len() < before, "a circle was let through");
                    }
                }
            }
        }
    }
}

/// `GOOD` with a step that shuts the Region that is left, and this one.
fn with_weights(give_back: &str) -> String {
    format!(
        "{GOOD}\n[[step]]\nid = \"shut\"\nuses = \"global_accelerator.weight\"\nneeds = [\"verify\"]\n\
         with = {{ region = \"from\", weight = 0 }}\n{give_back}"
    )
}

fn giving(with: &str) -> String {
    format!(
        "\n[[step]]\nid = \"open\"\nuses = \"global_accelerator.weight\"\nwith = {{ {with} }}\n"
    )
}

#[test]
fn weights_that_are_given_back_in_part_only() {
    for (name, with) in [
        ("to_the_old_one", "region = \"from\", match = \"recorded\""),
        ("both", "region = \"to\", match = \"recorded\", weight = 7"),
        ("neither", "region = \"to\""),
        (
            "fallback_alone",
            "region = \"to\", weight = 7, fallback = 3",
        ),
        (
            "fallback_of_0",
            "region = \"to\", match = \"recorded\", fallback = 0",
        ),
        ("a_word", "region = \"to\", match = \"from\""),
    ] {
        let text = with_weights(&giving(with));
        let found = parse_runbook("runbooks/small.toml", &text).unwrap_err();
        insta::assert_snapshot!(format!("weights_{name}"), found.to_string());
    }
}
