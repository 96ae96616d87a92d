//! The programs as they are typed: what they print, and the number they end with.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn failoverctl(arguments: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_failoverctl"), arguments)
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    // What the tester's own environment says is not meant.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FAILOVER") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn version_and_list_are_answers() {
    let version = failoverctl(&["version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(
        text(&version.stdout),
        format!("failoverctl {}\n", env!("CARGO_PKG_VERSION"))
    );

    let list = failoverctl(&["drill", "list"]);
    assert_eq!(list.status.code(), Some(0));
    let list = text(&list.stdout);
    for line in list.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    insta::assert_snapshot!("drill_list", list);
}

#[test]
fn what_makes_no_sense_ends_with_2_and_says_so_on_standard_error() {
    for arguments in [
        &["dril"][..],
        &["drill", "--speed", "61"],
        &["drill", "--scenario", "region-outrage"],
        &["drill", "--scenario", "./no/such/file.toml"],
        &["drill", "--runbook", "./no/such/file.toml"],
    ] {
        let output = failoverctl(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
        assert!(!text(&output.stderr).contains("panicked"), "{arguments:?}");
    }
}

#[test]
fn validate_says_yes_and_no() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let good = folder.path().join("failoverd.toml");
    let printed = run(env!("CARGO_BIN_EXE_failoverd"), &["--print-default-config"]);
    assert_eq!(printed.status.code(), Some(0));
    std::fs::write(&good, &printed.stdout).expect("writable");
    let good = good.to_string_lossy();
    let yes = failoverctl(&["validate", "--config", &good]);
    assert_eq!(yes.status.code(), Some(0), "{}", text(&yes.stdout));

    let bad = folder.path().join("bad.toml");
    let mut file = std::fs::File::create(&bad).expect("writable");
    writeln!(file, "[node]\nid = 3\nidd = \"x\"").expect("writable");
    let no = failoverctl(&["validate", "--config", &bad.to_string_lossy()]);
    assert_eq!(no.status.code(), Some(1));
    let said = text(&no.stdout);
    assert!(said.contains("bad.toml:2"), "{said}");
    assert!(said.contains("bad.toml:3"), "{said}");

    let daemon = run(
        env!("CARGO_BIN_EXE_failoverd"),
        &["--config", &bad.to_string_lossy()],
    );
    assert_eq!(daemon.status.code(), Some(2));
    assert!(daemon.stdout.is_empty());
}

#[test]
fn a_reader_that_has_gone_away_is_no_panic() {
    for arguments in [&["drill", "list"][..], &["version"], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_failoverctl"))
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .expect("the program starts");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    }
}

#[test]
fn a_drill_prints_its_json_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("report");
    let output = failoverctl(&[
        "drill",
        "--scenario",
        "observer-isolated",
        "--json",
        "--out",
        &out.to_string_lossy(),
    ]);
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    for member in [
        "scenario",
        "passed",
        "speed",
        "clocks",
        "users",
        "objective",
        "invariants",
        "run",
    ] {
        assert!(report.get(member).is_some(), "{member}");
    }
    let passed = report["passed"].as_bool().expect("passed is a boolean");
    assert_eq!(output.status.code(), Some(i32::from(!passed)));
    assert!(text(&output.stderr).contains("the scenario begins"));
    for file in ["report.json", "report.md", "report.html"] {
        assert!(out.join(file).is_file(), "{file}");
    }
}
