//! The pure core in a simulated world, each seed a few minutes of it: deterministic, so that what
//! fails once fails again.
//!
//! ```text
//!   world  ── one queue of events, one clock, one source of chance
//!    ├ host      a member: two clocks, a disk, a life
//!    ├ raft/     the log between them (openraft cannot be repeated; see there)
//!    ├ network   delays, losses, cuts          ├ faults    what goes wrong, when
//!    ├ ledger    proposals and proofs          ├ people    what operators do
//!    ├ perform   the effects of the core       ├ ghost     what was agreed, by nobody's account
//!    ├ reads, writes   on their way to AWS     ├ check     the invariants
//!    └ aws       accelerator, zone, database   └ coverage  which fault met which phase
//! ```
//!
//! The `Controller`, `apply`, `may_call`, the planner, the guards and the detection are the
//! product's own; everything else here stands for tokio, openraft, the disk, the network and AWS.
//!
//! A seed has two parts. While faults come and go nothing unsafe may happen. Then all is healed, and
//! everything must come to rest: each run closed, each member caught up, a lost Region left.
//!
//! `SIMULATION_SEED=7 cargo test --test simulation replay -- --nocapture` tells what happens in one.
//! `just simulate 10000` runs many.

mod aws;
mod aws_write;
mod campaign;
mod check;
mod coverage;
mod event;
mod faults;
mod ghost;
mod host;
mod ledger;
mod network;
mod people;
mod perform;
mod plant;
mod product;
mod raft;
mod reads;
mod rng;
mod strike;
mod trace;
mod world;
mod writes;

use campaign::{Campaign, from_environment};
use plant::{Plant, first_to_notice};
use trace::Keep;
use world::World;

/// Seeds of an ordinary test run: every kind of fault meets every phase of a run three times by
/// turns.
const SEEDS: u64 = 450;

#[test]
fn seeds_hold() {
    let campaign = Campaign::run(0..SEEDS);
    println!("{campaign}");
    campaign.assert_good();
    assert_eq!(campaign.coverage.missing(), [], "these never happened");
}

/// Tells one seed, line by line.
#[test]
fn replay() {
    let seed = from_environment("SIMULATION_SEED").unwrap_or(1);
    let report = World::new(seed, Keep::Print).run();
    println!("digest {:016x}, {} events", report.digest, report.events);
    assert_eq!(report.digest, World::new(seed, Keep::Nothing).run().digest);
}

/// A simulation that never fails proves nothing.
#[test]
fn planted_mistakes_are_noticed() {
    let mistakes = [
        (Plant::OldProof, "a proof "),
        (Plant::NoLookBeforeTakingOut, "carries traffic"),
    ];
    for (plant, told) in mistakes {
        let noticed = first_to_notice(plant);
        println!("{plant:?}: {noticed:?}");
        let (_, why) = noticed.unwrap_or_else(|| panic!("{plant:?} goes unnoticed"));
        assert!(
            why.contains(told),
            "{plant:?} is noticed for another reason: {why}"
        );
    }
}

/// As many seeds as asked for; by default a handful that `seeds_hold` does not have.
#[test]
fn campaign() {
    let first = from_environment("SIMULATION_FIRST").unwrap_or(1_000_000);
    let many = from_environment("SIMULATION_SEEDS").unwrap_or(10);
    let campaign = Campaign::run(first..first + many);
    println!("{campaign}");
    campaign.assert_good();
}
