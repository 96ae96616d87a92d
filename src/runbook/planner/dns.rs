//! The Route 53 flip: a compare-and-swap in one atomic batch.
//!
//! ```text
//!  delete, exactly as read          create
//!  www  eu-west-1     PRIMARY       www  eu-west-1     SECONDARY
//!  www  eu-central-1  SECONDARY     www  eu-central-1  PRIMARY
//!  _failoverd.www TXT epoch=6       _failoverd.www TXT epoch=7
//! ```
//!
//! If anybody changed one of them meanwhile, the whole batch fails. Only the roles change hands:
//! values, alias, TTL and health check stay with their identifier. Where the roles stand right
//! already, the epoch record alone is written: the name is then still claimed by this run.

use crate::model::{
    AppRegion, DnsFailover, DnsName, FailoverRole, Intent, RecordSet, Side, Traffic, Wall,
    epoch_of, epoch_record, epoch_txt_name,
};

use super::resolve::{Resolved, configured};
use super::{Lack, Notes, Scene, other};

pub(super) fn resolve(
    scene: &Scene<'_>,
    primary: Side,
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    let (serve, back) = (scene.region(primary), scene.region(other(primary)));
    let app = scene.app();
    let dns = of_app(scene)?;
    let (traffic, at) = read(scene)?;
    let swap = swap(dns, traffic, serve, back)?;
    let epoch_name = epoch_txt_name(first_name(dns));
    let old_epoch = older_epoch(scene, traffic, &epoch_name)?;
    let new_epoch = epoch_record(first_name(dns), &app.name, scene.request.epoch);
    let flip = |primary: &AppRegion, delete: Vec<RecordSet>, create: Vec<RecordSet>| {
        Intent::Route53Failover {
            hosted_zone_id: dns.hosted_zone_id.clone(),
            primary: primary.name.clone(),
            delete,
            create,
            epoch_name: epoch_name.clone(),
            epoch: scene.request.epoch,
        }
    };
    let with = |sets: &[RecordSet], epoch: Option<&RecordSet>| -> Vec<RecordSet> {
        sets.iter().chain(epoch).cloned().collect()
    };
    // Giving back, too, is done under this run's epoch: it is this run that does it.
    let restore = (!swap.read.is_empty()).then(|| {
        flip(
            back,
            with(&swap.swapped, Some(&new_epoch)),
            with(&swap.read, Some(&new_epoch)),
        )
    });
    let before = swap.before(serve, back);
    note_reading(dns, at, notes);
    Ok(vec![Resolved {
        suffix: None,
        intent: flip(
            serve,
            with(&swap.read, old_epoch),
            with(&swap.swapped, Some(&new_epoch)),
        ),
        restore,
        before: Some(before),
    }])
}

/// The application's records, or where to add them.
pub(super) fn of_app<'a>(scene: &Scene<'a>) -> Result<&'a DnsFailover, Lack> {
    let app = scene.app();
    let dns = app.resources.dns.as_ref();
    dns.filter(|dns| !dns.records.is_empty()).ok_or_else(|| {
        Lack::Configuration(format!(
            "add `dns` with its records to the application `{}`",
            app.name
        ))
    })
}

/// What was read of them, and when.
pub(super) fn read<'a>(scene: &Scene<'a>) -> Result<(&'a Traffic, Wall), Lack> {
    scene.traffic.ok_or_else(|| {
        Lack::Observation(
            "the record sets were never read: see that Route 53 can be read".to_owned(),
        )
    })
}

/// The epoch record that stands there, if any: one of a run before this.
pub(super) fn older_epoch<'a>(
    scene: &Scene<'_>,
    traffic: &'a Traffic,
    epoch_name: &str,
) -> Result<Option<&'a RecordSet>, Lack> {
    let old = epoch_set(traffic, epoch_name);
    match old.and_then(epoch_of) {
        Some(seen) if seen >= scene.request.epoch => Err(Lack::Configuration(format!(
            "epoch {seen} stands in {epoch_name}, this run would be {}: a newer run has acted, the ledger here is behind",
            scene.request.epoch
        ))),
        Some(_) | None => Ok(old),
    }
}

pub(super) fn note_reading(dns: &DnsFailover, at: Wall, notes: &mut Notes) {
    for DnsName { name, record_type } in &dns.records {
        notes.insert((
            format!("the record sets of {name} {record_type} were read"),
            at,
        ));
    }
}

pub(super) fn first_name(dns: &DnsFailover) -> &str {
    dns.records
        .first()
        .map_or("", |record| record.name.as_str())
}

fn epoch_set<'a>(traffic: &'a Traffic, name: &str) -> Option<&'a RecordSet> {
    traffic
        .records
        .iter()
        .find(|set| set.name == name && set.record_type == "TXT")
}

/// The record sets whose roles change hands, as read and as wanted, in one order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Swap {
    pub(super) read: Vec<RecordSet>,
    pub(super) swapped: Vec<RecordSet>,
}

impl Swap {
    fn before(&self, serve: &AppRegion, back: &AppRegion) -> String {
        let primary = if self.read.is_empty() { serve } else { back };
        format!("{} is PRIMARY", primary.name)
    }
}

/// What must change for the record sets of `serve` to be PRIMARY and those of `back` SECONDARY.
pub(super) fn swap(
    dns: &DnsFailover,
    traffic: &Traffic,
    serve: &AppRegion,
    back: &AppRegion,
) -> Result<Swap, Lack> {
    let mut swap = Swap::default();
    for name in &dns.records {
        let pair = [
            (find(traffic, name, serve)?, FailoverRole::Primary),
            (find(traffic, name, back)?, FailoverRole::Secondary),
        ];
        if pair.iter().all(|(set, role)| set.failover == Some(*role)) {
            continue;
        }
        for (set, role) in pair {
            swap.read.push(set.clone());
            swap.swapped.push(RecordSet {
                failover: Some(role),
                ..set.clone()
            });
        }
    }
    Ok(swap)
}

fn find<'a>(
    traffic: &'a Traffic,
    name: &DnsName,
    region: &AppRegion,
) -> Result<&'a RecordSet, Lack> {
    let identifier = configured(
        region.resources.record_set_identifier.as_ref(),
        "record_set_identifier",
        &format!("the Region `{}`", region.name),
    )?;
    let DnsName { name, record_type } = name;
    let found = traffic.records.iter().find(|set| {
        &set.name == name
            && &set.record_type == record_type
            && set.set_identifier.as_ref() == Some(&identifier)
    });
    match found {
        Some(set) if set.failover.is_some() => Ok(set),
        Some(_) => Err(Lack::Configuration(format!(
            "{name} {record_type} `{identifier}` is not a failover record set: give it a failover role in Route 53"
        ))),
        None => Err(Lack::Observation(format!(
            "{name} {record_type} has no record set `{identifier}` among those read: make it in Route 53, or mend `record_set_identifier` of {}",
            region.name
        ))),
    }
}
