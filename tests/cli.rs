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

const THREE_MEMBERS: &str = r#"
[node]
id = "a"

[[member]]
id = "a"
region = "eu-west-1"

[[member]]
id = "b"
region = "eu-central-1"

[[member]]
id = "w"
region = "eu-north-1"
"#;

/// The certificates work: members that were given them talk to each other.
#[tokio::test]
async fn trial_certificates_are_made_once_and_members_talk_with_them() {
    use failoverd::config::PeerSecurity;
    use failoverd::peer::{Channel, Limits, PeerHandler, PeerMember, PeerNet, PeerOptions};
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("failoverd.toml");
    std::fs::write(&config, THREE_MEMBERS).unwrap();
    let out = folder.path().join("tls");
    let arguments = [
        "dev-certs",
        "--config",
        config.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--days",
        "1",
    ];
    let made = failoverctl(&arguments);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let said = text(&made.stdout).replace(out.to_str().unwrap(), "DIR");
    insta::assert_snapshot!("dev_certs", said);
    for entry in std::fs::read_dir(&out).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
    }

    let again = failoverctl(&arguments);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("nothing is overwritten"));

    struct Silent;
    #[async_trait::async_trait]
    impl PeerHandler for Silent {
        fn admit(
            &self,
            _hello: &failoverd::peer::PeerIdentity,
        ) -> Result<(), failoverd::peer::Refusal> {
            Ok(())
        }

        async fn handle(
            &self,
            from: &failoverd::peer::PeerIdentity,
            _channel: Channel,
            _body: bytes::Bytes,
        ) -> Result<bytes::Bytes, failoverd::peer::Refusal> {
            Ok(bytes::Bytes::from(from.member.to_string()))
        }
    }
    let start = async |id: &str| {
        let options = PeerOptions {
            me: id.into(),
            region: "eu-west-1".into(),
            cluster: "failoverd".to_owned(),
            boot: failoverd::model::BootId(u64::from(id.as_bytes()[0])),
            disk: failoverd::model::DiskId(1),
            mark: failoverd::model::DiskMark::default(),
            schema: 1,
            listen: "127.0.0.1:0".parse().unwrap(),
            members: Vec::new(),
            security: PeerSecurity::MutualTls {
                ca_file: out.join("ca.pem"),
                cert_file: out.join(format!("{id}.pem")),
                key_file: out.join(format!("{id}.key")),
            },
            limits: Limits::default(),
        };
        PeerNet::start(options, std::sync::Arc::new(Silent))
            .await
            .unwrap()
    };
    let (a, b) = (start("a").await, start("b").await);
    for (from, to, id) in [(&a, &b, "b"), (&b, &a, "a")] {
        from.set_members(&[PeerMember {
            id: id.into(),
            address: to.local_addr().to_string(),
        }])
        .unwrap();
    }
    // `b` may meet `a` a moment before it knows of it.
    let answer = loop {
        let to = "b".into();
        let asked = a.call(
            &to,
            Channel::Raft,
            bytes::Bytes::new(),
            std::time::Duration::from_secs(20),
        );
        match asked.await {
            Ok(answer) => break answer,
            Err(failoverd::peer::PeerError::NotSent { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(answer, "a");
}
