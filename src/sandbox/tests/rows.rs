//! No row disappears unnoticed, whatever happens to the Regions.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::hand_clock::HandClock;
use super::{ACTIVE, STANDBY, region};
use crate::model::Millis;
use crate::sandbox::plane::DataPlane;
use crate::sandbox::{Fault, SandboxSetup, World};

#[derive(Clone, Debug)]
enum Act {
    Write(bool),
    Wait(u64),
    Lose(bool),
    Return(bool),
    Promote { standby: bool, data_loss: bool },
    Lag(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => any::<bool>().prop_map(Act::Write),
        6 => (1_u64..100_000).prop_map(Act::Wait),
        2 => any::<bool>().prop_map(Act::Lose),
        2 => any::<bool>().prop_map(Act::Return),
        2 => (any::<bool>(), any::<bool>())
            .prop_map(|(standby, data_loss)| Act::Promote { standby, data_loss }),
        1 => (0_u64..200_000).prop_map(Act::Lag),
    ]
}

fn name(standby: bool) -> &'static str {
    if standby { STANDBY } else { ACTIVE }
}

fn down(standby: bool) -> Fault {
    Fault::RegionDown {
        region: region(name(standby)),
    }
}

proptest! {
    #[test]
    fn every_acknowledged_row_is_there_or_told_as_lost(acts in prop::collection::vec(act(), 1..60)) {
        let clock = Arc::new(HandClock::new());
        let world = World::new(SandboxSetup::active_passive(ACTIVE, STANDBY, 3), clock.clone());
        let mut acknowledged = BTreeSet::new();
        let mut may_lose = false;
        for (row, act) in (1..).zip(acts) {
            match act {
                Act::Write(standby) => {
                    if world.write_row(&region(name(standby)), row).is_ok() {
                        acknowledged.insert(row);
                    }
                }
                Act::Wait(ms) => clock.advance(Millis(ms)),
                Act::Lose(standby) => world.inject(down(standby)),
                Act::Return(standby) => {
                    world.clear(&down(standby));
                }
                Act::Promote { standby, data_loss } => {
                    let target = world.setup().regions[usize::from(standby)].db_cluster_arn();
                    let taken = world.state().promote(&target, data_loss).is_ok();
                    may_lose |= taken && data_loss;
                }
                Act::Lag(ms) => {
                    for fault in world.faults() {
                        if matches!(fault, Fault::Lag { .. }) {
                            world.clear(&fault);
                        }
                    }
                    world.inject(Fault::Lag { lag: Millis(ms) });
                }
            }
            prop_assert!(world.writers_now().len() <= 1);
        }
        for standby in [false, true] {
            world.clear(&down(standby));
        }
        // Past every delay and every lag.
        clock.advance(Millis::from_mins(60));
        let writers = world.writers_now();
        prop_assert_eq!(writers.len(), 1);
        let lost = world.lost_writes();
        let distinct: BTreeSet<u64> = lost.iter().copied().collect();
        prop_assert_eq!(distinct.len(), lost.len(), "lost once");
        prop_assert!(may_lose || lost.is_empty());
        prop_assert!(distinct.is_subset(&acknowledged));
        let newest = acknowledged.difference(&distinct).max().copied();
        for name in [ACTIVE, STANDBY] {
            prop_assert_eq!(world.read_row(&region(name)), Ok(newest), "in {}", name);
        }
        prop_assert!(!world.ever_two_writers());
    }
}
