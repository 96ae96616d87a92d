//! `failoverctl show`: one run, whole: what it is, what it waits for, its steps, on what it was opened.

use clap::Args;

use super::frame::{
    Cell, Ended, Frame, Palette, RawWatch, Table, Tone, length, moment, watch, wrapped,
};
use super::runs;
use super::why::reason_lines;
use crate::api::wire::{Run, RunRow, Step};

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawShow {
    /// The run, as `failoverctl runs` names it
    run: String,
    #[command(flatten)]
    watch: RawWatch,
}

impl RawShow {
    /// Shows it.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        let fetch = || frame.client.get::<Run>(&["v1", "runs", &self.run]);
        watch(frame, self.watch, fetch, render)
    }
}

fn render(run: &Run, palette: Palette) -> String {
    let mut text = head(run, palette);
    text.push('\n');
    let mut table = Table::new(["STEP", "STATUS", "TOOK", "WHAT WAS SEEN"]);
    for step in &run.progress {
        let (tone, word) = word(&step.status);
        table.row([
            step.id.as_str().into(),
            Cell::toned(tone, word),
            took(step).into(),
            seen(step).into(),
        ]);
    }
    text += &table.render(palette);
    for finding in &run.findings {
        let what = format!(
            "{}: {} ({})",
            finding.step,
            finding.text,
            moment(&finding.at)
        );
        text += &palette.paint_lines(Tone::Warn, &wrapped("drift: ", &what));
    }
    text.push('\n');
    text + &grounds(run)
}

/// What it is, how it stands, why it waits, and what may be done.
pub fn head(run: &Run, palette: Palette) -> String {
    let row = &run.row;
    let drill = if row.drill {
        ", part of a live drill"
    } else {
        ""
    };
    let what = format!(
        "{}: {} of {} from {} to {}{drill}",
        row.id,
        runs::kind(row.kind),
        row.application,
        row.from,
        row.to
    );
    let mut text = palette.paint_lines(Tone::Strong, &wrapped("", &what));
    let tone = match row.status.as_str() {
        "completed" | "soaking" => Tone::Good,
        "needs_operator" | "aborted" => Tone::Bad,
        _ => Tone::Warn,
    };
    let mut stands = told(row);
    if !counts_steps(&row.summary) {
        let took = row
            .took_ms
            .filter(|_| !row.summary.contains("ed in "))
            .map_or_else(String::new, |ms| format!(", {}", length(ms)));
        stands = format!("{stands} ({} of {} steps{took})", row.steps_done, row.steps);
    }
    text += &palette.paint_lines(tone, &wrapped("", &capital(&stands)));
    if let Some(paused) = &run.paused {
        let what = format!(
            "{} (by {}, {})",
            paused.reason,
            paused.by,
            moment(&paused.at)
        );
        text += &palette.paint_lines(Tone::Warn, &wrapped("Paused: ", &what));
    }
    if let Some(held) = &run.held {
        text += "Nothing new is begun in it:\n";
        text += &reason_lines(held, palette);
    }
    text + &may(run)
}

/// What may be typed now, each ready to be copied.
pub fn may(run: &Run) -> String {
    let id = &run.row.id;
    let steps = |wanted: &[&str]| -> Vec<&str> {
        let of = |step: &&Step| wanted.contains(&step.status.as_str());
        run.progress
            .iter()
            .filter(of)
            .map(|step| step.id.as_str())
            .collect()
    };
    let mut lines = Vec::new();
    for act in &run.may {
        match act.as_str() {
            "approve" => {
                for step in steps(&["awaiting_approval"]) {
                    lines.push(format!("failoverctl approve {id} {step}"));
                }
            }
            "retry" | "skip" => {
                for step in steps(&["failed", "unknown"]) {
                    lines.push(format!("failoverctl {act} {id} {step}"));
                }
            }
            "abort" | "pause" => lines.push(format!("failoverctl {act} {id} --reason '…'")),
            other => lines.push(format!("failoverctl {other} {id}")),
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| wrapped("  ", line)).collect();
    format!("You may:\n{lines}")
}

/// How a run stands, as a word and in the daemon's own, which may begin with that word.
pub fn told(row: &RunRow) -> String {
    let word = row.status.replace('_', " ");
    if row.summary.starts_with(&word) {
        row.summary.clone()
    } else {
        format!("{word}: {}", row.summary)
    }
}

/// Whether a summary says already how many steps are done.
pub fn counts_steps(summary: &str) -> bool {
    summary.contains("steps done")
}

/// Why it was opened.
fn grounds(run: &Run) -> String {
    let mut text = wrapped(
        "Opened    ",
        &format!("{} by {}", moment(&run.row.opened_at), run.row.origin),
    );
    for (name, at) in [
        ("Executed  ", &run.row.executed_at),
        ("Closed    ", &run.row.closed_at),
    ] {
        if let Some(at) = at {
            text += &wrapped(name, &moment(at));
        }
    }
    if let Some(reason) = &run.reason {
        text += &wrapped("Reason    ", reason);
    }
    for (evidence, members) in counted(&run.evidence) {
        let many = match members {
            1 => String::new(),
            _ => format!(" (for {members} members)"),
        };
        text += &wrapped("Evidence  ", &format!("{evidence}{many}"));
    }
    if let Some(loss) = &run.plan.data_loss {
        text += &wrapped("Data loss ", loss);
    }
    text += &wrapped(
        "Plan      ",
        &format!(
            "{} (runbook {}, epoch {})",
            run.plan.hash, run.plan.runbook, run.epoch
        ),
    );
    text
}

/// Each once, in their order, with how often it stands there.
fn counted(all: &[String]) -> Vec<(&str, usize)> {
    let mut found: Vec<(&str, usize)> = Vec::new();
    for text in all {
        match found.iter_mut().find(|(known, _)| known == text) {
            Some((_, times)) => *times += 1,
            None => found.push((text, 1)),
        }
    }
    found
}

/// A step's status, so that what waits for a person stands out.
pub fn word(status: &str) -> (Tone, String) {
    let tone = match status {
        "done" => Tone::Good,
        "failed" | "awaiting_approval" => Tone::Bad,
        "intent" | "unknown" => Tone::Warn,
        _ => Tone::Faint,
    };
    let word = match status {
        // Committed, and not at rest yet.
        "intent" => "running".to_owned(),
        other => other.replace('_', " "),
    };
    (tone, word)
}

fn took(step: &Step) -> String {
    let again = match step.attempts {
        0 | 1 => String::new(),
        n => format!(" ({n}×)"),
    };
    match step.took_ms {
        Some(ms) => length(ms) + &again,
        None => format!("-{again}"),
    }
}

/// What was found and what is there now; else why it is as it is; else what it is to do.
pub fn seen(step: &Step) -> String {
    let change = match (&step.before, &step.after) {
        (Some(before), Some(after)) if before == after => Some(after.clone()),
        (Some(before), Some(after)) => Some(format!("{before} → {after}")),
        (None, Some(after)) => Some(after.clone()),
        (Some(before), None) => Some(format!("was {before}")),
        (None, None) => None,
    };
    let parts = [step.activity.clone(), step.detail.clone(), change];
    let mut parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        parts.push(step.goal.clone());
    }
    if let Some(by) = &step.approved_by {
        parts.push(format!("approved by {by}"));
    }
    parts.join("; ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_run_fits_a_terminal() {
        for (name, run) in [
            ("show_needs_operator", sample::run_needs_operator()),
            ("show_soaking", sample::run_soaking()),
        ] {
            let text = render(&run, Palette::PLAIN);
            assert!(
                text.lines().all(|line| line.chars().count() <= 80),
                "{text}"
            );
            insta::assert_snapshot!(name, text);
        }
    }
}
