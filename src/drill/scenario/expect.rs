//! What must come of a scenario, and whether it did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Place, Places, StepWord};
use crate::drill::report::Check;
use crate::model::{AbortReason, Drill, HoldReason, RegionId, Run, RunStatus, StepId};

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
    /// Why the last run was aborted.
    pub aborted: Option<Aborted>,
    /// What must be named in a reason that was shown, or in the last run's own.
    pub says: Option<String>,
    /// Members that must not have written anything to AWS.
    pub no_writes_by: Vec<Place>,
    /// Another member comes to lead than when the scenario began.
    pub another_leads: bool,
    /// Every member that runs has said that the quorum is lost.
    pub everyone_alarms: bool,
    /// Why some member's vote on a Region must have counted for nothing ([`Unusable::code`]).
    pub unusable_vote: Option<String>,
    /// What the live drill came to ([`DrillOutcome::as_str`]).
    pub drill: Option<String>,
    /// What it ended by, if not by coming home as planned ([`DrillCause::as_str`]).
    pub drill_ended_by: Option<String>,
    /// So many applications have left by an evacuation that is completed.
    pub evacuated: Option<usize>,
}

/// Why a run was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aborted {
    Operator,
    Stale,
    Compensated,
    Recovered,
    Worsened,
    DrillOver,
}

impl Aborted {
    /// Every one, as written.
    pub const ALL: [(&'static str, Self); 6] = [
        ("operator", Self::Operator),
        ("stale", Self::Stale),
        ("compensated", Self::Compensated),
        ("recovered", Self::Recovered),
        ("worsened", Self::Worsened),
        ("drill_over", Self::DrillOver),
    ];

    /// The word as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Stale => "stale",
            Self::Compensated => "compensated",
            Self::Recovered => "recovered",
            Self::Worsened => "worsened",
            Self::DrillOver => "drill_over",
        }
    }

    fn of(reason: &AbortReason) -> Self {
        match reason {
            AbortReason::Operator { .. } => Self::Operator,
            AbortReason::Stale => Self::Stale,
            AbortReason::Compensated { .. } => Self::Compensated,
            AbortReason::Recovered { .. } => Self::Recovered,
            AbortReason::Worsened { .. } => Self::Worsened,
            AbortReason::DrillOver { .. } => Self::DrillOver,
        }
    }
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
    /// What the open run waits for a person to do, though no step of it has failed.
    pub waits: Option<&'a str>,
    pub active: &'a RegionId,
    /// The Regions behind `home`, `standby` and `witness`.
    pub places: &'a Places,
    /// Executed calls by `service.Operation`.
    pub calls: &'a BTreeMap<String, u32>,
    pub lost_writes: u64,
    /// By the member's Region: how many of its writes AWS received.
    pub writes: &'a BTreeMap<RegionId, u32>,
    /// The Region of the member that led when the scenario began, and of the last other that did.
    pub leaders: (Option<&'a RegionId>, Option<&'a RegionId>),
    /// By the Region of each member that ran in the end: whether it had said that the quorum is
    /// lost.
    pub alarms: &'a BTreeMap<RegionId, bool>,
    /// Every reason for which a vote counted for nothing at any time.
    pub unusable: &'a BTreeSet<&'static str>,
    /// The newest game day.
    pub drill: Option<&'a Drill>,
    /// How many applications have left by an evacuation that is completed.
    pub evacuated: Option<usize>,
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
            Some(RunStatus::Executing) if self.waits.is_some() => Some(Outcome::NeedsOperator),
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
        if let Some(wanted) = self.evacuated {
            checks.push(Check {
                name: format!("{wanted} applications leave, and the evacuation completes"),
                held: seen.evacuated == Some(wanted),
                seen: match seen.evacuated {
                    Some(count) => count.to_string(),
                    None => "no evacuation is completed".to_owned(),
                },
            });
        }
        self.check_ending(seen, &mut checks);
        self.check_members(seen, &mut checks);
        self.check_drill(seen, &mut checks);
        checks
    }

    /// Why the last run waits or ended.
    fn check_ending(&self, seen: &Seen<'_>, checks: &mut Vec<Check>) {
        let status = seen.runs.last().map(|run| &run.status);
        if let Some(wanted) = self.aborted {
            let why = match status {
                Some(RunStatus::Aborted { reason } | RunStatus::Aborting { reason }) => {
                    Some(reason)
                }
                Some(
                    RunStatus::Executing
                    | RunStatus::NeedsOperator { .. }
                    | RunStatus::Soaking { .. }
                    | RunStatus::Completed,
                )
                | None => None,
            };
            checks.push(Check {
                name: format!("the run is aborted: {}", wanted.as_str()),
                held: why.is_some_and(|why| Aborted::of(why) == wanted),
                seen: why.map_or_else(|| "it is not aborted".to_owned(), ToString::to_string),
            });
        }
        if let Some(wanted) = &self.says {
            let mut said: Vec<String> = seen.reasons.iter().map(ToString::to_string).collect();
            said.extend(seen.waits.map(str::to_owned));
            match status {
                Some(RunStatus::NeedsOperator { reason }) => said.push(reason.to_string()),
                Some(RunStatus::Aborted { reason } | RunStatus::Aborting { reason }) => {
                    said.push(reason.to_string());
                }
                Some(RunStatus::Executing | RunStatus::Soaking { .. } | RunStatus::Completed)
                | None => {}
            }
            checks.push(Check {
                name: format!("`{wanted}` is named"),
                held: said.iter().any(|text| text.contains(wanted)),
                seen: said.join("; "),
            });
        }
    }

    fn check_drill(&self, seen: &Seen<'_>, checks: &mut Vec<Check>) {
        let end = seen.drill.and_then(|drill| drill.end.as_ref());
        let told = |word: &str| match (seen.drill, end) {
            (_, Some(end)) => format!("{word}: {}", end.report.summary),
            (Some(_), None) => "it goes on".to_owned(),
            (None, None) => "there was none".to_owned(),
        };
        if let Some(wanted) = &self.drill {
            let outcome = end.map_or("", |end| end.outcome.as_str());
            checks.push(Check {
                name: format!("the live drill comes to `{wanted}`"),
                held: outcome == wanted,
                seen: told(outcome),
            });
        }
        if let Some(wanted) = &self.drill_ended_by {
            let cause = end.and_then(|end| end.cause).map_or("", |c| c.as_str());
            checks.push(Check {
                name: format!("the live drill is ended by `{wanted}`"),
                held: cause == wanted,
                seen: told(cause),
            });
        }
    }

    fn check_members(&self, seen: &Seen<'_>, checks: &mut Vec<Check>) {
        for place in &self.no_writes_by {
            let region = seen.places.region(place);
            let made = seen.writes.get(region).copied().unwrap_or(0);
            checks.push(Check {
                name: format!("the member in {region} writes nothing"),
                held: made == 0,
                seen: times(made),
            });
        }
        if self.another_leads {
            let (first, last) = seen.leaders;
            let name = |leader: Option<&RegionId>| {
                leader.map_or_else(|| "nobody".to_owned(), ToString::to_string)
            };
            checks.push(Check {
                name: "another member comes to lead".to_owned(),
                held: last.is_some() && first != last,
                seen: format!("{}, then {}", name(first), name(last)),
            });
        }
        if let Some(code) = &self.unusable_vote {
            let all: Vec<&str> = seen.unusable.iter().copied().collect();
            checks.push(Check {
                name: format!("a vote counts for nothing: `{code}`"),
                held: all.contains(&code.as_str()),
                seen: if all.is_empty() {
                    "every vote counted".to_owned()
                } else {
                    all.join(", ")
                },
            });
        }
        if self.everyone_alarms {
            let silent: Vec<&str> = seen
                .alarms
                .iter()
                .filter(|(_, alarmed)| !**alarmed)
                .map(|(region, _)| region.as_str())
                .collect();
            checks.push(Check {
                name: "every member says that the quorum is lost".to_owned(),
                held: silent.is_empty() && !seen.alarms.is_empty(),
                seen: match silent.as_slice() {
                    [] => "each of them".to_owned(),
                    silent => format!("not {}", silent.join(", ")),
                },
            });
        }
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
