//! `route53.failover` and `route53.weights`: the compare-and-swap.
//!
//! The plan has frozen the exact record sets that stand and the ones that shall. One batch deletes
//! the first and creates the second, together with the epoch TXT record. Route 53 takes a batch
//! whole or not at all, and a deletion must match to the letter: a plan that has become stale
//! changes nothing.
//!
//! ```text
//!  what stands          goal
//!  a newer epoch TXT ─▶ StaleEpoch
//!  all of `create`   ─▶ Met (once our own change, if known, is INSYNC)
//!  all of `delete`   ─▶ NotMet
//!  neither           ─▶ Impossible(drifted)
//! ```

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{
    AliasTarget as SdkAlias, Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord,
    ResourceRecordSet, ResourceRecordSetFailover, RrType,
};

use super::PendingChange;
use super::classify::{chain, read_error, unobserved};
use super::clients::{Clients, ROUTE53_REGION};
use super::gate::Gate;
use crate::model::{
    AliasTarget, AppId, DnsFailover, Epoch, FailoverRole, RecordSet, RegionId, epoch_txt_name,
    parse_epoch_txt,
};
use crate::ports::{Call, CallOutcome, Goal, Observation, Proof, ReadError};

/// What is flipped: roles or weights.
pub(super) struct Flip<'a> {
    pub(super) app: &'a AppId,
    pub(super) zone: &'a str,
    pub(super) delete: &'a [RecordSet],
    pub(super) create: &'a [RecordSet],
    pub(super) epoch_name: &'a str,
    pub(super) epoch: Epoch,
}

pub(super) fn home() -> RegionId {
    RegionId::from(ROUTE53_REGION)
}

/// How the zone stands to the flip.
pub(super) async fn observe(
    clients: &Clients,
    change: &Mutex<Option<PendingChange>>,
    flip: &Flip<'_>,
) -> Observation {
    let names: BTreeSet<(&str, &str)> = flip
        .delete
        .iter()
        .chain(flip.create)
        .map(|set| (set.name.as_str(), set.record_type.as_str()))
        .chain([(flip.epoch_name, "TXT")])
        .collect();
    let mut standing = Vec::new();
    for (name, record_type) in names {
        match list(clients, flip.zone, name, record_type).await {
            Ok(sets) => standing.extend(sets),
            Err(error) => return unobserved(&error),
        }
    }
    let observation = judge(flip, &standing);
    if observation.goal != Goal::Met {
        return observation;
    }
    let pending = change
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
        .filter(|pending| pending.epoch == flip.epoch);
    let Some(pending) = pending else {
        return observation;
    };
    match change_status(clients, &pending.id).await {
        Ok(Some(ChangeStatus::Pending)) => Observation {
            goal: Goal::UnderWay,
            seen: format!("{}, change {} PENDING", observation.seen, pending.id),
        },
        Ok(_) => {
            *change.lock().unwrap_or_else(PoisonError::into_inner) = None;
            observation
        }
        // The record sets stand; that the change is forgotten does not unmake it.
        Err(ReadError::Refused { .. }) => observation,
        Err(error @ ReadError::Unobservable { .. }) => unobserved(&error),
    }
}

/// The one batch.
pub(super) async fn apply(
    clients: &Clients,
    change: &Mutex<Option<PendingChange>>,
    flip: &Flip<'_>,
    call: &Call<'_>,
    proof: &Proof,
) -> CallOutcome {
    let comment = format!("failoverd run {} step {}", call.run, call.step);
    let batch = match batch(flip, comment) {
        Ok(batch) => batch,
        Err(error) => {
            return CallOutcome::Refused {
                code: "invalid_request".to_owned(),
                message: format!("the change batch cannot be made: {}", chain(&error)),
            };
        }
    };
    let gate = Gate::new(proof);
    let result = clients
        .route53(&home())
        .write
        .change_resource_record_sets()
        .hosted_zone_id(flip.zone)
        .change_batch(batch)
        .customize()
        .interceptor(gate.clone())
        .send()
        .await;
    if let Ok(output) = &result
        && let Some(info) = &output.change_info
    {
        *change.lock().unwrap_or_else(PoisonError::into_inner) = Some(PendingChange {
            epoch: flip.epoch,
            id: info.id.clone(),
        });
    }
    gate.conclude(result)
}

/// Every record set under the application's names, and the epoch record of each name.
pub(super) async fn read_records(
    clients: &Clients,
    dns: &DnsFailover,
) -> Result<Vec<RecordSet>, ReadError> {
    let mut records = Vec::new();
    let mut epoch_names = BTreeSet::new();
    for record in &dns.records {
        let zone = &dns.hosted_zone_id;
        records.extend(list(clients, zone, &record.name, &record.record_type).await?);
        if epoch_names.insert(epoch_txt_name(&record.name)) {
            records.extend(list(clients, zone, &epoch_txt_name(&record.name), "TXT").await?);
        }
    }
    Ok(records)
}

/// All sets of that name and type. Listings go on from the name asked for through the whole zone,
/// so that the first stranger is the end.
async fn list(
    clients: &Clients,
    zone: &str,
    name: &str,
    record_type: &str,
) -> Result<Vec<RecordSet>, ReadError> {
    let what = format!("record sets {name} {record_type} of zone {zone}");
    let client = clients.route53(&home()).read;
    let mut found = Vec::new();
    let mut identifier = None;
    loop {
        let page = client
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .start_record_name(name)
            .start_record_type(RrType::from(record_type))
            .set_start_record_identifier(identifier.take())
            .send()
            .await
            .map_err(|error| read_error(&what, &error))?;
        for set in &page.resource_record_sets {
            let set = from_sdk(set);
            if set.name != plain_name(name) || set.record_type != record_type {
                return Ok(found);
            }
            found.push(set);
        }
        let goes_on = page.is_truncated
            && page
                .next_record_name
                .as_deref()
                .is_some_and(|next| plain_name(next) == plain_name(name))
            && page
                .next_record_type
                .as_ref()
                .is_some_and(|next| next.as_str() == record_type)
            && page.next_record_identifier.is_some();
        if !goes_on {
            return Ok(found);
        }
        identifier = page.next_record_identifier;
    }
}

async fn change_status(clients: &Clients, id: &str) -> Result<Option<ChangeStatus>, ReadError> {
    let output = clients
        .route53(&home())
        .read
        .get_change()
        .id(id)
        .send()
        .await
        .map_err(|error| read_error(&format!("change {id}"), &error))?;
    Ok(output.change_info.map(|info| info.status))
}

/// What the sets that stand say of the goal.
fn judge(flip: &Flip<'_>, standing: &[RecordSet]) -> Observation {
    let seen = told(standing);
    if let Some(epoch) = newest_epoch(flip, standing)
        && epoch > flip.epoch
    {
        return Observation {
            goal: Goal::StaleEpoch { seen: epoch.0 },
            seen: format!("{seen}, epoch {epoch}"),
        };
    }
    let goal = if stand(flip.create, flip.delete, standing) || was_never_flipped(flip, standing) {
        Goal::Met
    } else if stand(flip.delete, flip.create, standing) {
        Goal::NotMet
    } else {
        Goal::Impossible {
            code: "drifted".to_owned(),
            message: "the record sets are neither as the plan froze them nor as it wants them: \
                      somebody else changed them, and the batch would fail whole; make a new plan"
                .to_owned(),
        }
    };
    Observation { goal, seen }
}

/// Whether `flip` gives back what this very run has never flipped: its epoch record is not there, and
/// everything else is as it is to be. A request of it that lands yet would be found as drift.
fn was_never_flipped(flip: &Flip<'_>, standing: &[RecordSet]) -> bool {
    let gives_back = newest_epoch(flip, flip.delete) == Some(flip.epoch);
    let is_role = |set: &&RecordSet| plain_name(&set.name) != plain_name(flip.epoch_name);
    let roles = |sets: &[RecordSet]| sets.iter().filter(is_role).cloned().collect::<Vec<_>>();
    gives_back
        && newest_epoch(flip, standing) < Some(flip.epoch)
        && stand(&roles(flip.create), &roles(flip.delete), standing)
}

/// Whether each of `sets` stands exactly, and of `others` none that would have gone with them.
fn stand(sets: &[RecordSet], others: &[RecordSet], standing: &[RecordSet]) -> bool {
    let every = sets
        .iter()
        .all(|set| standing.iter().any(|there| same(there, set)));
    let none = others
        .iter()
        .filter(|other| sets.iter().all(|set| !same_key(set, other)))
        .all(|other| standing.iter().all(|there| !same_key(there, other)));
    every && none
}

/// Route 53's own identity of a record set.
fn same_key(a: &RecordSet, b: &RecordSet) -> bool {
    plain_name(&a.name) == plain_name(&b.name)
        && a.record_type == b.record_type
        && a.set_identifier == b.set_identifier
}

/// Equal in everything that a deletion must match. The order of values is no matter to Route 53.
fn same(a: &RecordSet, b: &RecordSet) -> bool {
    let sorted = |set: &RecordSet| {
        let mut values = set.values.clone();
        values.sort();
        values
    };
    let alias = |set: &RecordSet| {
        set.alias.as_ref().map(|alias| {
            (
                alias.hosted_zone_id.clone(),
                plain_name(&alias.dns_name),
                alias.evaluate_target_health,
            )
        })
    };
    same_key(a, b)
        && a.failover == b.failover
        && a.weight == b.weight
        && a.ttl == b.ttl
        && a.health_check_id == b.health_check_id
        && sorted(a) == sorted(b)
        && alias(a) == alias(b)
}

/// The newest epoch of this application in the epoch record, if there is one. Another
/// application's epochs count something else.
fn newest_epoch(flip: &Flip<'_>, standing: &[RecordSet]) -> Option<Epoch> {
    standing
        .iter()
        .filter(|set| {
            set.record_type == "TXT" && plain_name(&set.name) == plain_name(flip.epoch_name)
        })
        .flat_map(|set| &set.values)
        .filter_map(|value| parse_epoch_txt(value))
        .filter(|(_, app)| app == flip.app)
        .map(|(epoch, _)| epoch)
        .max()
}

/// The roles or the weights that stand there, for people.
fn told(standing: &[RecordSet]) -> String {
    let weights: Vec<String> = standing
        .iter()
        .filter_map(|set| {
            let of = set.set_identifier.as_deref().unwrap_or(&set.name);
            Some(format!("{of} {}", set.weight?))
        })
        .collect();
    if !weights.is_empty() {
        return format!("weights: {}", weights.join(", "));
    }
    let list: Vec<&str> = standing
        .iter()
        .filter(|set| set.failover == Some(FailoverRole::Primary))
        .map(|set| set.set_identifier.as_deref().unwrap_or(&set.name))
        .collect();
    if list.is_empty() {
        "no PRIMARY record set".to_owned()
    } else {
        format!("PRIMARY is {}", list.join(", "))
    }
}

/// Lower case, trailing dot, escapes undone: `\052.Example.com` → `*.example.com.`
fn plain_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len() + 1);
    let mut rest = name;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 4)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
            .filter(u8::is_ascii);
        match code {
            Some(code) => {
                plain.push(char::from(code));
                rest = &rest[at + 4..];
            }
            None => {
                plain.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    if !plain.ends_with('.') {
        plain.push('.');
    }
    plain.make_ascii_lowercase();
    plain
}

fn from_sdk(set: &ResourceRecordSet) -> RecordSet {
    RecordSet {
        name: plain_name(&set.name),
        record_type: set.r#type.as_str().to_owned(),
        set_identifier: set.set_identifier.clone(),
        failover: set.failover.as_ref().and_then(|role| match role.as_str() {
            "PRIMARY" => Some(FailoverRole::Primary),
            "SECONDARY" => Some(FailoverRole::Secondary),
            _ => None,
        }),
        weight: set.weight.and_then(|weight| u8::try_from(weight).ok()),
        ttl: set.ttl.and_then(|ttl| u64::try_from(ttl).ok()),
        values: set
            .resource_records()
            .iter()
            .map(|record| record.value.clone())
            .collect(),
        alias: set.alias_target.as_ref().map(|alias| AliasTarget {
            hosted_zone_id: alias.hosted_zone_id.clone(),
            dns_name: alias.dns_name.clone(),
            evaluate_target_health: alias.evaluate_target_health,
        }),
        health_check_id: set.health_check_id.clone(),
    }
}

fn to_sdk(set: &RecordSet) -> Result<ResourceRecordSet, BuildError> {
    let values: Result<Vec<ResourceRecord>, BuildError> = set
        .values
        .iter()
        .map(|value| ResourceRecord::builder().value(value).build())
        .collect();
    let values = values?;
    let alias = match &set.alias {
        Some(alias) => Some(
            SdkAlias::builder()
                .hosted_zone_id(&alias.hosted_zone_id)
                .dns_name(&alias.dns_name)
                .evaluate_target_health(alias.evaluate_target_health)
                .build()?,
        ),
        None => None,
    };
    ResourceRecordSet::builder()
        .name(&set.name)
        .r#type(RrType::from(set.record_type.as_str()))
        .set_set_identifier(set.set_identifier.clone())
        .set_failover(set.failover.map(|role| match role {
            FailoverRole::Primary => ResourceRecordSetFailover::Primary,
            FailoverRole::Secondary => ResourceRecordSetFailover::Secondary,
        }))
        .set_weight(set.weight.map(i64::from))
        .set_ttl(set.ttl.and_then(|ttl| i64::try_from(ttl).ok()))
        .set_resource_records((!values.is_empty()).then_some(values))
        .set_alias_target(alias)
        .set_health_check_id(set.health_check_id.clone())
        .build()
}

fn batch(flip: &Flip<'_>, comment: String) -> Result<ChangeBatch, BuildError> {
    let one = |action: ChangeAction, set: &RecordSet| {
        Change::builder()
            .action(action)
            .resource_record_set(to_sdk(set)?)
            .build()
    };
    let mut changes = Vec::with_capacity(flip.delete.len() + flip.create.len());
    for set in flip.delete {
        changes.push(one(ChangeAction::Delete, set)?);
    }
    for set in flip.create {
        changes.push(one(ChangeAction::Create, set)?);
    }
    ChangeBatch::builder()
        .comment(comment)
        .set_changes(Some(changes))
        .build()
}

#[cfg(test)]
#[path = "route53_tests.rs"]
mod tests;
