//! The hosted zone: its record sets as written, and as resolvers serve them a while later.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{FailoverRole, Millis, RecordSet, RegionId, Wall};
use crate::sandbox::{DnsSetup, HealthCheckSetup, SandboxSetup};

use super::Refusal;
use super::checks::OwnChecks;

/// Record sets in Route 53's own order: labels from the right, then type, then set identifier.
pub(in crate::sandbox) type Records = BTreeMap<RecordKey, RecordSet>;

/// What identifies a record set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sandbox) struct RecordKey {
    reversed: Vec<String>,
    record_type: String,
    set_identifier: Option<String>,
}

impl RecordKey {
    pub(in crate::sandbox) fn new(name: &str, record_type: &str, set: Option<&str>) -> Self {
        Self {
            reversed: name
                .trim_end_matches('.')
                .split('.')
                .rev()
                .map(str::to_owned)
                .collect(),
            record_type: record_type.to_owned(),
            set_identifier: set.map(str::to_owned),
        }
    }

    fn of(set: &RecordSet) -> Self {
        Self::new(&set.name, &set.record_type, set.set_identifier.as_deref())
    }
}

/// What is to be done with a record set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Action {
    Create,
    Delete,
    Upsert,
}

/// A batch that was taken.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct ChangeInfo {
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) submitted: Wall,
    pub(in crate::sandbox) in_sync: Wall,
}

/// Route 53.
#[derive(Debug)]
pub(in crate::sandbox) struct Dns {
    pub(in crate::sandbox) setup: DnsSetup,
    pub(in crate::sandbox) checks: Vec<(RegionId, HealthCheckSetup)>,
    pub(in crate::sandbox) own_checks: OwnChecks,
    pub(in crate::sandbox) records: Records,
    served: Records,
    /// The routing controls that health checks see as on, by ARN.
    pub(super) controls_on: BTreeSet<String>,
    pub(in crate::sandbox) changes: Vec<ChangeInfo>,
}

impl Dns {
    pub(super) fn new(setup: &SandboxSetup) -> Self {
        let records: Records = setup
            .dns
            .records
            .iter()
            .map(|set| (RecordKey::of(set), set.clone()))
            .collect();
        let checks = setup
            .regions
            .iter()
            .filter_map(|r| Some((r.name.clone(), r.health_check.clone()?)))
            .collect();
        Self {
            setup: setup.dns.clone(),
            own_checks: OwnChecks::new(&setup.dns.checks),
            checks,
            served: records.clone(),
            controls_on: BTreeSet::new(),
            records,
            changes: Vec::new(),
        }
    }

    /// Takes a batch, whole or not at all.
    pub(in crate::sandbox) fn change(
        &mut self,
        batch: Vec<(Action, RecordSet)>,
        now: Wall,
        in_sync: Millis,
        serialised: Millis,
    ) -> Result<ChangeInfo, Refusal> {
        if let Some(last) = self.changes.last()
            && now.since(last.submitted) < serialised
        {
            return Err(Refusal::bad(
                "PriorRequestNotComplete",
                "The request was rejected because Route 53 was still processing a prior request.",
            ));
        }
        let next = self.try_batch(batch)?;
        self.records = next;
        let change = ChangeInfo {
            id: format!("C{:013X}", 0x2682_1F3E_0000_u64 + self.changes.len() as u64),
            submitted: now,
            in_sync: now + in_sync,
        };
        self.changes.push(change.clone());
        Ok(change)
    }

    fn try_batch(&self, batch: Vec<(Action, RecordSet)>) -> Result<Records, Refusal> {
        let mut next = self.records.clone();
        let mut deleted = BTreeSet::new();
        let mut wrong = Vec::new();
        if batch.is_empty() {
            return Err(Refusal::bad(
                "InvalidInput",
                "1 validation error detected: Value at 'changeBatch.changes' failed to satisfy constraint: Member must have length greater than or equal to 1",
            ));
        }
        for (action, set) in batch {
            self.validate(&set, &mut wrong)?;
            let key = RecordKey::of(&set);
            let name = describe(&set);
            match action {
                Action::Delete => {
                    if !deleted.insert(key.clone()) {
                        wrong.push(format!(
                            "The request contains an invalid set of changes for a resource record set '{} {}'",
                            set.record_type, set.name
                        ));
                        continue;
                    }
                    match next.get(&key) {
                        None => wrong.push(format!(
                            "Tried to delete resource record set {name} but it was not found"
                        )),
                        Some(present) if !same(present, &set) => wrong.push(format!(
                            "Tried to delete resource record set {name} but the values provided do not match the current values"
                        )),
                        Some(_same) => {
                            next.remove(&key);
                        }
                    }
                }
                Action::Create => match next.entry(key) {
                    Entry::Occupied(_) => wrong.push(format!(
                        "Tried to create resource record set {name} but it already exists"
                    )),
                    Entry::Vacant(free) => {
                        free.insert(set);
                    }
                },
                Action::Upsert => {
                    next.insert(key, set);
                }
            }
        }
        if wrong.is_empty() {
            conflicts(&next, &mut wrong);
        }
        if wrong.is_empty() {
            Ok(next)
        } else {
            Err(Refusal::bad(
                "InvalidChangeBatch",
                format!("[{}]", wrong.join(", ")),
            ))
        }
    }

    fn validate(&self, set: &RecordSet, wrong: &mut Vec<String>) -> Result<(), Refusal> {
        let zone = &self.setup.zone_name;
        if set.name != *zone && !set.name.ends_with(&format!(".{zone}")) {
            wrong.push(format!(
                "RRSet with DNS name {} is not permitted in zone {zone}",
                set.name
            ));
        }
        let policies = [set.failover.is_some(), set.weight.is_some()];
        let policies = policies.into_iter().filter(|is| *is).count();
        if policies != usize::from(set.set_identifier.is_some()) {
            return Err(Refusal::bad(
                "InvalidInput",
                format!(
                    "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, GeoProximityLocation, or CidrRoutingConfig] together with SetIdentifier, in Change with [Action, Name={}, Type={}]",
                    set.name, set.record_type
                ),
            ));
        }
        if set.alias.is_some() == (set.ttl.is_some() || !set.values.is_empty())
            || set.alias.is_none() && (set.ttl.is_none() || set.values.is_empty())
        {
            return Err(Refusal::bad(
                "InvalidInput",
                format!(
                    "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none or more than one in Change with [Action, Name={}, Type={}, SetIdentifier={}]",
                    set.name,
                    set.record_type,
                    set.set_identifier.as_deref().unwrap_or("null")
                ),
            ));
        }
        if let (Some(_), Some(alias)) = (set.failover, &set.alias)
            && !alias.evaluate_target_health
            && set.failover == Some(FailoverRole::Primary)
            && set.health_check_id.is_none()
        {
            wrong.push(format!(
                "A failover PRIMARY alias record {} needs EvaluateTargetHealth or a health check",
                set.name
            ));
        }
        if let Some(check) = &set.health_check_id
            && !self.checks.iter().any(|(_, c)| &c.id == check)
            && self.own_checks.get(check).is_none()
        {
            wrong.push(format!(
                "Invalid resource: health check {check} does not exist"
            ));
        }
        if set.record_type == "TXT"
            && let Some(value) = set
                .values
                .iter()
                .find(|v| v.len() < 2 || !v.starts_with('"') || !v.ends_with('"'))
        {
            wrong.push(format!(
                "Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with '{value}''"
            ));
        }
        Ok(())
    }

    /// Resolvers follow what was written when `written` was taken.
    pub(super) fn serve(&mut self, written: Records) {
        self.served = written;
    }

    /// Which Region the application's name answers, and the answer's TTL. `roll` (0-99) decides
    /// between weights.
    pub(super) fn answer(
        &self,
        roll: u8,
        healthy: impl Fn(&RegionId) -> bool,
    ) -> Option<(RegionId, Millis)> {
        let mut primary = None;
        let mut secondary = None;
        let mut weighted = Vec::new();
        for set in self.served.values() {
            if set.name != self.setup.record_name || set.record_type != self.setup.record_type {
                continue;
            }
            if let Some(weight) = set.weight {
                weighted.push((set, weight));
                continue;
            }
            match set.failover {
                Some(FailoverRole::Secondary) => secondary = Some(set),
                Some(FailoverRole::Primary) | None => primary = Some(set),
            }
        }
        let up = |set: &RecordSet| self.is_healthy(set, &healthy);
        let chosen = match (primary, secondary) {
            (None, None) => by_weight(&weighted, roll, up)?,
            (Some(primary), _) if up(primary) => primary,
            (_, Some(secondary)) if up(secondary) => secondary,
            (Some(primary), _) => primary,
            (None, Some(secondary)) => secondary,
        };
        // An alias answers with its target's TTL, 60 s for a load balancer.
        let ttl = Millis::from_secs(chosen.ttl.unwrap_or(60));
        Some((self.target(chosen)?.clone(), ttl))
    }

    /// The weight that resolvers serve of each Region's record set of the application's name.
    pub(super) fn served_weights(&self) -> Vec<(RegionId, u8)> {
        let own = self.served.values().filter(|set| {
            set.name == self.setup.record_name && set.record_type == self.setup.record_type
        });
        own.filter_map(|set| Some((self.target(set)?.clone(), set.weight?)))
            .collect()
    }

    /// Whether a name stands there all of whose weights are 0.
    pub(super) fn any_name_without_weight(&self) -> bool {
        let mut totals: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for set in self.records.values() {
            if let Some(weight) = set.weight {
                *totals.entry((&set.name, &set.record_type)).or_default() += u32::from(weight);
            }
        }
        totals.values().any(|total| *total == 0)
    }

    /// The Region behind a record set.
    fn target(&self, set: &RecordSet) -> Option<&RegionId> {
        let target = set
            .alias
            .as_ref()
            .map(|a| &a.dns_name)
            .or(set.values.first())?;
        self.setup
            .targets
            .iter()
            .find(|(value, _)| value == target)
            .map(|(_, region)| region)
    }

    fn is_healthy(&self, set: &RecordSet, healthy: &impl Fn(&RegionId) -> bool) -> bool {
        let by_check = set.health_check_id.as_ref().is_none_or(|id| {
            if let Some(own) = self.own_checks.is_healthy(id) {
                return own;
            }
            self.checks
                .iter()
                .find(|(_, check)| &check.id == id)
                .is_none_or(|(region, check)| {
                    let seen = match &check.routing_control_arn {
                        Some(arn) => self.controls_on.contains(arn),
                        None => healthy(region),
                    };
                    (check.disabled || seen) != check.inverted
                })
        });
        let by_target = set.alias.as_ref().is_none_or(|alias| {
            !alias.evaluate_target_health || self.target(set).is_none_or(healthy)
        });
        by_check && by_target
    }
}

/// Which of several weighted record sets answers. Those with weight are asked first; if none of them is
/// healthy, those with weight 0; if none at all is, all of them count as healthy. Where every weight is
/// 0, each is as likely as the other (Route 53 Developer Guide, "Values specific for weighted records"
/// and "How Amazon Route 53 chooses records when health checking is configured").
fn by_weight<'a>(
    sets: &[(&'a RecordSet, u8)],
    roll: u8,
    up: impl Fn(&RecordSet) -> bool,
) -> Option<&'a RecordSet> {
    let with_weight = |set: &&(&RecordSet, u8)| set.1 > 0;
    let healthy: Vec<_> = sets.iter().filter(|(set, _)| up(set)).copied().collect();
    let considered = if healthy.is_empty() {
        sets.to_vec()
    } else {
        healthy
    };
    let weighted: Vec<_> = considered.iter().filter(with_weight).copied().collect();
    let (candidates, equal) = if weighted.is_empty() {
        (considered, true)
    } else {
        (weighted, false)
    };
    let of = |weight: u8| if equal { 1 } else { u32::from(weight) };
    let total: u32 = candidates.iter().map(|(_, weight)| of(*weight)).sum();
    // The last side of the die is the end of the scale, however little weight stands there.
    let mut left = match roll {
        0..99 => u32::from(roll) * total / 100,
        99.. => total.saturating_sub(1),
    };
    for (set, weight) in &candidates {
        match left.checked_sub(of(*weight)) {
            Some(rest) => left = rest,
            None => return Some(set),
        }
    }
    candidates.last().map(|(set, _)| *set)
}

/// Lower case, with the trailing dot, `\052` as `*`.
pub(in crate::sandbox) fn normal_name(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name.trim_end_matches('.');
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4);
        match code.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            Some(byte) if byte.is_ascii() => {
                out.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            Some(_) | None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out.make_ascii_lowercase();
    out.push('.');
    out
}

/// As Route 53 prints it: everything but `a-z 0-9 - _ .` as octal.
pub(in crate::sandbox) fn printed_name(name: &str) -> String {
    name.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(b).to_string(),
            other => format!("\\{other:03o}"),
        })
        .collect()
}

fn same(present: &RecordSet, given: &RecordSet) -> bool {
    let sorted = |set: &RecordSet| {
        let mut set = set.clone();
        set.values.sort();
        set
    };
    sorted(present) == sorted(given)
}

fn describe(set: &RecordSet) -> String {
    match &set.set_identifier {
        Some(id) => format!(
            "[name='{}', type='{}', set identifier='{id}']",
            set.name, set.record_type
        ),
        None => format!("[name='{}', type='{}']", set.name, set.record_type),
    }
}

/// What may not stand side by side under one name and type.
fn conflicts(records: &Records, wrong: &mut Vec<String>) {
    let mut groups: BTreeMap<(&str, &str), Vec<&RecordSet>> = BTreeMap::new();
    for set in records.values() {
        groups
            .entry((&set.name, &set.record_type))
            .or_default()
            .push(set);
    }
    for ((name, record_type), sets) in groups {
        for role in [FailoverRole::Primary, FailoverRole::Secondary] {
            if sets.iter().filter(|s| s.failover == Some(role)).count() > 1 {
                wrong.push(format!(
                    "Failover record sets with the same role cannot exist twice for [name='{name}', type='{record_type}']"
                ));
            }
        }
        let weighted = sets.iter().filter(|set| set.weight.is_some()).count();
        if weighted > 0 && weighted < sets.len() {
            wrong.push(format!(
                "RRSet of type {record_type} with DNS name {name} has record sets of different routing policies"
            ));
        }
        if sets.len() > 1 && sets.iter().any(|s| s.set_identifier.is_none()) {
            wrong.push(format!(
                "RRSet of type {record_type} with DNS name {name} has both simple and routed record sets"
            ));
        }
    }
}
