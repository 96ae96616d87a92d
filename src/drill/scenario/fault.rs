//! What can be done to the emulated world, as a scenario names it.

use std::fmt;

use serde::Deserialize;

use crate::model::{Millis, RegionId};

/// A Region (or the member at home in it) by its part in the drill, or by its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Place {
    /// `home`: where the application serves when the drill begins.
    Home,
    /// `standby`: where it can go.
    Standby,
    /// `witness`: the Region that only has a member.
    Witness,
    Named(RegionId),
}

impl From<String> for Place {
    fn from(text: String) -> Self {
        match text.as_str() {
            "home" => Self::Home,
            "standby" => Self::Standby,
            "witness" => Self::Witness,
            _ => Self::Named(RegionId(text)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Home => "home",
            Self::Standby => "standby",
            Self::Witness => "witness",
            Self::Named(region) => region.as_str(),
        })
    }
}

/// The Regions behind the parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    pub home: RegionId,
    pub standby: RegionId,
    pub witness: RegionId,
}

impl Places {
    /// The Region behind a part.
    pub fn region<'a>(&'a self, place: &'a Place) -> &'a RegionId {
        match place {
            Place::Home => &self.home,
            Place::Standby => &self.standby,
            Place::Witness => &self.witness,
            Place::Named(region) => region,
        }
    }
}

/// The emulated services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AwsService {
    Route53,
    GlobalAccelerator,
    Rds,
    Eks,
    AutoScaling,
    CloudWatch,
    Sts,
}

impl fmt::Display for AwsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Route53 => "Route 53",
            Self::GlobalAccelerator => "Global Accelerator",
            Self::Rds => "RDS",
            Self::Eks => "EKS",
            Self::AutoScaling => "Auto Scaling",
            Self::CloudWatch => "CloudWatch",
            Self::Sts => "STS",
        })
    }
}

/// How a control plane that is gone behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// Accepts the connection and never answers.
    #[default]
    Hangs,
    /// Answers 503.
    Errors,
}

/// One fault. Faults compose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultSpec {
    /// `region_down`: nothing in the Region answers its users or its probes, its database included.
    RegionDown { region: Place },
    /// `path_cut`: what that member sends to that Region is lost.
    PathCut { vantage: Place, region: Place },
    /// `vantage_isolated`: all that member sends is lost, to its reference targets too.
    VantageIsolated { vantage: Place },
    /// `throttled`: so many percent of the calls are answered with the service's own throttling
    /// error; of one service, or of all.
    Throttled {
        service: Option<AwsService>,
        percent: u8,
    },
    /// `reply_lost`: the operation is executed and its reply never sent, so many times.
    ReplyLost { operation: String, times: u32 },
    /// `control_plane_slow`: every answer takes so much longer, in world time.
    ControlPlaneSlow {
        service: Option<AwsService>,
        delay: Millis,
    },
    /// `control_plane_down`: no API of that service, or of that Region, answers.
    ControlPlaneDown {
        service: Option<AwsService>,
        region: Option<Place>,
        how: Silence,
    },
    /// `promotion_stuck`: promotions are accepted and never end.
    PromotionStuck,
    /// `no_capacity`: the Region's node groups get no more than so many instances.
    NoCapacity { region: Place, at_most: u32 },
    /// `lag`: the replica falls so far behind.
    Lag { lag: Millis },
    /// `lag_unpublished`: CloudWatch has no datapoint of the replication lag.
    LagUnpublished,
    /// `record_edited`: somebody else changes a failover record set.
    RecordEdited,
}

impl FaultSpec {
    /// The name in a scenario.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RegionDown { .. } => "region_down",
            Self::PathCut { .. } => "path_cut",
            Self::VantageIsolated { .. } => "vantage_isolated",
            Self::Throttled { .. } => "throttled",
            Self::ReplyLost { .. } => "reply_lost",
            Self::ControlPlaneSlow { .. } => "control_plane_slow",
            Self::ControlPlaneDown { .. } => "control_plane_down",
            Self::PromotionStuck => "promotion_stuck",
            Self::NoCapacity { .. } => "no_capacity",
            Self::Lag { .. } => "lag",
            Self::LagUnpublished => "lag_unpublished",
            Self::RecordEdited => "record_edited",
        }
    }

    /// Every name, for messages.
    pub const NAMES: [&'static str; 12] = [
        "region_down",
        "path_cut",
        "vantage_isolated",
        "throttled",
        "reply_lost",
        "control_plane_slow",
        "control_plane_down",
        "promotion_stuck",
        "no_capacity",
        "lag",
        "lag_unpublished",
        "record_edited",
    ];
}

impl fmt::Display for FaultSpec {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RegionDown { region } => write!(f, "Region {region} is lost"),
            Self::PathCut { vantage, region } => {
                write!(f, "the path from {vantage} to {region} is cut")
            }
            Self::VantageIsolated { vantage } => {
                write!(f, "the member in {vantage} is cut off from everything")
            }
            Self::Throttled { service, percent } => match service {
                Some(service) => write!(f, "{service} throttles {percent} % of its calls"),
                None => write!(f, "AWS throttles {percent} % of all calls"),
            },
            Self::ReplyLost { operation, times } => {
                write!(f, "the reply of {operation} is lost ({times} x)")
            }
            Self::ControlPlaneSlow { service, delay } => match service {
                Some(service) => write!(f, "{service} answers {delay} late"),
                None => write!(f, "every AWS API answers {delay} late"),
            },
            Self::ControlPlaneDown {
                service,
                region,
                how,
            } => {
                match (service, region) {
                    (Some(service), Some(region)) => write!(f, "{service} in {region}")?,
                    (Some(service), None) => write!(f, "the control plane of {service}")?,
                    (None, Some(region)) => write!(f, "every AWS API of {region}")?,
                    (None, None) => f.write_str("every AWS API")?,
                }
                f.write_str(match how {
                    Silence::Hangs => " hangs",
                    Silence::Errors => " answers 503",
                })
            }
            Self::PromotionStuck => f.write_str("promotions never end"),
            Self::NoCapacity { region, at_most } => {
                write!(f, "{region} has capacity for {at_most} instances")
            }
            Self::Lag { lag } => write!(f, "the replica falls {lag} behind"),
            Self::LagUnpublished => f.write_str("the replication lag is no longer published"),
            Self::RecordEdited => f.write_str("somebody else edits a record set"),
        }
    }
}
