//! Hands messages out to every receiver that wants them, without waiting for any.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::courier::Courier;
use super::letter::Sender;
use super::message::Message;
use super::tally::{Fate, SinkTally, Tally};
use super::{ClientError, client};
use crate::config::NotifySink;
use crate::ports::Clock;

/// Messages that wait for one receiver. An outage of a fleet of a hundred applications makes two or
/// three each; what is older than that is no news any more.
const QUEUE: usize = 256;

/// Every receiver.
#[derive(Clone, Debug)]
pub struct Desk {
    trays: Arc<[Tray]>,
}

/// One receiver's queue.
#[derive(Clone, Debug)]
struct Tray {
    sink: Arc<NotifySink>,
    queue: Arc<Queue>,
    tally: Tally,
}

/// Bounded; its oldest message makes room for the newest.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Message>>,
    arrived: Notify,
}

impl Desk {
    /// Starts a courier for each receiver. They end when `stopping` is cancelled, each after the
    /// attempt it is at.
    ///
    /// # Errors
    ///
    /// If this host cannot speak HTTP.
    pub fn open(
        sinks: &[NotifySink],
        sender: Sender,
        tally: &Tally,
        clock: &Arc<dyn Clock>,
        stopping: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Self, ClientError> {
        let http = client()?;
        let trays: Vec<Tray> = sinks
            .iter()
            .map(|sink| {
                let tray = Tray {
                    sink: Arc::new(sink.clone()),
                    queue: Arc::default(),
                    tally: tally.clone(),
                };
                let courier = Courier {
                    sink: Arc::clone(&tray.sink),
                    queue: Arc::clone(&tray.queue),
                    tally: tally.clone(),
                    sender: sender.clone(),
                    http: http.clone(),
                    clock: Arc::clone(clock),
                    stopping: stopping.clone(),
                };
                tasks.spawn(courier.run());
                tray
            })
            .collect();
        Ok(Self {
            trays: trays.into(),
        })
    }

    /// Hands it to everybody who wants it.
    pub fn tell(&self, message: &Message) {
        for tray in self.trays.iter() {
            if tray.wants(message) {
                tray.put(message.clone());
            }
        }
    }

    /// Messages that wait, over all receivers.
    pub fn waiting(&self) -> usize {
        self.trays.iter().map(|tray| tray.queue.len()).sum()
    }
}

impl Tray {
    fn wants(&self, message: &Message) -> bool {
        if message.urgency < self.sink.least {
            return false;
        }
        match (&self.sink.applications, &message.application) {
            (Some(only), Some(application)) => only.contains(application),
            // What concerns the cluster concerns everybody.
            (None, _) | (Some(_), None) => true,
        }
    }

    fn put(&self, message: Message) {
        let (dropped, waiting) = self.queue.put(message);
        let Some(tally) = self.tally.sinks.get(&self.sink.id) else {
            return;
        };
        tally.waits(waiting);
        if let Some(dropped) = dropped {
            tally.count(Fate::Dropped);
            tracing::warn!(
                sink = self.sink.id,
                lost = dropped.title,
                "a notification was dropped: its receiver does not keep up"
            );
        }
    }
}

impl Queue {
    /// What had to make room, if anything had, and how many wait now.
    fn put(&self, message: Message) -> (Option<Message>, usize) {
        let mut waiting = self.lock();
        let dropped = (waiting.len() >= QUEUE)
            .then(|| waiting.pop_front())
            .flatten();
        waiting.push_back(message);
        let count = waiting.len();
        drop(waiting);
        self.arrived.notify_one();
        (dropped, count)
    }

    /// The oldest that waits; waits for one.
    pub(super) async fn take(&self, tally: Option<&SinkTally>) -> Message {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut waiting = self.lock();
                if let Some(message) = waiting.pop_front() {
                    if let Some(tally) = tally {
                        tally.waits(waiting.len());
                    }
                    return message;
                }
            }
            arrived.await;
        }
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Message>> {
        // Nothing is done under the lock that could panic half way.
        self.waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Tally {
    /// One set of counters for each receiver, and one for the heartbeat where there is one.
    pub fn of(sinks: &[NotifySink], heartbeat: bool) -> Self {
        let sinks = sinks
            .iter()
            .map(|sink| (sink.id.clone(), SinkTally::default()));
        Self {
            sinks: Arc::new(sinks.collect()),
            heartbeat: heartbeat.then(Arc::default),
        }
    }
}
