//! Many seeds, on every core, each twice.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::coverage::Coverage;
use crate::trace::Keep;
use crate::world::{Report, World};

/// Lines of the trace told of a seed that failed.
const TOLD: usize = 60;

/// After so many failures the rest is not tried: they are probably one.
const ENOUGH: usize = 20;

/// What many seeds came to.
#[derive(Debug, Default)]
pub struct Campaign {
    pub seeds: u64,
    pub coverage: Coverage,
    failed: Vec<(u64, String)>,
    events: u64,
    runs: u64,
    writes: u64,
    cluster_ms: u64,
    of_five: u64,
}

/// A number from the environment.
pub fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

impl Campaign {
    pub fn run(seeds: Range<u64>) -> Self {
        let next = AtomicU64::new(seeds.start);
        let whole = Mutex::new(Self::default());
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            return;
                        }
                        let told = twice(seed);
                        let mut whole = whole.lock().unwrap_or_else(PoisonError::into_inner);
                        if whole.failed.len() >= ENOUGH {
                            return;
                        }
                        whole.take(seed, told);
                    }
                });
            }
        });
        whole.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&mut self, seed: u64, told: Result<Report, String>) {
        self.seeds += 1;
        match told {
            Ok(report) => {
                self.coverage.add(&report.coverage);
                self.events += report.events;
                self.runs += report.runs as u64;
                self.writes += report.writes;
                self.cluster_ms += report.lasted;
                self.of_five += u64::from(report.members == 5);
            }
            Err(why) => self.failed.push((seed, why)),
        }
    }

    /// Fails with how to see each failure again.
    pub fn assert_good(&self) {
        let mut failed = self.failed.iter().collect::<Vec<_>>();
        failed.sort();
        let Some((first, _)) = failed.first() else {
            return;
        };
        for (seed, why) in &failed {
            println!("seed {seed}: {why}");
        }
        for line in last_lines(*first) {
            println!("{line}");
        }
        panic!(
            "{} of {} seeds failed; see the first again:\n  \
             SIMULATION_SEED={first} cargo test --test simulation replay -- --nocapture",
            failed.len(),
            self.seeds
        );
    }
}

/// Runs a seed twice: the traces must be the same to the byte.
fn twice(seed: u64) -> Result<Report, String> {
    let once = once(seed)?;
    let again = World::new(seed, Keep::Nothing).run();
    if once == again {
        Ok(once)
    } else {
        Err(format!("two runs differ: {once:?}, {again:?}"))
    }
}

fn once(seed: u64) -> Result<Report, String> {
    let run = AssertUnwindSafe(|| World::new(seed, Keep::Nothing).run());
    catch_unwind(run).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
        text.unwrap_or_else(|| "it panicked".to_owned())
    })
}

/// The end of the trace of a seed that fails.
fn last_lines(seed: u64) -> Vec<String> {
    let mut world = World::new(seed, Keep::Last(TOLD));
    // It fails again, or this is not what failed.
    let _ = catch_unwind(AssertUnwindSafe(|| world.run()));
    world.trace.kept().cloned().collect()
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.cluster_ms / 3_600_000;
        let minutes = self.cluster_ms / 60_000 % 60;
        writeln!(
            f,
            "{} seeds ({} of five members), {hours} h {minutes} min of a cluster's life, {} events, \
             {} runs, {} writes to AWS, {} failed\n",
            self.seeds,
            self.of_five,
            self.events,
            self.runs,
            self.writes,
            self.failed.len()
        )?;
        write!(f, "{}", self.coverage)
    }
}
