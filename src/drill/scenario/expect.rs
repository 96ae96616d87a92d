//! What must come of a scenario, and whether it did.

use std::collections::BTreeMap;
use std::fmt;

use super::{Place, Places, StepWord};
use crate::drill::report::Check;
use crate::model::{HoldReason, RegionId, Run, RunStatus, StepId};

/// What must come of it. No times: those are measured, never required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub outcome: Outcome,
    /// The code of the typed reason that must be shown ([`HoldReason::code`]).
    pub reason: Option<String>,
    /// How many runs are opened in all.
    pub runs: usize,
    /// Where the application serves from in the end.
    pub active: Option<Place>,
    /// Steps of the last run.
    pub steps: BTreeMap<String, StepWord>,
    /// Calls that the sandbox *executed*, by `service.Operation`, exactly so many.
    pub calls: BTreeMap<String, u32>,
    pub lost_writes_at_most: Option<u64>,
}

/// How a drill ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The last run was executed whole and verified.
    Completed,
    /// No run was opened until the deadline.
    Held,
    /// Everything but a person's word was there; no run was opened until the deadline.
    Asked,
    /// The last run is open and waits for a person.
    NeedsOperator,
    /// The last run was aborted.
    Aborted,
}

impl Outcome {
    /// Every outcome, as written.
    pub const ALL: [(&'static str, Self); 5] = [
        ("completed", Self::Completed),
        ("held", Self::Held),
        ("asked", Self::Asked),
        ("needs_operator", Self::NeedsOperator),
        ("aborted", Self::Aborted),
    ];

    /// The word as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Held => "held",
            Self::Asked => "asked",
            Self::NeedsOperator => "needs_operator",
            Self::Aborted => "aborted",
        }
    }

    /// Whether the right thing is to open no run.
    pub fn is_without_run(self) -> bool {
        match self {
            Self::Held | Self::Asked => true,
            Self::Completed | Self::NeedsOperator | Self::Aborted => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a drill saw, to be held against the expectation.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// Every run that was opened, in order.
    pub runs: &'a [Run],
    /// Every reason for which a decision was withheld at any time, in the order first seen.
    pub reasons: &'a [HoldReason],
    /// Whether the last decision was to ask.
    pub asked: bool,
    pub active: &'a RegionId,
    /// The Regions behind `home`, `standby` and `witness`.
    pub places: &'a Places,
    /// Executed calls by `service.Operation`.
    pub calls: &'a BTreeMap<String, u32>,
    pub lost_writes: u64,
}

impl<'a> Seen<'a> {
    /// How it ended, as far as can be told now. `None`: a run is still on its way.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.runs.last().map(|run| &run.status) {
            None if self.asked => Some(Outcome::Asked),
            None => Some(Outcome::Held),
            Some(RunStatus::Completed | RunStatus::Soaking { .. }) => Some(Outcome::Completed),
            Some(RunStatus::NeedsOperator { .. }) => Some(Outcome::NeedsOperator),
            Some(RunStatus::Aborted { .. }) => Some(Outcome::Aborted),
            Some(RunStatus::Executing | RunStatus::Aborting { .. }) => None,
        }
    }
}

impl Expectation {
    /// Holds what was seen against what must be; one check per expectation.
    pub fn check(&self, seen: &Seen<'_>) -> Vec<Check> {
        let mut checks = vec![self.check_outcome(seen), self.check_runs(seen)];
        if let Some(code) = &self.reason {
            checks.push(check_reason(code, seen));
        }
        if let Some(place) = &self.active {
            let wanted = seen.places.region(place);
            checks.push(Check {
                name: format!("{wanted} serves in the end"),
                held: seen.active == wanted,
                seen: seen.active.to_string(),
            });
        }
        for (id, word) in &self.steps {
            checks.push(check_step(id, *word, seen));
        }
        for (operation, wanted) in &self.calls {
            let made = seen.calls.get(operation).copied().unwrap_or(0);
            checks.push(Check {
                name: match wanted {
                    0 => format!("{operation} is never executed"),
                    wanted => format!("{operation} is executed {}", times(*wanted)),
                },
                held: made == *wanted,
                seen: times(made),
            });
        }
        if let Some(most) = self.lost_writes_at_most {
            checks.push(Check {
                name: format!("at most {most} acknowledged writes are lost"),
                held: seen.lost_writes <= most,
                seen: seen.lost_writes.to_string(),
            });
        }
        checks
    }

    fn check_outcome(&self, seen: &Seen<'_>) -> Check {
        let outcome = seen.outcome();
        Check {
            name: format!("the drill ends {}", self.outcome),
            held: outcome == Some(self.outcome),
            seen: outcome.map_or_else(|| "a run is still open".to_owned(), |o| o.to_string()),
        }
    }

    fn check_runs(&self, seen: &Seen<'_>) -> Check {
        Check {
            name: match self.runs {
                0 => "no run is opened".to_owned(),
                1 => "exactly one run is opened".to_owned(),
                n => format!("exactly {n} runs are opened"),
            },
            held: seen.runs.len() == self.runs,
            seen: seen.runs.len().to_string(),
        }
    }
}

fn check_reason(code: &str, seen: &Seen<'_>) -> Check {
    let found = seen.reasons.iter().find(|reason| reason.code() == code);
    Check {
        name: format!("the reason shown is `{code}`"),
        held: found.is_some(),
        seen: match (found, seen.reasons.last()) {
            (Some(reason), _) | (None, Some(reason)) => format!("{}: {reason}", reason.code()),
            (None, None) => "no reason".to_owned(),
        },
    }
}

fn check_step(id: &str, word: StepWord, seen: &Seen<'_>) -> Check {
    // A step expanded over node groups reads `grow-standby/web`: all of them must agree.
    let expanded = format!("{id}/");
    let found: Vec<_> = seen
        .runs
        .last()
        .into_iter()
        .flat_map(|run| &run.steps)
        .filter(|(step, _)| {
            let StepId(step) = step;
            step == id || step.starts_with(&expanded)
        })
        .collect();
    Check {
        name: format!("step {id} is {}", word.as_str()),
        held: !found.is_empty() && found.iter().all(|(_, record)| word.matches(&record.status)),
        seen: match found.as_slice() {
            [] => "there is no such step".to_owned(),
            steps => steps
                .iter()
                .map(|(_, record)| StepWord::of(&record.status).as_str())
                .collect::<Vec<_>>()
                .join(", "),
        },
    }
}

fn times(n: u32) -> String {
    match n {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}
