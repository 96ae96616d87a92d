//! Lengths of time as a person writes them: `250ms`, `30s`, `5m`, `1h5m`, `2d`.

use crate::model::Millis;

/// Why a text is no length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum DurationError {
    #[error("it is empty")]
    Empty,
    /// `30`: of what?
    #[error("a number needs its unit: ms, s, m, h or d")]
    NoUnit,
    #[error("the units are ms, s, m, h and d")]
    UnknownUnit,
    /// `s30`, `1.5h`, `-5s`.
    #[error("each part is a whole number followed by its unit")]
    NoNumber,
    /// `5s1m`, `1m1m`: more likely a slip than meant.
    #[error("the units go from large to small, each at most once")]
    Order,
    #[error("it is too long")]
    TooLong,
}

/// Units from large to small, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads one length of time.
pub fn parse_duration(text: &str) -> Result<Millis, DurationError> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut next_unit = 0;
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(DurationError::NoNumber);
        }
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        let letters = tail
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if unit.is_empty() {
            return Err(if tail.is_empty() {
                DurationError::NoUnit
            } else {
                DurationError::NoNumber
            });
        }
        let index = UNITS
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or(DurationError::UnknownUnit)?;
        if index < next_unit {
            return Err(DurationError::Order);
        }
        next_unit = index + 1;
        total = number
            .checked_mul(UNITS[index].1)
            .and_then(|ms| total.checked_add(ms))
            .ok_or(DurationError::TooLong)?;
        rest = tail;
    }
    Ok(Millis(total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_read_as_they_are_written() {
        for (text, ms) in [
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h5m", 3_900_000),
            ("1m30s", 90_000),
            ("1s500ms", 1_500),
            ("2d", 172_800_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_says_why() {
        for (text, why) in [
            ("", DurationError::Empty),
            ("30", DurationError::NoUnit),
            ("30 s", DurationError::NoNumber),
            ("1.5h", DurationError::NoNumber),
            ("-5s", DurationError::NoNumber),
            ("s", DurationError::NoNumber),
            ("5sec", DurationError::UnknownUnit),
            ("5µs", DurationError::UnknownUnit),
            ("5s1m", DurationError::Order),
            ("1m1m", DurationError::Order),
            ("99999999999999999999s", DurationError::TooLong),
            ("9999999999999999d", DurationError::TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn parts_add_up(h in 0_u64..500, m in 0_u64..500, s in 0_u64..500) {
            let text = format!("{h}h{m}m{s}s");
            prop_assert_eq!(parse_duration(&text), Ok(Millis(((h * 60 + m) * 60 + s) * 1_000)));
        }
    }
}
