//! What the product and its users meet of AWS: the data planes. Implemented by the world, used by
//! the Regions' endpoints and the users, so that neither knows a control plane.

use std::net::IpAddr;

use crate::model::{Millis, RegionId};

/// The data planes of the sandbox, as of this moment of world time.
pub trait DataPlane: Send + Sync {
    /// Where Global Accelerator sends a new connection of a client whose nearest Region is
    /// `nearest`; `roll` (0-99) decides against the dials. `None`: nowhere.
    fn accelerate(&self, nearest: &RegionId, roll: u8) -> Option<RegionId>;

    /// Which Region the application's name answers, by Route 53's own health checks, and the
    /// answer's TTL; `roll` (0-99) decides between weights. `None`: the name resolves to nothing.
    fn resolve(&self, roll: u8) -> Option<(RegionId, Millis)>;

    /// Whether the Region's endpoints answer at all (fault `region_down`).
    fn region_is_up(&self, region: &RegionId) -> bool;

    /// Whether packets from that source address to that Region are lost.
    fn path_is_cut(&self, source: IpAddr, region: &RegionId) -> bool;

    /// Whether the application in that Region has at least one node to run on.
    fn has_nodes(&self, region: &RegionId) -> bool;

    /// Commits a row through the cluster of that Region. `Err` says why not, as the product would
    /// tell its user: a reader, no cluster, promotion under way.
    fn write_row(&self, region: &RegionId, row: u64) -> Result<(), String>;

    /// Reads the newest row that the cluster of that Region has.
    fn read_row(&self, region: &RegionId) -> Result<Option<u64>, String>;
}
