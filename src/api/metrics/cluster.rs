//! The cluster as this member sees it: every member tells it, because the one that leads may be the one
//! that is lost.

use std::fmt;

use super::family::{Gauges, Labels, len, truth};
use crate::daemon::snapshot::{ClusterView, Snapshot};
use crate::model::MemberId;
use crate::peer::{ChannelTraffic, PeerStatus};

pub(super) fn encode(out: &mut Gauges<'_, '_>, snapshot: &Snapshot) -> fmt::Result {
    let cluster = &snapshot.cluster;
    out.single(
        "quorum_reachable",
        "Whether this member leads with a quorum behind it, or hears the member that does",
        truth(cluster.quorum.reachable),
    )?;
    out.single(
        "quorum_lost",
        "The alarm: no quorum has been seen from here for longer than an election takes",
        truth(cluster.quorum_lost),
    )?;
    out.single(
        "voters",
        "How many members decide together, by the log",
        len(cluster.quorum.voters.len()),
    )?;
    out.single(
        "voters_connected",
        "How many of the voters are this member or have every channel to it open",
        len(connected(cluster)),
    )?;
    out.seconds(
        "cluster_heartbeat_interval",
        "How often a leader is heard, in real time: what a round trip must not exceed",
        [(Labels::new(), cluster.heartbeat.as_secs_f64())],
    )?;
    peers(out, cluster)?;
    traffic(out, cluster)?;
    out.counter(
        "peer_refusals",
        "How often this member refused another since it started, by reason",
        cluster
            .refusals
            .iter()
            .map(|(reason, times)| (vec![("reason", reason.as_str())], *times)),
    )
}

fn connected(cluster: &ClusterView) -> usize {
    let is_connected = |member: &MemberId| {
        let mut peers = cluster.peers.iter();
        peers.any(|peer| peer.member == *member && peer.connected)
    };
    cluster
        .quorum
        .voters
        .iter()
        .filter(|voter| voter.is_self || is_connected(&voter.member))
        .count()
}

fn peers(out: &mut Gauges<'_, '_>, cluster: &ClusterView) -> fmt::Result {
    fn labels(peer: &PeerStatus) -> Labels<'_> {
        vec![("peer", peer.member.as_str())]
    }
    out.plain(
        "peer_connected",
        "Whether every channel to another member is open",
        cluster
            .peers
            .iter()
            .map(|peer| (labels(peer), truth(peer.connected))),
    )?;
    out.seconds(
        "peer_silence",
        "How long ago the last byte of another member came, in real time; no series if none ever did",
        cluster
            .peers
            .iter()
            .filter_map(|peer| Some((labels(peer), peer.last_heard?.as_secs_f64()))),
    )?;
    out.seconds(
        "peer_round_trip",
        "How long the latest ping of another member took",
        cluster
            .peers
            .iter()
            .filter_map(|peer| Some((labels(peer), peer.round_trip?.as_secs_f64()))),
    )?;
    out.seconds(
        "peer_round_trip_worst",
        "The worst of the last hundred or so pings of another member: what the heartbeat must exceed",
        cluster
            .peers
            .iter()
            .filter_map(|peer| Some((labels(peer), peer.round_trip_worst?.as_secs_f64()))),
    )
}

fn traffic(out: &mut Gauges<'_, '_>, cluster: &ClusterView) -> fmt::Result {
    type Figure = fn(&ChannelTraffic) -> [u64; 2];
    let samples = |figure: Figure| {
        let channels = cluster.peers.iter().flat_map(|peer| {
            let channels = peer.traffic.iter();
            channels.map(move |(channel, traffic)| (peer, channel, traffic))
        });
        channels.flat_map(move |(peer, channel, traffic)| {
            let directions = ["sent", "received"].into_iter().zip(figure(traffic));
            directions.map(move |(direction, amount)| {
                let labels = vec![
                    ("peer", peer.member.as_str()),
                    ("channel", channel.as_str()),
                    ("direction", direction),
                ];
                (labels, amount)
            })
        })
    };
    out.counter(
        "peer_frames",
        "Frames between this member and another since this one started",
        samples(|traffic| [traffic.frames_sent, traffic.frames_received]),
    )?;
    out.byte_counter(
        "peer_traffic",
        "Bytes between this member and another since this one started, before encryption",
        samples(|traffic| [traffic.bytes_sent, traffic.bytes_received]),
    )
}
