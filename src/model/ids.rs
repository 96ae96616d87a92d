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
    /// SHA-256 over a plan's choices, lower-case hex. Two plans with one hash do the same thing.
    PlanHash
);
text_id!(
    /// SHA-256 over an application's configuration, lower-case hex: what a vote was cast under.
    ConfigHash
);

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
