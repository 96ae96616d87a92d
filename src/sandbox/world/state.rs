//! The state behind the world's lock, and the events that move it.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::model::{Millis, RecordSet, RegionId, Wall};
use crate::sandbox::faults::{Faults, Obstacle};
use crate::sandbox::timeline::Timeline;
use crate::sandbox::{Delays, LoggedRequest, SandboxSetup, Service};

use super::accelerator::{Accelerator, Group, GroupUpdate};
use super::aurora::{Aurora, Cluster, LagHistory};
use super::dns::{Action, ChangeInfo, Dns, Records};
use super::health::Health;
use super::nodes::{Nodes, Scaling, Update};
use super::routing::{RoutingControls, no_cluster};
use super::{Change, Refusal};

/// Of all rolls the one in the middle: what decides against weights answers the larger half.
const MEDIAN_ROLL: u8 = 50;

/// What comes due.
#[derive(Debug)]
pub(super) enum Event {
    DnsServed(Records),
    ControlsSeen(BTreeSet<String>),
    GroupDeployed(Group),
    HealthSettles,
    PromotionMoves(u64),
    PromotionEnds(u64),
    Rejoin(RegionId),
    Detached(RegionId),
    NodegroupUpdated { group: usize, update: String },
    NodeJoins { group: usize, wave: u64 },
}

/// A Region as its users and checkers find it.
#[derive(Debug)]
pub(super) struct RegionState {
    pub(super) name: RegionId,
    alarm: String,
    pub(super) up: bool,
    pub(super) down_since: Option<Wall>,
    pub(super) dns_health: Health,
    pub(super) edge_health: Health,
}

/// Everything that can change.
#[derive(Debug)]
pub(in crate::sandbox) struct State {
    pub(in crate::sandbox) now: Wall,
    pub(in crate::sandbox) delays: Delays,
    pub(in crate::sandbox) faults: Faults,
    pub(in crate::sandbox) timeline: Timeline,
    pub(in crate::sandbox) requests: Vec<LoggedRequest>,
    pub(in crate::sandbox) unknown: Vec<String>,
    pub(in crate::sandbox) dns: Dns,
    pub(in crate::sandbox) routing: Option<RoutingControls>,
    pub(in crate::sandbox) accelerator: Accelerator,
    pub(in crate::sandbox) aurora: Aurora,
    pub(in crate::sandbox) nodes: Nodes,
    pub(in crate::sandbox) global_cluster: String,
    pub(in crate::sandbox) global_cluster_arn: String,
    /// Engine and version.
    pub(in crate::sandbox) engine: (String, String),
    pub(in crate::sandbox) lag_has_source_region: bool,
    forwards_writes: bool,
    /// Each Region's alarm that is raised, and since when.
    pub(super) alarms: BTreeMap<RegionId, Wall>,
    lag: LagHistory,
    pub(super) regions: Vec<RegionState>,
    queue: BTreeMap<(Wall, u64), Event>,
    queued: u64,
    rng: StdRng,
    seed: u64,
}

impl State {
    pub(super) fn new(setup: &SandboxSetup, now: Wall) -> Self {
        let nodes = Nodes::new(setup, now);
        let regions = setup
            .regions
            .iter()
            .map(|region| {
                let healthy = nodes.any_in_service(&region.name);
                RegionState {
                    name: region.name.clone(),
                    alarm: region.alarm.clone(),
                    up: true,
                    down_since: None,
                    dns_health: Health::known(healthy),
                    edge_health: Health::known(healthy),
                }
            })
            .collect();
        let mut state = Self {
            now,
            delays: setup.delays.clone(),
            faults: Faults::default(),
            timeline: Timeline::default(),
            requests: Vec::new(),
            unknown: Vec::new(),
            dns: Dns::new(setup),
            routing: setup.routing.as_ref().map(RoutingControls::new),
            accelerator: Accelerator::new(setup, now),
            aurora: Aurora::new(setup),
            nodes,
            global_cluster: setup.database.global_cluster.clone(),
            global_cluster_arn: setup.global_cluster_arn(),
            engine: (
                setup.database.engine.clone(),
                setup.database.engine_version.clone(),
            ),
            lag_has_source_region: setup.database.lag_has_source_region,
            forwards_writes: setup.database.forwards_writes,
            alarms: BTreeMap::new(),
            lag: LagHistory::default(),
            regions,
            queue: BTreeMap::new(),
            queued: 0,
            rng: StdRng::seed_from_u64(setup.seed),
            seed: setup.seed,
        };
        if let Some(routing) = &state.routing {
            state.dns.controls_on = routing.on();
        }
        let origin: Vec<Change> = state
            .regions
            .iter()
            .map(|region| Change::Region {
                region: region.name.clone(),
                up: true,
            })
            .collect();
        for change in origin {
            state.timeline.push(now, change);
        }
        state.tell();
        state.timeline.started();
        // Known for as long as anybody may ask.
        state.note_lag(Wall(0));
        state
    }

    /// Lets everything happen that is due by `now`.
    pub(super) fn advance(&mut self, now: Wall) {
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= now
        {
            let ((due, _), event) = entry.remove_entry();
            self.now = self.now.max(due);
            self.handle(event);
            self.tell();
        }
        self.now = self.now.max(now);
    }

    pub(super) fn later(&mut self, after: Millis, event: Event) {
        self.queued += 1;
        self.queue.insert((self.now + after, self.queued), event);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::DnsServed(records) => self.dns.serve(records),
            Event::ControlsSeen(on) => self.dns.controls_on = on,
            Event::GroupDeployed(group) => self.accelerator.deploy(group),
            Event::HealthSettles => {
                for region in &mut self.regions {
                    region
                        .dns_health
                        .settle(self.now, self.delays.route53_health);
                    region
                        .edge_health
                        .settle(self.now, self.delays.accelerator_health);
                }
            }
            Event::PromotionMoves(number) => self.aurora.promotion_moves(number),
            Event::PromotionEnds(number) => self.end_promotion(number),
            Event::Rejoin(region) => {
                if self.is_up(&region) {
                    self.aurora.rejoin(&region, self.now);
                    self.note_lag(self.now);
                }
            }
            Event::Detached(region) => {
                let until = self.replicated_until();
                self.aurora.detached(&region, until);
                self.note_lag(self.now);
            }
            Event::NodegroupUpdated { group, update } => {
                if let Some(group) = self.nodes.groups.get_mut(group) {
                    group.update_ends(&update);
                }
            }
            Event::NodeJoins { group, wave } => self.join_node(group, wave),
        }
    }

    /// Writes into the timeline what is new on the data planes.
    pub(super) fn tell(&mut self) {
        self.see_health();
        let now = self.now;
        let mut changes = Vec::new();
        for group in self.accelerator.effective() {
            changes.push(Change::Dial {
                region: group.region.clone(),
                // Dials are set in whole percents here; a fraction is drawn as one.
                percent: group.dial.round() as u8,
            });
            changes.push(Change::Weight {
                region: group.region.clone(),
                weight: group.weight(),
            });
        }
        for group in &self.nodes.groups {
            changes.push(Change::NodesInService {
                region: group.region.clone(),
                nodegroup: group.name.clone(),
                count: group.in_service(),
            });
        }
        changes.push(Change::DnsAnswer {
            name: self.dns.setup.record_name.clone(),
            region: self.resolve(MEDIAN_ROLL).map(|(region, _)| region),
        });
        for (region, weight) in self.dns.served_weights() {
            changes.push(Change::RecordWeight { region, weight });
        }
        changes.push(Change::Writers {
            regions: self.writers(),
        });
        for change in changes {
            self.timeline.push_if_new(now, change);
        }
        self.timeline.all_controls_off |= self
            .routing
            .as_ref()
            .is_some_and(|routing| routing.on().is_empty());
        let groups = &self.accelerator.groups;
        self.timeline.all_dials_zero |= groups.iter().all(|group| group.dial == 0.0);
        self.timeline.all_record_weights_zero |= self.dns.any_name_without_weight();
        self.timeline.all_weights_zero |= groups.iter().all(|group| group.weight() == 0);
    }

    fn see_health(&mut self) {
        let mut settles = Vec::new();
        for region in &mut self.regions {
            let healthy = region.up && self.nodes.any_in_service(&region.name);
            let dns = self.delays.route53_health;
            let edge = self.delays.accelerator_health;
            settles.extend(region.dns_health.see(healthy, self.now, dns));
            let reached = healthy && !self.faults.endpoints_unhealthy(&region.name);
            settles.extend(region.edge_health.see(reached, self.now, edge));
        }
        for due in settles {
            self.later(due.since(self.now), Event::HealthSettles);
        }
    }

    pub(super) fn is_up(&self, region: &RegionId) -> bool {
        self.regions.iter().any(|r| &r.name == region && r.up)
    }

    /// Until when replication has moved: now, or the moment the writer's Region was lost.
    pub(super) fn replicated_until(&self) -> Wall {
        let writer = &self.aurora.writer().region;
        self.regions
            .iter()
            .find(|r| &r.name == writer)
            .and_then(|r| r.down_since)
            .unwrap_or(self.now)
    }

    pub(super) fn writers(&self) -> Vec<RegionId> {
        self.aurora.taking_writes(|region| !self.is_up(region))
    }

    /// The answer of the application's name.
    pub(super) fn resolve(&self, roll: u8) -> Option<(RegionId, Millis)> {
        self.dns
            .answer(roll, |region| self.checkers_believe(region))
    }

    /// Whether Global Accelerator believes in that Region's endpoints.
    pub(in crate::sandbox) fn edge_believes(&self, region: &RegionId) -> bool {
        self.regions
            .iter()
            .any(|r| &r.name == region && r.edge_health.believed())
    }

    /// Whether Route 53's checkers believe in that Region's endpoint.
    pub(in crate::sandbox) fn checkers_believe(&self, region: &RegionId) -> bool {
        self.regions
            .iter()
            .any(|r| &r.name == region && r.dns_health.believed())
    }

    pub(super) fn obstacle(&mut self, service: Service, region: &RegionId) -> Option<Obstacle> {
        let rng = &mut self.rng;
        self.faults
            .obstacle(service, region, || rng.random_range(0..100))
    }

    /// A write through the cluster of that Region.
    pub(super) fn write_row(&mut self, region: &RegionId, row: u64) -> Result<(), String> {
        if !self.is_up(region) {
            return Err(format!("the database of {region} does not answer"));
        }
        let writer = self.aurora.writer().region.clone();
        // A secondary that forwards has one more Region on its way.
        let region = if self.forwards_writes && &writer != region {
            if !self.is_up(&writer) {
                return Err(format!("the writer in {writer} does not answer"));
            }
            &writer
        } else {
            region
        };
        let typical = self.lag_now().0;
        let rng = &mut self.rng;
        self.aurora.write(region, row, self.now, || {
            // A quarter up or down.
            Millis(typical * 3 / 4 + rng.random_range(0..=typical / 2))
        })
    }

    /// The newest row of the cluster of that Region.
    pub(super) fn read_row(&mut self, region: &RegionId) -> Result<Option<u64>, String> {
        if !self.is_up(region) {
            return Err(format!("the database of {region} does not answer"));
        }
        let until = self.replicated_until();
        self.aurora.read(region, until)
    }

    fn lag_now(&self) -> Millis {
        self.faults.lag().unwrap_or(self.delays.aurora_lag)
    }

    pub(super) fn note_lag(&mut self, since: Wall) {
        let writer_up = self.is_up(&self.aurora.writer().region);
        let publishing = self
            .aurora
            .clusters
            .iter()
            .filter(|c| writer_up && self.aurora.replicates(c) && self.is_up(&c.region))
            .map(|c| c.region.clone())
            .collect();
        let lag = self.lag_now();
        self.lag.note(since, publishing, lag);
    }

    /// One minute of `AuroraGlobalDBRPOLag` in milliseconds, once it is over.
    pub(in crate::sandbox) fn lag_minute(&self, region: &RegionId, minute: Wall) -> Option<f64> {
        // A minute is published when it is over: the newest is 1-2 min old.
        if minute + Millis::from_mins(1) > self.now || self.faults.lag_unknown() {
            return None;
        }
        self.lag.minute(region, minute, self.seed)
    }

    /// The Region's alarm, and since when it is raised.
    pub(in crate::sandbox) fn alarm_of(&self, region: &RegionId) -> Option<(&str, Option<Wall>)> {
        let here = self.regions.iter().find(|known| &known.name == region)?;
        Some((&here.alarm, self.alarms.get(region).copied()))
    }

    /// Starts a promotion; the writer changes later.
    pub(in crate::sandbox) fn promote(
        &mut self,
        target_arn: &str,
        data_loss: bool,
    ) -> Result<(), Refusal> {
        let headless = |c: &&Cluster| c.arn == target_arn && self.faults.headless(&c.region);
        if let Some(cluster) = self.aurora.clusters.iter().find(headless) {
            return Err(Refusal::bad(
                "InvalidDBClusterStateFault",
                format!("DB cluster {} has no DB instances", cluster.id),
            ));
        }
        let (regions, faults) = (&self.regions, &self.faults);
        let down = |region: &RegionId| {
            !regions.iter().any(|r| &r.name == region && r.up)
                // A switchover needs every control plane too.
                || !data_loss && faults.control_plane_gone(region)
        };
        let number = self
            .aurora
            .promote(target_arn, data_loss, &self.delays, down)?;
        let length = if data_loss {
            self.delays.aurora_failover
        } else {
            self.delays.aurora_switchover
        };
        self.later(self.delays.aurora_pending, Event::PromotionMoves(number));
        self.later(length, Event::PromotionEnds(number));
        Ok(())
    }

    /// A secondary leaves the global cluster, and takes writes by itself later.
    pub(in crate::sandbox) fn detach(&mut self, arn: &str) -> Result<(), Refusal> {
        let regions = &self.regions;
        let region = self.aurora.detach(arn, |region| {
            !regions.iter().any(|r| &r.name == region && r.up)
        })?;
        self.later(self.delays.aurora_failover, Event::Detached(region));
        self.note_lag(self.now);
        Ok(())
    }

    fn end_promotion(&mut self, number: u64) {
        if self.faults.promotion_stuck() {
            return;
        }
        let until = self.replicated_until();
        let regions = &self.regions;
        let faults = &self.faults;
        let rejoining = self.aurora.promotion_ends(
            number,
            until,
            |region| !regions.iter().any(|r| &r.name == region && r.up),
            |region| faults.unfenced(region),
        );
        for region in rejoining {
            if self.is_up(&region) {
                self.later(self.delays.aurora_rejoin, Event::Rejoin(region));
            }
        }
        self.note_lag(self.now);
    }

    /// Takes a change batch; resolvers follow later.
    pub(in crate::sandbox) fn change_records(
        &mut self,
        batch: Vec<(Action, RecordSet)>,
    ) -> Result<ChangeInfo, Refusal> {
        if let Some((name, ttl)) = self.faults.take_race() {
            self.change_ttl(&name, ttl);
        }
        let in_sync = self.delays.route53_insync;
        let change = self
            .dns
            .change(batch, self.now, in_sync, self.delays.route53_serialised)?;
        let written = self.dns.records.clone();
        self.later(in_sync, Event::DnsServed(written));
        self.tell();
        Ok(change)
    }

    /// Sets routing controls; the health checks that follow them see it later.
    pub(in crate::sandbox) fn set_controls(
        &mut self,
        wanted: &[(String, bool)],
        overridden: &[String],
    ) -> Result<(), Refusal> {
        let gate_shut = self.faults.routing_gate_shut();
        let Some(routing) = &mut self.routing else {
            return Err(no_cluster());
        };
        routing.set(wanted, overridden, gate_shut)?;
        let on = routing.on();
        self.later(self.delays.routing_control, Event::ControlsSeen(on));
        self.tell();
        Ok(())
    }

    /// Takes an update of an endpoint group; the edge follows later.
    pub(in crate::sandbox) fn update_group(
        &mut self,
        arn: &str,
        update: GroupUpdate,
    ) -> Result<Group, Refusal> {
        let deploy = self.delays.accelerator_deploy;
        let group = self.accelerator.update(
            arn,
            update,
            self.now,
            deploy,
            self.delays.accelerator_transaction,
        )?;
        self.later(deploy, Event::GroupDeployed(group.clone()));
        self.tell();
        Ok(group)
    }

    /// Takes an update of a node group's scaling; nodes follow later.
    pub(in crate::sandbox) fn scale(
        &mut self,
        group: usize,
        wanted: Scaling,
        asked: serde_json::Value,
        token: Option<String>,
    ) -> Result<Update, Refusal> {
        let (update, new) = self.nodes.groups[group].update(wanted, asked, token, self.now)?;
        if new {
            self.later(
                self.delays.eks_update,
                Event::NodegroupUpdated {
                    group,
                    update: update.id.clone(),
                },
            );
            self.launch(group);
        }
        Ok(update)
    }

    pub(super) fn launch(&mut self, group: usize) {
        let nodegroup = &mut self.nodes.groups[group];
        nodegroup.wave += 1;
        let wave = nodegroup.wave;
        if let Some(after) = nodegroup.launch(&self.delays) {
            self.later(after, Event::NodeJoins { group, wave });
        }
    }

    fn join_node(&mut self, group: usize, wave: u64) {
        let capacity = self
            .nodes
            .groups
            .get(group)
            .and_then(|g| self.faults.capacity(&g.region));
        let Some(nodegroup) = self.nodes.groups.get_mut(group) else {
            return;
        };
        if nodegroup.wave != wave {
            return;
        }
        if let Some(after) = nodegroup.converge(capacity, &self.delays) {
            self.later(after, Event::NodeJoins { group, wave });
        }
    }
}
