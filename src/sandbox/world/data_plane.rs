//! What users meet of the world.

use std::net::IpAddr;

use crate::model::{Millis, RegionId};
use crate::sandbox::plane::DataPlane;

use super::World;

impl DataPlane for World {
    fn accelerate(&self, nearest: &RegionId, roll: u8) -> Option<RegionId> {
        let state = self.state();
        state
            .accelerator
            .route(nearest, roll, |region| state.edge_believes(region))
    }

    fn resolve(&self, roll: u8) -> Option<(RegionId, Millis)> {
        self.state().resolve(roll)
    }

    fn region_is_up(&self, region: &RegionId) -> bool {
        self.state().is_up(region)
    }

    fn path_is_cut(&self, source: IpAddr, region: &RegionId) -> bool {
        self.state().faults.path_cut(source, region)
    }

    fn has_nodes(&self, region: &RegionId) -> bool {
        self.state().nodes.any_in_service(region)
    }

    fn write_row(&self, region: &RegionId, row: u64) -> Result<(), String> {
        self.state().write_row(region, row)
    }

    fn read_row(&self, region: &RegionId) -> Result<Option<u64>, String> {
        self.state().read_row(region)
    }
}
