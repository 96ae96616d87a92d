//! A person at a terminal, from an outage to the way back home: `failoverctl` in a window of 80 by 24,
//! against three real daemons.
//!
//! ```text
//!  the test ──keys──▶ tmux, 80×24 ── bash ── failoverctl ══ HTTP ══▶ three failoverd ──▶ sandbox
//!           ◀─screen──┘
//! ```
//!
//! Every screen is read as it stands there, and waited for: nothing sleeps. Where tmux is missing the
//! test says so and passes, unless `FAILOVERD_TERMINAL=required`.

#![cfg(target_os = "linux")]

// The daemon's own harness, of which not everything is used here.
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

mod window;

use failoverd::model::RegionId;
use failoverd::sandbox::Fault;

use stage::{HOME, STANDBY};
use trio::{THREE, Trio};
use window::{Window, fits};

/// The frames of a spinner, of which one stands before a step under way.
const SPINNER: &str = "⠁⠂⠄⡀⢀⠠⠐⠈⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

#[tokio::test(flavor = "multi_thread")]
async fn from_an_outage_to_the_way_back_home() {
    if let Err(why) = window::available() {
        let required = std::env::var("FAILOVERD_TERMINAL").is_ok_and(|value| value == "required");
        assert!(!required, "{why}");
        eprintln!("not run: {why}");
        return;
    }
    let mut trio = Trio::steady(THREE).await;
    let mut servers = Vec::new();
    for index in THREE {
        servers.push(format!("http://{}", trio.daemon(index).api().await));
    }
    let window = Window::open(trio.stage.folder(), &servers.join(","));
    a_quiet_night(&window).await;
    slips_of_the_fingers(&window).await;
    an_outage(&trio, &window).await;
    what_is_kept_of_it(&window).await;
    the_way_back(&trio, &window).await;
    what_there_was(&window).await;
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
}

async fn a_quiet_night(window: &Window) {
    let text = window.after("failoverctl status", 0).await;
    says(
        &text,
        &[
            "Lost       nothing",
            "failoverd  watches; there is nothing to do",
            "You may    go back to sleep",
            "APPLICATION",
            "steady",
            "3 of 3 members heard",
        ],
    );
    // Colours at a terminal, and nowhere else.
    let red_or_green = |text: &str| text.contains("\u{1b}[3");
    assert!(red_or_green(&window.painted()), "{}", window.painted());
    window.after("failoverctl --no-color status", 0).await;
    assert!(!red_or_green(&window.painted()), "{}", window.painted());
    window.after("NO_COLOR=1 failoverctl status", 0).await;
    assert!(!red_or_green(&window.painted()), "{}", window.painted());
    let piped = window.after("failoverctl status | grep -c $'\\e'", 1).await;
    assert!(piped.contains("\n0\n"), "{piped}");
    let text = window.after("failoverctl votes shop", 0).await;
    says(&text, &["ireland", "frankfurt", "stockholm"]);
    says(&text, &[&format!("{HOME} is up")]);
    let text = window.after("failoverctl why shop", 0).await;
    says(&text, &["shop"]);
}

/// Each mistake with its own exit code, its reason and what to do instead; nothing is done.
async fn slips_of_the_fingers(window: &Window) {
    for (line, exit, words) in [
        ("failoverctl failovr shop", 2, "error:"),
        (
            "failoverctl failover nothing --reason x",
            2,
            "no application is called",
        ),
        ("failoverctl show shop-7", 2, "no run is called"),
        (
            "failoverctl --server http://127.0.0.1:9 status",
            3,
            "error:",
        ),
        // There is nobody to be asked.
        (
            "failoverctl switchover shop --reason x </dev/null",
            2,
            "--yes",
        ),
        // It serves there already.
        (
            &format!("failoverctl failover shop --to {HOME} --reason x"),
            4,
            "Such a run would be REFUSED now:",
        ),
    ] {
        let text = window.after(line, exit).await;
        says(&text, &[words]);
    }
    let text = window.after("failoverctl runs shop", 0).await;
    assert!(!text.contains("shop-1"), "{text}");
}

/// Watched, not touched: failoverd does it by itself.
async fn an_outage(trio: &Trio, window: &Window) {
    // So that the run is still open when somebody looks: its first step waits for nodes.
    trio.stage.inject(no_capacity());
    window.begin("failoverctl status --watch=200ms").await;
    window.shows("Ctrl-C ends it").await;
    trio.stage.inject(lost());
    let lost = format!("{HOME} is DOWN");
    window
        .until("it is lost", |screen| {
            fits(screen, "");
            screen.contains(&lost).then_some(())
        })
        .await;
    // The run is seen there as soon as it is open.
    window.shows("shop-1").await;
    window.interrupt();
    let (_, exit) = window.prompt().await;
    assert_eq!(exit, 0);
    window.begin("failoverctl follow shop-1").await;
    let spins = |screen: &str| {
        let line = screen.lines().find(|line| {
            line.contains("grow-standby") && line.starts_with(|c| SPINNER.contains(c))
        })?;
        line.chars().next()
    };
    let first = window.until("a step is under way", spins).await;
    window
        .until("its spinner turns", |screen| {
            spins(screen).filter(|frame| *frame != first)
        })
        .await;
    fits(&window.screen(), "");
    trio.stage.clear(&no_capacity());
    let (text, exit) = window.prompt().await;
    assert_eq!(exit, 0, "{text}");
    says(
        &text,
        &[
            &format!("shop-1: failover of shop from {HOME} to {STANDBY}"),
            "promote-database done",
            "verify-write done",
        ],
    );
    fits(&text, "failoverctl follow shop-1");
    // Nothing spins any more.
    assert_eq!(spins(&window.screen()), None, "{text}");
    // What it did is watched, until it is closed.
    let text = window.after("failoverctl follow shop-1 --soak", 0).await;
    says(&text, &["Completed"]);
}

async fn what_is_kept_of_it(window: &Window) {
    let text = window.after("failoverctl status shop", 0).await;
    says(
        &text,
        &[
            "Quarantined",
            &format!("failoverctl rejoin shop {HOME}"),
            "its home is",
        ],
    );
    // In a pipe: a line each, nothing drawn over, the same end.
    let text = window
        .after("failoverctl follow shop-1 | grep -c $'[\\e\\r]'", 1)
        .await;
    assert!(text.contains("\n0\n"), "{text}");
    let text = window
        .after("failoverctl --output json runs | head -c1", 0)
        .await;
    says(&text, &["{"]);
    let text = window.after("failoverctl resume shop-1", 4).await;
    says(&text, &["error:"]);
}

async fn the_way_back(trio: &Trio, window: &Window) {
    trio.stage.clear(&lost());
    // Until it is well again for everybody.
    window
        .asked_until("failoverctl votes shop", &format!("{HOME} is up"))
        .await;
    window
        .after(&format!("failoverctl rejoin shop {HOME}"), 0)
        .await;
    // What a person may see before they decide.
    window
        .asked_until(
            "failoverctl plan shop --kind failback",
            "To do exactly this:",
        )
        .await;
    let failback = "failoverctl failback shop --reason 'home again'";
    let question = format!("Type {HOME} to confirm:");
    window.begin(failback).await;
    let text = window.shows(&question).await;
    says(&text, &["Such a run would be opened now."]);
    // The other Region, a yes, and nothing at all confirm nothing.
    for typed in [STANDBY, "yes", ""] {
        window.type_line(typed);
        let (text, exit) = window.prompt().await;
        assert_eq!(exit, 1, "{text}");
        says(&text, &["not confirmed: nothing was done"]);
        window.begin(failback).await;
        window.shows(&question).await;
    }
    window.type_line(HOME);
    let (text, exit) = window.prompt().await;
    assert_eq!(exit, 0, "{text}");
    fits(&text, failback);
    says(
        &text,
        &[&format!(
            "shop-2: failback of shop from {STANDBY} to {HOME}"
        )],
    );
}

async fn what_there_was(window: &Window) {
    window.after("failoverctl follow shop-2 --soak", 0).await;
    let text = window.after("failoverctl runs shop", 0).await;
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("shop-"))
        .collect();
    assert_eq!(rows.len(), 2, "{text}");
    for (row, words) in rows.iter().zip([
        ["shop-2", "failback", HOME, "completed", "ada"],
        ["shop-1", "failover", STANDBY, "completed", "quorum"],
    ]) {
        says(row, &words);
    }
    let text = window.after("failoverctl show shop-2", 0).await;
    says(&text, &["home again"]);
    let text = window.after("failoverctl audit --verify", 0).await;
    says(&text, &["ada"]);
    let text = window.after("failoverctl status", 0).await;
    says(&text, &["Lost       nothing"]);
}

fn lost() -> Fault {
    Fault::RegionDown {
        region: RegionId::from(HOME),
    }
}

fn no_capacity() -> Fault {
    Fault::NoCapacity {
        region: RegionId::from(STANDBY),
        at_most: 2,
    }
}
