//! Connections: few, short, and never waited for longer than they deserve.

use std::future::Future;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::peer::{Lease, Peer, Shown, Term};
use super::routes::router;
use super::source::ApiSource;
use super::state::Api;
use super::tls::ServerTls;
use super::traffic::Traffic;

/// What one client may take from the others. Real time: it is this host's sockets that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Open connections. Askers are a kubelet, a scraper or two, a person; far below a process's
    /// usual 1,024 descriptors. More wait in the kernel's queue.
    pub connections: usize,
    /// From accepting a connection, or from the end of its TLS handshake, to dropping it. A connection carries one answer, so one bound
    /// covers everything that can be slow about it: the request's head and body, a queue of scrapes,
    /// and a client that does not read. As long as Prometheus waits for a scrape by default. A change
    /// and a stream renew it.
    pub life: Duration,
    /// For a TLS handshake, and for a request's head. Honest clients send it at once; this is how long a client can hold a
    /// place without asking anything.
    pub head: Duration,
    /// A stream that its client has taken nothing of for so long ends: several signs of life.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            life: Duration::from_secs(10),
            head: Duration::from_secs(3),
            stall: Duration::from_secs(60),
        }
    }
}

/// More than any honest request's head, in bytes.
pub(super) const HEAD_BYTES: usize = 16 * 1024;

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
    let traffic = Arc::new(Traffic::new());
    let stop = CancellationToken::new();
    let mut current = vec![tokio::spawn(Arc::clone(&source.access).keep_current())];
    let tls = source.tls.clone();
    current.extend(tls.clone().map(|tls| tokio::spawn(tls.keep_current())));
    let api = Api::new(source, stop.clone());
    let router = router(&api, &traffic);
    let door = Door {
        limits,
        tls,
        router,
        stop,
        dropped: Arc::new(move || traffic.dropped()),
    };
    door.keep(listener, shutdown).await;
    current.iter().for_each(JoinHandle::abort);
    // What was begun for a caller who went away is brought to its end: each part of it is bounded.
    api.changes().close();
    api.changes().wait().await;
}

/// Where connections come in, and what they come to.
pub(super) struct Door {
    pub limits: Limits,
    /// What is spoken before HTTP, if anything.
    pub tls: Option<Arc<ServerTls>>,
    pub router: Router,
    /// Cancelled when no new client is let in any more.
    pub stop: CancellationToken,
    /// Told of each connection that took too long.
    pub dropped: Arc<dyn Fn() + Send + Sync>,
}

impl Door {
    /// Lets clients in until `shutdown`, then lets answers that have begun end; that is bounded.
    pub async fn keep(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        // Unknown is not taken for loopback.
        let loopback = listener.local_addr().is_ok_and(|a| a.ip().is_loopback());
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let accepting = async {
            loop {
                let Ok(place) = places.clone().acquire_owned().await else {
                    return; // Closed: nobody does that.
                };
                match listener.accept().await {
                    Ok((stream, address)) => {
                        let connection = Connection {
                            address,
                            loopback,
                            tls: self.tls.clone(),
                            router: self.router.clone(),
                            stop: self.stop.clone(),
                        };
                        let connection = connection.converse(stream, self.limits);
                        let dropped = Arc::clone(&self.dropped);
                        tasks.spawn(async move {
                            if connection.await.is_break() {
                                dropped();
                            }
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
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
        self.stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}

/// One that was accepted.
struct Connection {
    address: SocketAddr,
    loopback: bool,
    /// What is spoken before HTTP, if anything.
    tls: Option<Arc<ServerTls>>,
    router: Router,
    stop: CancellationToken,
}

impl Connection {
    /// With TLS, where it is spoken, and then HTTP.
    async fn converse(self, stream: TcpStream, limits: Limits) -> ControlFlow<()> {
        let Some(tls) = &self.tls else {
            return self.speak(stream, None, limits).await;
        };
        let greeted = tokio::select! {
            // As long as a request's head may take: nobody holds a place without asking anything.
            greeted = tokio::time::timeout(limits.head, tls.greet(stream)) => greeted,
            () = self.stop.cancelled() => return ControlFlow::Continue(()),
        };
        match greeted {
            Ok(Ok((stream, shown))) => self.speak(stream, shown, limits).await,
            // Scanners, and clients that do not know our authority: not worth more than this.
            Ok(Err(error)) => {
                tracing::debug!(%error, from = %self.address, "no TLS with a client of the API");
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Breaks off what took too long.
    async fn speak<S>(
        self,
        stream: S,
        certificate: Option<Shown>,
        limits: Limits,
    ) -> ControlFlow<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (lease, life) = Lease::new(limits.life);
        let peer = Peer {
            address: self.address,
            loopback: self.loopback,
            certificate,
            lease,
            stall: limits.stall,
        };
        let router = self.router;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            router.clone().oneshot(request)
        });
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
                () = self.stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            connection.await
        };
        tokio::select! {
            ended = conversation => match ended {
                Ok(()) => {}
                // Clients reset and give up as a matter of course: not worth more than a trace.
                Err(error) => tracing::trace!(%error, "an API connection ended early"),
            },
            () = over(life, &self.stop) => {
                tracing::debug!("an API connection was dropped: it took too long");
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// Returns when nobody has renewed the lease in time.
async fn over(mut term: watch::Receiver<Term>, stop: &CancellationToken) {
    loop {
        let Term { life, farewell } = *term.borrow_and_update();
        let drained = async {
            match farewell {
                Some(farewell) => {
                    stop.cancelled().await;
                    tokio::time::sleep(farewell).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(life) => return,
            () = drained => return,
            renewed = term.changed() => if renewed.is_err() {
                return; // Nobody is left who could: the connection itself ends as well.
            },
        }
    }
}
