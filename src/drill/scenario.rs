//! A scenario: what happens to the emulated world, and what must come of it.
//!
//! ```text
//!  scenarios/*.toml ─┐
//!                    ├─ parse ─▶ Scenario ─▶ the drill ─▶ Seen ─▶ Expectation::check ─▶ Report
//!  --scenario FILE ──┘
//! ```
//!
//! A scenario says *what* and *in which order*, never how long something must take: a drill that
//! asserted times would measure the host. The only length that binds is its deadline.

mod event;
mod expect;
mod fault;
mod parse;
mod shipped;

pub use event::{Deed, Moment, OperatorAct, ScenarioEvent, StepWord, Trigger};
pub use expect::{Aborted, Expectation, Outcome, Seen};
pub use fault::{AwsService, FaultSpec, Lost, LostReply, Percent, Place, Places, Who};
pub use parse::ScenarioError;
pub use shipped::{SHIPPED, shipped_runbook};

use std::path::{Path, PathBuf};

use crate::model::{Automation, Millis};

/// What a drill plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Lower case with hyphens; what `--scenario` takes.
    pub name: String,
    /// One line for `drill list`.
    pub title: String,
    /// A few sentences for the report.
    pub description: String,
    pub runbook: RunbookChoice,
    /// What starts the run that the drill is about.
    pub start: Start,
    /// In the order in which the file has them. World time counts from the first steady moment.
    pub events: Vec<ScenarioEvent>,
    pub expect: Expectation,
    /// World time from the first steady moment until the drill is given up as failed.
    pub deadline: Millis,
    /// At most so many times faster than real time, whatever was asked for: what plays a larger world
    /// has less of the host for each part of it.
    pub most_speed: Option<u32>,
    /// World time for which it goes on after the last event, whatever has come of it by then.
    pub linger: Millis,
    pub app: AppOverrides,
    pub members: MemberSetup,
}

/// The members of a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSetup {
    /// How many: one in each Region of the application, the rest in witness Regions.
    pub count: usize,
    /// Which of them leads when the scenario begins. Any may; a drill that says which is the same
    /// drill each time.
    pub leader: Place,
}

impl MemberSetup {
    /// What survives the loss of one.
    pub const FEWEST: usize = 3;
    /// What survives the loss of two.
    pub const MOST: usize = 5;
}

/// Where a scenario's runbook comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunbookChoice {
    /// One of those that ship with failoverd, or with the drill ([`shipped_runbook`]).
    Shipped(String),
    /// The user's own.
    File(PathBuf),
}

/// What starts the run that a drill is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A fault; failoverd must decide by itself.
    Outage,
    /// A person's `switchover`.
    Switchover,
    /// A person's `failback`.
    Failback,
    /// A person's `shift`.
    Shift,
    /// A person's `return`.
    Return,
}

/// What the drill's application has different from the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppOverrides {
    pub rpo_max: Option<Millis>,
    pub automation: Option<Automation>,
    pub hold_down: Option<Millis>,
    pub cool_down: Option<Millis>,
    pub soak: Option<Millis>,
    /// Whether the application has a database at all.
    pub database: bool,
    /// Whether the application can also go to the witness's Region.
    pub third_region: bool,
    /// Small applications beside the product.
    pub fleet: usize,
    /// The name has weighted record sets instead of PRIMARY and SECONDARY.
    pub weighted_records: bool,
    /// The record sets of the name follow routing controls instead of health checks of the Regions.
    pub routing_controls: bool,
    /// The standby runs not one node, and is declared cold.
    pub cold_standby: bool,
    /// Three Regions serve side by side, a third of the users each, by the accelerator alone.
    pub side_by_side: bool,
    /// What each of them needs in its busiest hour, in nodes.
    pub peak: u32,
    /// The name's PRIMARY has the health check that follows the members' `/steer`, and the SECONDARY
    /// none.
    pub steered: bool,
}

impl AppOverrides {
    /// More would be numbered in three digits, and no host plays them.
    pub const LARGEST_FLEET: usize = 99;
    /// The nodes that each of several Regions side by side has when a drill begins.
    pub const NODES: u32 = 4;
}

impl Default for AppOverrides {
    fn default() -> Self {
        Self {
            rpo_max: None,
            automation: None,
            hold_down: None,
            cool_down: None,
            soak: None,
            database: true,
            third_region: false,
            fleet: 0,
            weighted_records: false,
            routing_controls: false,
            cold_standby: false,
            side_by_side: false,
            peak: Self::NODES,
            steered: false,
        }
    }
}

impl Scenario {
    /// The scenario that `drill` plays when none is named.
    pub const DEFAULT: &'static str = "region-outage";

    /// Reads a scenario. `source_name` is what errors call the text.
    ///
    /// # Errors
    /// Every mistake in the text at once, each with its place.
    pub fn parse(source_name: &str, text: &str) -> Result<Self, ScenarioError> {
        parse::parse(source_name, text)
    }

    /// The shipped scenario of that name, or else the file at that path.
    ///
    /// # Errors
    /// Neither exists, or the file does not hold a scenario.
    pub fn find(name_or_path: &str) -> Result<Self, ScenarioError> {
        if let Some((file, text)) = shipped::text(name_or_path) {
            return Self::parse(file, text);
        }
        let path = Path::new(name_or_path);
        let looks_like_a_path =
            path.components().count() > 1 || path.extension().is_some() || path.exists();
        if !looks_like_a_path {
            return Err(ScenarioError::NoSuchScenario {
                name: name_or_path.to_owned(),
                known: SHIPPED
                    .iter()
                    .map(|(name, _)| *name)
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(name_or_path, &text)
    }

    /// Every shipped scenario, the default first.
    ///
    /// # Errors
    /// Cannot happen in a released build: a test parses every one of them.
    pub fn shipped() -> Result<Vec<Self>, ScenarioError> {
        SHIPPED
            .iter()
            .map(|(file, text)| Self::parse(file, text))
            .collect()
    }

    /// Which event the four clocks count from: the one marked `clocks_start`, or the first.
    pub fn zero(&self) -> usize {
        self.events
            .iter()
            .position(|event| event.clocks_start)
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
