//! One connection that was let in: frames out, frames in, and the pulse that tells a silent one from
//! a lost one.
//!
//! Both directions move on their own: a side that cannot be written to is still read from, so that
//! its goodbye is heard.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::frame::{self, Frame, FrameError};
use super::pending::{NeverAsked, Pending};
use super::registry::Entered;
use super::serving::Serving;
use super::traffic::Meter;
use super::{Limits, Refusal, host_time};

/// How much is written, and read, at a time: what `stall` is about.
const PIECE: usize = 64 * 1024;

/// Bodies up to this go out in one piece with their header: one packet, one TLS record.
const SMALL: usize = 16 * 1024;

/// How long a goodbye may take, and its arrival be waited for.
const GOODBYE: Duration = Duration::from_secs(1);

/// Pings that are waited for at the same time.
const PINGS: usize = 16;

/// TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream with what was read ahead.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
}

/// Why a wire is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the other side closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("not a byte came for {}", seconds(*.0))]
    Silent(Duration),
    #[error("nothing was taken for {}", seconds(*.0))]
    Stalled(Duration),
}

fn seconds(length: Duration) -> String {
    format!("{} ms", length.as_millis())
}

impl Wire {
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: BytesMut::new(),
        }
    }

    /// The next frame. The caller bounds the time.
    pub async fn read(&mut self, limit: u32) -> Result<Frame, Broken> {
        loop {
            if let Some(frame) = frame::decode(&mut self.buffer, limit)? {
                return Ok(frame);
            }
            self.buffer.reserve(1_024);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Broken::Closed);
            }
        }
    }

    /// Sends a small frame. The caller bounds the time.
    pub async fn write(&mut self, frame: Frame) -> Result<(), Broken> {
        let (mut bytes, body) = frame.encode();
        bytes.extend_from_slice(&body);
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Says why, and waits a moment for it to arrive: closing with unread bytes would reset the
    /// connection, and the reason with it.
    pub async fn goodbye(mut self, reason: &Refusal) {
        let told = async {
            self.write(Frame::Goodbye(reason.encode())).await?;
            self.stream.shutdown().await?;
            drain(&mut self.stream).await;
            Ok::<_, Broken>(())
        };
        // Whoever does not listen is not told.
        let _ = timeout(GOODBYE, told).await;
    }
}

/// Sends no more, and waits a moment for the other side to have read it all.
pub(super) async fn hear_out(mut tcp: TcpStream) {
    let heard = async {
        if tcp.shutdown().await.is_ok() {
            drain(&mut tcp).await;
        }
    };
    let _ = timeout(GOODBYE, heard).await;
}

/// Reads and forgets until the other side closes. The caller bounds the time.
async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let mut scratch = vec![0; PIECE];
    while stream.read(&mut scratch).await.is_ok_and(|n| n > 0) {}
}

/// What a connection is here for.
pub(super) enum Side {
    /// This side calls.
    Caller(Arc<Pending>),
    /// This side is called.
    Callee(Serving),
}

/// The queues of a connection, as the connection sees them.
pub(super) struct Queues {
    pub outgoing: mpsc::Receiver<Frame>,
    pub urgent: mpsc::Receiver<Frame>,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    Broken(Broken),
    /// The other side said why.
    Goodbye(Refusal),
    /// This side did.
    Refused(Refusal),
    /// It was to end.
    Closed(Refusal),
}

/// Runs until it ends; the other side is told why, where it still listens.
pub(super) async fn run(
    wire: Wire,
    side: &Side,
    queues: Queues,
    entered: &Entered,
    limits: &Limits,
    body_limit: u32,
) -> Ended {
    let (mut from, to) = tokio::io::split(wire.stream);
    let mut buffer = wire.buffer;
    let pulse = Pulse::default();
    let (say_goodbye, goodbye) = oneshot::channel();
    let mut writer = pin!(write_frames(
        to, side, queues, goodbye, entered, &pulse, limits
    ));
    let reader = Reader {
        side,
        entered,
        pulse: &pulse,
        silence: limits.silence,
        body_limit,
    };
    let ended = tokio::select! {
        broken = &mut writer => return Ended::Broken(broken),
        ended = reader.read_frames(&mut from, &mut buffer) => ended,
        reason = entered.control.closed() => Ended::Closed(reason),
    };
    if let Ended::Refused(reason) | Ended::Closed(reason) = &ended
        && say_goodbye.send(reason.encode()).is_ok()
    {
        let told = async {
            // Ends by itself after a goodbye, or because it cannot.
            let _ = writer.await;
            drain(&mut from).await;
        };
        let _ = timeout(GOODBYE, told).await;
    }
    ended
}

/// Pings on their way.
#[derive(Debug, Default)]
struct Pulse(Mutex<VecDeque<(u64, Instant)>>);

impl Pulse {
    fn sent(&self, nonce: u64) {
        let mut pings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pings.len() == PINGS {
            pings.pop_front();
        }
        pings.push_back((nonce, host_time::now()));
    }

    fn back(&self, nonce: u64) -> Option<Duration> {
        let mut pings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pings.iter().position(|(sent, _)| *sent == nonce)?;
        let (_, sent) = pings.remove(at)?;
        Some(host_time::now().duration_since(sent))
    }
}

/// Writes until it cannot, or until after the goodbye.
async fn write_frames(
    mut to: WriteHalf<Box<dyn Stream>>,
    side: &Side,
    mut queues: Queues,
    mut goodbye: oneshot::Receiver<Bytes>,
    entered: &Entered,
    pulse: &Pulse,
    limits: &Limits,
) -> Broken {
    let mut beat = interval(limits.keepalive);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frame = tokio::select! {
            biased;
            Ok(reason) = &mut goodbye => {
                let farewell = Frame::Goodbye(reason);
                let told = write_frame(&mut to, farewell, &entered.meter, limits.stall).await;
                // Half closed: the rest of what the other side sends is still read.
                let _ = timeout(GOODBYE, to.shutdown()).await;
                return told.err().unwrap_or(Broken::Closed);
            }
            Some(frame) = queues.urgent.recv() => frame,
            _ = beat.tick() => Frame::Ping(entered.next_nonce()),
            Some(frame) = queues.outgoing.recv() => frame,
        };
        match (&frame, side) {
            // Its caller has gone: sent now, it would only be in the way of what is asked now.
            (Frame::Request { id, .. }, Side::Caller(pending)) if !pending.waits(*id) => continue,
            (Frame::Ping(nonce), _) => pulse.sent(*nonce),
            (
                Frame::Request { .. }
                | Frame::Reply { .. }
                | Frame::Refuse { .. }
                | Frame::Pong(_)
                | Frame::Hello(_)
                | Frame::Welcome(_)
                | Frame::Goodbye(_),
                _,
            ) => {}
        }
        if let Err(broken) = write_frame(&mut to, frame, &entered.meter, limits.stall).await {
            return broken;
        }
    }
}

async fn write_frame(
    to: &mut (impl AsyncWrite + Unpin),
    frame: Frame,
    meter: &Meter,
    stall: Duration,
) -> Result<(), Broken> {
    let (mut header, mut body) = frame.encode();
    meter.sent(header.len() + body.len());
    if body.len() <= SMALL {
        header.extend_from_slice(&body);
        body = Bytes::new();
    }
    for piece in std::iter::once(&header[..]).chain(body.chunks(PIECE)) {
        timeout(stall, to.write_all(piece))
            .await
            .map_err(|_elapsed| Broken::Stalled(stall))??;
    }
    timeout(stall, to.flush())
        .await
        .map_err(|_elapsed| Broken::Stalled(stall))??;
    Ok(())
}

struct Reader<'a> {
    side: &'a Side,
    entered: &'a Entered,
    pulse: &'a Pulse,
    silence: Duration,
    body_limit: u32,
}

impl Reader<'_> {
    async fn read_frames(
        &self,
        from: &mut ReadHalf<Box<dyn Stream>>,
        buffer: &mut BytesMut,
    ) -> Ended {
        loop {
            match frame::decode(buffer, self.body_limit) {
                Ok(Some(frame)) => {
                    self.entered.meter.understood();
                    if let Some(ended) = self.take(frame).await {
                        return ended;
                    }
                    continue;
                }
                Ok(None) => {}
                Err(FrameError::TooLarge { size, limit }) => {
                    return Ended::Refused(Refusal::TooLarge { size, limit });
                }
                Err(FrameError::Garbled { why }) => return garbled(why),
            }
            // Grows with what comes, not with what was announced.
            buffer.reserve(PIECE);
            match timeout(self.silence, from.read_buf(buffer)).await {
                Ok(Ok(0)) => return Ended::Broken(Broken::Closed),
                Ok(Ok(bytes)) => {
                    self.entered.meter.received(bytes);
                    self.entered.heard();
                }
                Ok(Err(error)) => return Ended::Broken(Broken::Io(error)),
                Err(_elapsed) => return Ended::Broken(Broken::Silent(self.silence)),
            }
        }
    }

    async fn take(&self, frame: Frame) -> Option<Ended> {
        match (frame, self.side) {
            (Frame::Ping(nonce), _) => {
                self.entered.control.urgent(Frame::Pong(nonce));
                None
            }
            (Frame::Pong(nonce), _) => {
                if let Some(round_trip) = self.pulse.back(nonce) {
                    self.entered.ponged(nonce, round_trip);
                }
                None
            }
            (Frame::Goodbye(reason), _) => Some(Ended::Goodbye(Refusal::decode(&reason))),
            (
                Frame::Request {
                    id,
                    within_ms,
                    body,
                },
                Side::Callee(serving),
            ) => {
                serving.request(id, within_ms, body).await;
                None
            }
            (Frame::Reply { id, body }, Side::Caller(pending)) => {
                answered(pending.answer(id, Ok(body)))
            }
            (Frame::Refuse { id, body }, Side::Caller(pending)) => {
                answered(pending.answer(id, Err(Refusal::decode(&body))))
            }
            (Frame::Request { .. }, Side::Caller(_)) => Some(garbled("a request from the called")),
            (Frame::Reply { .. } | Frame::Refuse { .. }, Side::Callee(_)) => {
                Some(garbled("an answer from the caller"))
            }
            (Frame::Hello(_) | Frame::Welcome(_), _) => Some(garbled("a second hello")),
        }
    }
}

fn answered(result: Result<(), NeverAsked>) -> Option<Ended> {
    match result {
        Ok(()) => None,
        Err(NeverAsked) => Some(garbled("an answer to what was never asked")),
    }
}

fn garbled(why: &str) -> Ended {
    Ended::Refused(Refusal::Garbled {
        why: why.to_owned(),
    })
}
