//! Connections: few, short, and never waited for longer than they deserve.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::routes::router;
use super::source::ApiSource;
use super::traffic::Traffic;

/// What one client may take from the others. Real time: it is this host's sockets that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Open connections. Askers are a kubelet, a scraper or two, a person; far below a process's
    /// usual 1,024 descriptors. More wait in the kernel's queue.
    pub connections: usize,
    /// From accepting a connection to dropping it. A connection carries one answer, so one bound
    /// covers everything that can be slow about it: the request's head and body, a queue of scrapes,
    /// and a client that does not read. As long as Prometheus waits for a scrape by default.
    pub life: Duration,
    /// For a request's head. Honest clients send it at once; this is how long a client can hold a
    /// place without asking anything.
    pub head: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            life: Duration::from_secs(10),
            head: Duration::from_secs(3),
        }
    }
}

/// More than any honest request's head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;

/// After a failed accept, real time until the next: it is this host that is short of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then lets answers that have begun end; that is bounded.
pub async fn serve(listener: TcpListener, source: ApiSource, shutdown: impl Future<Output = ()>) {
    serve_within(Limits::default(), listener, source, shutdown).await;
}

pub(super) async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    source: ApiSource,
    shutdown: impl Future<Output = ()>,
) {
    // Unknown is not taken for loopback.
    let address = listener.local_addr();
    let traffic = Arc::new(Traffic::new());
    let loopback = address.is_ok_and(|a| a.ip().is_loopback());
    let router = router(source, loopback, &traffic);
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let accepting = async {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return; // Closed: nobody does that.
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = converse(stream, router.clone(), stop.clone(), limits);
                    let traffic = Arc::clone(&traffic);
                    tasks.spawn(async move {
                        if connection.await.is_err() {
                            traffic.dropped();
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the API could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown => {}
    }
    drop(listener); // New clients are refused at once instead of waiting for nothing.
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

/// # Errors
///
/// If it took too long.
async fn converse(
    stream: TcpStream,
    router: Router,
    stop: CancellationToken,
    limits: Limits,
) -> Result<(), Elapsed> {
    let service = service_fn(move |request| router.clone().oneshot(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let conversation = async {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    };
    match tokio::time::timeout(limits.life, conversation).await {
        Ok(Ok(())) => {}
        // Clients reset and give up as a matter of course: not worth more than a trace.
        Ok(Err(error)) => tracing::trace!(%error, "an API connection ended early"),
        Err(elapsed) => {
            tracing::debug!("an API connection was dropped: it took too long");
            return Err(elapsed);
        }
    }
    Ok(())
}
