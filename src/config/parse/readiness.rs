//! `[readiness]`: how often everything that plans will touch is looked at.

use crate::config::types::ReadinessPolicy;
use crate::model::Millis;
use crate::runbook::spanned::{Table, read};

/// A look takes some seconds, and after three intervals it counts no more: it must have come to its end
/// by then. More seldom than once an hour, and what the guard goes by is of another time.
const INTERVAL: std::ops::RangeInclusive<Millis> = Millis::from_secs(10)..=Millis::from_mins(60);

const DAY: Millis = Millis::from_mins(24 * 60);

pub(super) fn read(table: &Table<'_>) -> ReadinessPolicy {
    let base = ReadinessPolicy::default();
    ReadinessPolicy {
        interval: table
            .or("interval", base.interval, read::duration(INTERVAL))
            .unwrap_or(base.interval),
        drill_max_age: table
            .or(
                "drill_max_age",
                base.drill_max_age,
                read::duration(DAY..=DAY.times(366)),
            )
            .unwrap_or(base.drill_max_age),
    }
}
