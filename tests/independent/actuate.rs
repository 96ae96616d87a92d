//! The production actuator behind a pipe, so that tests in another language can let it act on a
//! world that nobody here wrote, and look at that world with a client that nobody here wrote.
//!
//! ```text
//!  Python ──application, then orders──▶ AwsActuator ──AWS SDK──▶ moto, sandbox
//!    │   ◀──observation, outcome, sizes──                            │
//!    └──────────────────────── boto3 ────────────────────────────────┘
//! ```
//!
//! The first line of input is an application, each further line an order, each in the types' own
//! JSON; each order is answered with one line. It ends with its input. An example for cargo, not a
//! test, so that `cargo test` compiles it and does not run it: Python does, see `.ci/run`.

use std::error::Error;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;

use failoverd::actuate::{AwsActuator, AwsOptions};
use failoverd::daemon::clock::WorldClock;
use failoverd::model::{AppId, Application, Intent, RegionId, RunId, StepId, Variant};
use failoverd::ports::{Actuator, Call, Proof};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One line of input after the first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    Observe(Intent),
    Apply {
        intent: Intent,
        attempt: u32,
        /// Whether this member still leads.
        leads: bool,
    },
    ReadTraffic,
    ReadCapacity(RegionId),
    ReadLag(RegionId),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("actuate: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut lines = std::io::stdin().lock().lines();
    let first = lines.next().ok_or("no application on the first line")??;
    let application: Application = serde_json::from_str(&first)?;
    let app = application.name.clone();
    let actuator = AwsActuator::new(
        &[application],
        Arc::new(WorldClock::real()),
        AwsOptions::default(),
    )
    .await;
    for line in lines {
        let answer = obey(&actuator, &app, serde_json::from_str(&line?)?).await?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

async fn obey(actuator: &AwsActuator, app: &AppId, order: Order) -> serde_json::Result<Value> {
    match order {
        Order::Observe(intent) => serde_json::to_value(actuator.observe(app, &intent).await),
        Order::Apply {
            intent,
            attempt,
            leads,
        } => {
            let (run, step) = (RunId::from("shop-1"), StepId::from("step"));
            let call = Call {
                run: &run,
                step: &step,
                attempt,
                intent: &intent,
                variant: Variant::AsPlanned,
            };
            let proof = Proof::new(move || leads);
            serde_json::to_value(actuator.apply(app, &call, &proof).await)
        }
        Order::ReadTraffic => told(actuator.read_traffic(app).await),
        Order::ReadCapacity(region) => told(actuator.read_capacity(app, &region).await),
        Order::ReadLag(region) => told(actuator.read_lag(app, &region).await),
    }
}

fn told<T: Serialize>(read: Result<T, failoverd::ports::ReadError>) -> serde_json::Result<Value> {
    match read {
        Ok(value) => Ok(json!({"ok": serde_json::to_value(value)?})),
        Err(error) => Ok(json!({"error": error.to_string()})),
    }
}
