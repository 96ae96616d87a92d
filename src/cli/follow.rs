//! `failoverctl follow`: a run as it goes, until it is executed.
//!
//! ```text
//!  GET run ──▶ Changes ──┬─ a terminal: a record that scrolls, a spinner per step under way
//!     ▲                  └─ a pipe: a line each
//!     └── half a second; another server where one has died
//! ```
//!
//! Asked for, not streamed: whatever dies on the way, the next answer tells everything again.

mod changes;
mod live;

use std::io::{IsTerminal, stderr, stdout};
use std::time::Duration;

use clap::Args;

use self::changes::Changes;
use self::live::Sink;
use super::frame::{ClientError, Ended, Format, Frame, Palette, Stop, Tone, wrapped};
use super::{Exit, output, show};
use crate::api::wire::Run;

/// Between two questions: a step seldom takes less.
const PAUSE: Duration = Duration::from_millis(500);

/// So many questions in a row without an answer end it: some minutes, longer than any election.
pub(super) const PATIENCE: u32 = 240;

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawFollow {
    /// The run, as `failoverctl runs` names it
    run: String,
    /// Go on while what it did is watched, until it is closed
    #[arg(long)]
    soak: bool,
}

impl RawFollow {
    /// Shows it until it is executed.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        follow(frame, &self.run, self.soak)
    }
}

/// Shows a run until all its steps are at rest. Good if it reached its goal.
///
/// # Errors
/// Nobody answers, or the answer is no.
pub fn until_executed(frame: &Frame, run: &str) -> Ended {
    follow(frame, run, false)
}

fn follow(frame: &Frame, id: &str, soak: bool) -> Ended {
    frame.client.catch_interrupts();
    let mut sink = sink(frame);
    let mut changes = Changes::default();
    let mut silent = 0;
    let ended = loop {
        match frame.client.get::<Run>(&["v1", "runs", id]) {
            Ok(run) => {
                if silent > 0 {
                    sink.note(&format!("{} answers", frame.client.server()));
                    silent = 0;
                }
                sink.push(&changes.take(&run), &run);
                if let Some(exit) = rest(&run, soak, sink.is_terminal()) {
                    break Ok((run, exit));
                }
            }
            Err(error) if error.may_pass() && silent < PATIENCE => {
                if silent == 0 {
                    sink.note(&format!("{error}; asking on"));
                }
                silent += 1;
            }
            Err(error) => break Err(error),
        }
        if let Err(error) = frame.client.pause(PAUSE) {
            break Err(error);
        }
    };
    sink.finish();
    match ended {
        Ok((run, exit)) => Ok(frame.show(&run, exit, last)),
        Err(ClientError::Interrupted) => {
            output::complain(&format!(
                "The run goes on without you. To look again: failoverctl follow {id}"
            ));
            Err(Stop::Told(Exit::No))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where what happens is shown: with the answer, unless that is for programs.
fn sink(frame: &Frame) -> Sink {
    let is_table = frame.output == Format::Table;
    let terminal = if is_table {
        stdout().is_terminal()
    } else {
        stderr().is_terminal()
    };
    let palette = Palette::new(frame.colours(terminal));
    match (is_table, terminal) {
        (_, true) => Sink::live(is_table, palette),
        (true, false) => Sink::lines(Box::new(stdout()), palette),
        (false, false) => Sink::lines(Box::new(stderr()), palette),
    }
}

/// How it ended, if there is nothing more to be seen.
fn rest(run: &Run, soak: bool, somebody_looks: bool) -> Option<Exit> {
    match run.row.status.as_str() {
        "completed" => Some(Exit::Good),
        "soaking" if !soak => Some(Exit::Good),
        "aborted" => Some(Exit::No),
        // A script would wait for a person that nobody calls.
        "needs_operator" if !somebody_looks => Some(Exit::No),
        _ => None,
    }
}

/// The last word.
fn last(run: &Run, palette: Palette) -> String {
    let mut text = String::from("\n");
    text += &show::head(run, palette);
    if run.row.status == "soaking" {
        let note = format!(
            "What it did is watched for a while. To see that too: failoverctl follow {} --soak",
            run.row.id
        );
        text += &palette.paint_lines(Tone::Faint, &wrapped("", &note));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_number_it_ends_with_says_how_it_went() {
        for (status, soak, looks, exit) in [
            ("completed", false, true, Some(Exit::Good)),
            ("soaking", false, true, Some(Exit::Good)),
            ("soaking", true, true, None),
            ("aborted", false, true, Some(Exit::No)),
            ("needs_operator", false, true, None),
            ("needs_operator", false, false, Some(Exit::No)),
            ("executing", false, false, None),
            ("aborting", false, false, None),
        ] {
            let mut run = sample::run_soaking();
            run.row.status = status.to_owned();
            assert_eq!(rest(&run, soak, looks), exit, "{status}");
        }
    }

    #[test]
    fn the_last_word() {
        let text = last(&sample::run_soaking(), Palette::PLAIN)
            + &last(&sample::run_needs_operator(), Palette::PLAIN);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!("follow_last", text);
    }
}
