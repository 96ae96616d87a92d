//! What can be done to the emulated world, as a scenario names it.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::model::{Millis, RegionId};
use crate::runbook::spanned::parse_duration;

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

/// How a reply is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostReply {
    /// The connection is closed.
    #[default]
    Reset,
    /// Nothing comes, and the connection stays open.
    Silence,
}

/// One fault. Faults compose. By the sandbox's names, but about parts instead of names, so that a
/// scenario does not depend on how the world is furnished.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault", deny_unknown_fields)]
pub enum FaultSpec {
    /// Nothing in the Region answers users or probes; its database stops. Its control planes still
    /// answer: see `control_plane_gone`.
    RegionDown { region: Place },
    /// Every API call that is signed for the Region hangs.
    ControlPlaneGone { region: Place },
    /// What that member's probes send to that Region is lost.
    PathCut { vantage: Place, region: Place },
    /// All that member's probes send is lost, to its reference targets too.
    VantageIsolated { vantage: Place },
    /// So many percent of the calls are refused as too many; of one service, or of all.
    Throttle {
        service: Option<AwsService>,
        percent: Percent,
        times: Option<u32>,
    },
    /// The operation is executed and its reply never arrives, so many times.
    LoseReply {
        service: AwsService,
        operation: String,
        #[serde(default = "once")]
        times: u32,
        #[serde(default)]
        how: LostReply,
    },
    /// Calls are accepted and never answered nor executed.
    HangControlPlane {
        service: Option<AwsService>,
        region: Option<Place>,
    },
    /// Calls are answered with that HTTP status and not executed.
    FailControlPlane {
        service: AwsService,
        #[serde(default = "unavailable")]
        status: u16,
    },
    /// A promotion is accepted and never ends.
    PromotionStuck {},
    /// At most so many nodes of each group in the Region come into service.
    NoCapacity { region: Place, at_most: u32 },
    /// The replica falls back that far.
    Lag {
        #[serde(deserialize_with = "length")]
        lag: Millis,
    },
    /// CloudWatch has no datapoint of the lag.
    LagUnknown {},
    /// A lost Region whose database comes back still taking writes.
    WriterUnfenced { region: Place },
    /// Somebody else changes the application's record sets.
    RecordChanged {
        /// The new TTL in seconds.
        #[serde(default = "another_ttl")]
        ttl: u64,
        /// Not now, but in the moment before the next batch arrives, where no read can see it.
        #[serde(default)]
        just_before_the_batch: bool,
    },
    /// Somebody else turns a dial.
    DialChanged { region: Place, percent: Percent },
}

/// 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "u8")]
pub struct Percent(pub u8);

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, String> {
        if value <= 100 {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not a percentage"))
        }
    }
}

fn length<'de, D: Deserializer<'de>>(from: D) -> Result<Millis, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text)
        .map_err(|error| D::Error::custom(format!("`{text}` is not a length of time: {error}")))
}

fn once() -> u32 {
    1
}

fn unavailable() -> u16 {
    503
}

/// Any but the one that stands there.
fn another_ttl() -> u64 {
    47
}

impl fmt::Display for FaultSpec {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RegionDown { region } => write!(f, "Region {region} is lost"),
            Self::ControlPlaneGone { region } => write!(f, "every AWS API of {region} hangs"),
            Self::PathCut { vantage, region } => {
                write!(f, "the path from {vantage} to {region} is cut")
            }
            Self::VantageIsolated { vantage } => {
                write!(f, "the member in {vantage} is cut off from everything")
            }
            Self::Throttle {
                service, percent, ..
            } => {
                let percent = percent.0;
                match service {
                    Some(service) => write!(f, "{service} throttles {percent} % of its calls"),
                    None => write!(f, "AWS throttles {percent} % of all calls"),
                }
            }
            Self::LoseReply {
                operation, times, ..
            } => match times {
                1 => write!(f, "the reply of {operation} is lost"),
                times => write!(f, "{times} replies of {operation} are lost"),
            },
            Self::HangControlPlane { service, region } => match (service, region) {
                (Some(service), Some(region)) => write!(f, "{service} hangs in {region}"),
                (Some(service), None) => write!(f, "{service} hangs"),
                (None, Some(region)) => write!(f, "every AWS API hangs in {region}"),
                (None, None) => f.write_str("every AWS API hangs"),
            },
            Self::FailControlPlane { service, status } => write!(f, "{service} answers {status}"),
            Self::PromotionStuck {} => f.write_str("promotions never end"),
            Self::NoCapacity { region, at_most } => {
                write!(f, "{region} has capacity for {at_most} instances")
            }
            Self::Lag { lag } => write!(f, "the replica falls {lag} behind"),
            Self::LagUnknown {} => f.write_str("the replication lag is no longer published"),
            Self::WriterUnfenced { region } => {
                write!(f, "the database of {region} comes back taking writes")
            }
            Self::RecordChanged {
                just_before_the_batch: false,
                ..
            } => f.write_str("somebody else changes the record sets"),
            Self::RecordChanged {
                just_before_the_batch: true,
                ..
            } => f.write_str("somebody else is about to change the record sets"),
            Self::DialChanged { region, percent } => {
                write!(
                    f,
                    "somebody else turns the dial of {region} to {} %",
                    percent.0
                )
            }
        }
    }
}
