//! How a cluster comes to be: once, whoever starts first.
//!
//! ```text
//!  every member, with an empty folder:   Hello { members, disk, heard } ⇄ Hello of every other
//!      Wait ── all heard, all empty, all have heard the same of all ──▶ Form
//!      Wait ── one of them is of a cluster ──▶ Join, or Refuse if it knows us by another disk
//! ```
//!
//! Several may form at the same moment: they write the same first entry, and Raft elects one.
//!
//! Invariant: an empty member forms only after *every* configured member has said that it is empty.
//! One that was wiped later finds the others in a cluster and never forms a second one.
//! Invariant: they form with the same data folders on record, because each has seen that every other
//! has heard the same. Were one wiped between two hellos, its vote could count twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{DiskId, DiskMark, LedgerId, MemberId};

/// What a member says of itself to every other, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloBody {
    /// The configured members.
    pub members: BTreeSet<MemberId>,
    pub disk: DiskId,
    /// No log and no vote: not of any cluster yet.
    pub pristine: bool,
    /// The data folders of the members as heard so far, its own included.
    pub heard: BTreeMap<MemberId, DiskId>,
    /// The data folders on record; empty for a member without a cluster.
    pub known: BTreeMap<MemberId, DiskId>,
    /// The newest log schema it can read.
    pub schema: u32,
    /// For how long after a leader's message it votes for nobody else, in real milliseconds; nothing
    /// from a release that does not say.
    #[serde(default)]
    pub lease_ms: Option<u64>,
    /// Which ledger its state is of; nothing before it has one, and from a release that does not say.
    #[serde(default)]
    pub ledger: Option<LedgerId>,
    /// How far its data folder goes; nothing from a release that does not say.
    #[serde(default)]
    pub mark: Option<DiskMark>,
}

/// This member's data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFolder {
    pub member: MemberId,
    pub disk: DiskId,
    pub pristine: bool,
    /// Its own log names this folder as this member's.
    pub on_record: bool,
}

/// What is to be done about the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Formation {
    /// Found it: every other member is ready to.
    Form,
    /// These have not been heard yet, or have not yet heard the same as we.
    Wait { missing: BTreeSet<MemberId> },
    /// There is a cluster, or one is forming: its leader will come, if this member is in it.
    Join,
    /// This member is of a cluster.
    Formed,
    /// This member must not take part.
    Refuse { reason: String, remedy: String },
}

/// Decides it from what was heard, the newest hello of each member.
pub fn decide(
    own: &OwnFolder,
    configured: &BTreeSet<MemberId>,
    heard: &BTreeMap<MemberId, HelloBody>,
) -> Formation {
    let others: BTreeMap<&MemberId, &HelloBody> = heard
        .iter()
        .filter(|(member, _)| **member != own.member)
        .collect();
    if let Some(refusal) = wiped(own, &others) {
        return refusal;
    }
    if !own.pristine {
        return Formation::Formed;
    }
    if others.values().any(|hello| !hello.pristine) {
        return Formation::Join;
    }
    let present = others
        .iter()
        .filter(|(member, _)| configured.contains(**member));
    if let Some((member, hello)) = present.clone().find(|(_, h)| &h.members != configured) {
        return Formation::Refuse {
            reason: format!(
                "member {member} is configured with the members {}, this one with {}",
                list(&hello.members),
                list(configured)
            ),
            remedy: "give every member the same [[member]] list and start it again".to_owned(),
        };
    }
    let mut disks: BTreeMap<MemberId, DiskId> = present
        .clone()
        .map(|(member, hello)| ((*member).clone(), hello.disk))
        .collect();
    disks.insert(own.member.clone(), own.disk);
    let missing: BTreeSet<MemberId> = configured
        .iter()
        .filter(|member| !disks.contains_key(*member))
        .cloned()
        .collect();
    if !missing.is_empty() {
        return Formation::Wait { missing };
    }
    let differing: BTreeSet<MemberId> = present
        .filter(|(_, hello)| hello.heard != disks)
        .map(|(member, _)| (*member).clone())
        .collect();
    if differing.is_empty() {
        Formation::Form
    } else {
        Formation::Wait { missing: differing }
    }
}

/// Whether a cluster knows this member by another data folder.
fn wiped(own: &OwnFolder, others: &BTreeMap<&MemberId, &HelloBody>) -> Option<Formation> {
    if own.on_record {
        return None;
    }
    let mut records = others.values().filter_map(|h| h.known.get(&own.member));
    let known = records.clone().next()?;
    // A member that lags may still remember the folder before the last re-admission: one that
    // knows this folder is right.
    if records.any(|record| *record == own.disk) {
        return None;
    }
    Some(Formation::Refuse {
        reason: format!(
            "the cluster knows member {} by disk {known}, this data folder is disk {}: its log and votes were lost",
            own.member, own.disk
        ),
        remedy: readmit_command(&own.member),
    })
}

/// What a person does about a member whose data folder was lost.
pub(super) fn readmit_command(member: &MemberId) -> String {
    format!("failoverctl member readmit {member}")
}

fn list(members: &BTreeSet<MemberId>) -> String {
    let names: Vec<&str> = members.iter().map(MemberId::as_str).collect();
    names.join(", ")
}
