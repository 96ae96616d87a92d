//! How Raft reaches the other members: behind a trait object, so that the transport is chosen where
//! everything is wired, and one voter alone needs none.

use std::sync::Arc;

use async_trait::async_trait;
use openraft::error::{InstallSnapshotError, RPCError, RaftError, Unreachable};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};

use super::types::{NodeId, Peer, TypeConfig};

/// A message that got no good answer.
pub type RpcFailure<E = RaftError<NodeId>> = RPCError<NodeId, Peer, E>;

/// Opens links to other members.
pub trait Peers: Send + Sync + 'static {
    /// A link to that member. Never waits; connecting is the link's business.
    fn link(&self, target: NodeId, peer: &Peer) -> Box<dyn PeerLink>;
}

/// The way to one other member. Each call is bounded by `option.hard_ttl()`.
#[async_trait]
pub trait PeerLink: Send + Sync + 'static {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RpcFailure>;

    async fn vote(
        &mut self,
        request: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RpcFailure>;

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, RpcFailure<RaftError<NodeId, InstallSnapshotError>>>;
}

/// The network of a cluster of one: nobody is reachable.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeers;

impl Peers for NoPeers {
    fn link(&self, _target: NodeId, peer: &Peer) -> Box<dyn PeerLink> {
        Box::new(NoLink { peer: peer.clone() })
    }
}

#[derive(Debug)]
struct NoLink {
    peer: Peer,
}

#[derive(Debug, thiserror::Error)]
#[error("member {member} cannot be reached: this cluster has one member and no network")]
struct NoNetwork {
    member: crate::model::MemberId,
}

impl NoLink {
    fn unreachable(&self) -> Unreachable {
        Unreachable::new(&NoNetwork {
            member: self.peer.member.clone(),
        })
    }
}

#[async_trait]
impl PeerLink for NoLink {
    async fn append_entries(
        &mut self,
        _request: AppendEntriesRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RpcFailure> {
        Err(RPCError::Unreachable(self.unreachable()))
    }

    async fn vote(
        &mut self,
        _request: VoteRequest<NodeId>,
        _option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RpcFailure> {
        Err(RPCError::Unreachable(self.unreachable()))
    }

    async fn install_snapshot(
        &mut self,
        _request: InstallSnapshotRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, RpcFailure<RaftError<NodeId, InstallSnapshotError>>>
    {
        Err(RPCError::Unreachable(self.unreachable()))
    }
}

/// openraft's own traits have generic methods and cannot be objects: this stands between.
pub(super) struct Network(pub(super) Arc<dyn Peers>);

pub(super) struct Link(Box<dyn PeerLink>);

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: NodeId, node: &Peer) -> Link {
        Link(self.0.link(target, node))
    }
}

impl RaftNetwork<TypeConfig> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RpcFailure> {
        self.0.append_entries(rpc, option).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RpcFailure> {
        self.0.vote(rpc, option).await
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, RpcFailure<RaftError<NodeId, InstallSnapshotError>>>
    {
        self.0.install_snapshot(rpc, option).await
    }
}
