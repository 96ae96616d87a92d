//! Readiness: what a look at everything that a plan will touch has found.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AppId, MemberId, Millis, Mono, RegionId, Touches, Wall};

/// What one look at one application has found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReadinessReport {
    pub application: AppId,
    /// From whose vantage.
    pub checked_by: MemberId,
    pub checked_at: Wall,
    /// Worst first, then by Region.
    pub findings: Vec<ReadinessFinding>,
}

impl ReadinessReport {
    /// A report, its findings in order.
    pub fn new(
        application: AppId,
        checked_by: MemberId,
        checked_at: Wall,
        mut findings: Vec<ReadinessFinding>,
    ) -> Self {
        findings.sort_by(|a, b| {
            let key = |f: &ReadinessFinding| (f.region.clone(), f.code, f.subject.clone());
            b.level.cmp(&a.level).then_with(|| key(a).cmp(&key(b)))
        });
        findings.dedup();
        Self {
            application,
            checked_by,
            checked_at,
            findings,
        }
    }

    /// What stands against a run to `region` that changes resources of those kinds: of that Region, or
    /// of none.
    pub fn blocking(&self, region: &RegionId, touched: Touches) -> Option<&ReadinessFinding> {
        self.findings.iter().find(|finding| {
            let there = finding.region.as_ref().is_none_or(|of| of == region);
            let blocks = finding.level == ReadinessLevel::Blocking;
            blocks && there && finding.code.concerns(touched)
        })
    }

    /// How many findings are of that level.
    pub fn count(&self, level: ReadinessLevel) -> usize {
        self.findings.iter().filter(|f| f.level == level).count()
    }
}

/// A report as a member holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldReadiness {
    pub report: ReadinessReport,
    /// Where the application served meanwhile: nothing that was found of that Region blocks.
    pub active: RegionId,
    /// When the look began, on this member's clock.
    pub looked_at: Mono,
    /// World time between two looks.
    pub interval: Millis,
}

impl HeldReadiness {
    /// A report older than three intervals says little of the present.
    pub fn is_stale(&self, now: Mono) -> bool {
        now.since(self.looked_at) > self.interval.times(3)
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReadinessFinding {
    pub code: ReadinessCode,
    pub level: ReadinessLevel,
    /// The Region it stands for as one to be moved to; `None` for what belongs to none.
    pub region: Option<RegionId>,
    /// Which resource, step or permission.
    pub subject: String,
    /// What was seen.
    pub text: String,
    /// What a person may do about it; absent where all is well.
    pub remedy: Option<String>,
}

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadinessLevel {
    Passed,
    /// Could not be looked at: says nothing.
    Unknown,
    /// Worth seeing to; stops nothing.
    Warning,
    /// The application is not moved to that Region.
    Blocking,
}

impl ReadinessLevel {
    /// Every level, the best first.
    pub const ALL: [Self; 4] = [Self::Passed, Self::Unknown, Self::Warning, Self::Blocking];

    /// The word in JSON and in a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Blocking => "blocking",
        }
    }
}

impl fmt::Display for ReadinessLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Declares the codes once: the variant, its word, what it is about and how bad it can be.
macro_rules! codes {
    ($($variant:ident $word:literal [$($level:ident)+] $meaning:literal,)+) => {
        /// What was looked at. The words are stable over versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ReadinessCode { $(#[doc = $meaning] $variant,)+ }

        impl ReadinessCode {
            /// Every code, in the order in which a check goes.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What is looked at, in a line for people.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }

            /// How bad it can be, when it is not well, besides `unknown`.
            pub fn levels(self) -> &'static [ReadinessLevel] {
                match self { $(Self::$variant => &[$(ReadinessLevel::$level),+],)+ }
            }
        }
    };
}

codes! {
    Accelerator "accelerator" [Warning Blocking] "The accelerator exists, is enabled and deployed.",
    EndpointGroup "endpoint_group" [Blocking] "The Region's endpoint group exists and is the Region's.",
    EndpointsPresent "endpoints_present" [Blocking] "The endpoint group holds endpoints.",
    EndpointsHealthy "endpoints_healthy" [Warning Blocking] "The accelerator finds the endpoints healthy.",
    EndpointWeights "endpoint_weights" [Warning Blocking] "Not every endpoint has weight 0.",
    RecordSet "record_set" [Blocking] "The Region's record sets exist, with a role or a weight.",
    RecordTtl "record_ttl" [Warning] "Their TTL is 60 s or less.",
    RecordHealthCheck "record_health_check" [Warning Blocking] "The record set has a health check that exists and looks, or evaluates its target's health.",
    RecordHealth "record_health" [Warning] "The health check finds the Region's endpoint healthy.",
    RoutingControl "routing_control" [Warning Blocking] "The Region's routing control can be read at three of the cluster's five endpoints or more.",
    GlobalCluster "global_cluster" [Warning Blocking] "The Aurora global cluster exists and is available, and no promotion is under way.",
    DatabaseAttached "database_attached" [Blocking] "The Region's cluster is a member of the global cluster.",
    DatabaseAvailable "database_available" [Warning Blocking] "The Region's cluster is available.",
    DatabaseInstances "database_instances" [Warning Blocking] "The Region's cluster has an available instance.",
    EngineVersion "engine_version" [Warning Blocking] "The Region's cluster runs the global cluster's engine version.",
    ReplicationLag "replication_lag" [Warning] "The replication lag is known, recent and within `rpo_max`.",
    StaleWriter "stale_writer" [Blocking] "Only the global cluster's writer takes writes.",
    UnreplicatedWrites "unreplicated_writes" [Warning] "No failover has left a snapshot of lost writes that nobody has copied.",
    Nodegroup "nodegroup" [Warning Blocking] "The node group exists and is active.",
    NodegroupHealth "nodegroup_health" [Warning] "EKS reports no health issue of the node group.",
    NodegroupZones "nodegroup_zones" [Warning] "The node group spans two Availability Zones or more.",
    NodegroupSize "nodegroup_size" [Warning] "The node group's maximum allows the plan's size.",
    NodegroupLaunch "nodegroup_launch" [Warning Blocking] "Its Auto Scaling group exists and may launch instances.",
    Plan "plan" [Warning Blocking] "A plan to the Region can be made.",
    ControlPlane "control_plane" [Warning] "No step of an ungraceful run needs the control plane of the Region it flees.",
    Permission "permission" [Warning Blocking] "The IAM policy allows every call of the plan.",
    LastExercise "last_exercise" [Warning] "A run or a drill was completed not longer ago than `drill_max_age`, and the last drill did not fail.",
}

impl ReadinessCode {
    /// Whether it says something of a run that changes resources of those kinds.
    pub fn concerns(self, touched: Touches) -> bool {
        match self {
            Self::Accelerator
            | Self::EndpointGroup
            | Self::EndpointsPresent
            | Self::EndpointsHealthy
            | Self::EndpointWeights => touched.accelerator,
            Self::RecordSet | Self::RecordTtl | Self::RecordHealthCheck | Self::RecordHealth => {
                touched.records
            }
            Self::RoutingControl => touched.routing,
            Self::GlobalCluster
            | Self::DatabaseAttached
            | Self::DatabaseAvailable
            | Self::DatabaseInstances
            | Self::EngineVersion
            | Self::ReplicationLag
            | Self::StaleWriter
            | Self::UnreplicatedWrites => touched.database,
            Self::Nodegroup
            | Self::NodegroupHealth
            | Self::NodegroupZones
            | Self::NodegroupSize
            | Self::NodegroupLaunch => touched.nodegroups,
            // Of whichever kind.
            Self::ControlPlane | Self::Permission | Self::LastExercise => true,
            // Each run has its plan made anew: that none could be made a while ago stands in no way.
            Self::Plan => false,
        }
    }
}

impl fmt::Display for ReadinessCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(level: ReadinessLevel, region: Option<&str>) -> ReadinessFinding {
        ReadinessFinding {
            code: ReadinessCode::Permission,
            level,
            region: region.map(RegionId::from),
            subject: "failover".to_owned(),
            text: String::new(),
            remedy: None,
        }
    }

    #[test]
    fn the_worst_comes_first_and_blocks_its_own_region_or_all() {
        let findings = vec![
            finding(ReadinessLevel::Passed, Some("a")),
            finding(ReadinessLevel::Blocking, Some("b")),
            finding(ReadinessLevel::Blocking, None),
            finding(ReadinessLevel::Warning, Some("a")),
            finding(ReadinessLevel::Warning, Some("a")),
        ];
        let report = ReadinessReport::new("shop".into(), "m".into(), Wall(1), findings);
        let levels: Vec<ReadinessLevel> = report.findings.iter().map(|f| f.level).collect();
        assert_eq!(
            levels,
            [
                ReadinessLevel::Blocking,
                ReadinessLevel::Blocking,
                ReadinessLevel::Warning,
                ReadinessLevel::Passed
            ]
        );
        let all = Touches::default();
        let blocking = |region: &str| report.blocking(&region.into(), all);
        assert_eq!(blocking("b").map(|f| f.region.clone()), Some(None));
        assert_eq!(report.count(ReadinessLevel::Blocking), 2);
        let mut without = report.clone();
        without.findings.retain(|finding| finding.region.is_some());
        assert!(without.blocking(&"b".into(), all).is_some());
        assert_eq!(without.blocking(&"a".into(), all), None);
    }

    #[test]
    fn what_a_run_does_not_touch_says_nothing_of_it() {
        let of = |code| ReadinessFinding {
            code,
            ..finding(ReadinessLevel::Blocking, None)
        };
        let accelerator = of(ReadinessCode::Accelerator);
        let report =
            |finding| ReadinessReport::new("shop".into(), "m".into(), Wall(1), vec![finding]);
        let dns = Touches {
            records: true,
            ..Touches::default()
        };
        let both = Touches {
            accelerator: true,
            ..dns
        };
        let disabled = report(accelerator.clone());
        assert_eq!(disabled.blocking(&"a".into(), dns), None);
        assert_eq!(disabled.blocking(&"a".into(), both), Some(&accelerator));
        // A permission is asked for whatever the plans call.
        let refused = report(of(ReadinessCode::Permission));
        assert!(refused.blocking(&"a".into(), dns).is_some());
        // Whether there is a plan now is seen when it is made.
        let planless = report(of(ReadinessCode::Plan));
        assert_eq!(planless.blocking(&"a".into(), both), None);
    }

    #[test]
    fn the_documentation_lists_every_code() {
        let levels = |code: ReadinessCode| {
            let words: Vec<&str> = code.levels().iter().map(|level| level.as_str()).collect();
            words.join(", ")
        };
        let table: Vec<String> = ReadinessCode::ALL
            .iter()
            .map(|code| format!("| `{code}` | {} | {} |", code.meaning(), levels(*code)))
            .collect();
        let documented: Vec<&str> = include_str!("../../docs/readiness.md")
            .lines()
            .filter(|line| line.starts_with("| `"))
            .filter(|line| line.matches('|').count() == 4)
            .collect();
        assert_eq!(
            documented, table,
            "docs/readiness.md, \"What is looked at\""
        );
    }

    #[test]
    fn every_code_has_a_word_of_its_own_and_reads_back() {
        let mut words: Vec<&str> = ReadinessCode::ALL.iter().map(|c| c.as_str()).collect();
        for code in ReadinessCode::ALL {
            let written = serde_json::to_value(code).unwrap();
            assert_eq!(written, code.as_str());
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ReadinessCode::ALL.len());
    }
}
