//! Lengths of time as a person writes them.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::model::Millis;

/// What to write, for messages.
pub const FORM: &str = "a number and a unit: `850ms`, `20s`, `4m`, `1h`";

/// For `#[serde(deserialize_with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Millis, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text)
        .ok_or_else(|| D::Error::custom(format!("`{text}` is not a length of time, write {FORM}")))
}

/// `850ms`, `20s`, `4m`, `1h`. One number, one unit: a scenario needs no more.
pub fn parse(text: &str) -> Option<Millis> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(unit_ms).map(Millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_number_and_a_unit() {
        for (text, ms) in [
            ("850ms", 850),
            ("20s", 20_000),
            ("4m", 240_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(parse(text), Some(Millis(ms)), "{text}");
        }
        for text in [
            "",
            "20",
            "s",
            "-1s",
            "1.5s",
            "20 s",
            "2w",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
