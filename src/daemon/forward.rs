//! What a follower forwards to the leader: an operator may ask any member.
//!
//! Invariant: a call is forwarded once. Who is asked and does not lead says so, and never forwards it
//! on: two members that each believe the other leads must not play ball with it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::controller::{DrillAsk, Input, PlanAsk, Planned, RunRequest, Started};
use crate::ledger::RaftLedger;
use crate::model::{CommandBody, DrillId, Event, MemberId, Rejection};
use crate::peer::{Channel, PeerError, Refusal};
use crate::ports::LedgerError;

use super::cluster::{Cluster, decode, encode};
use super::game_day;
use super::members::{self, ChangeRefused, MemberChange, MembersNow};
use super::operate::{self, AskFailed};
use super::perform::Performer;

/// Real time that the leader has: its own ledger gives up sooner.
const WITHIN: Duration = Duration::from_secs(10);

/// What an operator wants of the leader.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Forwarded {
    Request(RunRequest),
    Command(CommandBody),
    Members(MemberChange),
    Plan(PlanAsk),
    Start(RunRequest),
    BeginDrill(DrillAsk),
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Answered {
    /// The request is being followed.
    Taken,
    Committed(Result<Event, Rejection>),
    /// Also where this member does not lead: the refusal says so.
    Members(Result<MembersNow, ChangeRefused>),
    NotLeader,
    Unknown {
        why: String,
    },
    Planned(Result<Box<Planned>, AskFailed>),
    Started(Result<Started, AskFailed>),
    DrillBegun(Result<DrillId, AskFailed>),
}

/// Answers what another member forwards.
pub(super) async fn answer(
    performer: &Performer,
    ledger: &Arc<RaftLedger>,
    from: &MemberId,
    body: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let forwarded: Forwarded = decode(body)?;
    tracing::info!(%from, "an operator's call is forwarded to this member");
    let (performer, ledger) = (performer.clone(), Arc::clone(ledger));
    // Brought to its end though the caller may stop waiting.
    let done = tokio::spawn(async move { take(&performer, &ledger, forwarded).await }).await;
    encode(&done.unwrap_or_else(|error| Answered::Unknown {
        why: error.to_string(),
    }))
}

async fn take(performer: &Performer, ledger: &RaftLedger, forwarded: Forwarded) -> Answered {
    if !performer.ledger.leads() {
        return Answered::NotLeader;
    }
    match forwarded {
        Forwarded::Members(change) => Answered::Members(members::make(ledger, &change).await),
        Forwarded::Plan(ask) => {
            Answered::Planned(operate::plan_here(performer, ask).await.map(Box::new))
        }
        Forwarded::Start(request) => {
            Answered::Started(operate::start_here(performer, request).await)
        }
        Forwarded::BeginDrill(ask) => {
            Answered::DrillBegun(game_day::begin_here(performer, ask).await)
        }
        Forwarded::Request(request) => match performer.inbox.send(Input::Request(request)).await {
            Ok(()) => Answered::Taken,
            Err(_) => Answered::NotLeader,
        },
        Forwarded::Command(body) => match performer.operate(body).await {
            Ok(answer) => Answered::Committed(answer),
            Err(LedgerError::NotLeader) => Answered::NotLeader,
            Err(error @ (LedgerError::Unknown { .. } | LedgerError::Stopped { .. })) => {
                Answered::Unknown {
                    why: error.to_string(),
                }
            }
        },
    }
}

/// Forwards to whoever leads.
pub(super) async fn forward(
    cluster: &Cluster,
    forwarded: &Forwarded,
) -> Result<Answered, LedgerError> {
    let unknown = |why: String| LedgerError::Unknown { why };
    let leader = cluster.ledger().leader().ok_or(LedgerError::NotLeader)?;
    let net = cluster.net().ok_or(LedgerError::NotLeader)?;
    let body = encode(forwarded).map_err(|refusal| unknown(refusal.to_string()))?;
    let answer = match net
        .call(&leader, Channel::Operator, body.into(), WITHIN)
        .await
    {
        Ok(answer) => answer,
        // Certainly not done.
        Err(PeerError::NotSent { why, .. }) => {
            tracing::warn!(%leader, %why, "the leader was not reached");
            return Err(LedgerError::NotLeader);
        }
        Err(error @ (PeerError::Refused { .. } | PeerError::Unknown { .. })) => {
            return Err(unknown(error.to_string()));
        }
    };
    match decode(&answer) {
        Ok(Answered::NotLeader) => Err(LedgerError::NotLeader),
        Ok(Answered::Unknown { why }) => Err(unknown(why)),
        Ok(
            answered @ (Answered::Taken
            | Answered::Committed(_)
            | Answered::Members(_)
            | Answered::Planned(_)
            | Answered::Started(_)
            | Answered::DrillBegun(_)),
        ) => Ok(answered),
        Err(refusal) => Err(unknown(refusal.to_string())),
    }
}
