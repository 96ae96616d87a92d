//! Mistakes made on purpose, to see that the simulation notices. Each is one that a shell around the
//! core could make.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::trace::Keep;
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    Nothing,
    /// A proof is good for ever.
    OldProof,
    /// An endpoint group is taken out without a look whether another carries traffic.
    NoLookBeforeTakingOut,
}

/// The seeds tried for each: several times as many as it takes today.
const SEEDS: u64 = 120;

/// The first seed that notices, and what it says.
pub fn first_to_notice(plant: Plant) -> Option<(u64, String)> {
    (0..SEEDS).find_map(|seed| {
        let run = AssertUnwindSafe(|| World::with(seed, Keep::Nothing, plant).run());
        let panic = catch_unwind(run).err()?;
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
        Some((seed, text.unwrap_or_default()))
    })
}
