//! Who is a member: changed by a person alone, at whichever member they ask.
//!
//! ```text
//!   API ─▶ change ─┬─ this member leads ────▶ make ─▶ ledger
//!                  └─ it follows ═ operator ═▶ make, at the leader
//! ```
//!
//! Invariant: no refusal is lost on the way back: the person reads what the leader said, with the
//! remedy.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::{MembersChanged, MembershipError, RaftLedger};
use crate::model::MemberId;
use crate::ports::{Ledger, LedgerError};

use super::cluster::Cluster;
use super::forward::{self, Answered, Forwarded};

/// Real time for which a member may take to come back, and again to catch up, before the person is
/// told to ask again: asking again goes on where this ended. Together with the commits it stays below
/// what a connection of the API lives.
const WITHIN: Duration = Duration::from_secs(3);

/// Real time after which the person is told that nobody knows yet.
const PATIENCE: Duration = Duration::from_secs(9);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberChange {
    /// What is to be done
    pub act: MemberAct,
    /// with whom,
    pub member: MemberId,
    /// and who says so.
    pub by: String,
}

/// What may be done with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberAct {
    /// It votes from now on.
    Add,
    /// It votes no more, and its data folder is forgotten.
    Remove,
    /// It comes back with another data folder than the one on record.
    Readmit,
    /// It gives up leadership.
    StandDown,
}

/// Who decides, after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersNow {
    /// Those who vote.
    pub voters: BTreeSet<MemberId>,
    /// What a person should know about the result.
    pub warning: Option<String>,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct ChangeRefused {
    /// For programs.
    pub code: ChangeCode,
    /// For people.
    pub reason: String,
    /// What they may do about it.
    pub remedy: String,
}

/// The kinds of refusal, stable over versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeCode {
    /// Nobody leads, or not the member that was asked.
    NoLeader,
    /// Another change is under way.
    Busy,
    /// The member has not been heard.
    NotHeard,
    /// There is no such member.
    NoSuchMember,
    /// It speaks from another data folder.
    OtherDisk,
    /// It leads.
    IsLeader,
    /// It does not lead.
    IsNotLeader,
    /// The rest could not decide.
    WouldLoseQuorum,
    /// Begun, and to be gone on with by asking again.
    Unfinished,
    /// Done or not.
    Unknown,
    /// The replicated state says no.
    Rejected,
}

impl ChangeCode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLeader => "no_leader",
            Self::Busy => "busy",
            Self::NotHeard => "not_heard",
            Self::NoSuchMember => "no_such_member",
            Self::OtherDisk => "other_disk",
            Self::IsLeader => "is_leader",
            Self::IsNotLeader => "is_not_leader",
            Self::WouldLoseQuorum => "would_lose_quorum",
            Self::Unfinished => "unfinished",
            Self::Unknown => "unknown",
            Self::Rejected => "rejected",
        }
    }
}

impl ChangeRefused {
    fn new(code: ChangeCode, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    fn no_leader(reason: impl Into<String>) -> Self {
        let remedy = "Members are changed by the leader. Ask again in a few seconds; if nobody leads \
                      then, bring back enough members: failoverctl member list says who is heard.";
        Self::new(ChangeCode::NoLeader, reason, remedy)
    }

    fn unknown(reason: impl Into<String>) -> Self {
        let remedy = "Look at the members before asking again: failoverctl member list.";
        Self::new(ChangeCode::Unknown, reason, remedy)
    }
}

/// Has it done by whoever leads.
pub(super) async fn change(
    cluster: &Cluster,
    change: MemberChange,
) -> Result<MembersNow, ChangeRefused> {
    let cluster = cluster.clone();
    // Brought to its end though whoever asked may go away.
    let done = tokio::spawn(async move {
        if cluster.ledger().leads() {
            make(cluster.ledger(), &change).await
        } else {
            forwarded(&cluster, change).await
        }
    });
    match tokio::time::timeout(PATIENCE, done).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(ChangeRefused::unknown(error.to_string())),
        Err(_elapsed) => Err(ChangeRefused::unknown(
            "the change was not confirmed in time; it may still be made",
        )),
    }
}

async fn forwarded(cluster: &Cluster, change: MemberChange) -> Result<MembersNow, ChangeRefused> {
    match forward::forward(cluster, &Forwarded::Members(change)).await {
        Ok(Answered::Members(answer)) => answer,
        Ok(
            Answered::Taken
            | Answered::Committed(_)
            | Answered::Planned(_)
            | Answered::Started(_)
            | Answered::DrillBegun(_)
            | Answered::NotLeader
            | Answered::Unknown { .. },
        ) => Err(ChangeRefused::unknown(
            "the leader answered another question",
        )),
        Err(error) => Err(of_ledger(&error)),
    }
}

/// Does it here.
pub(super) async fn make(
    ledger: &RaftLedger,
    change: &MemberChange,
) -> Result<MembersNow, ChangeRefused> {
    let MemberChange { act, member, by } = change;
    tracing::info!(?act, %member, by, "an operator changes the members");
    let done = match act {
        MemberAct::Add => ledger.add_member(member, WITHIN).await,
        MemberAct::Remove => ledger.remove_member(member, by).await,
        MemberAct::Readmit => ledger.readmit(member, by, WITHIN).await,
        MemberAct::StandDown => return stand_down(ledger, member, by).await,
    };
    match done {
        Ok(MembersChanged { voters, warning }) => {
            tracing::info!(?act, %member, by, voters = names(&voters), "the members were changed");
            Ok(MembersNow { voters, warning })
        }
        Err(error) => {
            let refused = of_membership(error);
            tracing::warn!(?act, %member, by, code = refused.code.as_str(), reason = refused.reason, "the members were not changed");
            Err(refused)
        }
    }
}

async fn stand_down(
    ledger: &RaftLedger,
    member: &MemberId,
    by: &str,
) -> Result<MembersNow, ChangeRefused> {
    let quorum = ledger.quorum();
    if quorum.leader.as_ref() != Some(member) || !ledger.leads() {
        let reason = match quorum.leader {
            Some(leader) => format!("member {member} does not lead: {leader} does"),
            None => format!("member {member} does not lead: nobody does"),
        };
        let remedy = "Only the leader can stand down: failoverctl member list says who leads.";
        return Err(ChangeRefused::new(ChangeCode::IsNotLeader, reason, remedy));
    }
    let voters: BTreeSet<MemberId> = quorum.voters.into_iter().map(|v| v.member).collect();
    if voters.len() == 1 {
        return Err(ChangeRefused::new(
            ChangeCode::WouldLoseQuorum,
            format!("member {member} is the only one that votes: nobody else could lead"),
            "Add a member first: failoverctl member add.",
        ));
    }
    Ledger::stand_down(ledger, &format!("{by} asks for it"))
        .await
        .map_err(|error| of_ledger(&error))?;
    Ok(MembersNow {
        voters,
        warning: None,
    })
}

fn of_ledger(error: &LedgerError) -> ChangeRefused {
    match error {
        LedgerError::NotLeader => ChangeRefused::no_leader("nobody leads, or it is not reached"),
        LedgerError::Unknown { .. } | LedgerError::Stopped { .. } => {
            ChangeRefused::unknown(error.to_string())
        }
    }
}

fn of_membership(error: MembershipError) -> ChangeRefused {
    use ChangeCode as Code;
    match error {
        MembershipError::NotLeader { leader } => ChangeRefused::no_leader(match leader {
            Some(leader) => format!("{leader} leads meanwhile"),
            None => "nobody leads".to_owned(),
        }),
        MembershipError::Busy => ChangeRefused::new(
            Code::Busy,
            "another change of members is under way",
            "Wait until it is done, then ask again.",
        ),
        MembershipError::NotHeard { member } => ChangeRefused::new(
            Code::NotHeard,
            format!("member {member} has not been heard"),
            "Every daemon needs it in its [[member]] list (restart them one by one), and it must run \
             with the same list and a certificate of the cluster's authority. Then ask again.",
        ),
        MembershipError::NoSuchMember { member, members } => ChangeRefused::new(
            Code::NoSuchMember,
            format!("member {member} is not in the cluster"),
            format!("Its members are {members}."),
        ),
        MembershipError::Wiped(wiped) => ChangeRefused::new(
            Code::OtherDisk,
            format!(
                "member {} speaks from disk {}, and is known by disk {}",
                wiped.member, wiped.got, wiped.known
            ),
            format!("If its data folder was lost, run: {}.", wiped.remedy),
        ),
        MembershipError::OtherLedger { member, ledger } => ChangeRefused::new(
            Code::OtherDisk,
            format!("member {member} is of another ledger: {ledger}"),
            format!(
                "If this ledger is the right one, stop {member}, move its data folder away, start it \
                 with an empty one, and ask again."
            ),
        ),
        MembershipError::IsLeader { member } => ChangeRefused::new(
            Code::IsLeader,
            format!("member {member} leads, and the leader cannot remove itself"),
            format!(
                "Run failoverctl member stand-down {member}, wait until another member leads, and \
                 ask again."
            ),
        ),
        MembershipError::WouldLoseQuorum {
            member,
            voters,
            needed,
            heard,
        } => ChangeRefused::new(
            Code::WouldLoseQuorum,
            format!(
                "without member {member}, {needed} of {voters} voters are needed, and only {heard} \
                 {are} heard",
                are = if heard == 1 { "is" } else { "are" }
            ),
            "Bring the silent ones back first.",
        ),
        MembershipError::NotBack { member, within, .. } => ChangeRefused::new(
            Code::Unfinished,
            format!("member {member} has not spoken from its data folder within {within:?}"),
            "Look at its log, then ask the same again.",
        ),
        MembershipError::NotCaughtUp { member, within } => ChangeRefused::new(
            Code::Unfinished,
            format!("member {member} follows, and has not caught up within {within:?}"),
            "It does not vote yet. Look at its log, then ask the same again.",
        ),
        MembershipError::Unknown { why } => {
            ChangeRefused::unknown(format!("the change was not confirmed: {why}"))
        }
        MembershipError::Rejected(rejection) => ChangeRefused::new(
            Code::Rejected,
            rejection.to_string(),
            "Look at the members: failoverctl member list.",
        ),
        MembershipError::Ledger(error) => of_ledger(&error),
    }
}

fn names(members: &BTreeSet<MemberId>) -> String {
    let names: Vec<&str> = members.iter().map(MemberId::as_str).collect();
    names.join(", ")
}
