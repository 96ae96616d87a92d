//! EKS managed node groups and the Auto Scaling groups beneath them: nodes join one by one, or not
//! at all where there is no capacity.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{Millis, RegionId, Wall};
use crate::sandbox::setup::ACCOUNT;
use crate::sandbox::{Delays, SandboxSetup};

use super::Refusal;

/// How a node group is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Scaling {
    pub(in crate::sandbox) min: u32,
    pub(in crate::sandbox) desired: u32,
    pub(in crate::sandbox) max: u32,
}

/// One update of a node group.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Update {
    pub(in crate::sandbox) id: String,
    /// As the EKS API words it.
    pub(in crate::sandbox) status: &'static str,
    pub(in crate::sandbox) params: Vec<(String, String)>,
    pub(in crate::sandbox) created: Wall,
    token: Option<String>,
    asked: Value,
}

/// One instance.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Instance {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) in_service: bool,
    pub(in crate::sandbox) subnet: usize,
}

/// One managed node group.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Nodegroup {
    pub(in crate::sandbox) region: RegionId,
    pub(in crate::sandbox) cluster: String,
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) arn: String,
    pub(in crate::sandbox) asg: String,
    /// How many subnets, each in a zone of its own.
    pub(in crate::sandbox) zones: usize,
    pub(in crate::sandbox) scaling: Scaling,
    pub(in crate::sandbox) created: Wall,
    pub(in crate::sandbox) modified: Wall,
    pub(in crate::sandbox) instances: Vec<Instance>,
    pub(in crate::sandbox) updates: BTreeMap<String, Update>,
    /// Why launches fail; sticky until one succeeds.
    pub(in crate::sandbox) launch_failure: Option<String>,
    launched: u64,
    /// Tells the present wave of launches from one that was overtaken.
    pub(super) wave: u64,
}

/// Every node group of the world.
#[derive(Debug)]
pub(in crate::sandbox) struct Nodes {
    pub(in crate::sandbox) groups: Vec<Nodegroup>,
}

impl Nodegroup {
    /// As the EKS API words it.
    pub(in crate::sandbox) fn status(&self) -> &'static str {
        if self.updating() {
            "UPDATING"
        } else if self.launch_failure.is_some() {
            "DEGRADED"
        } else {
            "ACTIVE"
        }
    }

    fn updating(&self) -> bool {
        self.updates.values().any(|u| u.status == "InProgress")
    }

    pub(in crate::sandbox) fn in_service(&self) -> u32 {
        self.instances.iter().filter(|i| i.in_service).count() as u32
    }

    fn instance(&mut self, in_service: bool) {
        self.launched += 1;
        // Distinct between groups as well as within one.
        let salt = self.asg.bytes().fold(0_u64, |h, b| {
            h.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(b))
        });
        self.instances.push(Instance {
            id: format!("i-0{:016x}", (salt & 0xffff_ffff_ffff_0000) + self.launched),
            in_service,
            subnet: (self.launched as usize) % self.zones.max(1),
        });
    }

    /// Its subnets, one in each zone.
    pub(in crate::sandbox) fn subnets(&self) -> Vec<String> {
        (0..self.zones.max(1))
            .map(|index| self.subnet(index))
            .collect()
    }

    /// Which subnet, as EC2 names it.
    pub(in crate::sandbox) fn subnet(&self, index: usize) -> String {
        format!(
            "subnet-0{:08x}{:08x}",
            self.region.as_str().len(),
            index + 1
        )
    }

    /// Takes an update of the scaling; `asked` is what the API got, to tell a repetition from a
    /// reused token. Says the update, and whether it is new.
    pub(in crate::sandbox) fn update(
        &mut self,
        wanted: Scaling,
        asked: Value,
        token: Option<String>,
        now: Wall,
    ) -> Result<(Update, bool), Refusal> {
        if let Some(known) = self
            .updates
            .values()
            .find(|u| token.is_some() && u.token == token)
        {
            return if known.asked == asked {
                Ok((known.clone(), false))
            } else {
                Err(Refusal::bad(
                    "InvalidParameterException",
                    "clientRequestToken was used before with other parameters",
                ))
            };
        }
        if wanted.max < 1 {
            return Err(Refusal::bad(
                "InvalidParameterException",
                "maxSize must be greater than or equal to 1",
            ));
        }
        if wanted.min > wanted.desired {
            return Err(Refusal::bad(
                "InvalidParameterException",
                format!(
                    "Minimum capacity {} can't be greater than desired size {}",
                    wanted.min, wanted.desired
                ),
            ));
        }
        if wanted.desired > wanted.max {
            return Err(Refusal::bad(
                "InvalidParameterException",
                format!(
                    "desired capacity {} can't be greater than max size {}",
                    wanted.desired, wanted.max
                ),
            ));
        }
        if self.updating() {
            return Err(Refusal::new(
                409,
                "ResourceInUseException",
                format!(
                    "Nodegroup cannot be updated as it is currently not in Active State: {}",
                    self.name
                ),
            ));
        }
        let id = format!(
            "{:08x}-aaaa-4bbb-8ccc-{:012x}",
            0x0fa1_10e4_u32,
            self.updates.len() + 1
        );
        let params = [
            ("MinSize", wanted.min),
            ("MaxSize", wanted.max),
            ("DesiredSize", wanted.desired),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .to_vec();
        let update = Update {
            id: id.clone(),
            status: "InProgress",
            params,
            created: now,
            token,
            asked,
        };
        self.scaling = wanted;
        self.modified = now;
        self.updates.insert(id, update.clone());
        Ok((update, true))
    }

    /// The update is through: the group has its new size, whether nodes come or not.
    pub(super) fn update_ends(&mut self, id: &str) {
        if let Some(update) = self.updates.get_mut(id) {
            update.status = "Successful";
        }
    }

    /// Brings the instances nearer to the desired size. Says after how long to look again.
    pub(super) fn converge(&mut self, capacity: Option<u32>, delays: &Delays) -> Option<Millis> {
        let desired = self.scaling.desired as usize;
        if self.instances.len() > desired {
            // Terminated nodes leave at once: nobody waits for that.
            self.instances.truncate(desired);
        }
        // The oldest that was launched comes into service.
        let in_service = self.in_service();
        let room = capacity.is_none_or(|at_most| in_service < at_most);
        if room {
            if let Some(next) = self.instances.iter_mut().find(|i| !i.in_service) {
                next.in_service = true;
                self.launch_failure = None;
            }
        } else if self.instances.len() > in_service as usize || self.instances.len() < desired {
            // A launch that fails leaves no instance.
            self.instances.retain(|i| i.in_service);
            self.launch_failure = Some(
                "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient capacity in the Availability Zone you requested.".to_owned(),
            );
            return None;
        }
        let missing = desired.saturating_sub(self.in_service() as usize);
        (missing > 0).then_some(delays.node_next)
    }

    /// Asks for as many instances as are missing. Says after how long the first can be there.
    pub(super) fn launch(&mut self, delays: &Delays) -> Option<Millis> {
        let desired = self.scaling.desired as usize;
        if self.instances.len() > desired {
            return Some(Millis::ZERO);
        }
        let missing = desired - self.instances.len();
        for _ in 0..missing {
            self.instance(false);
        }
        self.instances
            .iter()
            .any(|i| !i.in_service)
            .then_some(delays.node_first)
    }

    /// Health issues, as the EKS API words them.
    pub(in crate::sandbox) fn issues(&self) -> Vec<Value> {
        self.launch_failure
            .iter()
            .map(|message| {
                json!({
                    "code": "AsgInstanceLaunchFailures",
                    "message": message,
                    "resourceIds": [self.asg],
                })
            })
            .collect()
    }
}

impl Nodes {
    pub(super) fn new(setup: &SandboxSetup, now: Wall) -> Self {
        // Made some time ago: nobody's first act.
        let created = now - Millis::from_mins(60 * 24 * 30);
        let mut groups = Vec::new();
        for region in &setup.regions {
            for (index, group) in region.nodegroups.iter().enumerate() {
                let uuid = format!("5ec50e1f-{index:04x}-4d2a-8f01-{:012x}", groups.len() + 1);
                let mut nodegroup = Nodegroup {
                    region: region.name.clone(),
                    cluster: region.eks_cluster.clone(),
                    name: group.name.clone(),
                    arn: format!(
                        "arn:aws:eks:{}:{ACCOUNT}:nodegroup/{}/{}/{uuid}",
                        region.name, region.eks_cluster, group.name
                    ),
                    asg: format!("eks-{}-{uuid}", group.name),
                    zones: group.zones,
                    scaling: Scaling {
                        min: group.min,
                        desired: group.desired,
                        max: group.max,
                    },
                    created,
                    modified: created,
                    instances: Vec::new(),
                    updates: BTreeMap::new(),
                    launch_failure: None,
                    launched: 0,
                    wave: 0,
                };
                for _ in 0..group.desired {
                    nodegroup.instance(true);
                }
                groups.push(nodegroup);
            }
        }
        Self { groups }
    }

    /// The clusters of a Region.
    pub(in crate::sandbox) fn has_cluster(&self, region: &RegionId, cluster: &str) -> bool {
        self.groups
            .iter()
            .any(|g| &g.region == region && g.cluster == cluster)
    }

    /// One group, or EKS's own no.
    pub(in crate::sandbox) fn find(
        &self,
        region: &RegionId,
        cluster: &str,
        name: &str,
    ) -> Result<usize, Refusal> {
        if !self.has_cluster(region, cluster) {
            return Err(no_eks_cluster(cluster));
        }
        self.groups
            .iter()
            .position(|g| &g.region == region && g.cluster == cluster && g.name == name)
            .ok_or_else(|| {
                Refusal::missing(
                    "ResourceNotFoundException",
                    format!("No node group found for name: {name}."),
                )
            })
    }

    /// Whether the Region has a node at all.
    pub(super) fn any_in_service(&self, region: &RegionId) -> bool {
        self.groups
            .iter()
            .any(|g| &g.region == region && g.in_service() > 0)
    }
}

/// EKS's own no.
pub(in crate::sandbox) fn no_eks_cluster(cluster: &str) -> Refusal {
    Refusal::missing(
        "ResourceNotFoundException",
        format!("No cluster found for name: {cluster}."),
    )
}
