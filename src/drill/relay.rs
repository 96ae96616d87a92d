//! A wire that can be cut: between two members, or between a member and AWS. A real TCP relay, so
//! that a laptop needs no rights to make a partition.
//!
//! ```text
//!  near ──▶ relay ─── there: open? held otherwise ──▶ far
//!       ◀──────────── back: open? held otherwise ────
//! ```
//!
//! A cut wire loses packets; it refuses nothing. Connections stand and nothing comes through them.
//! As with real packets, what is sent into a cut is sent again until its sender gives up: it comes
//! through after the cut if its sender is still there, and goes with it otherwise.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What a sender may have on its way into a cut, as a kernel's send buffer: beyond it nothing more
/// is taken from it.
const HELD: usize = 1 << 20;

/// One read.
const CHUNK: usize = 64 << 10;

/// Which packets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    /// From whoever connects.
    pub there: bool,
    /// To whoever connects.
    pub back: bool,
}

impl Flow {
    /// A whole wire.
    pub const OPEN: Self = Self {
        there: true,
        back: true,
    };
    /// Nothing passes.
    pub const CUT: Self = Self {
        there: false,
        back: false,
    };
}

/// One wire. Ends when dropped.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    flow: watch::Sender<Flow>,
    target: watch::Sender<Option<SocketAddr>>,
    _stop: DropGuard,
}

impl Relay {
    /// A whole wire to `target`, to be connected to on a free loopback port. While there is no
    /// target, connections are closed at once, as by a host on which nobody listens.
    pub async fn start(target: Option<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (flow, flows) = watch::channel(Flow::OPEN);
        let (target, targets) = watch::channel(target);
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, flows, targets, stop.clone()));
        Ok(Self {
            address,
            flow,
            target,
            _stop: stop.drop_guard(),
        })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads from now on. Connections that stand stay where they lead.
    pub fn lead_to(&self, target: Option<SocketAddr>) {
        self.target.send_replace(target);
    }

    /// What passes from now on.
    pub fn let_pass(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }
}

async fn accept(
    listener: TcpListener,
    flow: watch::Receiver<Flow>,
    target: watch::Receiver<Option<SocketAddr>>,
    stop: CancellationToken,
) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((near, _peer)) = accepted else {
            // Out of descriptors, most likely: let others end first.
            tokio::task::yield_now().await;
            continue;
        };
        connections.spawn(connect(near, flow.clone(), target.clone()));
    }
}

/// Carries one connection for as long as both its ends stand.
async fn connect(
    near: TcpStream,
    mut flow: watch::Receiver<Flow>,
    target: watch::Receiver<Option<SocketAddr>>,
) {
    let (mut from_near, to_near) = near.into_split();
    let mut begun = BytesMut::with_capacity(CHUNK);
    // The first packet of a connection asks for an answer: both ways must be open.
    let open = until(&mut flow, |flow| *flow == Flow::OPEN);
    if hold(&mut from_near, &mut begun, open).await.is_err() {
        return;
    }
    let Some(address) = *target.borrow() else {
        return;
    };
    let Ok(far) = TcpStream::connect(address).await else {
        return;
    };
    let (from_far, to_far) = far.into_split();
    for half in [&to_near, &to_far] {
        // Without it small messages wait for each other; with an error there they do.
        let _ = half.as_ref().set_nodelay(true);
    }
    let there = Way {
        from: from_near,
        to: to_far,
        flow: flow.clone(),
        is_open: |flow| flow.there,
        on_its_way: begun,
    };
    let back = Way {
        from: from_far,
        to: to_near,
        flow,
        is_open: |flow| flow.back,
        on_its_way: BytesMut::new(),
    };
    tokio::join!(there.carry(), back.carry());
}

/// One direction of one connection.
struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    flow: watch::Receiver<Flow>,
    is_open: fn(&Flow) -> bool,
    on_its_way: BytesMut,
}

impl Way {
    /// Until its sender is gone, which its receiver learns as soon as the wire is whole.
    async fn carry(mut self) {
        loop {
            let open = until(&mut self.flow, self.is_open);
            if hold(&mut self.from, &mut self.on_its_way, open)
                .await
                .is_err()
            {
                // What it had sent into a cut goes with it.
                break;
            }
            let arrived = self.to.write_all(&self.on_its_way).await;
            self.on_its_way.clear();
            if arrived.is_err() {
                return;
            }
            self.on_its_way.reserve(CHUNK);
            match self.from.read_buf(&mut self.on_its_way).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if until(&mut self.flow, self.is_open).await.is_ok() {
            // An error means that the receiver is gone as well.
            let _ = self.to.shutdown().await;
        }
    }
}

/// The sender is gone, or the wire's owner.
struct Gone;

async fn until(flow: &mut watch::Receiver<Flow>, is_open: fn(&Flow) -> bool) -> Result<(), Gone> {
    flow.wait_for(is_open).await.map(drop).map_err(|_| Gone)
}

/// Takes in what is sent until `open` resolves, so as to see its sender go.
async fn hold(
    from: &mut OwnedReadHalf,
    sent: &mut BytesMut,
    open: impl Future<Output = Result<(), Gone>>,
) -> Result<(), Gone> {
    tokio::pin!(open);
    loop {
        let room = sent.len() < HELD;
        if room {
            sent.reserve(CHUNK);
        }
        tokio::select! {
            biased;
            opened = &mut open => return opened,
            read = from.read_buf(sent), if room => match read {
                Ok(0) | Err(_) => return Err(Gone),
                Ok(_) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wire and a connection through it: near end, far end.
    async fn wire() -> (Relay, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let relay = Relay::start(Some(listener.local_addr().unwrap()))
            .await
            .unwrap();
        let near = TcpStream::connect(relay.address()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (relay, near, far)
    }

    async fn hears(stream: &mut TcpStream, text: &[u8]) {
        let mut heard = vec![0; text.len()];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, text);
    }

    /// Whether nothing has come by the time that something else has gone all the way round.
    async fn hears_nothing(stream: &mut TcpStream) {
        let (_whole, mut near, mut far) = wire().await;
        for _ in 0..50 {
            near.write_all(b"tick").await.unwrap();
            hears(&mut far, b"tick").await;
        }
        let mut byte = [0];
        assert!(stream.try_read(&mut byte).is_err(), "something came");
    }

    #[tokio::test]
    async fn a_whole_wire_carries_both_ways_and_tells_the_end() {
        let (_relay, mut near, mut far) = wire().await;
        near.write_all(b"there").await.unwrap();
        hears(&mut far, b"there").await;
        far.write_all(b"back").await.unwrap();
        hears(&mut near, b"back").await;
        drop(far);
        assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_sent_into_a_cut_arrives_when_it_is_mended() {
        let (relay, mut near, mut far) = wire().await;
        relay.let_pass(Flow::CUT);
        near.write_all(b"there").await.unwrap();
        far.write_all(b"back").await.unwrap();
        hears_nothing(&mut far).await;
        hears_nothing(&mut near).await;
        relay.let_pass(Flow::OPEN);
        hears(&mut far, b"there").await;
        hears(&mut near, b"back").await;
    }

    #[tokio::test]
    async fn a_cut_can_be_one_way() {
        let (relay, mut near, mut far) = wire().await;
        relay.let_pass(Flow {
            there: true,
            back: false,
        });
        near.write_all(b"there").await.unwrap();
        hears(&mut far, b"there").await;
        far.write_all(b"back").await.unwrap();
        hears_nothing(&mut near).await;
    }

    #[tokio::test]
    async fn whoever_leaves_during_a_cut_takes_what_it_sent_with_it() {
        let (relay, mut near, mut far) = wire().await;
        relay.let_pass(Flow::CUT);
        near.write_all(b"too late").await.unwrap();
        drop(near);
        hears_nothing(&mut far).await;
        relay.let_pass(Flow::OPEN);
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "only the end comes");
    }

    #[tokio::test]
    async fn a_connection_into_a_cut_stands_and_goes_through_later() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let relay = Relay::start(Some(listener.local_addr().unwrap()))
            .await
            .unwrap();
        relay.let_pass(Flow::CUT);
        let mut near = TcpStream::connect(relay.address()).await.unwrap();
        near.write_all(b"there").await.unwrap();
        hears_nothing(&mut near).await;
        relay.let_pass(Flow::OPEN);
        let (mut far, _) = listener.accept().await.unwrap();
        hears(&mut far, b"there").await;
    }

    #[tokio::test]
    async fn where_nobody_listens_connections_are_closed() {
        let relay = Relay::start(None).await.unwrap();
        let mut near = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(near.read(&mut [0]).await.unwrap_or(0), 0);
    }
}
