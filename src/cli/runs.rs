//! `failoverctl runs`: what has been done, the newest first.

use clap::{Args, ValueEnum};

use super::frame::{
    Cell, ClientError, Ended, Frame, Palette, RawWatch, Table, Tone, length, or_dash, since, watch,
    wrapped,
};
use crate::api::wire::{Page, RunKind, RunRow};
use crate::model::Wall;

/// The most that one answer of the API holds.
const AT_ONCE: u32 = 100;

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawRuns {
    /// Only this application's
    application: Option<String>,
    /// Only those that stand so
    #[arg(long, value_enum)]
    status: Option<RunStatus>,
    /// How many at the most
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    #[command(flatten)]
    watch: RawWatch,
}

/// How a run may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum RunStatus {
    Executing,
    NeedsOperator,
    Aborting,
    Soaking,
    Completed,
    Aborted,
}

impl RawRuns {
    /// Shows them.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        watch(
            frame,
            self.watch,
            || self.fetch(frame),
            |page, palette| render(page, frame.client.now(), palette),
        )
    }

    /// Page after page, until there are as many as were asked for.
    fn fetch(&self, frame: &Frame) -> Result<Page<RunRow>, ClientError> {
        let mut all = Page {
            items: Vec::new(),
            next: None,
        };
        loop {
            let wanted = self
                .limit
                .saturating_sub(u32::try_from(all.items.len()).unwrap_or(u32::MAX));
            let mut query = vec![("limit", wanted.min(AT_ONCE).to_string())];
            if let Some(application) = &self.application {
                query.push(("application", application.clone()));
            }
            if let Some(status) = self.status.and_then(|status| status.to_possible_value()) {
                query.push(("status", status.get_name().to_owned()));
            }
            if let Some(after) = all.next.take() {
                query.push(("after", after));
            }
            let page: Page<RunRow> = frame.client.get_with(&["v1", "runs"], &query)?;
            let none = page.items.is_empty();
            all.items.extend(page.items);
            all.items.truncate(self.limit as usize);
            all.next = page.next;
            if all.next.is_none() || none || all.items.len() >= self.limit as usize {
                return Ok(all);
            }
        }
    }
}

/// As the API writes it.
pub fn kind(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Failover => "failover",
        RunKind::Switchover => "switchover",
        RunKind::Failback => "failback",
        RunKind::Shift => "shift",
        RunKind::Return => "return",
    }
}

/// A run's status, so that what is bad and what is under way stand out.
pub fn status(status: &str) -> Cell {
    let tone = match status {
        "completed" => Tone::Good,
        "needs_operator" | "aborted" => Tone::Bad,
        _ => Tone::Warn,
    };
    Cell::toned(tone, status.replace('_', " "))
}

fn render(page: &Page<RunRow>, now: Wall, palette: Palette) -> String {
    if page.items.is_empty() {
        return "There was no such run.\n".to_owned();
    }
    // A run's name begins with its application's.
    let mut table = Table::new(["RUN", "KIND", "TO", "STATUS", "OPENED", "TOOK", "BY"]);
    for row in &page.items {
        let kind = kind(row.kind);
        table.row([
            row.id.as_str().into(),
            if row.drill {
                format!("{kind} (drill)").into()
            } else {
                kind.into()
            },
            row.to.as_str().into(),
            status(&row.status),
            since(&row.opened_at, now).into(),
            or_dash(row.took_ms.map(length).as_deref()).into(),
            row.origin.as_str().into(),
        ]);
    }
    let mut text = table.render(palette);
    if page.next.is_some() {
        text += &wrapped("", "There are older ones: ask with a larger --limit.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, status: &str) -> RunRow {
        RunRow {
            id: id.to_owned(),
            application: "shop".to_owned(),
            kind: RunKind::Failover,
            from: "eu-central-1".to_owned(),
            to: "eu-west-1".to_owned(),
            status: status.to_owned(),
            summary: "as the plan says".to_owned(),
            origin: "quorum".to_owned(),
            drill: false,
            opened_at: "2026-01-02T03:02:05.000Z".to_owned(),
            executed_at: None,
            closed_at: None,
            took_ms: Some(97_300),
            steps_done: 8,
            steps: 8,
        }
    }

    #[test]
    fn runs_fit_a_terminal() {
        let page = Page {
            items: vec![
                RunRow {
                    took_ms: None,
                    ..row("shop-4", "needs_operator")
                },
                RunRow {
                    kind: RunKind::Failback,
                    origin: "ada.lovelace@example.net".to_owned(),
                    opened_at: "2025-12-02T03:02:05.000Z".to_owned(),
                    ..row("shop-3", "aborted")
                },
                RunRow {
                    kind: RunKind::Switchover,
                    drill: true,
                    origin: "ada".to_owned(),
                    ..row("a-very-long-application-name-2", "completed")
                },
                row("shop-1", "soaking"),
            ],
            next: Some("x".to_owned()),
        };
        let text = render(&page, Wall(1_767_323_045_000), Palette::PLAIN);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!("runs", text);
    }
}
