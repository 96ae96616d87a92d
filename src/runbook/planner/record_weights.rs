//! The weights of a Region's record sets: a chain of compare-and-swaps.
//!
//! A batch names every weighted record set under the application's names, also those whose weight
//! stays: so it fails whole if anybody has changed any of them, and no two changes that are harmless
//! each can add up to a name without weight. Several steps of one run may change weights (a ramp);
//! each deletes what the one before it has created:
//!
//! ```text
//!  read                  first step             second step
//!  eu-west-1     0  ──▶  eu-west-1    25  ──▶   eu-west-1    25
//!  eu-central-1 100      eu-central-1 100       eu-central-1 75
//!  TXT epoch=6           TXT epoch=7            TXT epoch=7
//!       ▲                     │                      │
//!       └───── restore ───────┴──────────────────────┘
//! ```
//!
//! Giving back is one batch, too, from wherever the run stands to what was read. An abort gives back the
//! last change first, and whatever it did before then is found given back already.
//!
//! Invariant: of two steps that change weights, one needs the other. So what a step will find when its
//! turn comes is known when the plan is made.
//! Invariant: no step leaves a name with every weight at 0: Route 53 would not answer nothing, it would
//! answer all of them equally, the lost Region too.

use crate::model::{
    AppRegion, DnsFailover, DnsName, HoldReason, Intent, PlannedStep, RecordSet, Side, StepId,
    Traffic, epoch_record, epoch_txt_name,
};

use super::dns::{first_name, note_reading, of_app, older_epoch, read};
use super::resolve::{Resolved, configured};
use super::{Lack, Notes, Scene, impossible};

/// The weight of a Region without a share of its own. Route 53 takes 0 to 255.
const WHOLE: u8 = 100;

/// Which Region gets which weight. The record sets are frozen when the steps have their order.
pub(super) fn resolve(
    scene: &Scene<'_>,
    side: Side,
    percent: u8,
    notes: &mut Notes,
) -> Result<Vec<Resolved>, Lack> {
    let region = scene.region(side);
    let dns = of_app(scene)?;
    let (traffic, at) = read(scene)?;
    let epoch_name = epoch_txt_name(first_name(dns));
    older_epoch(scene, traffic, &epoch_name)?;
    for name in &dns.records {
        find(traffic, name, region)?;
    }
    note_reading(dns, at, notes);
    Ok(Resolved::of(Intent::Route53Weights {
        hosted_zone_id: dns.hosted_zone_id.clone(),
        region: region.name.clone(),
        weight: weight_of(percent, region.share.unwrap_or(WHOLE)),
        delete: Vec::new(),
        create: Vec::new(),
        epoch_name,
        epoch: scene.request.epoch,
    }))
}

/// That percent of the Region's share. What is more than nothing never becomes 0.
fn weight_of(percent: u8, share: u8) -> u8 {
    let weight = (u32::from(percent) * u32::from(share)).div_ceil(100);
    u8::try_from(weight).unwrap_or(u8::MAX)
}

/// Gives each step what it will find and what it leaves, in the order in which they come, and lets
/// each need the one before it.
pub(super) fn freeze(scene: &Scene<'_>, steps: &mut [PlannedStep]) -> Result<(), HoldReason> {
    let mut chain: Option<Chain> = None;
    for step in steps {
        let Intent::Route53Weights { region, weight, .. } = &step.intent else {
            continue;
        };
        let id = &step.id;
        let standing = match &mut chain {
            Some(chain) => chain,
            none => none.insert(Chain::new(scene).map_err(|lack| refused(id, lack))?),
        };
        let region = scene.app().region(region);
        let identifier = region.and_then(|r| r.resources.record_set_identifier.clone());
        let wanted = with(&standing.sets, identifier.as_ref(), *weight);
        if let Some(name) = without_weight(&wanted) {
            let why = format!(
                "it would leave {name} with every weight at 0, and Route 53 would answer all of its Regions equally: let it need a step that gives another Region weight, or give one weight in Route 53, then plan again"
            );
            return Err(impossible(Some(id), why));
        }
        let left = standing.claimed(&wanted);
        let way_back = standing.way_back(&step.intent, identifier.as_ref(), &left);
        step.before = Some(format!(
            "weight {}",
            weights(&standing.sets, identifier.as_ref())
        ));
        step.restore = way_back;
        step.intent = batch(&step.intent, *weight, standing.now(), left);
        // Another way starts only where its principal has failed, and nobody's plan counts on it.
        if step.stands_in_for.is_none() {
            if let Some(previous) = &standing.last
                && !step.needs.contains(previous)
            {
                step.needs.push(previous.clone());
            }
            standing.sets = wanted;
            standing.began = true;
            standing.last = Some(step.id.clone());
        }
    }
    Ok(())
}

fn refused(id: &StepId, lack: Lack) -> HoldReason {
    match lack {
        Lack::Observation(why) | Lack::Configuration(why) | Lack::Nothing(why) => {
            impossible(Some(id), why)
        }
        Lack::Guard(reason) => reason,
    }
}

/// The same step with that weight and those record sets.
fn batch(step: &Intent, to: u8, gone: Vec<RecordSet>, made: Vec<RecordSet>) -> Intent {
    let mut batch = step.clone();
    if let Intent::Route53Weights {
        weight,
        delete,
        create,
        ..
    } = &mut batch
    {
        (*weight, *delete, *create) = (to, gone, made);
    }
    batch
}

/// What stands under the names at a point of the plan.
struct Chain {
    /// As read, before the run.
    read: Vec<RecordSet>,
    old_epoch: Option<RecordSet>,
    new_epoch: RecordSet,
    sets: Vec<RecordSet>,
    /// Whether a step of this run has written by then.
    began: bool,
    last: Option<StepId>,
}

impl Chain {
    fn new(scene: &Scene<'_>) -> Result<Self, Lack> {
        let dns = of_app(scene)?;
        let (traffic, _) = read(scene)?;
        let epoch_name = epoch_txt_name(first_name(dns));
        let read = weighted(dns, traffic);
        Ok(Self {
            sets: read.clone(),
            read,
            old_epoch: older_epoch(scene, traffic, &epoch_name)?.cloned(),
            new_epoch: epoch_record(first_name(dns), &scene.app().name, scene.request.epoch),
            began: false,
            last: None,
        })
    }

    fn now(&self) -> Vec<RecordSet> {
        let old = self.old_epoch.as_ref();
        let epoch = if self.began {
            Some(&self.new_epoch)
        } else {
            old
        };
        self.sets.iter().chain(epoch).cloned().collect()
    }

    fn claimed(&self, sets: &[RecordSet]) -> Vec<RecordSet> {
        sets.iter().chain([&self.new_epoch]).cloned().collect()
    }

    /// From what a step leaves to what was read. There is none to a name without weight.
    fn way_back(
        &self,
        step: &Intent,
        identifier: Option<&String>,
        left: &[RecordSet],
    ) -> Option<Intent> {
        let back = self.claimed(&self.read);
        if back == left || without_weight(&self.read).is_some() {
            return None;
        }
        let own = |set: &&RecordSet| set.set_identifier.as_ref() == identifier;
        let weight = self.read.iter().find(own)?.weight?;
        Some(batch(step, weight, left.to_vec(), back))
    }
}

fn with(sets: &[RecordSet], identifier: Option<&String>, weight: u8) -> Vec<RecordSet> {
    let mut sets = sets.to_vec();
    let own = sets
        .iter_mut()
        .filter(|set| set.set_identifier.as_ref() == identifier);
    for set in own {
        set.weight = Some(weight);
    }
    sets
}

/// The Region's weights for people: one number where all names have the same.
fn weights(sets: &[RecordSet], identifier: Option<&String>) -> String {
    let own = sets
        .iter()
        .filter(|set| set.set_identifier.as_ref() == identifier);
    let mut weights: Vec<String> = own.filter_map(|s| Some(s.weight?.to_string())).collect();
    weights.dedup();
    weights.join(", ")
}

/// Every weighted record set under the names.
fn weighted(dns: &DnsFailover, traffic: &Traffic) -> Vec<RecordSet> {
    let named = |set: &&RecordSet| {
        let mut names = dns.records.iter();
        names.any(|name| set.name == name.name && set.record_type == name.record_type)
    };
    let sets = traffic.records.iter().filter(named);
    sets.filter(|set| set.weight.is_some()).cloned().collect()
}

/// A name and type whose record sets have no weight at all.
fn without_weight(sets: &[RecordSet]) -> Option<String> {
    let alike = |a: &RecordSet, b: &RecordSet| a.name == b.name && a.record_type == b.record_type;
    let empty = sets.iter().find(|one| {
        let mut under = sets.iter().filter(|set| alike(set, one));
        under.all(|set| set.weight == Some(0))
    })?;
    Some(format!("{} {}", empty.name, empty.record_type))
}

fn find(traffic: &Traffic, name: &DnsName, region: &AppRegion) -> Result<(), Lack> {
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
        Some(set) if set.weight.is_some() => Ok(()),
        Some(_) => Err(Lack::Configuration(format!(
            "{name} {record_type} `{identifier}` is not a weighted record set: give it a weight in Route 53"
        ))),
        None => Err(Lack::Observation(format!(
            "{name} {record_type} has no record set `{identifier}` among those read: make it in Route 53, or mend `record_set_identifier` of {}",
            region.name
        ))),
    }
}
