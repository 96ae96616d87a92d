//! `failoverctl plan`: what a run would do, before → after, and whether it would be opened.

use clap::{Args, ValueEnum};

use super::Exit;
use super::frame::{ClientError, Ended, Frame, Palette, Tone, age, length, wrapped};
use super::runs;
use super::why::{guards, reason_lines};
use crate::api::wire::{MakePlan, Plan, PlanReport, PlanStep, RunKind};

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawPlan {
    /// The application
    application: String,
    /// Of a shift: the Region whose share is taken away
    #[arg(long, value_name = "REGION")]
    from: Option<String>,
    /// The Region to go to; chosen like an automatic run's if absent, home for a failback
    #[arg(long, value_name = "REGION")]
    to: Option<String>,
    /// What kind of run
    #[arg(long, value_enum, default_value_t = Kind::Failover)]
    kind: Kind,
    /// As if unreplicated data might be lost
    #[arg(long)]
    allow_data_loss: bool,
}

/// As typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The Region that serves is lost
    Failover,
    /// Both are well, and no data is lost
    Switchover,
    /// A switchover home
    Failback,
    /// One of several Regions that serve side by side loses its share
    Shift,
    /// It gets its share back
    Return,
}

impl From<Kind> for RunKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Failover => Self::Failover,
            Kind::Switchover => Self::Switchover,
            Kind::Failback => Self::Failback,
            Kind::Shift => Self::Shift,
            Kind::Return => Self::Return,
        }
    }
}

impl RawPlan {
    /// Shows it. Nothing is changed.
    ///
    /// # Errors
    /// Nobody answers, or no plan can be made.
    pub fn run(&self, frame: &Frame) -> Ended {
        let ask = MakePlan {
            kind: Some(self.kind.into()),
            from: self.from.clone(),
            to: self.to.clone(),
            allow_data_loss: self.allow_data_loss,
        };
        let report = make(frame, &self.application, &ask)?;
        let exit = if report.would_start {
            Exit::Good
        } else {
            Exit::Refused
        };
        Ok(frame.show(&report, exit, |report, palette| {
            let mut text = render(report, palette);
            text += &next(report, self.allow_data_loss);
            text
        }))
    }
}

/// Asks for it.
///
/// # Errors
/// Nobody answers, or no plan can be made.
pub fn make(frame: &Frame, application: &str, ask: &MakePlan) -> Result<PlanReport, ClientError> {
    frame
        .client
        .post(&["v1", "applications", application, "plan"], ask)
}

/// The plan, the guards, and whether a run would be opened.
pub fn render(report: &PlanReport, palette: Palette) -> String {
    let mut text = String::new();
    if let Some(plan) = &report.plan {
        text += &steps(plan, palette);
        text.push('\n');
        text += &basis(report, plan);
    }
    if !report.guards.is_empty() {
        text += &guards(&report.guards, palette);
        text.push('\n');
    }
    if report.would_start {
        text += &palette.paint_lines(Tone::Good, "Such a run would be opened now.\n");
    } else {
        text += &palette.paint_lines(Tone::Bad, "Such a run would be REFUSED now:\n");
        for reason in &report.refused {
            text += &reason_lines(reason, palette);
        }
    }
    text
}

fn steps(plan: &Plan, palette: Palette) -> String {
    let writes: usize = plan.steps.iter().filter(|step| step.writes).count();
    let head = format!(
        "{} of {} from {} to {}, by the runbook {}: {} steps, {writes} of them write",
        capital(runs::kind(plan.kind)),
        plan.application,
        plan.from,
        plan.to,
        plan.runbook,
        plan.steps.len()
    );
    let mut text = palette.paint_lines(Tone::Strong, &wrapped("", &head));
    if let Some(loss) = &plan.data_loss {
        text += &palette.paint_lines(Tone::Bad, &wrapped("DATA LOSS: ", loss));
    }
    for step in &plan.steps {
        text.push('\n');
        text += &one(step, palette);
    }
    text
}

/// A step: what it is to reach, and what changes.
fn one(step: &PlanStep, palette: Palette) -> String {
    let mut text = wrapped("  ", &format!("{}  ({})", step.id, step.uses));
    text = palette.paint_lines(Tone::Strong, &text);
    if step.changes.is_empty() {
        let sign = if step.writes { "  ! " } else { "  · " };
        text += &wrapped(sign, &step.goal);
    }
    for change in &step.changes {
        let before = change.before.as_deref().unwrap_or("(not seen)");
        let line = format!("{}: {before} → {}", change.what, change.after);
        text += &palette.paint_lines(Tone::Warn, &wrapped("  ~ ", &line));
    }
    let mut terms = vec![format!("within {}", length(step.timeout_ms))];
    if !step.needs.is_empty() {
        terms.insert(0, format!("after {}", step.needs.join(", ")));
    }
    if let Some(other) = &step.or_else {
        terms.push(format!("else {other}"));
    }
    if let Some(other) = &step.stands_in_for {
        terms.push(format!("only if {other} fails"));
    }
    if step.best_effort || step.on_failure != "hold" {
        terms.push(format!("if it fails: {}", step.on_failure));
    }
    text += &palette.paint_lines(Tone::Faint, &wrapped("    ", &terms.join("; ")));
    text
}

/// What it stands on: observations with their ages, the data's lag, the hash.
fn basis(report: &PlanReport, plan: &Plan) -> String {
    let mut text = String::new();
    for note in &plan.notes {
        text += &wrapped(
            "Seen      ",
            &format!("{}, {}", note.text, age(note.age_ms)),
        );
    }
    text += &wrapped("Data      ", &lag(report));
    let within = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), length);
    text += &wrapped(
        "Objective ",
        &format!(
            "back within {}, at most {} of data lost",
            within(plan.objective_rto_ms),
            within(plan.objective_rpo_ms)
        ),
    );
    text += &wrapped("Hash      ", &plan.hash);
    text.push('\n');
    text
}

/// How much data would be lost at the most, as far as is known.
pub fn lag(report: &PlanReport) -> String {
    let Some(lag) = &report.lag else {
        return "how far the replica is behind is not known".to_owned();
    };
    let most = report
        .rpo_max_ms
        .map_or_else(String::new, |ms| format!("; rpo_max is {}", length(ms)));
    format!(
        "the replica was {} behind, {}{most}",
        length(lag.lag_ms),
        age(lag.age_ms)
    )
}

/// What would be typed next.
fn next(report: &PlanReport, allow_data_loss: bool) -> String {
    let Some(plan) = report.plan.as_ref().filter(|_| report.would_start) else {
        return String::new();
    };
    let loss = if allow_data_loss {
        " --allow-data-loss"
    } else {
        ""
    };
    // For copying: not wrapped within a word.
    format!(
        "To do exactly this:\n  failoverctl {} {} --to {}{loss} \\\n    --reason '…' \\\n    \
         --plan-hash \\\n    {}\n",
        runs::kind(plan.kind),
        plan.application,
        plan.to,
        plan.hash
    )
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn fits(text: &str) {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn a_plan_that_would_be_followed() {
        let report = sample::plan_report(Vec::new());
        let text = render(&report, Palette::PLAIN) + &next(&report, true);
        fits(&text);
        insta::assert_snapshot!("plan", text);
    }

    #[test]
    fn one_that_would_be_refused_ends_with_the_reasons() {
        let report = sample::plan_report(vec![sample::reason(
            "run_open",
            "shop-3 is open, which ada asked for",
            "failoverctl follow shop-3",
        )]);
        let text = render(&report, Palette::PLAIN) + &next(&report, false);
        fits(&text);
        insta::assert_snapshot!("plan_refused", text);
    }
}
