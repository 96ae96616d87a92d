//! What the peer port is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::Channel;
use crate::config::{Config, PeerSecurity, Peering};
use crate::model::{BootId, DiskId, DiskMark, MemberId, RegionId};

/// Everything one member's port is told.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    pub me: MemberId,
    pub region: RegionId,
    /// Two clusters never talk, even on each other's addresses with each other's certificates.
    pub cluster: String,
    pub boot: BootId,
    pub disk: DiskId,
    /// How far the data folder went when this life began.
    pub mark: DiskMark,
    /// The log schema that this build speaks. One apart is a rolling upgrade; more is refused.
    pub schema: u32,
    pub listen: SocketAddr,
    /// The other members; this one may be among them and is passed over.
    pub members: Vec<PeerMember>,
    pub security: PeerSecurity,
    pub limits: Limits,
}

impl PeerOptions {
    /// As configured. `peering` is [`Config::peering`].
    pub fn new(
        config: &Config,
        peering: &Peering,
        boot: BootId,
        (disk, mark): (DiskId, DiskMark),
        schema: u32,
    ) -> Self {
        Self {
            me: config.node.id.clone(),
            region: config.node.region.clone(),
            cluster: peering.cluster.clone(),
            boot,
            disk,
            mark,
            schema,
            listen: peering.listen,
            members: peering
                .addresses
                .iter()
                .map(|(id, address)| PeerMember {
                    id: id.clone(),
                    address: address.clone(),
                })
                .collect(),
            security: peering.security.clone(),
            limits: Limits::default(),
        }
    }
}

/// Another member, and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerMember {
    pub id: MemberId,
    /// `host:port`; resolved anew for each connection.
    pub address: String,
}

/// Bounds. All durations are real time.
#[derive(Clone, Debug)]
pub struct Limits {
    pub channels: BTreeMap<Channel, ChannelLimits>,
    /// Name resolution and TCP connect, together.
    pub connect: Duration,
    /// TLS and hello, together. Longer than `liveness`, which happens within it.
    pub handshake: Duration,
    /// Between two pings, on each connection, from each side.
    pub keepalive: Duration,
    /// A connection on which not a byte came for this long is lost.
    pub silence: Duration,
    /// 64 KiB that the other side does not take within this long: it is stuck.
    pub stall: Duration,
    /// How long an earlier life of a member may take to answer before a later one replaces it.
    pub liveness: Duration,
    /// Between two attempts to connect; doubled up to `reconnect_max`, jittered by half.
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
    /// The longest that one request is worked on, whatever its caller says.
    pub handle: Duration,
    /// Handshakes of others at the same time, at most half of them from one address; more are closed at
    /// once.
    pub handshakes: usize,
    /// Between two looks at the certificate's files.
    pub reload: Duration,
    /// A warning that says the same again stays silent for this long.
    pub repeat_warning: Duration,
}

/// Bounds of one channel, for each other member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelLimits {
    /// Bytes of one request or one answer.
    pub body: u32,
    /// Calls at the same time, in each direction.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u32 = 1 << 20;
        let channel = |body, in_flight| ChannelLimits { body, in_flight };
        Self {
            channels: BTreeMap::from([
                // One batch of log entries; a plan is some tens of kilobytes.
                (Channel::Raft, channel(16 * MIB, 16)),
                // openraft sends one chunk at a time, of 3 MiB unless told otherwise.
                (Channel::Snapshot, channel(16 * MIB, 2)),
                // A thousand applications with five Regions each; one round and its predecessor.
                (Channel::Votes, channel(4 * MIB, 4)),
                (Channel::Operator, channel(4 * MIB, 32)),
            ]),
            // Two retransmitted SYNs (1 s, 2 s) over the slowest path between Regions.
            connect: Duration::from_secs(4),
            handshake: Duration::from_secs(5),
            keepalive: Duration::from_secs(1),
            // Several lost pings and their retransmissions over 250 ms.
            silence: Duration::from_secs(6),
            stall: Duration::from_secs(6),
            liveness: Duration::from_secs(2),
            reconnect_min: Duration::from_millis(100),
            // A member that comes back is spoken to within one election.
            reconnect_max: Duration::from_secs(2),
            handle: Duration::from_secs(60),
            // Five members with four channels at once, thrice over.
            handshakes: 64,
            reload: Duration::from_secs(5),
            repeat_warning: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// Of one channel. One that is not listed takes nothing.
    pub(super) fn channel(&self, channel: Channel) -> ChannelLimits {
        self.channels
            .get(&channel)
            .copied()
            .unwrap_or(ChannelLimits {
                body: 0,
                in_flight: 0,
            })
    }
}
