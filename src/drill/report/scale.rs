//! World seconds to picture units, and to words.

/// The time axis that every panel of a picture shares.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from_s: f64,
    to_s: f64,
    left: f64,
    right: f64,
}

impl Scale {
    /// Maps `from_s..to_s` onto `left..right`. A span of nothing is shown as one second.
    pub fn new(from_s: f64, to_s: f64, left: f64, right: f64) -> Self {
        Self {
            from_s,
            to_s: to_s.max(from_s + 1.0),
            left,
            right,
        }
    }

    /// Where that second stands; what lies outside stands at the edge.
    pub fn x(&self, second: f64) -> f64 {
        let second = second.clamp(self.from_s, self.to_s);
        self.left + (second - self.from_s) / (self.to_s - self.from_s) * (self.right - self.left)
    }

    /// How many seconds a width is worth.
    pub fn seconds(&self, width: f64) -> f64 {
        width / (self.right - self.left) * (self.to_s - self.from_s)
    }

    /// Round seconds at least `apart` units from each other.
    pub fn ticks(&self, apart: f64) -> Vec<f64> {
        const STEPS: [f64; 14] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
            7_200.0,
        ];
        let least = self.seconds(apart);
        let step = STEPS
            .into_iter()
            .find(|step| *step >= least)
            .unwrap_or_else(|| (least / 3_600.0).ceil() * 3_600.0);
        let mut ticks = Vec::new();
        let mut tick = (self.from_s / step).ceil() * step;
        while tick <= self.to_s {
            ticks.push(tick);
            tick += step;
        }
        ticks
    }

    /// The left edge's second.
    pub fn first_s(self) -> f64 {
        self.from_s
    }

    /// The right edge's second.
    pub fn last_s(self) -> f64 {
        self.to_s
    }

    /// The right edge.
    pub fn right(self) -> f64 {
        self.right
    }

    /// The left edge.
    pub fn left(self) -> f64 {
        self.left
    }
}

/// A length as a person says it: `0.4 s`, `17.2 s`, `2 m 58 s`, `1 h 5 m`.
pub fn length(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let seconds = seconds.abs();
    if seconds < 59.95 {
        return format!("{sign}{seconds:.1} s");
    }
    let whole = seconds.round();
    if whole < 3_600.0 {
        let minutes = (whole / 60.0).floor();
        format!("{sign}{minutes:.0} m {:02.0} s", whole - minutes * 60.0)
    } else {
        let hours = (whole / 3_600.0).floor();
        let minutes = ((whole - hours * 3_600.0) / 60.0).floor();
        format!("{sign}{hours:.0} h {minutes:02.0} m")
    }
}

/// A moment on the axis: `0`, `+30 s`, `+2 m`, `+2:30`, `-15 s`.
pub fn moment(second: f64) -> String {
    let sign = if second < 0.0 { "−" } else { "+" };
    let whole = second.abs().round();
    if whole == 0.0 {
        return "0".to_owned();
    }
    if whole < 60.0 {
        return format!("{sign}{whole:.0} s");
    }
    let minutes = (whole / 60.0).floor();
    let rest = whole - minutes * 60.0;
    if rest == 0.0 {
        format!("{sign}{minutes:.0} m")
    } else {
        format!("{sign}{minutes:.0}:{rest:02.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_say_them() {
        for (seconds, text) in [
            (0.42, "0.4 s"),
            (17.16, "17.2 s"),
            (59.97, "1 m 00 s"),
            (178.2, "2 m 58 s"),
            (3_905.0, "1 h 05 m"),
            (-3.0, "-3.0 s"),
        ] {
            assert_eq!(length(seconds), text);
        }
    }

    #[test]
    fn moments_are_short() {
        for (second, text) in [
            (0.0, "0"),
            (30.0, "+30 s"),
            (-15.0, "−15 s"),
            (120.0, "+2 m"),
            (150.0, "+2:30"),
        ] {
            assert_eq!(moment(second), text);
        }
    }

    #[test]
    fn ticks_are_round_and_not_crowded() {
        let scale = Scale::new(-20.0, 200.0, 100.0, 900.0);
        assert_eq!(
            scale.ticks(70.0),
            [0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0]
        );
        assert!((scale.x(0.0) - 172.7).abs() < 0.1);
        assert!((scale.x(9_999.0) - 900.0).abs() < f64::EPSILON);
    }

    #[test]
    fn an_empty_span_is_no_division_by_zero() {
        let scale = Scale::new(5.0, 5.0, 0.0, 100.0);
        assert!(scale.x(5.0).is_finite());
        assert!(!scale.ticks(10.0).is_empty());
    }
}
