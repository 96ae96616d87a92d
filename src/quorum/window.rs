//! Whether a planned window is open: arithmetic on the date, for the core knows no calendar.
//!
//! Weeks and days are of one length: a window's clock is ahead of UTC by a fixed time, summer and
//! winter.

use crate::model::{AppId, AutomationWindow, Millis, Wall, WindowTimes};

const DAY: u64 = Millis::from_mins(24 * 60).0;

/// 1 January 1970 was a Thursday; 0 is Monday.
const FIRST_WEEKDAY: u64 = 3;

/// A window that is open, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenWindow<'a> {
    pub window: &'a AutomationWindow,
    pub since: Wall,
    pub until: Wall,
}

/// The window that holds automation of that application; of several the one that ends last.
pub fn open_window<'a>(
    windows: &'a [AutomationWindow],
    app: &AppId,
    now: Wall,
) -> Option<OpenWindow<'a>> {
    windows
        .iter()
        .filter(|window| window.applications.is_empty() || window.applications.contains(app))
        .filter_map(|window| is_open(window, now))
        .max_by_key(|open| open.until)
}

/// That window, if it is open.
pub fn is_open(window: &AutomationWindow, now: Wall) -> Option<OpenWindow<'_>> {
    let (since, until) = match &window.times {
        WindowTimes::Once { from, until } => (*from, *until),
        WindowTimes::Every {
            weekday,
            begins,
            lasts,
            ahead_of_utc,
        } => {
            let ahead = i64::from(*ahead_of_utc) * 60_000;
            let there = now.0.saturating_add_signed(ahead);
            let (round, begins) = match weekday {
                Some(day) => (7 * DAY, u64::from(*day % 7) * DAY + begins.0),
                None => (DAY, begins.0),
            };
            // Counted from a Monday.
            let place = (there + FIRST_WEEKDAY * DAY) % round;
            let elapsed = (place + round - begins % round) % round;
            let since = now - Millis(elapsed);
            (since, since + *lasts)
        }
    };
    (since <= now && now < until).then_some(OpenWindow {
        window,
        since,
        until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sunday, 1 March 2026, 00:00 UTC.
    const SUNDAY: u64 = 1_772_323_200_000;
    const MINUTE: u64 = 60_000;

    fn window(times: WindowTimes) -> AutomationWindow {
        AutomationWindow {
            applications: ["shop".into()].into(),
            reason: "patches".to_owned(),
            times,
        }
    }

    fn every(weekday: Option<u8>, begins: u64, lasts: u64, ahead_of_utc: i32) -> AutomationWindow {
        window(WindowTimes::Every {
            weekday,
            begins: Millis(begins * MINUTE),
            lasts: Millis(lasts * MINUTE),
            ahead_of_utc,
        })
    }

    fn at(minutes: i64) -> Wall {
        Wall(SUNDAY.saturating_add_signed(minutes * 60_000))
    }

    #[test]
    fn a_weekly_window_is_open_from_its_minute_to_its_end() {
        let window = every(Some(6), 120, 120, 0);
        for (minute, open) in [(119, false), (120, true), (239, true), (240, false)] {
            assert_eq!(is_open(&window, at(minute)).is_some(), open, "{minute}");
            let next_week = minute + 7 * 24 * 60;
            assert_eq!(is_open(&window, at(next_week)).is_some(), open, "{minute}");
            let monday = minute + 24 * 60;
            assert!(is_open(&window, at(monday)).is_none(), "{minute}");
        }
        let open = is_open(&window, at(150)).unwrap();
        assert_eq!((open.since, open.until), (at(120), at(240)));
    }

    #[test]
    fn a_clock_ahead_of_utc_is_there_sooner_and_a_week_ends_nowhere() {
        // Sunday 01:00 where it is two hours later is Saturday 23:00 UTC.
        let window = every(Some(6), 60, 60, 120);
        assert!(is_open(&window, at(-60)).is_some());
        assert!(is_open(&window, at(0)).is_none());
        // Sunday 23:00 for two hours lasts into Monday.
        let window = every(Some(6), 23 * 60, 120, 0);
        assert!(is_open(&window, at(24 * 60 + 30)).is_some());
        // Behind UTC.
        let window = every(Some(5), 23 * 60, 60, -60);
        assert!(is_open(&window, at(30)).is_some());
    }

    #[test]
    fn a_daily_window_is_open_each_day() {
        let window = every(None, 23 * 60, 120, 0);
        for day in 0..8 {
            let midnight = day * 24 * 60;
            assert!(is_open(&window, at(midnight + 30)).is_some(), "{day}");
            assert!(is_open(&window, at(midnight + 90)).is_none(), "{day}");
        }
    }

    #[test]
    fn once_is_once_and_only_for_whom_it_names() {
        let once = window(WindowTimes::Once {
            from: at(0),
            until: at(60),
        });
        let everybody = AutomationWindow {
            applications: [].into(),
            times: WindowTimes::Once {
                from: at(0),
                until: at(90),
            },
            ..once.clone()
        };
        let windows = [once, everybody];
        let until = |app: &str, minute| {
            open_window(&windows, &app.into(), at(minute)).map(|open| open.until)
        };
        assert_eq!(until("shop", -1), None);
        assert_eq!(until("shop", 0), Some(at(90)));
        assert_eq!(until("blog", 59), Some(at(90)));
        assert_eq!(until("shop", 90), None);
        assert_eq!(open_window(&windows[..1], &"blog".into(), at(5)), None);
    }
}
