//! For the tests of the product and its users: a data plane that is exactly what a test says, and
//! a clock that is as fast as a test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::plane::DataPlane;
use crate::model::{Millis, Mono, Now, RegionId, Wall};
use crate::ports::Clock;

pub fn ireland() -> RegionId {
    "eu-west-1".into()
}

pub fn frankfurt() -> RegionId {
    "eu-central-1".into()
}

/// What a test may set.
#[derive(Debug)]
pub struct Facts {
    /// Where the accelerator sends users, by the Region they are near to.
    pub accelerator: BTreeMap<RegionId, RegionId>,
    pub name: Option<(RegionId, Millis)>,
    pub down: BTreeSet<RegionId>,
    pub cut: BTreeSet<(IpAddr, RegionId)>,
    pub without_nodes: BTreeSet<RegionId>,
    pub writer: Option<RegionId>,
    pub rows: BTreeSet<u64>,
    /// How often the name was asked for.
    pub resolved: u64,
}

/// Everything is in Ireland, and well.
#[derive(Debug)]
pub struct FakePlane(Mutex<Facts>);

impl FakePlane {
    pub fn new() -> Self {
        Self(Mutex::new(Facts {
            accelerator: BTreeMap::from([(ireland(), ireland()), (frankfurt(), ireland())]),
            name: Some((ireland(), Millis::from_secs(60))),
            down: BTreeSet::new(),
            cut: BTreeSet::new(),
            without_nodes: BTreeSet::new(),
            writer: Some(ireland()),
            rows: BTreeSet::new(),
            resolved: 0,
        }))
    }

    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap()
    }

    /// The whole application now lives there.
    pub fn move_to(&self, region: &RegionId) {
        let mut facts = self.facts();
        for target in facts.accelerator.values_mut() {
            *target = region.clone();
        }
        facts.name = Some((region.clone(), Millis::from_secs(60)));
        facts.writer = Some(region.clone());
    }
}

impl DataPlane for FakePlane {
    fn accelerate(&self, nearest: &RegionId, _roll: u8) -> Option<RegionId> {
        self.facts().accelerator.get(nearest).cloned()
    }

    fn resolve(&self, _roll: u8) -> Option<(RegionId, Millis)> {
        let mut facts = self.facts();
        facts.resolved += 1;
        facts.name.clone()
    }

    fn region_is_up(&self, region: &RegionId) -> bool {
        !self.facts().down.contains(region)
    }

    fn path_is_cut(&self, source: IpAddr, region: &RegionId) -> bool {
        self.facts().cut.contains(&(source, region.clone()))
    }

    fn has_nodes(&self, region: &RegionId) -> bool {
        !self.facts().without_nodes.contains(region)
    }

    fn write_row(&self, region: &RegionId, row: u64) -> Result<(), String> {
        let mut facts = self.facts();
        if facts.writer.as_ref() != Some(region) {
            return Err("the cluster is a reader".to_owned());
        }
        facts.rows.insert(row);
        Ok(())
    }

    fn read_row(&self, _region: &RegionId) -> Result<Option<u64>, String> {
        Ok(self.facts().rows.last().copied())
    }
}

/// So many world seconds in a real one.
#[derive(Clone, Copy, Debug)]
pub struct TestClock {
    pub speed: u32,
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        let boot = clock_gettime(ClockId::Boottime);
        let real_us = boot.tv_sec as u64 * 1_000_000 + boot.tv_nsec as u64 / 1_000;
        let world_ms = real_us * u64::from(self.speed) / 1_000;
        Now {
            mono: Mono(world_ms),
            wall: Wall(world_ms),
        }
    }

    fn real(&self, world: Millis, floor: Duration) -> Duration {
        (world.as_duration() / self.speed).max(floor)
    }

    fn sleep(&self, world: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(self.real(world, Duration::ZERO)))
    }
}

/// Lets everything else run until `condition` holds; fails the test if it does not in 20 s.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), holds).await;
    assert!(waited.is_ok(), "never came: {what}");
}
