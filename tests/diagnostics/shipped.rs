//! What ships must be valid as it ships.

use std::path::Path;

use failoverd::config::{self, BUILT_IN_RUNBOOKS};
use failoverd::model::RunKind;
use failoverd::runbook::parse_runbook;
use failoverd::runbook::spanned::Style;

#[test]
fn the_default_configuration_is_valid_without_a_single_warning() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("failoverd.toml");
    let loaded = match config::load(&path, std::iter::empty()) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{}", error.render(Style::Plain)),
    };
    let codes: Vec<&str> = loaded.warnings.iter().map(|w| w.code.as_str()).collect();
    assert_eq!(codes, ["config::survives"]);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        config::default_config_text()
    );
    let app = &loaded.config.applications[0];
    assert_eq!(app.home.as_str(), "eu-west-1");
    assert_eq!(app.config.as_str().len(), 64);
    assert!(app.vars.contains_key("write_check_url"));
}

#[test]
fn every_built_in_runbook_is_valid_and_called_what_its_file_is() {
    for &(name, text) in BUILT_IN_RUNBOOKS {
        match parse_runbook(name, text) {
            Ok(runbook) => {
                assert_eq!(runbook.name, name);
                assert!(!runbook.kinds.is_empty());
                // What an application has that names none must serve whatever comes.
                if name == "active-passive" {
                    let all = [RunKind::Failover, RunKind::Switchover, RunKind::Failback];
                    assert_eq!(runbook.kinds, all.into());
                }
            }
            Err(findings) => panic!("{findings}"),
        }
    }
}

#[test]
fn every_runbook_of_the_drills_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drill/scenarios/runbooks");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(findings) = parse_runbook(&path.display().to_string(), &text) {
            panic!("{findings}");
        }
    }
}

#[test]
fn what_validate_says_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let report = config::validate_report(&root.join("failoverd.toml"), std::iter::empty());
    assert!(report.passed());
    let text = report
        .render(Style::Plain)
        .replace(&root.display().to_string(), "");
    insta::assert_snapshot!(text);
}
