//! Where a run's progress is shown.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::changes::Line;
use crate::api::wire::{Run, Step};
use crate::cli::frame::{Palette, Tone, WIDTH, wrapped};

/// Often enough to look alive, seldom enough to cost nothing. Real time: it is for eyes.
const TICK: Duration = Duration::from_millis(100);

/// A terminal or a pipe.
pub enum Sink {
    Live(Box<Live>),
    Lines {
        out: Box<dyn Write>,
        palette: Palette,
    },
}

/// A record that scrolls, and a spinner per step under way below it.
pub struct Live {
    all: MultiProgress,
    steps: BTreeMap<String, ProgressBar>,
    palette: Palette,
}

impl Sink {
    /// At the terminal of standard output, or of standard error.
    pub fn live(at_stdout: bool, palette: Palette) -> Self {
        let target = if at_stdout {
            ProgressDrawTarget::stdout()
        } else {
            ProgressDrawTarget::stderr()
        };
        Self::Live(Box::new(Live {
            all: MultiProgress::with_draw_target(target),
            steps: BTreeMap::new(),
            palette,
        }))
    }

    /// A line each.
    pub fn lines(out: Box<dyn Write>, palette: Palette) -> Self {
        Self::Lines { out, palette }
    }

    /// Whether somebody may be looking.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    /// What has happened, and what is under way.
    pub fn push(&mut self, lines: &[Line], run: &Run) {
        for line in lines {
            self.say(line);
        }
        if let Self::Live(live) = self {
            live.under_way(run);
        }
    }

    /// Something about the way to the answer.
    pub fn note(&mut self, text: &str) {
        self.say(&Line {
            since: None,
            topic: "note",
            text: text.to_owned(),
            tone: Tone::Warn,
        });
    }

    /// Takes the spinners away.
    pub fn finish(&mut self) {
        if let Self::Live(live) = self {
            for bar in live.steps.values() {
                bar.finish_and_clear();
            }
            live.steps.clear();
        }
    }

    fn say(&mut self, line: &Line) {
        match self {
            // A terminal that has gone away must not end anything.
            Self::Live(live) => {
                let _ = live.all.println(written(line, live.palette).trim_end());
            }
            Self::Lines { out, palette } => {
                let _ = out.write_all(written(line, *palette).as_bytes());
                let _ = out.flush();
            }
        }
    }
}

impl Live {
    fn under_way(&mut self, run: &Run) {
        self.steps.retain(|id, bar| {
            let runs = run.progress.iter().any(|step| step.id == *id && busy(step));
            if !runs {
                bar.finish_and_clear();
            }
            runs
        });
        for step in run.progress.iter().filter(|step| busy(step)) {
            let all = &self.all;
            let bar = self.steps.entry(step.id.clone()).or_insert_with(|| {
                let bar = all.add(ProgressBar::new_spinner());
                bar.set_style(style());
                bar.enable_steady_tick(TICK);
                bar
            });
            bar.set_message(doing(step));
        }
    }
}

fn busy(step: &Step) -> bool {
    matches!(
        step.status.as_str(),
        "intent" | "unknown" | "awaiting_approval"
    )
}

fn doing(step: &Step) -> String {
    let what = match step.status.as_str() {
        "awaiting_approval" => "waits for your approval",
        "unknown" => "its outcome is not known yet",
        _ => step.activity.as_deref().unwrap_or("running"),
    };
    let seen = step
        .detail
        .as_ref()
        .map_or_else(String::new, |detail| format!(": {detail}"));
    let text = format!("{:<20}  {what}{seen}", step.id);
    // The spinner and a blank stand before it.
    shortened(&text, WIDTH - 2)
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width - 1).collect();
    kept + "…"
}

fn style() -> ProgressStyle {
    // The template is a literal of this file; were it wrong, the default style would do.
    ProgressStyle::with_template("{spinner:.cyan} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// `  +12.3s  step     …`, each further line below the first one's text.
fn written(line: &Line, palette: Palette) -> String {
    let since = line.since.map_or_else(String::new, |ms| {
        format!("+{}.{}s", ms / 1_000, ms % 1_000 / 100)
    });
    let before = format!("{since:>8}  {:<8}", line.topic);
    palette.paint_lines(line.tone, &wrapped(&before, &line.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::follow::changes::Changes;
    use crate::cli::sample;

    #[test]
    fn lines_fit_a_terminal() {
        let mut changes = Changes::default();
        let mut text = String::new();
        for run in [sample::run_needs_operator(), sample::run_soaking()] {
            for line in changes.take(&run) {
                text += &written(&line, Palette::PLAIN);
            }
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!("follow_lines", text);
    }

    #[test]
    fn a_spinner_stays_in_its_line() {
        let mut step = sample::step("a-step-with-a-long-name/and-a-node-group", "unknown");
        step.detail = Some("no answer from the control plane for quite some time".to_owned());
        let text = doing(&step);
        assert_eq!(text.chars().count(), WIDTH - 2, "{text}");
        assert!(text.ends_with('…'), "{text}");
    }
}
