//! World time as the protocols write it.

use crate::model::Wall;

/// `2026-01-02T03:04:05.678Z`.
pub(super) fn iso(at: Wall) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default()
        .to_string()
}

/// Seconds since 1970.
pub(super) fn epoch(at: Wall) -> f64 {
    at.0 as f64 / 1_000.0
}

/// Reads `2026-01-02T03:04:05Z`.
pub(super) fn from_iso(text: &str) -> Option<Wall> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Wall)
}
