//! What a terminal shows when a drill is over: everything that matters within 80 columns.

use std::fmt;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use super::data::{Report, RunReport};
use super::scale::{length, moment};

/// Displays as the summary; with colour if asked.
pub struct Summary<'a> {
    pub report: &'a Report,
    /// Where the report was written, if it was.
    pub folder: Option<&'a Path>,
    pub colour: bool,
}

/// Columns of a terminal nobody has widened.
const WIDTH: usize = 80;

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let (word, ansi) = if report.passed {
            ("passed", AnsiColor::Green)
        } else {
            ("FAILED", AnsiColor::Red)
        };
        let bold = self.style(Style::new().bold());
        let verdict = self.style(ansi.on_default().bold());
        writeln!(f)?;
        writeln!(
            f,
            "{bold}{}{bold:#}  {verdict}{word}{verdict:#}",
            report.scenario
        )?;
        writeln!(f, "{}", fit(&report.title, WIDTH))?;
        if let Some(hold) = &report.hold {
            writeln!(f)?;
            self.wrapped(f, "  why     ", &hold.reason)?;
            self.wrapped(f, "  remedy  ", &hold.remedy)?;
        }
        writeln!(f)?;
        self.clocks(f)?;
        self.users(f)?;
        self.leaders(f)?;
        for run in report.earlier_runs.iter().chain(&report.run) {
            self.run(f, run)?;
        }
        self.checks(f)?;
        if let Some(folder) = self.folder {
            writeln!(f)?;
            writeln!(f, "Report: {}", folder.join(super::files::HTML).display())?;
        }
        Ok(())
    }
}

impl Summary<'_> {
    fn style(&self, style: Style) -> Style {
        if self.colour { style } else { Style::new() }
    }

    fn clocks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clocks = &self.report.clocks;
        let time = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), length);
        writeln!(
            f,
            "  detect {:<12} decide {:<12} execute {:<12} total {}",
            time(clocks.detect_s),
            time(clocks.decide_s),
            time(clocks.execute_s),
            time(clocks.total_s),
        )?;
        if let Some(met) = self.report.objective.met {
            let style = self.style(if met {
                AnsiColor::Green.on_default()
            } else {
                AnsiColor::Red.on_default()
            });
            writeln!(
                f,
                "  objective {} to recover, {} of writes: {style}{}{style:#}",
                length(self.report.objective.rto_s),
                length(self.report.objective.rpo_s),
                if met { "met" } else { "missed" },
            )?;
        }
        Ok(())
    }

    fn users(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = &self.report.users;
        writeln!(
            f,
            "  users: {} of {} requests failed, {} writes lost\n  reads down for {}, writes for {}",
            users.failed,
            users.requests,
            users.lost_writes,
            length(users.read_downtime_s),
            length(users.write_downtime_s),
        )
    }

    /// Who led, one after the other.
    fn leaders(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        for (index, change) in self.report.timeline.leaders.iter().enumerate() {
            let who = change.value.as_deref().unwrap_or("nobody");
            words.push(match index {
                0 => who.to_owned(),
                _ => format!("{who} from {}", moment(change.at_s)),
            });
        }
        if words.is_empty() {
            return Ok(());
        }
        self.wrapped(f, "  led by ", &words.join(", "))
    }

    fn run(&self, f: &mut fmt::Formatter<'_>, run: &RunReport) -> fmt::Result {
        let dim = self.style(Style::new().dimmed());
        writeln!(f)?;
        writeln!(
            f,
            "Run {}: {} {} -> {}, {}",
            run.id,
            run.kind,
            run.from,
            run.to,
            run.status.replace('_', " ")
        )?;
        if let Some(reason) = &run.reason {
            self.wrapped(f, "  ", reason)?;
        }
        writeln!(
            f,
            "{dim}  {:<24} {:<25} {:>7} {:>9}  status{dim:#}",
            "step", "action", "start", "took"
        )?;
        for step in &run.steps {
            let took = match (step.started_s, step.ended_s) {
                (Some(start), Some(end)) => length(end - start),
                _ => "-".to_owned(),
            };
            let style = self.style(match step.status.as_str() {
                "done" => AnsiColor::Green.on_default(),
                "failed" => AnsiColor::Red.on_default(),
                "waiting" | "skipped" => Style::new().dimmed(),
                _ => AnsiColor::Yellow.on_default(),
            });
            writeln!(
                f,
                "  {:<24} {:<25} {:>7} {took:>9}  {style}{}{style:#}",
                fit(&step.id, 24),
                fit(&step.uses, 25),
                step.started_s.map_or_else(|| "-".to_owned(), moment),
                // What is left of the line; `awaiting_approval` is the one that needs a short form.
                step.status.replace("awaiting_approval", "asks"),
            )?;
        }
        Ok(())
    }

    fn checks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let green = self.style(AnsiColor::Green.on_default());
        let red = self.style(AnsiColor::Red.on_default());
        writeln!(f)?;
        for check in &self.report.checks {
            if check.held {
                writeln!(f, "  {green}✓{green:#} {}", fit(&check.name, WIDTH - 4))?;
            } else {
                writeln!(f, "  {red}✗{red:#} {}", fit(&check.name, WIDTH - 4))?;
                self.wrapped(f, "    seen: ", &check.seen)?;
            }
        }
        let all = &self.report.invariants;
        let held = all.iter().filter(|invariant| invariant.held).count();
        if !all.is_empty() {
            let (style, sign) = if held == all.len() {
                (green, "✓")
            } else {
                (red, "✗")
            };
            writeln!(
                f,
                "  {style}{sign}{style:#} {held} of {} invariants held",
                all.len()
            )?;
        }
        for broken in all.iter().filter(|invariant| !invariant.held) {
            self.wrapped(f, "    broken: ", &broken.name)?;
            if let Some(seen) = &broken.seen {
                self.wrapped(f, "    seen: ", seen)?;
            }
        }
        Ok(())
    }

    /// Words broken at 80 columns, under each other.
    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn wrapped(&self, f: &mut fmt::Formatter<'_>, lead: &str, text: &str) -> fmt::Result {
        let mut line = lead.to_owned();
        let indent = " ".repeat(lead.chars().count());
        let mut empty = true;
        for word in text.split_whitespace() {
            let after = line.chars().count() + usize::from(!empty) + word.chars().count();
            if !empty && after > WIDTH {
                writeln!(f, "{line}")?;
                line.clone_from(&indent);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        writeln!(f, "{line}")
    }
}

/// `text`, cut to so many columns.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        text.to_owned()
    } else {
        let kept: String = text.chars().take(width - 1).collect();
        format!("{kept}…")
    }
}
