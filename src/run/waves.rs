//! Who goes when in an evacuation: the waves, and whose turn it is.
//!
//! ```text
//!  priority, depends_on ──waves──▶ 1: [ledger, login]   2: [shop]   3: [blog]
//!                                      │ executed          │
//!                                      └──── frees ────────┘  at most `parallel` under way
//! ```
//!
//! What something of an urgent priority depends on is as urgent itself. Within one priority what is
//! depended on goes first.
//!
//! A wave waits for the one before it, but not for what a person must see to: an application that
//! has been held for [`PATIENCE`], whose run needs somebody or was aborted, or which waits for one of
//! those, does not keep the others. What depends on it waits.
//!
//! Invariant: nothing begins before all that it depends on serves from elsewhere.
//! Invariant: a run that needs a person keeps its place among the `parallel`: as many as go wrong,
//! so much less goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::{
    AppId, Application, Departure, Evacuation, Evacuee, EvacueeStatus, Millis, Precedence,
    RegionId, Run, RunStatus, State, StepStatus, Wall,
};

/// So long an application must have been held until those of later waves go before it: what a round
/// of votes settles is not worth another order. As long as a vote is fresh.
pub const PATIENCE: Millis = Millis::from_secs(15);

/// The waves in which every application that is deployed in `region` leaves it.
pub fn waves<'a>(
    region: &RegionId,
    applications: impl IntoIterator<Item = &'a Application>,
    order: &BTreeMap<AppId, Precedence>,
) -> Vec<Vec<Departure>> {
    let default = Precedence::default();
    let going: BTreeMap<&AppId, (&Application, &Precedence)> = applications
        .into_iter()
        .filter(|app| app.region(region).is_some())
        .map(|app| (&app.name, (app, order.get(&app.name).unwrap_or(&default))))
        .collect();
    let departures: BTreeMap<&AppId, Departure> = going
        .iter()
        .map(|(name, (app, precedence))| {
            let needed = precedence.depends_on.iter();
            let departure = Departure {
                application: (*name).clone(),
                priority: precedence.priority,
                depends_on: needed
                    .filter(|other| going.contains_key(other))
                    .cloned()
                    .collect(),
                home: app.home.clone(),
            };
            (*name, departure)
        })
        .collect();
    let urgency = inherited(&departures);
    let mut places: BTreeMap<(u32, u32), Vec<Departure>> = BTreeMap::new();
    for departure in departures.values() {
        let name = &departure.application;
        let place = (urgency[name], depth(&departures, &urgency, name));
        places.entry(place).or_default().push(departure.clone());
    }
    places.into_values().collect()
}

/// The priority of each, or of the most urgent that depends on it.
fn inherited(departures: &BTreeMap<&AppId, Departure>) -> BTreeMap<AppId, u32> {
    let mut urgency: BTreeMap<AppId, u32> = departures
        .values()
        .map(|departure| (departure.application.clone(), departure.priority))
        .collect();
    // One link of the longest chain settles in each round.
    for _ in 0..departures.len() {
        for departure in departures.values() {
            let own = urgency[&departure.application];
            for needed in &departure.depends_on {
                if let Some(theirs) = urgency.get_mut(needed) {
                    *theirs = own.min(*theirs);
                }
            }
        }
    }
    urgency
}

/// How long the chain of those is that must go before it and are no more urgent.
fn depth(
    departures: &BTreeMap<&AppId, Departure>,
    urgency: &BTreeMap<AppId, u32>,
    name: &AppId,
) -> u32 {
    let own = urgency[name];
    let mut depth = 0;
    let mut chain: BTreeSet<&AppId> = BTreeSet::from([name]);
    // The configuration knows no circles; a chain is no longer than there are applications.
    for _ in 0..departures.len() {
        chain = chain
            .iter()
            .filter_map(|name| departures.get(name))
            .flat_map(|departure| &departure.depends_on)
            .filter(|needed| urgency[*needed] == own)
            .collect();
        if chain.is_empty() {
            break;
        }
        depth += 1;
    }
    depth
}

/// What stands between an application and its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    Now,
    /// What it depends on has not moved.
    Dependency {
        app: AppId,
    },
    /// Somebody of an earlier wave has not moved, and nothing says that they cannot.
    Wave {
        wave: u32,
    },
    /// As many are under way as may be.
    Slot {
        parallel: u32,
    },
    /// It is under way, gone, given up, or the evacuation has ended.
    Never,
}

impl Turn {
    /// A bounded word for JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Now => "its_turn",
            Self::Dependency { .. } => "waits_for_dependency",
            Self::Wave { .. } => "waits_for_wave",
            Self::Slot { .. } => "waits_for_place",
            Self::Never => "not_its_turn",
        }
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("its turn has come"),
            Self::Dependency { app } => write!(f, "it waits for {app}, which it depends on"),
            Self::Wave { wave } => write!(f, "it waits for wave {wave}"),
            Self::Slot { parallel } => write!(f, "it waits for one of {parallel} runs to execute"),
            Self::Never => f.write_str("nothing is to be begun for it"),
        }
    }
}

/// Whether the application serves from elsewhere by now, whoever moved it.
pub fn is_out(state: &State, evacuation: &Evacuation, app: &AppId, evacuee: &Evacuee) -> bool {
    state.serves_from(app, &evacuee.home) != &evacuation.region
}

/// Whether every application of it serves from elsewhere.
pub fn all_out(state: &State, evacuation: &Evacuation) -> bool {
    let mut all = evacuation.applications.iter();
    all.all(|(app, evacuee)| is_out(state, evacuation, app, evacuee))
}

/// How many of its runs are under way.
pub fn under_way(evacuation: &Evacuation) -> usize {
    let all = evacuation.applications.values();
    all.filter(|e| matches!(e.status, EvacueeStatus::Running { .. }))
        .count()
}

/// Whose turn it is, of all applications of that evacuation, at the ledger's time `now`.
pub fn turns(state: &State, now: Wall, evacuation: &Evacuation) -> BTreeMap<AppId, Turn> {
    let mut turns = BTreeMap::new();
    // Of each, in the order of the waves: whether only a person can move it on.
    let mut stuck: BTreeSet<&AppId> = BTreeSet::new();
    // The first wave of which somebody is still expected to move.
    let mut expected: Option<u32> = None;
    let full = under_way(evacuation) >= evacuation.parallel as usize;
    for (name, evacuee) in evacuation.in_order() {
        if is_out(state, evacuation, name, evacuee) {
            turns.insert(name.clone(), Turn::Never);
            continue;
        }
        let blocking = evacuee.depends_on.iter().find(|needed| {
            let other = evacuation.applications.get(*needed);
            other.is_some_and(|other| !is_out(state, evacuation, needed, other))
        });
        let is_stuck = match &evacuee.status {
            EvacueeStatus::Waiting | EvacueeStatus::Elsewhere { .. } => {
                let theirs = state.open_run(name).is_some_and(needs_a_person);
                theirs
                    || evacuee
                        .depends_on
                        .iter()
                        .any(|needed| stuck.contains(needed))
            }
            EvacueeStatus::Held { since, .. } => now.since(*since) >= PATIENCE,
            EvacueeStatus::Running { run, .. } => state.runs.get(run).is_none_or(needs_a_person),
            EvacueeStatus::Moved { .. } | EvacueeStatus::Failed { .. } => true,
        };
        let may_begin = match &evacuee.status {
            EvacueeStatus::Waiting
            | EvacueeStatus::Held { .. }
            | EvacueeStatus::Elsewhere { .. } => evacuation.is_open(),
            EvacueeStatus::Running { .. }
            | EvacueeStatus::Moved { .. }
            | EvacueeStatus::Failed { .. } => false,
        };
        let earlier = expected.filter(|wave| *wave < evacuee.wave);
        let turn = match (may_begin, blocking, earlier) {
            (false, _, _) => Turn::Never,
            (true, Some(app), _) => Turn::Dependency { app: app.clone() },
            (true, None, Some(wave)) => Turn::Wave { wave },
            (true, None, None) if full => Turn::Slot {
                parallel: evacuation.parallel,
            },
            (true, None, None) => Turn::Now,
        };
        turns.insert(name.clone(), turn);
        if is_stuck {
            stuck.insert(name);
        } else {
            expected = expected.or(Some(evacuee.wave));
        }
    }
    turns
}

/// Whether nothing moves in that run until a person says so.
pub fn needs_a_person(run: &Run) -> bool {
    if run.paused.is_some() {
        return true;
    }
    match run.status {
        RunStatus::NeedsOperator { .. } => true,
        RunStatus::Executing => run
            .in_order()
            .any(|(_, record)| record.status == StepStatus::AwaitingApproval),
        RunStatus::Aborting { .. }
        | RunStatus::Soaking { .. }
        | RunStatus::Completed
        | RunStatus::Aborted { .. } => false,
    }
}
