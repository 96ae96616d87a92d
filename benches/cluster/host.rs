//! This host: its clock, its load, its disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes of which the median is taken.
const WRITES: usize = 15;

/// Since 1970, as the members' logs have it.
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
pub fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The load averages, as the kernel writes them.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut words = text.split(' ').take(3);
    let words: Vec<&str> = words.by_ref().collect();
    words.join(" ")
}

/// What this disk takes for 4 KiB written and fsynced: a commit cannot be cheaper.
pub fn fsync(folder: &Path) -> Duration {
    let mut file = File::create(folder.join("bare")).expect("the folder is the drill's own");
    let mut took: Vec<Duration> = (0..WRITES)
        .map(|_| {
            let begun = now();
            file.write_all(&[7; 4096]).expect("it can be written");
            file.sync_data().expect("it can be synced");
            now().saturating_sub(begun)
        })
        .collect();
    took.sort_unstable();
    took[WRITES / 2]
}
