//! DESIGN section 11, held against what the emulated AWS received and what the ledger says.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::actuate::policy::{self, PolicyDocument};
use crate::model::{
    AppId, Intent, Millis, Origin, PlannedStep, Promotion, RegionId, Run, RunStatus, StepRecord,
    Wall,
};
use crate::quorum::majority;
use crate::sandbox::plane::DataPlane as _;
use crate::sandbox::{
    Authorization, Execution, LoggedRequest, SandboxSetup, Service, World, authorizations,
};

use super::reigns::Reign;
use super::report::Invariant;

/// What the invariants are held against.
pub(super) struct Evidence<'a> {
    pub world: &'a World,
    pub setup: &'a SandboxSetup,
    /// Of every application.
    pub runs: &'a [Run],
    /// Of a fleet: how an evacuation was not as it was asked for, if it was not.
    pub disorder: Option<Option<&'a str>>,
    pub log: &'a [LoggedRequest],
    /// The least that the members must be allowed.
    pub policy: &'a PolicyDocument,
    pub two_open: bool,
    /// The open run waits for a person, and says for what.
    pub waits: bool,
    pub members: MemberEvidence<'a>,
    /// Whether the application has a database that failoverd moves.
    pub database: bool,
}

/// What is known of the members.
pub(super) struct MemberEvidence<'a> {
    /// By access key: where its owner is at home.
    pub callers: &'a BTreeMap<String, RegionId>,
    /// Who led when, as each has said of itself.
    pub reigns: &'a [Reign],
    /// World time of the lease.
    pub lease: Millis,
    pub disagreement: Option<&'a str>,
}

impl Evidence<'_> {
    /// Every invariant, by its number in the design.
    pub fn invariants(&self) -> Vec<Invariant> {
        [
            (
                "1: at most one open run of an application",
                self.one_open_run(),
            ),
            (
                "2: every AWS write follows its committed intent",
                self.writes_follow_intents(),
            ),
            (
                "3: no promotion without evidence or a name",
                self.promotions_have_an_origin(),
            ),
            (
                "4: never all traffic at nothing",
                self.traffic_never_at_nothing(),
            ),
            ("5: one writer after verification", self.one_writer()),
            ("6: no write outside a run", self.no_write_outside_a_run()),
            ("7: every run comes to rest", self.runs_rest()),
            (
                "8: nothing is scaled below what it had",
                self.nothing_scaled_down(),
            ),
            ("only a member that leads writes", self.only_leaders_write()),
            (
                "members that hear each other know the same",
                self.members.disagreement.map(str::to_owned),
            ),
            ("the emulated AWS knew every call", self.every_call_known()),
            (
                "the printed IAM policy allows every call",
                self.every_call_allowed(),
            ),
        ]
        .into_iter()
        .chain(self.disorder.map(|disorder| {
            (
                "an evacuation keeps its order and its number",
                disorder.map(str::to_owned),
            )
        }))
        .map(|(name, broken)| Invariant {
            name: name.to_owned(),
            held: broken.is_none(),
            seen: broken,
        })
        .collect()
    }

    fn writes(&self) -> impl Iterator<Item = &LoggedRequest> {
        self.log.iter().filter(|request| request.mutating)
    }

    fn one_open_run(&self) -> Option<String> {
        if self.two_open {
            return Some("two were seen open at once".to_owned());
        }
        let mut spans: Vec<(&AppId, Wall, Wall)> = self
            .runs
            .iter()
            .map(|run| {
                let closed = run.closed_at.unwrap_or(Wall(u64::MAX));
                (&run.application, run.opened_at, closed)
            })
            .collect();
        spans.sort();
        spans
            .windows(2)
            .find(|pair| pair[0].0 == pair[1].0 && pair[1].1 < pair[0].2)
            .map(|pair| format!("two of {} overlapped", pair[0].0))
    }

    /// Of every sort of write on every resource: no more than there were attempts, and none before
    /// the first step of that sort could begin.
    fn writes_follow_intents(&self) -> Option<String> {
        let mut requests: BTreeMap<Subject, Vec<&LoggedRequest>> = BTreeMap::new();
        for request in self.writes() {
            let Some(subject) = subject_of_request(request) else {
                return Some(format!("{} belongs to no action", request.operation));
            };
            requests.entry(subject).or_default().push(request);
        }
        for (subject, made) in requests {
            let steps: Vec<(&PlannedStep, &StepRecord)> = self
                .runs
                .iter()
                .flat_map(Run::in_order)
                .filter(|(step, _)| subject_of_intent(&step.intent).as_ref() == Some(&subject))
                .collect();
            let attempts: u32 = steps.iter().map(|(_, record)| record.attempts).sum();
            if made.len() > attempts as usize {
                return Some(format!(
                    "{} was written {} times in {attempts} attempts",
                    subject.1,
                    made.len()
                ));
            }
            let begun = steps
                .iter()
                .filter_map(|(_, record)| record.started_at)
                .min();
            let first = made.iter().map(|request| request.at).min();
            if first < begun {
                return Some(format!("{} was written before its step began", subject.1));
            }
        }
        None
    }

    fn promotions_have_an_origin(&self) -> Option<String> {
        self.runs
            .iter()
            .filter(|run| run.promotion_intended())
            .find(|run| match &run.origin {
                Origin::Quorum { tally, evidence } => {
                    let down = u32::try_from(tally.down.len()).unwrap_or(u32::MAX);
                    down < majority(tally.members) || evidence.is_empty()
                }
                Origin::Operator { name, .. } => name.is_empty(),
            })
            .map(|run| format!("run {} has neither", run.id))
    }

    fn traffic_never_at_nothing(&self) -> Option<String> {
        let broken = [
            (self.world.ever_all_dials_zero(), "every dial stood at 0"),
            (
                self.world.ever_all_weights_zero(),
                "every weight stood at 0",
            ),
            (
                self.world.ever_all_record_weights_zero(),
                "every record set's weight stood at 0",
            ),
            (
                self.world.ever_all_controls_off(),
                "every routing control was off",
            ),
            (
                self.world.ever_unresolvable(),
                "the name resolved to nothing",
            ),
        ];
        broken
            .into_iter()
            .find_map(|(is, what)| is.then(|| what.to_owned()))
    }

    fn one_writer(&self) -> Option<String> {
        if self.world.ever_two_writers() {
            return Some("two databases took writes at once".to_owned());
        }
        if !self.database {
            return None;
        }
        let last = self.runs.last().filter(|run| run.executed_at.is_some())?;
        let writers = self.world.writers_now();
        // A run that leaves the data where it is does not answer for a writer that is lost with its Region.
        let promotes = |step: &PlannedStep| matches!(step.intent, Intent::AuroraPromote { .. });
        let mut regions = self.setup.regions.iter();
        let lost = regions.any(|region| !self.world.region_is_up(&region.name));
        let excused = writers.is_empty() && lost && !last.plan.steps.iter().any(promotes);
        (writers.len() != 1 && !excused).then(|| format!("{} take writes", writers.len()))
    }

    fn no_write_outside_a_run(&self) -> Option<String> {
        self.writes()
            .find(|request| {
                !self.runs.iter().any(|run| {
                    run.opened_at <= request.at
                        && run.closed_at.is_none_or(|closed| request.at <= closed)
                })
            })
            .map(|request| format!("{} was sent outside any run", request.operation))
    }

    fn runs_rest(&self) -> Option<String> {
        self.runs
            .iter()
            .find(|run| match run.status {
                RunStatus::Completed
                | RunStatus::Aborted { .. }
                | RunStatus::Soaking { .. }
                | RunStatus::NeedsOperator { .. } => {
                    run.steps.values().any(|r| r.status.is_in_flight())
                }
                RunStatus::Executing if self.waits => {
                    run.steps.values().any(|r| r.status.is_in_flight())
                }
                RunStatus::Executing | RunStatus::Aborting { .. } => true,
            })
            .map(|run| format!("run {} is {}", run.id, run.status.as_str()))
    }

    fn nothing_scaled_down(&self) -> Option<String> {
        self.writes()
            .filter(|request| request.operation == "UpdateNodegroupConfig")
            .find_map(|request| {
                let region = self.setup.region(&request.region)?;
                let name = text(&request.parameters, "nodegroupName")?;
                let had = region.nodegroups.iter().find(|group| group.name == name)?;
                let wanted = request.parameters.pointer("/scalingConfig/desiredSize")?;
                let wanted = wanted.as_u64()?;
                (wanted < u64::from(had.desired)).then(|| {
                    format!(
                        "{name} in {} from {} to {wanted}",
                        request.region, had.desired
                    )
                })
            })
    }

    /// Half a lease is how long a proof of leadership holds; the rest is what a request may be on its
    /// way on a busy host.
    fn only_leaders_write(&self) -> Option<String> {
        let members = &self.members;
        self.writes().find_map(|request| {
            let Some(region) = members.callers.get(&request.caller) else {
                return Some(format!("{} is signed by nobody", request.operation));
            };
            let led = members.reigns.iter().any(|reign| {
                reign.member.as_str() == region.as_str()
                    && reign.from <= request.at
                    && reign
                        .until
                        .is_none_or(|until| request.at <= until + members.lease)
            });
            (!led).then(|| {
                format!(
                    "{} was sent by {region}, which did not lead",
                    request.operation
                )
            })
        })
    }

    fn every_call_allowed(&self) -> Option<String> {
        let denied = self
            .log
            .iter()
            .find_map(|request| denied(self.policy, request))?;
        Some(format!("{} on {}", denied.action, denied.resource))
    }

    fn every_call_known(&self) -> Option<String> {
        let unknown = self.world.unknown_operations();
        (!unknown.is_empty()).then(|| unknown.join(", "))
    }
}

/// One that AWS would have denied to members with the policy of `failoverctl iam-policy` and no other.
fn denied(policy: &PolicyDocument, request: &LoggedRequest) -> Option<Authorization> {
    authorizations(request)
        .into_iter()
        .filter(|needed| needed.action != policy::FREE)
        .find(|needed| !policy.allows(&needed.action, &needed.resource))
}

/// How many writes AWS received from each member, by its Region.
pub(super) fn writes_by(
    log: &[LoggedRequest],
    callers: &BTreeMap<String, RegionId>,
) -> BTreeMap<RegionId, u32> {
    let mut writes = BTreeMap::new();
    for request in log.iter().filter(|request| request.mutating) {
        if let Some(region) = callers.get(&request.caller) {
            *writes.entry(region.clone()).or_default() += 1;
        }
    }
    writes
}

/// How often each operation was executed, by `service.Operation`.
pub(super) fn executed_calls(log: &[LoggedRequest]) -> BTreeMap<String, u32> {
    let mut calls = BTreeMap::new();
    let executed = log
        .iter()
        .filter(|request| request.execution == Execution::Executed);
    for request in executed {
        let service = match request.service {
            Service::Route53 => "route53",
            Service::GlobalAccelerator => "global_accelerator",
            Service::Rds => "rds",
            Service::Eks => "eks",
            Service::AutoScaling => "auto_scaling",
            Service::CloudWatch => "cloud_watch",
            Service::Sts => "sts",
            Service::Iam => "iam",
            Service::RoutingControl => "routing_control",
        };
        *calls
            .entry(format!("{service}.{}", request.operation))
            .or_default() += 1;
    }
    calls
}

/// A sort of write on one resource.
type Subject = (&'static str, String);

fn subject_of_intent(intent: &Intent) -> Option<Subject> {
    match intent {
        Intent::Dial {
            endpoint_group_arn, ..
        } => Some(("dial", endpoint_group_arn.clone())),
        Intent::Weight {
            endpoint_group_arn, ..
        } => Some(("weight", endpoint_group_arn.clone())),
        Intent::Route53Failover { hosted_zone_id, .. }
        | Intent::Route53Weights { hosted_zone_id, .. } => {
            Some(("records", hosted_zone_id.clone()))
        }
        Intent::RoutingControl { .. } => Some(("routing", intent.resource()?)),
        Intent::AuroraPromote {
            global_cluster,
            method,
            ..
        } => {
            let sort = match method {
                Promotion::Switchover | Promotion::FailoverWithDataLoss => "promotion",
                Promotion::Detach => "detaching",
            };
            Some((sort, global_cluster.clone()))
        }
        Intent::ScaleNodegroup {
            region, nodegroup, ..
        } => Some(("scale", format!("{region}/{nodegroup}"))),
        // Nothing of it reaches AWS.
        Intent::Steer { .. }
        | Intent::HttpCheck { .. }
        | Intent::HttpRequest { .. }
        | Intent::Approval { .. }
        | Intent::Bake { .. }
        | Intent::Wait { .. } => None,
    }
}

fn subject_of_request(request: &LoggedRequest) -> Option<Subject> {
    let of = |name: &str| text(&request.parameters, name);
    match request.operation.as_str() {
        "UpdateEndpointGroup" => {
            let arn = of("EndpointGroupArn")?;
            let dial = request.parameters.get("TrafficDialPercentage").is_some();
            Some((if dial { "dial" } else { "weight" }, arn))
        }
        "ChangeResourceRecordSets" => Some(("records", bare_zone(&of("HostedZoneId")?))),
        "UpdateRoutingControlStates" => {
            let entries = request.parameters.get("UpdateRoutingControlStateEntries")?;
            let entries = entries.as_array()?.iter();
            let first = entries
                .filter_map(|entry| text(entry, "RoutingControlArn"))
                .min();
            Some(("routing", first?))
        }
        "SwitchoverGlobalCluster" | "FailoverGlobalCluster" => {
            Some(("promotion", of("GlobalClusterIdentifier")?))
        }
        "RemoveFromGlobalCluster" => Some(("detaching", of("GlobalClusterIdentifier")?)),
        "UpdateNodegroupConfig" => {
            let cluster = of("clusterName").or_else(|| of("name"))?;
            let group = of("nodegroupName")?;
            Some(("scale", format!("{}/{cluster}/{group}", request.region)))
        }
        _ => None,
    }
}

fn text(parameters: &Value, name: &str) -> Option<String> {
    parameters.get(name)?.as_str().map(str::to_owned)
}

/// The id without the path that some clients put before it.
fn bare_zone(id: &str) -> String {
    id.trim_start_matches('/')
        .trim_start_matches("hostedzone/")
        .to_owned()
}
