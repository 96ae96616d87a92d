//! The themes that are explored: each a part of the space in which faults of a few kinds meet.
//!
//! One space with every kind of fault in it would have to be cut off after two faults of any kind. Kinds
//! that have nothing to do with each other need not meet: who aborts does not care how votes travel.

use crate::bounds::{Bounds, Budget};
use crate::claims::Shows;
use crate::setting::INSIDE;

/// A part of the space, and what must be found in it.
#[derive(Clone, Debug)]
pub struct Theme {
    pub bounds: Bounds,
    pub shows: &'static [Shows],
    /// Fewer states than that, and the model is broken: it explores nothing.
    pub at_least: usize,
}

/// The witness leads unless the theme says otherwise.
const WITNESS: usize = 2;

fn lost(name: &'static str, budget: Budget) -> Bounds {
    Bounds {
        name,
        rounds: 8,
        leader: WITNESS,
        lost: true,
        lowers: false,
        budget,
    }
}

/// Leaders die, are replaced, hear nothing, are late, and leave commands behind in their logs.
pub fn succession() -> Theme {
    let budget = Budget {
        faults: 2,
        crashes: 1,
        elections: 1,
        losses: 1,
        delays: 1,
        strandings: 1,
        ..Budget::default()
    };
    Theme {
        bounds: lost("succession", budget),
        shows: &[
            Shows::Completed,
            Shows::CarriedOn,
            Shows::LateWrite,
            Shows::Retried,
        ],
        at_least: 300_000,
    }
}

/// A person aborts while leaders are replaced and answers are lost or late.
pub fn aborts() -> Theme {
    let budget = Budget {
        faults: 2,
        aborts: 1,
        elections: 1,
        losses: 1,
        delays: 1,
        ..Budget::default()
    };
    Theme {
        bounds: lost("aborts", budget),
        shows: &[
            Shows::Completed,
            Shows::AbortCloses,
            Shows::GivenBack,
            Shows::SecondRun,
        ],
        at_least: 100_000,
    }
}

/// Steps run out of time while their requests are on their way, and a person aborts.
pub fn timeouts() -> Theme {
    let budget = Budget {
        faults: 3,
        aborts: 1,
        losses: 1,
        leaps: 1,
        ..Budget::default()
    };
    Theme {
        bounds: lost("timeouts", budget),
        shows: &[Shows::Completed, Shows::AbortCloses, Shows::GivenBack],
        at_least: 50_000,
    }
}

/// The Region comes and goes, single paths to it are cut, votes are late, members go away, automation
/// is paused.
pub fn votes() -> Theme {
    let budget = Budget {
        faults: 2,
        late_sheets: 2,
        absences: 1,
        cuts: 2,
        turns: 2,
        pauses: 2,
        ..Budget::default()
    };
    let bounds = Bounds {
        lost: false,
        ..lost("votes", budget)
    };
    Theme {
        bounds,
        shows: &[Shows::Completed, Shows::Paused],
        at_least: 15_000,
    }
}

/// The run is opened and the Region comes back: before the opening surfaces, or before the leader that
/// opened it is replaced.
pub fn stale() -> Theme {
    let budget = Budget {
        faults: 2,
        turns: 1,
        crashes: 1,
        elections: 1,
        strandings: 1,
        ..Budget::default()
    };
    Theme {
        bounds: lost("stale", budget),
        shows: &[Shows::Completed, Shows::StaleAbandoned],
        at_least: 150_000,
    }
}

/// The leader is at home in the lost Region; the runbook has three steps.
pub fn home() -> Theme {
    let budget = Budget {
        faults: 1,
        crashes: 1,
        elections: 1,
        losses: 1,
        delays: 1,
        aborts: 1,
        ..Budget::default()
    };
    let bounds = Bounds {
        leader: INSIDE,
        lowers: true,
        ..lost("home", budget)
    };
    Theme {
        bounds,
        shows: &[Shows::Completed, Shows::StandsDown],
        at_least: 200_000,
    }
}
