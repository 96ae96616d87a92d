//! The emulated AWS by itself, for other clients: `cargo run --example sandbox -- 30`.
//!
//! Prints one line of JSON with the endpoint and the names of everything, then runs `speed` times
//! faster than real until its standard input ends. Each line on it is a fault to switch on, as JSON;
//! one that begins with `-` switches it off.

use std::process::ExitCode;
use std::sync::Arc;

use failoverd::daemon::clock::WorldClock;
use failoverd::sandbox::{Fault, Sandbox, SandboxSetup};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let speed = match std::env::args().nth(1) {
        Some(speed) => speed.parse()?,
        None => 30,
    };
    let clock = Arc::new(WorldClock::accelerated(speed)?);
    let setup = SandboxSetup::active_passive("eu-west-1", "eu-central-1", 1);
    let regions: Vec<_> = setup
        .regions
        .iter()
        .map(|region| {
            json!({
                "name": region.name,
                "db_cluster_id": region.db_cluster_id,
                "db_cluster_arn": region.db_cluster_arn(),
                "endpoint_group_arn": region.endpoint_group_arn,
                "eks_cluster": region.eks_cluster,
            })
        })
        .collect();
    let sandbox = Sandbox::start(setup.clone(), clock).await?;
    println!(
        "{}",
        json!({
            "endpoint_url": sandbox.endpoint_url(),
            "now_ms": sandbox.world().now().0,
            "hosted_zone_id": setup.dns.hosted_zone_id,
            "record_name": setup.dns.record_name,
            "accelerator_arn": setup.accelerator.arn,
            "listener_arn": setup.accelerator.listener_arn,
            "global_cluster": setup.database.global_cluster,
            "regions": regions,
        })
    );
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let (on, fault) = match line.strip_prefix('-') {
            Some(fault) => (false, fault),
            None => (true, line.as_str()),
        };
        let fault: Fault = serde_json::from_str(fault)?;
        if on {
            sandbox.inject(fault);
        } else {
            sandbox.clear(&fault);
        }
    }
    let unknown = sandbox.world().unknown_operations();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(format!("asked for what it does not know: {unknown:?}").into())
    }
}
