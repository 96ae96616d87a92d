//! `report.md`: readable as it stands in a terminal, and as GitHub shows it.

use std::fmt::Write;

use super::data::{Report, RunReport};
use super::scale::{length, moment};

/// The whole text.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, report);
    text
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    let verdict = if report.passed {
        "passed"
    } else {
        "**FAILED**"
    };
    writeln!(out, "# Drill {}: {verdict}\n", plain(&report.scenario))?;
    writeln!(out, "{}\n", plain(&report.title))?;
    writeln!(out, "Expected: {}\n", plain(&report.expectation))?;
    if let Some(hold) = &report.hold {
        writeln!(
            out,
            "> **{}** ({})  \n> {}\n",
            plain(&hold.reason),
            plain(&hold.code),
            plain(&hold.remedy)
        )?;
    }
    figures(out, report)?;
    for run in report.earlier_runs.iter().chain(&report.run) {
        steps(out, run)?;
    }
    writeln!(out, "## Checks\n")?;
    for check in &report.checks {
        write!(out, "- {} {}", tick(check.held), plain(&check.name))?;
        if !check.held {
            write!(out, " (seen: {})", plain(&check.seen))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\n## Invariants\n")?;
    for invariant in &report.invariants {
        write!(out, "- {} {}", tick(invariant.held), plain(&invariant.name))?;
        if let Some(seen) = &invariant.seen {
            write!(out, " (seen: {})", plain(seen))?;
        }
        writeln!(out)?;
    }
    if !report.votes.is_empty() {
        writeln!(out, "\n## Votes when it was decided\n")?;
        for line in &report.votes {
            writeln!(out, "- {}", plain(line))?;
        }
    }
    writeln!(
        out,
        "\nPlayed at {} times real time with seed {}; every duration is in world time.",
        report.speed, report.seed
    )
}

fn figures(out: &mut String, report: &Report) -> std::fmt::Result {
    let time = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), length);
    let (clocks, users) = (&report.clocks, &report.users);
    let mut rows = vec![
        vec!["Clock".to_owned(), "World time".to_owned()],
        vec!["detect".to_owned(), time(clocks.detect_s)],
        vec!["decide".to_owned(), time(clocks.decide_s)],
        vec!["execute".to_owned(), time(clocks.execute_s)],
        vec!["total".to_owned(), time(clocks.total_s)],
    ];
    if let Some(met) = report.objective.met {
        rows.push(vec![
            "objective".to_owned(),
            format!(
                "{}, {}",
                length(report.objective.rto_s),
                if met { "met" } else { "missed" }
            ),
        ]);
    }
    table(out, &rows)?;
    table(
        out,
        &[
            vec!["Users".to_owned(), "Seen".to_owned()],
            vec!["requests".to_owned(), users.requests.to_string()],
            vec!["failed".to_owned(), users.failed.to_string()],
            vec!["reads down".to_owned(), length(users.read_downtime_s)],
            vec!["writes down".to_owned(), length(users.write_downtime_s)],
            vec!["lost writes".to_owned(), users.lost_writes.to_string()],
        ],
    )
}

fn steps(out: &mut String, run: &RunReport) -> std::fmt::Result {
    writeln!(
        out,
        "## Run {}: {}\n",
        plain(&run.id),
        run.status.replace('_', " ")
    )?;
    write!(
        out,
        "{} from {} to {} by {}, opened at {}.",
        plain(&run.kind),
        plain(&run.from),
        plain(&run.to),
        plain(&run.runbook),
        moment(run.opened_s)
    )?;
    if let Some(reason) = &run.reason {
        write!(out, " {}", plain(reason))?;
    }
    writeln!(out, "\n")?;
    let mut rows = vec![
        ["Step", "Action", "Status", "Start", "Took", "Seen"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for step in &run.steps {
        let took = match (step.started_s, step.ended_s) {
            (Some(start), Some(end)) => length(end - start),
            _ => "-".to_owned(),
        };
        rows.push(vec![
            step.id.clone(),
            step.uses.clone(),
            step.status.replace('_', " "),
            step.started_s.map_or_else(|| "-".to_owned(), moment),
            took,
            step.detail.clone().unwrap_or_default(),
        ]);
    }
    table(out, &rows)
}

/// A table whose columns line up even where nothing renders it.
pub(super) fn table(out: &mut String, rows: &[Vec<String>]) -> std::fmt::Result {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|text| cell(text)).collect())
        .collect();
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|text| text.chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:<width$}"))
            .collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
        if index == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            writeln!(out, "| {} |", rule.join(" | "))?;
        }
    }
    writeln!(out)
}

pub(super) fn tick(held: bool) -> &'static str {
    if held { "✓" } else { "✗" }
}

/// Text that is neither markup nor more than one line.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '[' | ']' | '*' | '\\' => {
                plain.push('\\');
                plain.push(c);
            }
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

/// Likewise, and without an end of a table's cell in it.
fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}
