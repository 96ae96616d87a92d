//! The model check: the real controllers of three members, the real transition function and the real
//! look before a call, with everything around them that can go wrong in every order that the bound
//! allows.
//!
//! ```text
//!  setting.rs   what is failed over, by whom, every length
//!  scene.rs     one state: members, log, world, what is under way, what is true
//!  bounds.rs    what may go wrong, and how often         themes.rs  together with what else
//!  story.rs     what can happen next  ──▶  turn.rs  what follows: the product's code is called here
//!     ├ rounds.rs  a round of probes and votes
//!     ├ shell.rs   commit, prove, call: each await of the daemon's performer
//!     └ world.rs   requests that land at once, late or never
//!  watch.rs     what really happened ──▶ claims.rs  what must always be so, what must be possible
//!  bugs.rs      five bugs that must be found             trace.rs   a counterexample in words
//! ```
//!
//! Abstracted: Raft is a log in one order. One member at a time can commit; a deposed one may go on
//! believing that it leads, its proposals come to nothing and its proofs fail, but a proof from before
//! may still be used within its round. What a leader had written and not committed, its successor has
//! the first part of, or nothing. Time passes in rounds: see `setting.rs`. Dates stand still, but for
//! one leap past all timeouts.
//!
//! `FAILOVERD_MODEL_FAULTS=3` raises the number of faults in one story, for all themes;
//! `just model-check 3` does that with an optimised build. `docs/reliability.md` has the figures.

mod bounds;
mod bugs;
mod claims;
mod rounds;
mod scene;
mod setting;
mod shared;
mod shell;
mod story;
mod themes;
mod trace;
mod turn;
mod watch;
mod world;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use bounds::{Bounds, Budget};
use bugs::Bug;
use story::Story;
use themes::Theme;

/// Explores a theme to its end.
fn explore(mut theme: Theme) {
    let faults = std::env::var("FAILOVERD_MODEL_FAULTS").ok();
    if let Some(faults) = faults {
        theme.bounds.budget.faults = faults.parse().expect("FAILOVERD_MODEL_FAULTS is a number");
    }
    let Theme {
        bounds,
        shows,
        at_least,
    } = theme;
    let (name, faults) = (bounds.name, bounds.budget.faults);
    let story = Story {
        bounds,
        shows,
        bug: None,
    };
    let checker = story.checker().spawn_bfs().join();
    let states = checker.unique_state_count();
    println!(
        "{name}: {states} states, {} steps between them, at most {faults} faults and {} steps in a story",
        checker.state_count(),
        checker.max_depth() - 1,
    );
    for property in claims::always() {
        if let Some(path) = checker.discovery(property.name) {
            let lines = trace::tell(&path).join("\n  ");
            panic!("{name}: not always: {}\n  {lines}", property.name);
        }
    }
    for shown in shows {
        let shown = shown.property().name;
        let path = checker.discovery(shown);
        assert!(path.is_some(), "{name}: never: {shown}");
    }
    assert!(states >= at_least, "{name}: only {states} states");
}

#[test]
fn leaders_are_replaced() {
    explore(themes::succession());
}

#[test]
fn a_person_aborts() {
    explore(themes::aborts());
}

#[test]
fn steps_run_out_of_time() {
    explore(themes::timeouts());
}

#[test]
fn votes_are_late_or_wrong() {
    explore(themes::votes());
}

#[test]
fn the_region_comes_back() {
    explore(themes::stale());
}

#[test]
fn the_leader_is_at_home_in_the_lost_region() {
    explore(themes::home());
}

/// Shows that the bug breaks the claim, and the shortest story in which it does. That nothing breaks it
/// without the bug the themes show, which have room for all these faults.
fn finds(bug: Bug, claim: &'static str, lost: bool, budget: Budget) {
    let story = || Story {
        bounds: Bounds {
            name: "planted",
            lost,
            budget,
            ..themes::succession().bounds
        },
        shows: &[],
        bug: Some(bug),
    };
    let wanted = || HasDiscoveries::AnyOf(BTreeSet::from([claim]));
    // The checker tells the last it finds in a block of states, not the shortest: so it is asked again
    // for a shorter one until there is none.
    let mut shortest = None;
    let mut depth = usize::MAX;
    loop {
        let checker = story()
            .checker()
            .target_max_depth(depth)
            .finish_when(wanted())
            .spawn_bfs()
            .join();
        let Some(path) = checker.discovery(claim) else {
            break;
        };
        depth = path.clone().into_actions().len() + 1;
        shortest = Some(path);
    }
    let path = shortest.unwrap_or_else(|| panic!("{bug:?} is not found by: {claim}"));
    let lines = trace::tell(&path);
    println!("{bug:?} breaks `{claim}` in {} steps:", lines.len());
    for line in lines {
        println!("  {line}");
    }
}

#[test]
fn acting_without_outside_agreement_is_found() {
    let budget = Budget {
        faults: 1,
        cuts: 1,
        ..Budget::default()
    };
    finds(Bug::Alone, claims::AGREED, false, budget);
}

#[test]
fn a_skipped_proof_is_found() {
    let budget = Budget {
        faults: 2,
        elections: 1,
        delays: 1,
        ..Budget::default()
    };
    finds(Bug::Unproven, claims::PROVEN, true, budget);
}

#[test]
fn a_reused_epoch_is_found() {
    let budget = Budget {
        faults: 1,
        aborts: 1,
        ..Budget::default()
    };
    finds(Bug::EpochReused, claims::EPOCHS, true, budget);
}

#[test]
fn votes_aged_by_delivery_are_found() {
    let budget = Budget {
        faults: 2,
        late_sheets: 1,
        absences: 1,
        ..Budget::default()
    };
    finds(Bug::AgedByDelivery, claims::AGREED, true, budget);
}

#[test]
fn an_abort_that_closes_a_run_with_a_call_in_flight_is_found() {
    let budget = Budget {
        faults: 1,
        aborts: 1,
        ..Budget::default()
    };
    finds(Bug::ClosedInFlight, claims::NONE_IN_FLIGHT, true, budget);
}
