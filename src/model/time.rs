//! Time as the core knows it: integer milliseconds, always handed in, never asked for.
//!
//! Two clocks, on purpose of two types. [`Mono`] ages things (votes, proofs, hold-downs) and never
//! steps; [`Wall`] dates things for people and for CloudWatch, and may step at any moment.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time in milliseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000)
    }

    /// So many minutes.
    pub const fn from_mins(mins: u64) -> Self {
        Self(mins * 60_000)
    }

    /// As the standard library's duration.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// `self` times `n`, stopping at the largest value.
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// The sum, stopping at the largest value.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Millis {
    /// As a person writes it: `850ms`, `12.5s`, `4m`, `1h5m`, `2d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        let text = match ms {
            0 => "0s".to_owned(),
            1..1_000 => format!("{ms}ms"),
            1_000..60_000 if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
            1_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
            60_000..3_600_000 => pair(ms / 60_000, 'm', ms % 60_000 / 1_000, 's'),
            3_600_000..86_400_000 => pair(ms / 3_600_000, 'h', ms % 3_600_000 / 60_000, 'm'),
            _ => pair(ms / 86_400_000, 'd', ms % 86_400_000 / 3_600_000, 'h'),
        };
        f.pad(&text)
    }
}

fn pair(large: u64, large_unit: char, small: u64, small_unit: char) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// A moment on this member's own clock that never steps and counts suspend
/// (`CLOCK_BOOTTIME`), in milliseconds. Meaningless on another member.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Mono {
    /// How long ago `earlier` was; zero if it is not past.
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Millis> for Mono {
    type Output = Self;
    fn add(self, length: Millis) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl Sub<Millis> for Mono {
    type Output = Self;
    fn sub(self, length: Millis) -> Self {
        Self(self.0.saturating_sub(length.0))
    }
}

/// A moment of world time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(pub u64);

impl Wall {
    /// How long ago `earlier` was; zero if it is not past.
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Wall {
    /// RFC 3339, in UTC, with milliseconds: `2026-11-20T13:05:11.042Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, in_day) = (self.0 / DAY_MS, self.0 % DAY_MS);
        let (year, month, day) = civil(days);
        let (hours, minutes) = (in_day / 3_600_000, in_day / 60_000 % 60);
        let (seconds, millis) = (in_day / 1_000 % 60, in_day % 1_000);
        let text = format!(
            "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z"
        );
        f.pad(&text)
    }
}

const DAY_MS: u64 = 86_400_000;

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01. Years are counted
/// from March, so that the leap day is the last of its year, in eras of 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // From 0000-03-01 to 1970-01-01.
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

impl Add<Millis> for Wall {
    type Output = Self;
    fn add(self, length: Millis) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl Sub<Millis> for Wall {
    type Output = Self;
    fn sub(self, length: Millis) -> Self {
        Self(self.0.saturating_sub(length.0))
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now {
    /// For ages.
    pub mono: Mono,
    /// For dates.
    pub wall: Wall,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_735_689_599_042, "2024-12-31T23:59:59.042Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (at, text) in cases {
            assert_eq!(Wall(at).to_string(), text);
        }
        // As a library of calendars writes it, day after day over four centuries.
        for day in (0..146_097).step_by(13) {
            let at = day * 86_400_000 + 12_345_678;
            let theirs = jiff::Timestamp::from_millisecond(i64::try_from(at).unwrap()).unwrap();
            let theirs = theirs.strftime("%Y-%m-%dT%H:%M:%S.678Z").to_string();
            assert_eq!(Wall(at).to_string(), theirs);
        }
    }

    #[test]
    fn lengths_read_as_a_person_writes_them() {
        let cases = [
            (0, "0s"),
            (850, "850ms"),
            (12_500, "12.5s"),
            (30_000, "30s"),
            (240_000, "4m"),
            (250_000, "4m10s"),
            (3_900_000, "1h5m"),
            (172_800_000, "2d"),
        ];
        for (ms, text) in cases {
            assert_eq!(Millis(ms).to_string(), text);
        }
    }
}
