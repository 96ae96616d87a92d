//! What a person sees while a drill runs.
//!
//! ```text
//!  AppView, Run ── SnapshotDiff ──▶ ProgressEvent ──▶ Progress ──┬─ a terminal: live lines
//!                                                               └─ a pipe, NO_COLOR: one line each
//! ```
//!
//! Everything goes to standard error: standard output belongs to the report.

mod diff;
mod lines;
mod live;

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, PoisonError};

pub use diff::SnapshotDiff;

use self::lines::Lines;
use self::live::Live;
use crate::model::{
    MemberId, Phase, RegionId, RunId, RunKind, RunStatus, StepActivity, StepId, StepStatus,
    VerdictState, Wall,
};

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressEvent {
    FaultInjected {
        text: String,
    },
    FaultCleared {
        text: String,
    },
    OperatorActed {
        text: String,
    },
    /// Another member leads from now on, or nobody.
    LeaderChanged {
        leader: Option<RegionId>,
    },
    /// Everybody's opinion of one Region, whole.
    VoteChanged {
        region: RegionId,
        voices: Vec<(MemberId, Voice)>,
    },
    VerdictChanged {
        region: RegionId,
        verdict: VerdictState,
    },
    PhaseChanged {
        phase: Phase,
    },
    RunOpened {
        run: RunId,
        kind: RunKind,
        from: RegionId,
        to: RegionId,
        steps: usize,
    },
    StepMoved {
        step: StepId,
        status: StepStatus,
        /// What was seen last.
        detail: Option<String>,
    },
    StepActivity {
        step: StepId,
        activity: StepActivity,
    },
    RunMoved {
        run: RunId,
        status: RunStatus,
    },
    RunClosed {
        run: RunId,
        status: RunStatus,
    },
    Note {
        text: String,
    },
}

/// What a member's vote on a Region comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// Says `down`, from outside.
    Down,
    /// Does not say `down`: up, or suspect.
    Dissent,
    /// Nothing usable.
    Unusable,
    /// At home in the Region: does not count.
    Inside,
}

impl Voice {
    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Dissent => "dissents",
            Self::Unusable => "unknown",
            Self::Inside => "inside",
        }
    }
}

/// A handle to whatever shows progress. Clones show on the same place.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<Inner>>);

struct Inner {
    /// From when on times are counted; before it there are none.
    zero: Option<Wall>,
    sink: Sink,
}

enum Sink {
    Live(Box<Live>),
    Lines(Lines),
    Silent,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl Progress {
    /// Live at a terminal, plain lines otherwise or where `NO_COLOR` is set.
    pub fn on_stderr() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if stderr().is_terminal() && !no_color {
            Self::new(Sink::Live(Box::new(Live::new())))
        } else {
            Self::lines(stderr())
        }
    }

    /// Plain lines, written to `out`.
    pub fn lines(out: impl std::io::Write + Send + 'static) -> Self {
        Self::new(Sink::Lines(Lines::new(Box::new(out))))
    }

    /// Shows nothing: for tests and benchmarks.
    pub fn silent() -> Self {
        Self::new(Sink::Silent)
    }

    fn new(sink: Sink) -> Self {
        Self(Arc::new(Mutex::new(Inner { zero: None, sink })))
    }

    /// From `at` on times are shown, counted from there.
    pub fn start_clocks(&self, at: Wall) {
        self.with(|inner| inner.zero = Some(at));
    }

    /// Tells one thing.
    pub fn push(&self, at: Wall, event: &ProgressEvent) {
        self.with(|inner| {
            let stamp = Stamp {
                zero: inner.zero,
                at,
            };
            match &mut inner.sink {
                Sink::Live(live) => live.push(stamp, event),
                Sink::Lines(lines) => lines.push(stamp, event),
                Sink::Silent => {}
            }
        });
    }

    /// Tells everything that differs from the last snapshot.
    pub fn push_all(&self, at: Wall, events: &[ProgressEvent]) {
        for event in events {
            self.push(at, event);
        }
    }

    /// Takes live lines off the terminal, so that the summary stands alone.
    pub fn finish(&self) {
        self.with(|inner| {
            if let Sink::Live(live) = &mut inner.sink {
                live.finish();
            }
        });
    }

    fn with(&self, act: impl FnOnce(&mut Inner)) {
        // A panic of another thread while it held this lock leaves nothing half done that matters.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// When something happened, for people.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    zero: Option<Wall>,
    at: Wall,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.zero {
            None => "·".to_owned(),
            Some(zero) => {
                let tenths = self.at.since(zero).0 / 100;
                format!("+{}.{}s", tenths / 10, tenths % 10)
            }
        };
        f.pad(&text)
    }
}

impl ProgressEvent {
    /// The word that a line begins with.
    fn topic(&self) -> &'static str {
        match self {
            Self::FaultInjected { .. } => "fault",
            Self::FaultCleared { .. } => "cleared",
            Self::OperatorActed { .. } => "operator",
            Self::LeaderChanged { .. } => "leader",
            Self::VoteChanged { .. } => "votes",
            Self::VerdictChanged { .. } => "verdict",
            Self::PhaseChanged { .. } => "phase",
            Self::RunOpened { .. } | Self::RunMoved { .. } | Self::RunClosed { .. } => "run",
            Self::StepMoved { .. } | Self::StepActivity { .. } => "step",
            Self::Note { .. } => "note",
        }
    }
}

impl fmt::Display for ProgressEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FaultInjected { text }
            | Self::FaultCleared { text }
            | Self::OperatorActed { text }
            | Self::Note { text } => f.write_str(text),
            Self::LeaderChanged {
                leader: Some(leader),
            } => write!(f, "{leader} leads"),
            Self::LeaderChanged { leader: None } => f.write_str("nobody leads"),
            Self::VoteChanged { region, voices } => {
                write!(f, "{region}:")?;
                for (member, voice) in voices {
                    write!(f, " {member} {}", voice.as_str())?;
                }
                Ok(())
            }
            Self::VerdictChanged { region, verdict } => write!(f, "{region} is {verdict}"),
            Self::PhaseChanged { phase } => f.write_str(&describe(phase)),
            Self::RunOpened {
                run,
                kind,
                from,
                to,
                steps,
            } => write!(f, "{run} opened: {kind} from {from} to {to}, {steps} steps"),
            Self::StepMoved {
                step,
                status,
                detail,
            } => {
                write!(f, "{step} {}", step_word(status))?;
                let why = match status {
                    StepStatus::Failed { failure } => Some(failure.to_string()),
                    StepStatus::Unknown { why, .. } => Some(why.clone()),
                    StepStatus::Waiting
                    | StepStatus::AwaitingApproval
                    | StepStatus::Intent { .. }
                    | StepStatus::Done { .. }
                    | StepStatus::Skipped { .. } => detail.clone(),
                };
                why.map_or(Ok(()), |why| write!(f, ": {why}"))
            }
            Self::StepActivity { step, activity } => {
                write!(f, "{step} {}", activity_word(*activity))
            }
            Self::RunMoved { run, status } => write!(f, "{run} is {}", run_words(status)),
            Self::RunClosed { run, status } => write!(f, "{run} closed: {}", run_words(status)),
        }
    }
}

/// A phase in a line.
fn describe(phase: &Phase) -> String {
    match phase {
        Phase::Steady => "steady".to_owned(),
        Phase::Suspect { region } => format!("suspect: is {region} lost?"),
        Phase::Confirmed { region } => format!("confirmed: {region} is lost"),
        Phase::Blocked { region, reason } => format!("blocked: {region} is lost, but {reason}"),
        Phase::Planned { region } => format!("planned: away from {region}"),
        Phase::Executing { run } => format!("executing {run}"),
        Phase::Soaking { run } => format!("soaking {run}"),
        Phase::CoolDown { .. } => "cooling down".to_owned(),
        Phase::NeedsOperator { reason, .. } => format!("needs an operator: {reason}"),
    }
}

fn run_words(status: &RunStatus) -> String {
    match status {
        RunStatus::NeedsOperator { reason } => format!("waiting for an operator: {reason}"),
        RunStatus::Aborting { reason } | RunStatus::Aborted { reason } => {
            format!("{}: {reason}", status.as_str())
        }
        RunStatus::Executing | RunStatus::Soaking { .. } | RunStatus::Completed => {
            status.as_str().to_owned()
        }
    }
}

fn step_word(status: &StepStatus) -> &'static str {
    match status {
        StepStatus::AwaitingApproval => "awaits approval",
        StepStatus::Waiting
        | StepStatus::Intent { .. }
        | StepStatus::Unknown { .. }
        | StepStatus::Done { .. }
        | StepStatus::Skipped { .. }
        | StepStatus::Failed { .. } => status.as_str(),
    }
}

fn activity_word(activity: StepActivity) -> &'static str {
    match activity {
        StepActivity::Ready => "ready",
        StepActivity::Observing => "looking",
        StepActivity::Committing => "journaling",
        StepActivity::Applying => "writing",
        StepActivity::Applied => "written",
        StepActivity::Settling => "settling",
    }
}

#[cfg(test)]
mod tests;
