//! Rules, their tests, their page and the dashboards speak of the same things: of metrics that exist, and
//! of each alert in all three places.

use std::collections::BTreeSet;
use std::path::PathBuf;

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rules() -> String {
    read("deploy/observability/prometheus/failoverd.rules.yml")
}

/// The alerts in the rules' order.
fn alerts(rules: &str) -> Vec<&str> {
    rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- alert: "))
        .collect()
}

#[test]
fn each_alert_has_its_section_and_each_section_its_alert() {
    let rules = rules();
    let page = read("docs/alerts.md");
    let sections: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert_eq!(alerts(&rules), sections);
    let links: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("runbook_url: "))
        .collect();
    assert_eq!(links.len(), sections.len(), "one runbook_url for each");
    for (link, section) in links.iter().zip(&sections) {
        let anchor = format!("/alerts.md#{}", section.to_lowercase());
        assert!(link.ends_with(&anchor), "{link} does not lead to {section}");
    }
    for section in page.split("\n### ").skip(1) {
        let name = section.lines().next().unwrap_or_default();
        for part in ["`page`", "`ticket`"] {
            let severity = format!("severity: {}", part.trim_matches('`'));
            let after = rules.split(&format!("alert: {name}\n")).nth(1);
            let own = after.unwrap_or_default().split("- alert:").next();
            assert_eq!(
                own.unwrap_or_default().contains(&severity),
                section.contains(&format!("\n{part}, ")),
                "{name}: {part}"
            );
        }
        assert!(section.contains("\nLook at:\n"), "{name}: where to look?");
        assert!(section.contains("\nDo: "), "{name}: what to do?");
    }
}

#[test]
fn each_alert_is_tested_to_fire_and_to_stay_silent() {
    let rules = rules();
    let tests = read("deploy/observability/prometheus/failoverd.rules.test.yml");
    for alert in alerts(&rules) {
        for what in ["fires", "is silent"] {
            assert!(
                tests.contains(&format!("- name: '{alert} {what}")),
                "no test that {alert} {what}"
            );
        }
    }
}

/// What begins like one of our metrics, or like one that is recorded from them.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| word.contains("failoverd_"))
        .collect()
}

#[test]
fn rules_and_dashboards_speak_of_metrics_that_exist() {
    let rules = rules();
    let documented = read("docs/metrics.md");
    let recorded: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- record: "))
        .collect();
    let known: BTreeSet<&str> = documented
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with("failoverd_"))
        .collect();
    let mut texts = vec![rules.clone()];
    for board in ["overview", "run"] {
        texts.push(read(&format!("deploy/observability/grafana/{board}.json")));
    }
    for text in &texts {
        for name in names(text) {
            let plain = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix))
                .unwrap_or(name);
            assert!(
                [name, plain]
                    .iter()
                    .any(|name| known.contains(name) || recorded.contains(name)),
                "{name} stands in rules or dashboards and not in docs/metrics.md"
            );
        }
    }
}
