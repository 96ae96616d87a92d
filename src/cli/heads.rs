//! The first three lines of every look at how things stand: what is lost, what failoverd does about it
//! or why it waits, and what whoever looks may do. Ten seconds are what there is to read them.

use super::frame::{Palette, Tone, length, wrapped};
use super::show;
use crate::api::wire::{ApplicationStatus, AutomationPause, ClusterStatus, Status, VerdictState};

/// More than this of a kind are counted, not told: the table below names them all.
const MOST: usize = 5;

/// What is said under each of the three.
#[derive(Debug, Default)]
pub struct Heads {
    lost: Vec<String>,
    does: Vec<String>,
    may: Vec<String>,
}

impl Heads {
    /// Of everything.
    pub fn of(status: &Status) -> Self {
        let mut heads = Self::default();
        heads.cluster(&status.cluster, &status.answered_by);
        heads.regions(&status.applications);
        for application in &status.applications {
            heads.application(application);
        }
        heads.pauses(&status.pauses);
        heads
    }

    /// Of one application.
    pub fn of_application(application: &ApplicationStatus) -> Self {
        let mut heads = Self::default();
        heads.regions(std::slice::from_ref(application));
        heads.application(application);
        heads
    }

    fn cluster(&mut self, cluster: &ClusterStatus, answered_by: &str) {
        if cluster.quorum_lost || !cluster.quorum_reachable {
            self.lost.push(format!(
                "the quorum: {answered_by} hears {} of {} members with a vote",
                cluster.heard, cluster.voters
            ));
            self.does
                .push("without a quorum nothing is decided and nothing is written".to_owned());
            self.may
                .push("failoverctl member list, and bring the silent members back".to_owned());
        } else if cluster.leader.is_none() {
            self.does
                .push("nobody leads: nothing is decided until one is elected".to_owned());
        }
    }

    /// By Region, because a Region is what is lost.
    fn regions(&mut self, applications: &[ApplicationStatus]) {
        for wanted in [VerdictState::Down, VerdictState::Suspect] {
            let mut by_region: Vec<(&str, Vec<&str>, u64)> = Vec::new();
            for application in applications {
                for region in &application.regions {
                    if region.verdict != wanted {
                        continue;
                    }
                    let passed = region.verdict_for_ms.unwrap_or(0);
                    match by_region.iter_mut().find(|(name, ..)| *name == region.name) {
                        Some((_, names, longest)) => {
                            names.push(&application.name);
                            *longest = passed.max(*longest);
                        }
                        None => by_region.push((&region.name, vec![&application.name], passed)),
                    }
                }
            }
            for (region, names, longest) in by_region {
                let word = match wanted {
                    VerdictState::Down => "DOWN",
                    VerdictState::Suspect | VerdictState::Up | VerdictState::Unknown => {
                        "perhaps down"
                    }
                };
                self.lost.push(format!(
                    "{region} is {word} ({}): {}",
                    length(longest),
                    several(&names)
                ));
            }
        }
    }

    fn application(&mut self, application: &ApplicationStatus) {
        let name = &application.name;
        if application.phase != "steady" {
            let steps = match &application.open_run {
                Some(_) if show::counts_steps(&application.summary) => String::new(),
                Some(run) => format!(" ({} of {} steps)", run.steps_done, run.steps),
                None => String::new(),
            };
            self.does
                .push(format!("{name}: {}{steps}", application.summary));
        }
        for reason in &application.reasons {
            // The summary mostly holds the first of them.
            if !application.summary.contains(&reason.text) {
                self.does.push(format!("{name}: {}", reason.text));
            }
            self.may(&reason.remedy);
        }
        match (&application.open_run, application.phase.as_str()) {
            (Some(run), "needs_operator") => {
                self.may(&format!("failoverctl show {}", run.id));
            }
            (Some(run), _) => self.may(&format!("failoverctl follow {}", run.id)),
            (None, "suspect" | "confirmed" | "blocked") => {
                self.may(&format!("failoverctl why {name}"));
                self.may(&format!("failoverctl plan {name}"));
            }
            (None, _) => {}
        }
    }

    /// Whatever is lost meanwhile, nobody answers it by itself.
    fn pauses(&mut self, pauses: &[AutomationPause]) {
        for pause in pauses {
            let what = match &pause.application {
                Some(name) => format!("automation of {name}"),
                None => "all automation".to_owned(),
            };
            let kind = if pause.planned {
                "stands still in a planned window"
            } else {
                "is PAUSED"
            };
            let left = match pause.remaining_ms {
                Some(ms) => format!("{} left", length(ms)),
                None => "without an end".to_owned(),
            };
            self.does.push(format!(
                "{what} {kind} for {}, {left}: {} ({})",
                length(pause.age_ms),
                pause.reason,
                pause.by
            ));
            if !pause.planned {
                let name = pause.application.as_deref().unwrap_or_default();
                self.may(format!("failoverctl resume-automation {name}").trim_end());
            }
        }
    }

    fn may(&mut self, what: &str) {
        if !self.may.iter().any(|known| known == what) {
            self.may.push(what.to_owned());
        }
    }

    /// The three of them, and an empty line.
    pub fn render(&self, palette: Palette) -> String {
        let quiet = self.lost.is_empty();
        let lost = if quiet { Tone::Good } else { Tone::Bad };
        let does = if self.does.is_empty() {
            Tone::Good
        } else {
            Tone::Warn
        };
        let mut text = head("Lost       ", &self.lost, "nothing", lost, palette);
        text += &head(
            "failoverd  ",
            &self.does,
            "watches; there is nothing to do",
            does,
            palette,
        );
        let idle = if quiet && self.does.is_empty() {
            "go back to sleep"
        } else {
            "wait and look again: failoverctl status --watch"
        };
        text += &head("You may    ", &self.may, idle, Tone::Plain, palette);
        text.push('\n');
        text
    }
}

fn head(name: &str, lines: &[String], none: &str, tone: Tone, palette: Palette) -> String {
    let blank = " ".repeat(name.len());
    let mut text = String::new();
    let shown = lines.iter().take(MOST).map(String::as_str);
    let shown: Vec<&str> = if lines.is_empty() {
        vec![none]
    } else {
        shown.collect()
    };
    for (index, line) in shown.into_iter().enumerate() {
        let before = if index == 0 { name } else { &blank };
        text += &painted(before, line, tone, palette);
    }
    if lines.len() > MOST {
        text += &painted(
            &blank,
            &format!("and {} more", lines.len() - MOST),
            tone,
            palette,
        );
    }
    text
}

/// The name stands out, the rest has its tone.
fn painted(before: &str, line: &str, tone: Tone, palette: Palette) -> String {
    let width = before.len();
    wrapped(before, line)
        .lines()
        .map(|line| {
            let (name, rest) = line.split_at_checked(width).unwrap_or((line, ""));
            format!(
                "{}{}\n",
                palette.paint(Tone::Strong, name),
                palette.paint(tone, rest)
            )
        })
        .collect()
}

/// Names, no more than are read at a glance.
fn several(names: &[&str]) -> String {
    if names.len() > MOST {
        let rest = names.len() - MOST;
        format!("{} and {rest} more", names[..MOST].join(", "))
    } else {
        names.join(", ")
    }
}
