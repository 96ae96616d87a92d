//! How Raft reaches the other members: bytes through a trait object, so that the transport is chosen
//! where everything is wired, and one voter alone needs none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use openraft::error::{InstallSnapshotError, RPCError, RaftError, RemoteError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};

use crate::model::MemberId;

use super::host::since_boot;
use super::marks::mark;
use super::roll::Roll;
use super::types::{NodeId, Peer, TypeConfig};
use super::wire::{self, Answer, Call, Request};

/// What a message is, as far as its carrier must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freight {
    /// Heartbeats, elections, log entries: nothing may hold them up.
    Message,
    /// A part of a snapshot: megabytes that must not hold up the others.
    Snapshot,
}

/// Carries one message to a member and its answer back.
#[async_trait]
pub trait PeerCalls: Send + Sync + 'static {
    /// Hands `body` to the ledger of `to` and returns its answer. Never takes longer than `within`.
    async fn call(
        &self,
        to: &MemberId,
        freight: Freight,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<Vec<u8>, PeerCallError>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerCallError {
    /// Certainly not done.
    #[error("refused: {0}")]
    Refused(String),
    /// Done or not.
    #[error("no answer: {0}")]
    Unknown(String),
}

/// The network of a cluster of one: nobody is reachable.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeers;

#[async_trait]
impl PeerCalls for NoPeers {
    async fn call(
        &self,
        to: &MemberId,
        _freight: Freight,
        _body: Vec<u8>,
        _within: Duration,
    ) -> Result<Vec<u8>, PeerCallError> {
        Err(PeerCallError::Refused(format!(
            "member {to} cannot be reached: this cluster has one member and no network"
        )))
    }
}

/// Why a call gave nothing that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("member {to} was not reached")]
    Peer {
        to: MemberId,
        #[source]
        source: PeerCallError,
    },
    #[error("member {to} answered what cannot be understood")]
    Garbled {
        to: MemberId,
        #[source]
        source: wire::WireError,
    },
    #[error("member {to} answered another question")]
    Mismatch { to: MemberId },
}

/// Everything that is needed to speak to other members.
#[derive(Clone)]
pub(super) struct Network {
    pub(super) peers: Arc<dyn PeerCalls>,
    pub(super) roll: Arc<Roll>,
    /// How long a member that cannot be reached is left alone.
    pub(super) pause: Duration,
}

impl Network {
    pub(super) async fn ask(
        &self,
        to: &MemberId,
        call: Call,
        within: Duration,
    ) -> Result<Answer, CallError> {
        let freight = match &call {
            Call::Snapshot(_) => Freight::Snapshot,
            Call::Append(_) | Call::Vote(_) | Call::Canvass { .. } => Freight::Message,
        };
        let body = wire::encode_request(&Request {
            to_disk: self.roll.disk_of(to),
            ledger: self.roll.ledger(),
            call,
        });
        let answer = self
            .peers
            .call(to, freight, body, within)
            .await
            .map_err(|source| CallError::Peer {
                to: to.clone(),
                source,
            })?;
        self.roll.contact(to);
        wire::decode_answer(&answer).map_err(|source| CallError::Garbled {
            to: to.clone(),
            source,
        })
    }
}

pub(super) struct Link {
    network: Network,
    target: NodeId,
    peer: Peer,
}

impl Link {
    async fn ask<E: std::error::Error>(
        &self,
        call: Call,
        option: &RPCOption,
    ) -> Result<Answer, RPCError<NodeId, Peer, E>> {
        self.network
            .ask(&self.peer.member, call, option.hard_ttl())
            .await
            .map_err(|e| unreachable(&e))
    }

    fn mismatch<E: std::error::Error>(&self) -> RPCError<NodeId, Peer, E> {
        unreachable(&CallError::Mismatch {
            to: self.peer.member.clone(),
        })
    }
}

/// Every failure is "unreachable": openraft asks again at once after any other, as fast as a refused
/// connection can be refused.
fn unreachable<E: std::error::Error>(error: &CallError) -> RPCError<NodeId, Peer, E> {
    RPCError::Unreachable(Unreachable::new(error))
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: NodeId, node: &Peer) -> Link {
        Link {
            network: self.clone(),
            target,
            peer: node.clone(),
        }
    }
}

impl RaftNetwork<TypeConfig> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, Peer, RaftError<NodeId>>> {
        let (vote, sent) = (rpc.vote, since_boot());
        let written = rpc.entries.last().map(|entry| entry.log_id);
        match self.ask(Call::Append(rpc), &option).await? {
            Answer::Append(answer) => {
                let roll = &self.network.roll;
                let member = &self.peer.member;
                let durable = match &answer {
                    AppendEntriesResponse::Success => written,
                    AppendEntriesResponse::PartialSuccess(upto) => *upto,
                    AppendEntriesResponse::Conflict => None,
                    AppendEntriesResponse::HigherVote(_) => return Ok(answer),
                };
                roll.acknowledge(member, vote, sent);
                roll.saw(member, mark(&vote, durable));
                Ok(answer)
            }
            Answer::Vote(_) | Answer::Snapshot(_) | Answer::Canvass { .. } => Err(self.mismatch()),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, Peer, RaftError<NodeId>>> {
        let vote = rpc.vote;
        match self.ask(Call::Vote(rpc), &option).await? {
            Answer::Vote(answer) => {
                if answer.vote_granted {
                    self.network.roll.saw(&self.peer.member, mark(&vote, None));
                }
                Ok(answer)
            }
            Answer::Append(_) | Answer::Snapshot(_) | Answer::Canvass { .. } => {
                Err(self.mismatch())
            }
        }
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<
        InstallSnapshotResponse<NodeId>,
        RPCError<NodeId, Peer, RaftError<NodeId, InstallSnapshotError>>,
    > {
        match self.ask(Call::Snapshot(rpc), &option).await? {
            Answer::Snapshot(Ok(answer)) => Ok(answer),
            Answer::Snapshot(Err(error)) => Err(RPCError::RemoteError(RemoteError::new(
                self.target,
                RaftError::APIError(error),
            ))),
            Answer::Append(_) | Answer::Vote(_) | Answer::Canvass { .. } => Err(self.mismatch()),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(self.network.pause))
    }
}
