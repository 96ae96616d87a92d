//! The report of a drill on the live cluster: the same three files as the emulated world's, with what
//! there is of it. No users were counted there, and no world was looked into: those fields are `null`,
//! as everywhere where nothing was measured.
//!
//! `report.json` is to be compared with the one before: the clocks of the last drill of the same mode
//! stand beside this one's.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::files::{HTML, JSON, MARKDOWN, WriteReportError, write_files};
use super::markdown::{plain, table, tick};
use super::svg::escape;
use crate::api::wire::{Drill, DrillClocks, DrillMode, RehearsedStep, Run};

const STYLE: &str = include_str!("style.css");

/// One drill on the live cluster, told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemoteReport {
    /// `rehearsal` or `live`.
    pub scenario: &'static str,
    pub passed: bool,
    pub speed: u32,
    pub clocks: RemoteClocks,
    /// Nobody counted them.
    pub users: Option<()>,
    pub objective: Option<RemoteObjective>,
    /// A drill on the live cluster sees no world from outside, so there is none to check.
    pub invariants: [(); 0],
    /// The last run.
    pub run: Option<RemoteRun>,

    pub title: String,
    pub id: String,
    pub application: String,
    /// `passed`, `failed` or `ended`.
    pub status: String,
    /// What a live one ended by, if not by coming home as planned.
    pub cause: Option<String>,
    pub by: String,
    pub reason: String,
    pub from: String,
    pub to: Option<String>,
    pub begun_at: String,
    pub ended_at: Option<String>,
    pub checks: Vec<RemoteCheck>,
    /// The run there, where it came back.
    pub earlier_runs: Vec<RemoteRun>,
    /// What each step of a rehearsed plan would do.
    pub rehearsed: Vec<RehearsedStep>,
    /// To compare with.
    pub previous: Option<RemotePrevious>,
}

/// In seconds of the live cluster; `null` where there was nothing to time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RemoteClocks {
    pub detect_s: Option<f64>,
    pub decide_s: Option<f64>,
    pub plan_s: Option<f64>,
    pub execute_s: Option<f64>,
    pub soak_s: Option<f64>,
    pub return_s: Option<f64>,
    pub total_s: Option<f64>,
}

/// What the runbook promises, held against the slower of the two runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RemoteObjective {
    pub rto_s: f64,
    pub rpo_s: f64,
    /// `null` where a run did not come to its end.
    pub met: Option<bool>,
}

/// One expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemoteCheck {
    pub name: String,
    pub held: bool,
    pub seen: String,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemoteRun {
    pub id: String,
    pub status: String,
    pub steps: Vec<RemoteStep>,
    pub from: String,
    pub to: String,
    pub opened_at: String,
    pub took_s: Option<f64>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemoteStep {
    pub id: String,
    pub uses: String,
    pub status: String,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    pub took_s: Option<f64>,
    pub goal: String,
}

/// The drill before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemotePrevious {
    pub id: String,
    pub status: String,
    pub ended_at: Option<String>,
    pub clocks: RemoteClocks,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of a drill are far below 2^53"
)]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

impl RemoteClocks {
    fn new(clocks: &DrillClocks) -> Self {
        let told = |ms: Option<u64>| ms.map(seconds);
        Self {
            detect_s: told(clocks.detect_ms),
            decide_s: told(clocks.decide_ms),
            plan_s: told(clocks.plan_ms),
            execute_s: told(clocks.execute_ms),
            soak_s: told(clocks.soak_ms),
            return_s: told(clocks.return_ms),
            total_s: told(clocks.total_ms),
        }
    }

    fn named(&self) -> [(&'static str, Option<f64>); 7] {
        [
            ("detect", self.detect_s),
            ("decide", self.decide_s),
            ("plan", self.plan_s),
            ("execute", self.execute_s),
            ("soak", self.soak_s),
            ("return", self.return_s),
            ("total", self.total_s),
        ]
    }
}

impl RemoteRun {
    fn new(run: &Run) -> Self {
        Self {
            id: run.row.id.clone(),
            status: run.row.status.clone(),
            steps: run
                .progress
                .iter()
                .map(|step| RemoteStep {
                    id: step.id.clone(),
                    uses: step.uses.clone(),
                    status: step.status.clone(),
                    started_at: step.started_at.clone(),
                    ended_at: step.ended_at.clone(),
                    took_s: step.took_ms.map(seconds),
                    goal: step.goal.clone(),
                })
                .collect(),
            from: run.row.from.clone(),
            to: run.row.to.clone(),
            opened_at: run.row.opened_at.clone(),
            took_s: run.row.took_ms.map(seconds),
        }
    }
}

impl RemoteReport {
    /// Of that drill and its runs, in their order.
    pub fn new(drill: &Drill, runs: &[Run]) -> Self {
        let mut told: Vec<RemoteRun> = runs.iter().map(RemoteRun::new).collect();
        let last = told.pop();
        Self {
            scenario: match drill.mode {
                DrillMode::Rehearse => "rehearsal",
                DrillMode::Live => "live",
            },
            passed: drill.status == "passed",
            speed: 1,
            clocks: RemoteClocks::new(&drill.clocks),
            users: None,
            objective: objective(runs),
            invariants: [],
            run: last,
            title: drill.summary.clone(),
            id: drill.id.clone(),
            application: drill.application.clone(),
            status: drill.status.clone(),
            cause: drill.cause.clone(),
            by: drill.by.clone(),
            reason: drill.reason.clone(),
            from: drill.from.clone(),
            to: drill.to.clone(),
            begun_at: drill.begun_at.clone(),
            ended_at: drill.ended_at.clone(),
            checks: drill
                .checks
                .iter()
                .map(|check| RemoteCheck {
                    name: check.name.clone(),
                    held: check.held,
                    seen: check.seen.clone(),
                })
                .collect(),
            earlier_runs: told,
            rehearsed: drill.steps.clone(),
            previous: drill.previous.as_ref().map(|before| RemotePrevious {
                id: before.id.clone(),
                status: before.status.clone(),
                ended_at: before.ended_at.clone(),
                clocks: RemoteClocks::new(&before.clocks),
            }),
        }
    }

    fn word(&self) -> &'static str {
        match self.status.as_str() {
            "passed" => "passed",
            "failed" => "FAILED",
            _ => "ended early",
        }
    }

    fn what(&self) -> String {
        let what = match self.scenario {
            "live" => "Live drill",
            _ => "Rehearsal",
        };
        format!("{what} {}", self.id)
    }

    /// The clocks that this drill or the one before has measured: the name, then, now.
    fn beside(&self) -> Vec<[String; 3]> {
        let empty = RemoteClocks::default();
        let before = self.previous.as_ref().map_or(&empty, |p| &p.clocks);
        let told = |s: Option<f64>| s.map_or_else(|| "–".to_owned(), super::scale::length);
        let both = self.clocks.named().into_iter().zip(before.named());
        both.filter(|((_, now), (_, then))| now.is_some() || then.is_some())
            .map(|((name, now), (_, then))| [name.to_owned(), told(now), told(then)])
            .collect()
    }

    fn runs(&self) -> impl Iterator<Item = &RemoteRun> {
        self.earlier_runs.iter().chain(&self.run)
    }

    fn steps_of(run: &RemoteRun) -> Vec<[String; 4]> {
        let told = |s: Option<f64>| s.map_or_else(|| "–".to_owned(), super::scale::length);
        run.steps
            .iter()
            .map(|step| {
                [
                    step.id.clone(),
                    step.status.clone(),
                    told(step.took_s),
                    step.goal.clone(),
                ]
            })
            .collect()
    }

    fn rehearsed_steps(&self) -> Vec<[String; 4]> {
        self.rehearsed
            .iter()
            .map(|step| {
                [
                    step.id.clone(),
                    step.outcome.replace('_', " "),
                    step.control_plane.clone().unwrap_or_else(|| "–".to_owned()),
                    step.goal.clone(),
                ]
            })
            .collect()
    }

    /// Every table of the report: its heading, its columns, its rows.
    fn tables(&self) -> Vec<(String, Vec<Vec<String>>)> {
        let before = match &self.previous {
            Some(before) => format!("{} ({})", before.id, before.status),
            None => "before".to_owned(),
        };
        let rows = |head: &[&str], rows: Vec<Vec<String>>| {
            let head: Vec<String> = head.iter().map(|&column| column.to_owned()).collect();
            std::iter::once(head).chain(rows).collect::<Vec<_>>()
        };
        let clocks = self.beside().into_iter().map(Vec::from).collect();
        let mut tables = vec![(
            "Clocks".to_owned(),
            rows(&["clock", "now", &before], clocks),
        )];
        for run in self.runs() {
            let steps = Self::steps_of(run).into_iter().map(Vec::from).collect();
            tables.push((
                format!("Run {}: {} to {}, {}", run.id, run.from, run.to, run.status),
                rows(&["step", "status", "took", "goal"], steps),
            ));
        }
        if !self.rehearsed.is_empty() {
            let steps = self.rehearsed_steps().into_iter().map(Vec::from).collect();
            tables.push((
                "What each step would do".to_owned(),
                rows(&["step", "would", "control plane", "goal"], steps),
            ));
        }
        tables
    }

    /// As JSON: one object, pretty, with a line break at its end.
    pub fn to_json(&self) -> String {
        // Cannot fail: no map keys but field names, and serde_json writes a number that is not
        // finite as null.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.markdown(&mut text);
        text
    }

    fn markdown(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# {}: {}\n", plain(&self.what()), self.word())?;
        writeln!(out, "{}\n", plain(&self.title))?;
        let by = format!("By {}, {}: {}", self.by, self.begun_at, self.reason);
        writeln!(out, "{}", plain(&by))?;
        for (heading, rows) in self.tables() {
            writeln!(out, "\n## {}\n", plain(&heading))?;
            table(out, &rows)?;
        }
        writeln!(out, "\n## Checks\n")?;
        for check in &self.checks {
            let (name, seen) = (plain(&check.name), plain(&check.seen));
            writeln!(out, "- {} {name}: {seen}", tick(check.held))?;
        }
        Ok(())
    }

    /// As one page that fetches nothing.
    pub fn to_html(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = self.html(&mut page);
        page
    }

    fn html(&self, out: &mut String) -> std::fmt::Result {
        let class = if self.passed { "yes" } else { "no" };
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"generator\" content=\"failoverctl drill\">\n\
             <title>{what}: {word}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <header><h1>{what}</h1> <span class=\"verdict {class}\">{word}</span></header>\n\
             <p class=\"lead\">{}</p>\n<p class=\"soft\">By {}, {}: {}</p>\n",
            escape(&self.title),
            escape(&self.by),
            escape(&self.begun_at),
            escape(&self.reason),
            what = escape(&self.what()),
            word = self.word(),
        )?;
        for (heading, rows) in self.tables() {
            writeln!(out, "<h2>{}</h2>", escape(&heading))?;
            writeln!(out, "<div class=\"scroll\"><table>")?;
            for (number, row) in rows.iter().enumerate() {
                let tag = if number == 0 { "th" } else { "td" };
                write!(out, "<tr>")?;
                for text in row {
                    write!(out, "<{tag}>{}</{tag}>", escape(text))?;
                }
                writeln!(out, "</tr>")?;
            }
            writeln!(out, "</table></div>")?;
        }
        writeln!(out, "<h2>Checks</h2>\n<ul class=\"marks\">")?;
        for check in &self.checks {
            let class = if check.held { "yes" } else { "no" };
            let (name, seen) = (escape(&check.name), escape(&check.seen));
            writeln!(out, "<li class=\"{class}\">{name}: {seen}</li>")?;
        }
        writeln!(out, "</ul>\n</main>\n</body>\n</html>")
    }
}

fn objective(runs: &[Run]) -> Option<RemoteObjective> {
    let plan = &runs.first()?.plan;
    let rto_ms = plan.objective_rto_ms?;
    let done = runs.iter().all(|run| run.row.status == "completed");
    let took = runs.iter().filter_map(|run| run.row.took_ms).max();
    Some(RemoteObjective {
        rto_s: seconds(rto_ms),
        rpo_s: seconds(plan.objective_rpo_ms?),
        met: took.filter(|_| done).map(|took| took <= rto_ms),
    })
}

/// Writes all three into `folder`, which is made if it is not there.
///
/// # Errors
/// The folder or one of the files cannot be written.
pub fn write_remote(report: &RemoteReport, folder: &Path) -> Result<(), WriteReportError> {
    write_files(
        folder,
        [
            (JSON, report.to_json()),
            (MARKDOWN, report.to_markdown()),
            (HTML, report.to_html()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::wire::{DrillCheck, PreviousDrill, RunKind};

    fn drill() -> Drill {
        Drill {
            id: "shop-drill-8".to_owned(),
            application: "shop".to_owned(),
            mode: DrillMode::Live,
            status: "passed".to_owned(),
            summary: "eu-central-1 was left and taken back".to_owned(),
            phase: None,
            cause: None,
            by: "<b>ada</b>".to_owned(),
            reason: "the quarter's | one".to_owned(),
            from: "eu-central-1".to_owned(),
            to: Some("eu-west-1".to_owned()),
            kind: RunKind::Switchover,
            begun_at: "2026-01-02T03:04:05.000Z".to_owned(),
            ended_at: Some("2026-01-02T03:15:05.000Z".to_owned()),
            clocks: DrillClocks {
                execute_ms: Some(192_000),
                soak_ms: Some(300_000),
                return_ms: Some(170_500),
                total_ms: Some(671_000),
                ..DrillClocks::default()
            },
            plan: None,
            guards: Vec::new(),
            steps: Vec::new(),
            checks: vec![DrillCheck {
                name: "switched".to_owned(),
                held: true,
                seen: "run shop-7 from eu-central-1 to eu-west-1 in 3m12s".to_owned(),
            }],
            runs: vec!["shop-7".to_owned(), "shop-8".to_owned()],
            previous: Some(PreviousDrill {
                id: "shop-drill-4".to_owned(),
                status: "failed".to_owned(),
                ended_at: None,
                clocks: DrillClocks {
                    execute_ms: Some(240_000),
                    ..DrillClocks::default()
                },
            }),
        }
    }

    #[test]
    fn the_files_say_the_same_and_compare() {
        let report = RemoteReport::new(&drill(), &[]);
        insta::assert_snapshot!("remote_json", report.to_json());
        insta::assert_snapshot!("remote_markdown", report.to_markdown());
        let html = report.to_html();
        assert!(html.contains("&lt;b&gt;ada&lt;/b&gt;") && !html.contains("<b>ada"));
        assert!(html.contains("shop-drill-4 (failed)"));
        assert!(!html.contains("http://") && !html.contains("https://"));
    }
}
