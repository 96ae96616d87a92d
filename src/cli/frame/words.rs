//! Times, for people.

use crate::model::Wall;

/// A length of time: to the second, and coarser the longer it is.
pub fn length(ms: u64) -> String {
    match ms / 1_000 {
        0 => format!("{ms} ms"),
        s @ 1..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// `12 s ago`; less than a second is no time to a person.
pub fn age(ms: u64) -> String {
    if ms < 1_000 {
        return "just now".to_owned();
    }
    format!("{} ago", length(ms))
}

/// How long before `now` that moment of the wire was; the moment itself where it cannot be read.
pub fn since(at: &str, now: Wall) -> String {
    match milliseconds(at) {
        Some(ms) => match now.0.checked_sub(ms) {
            // To the second, as the daemon's answers are dated.
            Some(passed) => age(passed),
            None => age(0),
        },
        None => at.to_owned(),
    }
}

/// A moment of the wire, without its parts of a second: `2026-01-02 03:04:05Z`.
pub fn moment(at: &str) -> String {
    match at.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => at.to_owned(),
    }
}

/// The text, or a dash where there is none.
pub fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn milliseconds(at: &str) -> Option<u64> {
    let at: jiff::Timestamp = at.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_short() {
        for (ms, text) in [
            (999, "999 ms"),
            (1_999, "1 s"),
            (119_999, "119 s"),
            (120_000, "2 min"),
            (7_200_000, "2 h"),
            (172_800_000, "2 d"),
        ] {
            assert_eq!(length(ms), text);
        }
    }

    #[test]
    fn a_moment_is_told_by_its_age() {
        let now = Wall(1_767_323_045_000);
        assert_eq!(since("2026-01-02T03:04:05.000Z", now), "just now");
        assert_eq!(since("2026-01-02T03:04:06.000Z", now), "just now");
        assert_eq!(since("2026-01-02T03:03:53.400Z", now), "11 s ago");
        assert_eq!(since("yesterday", now), "yesterday");
        assert_eq!(moment("2026-01-02T03:04:05.678Z"), "2026-01-02 03:04:05Z");
    }
}
