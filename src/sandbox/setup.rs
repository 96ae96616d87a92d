//! What a world is made of before it starts: every resource by its literal name, every delay.
//!
//! Names look as AWS makes them, so that whatever parses an ARN meets a real one.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::model::{AliasTarget, FailoverRole, Millis, NodegroupRef, RecordSet, RegionId};

/// The account everything belongs to: AWS's own documentation example.
pub const ACCOUNT: &str = "123456789012";

/// A whole world, before it starts. Every field may be changed before it is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSetup {
    /// In order of preference: the first serves. At least two.
    pub regions: Vec<RegionSetup>,
    pub database: DatabaseSetup,
    pub accelerator: AcceleratorSetup,
    pub dns: DnsSetup,
    /// Routing controls, where there are any.
    pub routing: Option<RoutingSetup>,
    pub delays: Delays,
    /// Repeats lag jitter, throttling and every other chance.
    pub seed: u64,
}

/// What stands in one Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionSetup {
    pub name: RegionId,
    pub eks_cluster: String,
    pub nodegroups: Vec<NodegroupSetup>,
    pub db_cluster_id: String,
    pub endpoint_group_arn: String,
    pub endpoints: Vec<EndpointSetup>,
    /// Effective from the start.
    pub dial_percent: u8,
    pub record_set_identifier: String,
    pub health_check: Option<HealthCheckSetup>,
    /// The name of its one CloudWatch alarm.
    pub alarm: String,
}

/// One managed node group; all its nodes are in service when the world starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodegroupSetup {
    pub name: String,
    pub min: u32,
    pub desired: u32,
    pub max: u32,
    /// Availability Zones it has subnets in: one or two.
    pub zones: usize,
}

/// One endpoint of an accelerator's group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSetup {
    pub id: String,
    pub weight: u8,
    pub client_ip_preservation: bool,
}

/// The health check of a Region's record sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheckSetup {
    pub id: String,
    /// Always healthy (then `inverted` applies).
    pub disabled: bool,
    pub inverted: bool,
    /// Of type `RECOVERY_CONTROL`: healthy while that routing control is on, and nothing is checked.
    pub routing_control_arn: Option<String>,
}

/// A cluster of routing controls, with one control panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingSetup {
    /// Where its endpoints are.
    pub endpoints: Vec<RegionId>,
    /// By Region; the first Region's is on, the others are off.
    pub controls: Vec<(RegionId, String)>,
    /// The assertion rule: at least one of them is on.
    pub assertion_rule_arn: String,
    /// The rule behind [`Fault::RoutingGateShut`](super::Fault::RoutingGateShut).
    pub gating_rule_arn: String,
}

impl RoutingSetup {
    /// What the configuration calls the endpoint there. Nobody listens under this name: requests come
    /// by the endpoint override, and are told apart by the Region that they are signed for.
    pub fn endpoint_url(region: &RegionId) -> String {
        format!("https://host-{region}.route53-recovery-cluster.example/v1")
    }

    /// The control of that Region.
    pub fn control_arn(&self, region: &RegionId) -> Option<&str> {
        let mut controls = self.controls.iter();
        let (_, arn) = controls.find(|(name, _)| name == region)?;
        Some(arn)
    }
}

/// A health check that is not of a Region's endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSetup {
    pub check: HealthCheckSetup,
    pub kind: CheckKind,
}

/// What a health check goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Real requests: whether `http://address/path` answers 2xx or 3xx. `healthy`: what was found for
    /// long before the world starts.
    Http {
        address: SocketAddr,
        path: String,
        healthy: bool,
    },
    /// Healthy while at least `threshold` of these are.
    Calculated {
        children: Vec<String>,
        threshold: usize,
    },
}

/// The Aurora global database; the first Region's cluster is the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSetup {
    pub global_cluster: String,
    pub engine: String,
    pub engine_version: String,
    /// Of every cluster but the first, where it differs.
    pub standby_engine_version: Option<String>,
    /// Whether CloudWatch's lag metric carries `SourceRegion` too, as in some accounts.
    pub lag_has_source_region: bool,
    /// Write forwarding: what is written to a secondary is committed by the writer.
    pub forwards_writes: bool,
}

/// The accelerator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceleratorSetup {
    pub arn: String,
    pub listener_arn: String,
}

/// The hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSetup {
    pub hosted_zone_id: String,
    /// With the trailing dot.
    pub zone_name: String,
    /// The failover name of the application, with the trailing dot: what users resolve.
    pub record_name: String,
    pub record_type: String,
    pub records: Vec<RecordSet>,
    /// Health checks beside those of the Regions' own endpoints.
    pub checks: Vec<CheckSetup>,
    /// Which Region stands behind a record's value or alias name.
    pub targets: Vec<(String, RegionId)>,
}

/// How long things take, in world time. The defaults stand on the published times of `AWS-FACTS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delays {
    /// A change batch to `INSYNC`, and to every resolver. Published: generally within 60 s.
    pub route53_insync: Millis,
    /// While this has not passed since the last batch of a zone, the next one is
    /// `PriorRequestNotComplete`: batches are serialised, but do not wait for `INSYNC`.
    pub route53_serialised: Millis,
    /// 3 failures of a health check, or 3 successes, 10 s apart.
    pub route53_health: Millis,
    /// A changed routing control to the health checks that follow it. Not published; a control is read
    /// by Route 53's own data plane.
    pub routing_control: Millis,
    /// A changed dial or weight to `DEPLOYED`, and to the traffic. Published: about 30 s.
    pub accelerator_deploy: Millis,
    /// While this has not passed since the last update, the next one is
    /// `TransactionInProgressException`.
    pub accelerator_transaction: Millis,
    /// 3 health checks of an endpoint, 10 s apart.
    pub accelerator_health: Millis,
    /// From an accepted promotion to its status leaving `pending`.
    pub aurora_pending: Millis,
    /// From an accepted failover to the new writer. Published: minutes; measured 1-8 min. A
    /// small, well-kept pair is at the lower end.
    pub aurora_failover: Millis,
    /// From an accepted switchover to the new writer. Published: from under 30 s to minutes.
    pub aurora_switchover: Millis,
    /// How long a switchover that cannot work takes to say so: "can take long".
    pub aurora_refusal: Millis,
    /// From a lost Region's return (or the failover's end) until its cluster is a reader again.
    pub aurora_rejoin: Millis,
    /// Typical lag of the replica. Published: typically under 1 s.
    pub aurora_lag: Millis,
    /// A node group's update to `Successful`.
    pub eks_update: Millis,
    /// From the update to the first node in service. Published: 2-5 min to Ready; a warm image
    /// pool is at half of it.
    pub node_first: Millis,
    /// From one node to the next.
    pub node_next: Millis,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            route53_insync: Millis::from_secs(30),
            route53_serialised: Millis(200),
            route53_health: Millis::from_secs(30),
            routing_control: Millis::from_secs(5),
            accelerator_deploy: Millis::from_secs(30),
            accelerator_transaction: Millis(500),
            accelerator_health: Millis::from_secs(30),
            aurora_pending: Millis::from_secs(5),
            aurora_failover: Millis::from_secs(75),
            aurora_switchover: Millis::from_secs(45),
            aurora_refusal: Millis::from_secs(20),
            aurora_rejoin: Millis::from_secs(60),
            aurora_lag: Millis(800),
            eks_update: Millis::from_secs(20),
            node_first: Millis::from_secs(60),
            node_next: Millis::from_secs(5),
        }
    }
}

impl SandboxSetup {
    /// One product in two Regions: `active` serves with six nodes, `standby` waits warm with two
    /// and dial 0.
    pub fn active_passive(active: &str, standby: &str, seed: u64) -> Self {
        let regions = vec![
            RegionSetup::shop(active, 1, 100, 6),
            RegionSetup::shop(standby, 2, 0, 2),
        ];
        let records = [FailoverRole::Primary, FailoverRole::Secondary]
            .into_iter()
            .zip(&regions)
            .enumerate()
            .map(|(index, (role, region))| RecordSet {
                name: "app.shop.example.".to_owned(),
                record_type: "A".to_owned(),
                set_identifier: Some(region.record_set_identifier.clone()),
                failover: Some(role),
                weight: None,
                // Short, as a name that fails over should be.
                ttl: Some(30),
                values: vec![address(index)],
                alias: None,
                health_check_id: region.health_check.as_ref().map(|check| check.id.clone()),
            })
            .collect();
        let targets = regions
            .iter()
            .enumerate()
            .map(|(index, region)| (address(index), region.name.clone()))
            .collect();
        Self {
            regions,
            database: DatabaseSetup {
                global_cluster: "shop".to_owned(),
                engine: "aurora-postgresql".to_owned(),
                engine_version: "16.6".to_owned(),
                standby_engine_version: None,
                lag_has_source_region: false,
                forwards_writes: false,
            },
            accelerator: AcceleratorSetup {
                arn: accelerator_arn(),
                listener_arn: format!("{}/listener/0123vxyz", accelerator_arn()),
            },
            dns: DnsSetup {
                hosted_zone_id: "Z0123456789ABCDEFGHIJ".to_owned(),
                zone_name: "shop.example.".to_owned(),
                record_name: "app.shop.example.".to_owned(),
                record_type: "A".to_owned(),
                records,
                checks: Vec::new(),
                targets,
            },
            routing: None,
            delays: Delays::default(),
            seed,
        }
    }

    /// With health checks that make the PRIMARY unhealthy on purpose and for no other reason: of every
    /// member's `/steer` an inverted one that asks whether the *standby* is steered open, and one that is
    /// calculated over them. Whoever does not answer does not say so. The SECONDARY has none.
    pub fn with_steering(mut self, app: &str, members: &[SocketAddr]) -> Self {
        let Some(standby) = self.regions.get(1).map(|region| region.name.clone()) else {
            return self;
        };
        let check = |id: String, inverted| HealthCheckSetup {
            id,
            disabled: false,
            inverted,
            routing_control_arn: None,
        };
        let children: Vec<CheckSetup> = members
            .iter()
            .enumerate()
            .map(|(number, address)| CheckSetup {
                check: check(format!("57ee4000-0000-0000-0000-{number:012}"), true),
                kind: CheckKind::Http {
                    address: *address,
                    path: format!("/steer/{app}/{standby}"),
                    healthy: false,
                },
            })
            .collect();
        // Unhealthy once more than half of them say that the standby is open.
        let majority = members.len() / 2 + 1;
        let calculated = CheckSetup {
            check: check("ca1c0000-0000-0000-0000-000000000001".to_owned(), false),
            kind: CheckKind::Calculated {
                children: children
                    .iter()
                    .map(|child| child.check.id.clone())
                    .collect(),
                threshold: members.len() + 1 - majority,
            },
        };
        for record in &mut self.dns.records {
            record.health_check_id = match record.failover {
                Some(FailoverRole::Primary) => Some(calculated.check.id.clone()),
                Some(FailoverRole::Secondary) | None => None,
            };
        }
        self.dns.checks = children;
        self.dns.checks.push(calculated);
        self
    }

    /// With node groups of no node at all in that Region: a pilot light.
    pub fn with_no_nodes(mut self, region: &str) -> Self {
        let of = self
            .regions
            .iter_mut()
            .filter(|r| r.name.as_str() == region);
        for group in of.flat_map(|region| &mut region.nodegroups) {
            (group.min, group.desired) = (0, 0);
        }
        self
    }

    /// With weighted record sets of its name instead of PRIMARY and SECONDARY: the first Region has all
    /// the weight.
    pub fn with_weighted_records(mut self) -> Self {
        let name = self.dns.record_name.clone();
        let own = self.dns.records.iter_mut().filter(|set| set.name == name);
        for (index, set) in own.enumerate() {
            set.failover = None;
            set.weight = Some(if index == 0 { 100 } else { 0 });
        }
        self
    }

    /// With a routing control for each Region, which the record sets of the failover name follow instead
    /// of the Regions' own health checks. To be called when all Regions are there.
    pub fn with_routing_controls(mut self) -> Self {
        let panel = format!("arn:aws:route53-recovery-control::{ACCOUNT}:controlpanel/0f1e2d3c");
        let mut controls = Vec::new();
        for (number, region) in self.regions.iter_mut().enumerate() {
            let arn = format!("{panel}/routingcontrol/{:08x}", 0x5a00 + number);
            controls.push((region.name.clone(), arn.clone()));
            let Some(check) = &mut region.health_check else {
                continue;
            };
            check.routing_control_arn = Some(arn);
        }
        self.routing = Some(RoutingSetup {
            // As AWS has it: every cluster has one in each of these.
            endpoints: [
                "us-east-1",
                "us-west-2",
                "eu-west-1",
                "ap-northeast-1",
                "ap-southeast-2",
            ]
            .map(RegionId::from)
            .to_vec(),
            controls,
            assertion_rule_arn: format!("{panel}/safetyrule/a55e0001"),
            gating_rule_arn: format!("{panel}/safetyrule/9a7e0002"),
        });
        self
    }

    /// One more Region to which the product can go: warm, with dial 0 and a replica of its own. No
    /// record of the failover name leads there; such a name has two.
    pub fn with_candidate(mut self, name: &str) -> Self {
        let number = self.regions.len() + 1;
        let mut region = RegionSetup::shop(name, number, 0, 2);
        region.health_check = None;
        self.regions.push(region);
        self
    }

    /// The product serves in all of its Regions side by side, each with so many nodes and its dial
    /// open; writes find the writer from wherever they are made.
    pub fn side_by_side(mut self, nodes: u32) -> Self {
        self.database.forwards_writes = true;
        for region in &mut self.regions {
            region.dial_percent = 100;
            for group in &mut region.nodegroups {
                (group.min, group.desired) = (nodes.min(2), nodes);
            }
        }
        self
    }

    /// The Region of that name.
    pub fn region(&self, name: &RegionId) -> Option<&RegionSetup> {
        self.regions.iter().find(|region| &region.name == name)
    }

    /// The global cluster's own ARN.
    pub fn global_cluster_arn(&self) -> String {
        format!(
            "arn:aws:rds::{ACCOUNT}:global-cluster:{}",
            self.database.global_cluster
        )
    }

    /// Names an alias record as the Region's load balancer, and says which Region that is.
    pub fn alias_record(&mut self, name: &str, region: &RegionId, role: FailoverRole) -> RecordSet {
        let dns_name = format!("shop.{region}.elb.amazonaws.com.");
        self.dns.targets.push((dns_name.clone(), region.clone()));
        RecordSet {
            name: name.to_owned(),
            record_type: "A".to_owned(),
            set_identifier: Some(region.to_string()),
            failover: Some(role),
            weight: None,
            ttl: None,
            values: Vec::new(),
            alias: Some(AliasTarget {
                hosted_zone_id: "Z35SXDOTRQ7X7K".to_owned(),
                dns_name,
                evaluate_target_health: true,
            }),
            health_check_id: None,
        }
    }
}

impl DatabaseSetup {
    /// Of the cluster in the Region of that number.
    pub(super) fn engine_version_of(&self, region: usize) -> String {
        let own = self.standby_engine_version.as_ref().filter(|_| region > 0);
        own.unwrap_or(&self.engine_version).clone()
    }
}

impl RegionSetup {
    fn shop(name: &str, number: usize, dial_percent: u8, desired: u32) -> Self {
        Self {
            name: name.into(),
            eks_cluster: "shop".to_owned(),
            nodegroups: vec![NodegroupSetup {
                name: "web".to_owned(),
                min: desired.min(2),
                desired,
                max: 12,
                zones: 2,
            }],
            db_cluster_id: format!("shop-{name}"),
            endpoint_group_arn: format!(
                "{}/listener/0123vxyz/endpoint-group/{:012x}",
                accelerator_arn(),
                0x098765432100_u64 + number as u64
            ),
            endpoints: vec![EndpointSetup {
                id: format!(
                    "arn:aws:elasticloadbalancing:{name}:{ACCOUNT}:loadbalancer/app/shop/{:016x}",
                    0x50dc6c495c0c9188_u64 + number as u64
                ),
                weight: 128,
                client_ip_preservation: true,
            }],
            dial_percent,
            record_set_identifier: name.to_owned(),
            health_check: Some(HealthCheckSetup {
                id: format!("abcdef11-2222-3333-4444-{number:012}"),
                disabled: false,
                inverted: false,
                routing_control_arn: None,
            }),
            alarm: "shop-users-fail".to_owned(),
        }
    }

    /// The ARN of this Region's database cluster.
    pub fn db_cluster_arn(&self) -> String {
        format!(
            "arn:aws:rds:{}:{ACCOUNT}:cluster:{}",
            self.name, self.db_cluster_id
        )
    }

    /// Its node groups, as the configuration names them.
    pub fn nodegroup_refs(&self) -> Vec<NodegroupRef> {
        self.nodegroups
            .iter()
            .map(|group| NodegroupRef {
                cluster: self.eks_cluster.clone(),
                name: group.name.clone(),
            })
            .collect()
    }
}

fn accelerator_arn() -> String {
    format!("arn:aws:globalaccelerator::{ACCOUNT}:accelerator/1234abcd-abcd-1234-abcd-1234abcdefgh")
}

/// Addresses kept for documentation (RFC 5737): nothing is ever sent there.
fn address(index: usize) -> String {
    format!("192.0.2.{}", 10 + index)
}
