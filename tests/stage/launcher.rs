//! A stage for whoever looks at failoverd from outside: the emulated world and real daemons on
//! loopback, at the host's own pace, driven by lines of text. Tests of the page, of the command line at
//! a terminal and of dashboards use it; so does a person who wants to try something.
//!
//! ```text
//!  Python, tmux, a hand ──orders──▶ stage ──▶ sandbox (AWS), product, references
//!         ◀──one JSON line each──     │ └────▶ failoverd × N, mutual TLS, a folder each
//!         ──HTTP, failoverctl─────────┴──────────▲
//! ```
//!
//! ```text
//! cargo build && cargo run --example stage
//! ```
//!
//! The first line of output tells, once everything is steady, where everything is. Then each line of
//! input is an order, answered with one line, `{"ok":true}` or `{"error":"…"}`:
//!
//! | order | does |
//! | --- | --- |
//! | `region-down REGION`, `region-up REGION` | nothing in it answers users and probes; it does again |
//! | `kill MEMBER`, `start MEMBER` | as a power cut would; from its own folder |
//! | `freeze MEMBER`, `thaw MEMBER` | `SIGSTOP`: a member that is silent and not gone; `SIGCONT` |
//! | `lag MS` | the replica is so far behind; 0: as usual |
//! | `inject FAULT`, `clear FAULT` | any fault of the sandbox, as JSON: see the example `sandbox` |
//! | `log MEMBER` | writes its log to a file and answers with the path |
//! | `quit` | ends, as the end of the input does |
//!
//! Invariant: no daemon outlives this process, even if it is killed.
//!
//! It shares the harness of `tests/daemon`. An example for cargo, not a test: others run it.

#[path = "../daemon/child.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod child;
#[path = "../daemon/metrics.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod metrics;
#[path = "../daemon/stage.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod stage;
#[path = "../daemon/trio.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod trio;
#[path = "../daemon/wait.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod wait;

mod orders;
mod troupe;

use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use orders::Order;
use troupe::Troupe;

/// Serves an emulated AWS and runs real daemons against it, until its input ends.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many daemons.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=5))]
    members: u8,
    /// TOML that is appended to every member's configuration: `[auth]`, further applications.
    #[arg(long, value_name = "FILE")]
    config_extra: Option<PathBuf>,
    /// The first of as many ports for the APIs, followed by as many for the peers; free ones if
    /// absent.
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// How many times as long as at its quickest everything takes in AWS: at 1 a promotion lasts a
    /// second.
    #[arg(long, value_name = "TIMES", default_value_t = 4)]
    slow: u64,
    /// How long what a run did is watched afterwards.
    #[arg(long, default_value = "3s")]
    soak: String,
    /// What is waited for before the first line.
    #[arg(long, value_enum, default_value_t = Ready::Steady)]
    ready: Ready,
}

/// When the stage is said to be ready.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ready {
    /// Every daemon serves its API.
    Serving,
    /// One leads, all are steady and know what a plan needs; read from `/metrics`, without a token.
    Steady,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut terminated = signal(SignalKind::terminate()).expect("signals can be watched");
    // What is dropped kills its daemons, wherever it was.
    tokio::select! {
        () = play(arguments) => {}
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    // The thread that reads the input may stand in a read that never ends.
    std::process::exit(0);
}

async fn play(arguments: Arguments) {
    // From the beginning: an input that ends while the daemons start ends them.
    let mut orders = input();
    let mut troupe = Troupe::furnished(&arguments).await;
    let opened = tokio::select! {
        () = troupe.open(arguments.ready) => true,
        () = orders.ended() => false,
    };
    if !opened {
        return;
    }
    say(&troupe.tell());
    while let Some(line) = orders.next().await {
        let order = match line.parse::<Order>() {
            Ok(order) => order,
            Err(error) => {
                say(&json!({ "error": error }));
                continue;
            }
        };
        if matches!(order, Order::Quit) {
            say(&json!({ "ok": true }));
            return;
        }
        say(&match troupe.follow(order).await {
            Ok(answer) => answer,
            Err(error) => json!({ "error": error }),
        });
    }
}

/// The lines of the input, in order.
struct Input {
    lines: mpsc::UnboundedReceiver<String>,
    early: std::collections::VecDeque<String>,
}

impl Input {
    async fn next(&mut self) -> Option<String> {
        match self.early.pop_front() {
            Some(line) => Some(line),
            None => self.lines.recv().await,
        }
    }

    /// Waits for the end, keeping what comes before it.
    async fn ended(&mut self) {
        while let Some(line) = self.lines.recv().await {
            self.early.push_back(line);
        }
    }
}

fn input() -> Input {
    // Unbounded: a person or a test types them.
    let (told, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if !line.trim().is_empty() && told.send(line).is_err() {
                return;
            }
        }
    });
    Input {
        lines,
        early: std::collections::VecDeque::new(),
    }
}

fn say(value: &Value) {
    println!("{value}");
    // A pipe is not a line-buffered terminal to everybody's library.
    std::io::stdout().flush().ok();
}
