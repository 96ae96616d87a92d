//! How the cluster looks from here, on a follower as well: every member can alarm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{LedgerId, MemberId};

use super::core::{Core, member_of};
use super::error::WipedDisk;

/// The cluster as this member sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// Those who decide, in the order of their names.
    pub voters: Vec<VoterSeen>,
    /// Those who follow without a vote: being added, or being replaced.
    pub learners: BTreeSet<MemberId>,
    pub leader: Option<MemberId>,
    pub term: u64,
    /// This member leads and is answered by a quorum, or hears the one who leads.
    pub reachable: bool,
    /// A change of members was begun and not finished; the next one finishes it.
    pub changing: bool,
    /// Configured, but not in the log: to be added with `failoverctl member add`.
    pub not_in_log: BTreeSet<MemberId>,
    /// In the log, but not configured: to be removed with `failoverctl member remove`.
    pub not_configured: BTreeSet<MemberId>,
    /// Presented themselves with another data folder than the one on record.
    pub wiped: Vec<WipedDisk>,
    /// Speak of themselves as of another ledger: what is left of the cluster before a restore.
    pub strangers: BTreeMap<MemberId, LedgerId>,
    /// This member was of the cluster, and nobody who is heard has it on record any more.
    pub removed: bool,
}

/// One who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterSeen {
    pub member: MemberId,
    pub is_self: bool,
    /// How long ago this member last heard it; none if never. Always none for oneself.
    pub silent_for: Option<Duration>,
}

pub(super) fn look(core: &Core) -> Quorum {
    let metrics = core.metrics();
    let membership = metrics.membership_config.membership();
    let voters: BTreeSet<MemberId> = membership
        .voter_ids()
        .filter_map(|node| member_of(membership, node))
        .collect();
    let learners: BTreeSet<MemberId> = membership
        .learner_ids()
        .filter_map(|node| member_of(membership, node))
        .collect();
    let in_log: BTreeSet<MemberId> = voters.union(&learners).cloned().collect();
    let configured = &core.roll.configured;
    let view = core.view.borrow().clone();
    Quorum {
        voters: voters
            .into_iter()
            .map(|member| VoterSeen {
                is_self: member == core.member,
                silent_for: core.roll.silence_of(&member),
                member,
            })
            .collect(),
        learners,
        leader: view.leader.clone(),
        term: view.term,
        reachable: view.stopped.is_none() && (view.leads() || core.roll.hears_leader()),
        changing: membership.get_joint_config().len() > 1,
        not_in_log: configured.difference(&in_log).cloned().collect(),
        not_configured: in_log.difference(configured).cloned().collect(),
        wiped: core.roll.wiped(),
        strangers: core.roll.strangers(),
        removed: core.roll.is_removed(),
    }
}
