//! Planned windows: times in which automation is held, as configured. When one is open stands in
//! `quorum::open_window`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AppId, Millis, Wall};

/// A time in which nothing is done without a person's word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AutomationWindow {
    /// All applications if empty.
    pub applications: BTreeSet<AppId>,
    pub reason: String,
    pub times: WindowTimes,
}

/// When a window is open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "times")]
pub enum WindowTimes {
    /// Again and again.
    Every {
        /// 0 is Monday; every day if absent.
        weekday: Option<u8>,
        /// Since midnight where the window's clock stands.
        begins: Millis,
        lasts: Millis,
        /// What that clock is ahead of UTC, in minutes.
        ahead_of_utc: i32,
    },
    Once {
        from: Wall,
        until: Wall,
    },
}
