//! Calls of another member, handed to the handler.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::frame::Frame;
use super::{Channel, ChannelLimits, PeerHandler, PeerIdentity, Refusal};

/// One incoming connection's calls.
pub(super) struct Serving {
    pub handler: Arc<dyn PeerHandler>,
    pub from: Arc<PeerIdentity>,
    pub channel: Channel,
    pub limits: ChannelLimits,
    /// The longest that one call is worked on.
    pub longest: Duration,
    /// Of this member and channel, over all its connections: reconnecting does not buy more.
    pub in_flight: Arc<Semaphore>,
    pub outgoing: mpsc::Sender<Frame>,
    pub tracker: TaskTracker,
    pub stop: CancellationToken,
}

impl Serving {
    /// Works on a call on the side, or refuses it. Waits only while answers cannot be sent.
    pub async fn request(&self, id: u64, within_ms: u32, body: Bytes) {
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            let refusal = Refusal::Busy {
                channel: self.channel,
                limit: self.limits.in_flight,
            };
            let body = refusal.encode();
            // Fails only with the connection.
            let _ = self.outgoing.send(Frame::Refuse { id, body }).await;
            return;
        };
        let within = Duration::from_millis(u64::from(within_ms)).min(self.longest);
        let (handler, from, channel) = (
            Arc::clone(&self.handler),
            Arc::clone(&self.from),
            self.channel,
        );
        let (outgoing, stop, limit) = (self.outgoing.clone(), self.stop.clone(), self.limits.body);
        self.tracker.spawn(async move {
            let work = timeout(within, handler.handle(&from, channel, body));
            let answer = tokio::select! {
                answer = work => answer,
                () = stop.cancelled() => return,
            };
            let frame = match answer {
                Ok(Ok(body)) if body.len() <= limit as usize => Frame::Reply { id, body },
                Ok(Ok(body)) => {
                    let size = body.len();
                    tracing::error!(peer = %from.member, %channel, size, limit, "an answer is too large to be sent");
                    Frame::Refuse {
                        id,
                        body: Refusal::AnswerTooLarge { size, limit }.encode(),
                    }
                }
                Ok(Err(refusal)) => Frame::Refuse {
                    id,
                    body: refusal.encode(),
                },
                // Its caller waits no longer.
                Err(_elapsed) => return,
            };
            // Until the answer has a place in the queue, the call counts: so the queue is bounded too.
            let _ = outgoing.send(frame).await;
            drop(permit);
        });
    }
}
