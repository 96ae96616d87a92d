//! `failoverctl why`: why nothing happens, or why something does.

use clap::Args;

use super::frame::{Cell, Ended, Frame, Palette, RawWatch, Table, Tone, or_dash, watch, wrapped};
use super::votes;
use crate::api::wire::{GuardRow, Reason, Ruling, Why};

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawWhy {
    /// The application
    application: String,
    #[command(flatten)]
    watch: RawWatch,
}

impl RawWhy {
    /// Shows it.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        let path = ["v1", "applications", &self.application, "why"];
        let fetch = || frame.client.get::<Why>(&path);
        watch(frame, self.watch, fetch, render)
    }
}

fn render(why: &Why, palette: Palette) -> String {
    let mut text = palette.paint_lines(
        Tone::Strong,
        &wrapped("", &format!("{}: {}", why.application, why.summary)),
    );
    let decision = match why.decision.as_deref() {
        Some("act") => "failoverd acts.",
        Some("hold") => "failoverd holds: it does nothing until what stands below has passed.",
        Some("ask") => "failoverd asks: it does nothing without a person's word.",
        Some(other) => other,
        None => "There is nothing to decide.",
    };
    text += &wrapped("", decision);
    for reason in &why.reasons {
        text += &reason_lines(reason, palette);
    }
    if !why.guards.is_empty() {
        text.push('\n');
        text += &guards(&why.guards, palette);
    }
    text.push('\n');
    text += &votes::render(&why.votes, palette);
    if !why.leads {
        let note = format!(
            "{} answers, which does not lead: the leader decides on votes of its own, which may \
             be some seconds newer.",
            why.answered_by
        );
        text.push('\n');
        text += &palette.paint_lines(Tone::Faint, &wrapped("", &note));
    }
    text
}

/// A reason and what may be done about it.
pub fn reason_lines(reason: &Reason, palette: Palette) -> String {
    let what = wrapped("  - ", &format!("{} ({})", reason.text, reason.code));
    let mut text = palette.paint_lines(Tone::Warn, &what);
    if !reason.remedy.is_empty() {
        text += &wrapped("    you may: ", &reason.remedy);
    }
    text
}

/// What each guard says.
pub fn guards(rows: &[GuardRow], palette: Palette) -> String {
    let mut table = Table::new(["GUARD", "SAYS", "WHY"]);
    for row in rows {
        let (tone, says) = match row.ruling {
            Ruling::Pass => (Tone::Good, "passes"),
            Ruling::Warn => (Tone::Warn, "warns"),
            Ruling::Hold => (Tone::Bad, "HOLDS"),
            Ruling::Ask => (Tone::Bad, "ASKS"),
        };
        let why = row.reason.as_ref().map(|reason| reason.text.as_str());
        table.row([
            row.guard.replace('_', " ").into(),
            Cell::toned(tone, says),
            or_dash(why).into(),
        ]);
    }
    table.render(palette)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_answer_fits_a_terminal() {
        let blocked = sample::blocked("shop");
        let why = Why {
            application: "shop".to_owned(),
            answered_by: "london".to_owned(),
            leads: false,
            at: sample::AT.to_owned(),
            active: blocked.active,
            phase: blocked.phase,
            summary: blocked.summary,
            decision: Some("ask".to_owned()),
            reasons: blocked.reasons,
            guards: sample::guards(),
            votes: sample::votes(),
        };
        let text = render(&why, Palette::PLAIN);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!("why", text);
    }
}
