//! `failoverctl evacuate`: every application out of a Region; the waves first, then the word, then the
//! view of it.
//!
//! ```text
//!  dry run ──▶ the waves ──▶ the Region typed ──▶ begun ──▶ --follow: the same table, until it ends
//! ```
//!
//! Invariant: nothing is begun that was not shown first.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::follow::PATIENCE;
use super::frame::{
    Cell, ClientError, Ended, Frame, Palette, RawWatch, Stop, Table, Tone, confirm, or_dash, since,
    watch, wrapped,
};
use super::steer::told;
use super::{Exit, output};
use crate::api::wire::{Because, Done, EvacuatedApplication, Evacuation, Page, StartEvacuation};
use crate::model::Wall;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(2);

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct RawEvacuate {
    #[command(subcommand)]
    verb: Option<RawVerb>,
    /// The Region to be left
    #[arg(required = true)]
    region: Option<String>,
    /// Why: it stands in every run of it and in the audit
    #[arg(long, value_name = "WHY", required = true)]
    reason: Option<String>,
    /// Runs that may be under way at the same time; 5 if not said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    parallel: Option<u32>,
    /// Unreplicated data may be lost where the Region no longer answers
    #[arg(long)]
    allow_data_loss: bool,
    /// Show the waves, and begin nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking to type the Region
    #[arg(long)]
    yes: bool,
    /// See how it goes, until it has ended
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
enum RawVerb {
    /// Show the evacuations there have been, the newest first
    List(RawWatch),
    /// Show one evacuation: each application in its wave, and what it waits for
    Show {
        /// The evacuation, as `failoverctl evacuate list` names it
        id: String,
        #[command(flatten)]
        watch: RawWatch,
    },
    /// Begin nothing new in an evacuation; its open runs go on to their own end
    Stop {
        /// The evacuation, as `failoverctl evacuate list` names it
        id: String,
        /// Why
        #[arg(long, value_name = "WHY")]
        reason: String,
    },
}

impl RawEvacuate {
    /// Has it done, if whoever typed it means it.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame) -> Ended {
        match &self.verb {
            Some(RawVerb::List(raw)) => list(frame, *raw),
            Some(RawVerb::Show { id, watch: raw }) => {
                let fetch = || frame.client.get::<Evacuation>(&["v1", "evacuations", id]);
                watch(frame, *raw, fetch, render)
            }
            Some(RawVerb::Stop { id, reason }) => {
                let done: Done = frame.client.post(
                    &["v1", "evacuations", id, "stop"],
                    &Because {
                        reason: Some(reason.clone()),
                        by: Some(frame.by.clone()),
                    },
                )?;
                Ok(told(frame, &done))
            }
            None => self.begin(frame),
        }
    }

    fn begin(&self, frame: &Frame) -> Ended {
        let planned: Evacuation = frame
            .client
            .post(&["v1", "evacuations"], &self.ask(frame, true))?;
        if self.dry_run {
            return Ok(frame.show(&planned, Exit::Good, render));
        }
        let palette = Palette::new(frame.colours(stderr().is_terminal()));
        output::complain(render(&planned, palette).trim_end());
        if !self.yes {
            let tone = if self.allow_data_loss {
                Tone::Bad
            } else {
                Tone::Strong
            };
            let warning = palette.paint_lines(tone, &warning(&planned));
            confirm(&format!("\n{warning}"), &planned.region)?;
        }
        let begun: Evacuation = frame
            .client
            .post(&["v1", "evacuations"], &self.ask(frame, false))?;
        if self.follow {
            return follow(frame, &begun.id);
        }
        Ok(frame.show(&begun, Exit::Good, |begun, _| opened(begun)))
    }

    fn ask(&self, frame: &Frame, dry_run: bool) -> StartEvacuation {
        StartEvacuation {
            // Both are there: the arguments' definition requires them where there is no verb.
            region: self.region.clone().unwrap_or_default(),
            reason: self.reason.clone().unwrap_or_default(),
            parallel: self.parallel,
            allow_data_loss: self.allow_data_loss,
            dry_run,
            by: Some(frame.by.clone()),
        }
    }
}

fn warning(planned: &Evacuation) -> String {
    let mut text = String::new();
    if planned.allow_data_loss {
        text += &wrapped(
            "DATA MAY BE LOST: ",
            &format!(
                "where {} no longer answers, what it has not replicated is gone.",
                planned.region
            ),
        );
    }
    let staying = |one: &&EvacuatedApplication| one.status != "elsewhere";
    let count = planned.applications.iter().filter(staying).count();
    let applications = if count == 1 {
        "application"
    } else {
        "applications"
    };
    text + &wrapped(
        "",
        &format!(
            "This moves {count} {applications} out of {}, {} at a time.",
            planned.region, planned.parallel
        ),
    )
}

fn opened(begun: &Evacuation) -> String {
    let id = &begun.id;
    format!(
        "Evacuation {id} has begun.\n\
         To see how it goes: failoverctl evacuate show {id} --watch\n\
         To begin nothing new in it: failoverctl evacuate stop {id} --reason WHY\n"
    )
}

/// Shows it whenever it has changed, until it has ended or nothing goes on without a person.
fn follow(frame: &Frame, id: &str) -> Ended {
    frame.client.catch_interrupts();
    let mut shown: Option<Evacuation> = None;
    let mut silent = 0;
    loop {
        match frame.client.get::<Evacuation>(&["v1", "evacuations", id]) {
            Ok(now) => {
                silent = 0;
                if let Some(exit) = rest(&now) {
                    return Ok(frame.show(&now, exit, render));
                }
                if shown.as_ref() != Some(&now) {
                    let palette = Palette::new(frame.colours(stderr().is_terminal()));
                    output::complain(&step(shown.as_ref(), &now, palette));
                    shown = Some(now);
                }
            }
            Err(error) if error.may_pass() && silent < PATIENCE => {
                if silent == 0 {
                    output::complain(&format!("{error}; asking on"));
                }
                silent += 1;
            }
            Err(error) => return Err(error.into()),
        }
        match frame.client.pause(PAUSE) {
            Ok(()) => {}
            Err(ClientError::Interrupted) => {
                output::complain(&format!(
                    "It goes on without you. To look again: failoverctl evacuate show {id}"
                ));
                return Err(Stop::Told(Exit::No));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// How it ended, if nothing goes on by itself.
fn rest(evacuation: &Evacuation) -> Option<Exit> {
    match evacuation.status.as_str() {
        "completed" => Some(Exit::Good),
        "stopped" | "needs_operator" => Some(Exit::No),
        _ => None,
    }
}

/// What is new: the sum, and each application whose word has changed.
fn step(before: Option<&Evacuation>, now: &Evacuation, palette: Palette) -> String {
    let mut text = wrapped("", &now.summary);
    for one in &now.applications {
        let then = before.and_then(|before| {
            let mut all = before.applications.iter();
            all.find(|old| old.application == one.application)
        });
        if before.is_some() && then.map(|then| &then.status) != Some(&one.status) {
            let to = one
                .to
                .as_ref()
                .map_or_else(String::new, |to| format!(" to {to}"));
            let line = wrapped("  ", &format!("{}: {}{to}", one.application, one.status));
            text += &palette.paint_lines(tone(&one.status), &line);
        }
    }
    text.trim_end().to_owned()
}

fn list(frame: &Frame, raw: RawWatch) -> Ended {
    let fetch = || {
        let all: Page<Evacuation> = frame.client.get(&["v1", "evacuations"])?;
        Ok(all)
    };
    watch(frame, raw, fetch, |page, palette| {
        rows(page, frame.client.now(), palette)
    })
}

fn rows(page: &Page<Evacuation>, now: Wall, palette: Palette) -> String {
    if page.items.is_empty() {
        return "No Region has been evacuated.\n".to_owned();
    }
    let mut table = Table::new(["EVACUATION", "STATUS", "BEGUN", "BY", "SUMMARY"]);
    for one in &page.items {
        let begun = one.begun_at.as_ref().map(|at| since(at, now));
        table.row([
            one.id.as_str().into(),
            Cell::toned(tone(&one.status), one.status.replace('_', " ")),
            or_dash(begun.as_deref()).into(),
            one.by.as_str().into(),
            one.summary.as_str().into(),
        ]);
    }
    table.render(palette)
}

fn tone(status: &str) -> Tone {
    match status {
        "completed" | "moved" | "elsewhere" => Tone::Good,
        "needs_operator" | "failed" | "held" => Tone::Bad,
        "running" => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// The waves, and below them why whoever is held is held.
fn render(evacuation: &Evacuation, palette: Palette) -> String {
    let name = if evacuation.id.is_empty() {
        format!("Out of {}", evacuation.region)
    } else {
        format!("Evacuation {}", evacuation.id)
    };
    let status = evacuation.status.replace('_', " ");
    let head = format!("{name}: {status}. {}", evacuation.summary);
    let mut text = palette.paint_lines(tone(&evacuation.status), &wrapped("", &head));
    let why = format!("{}: {}", evacuation.by, evacuation.reason);
    text += &wrapped("", &why);
    text.push('\n');
    let mut table = Table::new(["WAVE", "APPLICATION", "PRIORITY", "STATUS", "TO", "RUN"]);
    for one in &evacuation.applications {
        table.row([
            one.wave.to_string().into(),
            one.application.as_str().into(),
            one.priority.to_string().into(),
            Cell::toned(tone(&one.status), one.status.as_str()),
            or_dash(one.to.as_deref()).into(),
            or_dash(one.run.as_deref()).into(),
        ]);
    }
    text += &table.render(palette);
    // What waits for its turn is no trouble.
    let trouble = evacuation
        .applications
        .iter()
        .filter(|one| one.status != "waiting");
    for (one, reason) in trouble.filter_map(|one| Some((one, one.reason.as_ref()?))) {
        text.push('\n');
        text += &wrapped(&format!("{}: ", one.application), &reason.text);
        text += &wrapped("  help: ", &reason.remedy);
    }
    text
}

#[cfg(test)]
mod tests;
