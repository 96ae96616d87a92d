//! A listener that can be lost: it then takes connections and never answers them, which is what a
//! client sees when packets vanish.
//!
//! ```text
//!  accept ──permit──▶ hyper ──▶ lost? ──no──▶ answer ──▶ lost? ──no──▶ response
//!                                └────────yes: hold───────┘
//!                                     │ until found again, the client gives up, or the end
//!                                     ▼
//!                             dropped without a byte
//! ```
//!
//! Invariant: a request that was held is never answered, not even late.
//! Invariant: no listener has more than [`MAX_CONNECTIONS`] open, held ones included.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ProductError;
use crate::model::Millis;
use crate::ports::Clock;

/// Per listener. The users keep some twenty connections waiting on a lost Region and the probes one
/// each; ten times that, and still far below a process's usual 1,024 descriptors for all listeners
/// together. Connections beyond it wait in the kernel's queue: to their clients that is packet loss
/// too.
pub(super) const MAX_CONNECTIONS: usize = 200;

/// How often a held request looks whether its place can be reached again, in world time. Finer than
/// any probe's interval, so a Region's return is not delayed by it.
const LOOK_AGAIN: Millis = Millis(500);

/// A connection that brings no request for this long, in world time, gives its place to another.
/// Longer than any probe's interval, so that probes may keep theirs.
const IDLE: Millis = Millis::from_mins(5);

/// However fast the world runs, a client gets this long to send a request: it lives in real time.
const IDLE_FLOOR: Duration = Duration::from_secs(15);

/// What a listener serves.
#[async_trait]
pub(super) trait Site: Send + Sync + 'static {
    /// Whether packets to or from `peer` are lost at this moment.
    fn is_lost_to(&self, peer: IpAddr) -> bool;

    /// The answer to a request that arrived.
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>>;
}

/// A listener at work. Serves until `stop`.
pub(super) struct Server {
    pub address: SocketAddr,
    held: Arc<AtomicUsize>,
}

/// What all listeners of one product share.
#[derive(Clone)]
pub(super) struct Staff {
    pub clock: Arc<dyn Clock>,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
}

impl Server {
    /// Binds an ephemeral port of `address` and serves `site` there.
    pub async fn start(
        address: IpAddr,
        site: Arc<dyn Site>,
        staff: Staff,
    ) -> Result<Self, ProductError> {
        let cannot = |source| ProductError::Listen { address, source };
        let listener = TcpListener::bind((address, 0)).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let held = Arc::new(AtomicUsize::new(0));
        let tasks = staff.tasks.clone();
        tasks.spawn(accept(listener, site, staff, held.clone()));
        Ok(Self { address, held })
    }

    /// Requests that are held without an answer at this moment.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, site: Arc<dyn Site>, staff: Staff, held: Arc<AtomicUsize>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let serve = async {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return; // Closed: nobody does that, and without places there is nothing to serve.
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connection =
                        converse(stream, peer.ip(), site.clone(), staff.clone(), held.clone());
                    staff.tasks.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                // The connection died in the queue, or the process is out of descriptors: the next
                // attempt waits a little in real time, for it is this host that is short.
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    };
    staff.stop.run_until_cancelled(serve).await;
}

async fn converse(
    stream: TcpStream,
    peer: IpAddr,
    site: Arc<dyn Site>,
    staff: Staff,
    held: Arc<AtomicUsize>,
) {
    let clock = staff.clock.clone();
    let service = service_fn(move |request| {
        let (site, clock, held) = (site.clone(), clock.clone(), held.clone());
        async move {
            if !site.is_lost_to(peer) {
                let response = site.answer(&request).await;
                // What was done is done, but a Region that was lost meanwhile cannot say so.
                if !site.is_lost_to(peer) {
                    return Ok::<_, PacketsLost>(response);
                }
            }
            let _held = Held::new(held);
            while site.is_lost_to(peer) {
                clock.sleep(LOOK_AGAIN).await;
            }
            Err(PacketsLost)
        }
    });
    let _ = stream.set_nodelay(true); // Slower without, not wrong.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(staff.clock.real(IDLE, IDLE_FLOOR))
        .serve_connection(TokioIo::new(stream), service);
    match staff.stop.run_until_cancelled(connection).await {
        None | Some(Ok(())) => {}
        // Clients reset, give up and are held as a matter of course: not worth more than a trace.
        Some(Err(error)) => tracing::trace!(%error, "a connection ended early"),
    }
}

/// Makes hyper drop the connection instead of answering.
#[derive(Debug, thiserror::Error)]
#[error("packets are lost")]
struct PacketsLost;

/// Counts one held request for as long as it lives, however it ends.
struct Held(Arc<AtomicUsize>);

impl Held {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
