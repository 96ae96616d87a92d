//! What differs from the last answer, in lines.

use std::collections::BTreeMap;

use crate::api::wire::{Run, Step};
use crate::cli::frame::{Tone, length};
use crate::cli::{runs, show};

/// What was told already.
#[derive(Debug, Default)]
pub struct Changes {
    opened: bool,
    status: Option<(String, String)>,
    held: Option<String>,
    paused: Option<bool>,
    steps: BTreeMap<String, String>,
    findings: usize,
}

/// Something worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the run was opened, where that is known.
    pub since: Option<u64>,
    /// What it is about.
    pub topic: &'static str,
    pub text: String,
    pub tone: Tone,
}

impl Changes {
    /// What is new in it.
    pub fn take(&mut self, run: &Run) -> Vec<Line> {
        // What is closed does not go on.
        let now = run.row.closed_at.as_ref().unwrap_or(&run.at);
        let now = passed(&run.row.opened_at, now);
        let mut lines = Vec::new();
        let mut tell = |since: Option<u64>, topic, tone, text: String| {
            lines.push(Line {
                since,
                topic,
                text,
                tone,
            });
        };
        if !std::mem::replace(&mut self.opened, true) {
            let row = &run.row;
            let text = format!(
                "{}: {} of {} from {} to {}, {} steps, by {}",
                row.id,
                runs::kind(row.kind),
                row.application,
                row.from,
                row.to,
                row.steps,
                row.origin
            );
            tell(Some(0), "run", Tone::Strong, text);
        }
        for step in &run.progress {
            let known = self.steps.insert(step.id.clone(), step.status.clone());
            let waits = step.status == "waiting";
            if known.as_deref() != Some(&step.status) && !(known.is_none() && waits) {
                let (tone, text) = moved(step);
                let at = step.ended_at.as_ref().or(step.started_at.as_ref());
                let at = at.and_then(|at| passed(&run.row.opened_at, at));
                tell(at.or(now), "step", tone, text);
            }
        }
        for finding in run.findings.iter().skip(self.findings) {
            let at = passed(&run.row.opened_at, &finding.at);
            let text = format!("{}: {}", finding.step, finding.text);
            tell(at, "drift", Tone::Bad, text);
        }
        self.findings = run.findings.len().max(self.findings);
        let paused = run.paused.is_some();
        if self.paused.replace(paused).unwrap_or(false) != paused {
            let text = match &run.paused {
                Some(paused) => format!("paused by {}: {}", paused.by, paused.reason),
                None => "resumed".to_owned(),
            };
            tell(now, "run", Tone::Warn, text);
        }
        let status = (run.row.status.clone(), run.row.summary.clone());
        if self.status.as_ref() != Some(&status) {
            let text = show::told(&run.row);
            let tone = match status.0.as_str() {
                "completed" | "soaking" => Tone::Good,
                "needs_operator" | "aborted" => Tone::Bad,
                _ => Tone::Plain,
            };
            tell(now, "run", tone, text);
        }
        let held = run.held.as_ref().map(|held| held.text.clone());
        let asks = run.row.status == "needs_operator";
        if asks && (self.status.as_ref() != Some(&status) || self.held != held) {
            if let Some(held) = &run.held {
                tell(now, "why", Tone::Bad, held.text.clone());
                tell(now, "help", Tone::Plain, held.remedy.clone());
            }
            for line in show::may(run).lines().skip(1) {
                tell(now, "you may", Tone::Plain, line.trim().to_owned());
            }
        }
        self.status = Some(status);
        self.held = held;
        lines
    }
}

fn moved(step: &Step) -> (Tone, String) {
    let (tone, word) = show::word(&step.status);
    let mut text = format!("{} {word}", step.id);
    if let Some(ms) = step.took_ms {
        let link = match step.status.as_str() {
            "done" => "in",
            "failed" | "skipped" => "after",
            _ => "for",
        };
        text += &format!(" {link} {}", length(ms));
    }
    match step.status.as_str() {
        "intent" => {}
        _ => text += &format!(": {}", show::seen(step)),
    }
    (tone, text)
}

/// Milliseconds from one moment of the wire to another.
fn passed(from: &str, to: &str) -> Option<u64> {
    let read = |at: &str| at.parse::<jiff::Timestamp>().ok();
    let passed = read(to)?.as_millisecond() - read(from)?.as_millisecond();
    u64::try_from(passed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sample;

    fn told(lines: &[Line]) -> Vec<String> {
        lines
            .iter()
            .map(|line| format!("{:?} {} {}", line.since, line.topic, line.text))
            .collect()
    }

    #[test]
    fn what_is_known_is_not_told_again() {
        let mut changes = Changes::default();
        let run = sample::run_needs_operator();
        insta::assert_snapshot!("follow_first", told(&changes.take(&run)).join("\n"));
        assert_eq!(changes.take(&run), []);
        let mut later = run.clone();
        later.at = "2026-01-02T03:05:05.000Z".to_owned();
        later.progress[3].activity = Some("observing".to_owned());
        assert_eq!(changes.take(&later), []);
        insta::assert_snapshot!(
            "follow_then",
            told(&changes.take(&sample::run_soaking())).join("\n")
        );
    }
}
