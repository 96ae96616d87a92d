//! Connections that others open.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::connection::{self, Queues, Side};
use super::dial::URGENT;
use super::greet::{self, Failed};
use super::net::Shared;
use super::registry::Control;
use super::serving::Serving;

/// After the system refused to hand out a connection: it is out of descriptors, and asking again at
/// once would only burn the processor.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is greeting now. A stranger that connects and says nothing holds a place until its time is up:
/// from one address no more than half of the places are taken, so that it locks no member out.
struct Greetings {
    places: usize,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// Given back when dropped.
struct Place {
    from: IpAddr,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Greetings {
    fn new(places: usize) -> Self {
        Self {
            places,
            taken: Arc::default(),
        }
    }

    fn begin(&self, from: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.get(&from).copied().unwrap_or(0);
        let all: usize = taken.values().sum();
        if all >= self.places || here >= self.places.div_ceil(2) {
            return None;
        }
        taken.insert(from, here + 1);
        Some(Place {
            from,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken
            .get(&self.from)
            .map_or(0, |here| here.saturating_sub(1));
        if left == 0 {
            taken.remove(&self.from);
        } else {
            taken.insert(self.from, left);
        }
    }
}

/// Accepts until the port is closed.
pub(super) async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    let greetings = Greetings::new(shared.options.limits.handshakes);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        let (tcp, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                let message = format!("a connection cannot be accepted: {error}");
                shared.warnings.warn("listener", "accept", &message);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = greetings.begin(from.ip()) else {
            shared.warnings.warn(
                &from.ip().to_string(),
                "too_many",
                "too many connections are greeting at once; this one was closed",
            );
            continue;
        };
        let shared_by_task = Arc::clone(&shared);
        shared.tracker.spawn(async move {
            let shared = shared_by_task;
            let greet_and_serve = serve(&shared, tcp, from.ip(), place);
            greet_and_serve.await;
        });
    }
}

async fn serve(shared: &Arc<Shared>, tcp: TcpStream, from: IpAddr, place: Place) {
    let (urgent, urgent_frames) = mpsc::channel(URGENT);
    let control = Control::new(urgent, &shared.stop);
    let mut who = None;
    let greeting = greet::receive(shared, tcp, control, &mut who);
    let greeted = tokio::select! {
        greeted = greeting => greeted,
        () = shared.stop.cancelled() => return,
    };
    drop(place);
    let greeted = match greeted {
        Ok(greeted) => greeted,
        Err(failed) => {
            shared.stranger(who.as_ref(), from, &failed);
            return;
        }
    };
    let member = greeted.identity.member.clone();
    if greeted.entered.first {
        shared.warnings.forget(member.as_str());
    }
    let limits = shared.options.limits.channel(greeted.channel);
    let (outgoing, outgoing_frames) = mpsc::channel(limits.in_flight.max(1));
    let side = Side::Callee(Serving {
        handler: Arc::clone(&shared.handler),
        from: Arc::new(greeted.identity),
        channel: greeted.channel,
        limits,
        longest: shared.options.limits.handle,
        in_flight: shared.in_flight(&member, greeted.channel),
        outgoing,
        tracker: shared.tracker.clone(),
        stop: shared.stop.clone(),
    });
    let queues = Queues {
        outgoing: outgoing_frames,
        urgent: urgent_frames,
    };
    let ended = connection::run(
        greeted.wire,
        &side,
        queues,
        &greeted.entered,
        &shared.options.limits,
        limits.body,
    )
    .await;
    drop(greeted.entered);
    shared.ended(&member, &ended);
}

impl Shared {
    /// Somebody was not let in. A stranger is named by where it comes from, without its port: that
    /// is another one each time.
    fn stranger(&self, who: Option<&crate::model::MemberId>, from: IpAddr, failed: &Failed) {
        if let Failed::WeRefuse(refusal) = failed {
            self.registry.count(refusal);
        }
        match who {
            Some(member) => {
                let message = format!("calling from {from}: {}", failed.message());
                self.trouble(member, failed.code(), &message);
            }
            None => self
                .warnings
                .warn(&from.to_string(), failed.code(), &failed.message()),
        }
    }
}
