//! Adding, removing and re-admitting members: asked for by a person, on the leader, one at a time.
//!
//! ```text
//!   add:      disk recorded ─▶ learner ─▶ caught up ─▶ voter
//!   remove:   voter no more ─▶ disk forgotten
//!   readmit:  removed, and added again with its new disk
//! ```
//!
//! Invariant: only a member whose data folder is on record becomes a voter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::error::{ClientWriteError, RaftError};

use crate::model::{Command, CommandBody, DiskId, LedgerId, MemberId, Rejection};
use crate::ports::{Ledger, LedgerError};

use super::core::{Metrics, member_of};
use super::error::WipedDisk;
use super::formation::readmit_command;
use super::raft_ledger::RaftLedger;
use super::types::{NodeId, Peer, node_id};

/// Between two looks at what a member has said: a small part of a gossip round.
const LOOK: Duration = Duration::from_millis(20);

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersChanged {
    pub voters: BTreeSet<MemberId>,
    /// What a person should know about the result.
    pub warning: Option<String>,
}

/// Why the members are not as was asked.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    #[error("{}", match leader {
        Some(leader) => format!("members are changed by the leader, which is {leader}"),
        None => "members are changed by the leader, and there is none now".to_owned(),
    })]
    NotLeader { leader: Option<MemberId> },
    #[error("another change of members is under way; wait until it is done")]
    Busy,
    #[error(
        "member {member} has not been heard; start it with the same [[member]] list and the cluster's certificate, then ask again"
    )]
    NotHeard { member: MemberId },
    #[error("member {member} is not in the cluster; its members are {members}")]
    NoSuchMember { member: MemberId, members: String },
    #[error(transparent)]
    Wiped(#[from] WipedDisk),
    #[error(
        "member {member} is of another ledger ({ledger}); stop it, give it an empty data folder, start it and ask again"
    )]
    OtherLedger { member: MemberId, ledger: LedgerId },
    #[error("member {member} leads; let it stand down first, then ask the new leader")]
    IsLeader { member: MemberId },
    #[error(
        "without member {member}, {needed} of {voters} voters are needed and only {heard} are heard; bring the silent ones back first"
    )]
    WouldLoseQuorum {
        member: MemberId,
        voters: usize,
        needed: usize,
        heard: usize,
    },
    #[error(
        "member {member} has not spoken from its new data folder within {within:?}; look at its log, then run {again} again"
    )]
    NotBack {
        member: MemberId,
        within: Duration,
        again: String,
    },
    #[error(
        "member {member} follows but has not caught up within {within:?}; it stays a learner: look at its log, then run failoverctl member add {member} again"
    )]
    NotCaughtUp { member: MemberId, within: Duration },
    /// Done or not: the cluster's members tell.
    #[error(
        "the change of members was not confirmed: {why}; look at the members before asking again"
    )]
    Unknown { why: String },
    #[error("the change of members was refused")]
    Rejected(#[from] Rejection),
    #[error("the change of members was not made")]
    Ledger(#[from] LedgerError),
}

impl RaftLedger {
    /// Makes `member` a voter: first it follows, and votes when it has caught up, for which it has
    /// `within`.
    pub async fn add_member(
        &self,
        member: &MemberId,
        within: Duration,
    ) -> Result<MembersChanged, MembershipError> {
        let _one = self.begin_change().await?;
        self.add(member, within).await
    }

    /// Takes `member` out of the cluster.
    pub async fn remove_member(
        &self,
        member: &MemberId,
        by: &str,
    ) -> Result<MembersChanged, MembershipError> {
        let _one = self.begin_change().await?;
        self.remove(member, by).await?;
        Ok(self.changed_to())
    }

    /// Lets `member` come back with the data folder it now speaks from: the old one is forgotten,
    /// and it joins as a new member would.
    pub async fn readmit(
        &self,
        member: &MemberId,
        by: &str,
        within: Duration,
    ) -> Result<MembersChanged, MembershipError> {
        let _one = self.begin_change().await?;
        if *member == self.core.member {
            return Ok(self.changed_to());
        }
        // What it presents itself with, not what it last said: a wiped member is let in no further.
        let disk = self.presented(member)?;
        if self.core.roll.disk_of(member) == Some(disk) {
            // Nothing was lost, or it is half-way back already.
            return self.add(member, within).await;
        }
        if self.members().contains_key(&node_id(member)) {
            self.remove(member, by).await?;
        } else {
            self.forget_disk(member, by).await?;
        }
        self.add(member, within).await
    }

    /// The only change under way, if this member leads; a half-made one is finished first.
    async fn begin_change(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, MembershipError> {
        let one = self
            .changing
            .try_lock()
            .map_err(|_| MembershipError::Busy)?;
        if !self.leads() {
            return Err(MembershipError::NotLeader {
                leader: self.leader(),
            });
        }
        if self
            .core
            .metrics()
            .membership_config
            .membership()
            .get_joint_config()
            .len()
            > 1
        {
            // A leader was lost between the two halves of a change.
            self.change(ChangeMembers::AddVoterIds(BTreeSet::new()), true)
                .await?;
        }
        Ok(one)
    }

    async fn add(
        &self,
        member: &MemberId,
        within: Duration,
    ) -> Result<MembersChanged, MembershipError> {
        let node = node_id(member);
        if self.voters().contains_key(&node) {
            return Ok(self.changed_to());
        }
        let disk = self.presented(member)?;
        self.core.roll.check(member, disk)?;
        self.speaks(member, disk, within).await?;
        if let Some(ledger) = self.core.roll.strangers().remove(member) {
            // Its log would be overwritten with this one's, and its promises with it.
            let member = member.clone();
            return Err(MembershipError::OtherLedger { member, ledger });
        }
        if self.state().disks.is_empty() {
            // A cluster of one has not needed to know its own.
            self.command(CommandBody::FoundCluster {
                disks: self.core.roll.founders(),
            })
            .await?;
        }
        self.command(CommandBody::RecordDisk {
            member: member.clone(),
            disk,
        })
        .await?;
        let peer = Peer {
            member: member.clone(),
        };
        self.change(
            ChangeMembers::AddNodes(BTreeMap::from([(node, peer)])),
            true,
        )
        .await?;
        self.caught_up(member, node, within).await?;
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([node])), true)
            .await?;
        Ok(self.changed_to())
    }

    async fn remove(&self, member: &MemberId, by: &str) -> Result<(), MembershipError> {
        let node = node_id(member);
        if !self.members().contains_key(&node) {
            return Err(MembershipError::NoSuchMember {
                member: member.clone(),
                members: names(self.members().values()),
            });
        }
        if node == self.core.node {
            return Err(MembershipError::IsLeader {
                member: member.clone(),
            });
        }
        if self.voters().contains_key(&node) {
            self.keeps_quorum(member)?;
            self.change(ChangeMembers::RemoveVoters(BTreeSet::from([node])), false)
                .await?;
        } else {
            self.change(ChangeMembers::RemoveNodes(BTreeSet::from([node])), false)
                .await?;
        }
        self.forget_disk(member, by).await
    }

    fn presented(&self, member: &MemberId) -> Result<DiskId, MembershipError> {
        let disk = self.core.roll.speaks_from(member);
        disk.ok_or_else(|| MembershipError::NotHeard {
            member: member.clone(),
        })
    }

    /// Waits until the member has said of itself that it speaks from that data folder: it is let in,
    /// and what it can read is known.
    async fn speaks(
        &self,
        member: &MemberId,
        disk: DiskId,
        within: Duration,
    ) -> Result<(), MembershipError> {
        let roll = &self.core.roll;
        let spoken = async {
            while roll.hello_of(member).is_none_or(|hello| hello.disk != disk) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(within, spoken)
            .await
            .map_err(|_| MembershipError::NotBack {
                member: member.clone(),
                within,
                again: readmit_command(member),
            })
    }

    async fn forget_disk(&self, member: &MemberId, by: &str) -> Result<(), MembershipError> {
        self.command(CommandBody::Readmit {
            member: member.clone(),
            by: by.to_owned(),
        })
        .await
    }

    /// The rest must be able to decide by itself: openraft would accept the change and then commit
    /// nothing any more.
    fn keeps_quorum(&self, member: &MemberId) -> Result<(), MembershipError> {
        let rest: Vec<MemberId> = self
            .voters()
            .into_values()
            .filter(|voter| voter != member)
            .collect();
        let lease = self.core.timing.election_max;
        let heard = rest
            .iter()
            .filter(|voter| {
                let silence = self.core.roll.silence_of(voter);
                **voter == self.core.member || silence.is_some_and(|silence| silence <= lease)
            })
            .count();
        let needed = rest.len() / 2 + 1;
        if heard < needed {
            return Err(MembershipError::WouldLoseQuorum {
                member: member.clone(),
                voters: rest.len(),
                needed,
                heard,
            });
        }
        Ok(())
    }

    /// Waits until the learner has what the log held when the waiting began.
    async fn caught_up(
        &self,
        member: &MemberId,
        node: NodeId,
        within: Duration,
    ) -> Result<(), MembershipError> {
        let goal = self.core.metrics().last_log_index;
        let reached = |metrics: &Metrics| {
            let replication = metrics.replication.as_ref();
            let at = replication.and_then(|of| of.get(&node)).copied().flatten();
            at.map(|id| id.index) >= goal
        };
        let mut metrics = self.core.raft().metrics();
        let waited = tokio::time::timeout(within, async {
            while !reached(&metrics.borrow_and_update().clone()) {
                if metrics.changed().await.is_err() || !self.leads() {
                    return Err(MembershipError::NotLeader {
                        leader: self.leader(),
                    });
                }
            }
            Ok(())
        });
        waited.await.unwrap_or_else(|_| {
            Err(MembershipError::NotCaughtUp {
                member: member.clone(),
                within,
            })
        })
    }

    async fn command(&self, body: CommandBody) -> Result<(), MembershipError> {
        let command = Command {
            at: self.state().time,
            body,
        };
        self.propose(command).await??;
        Ok(())
    }

    async fn change(
        &self,
        changes: ChangeMembers<NodeId, Peer>,
        retain: bool,
    ) -> Result<(), MembershipError> {
        let raft = self.core.raft();
        let answer = self
            .bounded(
                "the change of members",
                raft.change_membership(changes, retain),
            )
            .await?;
        match answer {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => {
                Err(MembershipError::Unknown {
                    why: "this member lost the leadership meanwhile".to_owned(),
                })
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(e))) => {
                Err(MembershipError::Unknown { why: e.to_string() })
            }
            Err(RaftError::Fatal(fatal)) => Err(self.core.ended(&fatal).into()),
        }
    }

    /// Voters and learners.
    fn members(&self) -> BTreeMap<NodeId, MemberId> {
        let metrics = self.core.metrics();
        let nodes = metrics.membership_config.membership().nodes();
        nodes
            .map(|(node, peer)| (*node, peer.member.clone()))
            .collect()
    }

    fn voters(&self) -> BTreeMap<NodeId, MemberId> {
        let metrics = self.core.metrics();
        let membership = metrics.membership_config.membership();
        membership
            .voter_ids()
            .filter_map(|node| Some((node, member_of(membership, node)?)))
            .collect()
    }

    fn changed_to(&self) -> MembersChanged {
        let voters: BTreeSet<MemberId> = self.voters().into_values().collect();
        MembersChanged {
            warning: even_voters(voters.len()),
            voters,
        }
    }
}

/// What is wrong with an even number of voters; nothing with an odd one.
pub fn even_voters(voters: usize) -> Option<String> {
    (voters > 0 && voters.is_multiple_of(2)).then(|| {
        format!(
            "{voters} voters survive the loss of {}, as {} would: add or remove one",
            (voters - 1) / 2,
            voters - 1
        )
    })
}

fn names<'a>(members: impl Iterator<Item = &'a MemberId>) -> String {
    let names: BTreeSet<&str> = members.map(MemberId::as_str).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
