//! Serves the sandbox on a loopback port, to try scripts, the AWS command line or an SDK against it.
//!
//! ```text
//! cargo run --example sandbox -- --speed 10
//! ```
//!
//! One product stands in two Regions, `eu-west-1` serving and `eu-central-1` waiting, with real
//! delays made `--speed` times shorter. The first line of output is a JSON object: the
//! `endpoint_url`, world time, and the name of every resource. With it, in another terminal:
//!
//! ```text
//! export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_ENDPOINT_URL=http://127.0.0.1:PORT
//! aws rds describe-global-clusters --region eu-central-1
//! ```
//!
//! Then it reads orders from its input, one JSON value per line, and answers each with one line:
//!
//! | order | does |
//! | --- | --- |
//! | `{"inject": {"fault": "region_down", "region": "eu-west-1"}}` | switches a fault on |
//! | `{"clear": {"fault": "region_down", "region": "eu-west-1"}}` | switches it off again |
//! | `"faults"` | lists those that are on |
//! | `"requests"` | every request so far, decoded, and what became of it |
//! | `"unknown"` | what was asked for that the sandbox does not know |
//! | `"timeline"` | what changed for users, and when |
//!
//! It ends when its input does (so keep that open: `sleep infinity | cargo run …` in a script), or
//! with SIGTERM or Ctrl-C.

use std::error::Error;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use failoverd::daemon::clock::WorldClock;
use failoverd::sandbox::{Delays, Fault, Sandbox, SandboxSetup, World};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Serves AWS's wire protocols, over a small emulated world, on a free loopback port.
#[derive(Debug, Parser)]
struct Arguments {
    /// World seconds in each real one, 1 to 60.
    #[arg(long, default_value_t = 1)]
    speed: u32,
    /// Repeats every chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The Region that serves.
    #[arg(long, default_value = "eu-west-1")]
    active: String,
    /// The Region that waits.
    #[arg(long, default_value = "eu-central-1")]
    standby: String,
    /// Other delays than the published ones, as a JSON object in world milliseconds:
    /// `{"aurora_failover": 240000}`.
    #[arg(long, value_name = "JSON", value_parser = delays, default_value = "{}")]
    delays: Delays,
}

fn delays(text: &str) -> Result<Delays, serde_json::Error> {
    serde_json::from_str(text)
}

/// One line of input.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Inject(Fault),
    Clear(Fault),
    Faults,
    Requests,
    Unknown,
    Timeline,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::from(2)
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(WorldClock::accelerated(arguments.speed)?);
    let mut setup =
        SandboxSetup::active_passive(&arguments.active, &arguments.standby, arguments.seed);
    setup.delays = arguments.delays;
    let sandbox = Sandbox::start(setup, clock).await?;
    let world = sandbox.world();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut lines = input();
    say(&resources(&sandbox.endpoint_url(), &world))?;
    loop {
        let line = tokio::select! {
            _ = terminated.recv() => return Ok(()),
            _ = interrupted.recv() => return Ok(()),
            line = lines.recv() => line,
        };
        let Some(line) = line else {
            return Ok(());
        };
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str(&line) {
            Ok(order) => json!({"ok": obey(&world, order)?}),
            Err(error) => json!({"error": format!("not an order: {error}")}),
        };
        say(&answer)?;
    }
}

/// Lines of input, read on a thread of their own: a read cannot be cancelled, and must not keep the
/// process from ending.
fn input() -> mpsc::Receiver<String> {
    let (lines, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else {
                return;
            };
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn say(value: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

fn obey(world: &World, order: Order) -> serde_json::Result<Value> {
    Ok(match order {
        Order::Inject(fault) => {
            world.inject(fault);
            Value::Null
        }
        Order::Clear(fault) => json!(world.clear(&fault)),
        Order::Faults => serde_json::to_value(world.faults())?,
        Order::Requests => serde_json::to_value(world.request_log())?,
        Order::Unknown => json!(world.unknown_operations()),
        Order::Timeline => serde_json::to_value(world.timeline())?,
    })
}

/// Where it listens, and what there is to be asked about.
fn resources(endpoint_url: &str, world: &World) -> Value {
    let setup = world.setup();
    let regions: Vec<Value> = setup
        .regions
        .iter()
        .map(|region| {
            json!({
                "name": region.name,
                "eks_cluster": region.eks_cluster,
                "nodegroups": region.nodegroups.iter().map(|g| &g.name).collect::<Vec<_>>(),
                "db_cluster_id": region.db_cluster_id,
                "db_cluster_arn": region.db_cluster_arn(),
                "endpoint_group_arn": region.endpoint_group_arn,
                "endpoints": region.endpoints.iter().map(|e| &e.id).collect::<Vec<_>>(),
                "record_set_identifier": region.record_set_identifier,
                "health_check_id": region.health_check.as_ref().map(|check| &check.id),
            })
        })
        .collect();
    json!({
        "endpoint_url": endpoint_url,
        "now_ms": world.now().0,
        "regions": regions,
        "global_cluster": setup.database.global_cluster,
        "accelerator_arn": setup.accelerator.arn,
        "listener_arn": setup.accelerator.listener_arn,
        "hosted_zone_id": setup.dns.hosted_zone_id,
        "zone_name": setup.dns.zone_name,
        "record_name": setup.dns.record_name,
        "record_type": setup.dns.record_type,
    })
}
