//! A wire as long as that between two continents: a TCP relay that hands on every byte late.
//!
//! ```text
//!  dialler ──▶ relay: half a round trip ──▶ member
//!          ◀── relay: half a round trip ───
//! ```
//!
//! The kernel answers the dialler's SYN at once, so a connection's first bytes wait for the round trip
//! that the SYN would have made. Nothing is lost and nothing is slow: it is far away, not thin.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// One read.
const CHUNK: usize = 64 << 10;

/// Reads on their way at a time: a window as large as a link between continents has.
const WINDOW: usize = 256;

/// One way to a member. Ends when dropped.
pub struct Wire {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Wire {
    /// A way to `target`, to be connected to on a free loopback port.
    pub async fn to(target: SocketAddr, round_trip: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            loop {
                let Ok((near, _peer)) = listener.accept().await else {
                    // Out of descriptors, most likely: let others end first.
                    tokio::task::yield_now().await;
                    continue;
                };
                connections.spawn(connect(near, target, round_trip));
                while connections.try_join_next().is_some() {}
            }
        }));
        Ok(Self {
            address,
            _stop: stop.drop_guard(),
        })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn connect(near: TcpStream, target: SocketAddr, round_trip: Duration) {
    tokio::time::sleep(round_trip).await;
    let Ok(far) = TcpStream::connect(target).await else {
        // Dropped: the dialler learns that nobody listens.
        return;
    };
    for stream in [&near, &far] {
        // Without it small messages wait for each other; with an error there they do.
        let _ = stream.set_nodelay(true);
    }
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let one_way = round_trip / 2;
    tokio::join!(
        carry(from_near, to_far, one_way),
        carry(from_far, to_near, one_way)
    );
}

/// One direction, until its sender is gone: its receiver learns of it as late as of everything.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, one_way: Duration) {
    let (put, mut under_way) = mpsc::channel::<(Instant, Bytes)>(WINDOW);
    let read = async move {
        loop {
            let mut chunk = vec![0; CHUNK];
            let Ok(count @ 1..) = from.read(&mut chunk).await else {
                break;
            };
            chunk.truncate(count);
            let due = tokio::time::sleep(one_way).deadline();
            if put.send((due, chunk.into())).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(one_way).await;
    };
    let write = async move {
        while let Some((due, chunk)) = under_way.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
        // An error means that the receiver is gone as well.
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
