//! The Aurora global database: a writer, its replicas that lag behind, and promotions that take
//! their time.
//!
//! ```text
//!  write_row ─▶ writer ──lag──▶ in flight ──▶ secondary
//!                  ╳ Region down: what is in flight stands still
//!                  promotion with data loss: what is in flight to the target is lost
//! ```
//!
//! Invariant: a row that was acknowledged is at the writer or counted lost, once.

use std::collections::VecDeque;

use crate::model::{Millis, RegionId, Wall};
use crate::sandbox::{Delays, SandboxSetup};

use super::Refusal;

/// One Region's cluster.
#[derive(Debug)]
pub(in crate::sandbox) struct Cluster {
    pub(in crate::sandbox) region: RegionId,
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) arn: String,
    pub(in crate::sandbox) engine_version: String,
    /// As the RDS API words it.
    pub(in crate::sandbox) status: &'static str,
    newest: Option<u64>,
    /// Rows on their way to it, by arrival.
    in_flight: VecDeque<(Wall, u64)>,
    /// It stands apart until it is a reader again: since an ungraceful promotion elsewhere.
    rejoins: bool,
    /// Nobody stopped it from taking writes.
    unfenced: bool,
    /// It has left the global cluster, for good.
    detached: bool,
    /// It was the writer until an ungraceful promotion elsewhere: its volume is snapshot before it is
    /// rebuilt.
    deposed: bool,
    /// When its volume was snapshot for that, each time.
    pub(in crate::sandbox) snapshots: Vec<Wall>,
}

/// A promotion under way.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Promotion {
    pub(in crate::sandbox) from_arn: String,
    pub(in crate::sandbox) to_arn: String,
    pub(in crate::sandbox) data_loss: bool,
    /// As the RDS API words it.
    pub(in crate::sandbox) status: &'static str,
    /// Tells this promotion's events from a later one's.
    pub(super) number: u64,
}

/// The global cluster.
#[derive(Debug)]
pub(in crate::sandbox) struct Aurora {
    pub(in crate::sandbox) clusters: Vec<Cluster>,
    writer: usize,
    pub(in crate::sandbox) promotion: Option<Promotion>,
    promotions: u64,
    lost: Vec<u64>,
}

impl Aurora {
    pub(super) fn new(setup: &SandboxSetup) -> Self {
        let clusters = setup
            .regions
            .iter()
            .enumerate()
            .map(|(index, region)| Cluster {
                engine_version: setup.database.engine_version_of(index),
                region: region.name.clone(),
                id: region.db_cluster_id.clone(),
                arn: region.db_cluster_arn(),
                status: "available",
                newest: None,
                in_flight: VecDeque::new(),
                rejoins: false,
                unfenced: false,
                detached: false,
                deposed: false,
                snapshots: Vec::new(),
            })
            .collect();
        Self {
            clusters,
            writer: 0,
            promotion: None,
            promotions: 0,
            lost: Vec::new(),
        }
    }

    /// The cluster that the global cluster calls its writer.
    pub(in crate::sandbox) fn writer(&self) -> &Cluster {
        // `writer` is only ever set to an index of this list, which never shrinks.
        &self.clusters[self.writer]
    }

    pub(in crate::sandbox) fn is_writer(&self, cluster: &Cluster) -> bool {
        cluster.arn == self.writer().arn
    }

    /// Whether that Region's cluster is attached as a replica of the present writer.
    pub(in crate::sandbox) fn replicates(&self, cluster: &Cluster) -> bool {
        !self.is_writer(cluster) && !cluster.rejoins && !cluster.detached
    }

    /// As the RDS API words it.
    pub(in crate::sandbox) fn status(&self) -> &'static str {
        match &self.promotion {
            None => "available",
            Some(promotion) if promotion.data_loss => "failing-over",
            Some(_graceful) => "switching-over",
        }
    }

    /// Begins a failover that may lose data, or a switchover that may not. `down` tells a Region
    /// that does not answer.
    pub(in crate::sandbox) fn promote(
        &mut self,
        target_arn: &str,
        data_loss: bool,
        delays: &Delays,
        down: impl Fn(&RegionId) -> bool,
    ) -> Result<u64, Refusal> {
        let target = self
            .clusters
            .iter()
            .find(|cluster| cluster.arn == target_arn)
            .ok_or_else(|| no_cluster(target_arn))?;
        if let Some(promotion) = &self.promotion {
            return Err(Refusal::bad(
                "InvalidGlobalClusterStateFault",
                format!(
                    "Global cluster is in the {} state: a promotion of {} is under way",
                    self.status(),
                    promotion.to_arn
                ),
            ));
        }
        if self.is_writer(target) {
            return Err(Refusal::bad(
                "InvalidGlobalClusterStateFault",
                format!("{target_arn} is already the primary DB cluster of the global cluster"),
            ));
        }
        if target.detached {
            return Err(no_cluster(target_arn));
        }
        if target.status != "available" || target.rejoins || down(&target.region) {
            return Err(Refusal::bad(
                "InvalidDBClusterStateFault",
                format!("DB cluster {} is not in the available state", target.id),
            ));
        }
        let unhealthy =
            |cluster: &Cluster| !cluster.detached && (cluster.rejoins || down(&cluster.region));
        if !data_loss && self.clusters.iter().any(unhealthy) {
            return Err(Refusal::bad(
                "InvalidGlobalClusterStateFault",
                "A switchover needs every DB cluster of the global cluster to be healthy",
            )
            .after(delays.aurora_refusal));
        }
        self.promotions += 1;
        self.promotion = Some(Promotion {
            from_arn: self.writer().arn.clone(),
            to_arn: target_arn.to_owned(),
            data_loss,
            status: "pending",
            number: self.promotions,
        });
        Ok(self.promotions)
    }

    /// The promotion leaves `pending`: from here on the old writer takes no writes.
    pub(super) fn promotion_moves(&mut self, number: u64) {
        let Some(promotion) = &mut self.promotion else {
            return;
        };
        if promotion.number != number {
            return;
        }
        promotion.status = if promotion.data_loss {
            "failing-over"
        } else {
            "switching-over"
        };
        let to = promotion.to_arn.clone();
        if let Some(target) = self.clusters.iter_mut().find(|c| c.arn == to) {
            target.status = "promoting";
        }
    }

    /// The promotion ends: with a new writer, or, if a switchover lost its partner, as it began.
    /// Says which Regions' clusters have yet to rejoin.
    pub(super) fn promotion_ends(
        &mut self,
        number: u64,
        now: Wall,
        down: impl Fn(&RegionId) -> bool,
        unfenced: impl Fn(&RegionId) -> bool,
    ) -> Vec<RegionId> {
        if self.promotion.as_ref().map(|p| p.number) != Some(number) {
            return Vec::new();
        }
        let Some(promotion) = self.promotion.take() else {
            return Vec::new();
        };
        let Some(target) = self.clusters.iter().position(|c| c.arn == promotion.to_arn) else {
            return Vec::new();
        };
        self.clusters[target].status = "available";
        let lost_partner = down(&self.clusters[target].region)
            || !promotion.data_loss && down(&self.writer().region);
        if lost_partner {
            return Vec::new();
        }
        let old = self.writer;
        self.writer = target;
        let newest = if promotion.data_loss {
            self.arrive(target, now);
            self.clusters[target].newest
        } else {
            self.clusters[old].newest
        };
        let dropped = std::mem::take(&mut self.clusters[target].in_flight);
        if promotion.data_loss {
            self.lost.extend(dropped.into_iter().map(|(_, row)| row));
        }
        self.clusters[target].newest = newest;
        let mut rejoining = Vec::new();
        for (index, cluster) in self.clusters.iter_mut().enumerate() {
            if index == target {
                continue;
            }
            if cluster.detached {
                continue;
            }
            cluster.in_flight.clear();
            if promotion.data_loss {
                // Every other secondary is rebuilt, the old primary too.
                cluster.rejoins = true;
                cluster.unfenced = index == old && unfenced(&cluster.region);
                cluster.deposed |= index == old;
                rejoining.push(cluster.region.clone());
            } else {
                cluster.newest = newest;
            }
        }
        rejoining
    }

    /// That Region's cluster is a reader of the present writer from now on.
    pub(super) fn rejoin(&mut self, region: &RegionId, now: Wall) {
        let newest = self.writer().newest;
        if let Some(cluster) = self.cluster_mut(region)
            && cluster.rejoins
        {
            if std::mem::take(&mut cluster.deposed) {
                cluster.snapshots.push(now);
            }
            cluster.rejoins = false;
            cluster.unfenced = false;
            cluster.newest = newest;
        }
    }

    /// Whether that cluster believes itself a writer, rightly or not.
    pub(in crate::sandbox) fn believes_it_writes(&self, cluster: &Cluster) -> bool {
        let alone = cluster.detached && cluster.status == "available";
        self.is_writer(cluster) || alone || cluster.rejoins && cluster.unfenced
    }

    /// A secondary begins to leave the global cluster.
    pub(super) fn detach(
        &mut self,
        arn: &str,
        down: impl Fn(&RegionId) -> bool,
    ) -> Result<RegionId, Refusal> {
        let known = self
            .clusters
            .iter()
            .position(|c| c.arn == arn && !c.detached);
        let Some(index) = known else {
            return Err(no_cluster(arn));
        };
        let cluster = &self.clusters[index];
        if self.is_writer(cluster) && self.clusters.iter().any(|c| self.replicates(c)) {
            return Err(Refusal::bad(
                "InvalidGlobalClusterStateFault",
                "The primary DB cluster can't be removed while the global cluster has secondaries",
            ));
        }
        if self.promotion.is_some() {
            return Err(Refusal::bad(
                "InvalidGlobalClusterStateFault",
                format!("Global cluster is in the {} state", self.status()),
            ));
        }
        if cluster.status != "available" || down(&cluster.region) {
            return Err(Refusal::bad(
                "InvalidDBClusterStateFault",
                format!("DB cluster {} is not in the available state", cluster.id),
            ));
        }
        let cluster = &mut self.clusters[index];
        (cluster.detached, cluster.status) = (true, "promoting");
        Ok(cluster.region.clone())
    }

    /// It has left, and takes writes by itself. What was on its way to it at `now` never comes.
    pub(super) fn detached(&mut self, region: &RegionId, now: Wall) {
        let Ok(index) = self.index(region) else {
            return;
        };
        self.arrive(index, now);
        let cluster = &mut self.clusters[index];
        cluster.status = "available";
        let dropped = std::mem::take(&mut cluster.in_flight);
        self.lost.extend(dropped.into_iter().map(|(_, row)| row));
    }

    /// Whether that Region's cluster stands apart.
    pub(super) fn awaits_rejoin(&self, region: &RegionId) -> bool {
        self.clusters
            .iter()
            .any(|c| &c.region == region && c.rejoins)
    }

    /// The writer's Region has been lost for so long: what is in flight arrives later by that much.
    pub(super) fn stood_still(&mut self, length: Millis) {
        for cluster in &mut self.clusters {
            for (arrival, _) in &mut cluster.in_flight {
                *arrival = *arrival + length;
            }
        }
    }

    /// Regions whose cluster takes writes, of those that are not down.
    pub(super) fn taking_writes(&self, down: impl Fn(&RegionId) -> bool) -> Vec<RegionId> {
        let mut regions: Vec<RegionId> = self
            .clusters
            .iter()
            .filter(|c| !down(&c.region) && self.refusal(c).is_none())
            .map(|c| c.region.clone())
            .collect();
        regions.sort();
        regions
    }

    /// Why that cluster takes no writes.
    fn refusal(&self, cluster: &Cluster) -> Option<&'static str> {
        if cluster.detached {
            let leaving = cluster.status != "available";
            return leaving.then_some("the database is leaving its global cluster");
        }
        if cluster.rejoins && cluster.unfenced {
            return None;
        }
        if cluster.rejoins {
            return Some("the database is being rebuilt as a reader");
        }
        if !self.is_writer(cluster) {
            return Some("cannot execute INSERT in a read-only transaction");
        }
        match &self.promotion {
            Some(promotion) if promotion.status != "pending" => {
                Some("the database is being promoted elsewhere")
            }
            Some(_) | None => None,
        }
    }

    /// Commits a row. `lag` is drawn for each replica.
    pub(super) fn write(
        &mut self,
        region: &RegionId,
        row: u64,
        now: Wall,
        mut lag: impl FnMut() -> Millis,
    ) -> Result<(), String> {
        let index = self.index(region)?;
        if let Some(why) = self.refusal(&self.clusters[index]) {
            return Err(why.to_owned());
        }
        if self.clusters[index].detached {
            let newest = &mut self.clusters[index].newest;
            *newest = (*newest).max(Some(row));
            return Ok(());
        }
        if index != self.writer {
            // An unfenced old writer takes it, and nobody will ever see it again.
            self.lost.push(row);
            return Ok(());
        }
        let newest = &mut self.clusters[index].newest;
        *newest = (*newest).max(Some(row));
        for replica in 0..self.clusters.len() {
            if replica == index || !self.replicates(&self.clusters[replica]) {
                continue;
            }
            let queue = &mut self.clusters[replica].in_flight;
            // Replication keeps the order of commits.
            let last = queue.back().map_or(Wall(0), |(at, _)| *at);
            queue.push_back(((now + lag()).max(last), row));
        }
        Ok(())
    }

    /// The newest row there.
    pub(super) fn read(&mut self, region: &RegionId, now: Wall) -> Result<Option<u64>, String> {
        let index = self.index(region)?;
        let cluster = &self.clusters[index];
        if cluster.rejoins && !cluster.unfenced {
            return Err("the database is being rebuilt as a reader".to_owned());
        }
        self.arrive(index, now);
        Ok(self.clusters[index].newest)
    }

    pub(super) fn lost(&self) -> &[u64] {
        &self.lost
    }

    /// Takes in what has arrived.
    fn arrive(&mut self, index: usize, now: Wall) {
        let cluster = &mut self.clusters[index];
        while let Some((at, row)) = cluster.in_flight.front().copied()
            && at <= now
        {
            cluster.in_flight.pop_front();
            cluster.newest = cluster.newest.max(Some(row));
        }
    }

    fn index(&self, region: &RegionId) -> Result<usize, String> {
        self.clusters
            .iter()
            .position(|c| &c.region == region)
            .ok_or_else(|| format!("there is no database in {region}"))
    }

    fn cluster_mut(&mut self, region: &RegionId) -> Option<&mut Cluster> {
        self.clusters.iter_mut().find(|c| &c.region == region)
    }
}

/// One point of the lag metric's history.
#[derive(Clone, Debug)]
struct Era {
    since: Wall,
    /// The secondaries that publish then; none while the writer's Region is lost.
    publishing: Vec<RegionId>,
    lag: Millis,
}

/// `AuroraGlobalDBRPOLag`: what CloudWatch would have, long before the world started too.
#[derive(Debug, Default)]
pub(super) struct LagHistory {
    eras: Vec<Era>,
}

impl LagHistory {
    /// From `since` on.
    pub(super) fn note(&mut self, since: Wall, publishing: Vec<RegionId>, lag: Millis) {
        let same = self
            .eras
            .last()
            .is_some_and(|era| era.publishing == publishing && era.lag == lag);
        if !same {
            self.eras.push(Era {
                since,
                publishing,
                lag,
            });
        }
    }

    /// The minute's lag in milliseconds in that Region, unless nothing was published.
    pub(super) fn minute(&self, region: &RegionId, minute: Wall, seed: u64) -> Option<f64> {
        let end = minute + Millis(59_999);
        let era = self.eras.iter().rev().find(|era| era.since <= end)?;
        era.publishing.contains(region).then(|| {
            let base = era.lag.0 as f64;
            // A quarter up or down, the same whenever it is asked for.
            base * (0.75 + 0.5 * unit(seed ^ minute.0 ^ region.as_str().len() as u64))
        })
    }
}

/// SplitMix64 onto 0..1.
fn unit(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// RDS's own no.
pub(in crate::sandbox) fn no_cluster(id: &str) -> Refusal {
    Refusal::missing(
        "DBClusterNotFoundFault",
        format!("DBCluster {id} not found."),
    )
}
