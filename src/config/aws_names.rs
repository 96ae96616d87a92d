//! What AWS's names look like: Regions, ARNs, hosted zones. Only their shape and their consistency
//! can be judged offline; whether the thing exists is for `check` to ask.

/// Regions as of early 2026, all partitions. A newer one is named in `[aws] extra_regions`: a
/// mistyped Region must not pass for one that AWS opened last week.
pub(super) const REGIONS: [&str; 41] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-west-1",
    "us-west-2",
];

/// Whether a text could be a Region: `xx-something-1`.
pub(super) fn looks_like_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        [continent, middle @ .., number] => {
            (2..=4).contains(&continent.len())
                && letters(continent)
                && !middle.is_empty()
                && middle.iter().all(letters)
                && !number.is_empty()
                && number.len() <= 2
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        [_] | [] => false,
    }
}

/// An ARN taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arn<'a> {
    pub service: &'a str,
    pub region: &'a str,
    pub resource: &'a str,
}

/// Takes an ARN apart; the error says what is wrong with it.
pub(super) fn arn(text: &str) -> Result<Arn<'_>, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [prefix, partition, service, region, account, resource] = parts.as_slice() else {
        return Err("an ARN has six parts separated by colons".to_owned());
    };
    if *prefix != "arn" {
        return Err("an ARN begins with `arn:`".to_owned());
    }
    if !partition.starts_with("aws") {
        return Err(format!("`{partition}` is no partition of AWS"));
    }
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("`{account}` is no account: twelve digits"));
    }
    if resource.is_empty() {
        return Err("it names no resource".to_owned());
    }
    Ok(Arn {
        service,
        region,
        resource,
    })
}

/// What an ARN in the configuration may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArnKind {
    DbCluster,
    Accelerator,
    EndpointGroup,
    RoutingControl,
    Role,
}

impl ArnKind {
    /// What a person calls it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::DbCluster => "an Aurora cluster",
            Self::Accelerator => "a Global Accelerator",
            Self::EndpointGroup => "a Global Accelerator endpoint group",
            Self::RoutingControl => "a routing control",
            Self::Role => "an IAM role",
        }
    }

    /// How one looks.
    pub fn example(self) -> &'static str {
        match self {
            Self::DbCluster => "arn:aws:rds:eu-west-1:111122223333:cluster:shop-eu-west-1",
            Self::Accelerator => "arn:aws:globalaccelerator::111122223333:accelerator/1234abcd",
            Self::EndpointGroup => {
                "arn:aws:globalaccelerator::111122223333:accelerator/1234abcd/listener/0123vxyz/\
                 endpoint-group/098765zyxwvu"
            }
            Self::RoutingControl => {
                "arn:aws:route53-recovery-control::111122223333:controlpanel/0123abcd/\
                 routingcontrol/4567ef89"
            }
            Self::Role => "arn:aws:iam::111122223333:role/failoverd",
        }
    }

    fn service(self) -> &'static str {
        match self {
            Self::DbCluster => "rds",
            Self::Accelerator | Self::EndpointGroup => "globalaccelerator",
            Self::RoutingControl => "route53-recovery-control",
            Self::Role => "iam",
        }
    }

    /// Why `text` is no ARN of this kind; `region` is where it must be, for kinds that have one.
    pub fn check(self, text: &str, region: Option<&str>) -> Result<(), String> {
        let arn = arn(text)?;
        if arn.service != self.service() {
            return Err(format!(
                "it is of the service `{}`, not `{}`",
                arn.service,
                self.service()
            ));
        }
        let parts: Vec<&str> = arn.resource.split('/').collect();
        let shaped = match self {
            Self::DbCluster => arn
                .resource
                .strip_prefix("cluster:")
                .is_some_and(|id| !id.is_empty() && !id.contains(':')),
            Self::Accelerator => {
                matches!(parts.as_slice(), ["accelerator", id] if !id.is_empty())
            }
            Self::EndpointGroup => matches!(
                parts.as_slice(),
                ["accelerator", a, "listener", l, "endpoint-group", g]
                    if ![a, l, g].iter().any(|s| s.is_empty())
            ),
            Self::RoutingControl => matches!(
                parts.as_slice(),
                ["controlpanel", panel, "routingcontrol", control]
                    if !panel.is_empty() && !control.is_empty()
            ),
            Self::Role => arn
                .resource
                .strip_prefix("role/")
                .is_some_and(|r| !r.is_empty()),
        };
        if !shaped {
            return Err(format!(
                "`{}` is not what {} is called",
                arn.resource,
                self.describe()
            ));
        }
        match (self, region) {
            (Self::DbCluster, Some(region)) if arn.region != region => Err(format!(
                "it is in `{}`, not in `{region}`",
                if arn.region.is_empty() {
                    "no Region"
                } else {
                    arn.region
                }
            )),
            (Self::DbCluster, Some(_) | None) => Ok(()),
            (Self::Accelerator | Self::EndpointGroup | Self::RoutingControl | Self::Role, _)
                if arn.region.is_empty() =>
            {
                Ok(())
            }
            (Self::Accelerator | Self::EndpointGroup | Self::RoutingControl | Self::Role, _) => {
                Err(format!(
                    "it names the Region `{}`, and {} belongs to none",
                    arn.region,
                    self.describe()
                ))
            }
        }
    }
}

/// Whether a text is shaped like a hosted zone's id.
pub(super) fn is_hosted_zone_id(text: &str) -> bool {
    (2..=32).contains(&text.len())
        && text.starts_with('Z')
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_region_looks_like_one() {
        for region in REGIONS {
            assert!(looks_like_region(region), "{region}");
        }
        for text in [
            "",
            "eu",
            "eu-1",
            "Europe",
            "eu_west_1",
            "eu-west",
            "eu-west-1a",
        ] {
            assert!(!looks_like_region(text), "{text}");
        }
    }

    #[test]
    fn the_examples_are_what_they_are_examples_of() {
        for kind in [
            ArnKind::DbCluster,
            ArnKind::Accelerator,
            ArnKind::EndpointGroup,
            ArnKind::RoutingControl,
            ArnKind::Role,
        ] {
            assert_eq!(kind.check(kind.example(), Some("eu-west-1")), Ok(()));
        }
    }
}
