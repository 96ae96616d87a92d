//! The listener: one port for every service and Region.
//!
//! ```text
//!  request ─▶ log ─▶ obstacles ─▶ gate ─▶ execute ─▶ gate ─▶ reply (or lost)
//!                    hang, 503,           on a task of its own: a caller that
//!                    throttle             is gone does not undo what it asked
//! ```

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::model::Millis;
use crate::ports::Clock;

use super::checkers;
use super::faults::{LostReply, Obstacle};
use super::gate::HoldPoint;
use super::wire::{self, Call};
use super::world::World;
use super::{Execution, Fault, Reply, SandboxSetup};

/// No request of these services is larger: Route 53 takes 1,000 changes of at most 32 kB in all.
const LARGEST_REQUEST: usize = 1 << 20;

/// A running sandbox. Ends when dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    world: Arc<World>,
    _stop: DropGuard,
}

impl Sandbox {
    /// Starts listening on a free loopback port, on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If no port can be bound.
    pub async fn start(setup: SandboxSetup, clock: Arc<dyn Clock>) -> io::Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), setup, clock).await
    }

    /// The same on another address of this host. Nothing is asked of who connects: it must be one
    /// that only those reach who may change this world.
    ///
    /// # Errors
    ///
    /// If no port of it can be bound.
    pub async fn start_on(
        address: IpAddr,
        setup: SandboxSetup,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(setup, clock));
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, world.clone(), stop.clone()));
        checkers::spawn(&world, &stop);
        Ok(Self {
            address,
            world,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What an SDK takes as `endpoint_url`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world behind it.
    pub fn world(&self) -> Arc<World> {
        self.world.clone()
    }

    /// See [`World::inject`].
    pub fn inject(&self, fault: Fault) {
        self.world.inject(fault);
    }

    /// See [`World::clear`].
    pub fn clear(&self, fault: &Fault) -> bool {
        self.world.clear(fault)
    }
}

async fn accept(listener: TcpListener, world: Arc<World>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _peer)) = accepted else {
            // Out of descriptors, most likely: let others end first.
            tokio::task::yield_now().await;
            continue;
        };
        let (world, stop) = (world.clone(), stop.clone());
        connections.spawn(async move {
            let service = service_fn(|request| serve(request, world.clone(), stop.clone()));
            // An error here is a caller that went away or a reply lost on purpose.
            let _closed = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The connection is closed without a reply.
#[derive(Debug, thiserror::Error)]
#[error("the reply is lost")]
struct Lost;

/// Nothing comes any more, until the caller gives up or the sandbox ends.
async fn silence() -> Infallible {
    std::future::pending().await
}

async fn serve(
    request: Request<Incoming>,
    world: Arc<World>,
    stop: CancellationToken,
) -> Result<Response<Full<Bytes>>, Lost> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_REQUEST)
        .collect()
        .await
        .map_err(|_cut_or_too_large| Lost)?
        .to_bytes();
    let call = match wire::read(&parts, &body) {
        Ok(call) => call,
        Err(unreadable) => {
            world.log_unknown(unreadable.what);
            return Ok(unreadable.reply.into_response("unreadable"));
        }
    };
    let logged = world.log_request(&call);
    let number = logged.number;
    let id = format!("00000000-0000-4000-8000-{number:012x}");
    let refused = match world.obstacle(call.service, &call.region) {
        Some(Obstacle::Hang) => match silence().await {},
        Some(Obstacle::Fail { status, code }) => Some(wire::failing(call.service, status, code)),
        Some(Obstacle::Throttle) => Some(wire::throttled(call.service)),
        None => world.denies(&call).then(|| wire::denied(&call)),
    };
    if let Some(refusal) = refused {
        world.log_execution(
            number,
            Execution::Refused {
                code: refusal.code.clone(),
            },
        );
        world.log_reply(number, Reply::Sent);
        return Ok(wire::refusal(&call, &refusal).into_response(&id));
    }
    // Whoever asked may be gone by now; what was received is carried out all the same.
    let task = tokio::spawn({
        let (world, call) = (world.clone(), call.clone());
        async move {
            tokio::select! {
                () = stop.cancelled() => None,
                reply = carry_out(&world, &call, number) => reply,
            }
        }
    });
    let Ok(Some((execution, reply))) = task.await else {
        return Err(Lost);
    };
    let lost = match execution {
        Execution::Executed => world.lose_reply(call.service, &call.operation),
        Execution::Refused { .. } | Execution::NotExecuted => None,
    };
    match lost {
        Some(LostReply::Reset) => {
            world.log_reply(number, Reply::Lost);
            Err(Lost)
        }
        Some(LostReply::Silence) => {
            world.log_reply(number, Reply::Lost);
            match silence().await {}
        }
        None => {
            world.log_reply(number, Reply::Sent);
            Ok(reply.into_response(&id))
        }
    }
}

/// `None`: a gate discarded it.
async fn carry_out(world: &World, call: &Call, number: usize) -> Option<(Execution, wire::Reply)> {
    pass_gates(world, call, number, HoldPoint::BeforeExecution).await?;
    let outcome = wire::perform(&mut world.state(), call);
    let (execution, reply, after) = match outcome {
        Ok(reply) => (Execution::Executed, reply, Millis::ZERO),
        Err(refusal) => {
            if wire::is_unknown(&refusal) {
                world.log_unknown(refusal.message.clone());
            }
            let reply = wire::refusal(call, &refusal);
            let execution = Execution::Refused { code: refusal.code };
            (execution, reply, refusal.after)
        }
    };
    world.log_execution(number, execution.clone());
    if after > Millis::ZERO {
        world.sleep(after).await;
    }
    pass_gates(world, call, number, HoldPoint::AfterExecution).await?;
    Some((execution, reply))
}

async fn pass_gates(world: &World, call: &Call, number: usize, point: HoldPoint) -> Option<()> {
    for gate in world.gates(call.service, &call.operation, point) {
        let request = world.logged(number)?;
        if !gate.pass(request).await {
            return None;
        }
    }
    Some(())
}
