//! How a member stands for election: openraft has no pre-vote, so it asks around first, and asking
//! changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use openraft::Raft;

use super::core::{Core, Metrics, is_quorum, member_of};
use super::types::{NodeId, TypeConfig};
use super::wire::{Answer, Call};

/// Asks every voter whether it would vote for this member.
pub(super) async fn would_win(core: &Core, metrics: &Metrics) -> bool {
    let membership = metrics.membership_config.membership();
    let last_log = core.last_log();
    let mut yes = BTreeSet::from([core.node]);
    if is_quorum(membership, &yes) {
        return true;
    }
    let others: BTreeMap<NodeId, _> = membership
        .voter_ids()
        .filter(|node| *node != core.node)
        .filter_map(|node| Some((node, member_of(membership, node)?)))
        .collect();
    let within = core.timing.election_min;
    let mut answers: FuturesUnordered<_> = others
        .into_iter()
        .map(|(node, member)| async move {
            let call = Call::Canvass { last_log };
            let asked = core.network.ask(&member, call, within);
            let answer = tokio::time::timeout(within, asked).await;
            (
                node,
                matches!(answer, Ok(Ok(Answer::Canvass { yes: true }))),
            )
        })
        .collect();
    while let Some((node, agrees)) = answers.next().await {
        if agrees {
            yes.insert(node);
        }
        if is_quorum(membership, &yes) {
            return true;
        }
    }
    false
}

/// Stands for election, unless a leader was heard while the others were asked: it counts on this
/// member's word for a lease.
pub(super) async fn stand(core: &Core, raft: &Raft<TypeConfig>) {
    // Taken by whoever hears a leader right now.
    let Ok(_silence) = core.hearing.try_write() else {
        return;
    };
    if core.roll.hears_leader() {
        return;
    }
    if let Err(error) = raft.trigger().elect().await {
        tracing::debug!(%error, "the log core ended before the election");
    }
}

/// A random part of the election timeout, so that two members rarely stand at once. It is drawn
/// anew for each try; openraft's own is drawn once for each process, and two alike collide for ever.
#[allow(
    clippy::disallowed_methods,
    reason = "one seed for two members would make them stand at once"
)]
pub(super) fn jitter(core: &Core) -> Duration {
    let least = core.timing.heartbeat / 2;
    let spread = core.timing.election_min.saturating_sub(least);
    least + spread.mul_f64(rand::random::<f64>())
}
