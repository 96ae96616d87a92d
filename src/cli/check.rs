//! `failoverctl check`: is everything there and allowed that a plan would touch?

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::frame::{ClientError, Ended, Frame, Palette, RawWatch, Tone, age, watch, wrapped};
use crate::api::wire::{
    ApplicationStatus, Because, Page, ReadinessFinding, ReadinessLevel, ReadinessReport,
};

/// Between two questions whether a look has ended.
const PAUSE: Duration = Duration::from_secs(2);

/// As many as a look may take.
const LOOKS: usize = 90;

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawCheck {
    /// Which application; every one if absent
    application: Option<String>,
    /// Look again first, instead of showing what was last found
    #[arg(long, conflicts_with = "watch")]
    now: bool,
    /// Show what is well, too, line by line
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    watch: RawWatch,
}

/// What is shown: one report if one was asked for, in JSON too.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Found {
    One(ReadinessReport),
    All(Vec<ReadinessReport>),
}

impl Found {
    fn reports(&self) -> &[ReadinessReport] {
        match self {
            Self::One(report) => std::slice::from_ref(report),
            Self::All(reports) => reports,
        }
    }

    fn exit(&self) -> Exit {
        if self.reports().iter().all(is_ready) {
            Exit::Good
        } else {
            Exit::No
        }
    }
}

impl RawCheck {
    /// Shows what was found; exit 1 if something blocks, or if nobody has looked yet.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        let table = |found: &Found, palette| {
            let reports = found.reports().iter();
            let pages: Vec<String> = reports
                .map(|report| render(report, self.all, palette))
                .collect();
            pages.join("\n")
        };
        if self.watch.watch.is_some() {
            return watch(frame, self.watch, || self.fetch(frame), table);
        }
        let found = self.fetch(frame)?;
        Ok(frame.show(&found, found.exit(), table))
    }

    fn fetch(&self, frame: &Frame) -> Result<Found, ClientError> {
        if let Some(name) = &self.application {
            return Ok(Found::One(self.report(frame, name)?));
        }
        let mut reports = Vec::new();
        for name in names(frame)? {
            reports.push(self.report(frame, &name)?);
        }
        Ok(Found::All(reports))
    }

    fn report(&self, frame: &Frame, name: &str) -> Result<ReadinessReport, ClientError> {
        let path = ["v1", "applications", name, "check"];
        if !self.now {
            return frame.client.get(&path);
        }
        let before: ReadinessReport = frame.client.get(&path)?;
        let body = Because {
            by: Some(frame.by.clone()),
            reason: None,
        };
        match frame.client.post(&path, &body) {
            Err(ClientError::Problem { problem, .. }) if problem.code == "still_looking" => {
                when_found(frame, &path, &before)
            }
            answer => answer,
        }
    }
}

/// The first report that is not `before`. A daemon gives up a look after three minutes.
fn when_found(
    frame: &Frame,
    path: &[&str],
    before: &ReadinessReport,
) -> Result<ReadinessReport, ClientError> {
    let mut last = frame.client.get::<ReadinessReport>(path)?;
    for _ in 0..LOOKS {
        if last.summary.checked_at != before.summary.checked_at {
            break;
        }
        frame.client.pause(PAUSE)?;
        last = frame.client.get(path)?;
    }
    // What it shows is old then, and says so.
    Ok(last)
}

/// Every application that whoever asks may see.
fn names(frame: &Frame) -> Result<Vec<String>, ClientError> {
    let mut names = Vec::new();
    let mut query = Vec::new();
    loop {
        let page: Page<ApplicationStatus> =
            frame.client.get_with(&["v1", "applications"], &query)?;
        names.extend(page.items.into_iter().map(|app| app.name));
        match page.next {
            Some(after) => query = vec![("after", after)],
            None => return Ok(names),
        }
    }
}

fn is_ready(report: &ReadinessReport) -> bool {
    report.checked_by.is_some() && report.summary.blocking == 0
}

fn render(report: &ReadinessReport, all: bool, palette: Palette) -> String {
    let mut text = wrapped("", &headline(report));
    for (place, findings) in by_region(report) {
        text += "\n";
        text += &palette.paint_lines(Tone::Strong, &format!("{place}\n"));
        let mut well = 0;
        for finding in findings {
            if finding.level == ReadinessLevel::Passed && !all {
                well += 1;
            } else {
                text += &line(finding, palette);
            }
        }
        if well > 0 {
            let mark = palette.paint(Tone::Good, "✓");
            let what = if well == 1 { "check" } else { "checks" };
            text += &format!("  {mark} {well} {what} passed\n");
        }
    }
    text
}

fn headline(report: &ReadinessReport) -> String {
    let name = &report.application;
    let (Some(by), Some(ms)) = (&report.checked_by, report.summary.age_ms) else {
        return format!("{name}: nobody has looked yet; --now looks");
    };
    let summary = &report.summary;
    let told = [
        (summary.blocking, "blocking"),
        (
            summary.warnings,
            if summary.warnings == 1 {
                "warning"
            } else {
                "warnings"
            },
        ),
        (summary.unknown, "unknown"),
        (summary.passed, "passed"),
    ];
    let told: Vec<String> = told
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let ready = if summary.blocking == 0 {
        "ready"
    } else {
        "not ready"
    };
    format!(
        "{name}: {ready} ({}), checked by {by} {}",
        told.join(", "),
        age(ms)
    )
}

/// The Region with the worst finding first; what belongs to none is a place like any other.
fn by_region(report: &ReadinessReport) -> Vec<(&str, Vec<&ReadinessFinding>)> {
    let mut places: BTreeMap<&str, Vec<&ReadinessFinding>> = BTreeMap::new();
    for finding in &report.findings {
        let place = finding.region.as_deref().unwrap_or("every Region");
        places.entry(place).or_default().push(finding);
    }
    let mut places: Vec<_> = places.into_iter().collect();
    for (_, findings) in &mut places {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    }
    places.sort_by_key(|(_, findings)| std::cmp::Reverse(findings.iter().map(|f| f.level).max()));
    places
}

fn line(finding: &ReadinessFinding, palette: Palette) -> String {
    let (mark, tone, word) = match finding.level {
        ReadinessLevel::Passed => ("✓", Tone::Good, "passed"),
        ReadinessLevel::Unknown => ("?", Tone::Warn, "unknown"),
        ReadinessLevel::Warning => ("!", Tone::Warn, "warning"),
        ReadinessLevel::Blocking => ("✗", Tone::Bad, "blocking"),
    };
    let head = format!("{word:<8}  {}", finding.code);
    let mut text = format!(
        "  {} {}\n",
        palette.paint(tone, mark),
        palette.paint(tone, &head)
    );
    text += &wrapped("      ", &finding.text);
    // An ARN is longer than the line, and its text says enough for people; JSON has it.
    if !finding.subject.starts_with("arn:") {
        text += &wrapped("      on  ", &finding.subject);
    }
    if let Some(remedy) = &finding.remedy {
        text += &wrapped("      do  ", remedy);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::wire::ReadinessSummary;

    fn finding(
        level: ReadinessLevel,
        region: Option<&str>,
        code: &str,
        text: &str,
        remedy: Option<&str>,
    ) -> ReadinessFinding {
        ReadinessFinding {
            code: code.to_owned(),
            level,
            region: region.map(str::to_owned),
            subject: "shop-eu-central-1".to_owned(),
            text: text.to_owned(),
            remedy: remedy.map(str::to_owned),
        }
    }

    fn report() -> ReadinessReport {
        ReadinessReport {
            application: "shop".to_owned(),
            checked_by: Some("eu-west-1".to_owned()),
            summary: ReadinessSummary {
                blocking: 1,
                warnings: 2,
                unknown: 1,
                passed: 3,
                checked_at: Some("2026-01-02T03:04:05.000Z".to_owned()),
                age_ms: Some(72_000),
            },
            findings: vec![
                finding(
                    ReadinessLevel::Blocking,
                    Some("eu-central-1"),
                    "database_instances",
                    "the cluster has no instance: its data is there and nothing could serve it",
                    Some("add an instance to it; that takes minutes which an outage does not have"),
                ),
                ReadinessFinding {
                    subject: "app.shop.example. A".to_owned(),
                    ..finding(
                        ReadinessLevel::Warning,
                        Some("eu-central-1"),
                        "record_ttl",
                        "TTL 300 s: resolvers keep the old answer for so long after a failover",
                        Some("lower it to 60 s or less"),
                    )
                },
                ReadinessFinding {
                    subject: "shop".to_owned(),
                    ..finding(
                        ReadinessLevel::Warning,
                        None,
                        "last_exercise",
                        "no run and no drill of it was ever completed",
                        Some("hold a game day"),
                    )
                },
                ReadinessFinding {
                    subject: "arn:aws:eks:eu-west-1:1:x".to_owned(),
                    ..finding(
                        ReadinessLevel::Unknown,
                        Some("eu-west-1"),
                        "nodegroup",
                        "node group shop/web in eu-west-1 cannot be read: no answer",
                        Some("wait for the next check: what cannot be read stands in nobody's way"),
                    )
                },
                finding(
                    ReadinessLevel::Passed,
                    None,
                    "accelerator",
                    "enabled and deployed",
                    None,
                ),
                finding(
                    ReadinessLevel::Passed,
                    Some("eu-west-1"),
                    "plan",
                    "8 steps",
                    None,
                ),
                finding(
                    ReadinessLevel::Passed,
                    Some("eu-west-1"),
                    "record_set",
                    "there",
                    None,
                ),
            ],
        }
    }

    fn shown(report: &ReadinessReport, all: bool) -> String {
        let text = render(report, all, Palette::PLAIN);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        text
    }

    #[test]
    fn the_worst_stands_first_with_what_to_do_about_it() {
        insta::assert_snapshot!("check", shown(&report(), false));
        assert!(!is_ready(&report()));
    }

    #[test]
    fn all_is_shown_to_who_asks_for_it() {
        let text = shown(&report(), true);
        assert_eq!(text.matches("passed  ").count(), 3, "{text}");
    }

    #[test]
    fn ready_and_never_looked_at() {
        let mut sound = report();
        sound.findings.retain(|f| f.level == ReadinessLevel::Passed);
        sound.summary = ReadinessSummary {
            passed: 3,
            age_ms: Some(4_000),
            ..ReadinessSummary::default()
        };
        let never = ReadinessReport {
            checked_by: None,
            summary: ReadinessSummary::default(),
            findings: Vec::new(),
            ..report()
        };
        assert!(is_ready(&sound) && !is_ready(&never));
        let text = format!("{}\n{}", shown(&sound, false), shown(&never, false));
        insta::assert_snapshot!("check_ready_and_never", text);
    }
}
