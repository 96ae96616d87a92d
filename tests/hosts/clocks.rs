//! The date of one host jumps, an hour on or back: it does not trust itself, stands down, and another
//! carries the run on. Its steady clock is left alone, as a wrong time server leaves it alone.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::child::Circumstances;
use super::net::Name;
use super::play::play_with;
use super::scene::{Hosts, Point, Scene, others};

const LIBRARY: &str = "libfaketime";

/// Where Debian and others keep it; the one for processes with several threads.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// A file for each member that says how far its date is off.
struct Dates(TempDir);

impl Dates {
    fn right() -> Self {
        let dates = Self(TempDir::new().expect("a folder for the test"));
        for index in 0..super::net::HOSTS {
            dates.set(index, "+0");
        }
        dates
    }

    fn set(&self, index: usize, off: &str) {
        // In one step: it is read at any moment.
        let new = self.0.path().join("new");
        std::fs::write(&new, format!("{off}\n")).expect("the folder is the test's own");
        std::fs::rename(&new, self.of(index)).expect("the folder is the test's own");
    }

    fn of(&self, index: usize) -> PathBuf {
        self.0.path().join(index.to_string())
    }

    fn hosts(&self, library: &str) -> Hosts {
        let circumstances = std::array::from_fn(|index| {
            Circumstances::default()
                .with("LD_PRELOAD", library)
                .with("DONT_FAKE_MONOTONIC", "1")
                .with("FAKETIME_CACHE_DURATION", "1")
                .with(
                    "FAKETIME_TIMESTAMP_FILE",
                    &self.of(index).display().to_string(),
                )
        });
        Hosts {
            circumstances,
            ..Hosts::default()
        }
    }
}

async fn date_jumps(net: Name, point: Point, off: &str) {
    let library = library().expect("looked for outside");
    let dates = Dates::right();
    let mut scene = Scene::steady_with(net, point, dates.hosts(library)).await;
    let leader = scene.reach().await;
    dates.set(leader, off);
    scene.another_leads(leader).await;
    let mark = scene.mark();
    scene
        .trio
        .daemon(leader)
        .until("it says why", async |daemon| {
            let said = daemon.log();
            let why = said.says(&["the clock stepped by"]);
            (why && said.says(&["standing down"])).then_some(())
        })
        .await;
    scene.go_on();
    scene.closes(&others(leader)).await;
    scene.wrote_nothing(leader, mark);
    // The time server is right again, which is one more step.
    dates.set(leader, "+0");
    scene.all_agree().await;
}

fn library() -> Option<&'static str> {
    LIBRARIES
        .into_iter()
        .find(|library| Path::new(library).exists())
}

#[test]
fn the_leaders_date_jumps_on_before_a_run() {
    play_with(LIBRARY, library(), async |net: Name| {
        date_jumps(net, Point::Steady, "+1h").await;
    });
}

#[test]
fn the_leaders_date_jumps_on_while_its_answer_is_on_the_way() {
    play_with(LIBRARY, library(), async |net: Name| {
        date_jumps(net, Point::CarriedOut, "+1h").await;
    });
}

#[test]
fn the_leaders_date_jumps_back_while_a_step_settles() {
    play_with(LIBRARY, library(), async |net: Name| {
        date_jumps(net, Point::Settling, "-1h").await;
    });
}

#[test]
fn the_leaders_date_jumps_back_while_its_call_is_lost() {
    play_with(LIBRARY, library(), async |net: Name| {
        date_jumps(net, Point::Lost, "-1h").await;
    });
}
