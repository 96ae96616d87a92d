//! Why automation stands still: pauses, planned windows, who has heard of them, and which of them
//! somebody should end.

use super::wire::{self, Confirmation, Warning};
use crate::daemon::snapshot::Snapshot;
use crate::model::{AppId, AutomationPause, AutomationWindow, MemberId, Millis, State, Wall};
use crate::quorum;

/// `GET /v1/automation`: everything that holds automation, and which member has heard of the pauses.
pub fn report(
    snapshot: &Snapshot,
    members: &[MemberId],
    windows: &[AutomationWindow],
) -> wire::AutomationReport {
    let cluster = &snapshot.cluster;
    let members = members.iter().map(|member| {
        let applied = cluster.applied.get(member).copied();
        Confirmation {
            member: member.to_string(),
            applied,
            confirmed: applied.is_some_and(|applied| applied >= cluster.automation_as_of),
        }
    });
    wire::AutomationReport {
        pauses: pauses(&snapshot.state, snapshot.at.wall, windows),
        applied: cluster.automation_as_of,
        members: members.collect(),
    }
}

/// Every pause that is in force at `now`, then every planned window that is open.
pub fn pauses(
    state: &State,
    now: Wall,
    windows: &[AutomationWindow],
) -> Vec<wire::AutomationPause> {
    let said = in_force(state, now).map(|(app, pause)| wire::AutomationPause {
        application: app.map(ToString::to_string),
        planned: false,
        by: pause.by.clone(),
        reason: pause.reason.clone(),
        since: moment(pause.since),
        until: pause.until.map(moment),
        age_ms: now.since(pause.since).0,
        remaining_ms: pause.until.map(|until| until.since(now).0),
    });
    let planned = windows
        .iter()
        .filter_map(|window| quorum::is_open(window, now));
    let planned = planned.flat_map(|open| {
        let apps = &open.window.applications;
        let named: Vec<Option<&AppId>> = match apps.is_empty() {
            true => vec![None],
            false => apps.iter().map(Some).collect(),
        };
        named
            .into_iter()
            .map(|app| wire::AutomationPause {
                application: app.map(ToString::to_string),
                planned: true,
                by: "configuration".to_owned(),
                reason: open.window.reason.clone(),
                since: moment(open.since),
                until: Some(moment(open.until)),
                age_ms: now.since(open.since).0,
                remaining_ms: Some(open.until.since(now).0),
            })
            .collect::<Vec<_>>()
    });
    said.chain(planned).collect()
}

/// The pauses that have lasted for longer than `nag_after`: a pause that is forgotten is an outage
/// that nobody answers.
pub fn nags(state: &State, now: Wall, nag_after: Millis) -> Vec<Warning> {
    in_force(state, now)
        .filter(|(_, pause)| now.since(pause.since) > nag_after)
        .map(|(app, pause)| Warning {
            code: "automation_paused_long".to_owned(),
            text: format!(
                "automation{} is paused for {} by now, by {}: {}",
                app.map(|app| format!(" of {app}")).unwrap_or_default(),
                whole_minutes(now.since(pause.since)),
                pause.by,
                pause.reason
            ),
            remedy: Some(match app {
                Some(app) => format!("`failoverctl resume-automation {app}` if it is over"),
                None => "`failoverctl resume-automation` if it is over".to_owned(),
            }),
            application: app.map(ToString::to_string),
        })
        .collect()
}

/// A pause of longer than this is a configuration: `automation = "ask"`.
pub(super) const LONGEST: Millis = Millis::from_mins(90 * 24 * 60);

/// Why a pause cannot end as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEnd {
    #[error("the pause has no end")]
    None,
    #[error("`until` and `for_ms` are both given")]
    Two,
    #[error("`until` is no moment: {text:?}")]
    Moment { text: String },
    #[error("the pause would have ended already, at {}", moment(*.at))]
    Past { at: Wall },
    #[error("a pause lasts {LONGEST} at the most")]
    Long,
}

impl BadEnd {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::None => "no_end",
            Self::Two => "two_ends",
            Self::Moment { .. } => "bad_moment",
            Self::Past { .. } => "past_end",
            Self::Long => "long_pause",
        }
    }
}

/// When a pause that is asked for at `now` ends by itself.
///
/// # Errors
///
/// Where neither or both of `until` and `for_ms` are given, or the end is no moment, past or too far.
pub fn end_of(ask: &wire::PauseAutomation, now: Wall) -> Result<Wall, BadEnd> {
    let until = match (&ask.until, ask.for_ms) {
        (Some(_), Some(_)) => return Err(BadEnd::Two),
        (None, None) => return Err(BadEnd::None),
        (None, Some(length)) => now + Millis(length),
        (Some(text), None) => {
            let bad = || BadEnd::Moment { text: text.clone() };
            super::view::parse_moment(text.trim()).ok_or_else(bad)?
        }
    };
    if until <= now {
        return Err(BadEnd::Past { at: until });
    }
    if until.since(now) > LONGEST {
        return Err(BadEnd::Long);
    }
    Ok(until)
}

fn in_force(state: &State, now: Wall) -> impl Iterator<Item = (Option<&AppId>, &AutomationPause)> {
    let all = state.automation_paused.iter().map(|pause| (None, pause));
    let apps = state
        .apps
        .iter()
        .filter_map(|(name, app)| Some((Some(name), app.automation_paused.as_ref()?)));
    all.chain(apps)
        .filter(move |(_, pause)| pause.until.is_none_or(|until| now < until))
}

fn whole_minutes(length: Millis) -> Millis {
    Millis::from_mins(length.0 / 60_000)
}

/// RFC 3339 in UTC with milliseconds.
pub(super) fn moment(at: Wall) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => format!("{at:.3}"),
        // A clock beyond every calendar: said as it is.
        Err(_) => format!("{}ms", at.0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Now, WindowTimes};

    const NOW: Wall = Wall(1_800_000_000_000);

    fn snapshot() -> Snapshot {
        let mut state = State::default();
        let pause = |since, until| AutomationPause {
            by: "ada".to_owned(),
            reason: "migration".to_owned(),
            since: NOW - Millis::from_mins(since),
            until: Some(NOW + Millis::from_mins(until)),
        };
        state.automation_paused = Some(pause(10, 20));
        let old = state.apps.entry("shop".into()).or_default();
        old.automation_paused = Some(pause(300, 60));
        let over = state.apps.entry("blog".into()).or_default();
        over.automation_paused = Some(AutomationPause {
            until: Some(NOW),
            ..pause(500, 0)
        });
        let at = Now {
            wall: NOW,
            ..Now::default()
        };
        let mut snapshot = Snapshot::starting(at, Arc::new(state));
        let applied = [("m1".into(), 12), ("m2".into(), 11)];
        snapshot.cluster.applied = applied.into();
        snapshot.cluster.automation_as_of = 12;
        snapshot
    }

    #[test]
    fn a_member_confirms_what_it_has_applied_and_silence_confirms_nothing() {
        let members = ["m1", "m2", "m3"].map(MemberId::from);
        let window = AutomationWindow {
            applications: ["blog".into()].into(),
            reason: "patches".to_owned(),
            times: WindowTimes::Once {
                from: NOW - Millis(1),
                until: NOW + Millis::from_mins(5),
            },
        };
        let report = report(&snapshot(), &members, &[window]);
        let confirmed: Vec<bool> = report.members.iter().map(|m| m.confirmed).collect();
        assert_eq!(confirmed, [true, false, false]);
        let shown: Vec<_> = report
            .pauses
            .iter()
            .map(|p| (p.application.as_deref(), p.planned, p.remaining_ms))
            .collect();
        let minutes = |n: u64| Some(n * 60_000);
        assert_eq!(
            shown,
            [
                (None, false, minutes(20)),
                (Some("shop"), false, minutes(60)),
                (Some("blog"), true, minutes(5))
            ]
        );
    }

    #[test]
    fn a_pause_that_has_lasted_too_long_is_asked_for() {
        let state = &snapshot().state;
        let nags = nags(state, NOW, Millis::from_mins(240));
        insta::assert_snapshot!(
            nags[0].text,
            @"automation of shop is paused for 5h by now, by ada: migration"
        );
        assert_eq!(nags.len(), 1);
        assert_eq!(super::nags(state, NOW, Millis::from_mins(600)), []);
    }

    #[test]
    fn a_pause_must_end_by_itself_and_later() {
        let ask = |until: Option<&str>, for_ms| wire::PauseAutomation {
            application: None,
            reason: "migration".to_owned(),
            until: until.map(ToOwned::to_owned),
            for_ms,
            by: None,
        };
        assert_eq!(end_of(&ask(None, Some(5)), NOW), Ok(NOW + Millis(5)));
        let date = Some("2027-01-15T08:00:00.005Z");
        assert_eq!(end_of(&ask(date, None), NOW), Ok(NOW + Millis(5)));
        for (bad, code) in [
            (ask(None, None), "no_end"),
            (ask(date, Some(5)), "two_ends"),
            (ask(Some("tomorrow"), None), "bad_moment"),
            (ask(Some("2026-01-15T08:00:00Z"), None), "past_end"),
            (ask(None, Some(0)), "past_end"),
            (ask(Some("2099-01-15T08:00:00Z"), None), "long_pause"),
            (ask(None, Some(u64::MAX)), "long_pause"),
        ] {
            let refused = end_of(&bad, NOW).expect_err("it is refused");
            assert_eq!(refused.code(), code, "{bad:?}");
        }
    }
}
