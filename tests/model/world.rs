//! The AWS side: what there is to be written, and the requests on their way to it.
//!
//! A request lands at once, a round later, or never; it may land when nobody waits for it any more.
//! It lands whole or not at all, and its reply may be lost either way.

use failoverd::model::{BootId, Goal, Intent, Observation, RunId, StepId};

use crate::setting::{FROM, REQUEST_ROUNDS, TO};

/// Where traffic and data are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub dial_from: u8,
    pub dial_to: u8,
    pub promoted: bool,
    /// Sorted, so that the order of sending makes no new state.
    pub requests: Vec<Request>,
}

/// A write on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    pub run: RunId,
    pub step: StepId,
    pub attempt: u32,
    pub boot: BootId,
    pub intent: Intent,
    /// In which round.
    pub sent: u32,
}

/// What a look finds that saw that.
pub fn seen(goal: Goal) -> Observation {
    let seen = match &goal {
        Goal::Met => "met",
        Goal::NotMet => "not met",
        _ => "nothing",
    };
    Observation {
        seen: seen.to_owned(),
        goal,
    }
}

impl World {
    pub fn new() -> Self {
        Self {
            dial_from: 100,
            dial_to: 0,
            promoted: false,
            requests: Vec::new(),
        }
    }

    pub fn is_met(&self, intent: &Intent) -> bool {
        match intent {
            Intent::Dial {
                region, percent, ..
            } => self.dial(region.as_str()) == *percent,
            Intent::AuroraPromote { .. } => self.promoted,
            other => panic!("the runbook has no {}", other.name()),
        }
    }

    fn dial(&self, region: &str) -> u8 {
        match region {
            FROM => self.dial_from,
            TO => self.dial_to,
            other => panic!("{other} has no dial"),
        }
    }

    pub fn send(&mut self, request: Request) {
        self.requests.push(request);
        self.requests.sort();
    }

    /// The request takes effect.
    pub fn land(&mut self, index: usize) -> Request {
        let request = self.requests.remove(index);
        match &request.intent {
            Intent::Dial {
                region, percent, ..
            } => match region.as_str() {
                FROM => self.dial_from = *percent,
                TO => self.dial_to = *percent,
                other => panic!("{other} has no dial"),
            },
            Intent::AuroraPromote { .. } => self.promoted = true,
            other => panic!("the runbook has no {}", other.name()),
        }
        request
    }

    /// Whether no request would still be on its way in that round.
    pub fn is_quiet_by(&self, round: u32) -> bool {
        self.requests
            .iter()
            .all(|request| request.sent + REQUEST_ROUNDS > round)
    }
}
