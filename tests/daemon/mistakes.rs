//! What users get wrong: said with place, cause and remedy; nothing is changed in AWS, nothing in
//! the ledger is lost.

use failoverd::sandbox::{Fault, Service};

use super::child::{Circumstances, Daemon};
use super::stage::{HOME, Props, STANDBY, Stage, knows_everything};

/// A mistake in a file is told, and nothing has begun.
async fn refused(stage: Stage, file: &str, mistake: &str, words: &[&str]) {
    let ended = stage.daemon().ended().await;
    assert_eq!(ended.status.code(), Some(2), "{}", ended.log);
    let path = stage.folder().join(file);
    let content = std::fs::read_to_string(&path).expect("it is there");
    let (line, column) = content
        .lines()
        .zip(1..)
        .find_map(|(text, line)| Some((line, text.find(mistake)? + 1)))
        .expect("the mistake is in the file");
    let place = format!("{}:{line}:{column}", path.display());
    let said = ended.log.text();
    assert!(said.contains(&place), "no {place} in\n{said}");
    // Broken into lines for the terminal.
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in words.iter().chain(&["help:"]) {
        assert!(flat.contains(words), "no {words:?} in\n{said}");
    }
    assert!(!stage.data_dir.exists(), "the ledger was begun");
    assert!(stage.world.request_log().is_empty(), "AWS was asked");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_not_there() {
    let stage = Stage::new().await;
    std::fs::remove_file(&stage.config).expect("it was there");
    let ended = stage.daemon().ended().await;
    assert_eq!(ended.status.code(), Some(2), "{}", ended.log);
    let said = ended.log.text();
    for words in [
        &*stage.config.display().to_string(),
        "it does not exist",
        "--print-default-config",
    ] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }
    assert!(!stage.data_dir.exists(), "the ledger was begun");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_of_101() {
    let stage = Stage::new().await;
    let path = stage.folder().join("runbooks/own.toml");
    let runbook = std::fs::read_to_string(&path).expect("it is there");
    let runbook = runbook.replace("percent = 100 }", "percent = 101 }");
    std::fs::write(&path, runbook).expect("it can be written");
    refused(stage, "runbooks/own.toml", "101", &["101", "100"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_of_the_wrong_service() {
    let stage = Stage::new().await;
    let wrong = "\"arn:aws:elasticache:eu-west-1";
    stage.edit("\"arn:aws:rds:eu-west-1", wrong);
    refused(stage, "failoverd.toml", wrong, &["elasticache", "rds"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_region() {
    let stage = Stage::new().await;
    stage.edit("region = \"eu-north-1\"", "region = \"eu-nroth-1\"");
    let words = ["eu-nroth-1", "eu-north-1"];
    refused(stage, "failoverd.toml", "\"eu-nroth-1\"", &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_exist() {
    let stage = Stage::with(Props {
        global_cluster: Some("shopp".to_owned()),
        ..Props::default()
    })
    .await;
    let mut daemon = stage.steady().await;
    stage.lose_home();
    let metrics = daemon
        .shows("it is blocked", |metrics| metrics.phase("blocked"))
        .await;
    assert!(
        metrics.is("application_held", &[("reason", "plan_impossible")]),
        "{}",
        metrics.brief()
    );
    daemon.log().must_say(&[
        "is lost, but: no plan can be made: step promote-database",
        "Global cluster shopp not found",
        "check global_cluster of the application",
    ]);
    stage.untouched();

    // Mended, it goes on by itself.
    daemon.kill_9();
    stage.edit("global_cluster = \"shopp\"", "global_cluster = \"shop\"");
    completes(&stage).await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_missing() {
    let stage = Stage::new().await;
    stage.steady().await.kill_9();
    let asked = stage.world.request_log().len();
    let mut daemon = Daemon::start(&stage.config, &Circumstances::default());
    daemon.api().await;
    daemon
        .until("it says what is missing", async |daemon| {
            let words = ["WARN", "no AWS credentials", "set profile or assume_role"];
            daemon.log().says(&words).then_some(())
        })
        .await;
    daemon
        .shows("what was known is known", knows_everything)
        .await;
    stage.lose_home();
    daemon
        .until("it says what it cannot see", async |daemon| {
            daemon.log().tells_of("grow-standby", "no AWS credentials")
        })
        .await;
    assert_eq!(stage.world.request_log().len(), asked, "AWS was asked");
    stage.untouched();
    daemon.kill_9();
    completes(&stage).await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_have_expired() {
    let stage = Stage::new().await;
    stage.steady().await.kill_9();
    let expired = Service::ALL.map(|service| Fault::FailControlPlane {
        service,
        status: 403,
        code: Some("ExpiredToken".to_owned()),
    });
    for fault in &expired {
        stage.inject(fault.clone());
    }
    let mut daemon = stage.daemon();
    daemon.api().await;
    daemon
        .until("it says what is wrong", async |daemon| {
            let words = ["WARN", "the credentials have expired: renew them"];
            daemon.log().says(&words).then_some(())
        })
        .await;
    stage.lose_home();
    daemon
        .until("it says what it cannot see", async |daemon| {
            daemon
                .log()
                .tells_of("grow-standby", "the credentials have expired")
        })
        .await;
    stage.untouched();
    daemon.kill_9();
    for fault in &expired {
        stage.clear(fault);
    }
    completes(&stage).await;
    stage.strike().await;
}

/// With the mistake mended a successor finds everything and does its work, once.
async fn completes(stage: &Stage) {
    let mut daemon = stage.daemon();
    let metrics = daemon
        .shows("the run completes", |metrics| metrics.closed("completed"))
        .await;
    assert!(metrics.is("application_active", &[("region", STANDBY)]));
    assert!(metrics.is("region_quarantined", &[("region", HOME)]));
    stage.moved_once();
}
