//! The program as it is typed: what it prints, where, and how it ends.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::child::{FAILOVERCTL, FAILOVERD, clean};
use super::stage::{Props, Stage};

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is UTF-8")
}

#[test]
fn the_default_configuration_is_printed_and_is_valid() {
    let printed = output(clean(&FAILOVERD).arg("--print-default-config"));
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    assert_eq!(text(&printed.stderr), "");
    let folder = tempfile::TempDir::new().expect("a folder for the test");
    let path = folder.path().join("failoverd.toml");
    std::fs::write(&path, &printed.stdout).expect("it can be written");
    let validated = output(
        clean(&FAILOVERCTL)
            .args(["validate", "--config"])
            .arg(&path),
    );
    assert_eq!(validated.status.code(), Some(0), "{validated:?}");
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let printed = output(
        clean(&FAILOVERD)
            .arg("--print-default-config")
            .stdout(writer),
    );
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    assert_eq!(text(&printed.stderr), "");
}

#[test]
fn validating_ends_with_1_where_a_daemon_would_not_start() {
    let folder = tempfile::TempDir::new().expect("a folder for the test");
    let path = folder.path().join("failoverd.toml");
    std::fs::write(&path, "[node]\nid = 7\n").expect("it can be written");
    let validate = |path: &Path| {
        let ended = output(clean(&FAILOVERCTL).args(["validate", "--config"]).arg(path));
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        text(&ended.stdout)
    };
    let said = validate(&path);
    let place = format!("{}:2:6", path.display());
    assert!(said.contains(&place), "no {place} in\n{said}");
    let said = validate(Path::new("/nowhere/failoverd.toml"));
    assert!(said.contains("it does not exist"), "{said}");
    // What was typed makes no sense: that is 2.
    let mistyped = output(clean(&FAILOVERCTL).args(["validate", "--confg", "x"]));
    assert_eq!(mistyped.status.code(), Some(2), "{mistyped:?}");
}

#[test]
fn without_a_configuration_it_says_how_to_name_one() {
    let refused = output(&mut clean(&FAILOVERD));
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("--config <FILE>"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_ends_it_before_anything_begins() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let stage = Stage::with(Props {
        api: address.clone(),
        ..Props::default()
    })
    .await;
    let ended = stage.daemon().ended().await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    ended
        .log
        .must_say(&[&address, "the port is in use", "set `api` under [node]"]);
    assert!(!stage.data_dir.exists(), "the ledger was begun");
    assert!(stage.world.request_log().is_empty());
    stage.strike().await;
}
