//! Typed names. A `RegionId` cannot be handed where an `AppId` is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_id!(
    /// An application: one product that is failed over as a whole.
    AppId
);
text_id!(
    /// An AWS Region's code, such as `eu-west-1`.
    RegionId
);
text_id!(
    /// A member of the cluster: one daemon, at home in one Region. Every member is a vantage.
    MemberId
);
text_id!(
    /// A probe's name, unique within its Region of its application (or among the reference targets).
    ProbeId
);
text_id!(
    /// A step's name, unique within its plan. A step that was expanded over several node groups
    /// reads `grow-standby/web`; one that gives back what a run changed reads `restore/raise-dial`.
    StepId
);
text_id!(
    /// A run's name: `<application>-<epoch>`, so that it sorts and reads well and is never reused.
    RunId
);
text_id!(
    /// An evacuation's name: `<region>-<number>`, never reused while it is remembered.
    EvacuationId
);
text_id!(
    /// A game day's name: `<application>-drill-<number>`.
    DrillId
);
text_id!(
    /// SHA-256 over a plan's choices, lower-case hex. Two plans with one hash do the same thing.
    PlanHash
);
text_id!(
    /// SHA-256 over an application's configuration, lower-case hex: what a vote was cast under.
    ConfigHash
);

impl PlanHash {
    /// As much of it as a person compares.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

/// A number per application, raised by every run. An older epoch never acts again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One life of one process, drawn at random when it starts. Tells an intent of this life from one
/// that a predecessor left behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub u64);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootId({self})")
    }
}

/// One data folder, drawn at random when it is made. A member that comes back with another one has
/// lost its log and its votes, and must not speak under its old identity.
///
/// Written as 32 hex digits: JSON has no numbers of this size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DiskId(pub u128);

/// Not 32 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no disk identity; one is 32 hex digits")]
pub struct BadDiskId {
    pub text: String,
}

impl std::str::FromStr for DiskId {
    type Err = BadDiskId;

    fn from_str(text: &str) -> Result<Self, BadDiskId> {
        let bad = || BadDiskId {
            text: text.to_owned(),
        };
        // The library's parser would take a sign.
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| bad())
    }
}

impl TryFrom<String> for DiskId {
    type Error = BadDiskId;

    fn try_from(text: String) -> Result<Self, BadDiskId> {
        text.parse()
    }
}

impl From<DiskId> for String {
    fn from(disk: DiskId) -> Self {
        disk.to_string()
    }
}

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskId({self})")
    }
}
