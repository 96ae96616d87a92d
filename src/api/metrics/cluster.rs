//! The cluster as this member sees it: every member tells it, because the one that leads may be the one
//! that is lost.

use std::fmt;

use super::family::{Gauges, len, truth};
use crate::daemon::snapshot::{ClusterView, Snapshot};
use crate::peer::PeerStatus;

const MS_PER_SECOND: i64 = 1_000;

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
    peers(out, cluster)?;
    out.counter(
        "peer_refusals",
        "How often this member refused another since it started, by reason",
        cluster
            .refusals
            .iter()
            .map(|(reason, times)| (vec![("reason", reason.as_str())], *times)),
    )?;
    out.seconds(
        "peer_certificate_not_after",
        "When this member's certificate ends, since 1970",
        cluster.certificate.as_ref().map(|certificate| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds since 1970 are far below 2^52"
            )]
            let seconds = (certificate.not_after_ms / MS_PER_SECOND) as f64;
            (Vec::new(), seconds)
        }),
    )?;
    out.plain(
        "peer_certificate_reload_failed",
        "Whether the certificate's files as they stand now cannot be taken",
        cluster
            .certificate
            .as_ref()
            .map(|certificate| (Vec::new(), truth(certificate.reload_error.is_some()))),
    )
}

fn peers(out: &mut Gauges<'_, '_>, cluster: &ClusterView) -> fmt::Result {
    fn labels(peer: &PeerStatus) -> Vec<(&'static str, &str)> {
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
        "peer_round_trip_worst",
        "The worst of the last hundred or so pings of another member: what the heartbeat must exceed",
        cluster.peers.iter().filter_map(|peer| {
            let worst = peer.round_trip_worst?;
            Some((labels(peer), worst.as_secs_f64()))
        }),
    )
}
