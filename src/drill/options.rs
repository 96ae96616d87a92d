//! What the person who starts a drill chooses.

use std::path::PathBuf;

/// How a scenario is played. None of it changes what is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillOptions {
    /// How many times faster than real time the world runs, 1 to 60.
    pub speed: u32,
    /// What makes the faults and their order repeat.
    pub seed: u64,
    /// The user's own runbook, instead of the scenario's.
    pub runbook: Option<PathBuf>,
}

impl DrillOptions {
    /// Half a minute of world time per second: a failover of seven minutes fits into fifteen
    /// seconds, and 3 s of probe timeout are still 100 ms of real time.
    pub const DEFAULT_SPEED: u32 = 30;
    /// Faster than this a busy host's scheduling delays would look like outages.
    pub const MAX_SPEED: u32 = 60;
    /// Any number would do. A fixed one makes two drills of the same build comparable.
    pub const DEFAULT_SEED: u64 = 1;
}

impl Default for DrillOptions {
    fn default() -> Self {
        Self {
            speed: Self::DEFAULT_SPEED,
            seed: Self::DEFAULT_SEED,
            runbook: None,
        }
    }
}
