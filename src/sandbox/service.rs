//! The services the sandbox speaks, by the names that stand in a request's credential scope.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One emulated AWS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    Route53,
    GlobalAccelerator,
    Rds,
    Eks,
    AutoScaling,
    CloudWatch,
    Sts,
    Iam,
    /// The data plane of Application Recovery Controller's routing controls.
    RoutingControl,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 9] = [
        Self::Route53,
        Self::GlobalAccelerator,
        Self::Rds,
        Self::Eks,
        Self::AutoScaling,
        Self::CloudWatch,
        Self::Sts,
        Self::Iam,
        Self::RoutingControl,
    ];

    /// The name it is signed for.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::Route53 => "route53",
            Self::GlobalAccelerator => "globalaccelerator",
            Self::Rds => "rds",
            Self::Eks => "eks",
            Self::AutoScaling => "autoscaling",
            Self::CloudWatch => "monitoring",
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::RoutingControl => "route53-recovery-cluster",
        }
    }

    /// What its actions are called by in a policy: the part before the colon.
    pub const fn iam_prefix(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch",
            Self::Route53
            | Self::GlobalAccelerator
            | Self::Rds
            | Self::Eks
            | Self::AutoScaling
            | Self::Sts
            | Self::Iam
            | Self::RoutingControl => self.signing_name(),
        }
    }

    /// The service that is signed for under that name.
    pub fn from_signing_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.signing_name() == name)
    }

    /// The one Region its control plane lives in, where there is one.
    pub const fn only_region(self) -> Option<&'static str> {
        match self {
            Self::Route53 | Self::Iam => Some("us-east-1"),
            Self::GlobalAccelerator => Some("us-west-2"),
            // A cluster has an endpoint in each of five.
            Self::RoutingControl
            | Self::Rds
            | Self::Eks
            | Self::AutoScaling
            | Self::CloudWatch
            | Self::Sts => None,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.signing_name())
    }
}
