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
    /// `witness-2`, where a scenario has five members.
    Witness2,
    /// `witness-3`, where a scenario has five members.
    Witness3,
    Named(RegionId),
}

impl From<String> for Place {
    fn from(text: String) -> Self {
        match text.as_str() {
            "home" => Self::Home,
            "standby" => Self::Standby,
            "witness" => Self::Witness,
            "witness-2" => Self::Witness2,
            "witness-3" => Self::Witness3,
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
            Self::Witness2 => "witness-2",
            Self::Witness3 => "witness-3",
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
    pub witness_2: RegionId,
    pub witness_3: RegionId,
}

impl Places {
    /// The Region behind a part.
    pub fn region<'a>(&'a self, place: &'a Place) -> &'a RegionId {
        match place {
            Place::Home => &self.home,
            Place::Standby => &self.standby,
            Place::Witness => &self.witness,
            Place::Witness2 => &self.witness_2,
            Place::Witness3 => &self.witness_3,
            Place::Named(region) => region,
        }
    }
}

/// A member, by where it is at home or by what it does at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Who {
    /// `leader`: whoever leads when the fault is injected.
    Leader,
    /// The member in that Region.
    In(Place),
}

impl From<String> for Who {
    fn from(text: String) -> Self {
        match text.as_str() {
            "leader" => Self::Leader,
            _ => Self::In(Place::from(text)),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => f.write_str("the leader"),
            Self::In(place) => write!(f, "the member in {place}"),
        }
    }
}

/// Which of a member's packets to and from the others are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// Nothing passes.
    #[default]
    Both,
    /// It hears nobody; the others hear it.
    Incoming,
    /// Nobody hears it; it hears the others.
    Outgoing,
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
    /// Routing controls: one endpoint of their cluster where a Region is named.
    RoutingControl,
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
            Self::RoutingControl => "Application Recovery Controller",
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
    /// The database cluster there has no instance.
    NoInstances { region: Place },
    /// A gating rule of the control panel forbids every change of a routing control.
    RoutingGateShut {},
    /// The Region's CloudWatch alarm is raised, which the application names among its drill alarms.
    AlarmRaised { region: Place },
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
    /// Calls of that operation are received and neither executed nor answered until it is cleared.
    CallHeld {
        service: AwsService,
        operation: String,
    },
    /// The process of that member ends without a word. Cleared, it starts again from its folder.
    MemberKilled { member: Who },
    /// The process of that member stands still, as under SIGSTOP, while time goes on. Cleared, it
    /// wakes.
    MemberFrozen {
        member: Who,
        /// Not now, but right before its next call for a step of that action (`aurora.promote`),
        /// when it has proven that it leads.
        before_call: Option<String>,
    },
    /// What passes between that member and all others is lost.
    MemberPartitioned {
        member: Who,
        #[serde(default)]
        lost: Lost,
    },
    /// No member reaches any other.
    MembersPartitioned {},
    /// What that member sends to AWS is lost. It still probes, and still talks with the others.
    AwsUnreachable { member: Who },
    /// The date of that member's host jumps.
    ClockStepped {
        member: Who,
        #[serde(deserialize_with = "length")]
        by: Millis,
        /// Into the past.
        #[serde(default)]
        back: bool,
    },
    /// That member is started again with another configuration of the application than the others
    /// have. Cleared, it is started again with theirs.
    ConfigDrifted { member: Who },
}

impl FaultSpec {
    /// The member that it is about, if it is about one.
    pub fn member(&self) -> Option<&Who> {
        match self {
            Self::MemberKilled { member }
            | Self::MemberFrozen { member, .. }
            | Self::MemberPartitioned { member, .. }
            | Self::AwsUnreachable { member }
            | Self::ClockStepped { member, .. }
            | Self::ConfigDrifted { member } => Some(member),
            Self::RegionDown { .. }
            | Self::ControlPlaneGone { .. }
            | Self::PathCut { .. }
            | Self::VantageIsolated { .. }
            | Self::Throttle { .. }
            | Self::LoseReply { .. }
            | Self::HangControlPlane { .. }
            | Self::FailControlPlane { .. }
            | Self::PromotionStuck {}
            | Self::NoCapacity { .. }
            | Self::NoInstances { .. }
            | Self::RoutingGateShut {}
            | Self::AlarmRaised { .. }
            | Self::Lag { .. }
            | Self::LagUnknown {}
            | Self::WriterUnfenced { .. }
            | Self::RecordChanged { .. }
            | Self::DialChanged { .. }
            | Self::CallHeld { .. }
            | Self::MembersPartitioned {} => None,
        }
    }
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
            Self::NoInstances { region } => {
                write!(f, "the database of {region} has no instance")
            }
            Self::RoutingGateShut {} => {
                f.write_str("a safety rule forbids every change of a routing control")
            }
            Self::AlarmRaised { region } => write!(f, "the alarm of {region} is raised"),
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
            Self::CallHeld { operation, .. } => {
                write!(f, "{operation} is received and not answered")
            }
            Self::MemberKilled { member } => write!(f, "{member} is killed"),
            Self::MemberFrozen {
                member,
                before_call: None,
            } => write!(f, "{member} stands still"),
            Self::MemberFrozen {
                member,
                before_call: Some(action),
            } => write!(f, "{member} will stand still between proof and {action}"),
            Self::MemberPartitioned { member, lost } => match lost {
                Lost::Both => write!(f, "{member} is cut off from the other members"),
                Lost::Incoming => write!(f, "{member} no longer hears the other members"),
                Lost::Outgoing => write!(f, "{member} is no longer heard by the other members"),
            },
            Self::MembersPartitioned {} => f.write_str("no member reaches another"),
            Self::AwsUnreachable { member } => write!(f, "{member} cannot reach AWS"),
            Self::ClockStepped { member, by, back } => {
                let way = if *back { "back" } else { "ahead" };
                write!(f, "the clock of {member} jumps {by} {way}")
            }
            Self::ConfigDrifted { member } => {
                write!(f, "{member} starts again with another configuration")
            }
        }
    }
}
