//! Steering the daemon: `pause-automation`, `resume-automation`, `ack`, `rejoin`.

use std::time::Duration;

use clap::Args;

use super::frame::{ClientError, Ended, Frame, Stop, wrapped};
use super::steer::told;
use super::{Exit, output};
use crate::api::wire::{
    AutomationPause, AutomationReport, Because, Done, PauseAutomation, Rejoin, ResumeAutomation,
};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(500);

/// Ages in answers may be this much off: none of ours is older than the call.
const ROUNDS_PER_SECOND: u64 = 2;

/// `pause-automation`, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawPause {
    /// The application; all of them if absent
    application: Option<String>,
    /// Why: it stands in status until it ends
    #[arg(long, value_name = "WHY")]
    reason: String,
    /// How long, as 30m, 2h or 1d
    #[arg(
        long = "for",
        value_name = "LENGTH",
        value_parser = length,
        required_unless_present = "until",
        conflicts_with = "until"
    )]
    length: Option<Duration>,
    /// Until when, as 2026-01-02T03:04:05Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<String>,
    /// Return when every member has confirmed it, after this long at the latest (1m if not said)
    #[arg(
        long,
        value_name = "LENGTH",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1m",
        value_parser = length
    )]
    wait: Option<Duration>,
}

/// `30m`.
fn length(text: &str) -> Result<Duration, String> {
    const HELP: &str = "give it as 90s, 30m, 2h or 1d";
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(HELP)?;
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(HELP.to_owned()),
    };
    match number.parse::<u32>() {
        Ok(0) => Err("it is longer than nothing".to_owned()),
        Ok(number) => Ok(Duration::from_secs(u64::from(number) * unit)),
        Err(_) => Err(HELP.to_owned()),
    }
}

fn moment(text: &str) -> Result<String, String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Ok(at.to_string()),
        Err(_) => Err("give it with its offset, as 2026-01-02T03:04:05Z".to_owned()),
    }
}

impl RawPause {
    /// Has it paused, and waits for the members if asked to.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        let ms = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let done: Done = frame.client.post(
            &["v1", "automation", "pause"],
            &PauseAutomation {
                application: self.application.clone(),
                reason: self.reason.clone(),
                until: self.until.clone(),
                for_ms: self.length.map(ms),
                by: Some(frame.by.clone()),
            },
        )?;
        let exit = told(frame, &done);
        match self.wait {
            None => Ok(exit),
            Some(length) => self.wait(frame, length.as_secs() * ROUNDS_PER_SECOND),
        }
    }

    fn wait(&self, frame: &Frame, rounds: u64) -> Ended {
        let mut last = None;
        for _ in 0..rounds {
            match frame.client.get::<AutomationReport>(&["v1", "automation"]) {
                Ok(report) => {
                    let missing = self.missing(&report);
                    if missing.is_empty() {
                        output::complain("Every member has confirmed.");
                        return Ok(Exit::Good);
                    }
                    let text = format!("waiting for {}", missing.join(", "));
                    if last.as_ref() != Some(&text) {
                        output::complain(wrapped("", &text).trim_end());
                        last = Some(text);
                    }
                }
                Err(error) if error.may_pass() => last = Some(error.to_string()),
                Err(error) => return Err(error.into()),
            }
            frame.client.pause(PAUSE)?;
        }
        output::complain(unconfirmed(last.as_deref().unwrap_or("nobody was asked")).trim_end());
        Err(Stop::Told(Exit::No))
    }

    /// Who has not confirmed this pause; whoever answers, as long as it does not show it itself.
    fn missing(&self, report: &AutomationReport) -> Vec<String> {
        let ours =
            |pause: &AutomationPause| !pause.planned && pause.application == self.application;
        if !report.pauses.iter().any(ours) {
            return vec!["the member that answers".to_owned()];
        }
        let silent = report.members.iter().filter(|member| !member.confirmed);
        silent.map(|member| member.member.clone()).collect()
    }
}

fn unconfirmed(why: &str) -> String {
    wrapped(
        "error: ",
        &format!("not every member has confirmed: {why}. The pause stands in the ledger"),
    ) + &wrapped(
        "  help: ",
        "A member that has not confirmed may still act by itself if it leads. See failoverctl \
         member list; ask again with --wait=5m.",
    )
}

/// `resume-automation`, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawResume {
    /// The application; the pause of all of them if absent
    application: Option<String>,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
}

impl RawResume {
    /// Ends a pause.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        post(
            frame,
            &["v1", "automation", "resume"],
            &ResumeAutomation {
                application: self.application.clone(),
                reason: self.reason.clone(),
                by: Some(frame.by.clone()),
            },
        )
    }
}

/// `ack`, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawAck {
    /// The application
    application: String,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
}

impl RawAck {
    /// Ends the cool-down and takes the brake off.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        post(
            frame,
            &["v1", "applications", &self.application, "ack"],
            &Because {
                reason: self.reason.clone(),
                by: Some(frame.by.clone()),
            },
        )
    }
}

/// `rejoin`, as typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawRejoin {
    /// The application
    application: String,
    /// The Region that is well again
    region: String,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
}

impl RawRejoin {
    /// Makes a Region a candidate again.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        post(
            frame,
            &["v1", "applications", &self.application, "rejoin"],
            &Rejoin {
                region: self.region.clone(),
                reason: self.reason.clone(),
                by: Some(frame.by.clone()),
            },
        )
    }
}

fn post(frame: &Frame, path: &[&str], body: &impl serde::Serialize) -> Ended {
    let done: Result<Done, ClientError> = frame.client.post(path, body);
    Ok(told(frame, &done?))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::api::wire::Confirmation;

    #[test]
    fn a_length_and_a_moment_are_read() {
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("1d", 86_400)] {
            assert_eq!(length(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0m", "2", "h", "2w", "-1h", "99999999999h"] {
            assert!(length(text).is_err(), "{text}");
        }
        assert!(moment("2026-01-02T03:04:05+01:00").is_ok_and(|at| at == "2026-01-02T02:04:05Z"));
        for text in ["", "tomorrow", "2026-01-02", "2026-01-02T03:04:05"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn waiting_names_who_has_not_confirmed() {
        let raw = RawPause {
            application: Some("shop".to_owned()),
            reason: "an upgrade".to_owned(),
            length: None,
            until: None,
            wait: None,
        };
        let member = |member: &str, confirmed| Confirmation {
            member: member.to_owned(),
            applied: Some(7),
            confirmed,
        };
        let mut report = AutomationReport {
            pauses: vec![sample::pause(Some("mail"))],
            applied: 7,
            members: vec![member("dublin", true), member("london", false)],
        };
        assert_eq!(raw.missing(&report), ["the member that answers"]);
        report.pauses.push(sample::pause(Some("shop")));
        assert_eq!(raw.missing(&report), ["london"]);
        report.members[1].confirmed = true;
        assert!(raw.missing(&report).is_empty());
        insta::assert_snapshot!("unconfirmed", unconfirmed("waiting for london"));
    }
}
