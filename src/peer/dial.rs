//! One outgoing connection, kept up for as long as the member is in the list.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::connection::{self, Ended, Queues, Side};
use super::frame::Frame;
use super::greet::{self, Failed};
use super::net::Shared;
use super::pending::Pending;
use super::registry::Control;
use super::{Channel, PeerMember, Refusal};

/// Urgent frames that wait: a ping of ours and a pong of theirs, and room for a burst.
pub(super) const URGENT: usize = 8;

/// How it stands with a line.
#[derive(Clone, Debug)]
pub(super) enum LineState {
    Connecting,
    Up(Line),
    /// Until the next attempt.
    Down {
        why: String,
    },
}

/// What a call needs of a connection.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub pending: Arc<Pending>,
    pub outgoing: mpsc::Sender<Frame>,
}

/// Connects, and connects again, until `stop`.
pub(super) async fn keep(
    shared: Arc<Shared>,
    peer: PeerMember,
    channel: Channel,
    state: watch::Sender<LineState>,
    stop: CancellationToken,
) {
    let limits = &shared.options.limits;
    // Not for secrecy: only so that members, and channels, do not all dial in step.
    let mut jitter = StdRng::seed_from_u64(shared.options.boot.0 ^ channel as u64);
    let mut wait = limits.reconnect_min;
    let Some(arrived) = shared.registry.arrived(&peer.id) else {
        return;
    };
    loop {
        let attempt = async {
            state.send_replace(LineState::Connecting);
            once(&shared, &peer, channel, &state, &stop).await
        };
        let outcome = tokio::select! {
            outcome = attempt => outcome,
            // Within `once` an open connection sees `stop` too, and says goodbye.
            () = stopped_for_good(&stop) => return,
        };
        if stop.is_cancelled() {
            return;
        }
        match outcome {
            // It was up: the way is known to be good.
            Ok(()) => wait = limits.reconnect_min,
            Err(failed) => {
                if let Failed::WeRefuse(refusal) = &failed {
                    shared.registry.count(refusal);
                }
                let (code, message) = (failed.code(), failed.message());
                shared.trouble(&peer.id, code, &message);
                if let Failed::TheyRefuse(refusal) = &failed {
                    shared.registry.refused_by(&peer.id, refusal);
                    shared.handler.refused_by(&peer.id, refusal);
                }
                state.send_replace(LineState::Down { why: message });
                wait = match failed {
                    Failed::Unreachable { .. } | Failed::Lost { .. } => {
                        (wait * 2).min(limits.reconnect_max)
                    }
                    // A no does not become a yes by asking often.
                    Failed::WeRefuse(_) | Failed::TheyRefuse(_) => limits.reconnect_max,
                };
            }
        }
        let pause = wait.mul_f64(jitter.random_range(0.5..=1.0));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = arrived.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Longer than a goodbye: what still hangs then is dropped.
async fn stopped_for_good(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// One connection, from dialling to its end.
async fn once(
    shared: &Arc<Shared>,
    peer: &PeerMember,
    channel: Channel,
    state: &watch::Sender<LineState>,
    stop: &CancellationToken,
) -> Result<(), Failed> {
    let (urgent, urgent_frames) = mpsc::channel(URGENT);
    let control = Control::new(urgent, stop);
    let greeting = greet::dial(shared, peer, channel, control);
    let greeted = tokio::select! {
        greeted = greeting => greeted?,
        () = stop.cancelled() => return Ok(()),
    };
    let channel_limits = shared.options.limits.channel(channel);
    let (outgoing, outgoing_frames) = mpsc::channel(channel_limits.in_flight.max(1));
    let pending = Arc::new(Pending::default());
    if greeted.entered.first {
        shared.warnings.forget(peer.id.as_str());
    }
    state.send_replace(LineState::Up(Line {
        pending: Arc::clone(&pending),
        outgoing,
    }));
    let queues = Queues {
        outgoing: outgoing_frames,
        urgent: urgent_frames,
    };
    let side = Side::Caller(Arc::clone(&pending));
    let ended = connection::run(
        greeted.wire,
        &side,
        queues,
        &greeted.entered,
        &shared.options.limits,
        channel_limits.body,
    )
    .await;
    state.send_replace(LineState::Connecting);
    pending.end();
    drop(greeted.entered);
    shared.ended(&peer.id, &ended);
    match ended {
        // The next attempt would be refused too: it waits its turn.
        Ended::Refused(refusal) => Err(Failed::WeRefuse(refusal)),
        // It goes on right away: a restart, new authorities, a place taken over.
        Ended::Goodbye(Refusal::ShuttingDown | Refusal::Other { .. })
        | Ended::Broken(_)
        | Ended::Closed(_) => Ok(()),
        Ended::Goodbye(refusal) => Err(Failed::TheyRefuse(refusal)),
    }
}
