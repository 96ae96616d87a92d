//! Health checks that ask somebody outside of this world, and those that are calculated over others.
//!
//! They belong to Route 53's data plane: they go on while its control plane takes no changes.

use std::collections::BTreeMap;

use crate::sandbox::{CheckKind, CheckSetup};

/// Findings in a row that change a health check's mind, as with a `FailureThreshold` of 3.
const THRESHOLD: u32 = 3;

/// How deep one may be calculated over another: Route 53 allows one level, a loop would never end.
const DEEPEST: usize = 2;

/// Their state.
#[derive(Debug)]
pub(in crate::sandbox) struct OwnChecks {
    checks: Vec<CheckSetup>,
    found: BTreeMap<String, Found>,
}

/// What was found of an endpoint.
#[derive(Clone, Copy, Debug)]
struct Found {
    believed: bool,
    /// Findings in a row that say otherwise.
    against: u32,
}

impl OwnChecks {
    pub(super) fn new(checks: &[CheckSetup]) -> Self {
        let found = checks.iter().filter_map(|own| match &own.kind {
            CheckKind::Http { healthy, .. } => Some((
                own.check.id.clone(),
                Found {
                    believed: *healthy,
                    against: 0,
                },
            )),
            CheckKind::Calculated { .. } => None,
        });
        Self {
            found: found.collect(),
            checks: checks.to_vec(),
        }
    }

    pub(in crate::sandbox) fn all(&self) -> &[CheckSetup] {
        &self.checks
    }

    pub(in crate::sandbox) fn get(&self, id: &str) -> Option<&CheckSetup> {
        self.checks.iter().find(|own| own.check.id == id)
    }

    pub(super) fn found(&mut self, id: &str, healthy: bool) {
        let Some(found) = self.found.get_mut(id) else {
            return;
        };
        if found.believed == healthy {
            found.against = 0;
            return;
        }
        found.against += 1;
        if found.against >= THRESHOLD {
            *found = Found {
                believed: healthy,
                against: 0,
            };
        }
    }

    /// What the checkers believe of the endpoint, before it is turned round.
    pub(in crate::sandbox) fn believes(&self, id: &str) -> bool {
        self.found.get(id).is_some_and(|found| found.believed)
    }

    /// Whether the check is healthy, all told; `None` if there is none of that id.
    pub(super) fn is_healthy(&self, id: &str) -> Option<bool> {
        self.healthy_within(id, DEEPEST)
    }

    fn healthy_within(&self, id: &str, depth: usize) -> Option<bool> {
        let own = self.get(id)?;
        let seen = match &own.kind {
            CheckKind::Http { .. } => self.believes(id),
            CheckKind::Calculated {
                children,
                threshold,
            } => {
                let deeper = depth.checked_sub(1)?;
                let healthy = children
                    .iter()
                    .filter(|child| self.healthy_within(child, deeper) == Some(true));
                healthy.count() >= *threshold
            }
        };
        Some((own.check.disabled || seen) != own.check.inverted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::SandboxSetup;

    /// Three members; which of them say that the standby is open.
    fn primary_is_healthy(open: [bool; 3]) -> bool {
        let address = "127.0.0.1:1".parse().unwrap();
        let setup = SandboxSetup::active_passive("eu-west-1", "eu-central-1", 1)
            .with_steering("shop", &[address; 3]);
        let mut checks = OwnChecks::new(&setup.dns.checks);
        for (number, open) in open.into_iter().enumerate() {
            let id = checks.all()[number].check.id.clone();
            for _ in 0..THRESHOLD {
                checks.found(&id, open);
            }
        }
        let primary = setup.dns.records[0].health_check_id.as_deref();
        checks.is_healthy(primary.unwrap()).unwrap()
    }

    #[test]
    fn a_majority_moves_the_name_and_nobody_who_is_silent_does() {
        assert!(primary_is_healthy([false; 3]), "also where nobody answers");
        assert!(primary_is_healthy([true, false, false]), "one alone");
        assert!(!primary_is_healthy([true, true, false]));
        assert!(!primary_is_healthy([true; 3]));
    }

    #[test]
    fn one_finding_changes_nothing() {
        let address = "127.0.0.1:1".parse().unwrap();
        let setup = SandboxSetup::active_passive("eu-west-1", "eu-central-1", 1)
            .with_steering("shop", &[address]);
        let mut checks = OwnChecks::new(&setup.dns.checks);
        let id = checks.all()[0].check.id.clone();
        for healthy in [true, true, false, true, true] {
            checks.found(&id, healthy);
            assert!(!checks.believes(&id));
        }
        checks.found(&id, true);
        assert!(checks.believes(&id));
        assert_eq!(checks.is_healthy(&id), Some(false), "it is inverted");
        assert_eq!(checks.is_healthy("none"), None);
    }
}
