//! What a cluster costs in time, with three real `failoverd` processes that speak mutual TLS, against
//! the emulated AWS in this process: from the last failed sample to the committed run, and from
//! `kill -9` of the leader to its successor's next commit. Figures and what they mean:
//! `docs/benchmarks.md`.
//!
//! ```console
//! $ cargo bench --bench cluster -- --drills 200 --side-by-side 8
//! $ cargo bench --bench cluster -- --drills 40 --round-trip-ms 250
//! ```
//!
//! Every drill is a world of its own: three empty data folders, a formation, an election, a Region
//! lost, a run, a killed leader. What is measured are moments in the members' own logs, which have one
//! clock, this host's. Several worlds stand side by side, because nearly all of a drill is waiting.
//!
//! Nothing here asserts a time: hosts differ. A drill that does not come to its end is told, counted,
//! and is no figure.

// The daemon's own harness, of which not everything is used here.
#[path = "../../tests/daemon/child.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod child;
#[path = "../../tests/daemon/metrics.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod metrics;
#[path = "../../tests/daemon/stage.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod stage;
#[path = "../../tests/daemon/trio.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod trio;
#[path = "../../tests/daemon/wait.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod wait;

mod delay;
mod drill;
mod figures;
mod host;
mod moments;
mod report;
mod timers;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use futures::{FutureExt, StreamExt};

use drill::{Drill, Strike};
use figures::Measured;

/// Plays drills with three real members and measures them.
#[derive(Debug, Parser)]
struct Args {
    /// How many drills
    #[arg(long, default_value_t = 8)]
    drills: usize,
    /// How many worlds stand side by side
    #[arg(long, default_value_t = 4)]
    side_by_side: usize,
    /// The round trip between two members; 0 is the loopback interface as it is
    #[arg(long, default_value_t = 0)]
    round_trip_ms: u64,
    /// How long a loss must be agreed upon; subtracted from what is told
    #[arg(long, default_value_t = 0)]
    hold_down_ms: u64,
    /// Where the figures of each drill are written, one JSON object a line
    #[arg(long)]
    raw: Option<PathBuf>,
    /// A folder for the members' logs, one file a drill
    #[arg(long)]
    logs: Option<PathBuf>,
    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(play(args));
}

async fn play(args: Args) {
    // As many worlds as were asked for, not as many as a suite should have.
    stage::PLACES.add_permits(args.side_by_side);
    let load_before = host::load();
    let begun = host::now();
    let drills = (0..args.drills).map(|number| Drill {
        number,
        round_trip: Duration::from_millis(args.round_trip_ms),
        hold_down: Duration::from_millis(args.hold_down_ms),
        strike: if number % 2 == 0 {
            Strike::NoIntent
        } else {
            Strike::AtIntent
        },
    });
    let logs = args.logs.as_deref();
    if let Some(folder) = logs {
        std::fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    }
    let mut played = futures::stream::iter(drills)
        .map(|drill| async move {
            // The first ones begin one after another, so that they do not all wait for the same thing.
            if drill.number < args.side_by_side {
                tokio::time::sleep(Duration::from_secs(2) * drill.number as u32).await;
            }
            let number = drill.number;
            (
                number,
                AssertUnwindSafe(drill.play(logs)).catch_unwind().await,
            )
        })
        .buffer_unordered(args.side_by_side);
    let mut measured: Vec<Measured> = Vec::new();
    let mut failed = 0;
    while let Some((number, outcome)) = played.next().await {
        match outcome {
            Ok(Ok(figures)) => {
                eprintln!("drill {number}: {figures}");
                measured.push(figures);
            }
            Ok(Err(why)) => {
                eprintln!("drill {number}: no figure: {why}");
                failed += 1;
            }
            // What went wrong has been said where it did.
            Err(_panicked) => {
                eprintln!("drill {number}: it did not come to its end");
                failed += 1;
            }
        }
    }
    if let Some(path) = &args.raw {
        let lines: String = measured.iter().map(|m| m.json() + "\n").collect();
        std::fs::write(path, lines).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    println!(
        "{} drills, {failed} without a figure, {} side by side, in {:.0} s; load {load_before} before, {} after\n",
        args.drills,
        args.side_by_side,
        (host::now() - begun).as_secs_f64(),
        host::load(),
    );
    print!("{}", report::tables(&measured));
}
