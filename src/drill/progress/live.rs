//! Live lines at a terminal: the phase, the votes, and one spinner per step that is running, under
//! a scrolling record of what has happened.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{ProgressEvent, Stamp, Voice, activity_word, describe, step_word};
use crate::model::{RegionId, StepActivity, StepId, StepStatus};

/// Often enough to look alive, seldom enough to cost nothing. Real time: it is for eyes.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Live {
    all: MultiProgress,
    phase: ProgressBar,
    votes: BTreeMap<RegionId, ProgressBar>,
    steps: BTreeMap<StepId, ProgressBar>,
}

impl Live {
    pub(super) fn new() -> Self {
        let all = MultiProgress::new();
        let phase = all.add(line());
        phase.set_message("starting");
        Self {
            all,
            phase,
            votes: BTreeMap::new(),
            steps: BTreeMap::new(),
        }
    }

    pub(super) fn push(&mut self, stamp: Stamp, event: &ProgressEvent) {
        match event {
            ProgressEvent::VoteChanged { region, voices } => {
                let text: Vec<String> = voices
                    .iter()
                    .map(|(member, voice)| format!("{} {member}", sign(*voice)))
                    .collect();
                let bar = self.votes.entry(region.clone()).or_insert_with(|| {
                    let bar = line();
                    bar.set_style(style("  {msg}"));
                    self.all.insert_after(&self.phase, bar)
                });
                bar.set_message(format!("votes on {region:<14} {}", text.join("   ")));
            }
            ProgressEvent::PhaseChanged { phase } => {
                self.phase.set_message(describe(phase));
                self.record(stamp, event);
            }
            ProgressEvent::StepActivity { step, activity } => match activity {
                // Not yet running: a spinner for every step that waits would say nothing.
                StepActivity::Ready => {}
                StepActivity::Observing
                | StepActivity::Committing
                | StepActivity::Applying
                | StepActivity::Applied
                | StepActivity::Settling => self.running(step, activity_word(*activity)),
            },
            ProgressEvent::StepMoved { step, status, .. } => {
                if status.is_at_rest() {
                    if let Some(bar) = self.steps.remove(step) {
                        bar.finish_and_clear();
                    }
                    self.record(stamp, event);
                } else if !matches!(status, StepStatus::Waiting) {
                    self.running(step, step_word(status));
                }
            }
            ProgressEvent::FaultInjected { .. }
            | ProgressEvent::FaultCleared { .. }
            | ProgressEvent::OperatorActed { .. }
            | ProgressEvent::LeaderChanged { .. }
            | ProgressEvent::VerdictChanged { .. }
            | ProgressEvent::RunOpened { .. }
            | ProgressEvent::RunMoved { .. }
            | ProgressEvent::RunClosed { .. }
            | ProgressEvent::Note { .. } => self.record(stamp, event),
        }
    }

    pub(super) fn finish(&mut self) {
        for bar in self.steps.values().chain(self.votes.values()) {
            bar.finish_and_clear();
        }
        self.phase.finish_and_clear();
    }

    fn running(&mut self, step: &StepId, doing: &str) {
        let bar = self
            .steps
            .entry(step.clone())
            .or_insert_with(|| self.all.add(line()));
        bar.set_message(format!("{step:<24} {doing}"));
    }

    fn record(&self, stamp: Stamp, event: &ProgressEvent) {
        let dim = Style::new().dimmed();
        let colour = colour(event);
        // A terminal that has gone away must not end the drill.
        let _ = self.all.println(format!(
            "{dim}{stamp:>8}{dim:#}  {colour}{:<8}{colour:#}  {event}",
            event.topic()
        ));
    }
}

fn line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(style("{spinner:.cyan} {wide_msg}"));
    bar.enable_steady_tick(TICK);
    bar
}

fn style(template: &str) -> ProgressStyle {
    // The templates are literals of this file; were one wrong, the default style would do.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn sign(voice: Voice) -> String {
    let (sign, colour) = match voice {
        Voice::Down => ("✗", AnsiColor::Red),
        Voice::Dissent => ("✓", AnsiColor::Green),
        Voice::Unusable => ("?", AnsiColor::Yellow),
        Voice::Inside => ("·", AnsiColor::BrightBlack),
    };
    let style = colour.on_default();
    format!("{style}{sign}{style:#}")
}

fn colour(event: &ProgressEvent) -> Style {
    let ansi = match event {
        ProgressEvent::FaultInjected { .. } => AnsiColor::Red,
        ProgressEvent::FaultCleared { .. } => AnsiColor::Green,
        ProgressEvent::OperatorActed { .. } => AnsiColor::Magenta,
        ProgressEvent::VoteChanged { .. } | ProgressEvent::VerdictChanged { .. } => {
            AnsiColor::Yellow
        }
        ProgressEvent::StepMoved { status, .. } => match status {
            StepStatus::Done { .. } => AnsiColor::Green,
            StepStatus::Failed { .. } => AnsiColor::Red,
            StepStatus::Waiting
            | StepStatus::AwaitingApproval
            | StepStatus::Intent { .. }
            | StepStatus::Unknown { .. }
            | StepStatus::Skipped { .. } => AnsiColor::Yellow,
        },
        ProgressEvent::PhaseChanged { .. }
        | ProgressEvent::LeaderChanged { .. }
        | ProgressEvent::RunOpened { .. }
        | ProgressEvent::RunMoved { .. }
        | ProgressEvent::RunClosed { .. }
        | ProgressEvent::StepActivity { .. }
        | ProgressEvent::Note { .. } => AnsiColor::Cyan,
    };
    ansi.on_default()
}
