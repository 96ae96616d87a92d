//! `[[automation_window]]` and `[automation]`: when automation is held, and when that has lasted too
//! long.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::model::{AppId, AutomationWindow, Millis, Wall, WindowTimes};
use crate::runbook::spanned::{Findings, Located, Node, Table, read};

use super::application::AppDraft;

/// How long a pause may last until `status` and an alert ask for it: half a shift.
pub(super) const NAG_AFTER: Millis = Millis::from_mins(4 * 60);

/// A window that is open for longer is no window.
const DAY: Millis = Millis::from_mins(24 * 60);
const WEEK: Millis = Millis::from_mins(7 * 24 * 60);

/// The clocks of the world are no further apart from UTC than this, in minutes.
const AHEAD: RangeInclusive<i32> = -12 * 60..=14 * 60;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A window, and where it names applications.
#[derive(Debug)]
pub(super) struct WindowDraft {
    pub window: AutomationWindow,
    pub named: Vec<Located<String>>,
}

/// `[automation]`.
pub(super) fn nag_after(table: &Table<'_>) -> Millis {
    let range = Millis::from_mins(1)..=WEEK;
    table
        .or("nag_after", NAG_AFTER, read::duration(range))
        .unwrap_or(NAG_AFTER)
}

/// One `[[automation_window]]`.
pub(super) fn read(findings: &Findings, node: &Node) -> Option<WindowDraft> {
    Table::walk(findings, node, "[[automation_window]]", |table| {
        let reason = table.required("reason", "reason = \"weekly patches\"", read::text);
        let named = table
            .optional("applications", read::list(read::located(read::name)))
            .unwrap_or_default();
        let every = table.optional("every", every);
        let lasts = table.located("for", read::duration(Millis::from_mins(1)..=WEEK));
        let ahead_of_utc = table.optional("time_zone", time_zone);
        let from = table.optional("from", date);
        let until = table.located("until", date);
        let once = table.get("from").is_some() || table.get("until").is_some();
        let again = table.get("every").is_some();
        if once == again {
            findings.push(
                findings
                    .error(
                        "window_times",
                        table.place(),
                        if once {
                            "a window opens again and again or once, not both"
                        } else {
                            "a window says when it is open"
                        },
                    )
                    .label(if once { "both" } else { "it never opens" })
                    .help(
                        "Write every = \"Sun 02:00\" and for = \"2h\", or from = and until = with \
                         dates such as \"2026-12-01T02:00:00Z\".",
                    ),
            );
            return None;
        }
        let times = if again {
            if lasts.is_none() && table.get("for").is_none() {
                table.missing("for", "for = \"2h\"");
            }
            let (weekday, begins) = every?;
            let lasts = lasts?;
            let round = if weekday.is_some() { WEEK } else { DAY };
            if lasts.value >= round {
                findings.push(
                    findings
                        .error(
                            "window_times",
                            &lasts.place,
                            format!("a window of {} never closes", lasts.value),
                        )
                        .label("as long as the time between two")
                        .help("Set automation = \"ask\" where failoverd must never act by itself."),
                );
            }
            WindowTimes::Every {
                weekday,
                begins,
                lasts: lasts.value,
                ahead_of_utc: ahead_of_utc.unwrap_or(0),
            }
        } else {
            for key in ["from", "until"] {
                if table.get(key).is_none() {
                    table.missing(key, "a date such as \"2026-12-01T02:00:00Z\"");
                }
            }
            let (from, until) = (from?, until?);
            if until.value <= from {
                findings.push(
                    findings
                        .error(
                            "window_times",
                            &until.place,
                            "the window ends before it begins",
                        )
                        .label("not after `from`")
                        .help("Exchange the two, or correct the date."),
                );
            }
            WindowTimes::Once {
                from,
                until: until.value,
            }
        };
        Some(WindowDraft {
            window: AutomationWindow {
                applications: named.iter().map(|n| AppId(n.value.clone())).collect(),
                reason: reason?,
                times,
            },
            named,
        })
    })
}

/// Every application that a window names is there.
pub(super) fn check(findings: &Findings, windows: &[WindowDraft], applications: &[AppDraft]) {
    let known: BTreeSet<&str> = applications.iter().map(|a| a.app.name.as_str()).collect();
    for named in windows.iter().flat_map(|window| &window.named) {
        super::order::check_known(findings, named, &known, "the window holds");
    }
}

/// `Sun 02:00`, or `day 02:00`.
fn every(findings: &Findings, node: &Node) -> Option<(Option<u8>, Millis)> {
    let text = read::text(findings, node)?;
    let parsed = text.split_once(' ').and_then(|(day, time)| {
        let weekday = match day {
            "day" => None,
            day => Some(u8::try_from(WEEKDAYS.iter().position(|known| *known == day)?).ok()?),
        };
        Some((weekday, Millis::from_mins(minutes(time.trim(), 23)?)))
    });
    if parsed.is_none() {
        read::bad_value(
            findings,
            node,
            format!("`every` is no day and time: `{text}`"),
            "not a day and time",
            format!(
                "Write a day ({} or day) and a time of 24 hours, such as \"Sun 02:00\".",
                WEEKDAYS.join(", ")
            ),
        );
    }
    parsed
}

/// `+02:00`, `-05:30`, `UTC` or `Z`, in minutes.
fn time_zone(findings: &Findings, node: &Node) -> Option<i32> {
    let text = read::text(findings, node)?;
    let parsed = match text.as_str() {
        "UTC" | "Z" => Some(0),
        other => {
            let (sign, rest) = match (other.strip_prefix('+'), other.strip_prefix('-')) {
                (Some(rest), _) => (1, rest),
                (_, Some(rest)) => (-1, rest),
                (None, None) => (0, ""),
            };
            minutes(rest, 14)
                .and_then(|minutes| i32::try_from(minutes).ok())
                .map(|minutes| sign * minutes)
                .filter(|ahead| sign != 0 && AHEAD.contains(ahead))
        }
    };
    if parsed.is_none() {
        read::bad_value(
            findings,
            node,
            format!("`time_zone` is not the distance from UTC: `{text}`"),
            "not a distance from UTC",
            "Write \"+02:00\", \"-05:30\" or \"UTC\". Names of zones are not understood: a window's \
             clock is not put forward in summer.",
        );
    }
    parsed
}

/// `hh:mm`, in minutes.
fn minutes(text: &str, most_hours: u64) -> Option<u64> {
    let (hours, minutes) = text.split_once(':')?;
    let whole = |part: &str, most: u64| {
        let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = if plain {
            part.parse().ok()?
        } else {
            return None;
        };
        (number <= most).then_some(number)
    };
    Some(whole(hours, most_hours)? * 60 + whole(minutes, 59)?)
}

fn date(findings: &Findings, node: &Node) -> Option<Wall> {
    let text = read::text(findings, node)?;
    let parsed = text
        .parse::<jiff::Timestamp>()
        .ok()
        .and_then(|at| u64::try_from(at.as_millisecond()).ok());
    if parsed.is_none() {
        read::bad_value(
            findings,
            node,
            format!("{} is no date: `{text}`", read::subject(node)),
            "not a date",
            "Write it in quotes with its distance from UTC, such as \"2026-12-01T02:00:00Z\" or \
             \"2026-12-01T04:00:00+02:00\".",
        );
    }
    parsed.map(Wall)
}
