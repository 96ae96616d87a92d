//! Where credentials and endpoints come from when the configuration does not say: the SDK's own
//! chain. It reads the environment, so that every case is a child process with its own.

use std::process::Stdio;
use std::time::Duration;

use failoverd::actuate::{AwsActuator, AwsOptions};
use failoverd::daemon::clock::WorldClock;
use failoverd::model::{AppId, Millis};
use failoverd::ports::Actuator;
use failoverd::sandbox::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::stage::{Stage, application, standby};

/// Set for the child: the profile to use, or `-`.
const CHILD: &str = "FAILOVERD_WIRE_CHILD";

/// Bounds a failure only.
const PATIENCE: Duration = Duration::from_secs(60);

/// Not a test of its own: what the child of every other test in this file does.
#[tokio::test]
async fn child() {
    let Ok(profile) = std::env::var(CHILD) else {
        return;
    };
    let setup = failoverd::sandbox::SandboxSetup::active_passive("eu-west-1", "eu-central-1", 1);
    let mut application = application(&setup, "");
    application.aws.endpoint_url = None;
    application.aws.call_timeout = Millis::from_secs(10);
    application.aws.profile = (profile != "-").then_some(profile);
    let clock = std::sync::Arc::new(WorldClock::real());
    let options = AwsOptions {
        credentials: None,
        home: Some(standby()),
    };
    let actuator = AwsActuator::new(std::slice::from_ref(&application), clock, options).await;
    let group = actuator.read_traffic(&AppId::from("shop")).await;
    println!("child: {group:?}");
}

/// Runs the child with this environment and no other word of AWS.
async fn run(profile: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["chain::child", "--exact", "--nocapture"])
        .env(CHILD, profile)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find(|line| line.contains("child: "));
    line.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[tokio::test]
async fn credentials_and_endpoint_from_the_environment() {
    let stage = Stage::new().await;
    let said = run(
        "-",
        &[
            ("AWS_ENDPOINT_URL", &stage.sandbox.endpoint_url()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ],
    )
    .await;
    assert!(said.contains("child: Ok("), "{said}");
}

#[tokio::test]
async fn credentials_of_a_profiles_own_process_and_an_endpoint_per_service() {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(
        &config,
        "[profile failover]\ncredential_process = /bin/echo '{\"Version\": 1, \"AccessKeyId\": \
         \"AKIDPROCESS\", \"SecretAccessKey\": \"s\"}'\n",
    )
    .unwrap();
    let url = stage.sandbox.endpoint_url();
    let said = run(
        "failover",
        &[
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
            ("AWS_ENDPOINT_URL_ROUTE_53", &url),
            ("AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR", &url),
        ],
    )
    .await;
    assert!(said.contains("child: Ok("), "{said}");
}

#[tokio::test]
async fn a_service_accounts_role_is_asked_of_the_regional_sts() {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "token").unwrap();
    let said = run(
        "-",
        &[
            ("AWS_ENDPOINT_URL", &stage.sandbox.endpoint_url()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/failoverd"),
        ],
    )
    .await;
    assert!(said.contains("child: Ok("), "{said}");
    let asked = stage.log();
    assert!(
        asked
            .iter()
            .any(|r| r.service == Service::Sts && r.operation == "AssumeRoleWithWebIdentity")
    );
}

#[tokio::test]
async fn the_pods_identity_agent_is_asked_with_its_token() {
    let stage = Stage::new().await;
    let agent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/credentials", agent.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = agent.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|w| w == b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
        }
        let body = r#"{"AccessKeyId":"AKIDPOD","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&head).into_owned()
    });
    let said = run(
        "-",
        &[
            ("AWS_ENDPOINT_URL", &stage.sandbox.endpoint_url()),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token"),
        ],
    )
    .await;
    assert!(said.contains("child: Ok("), "{said}");
    let head = serving.await.unwrap();
    assert!(head.contains("authorization: pod-token"), "{head}");
}

#[tokio::test]
async fn no_credentials_and_no_such_profile_say_how_to_mend() {
    let stage = Stage::new().await;
    let url = stage.sandbox.endpoint_url();
    for profile in ["-", "nobody"] {
        let said = run(profile, &[("AWS_ENDPOINT_URL", &url)]).await;
        assert!(said.contains("Refused"), "{said}");
        assert!(said.contains("set profile or assume_role"), "{said}");
    }
    assert!(stage.log().is_empty());
}
