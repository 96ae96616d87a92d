//! Too much, too slow, and bytes that are no member's.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::support::*;
use crate::config::PeerSecurity;
use crate::model::{BootId, DiskId, MemberId, RegionId};
use crate::peer::frame::{self, Frame};
use crate::peer::hello::Hello;
use crate::peer::{
    Channel, NotSent, PeerError, PeerIdentity, PeerOptions, Refusal, UnknownOutcome,
};

fn plain(id: &str) -> PeerOptions {
    options(id, PeerSecurity::InsecureLoopback)
}

/// Somebody who speaks frames by hand.
pub struct Raw {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            buffer: BytesMut::new(),
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(in crate::peer) async fn frame(&mut self, frame: Frame) {
        let (header, body) = frame.encode();
        self.send(&header).await;
        self.send(&body).await;
    }

    /// `None` at the end.
    pub(in crate::peer) async fn next(&mut self) -> Option<Frame> {
        let read = async {
            loop {
                if let Some(frame) = frame::decode(&mut self.buffer, u32::MAX).unwrap() {
                    return Some(frame);
                }
                match self.stream.read_buf(&mut self.buffer).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap()
    }

    pub async fn hello(&mut self, identity: PeerIdentity, cluster: &str, to: &str) {
        let hello = Hello::new(identity, cluster, MemberId::from(to), Channel::Votes);
        self.frame(Frame::Hello(hello.encode())).await;
    }

    /// Why the connection ends.
    pub async fn goodbye(&mut self) -> Refusal {
        loop {
            match self.next().await {
                Some(Frame::Goodbye(reason)) => return Refusal::decode(&reason),
                Some(_) => {}
                None => panic!("closed without a word"),
            }
        }
    }
}

fn identity(id: &str) -> PeerIdentity {
    PeerIdentity {
        member: MemberId::from(id),
        region: RegionId::from("eu-west-1"),
        boot: BootId(5),
        disk: DiskId(5),
        schema: 3,
        version: "by hand".to_owned(),
        mark: None,
    }
}

/// Let in to `a` as `b`, on the votes channel.
async fn let_in(a: &Running) -> Raw {
    let mut raw = Raw::connect(a.address()).await;
    raw.hello(identity("b"), "test", "a").await;
    assert!(matches!(raw.next().await, Some(Frame::Welcome(_))));
    raw
}

/// `a`, which expects a `b` that never listens.
async fn alone(mut options: PeerOptions) -> Running {
    options.limits.reconnect_min = PATIENCE;
    options.limits.reconnect_max = PATIENCE;
    let a = start(options).await;
    let nobody = start(plain("z")).await;
    let address = nobody.address();
    nobody.net.shutdown().await;
    a.meets(&[("b", address)]);
    a
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_sent() {
    let (a, _b) = pair(plain("a"), plain("b")).await;
    a.connected("b").await;
    let large = Bytes::from(vec![0; 64 * 1024 + 1]);
    let to = MemberId::from("b");
    let error = a.net.call(&to, Channel::Votes, large, PATIENCE).await;
    assert!(
        matches!(
            error,
            Err(PeerError::NotSent {
                why: NotSent::TooLarge { limit: 65_536, .. },
                ..
            })
        ),
        "{error:?}"
    );
    // Exactly at the limit it is.
    let full = Bytes::from(vec![0; 64 * 1024]);
    let answer = a.net.call(&to, Channel::Votes, full, PATIENCE).await;
    assert_eq!(answer.unwrap(), "65536");
}

#[tokio::test]
async fn an_answer_over_the_limit_is_unknown_to_its_caller() {
    let (a, _b) = pair(plain("a"), plain("b")).await;
    let error = a.ask("b", Channel::Operator, "large").await.unwrap_err();
    assert!(
        matches!(
            error,
            PeerError::Unknown {
                why: UnknownOutcome::AnswerTooLarge { .. },
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn an_oversized_frame_ends_its_connection_with_a_word() {
    let a = alone(plain("a")).await;
    let mut raw = let_in(&a).await;
    // Only announced: nothing is kept for it.
    raw.send(&[0xff, 0xff, 0xff, 0xff, 4]).await;
    assert_eq!(
        raw.goodbye().await,
        Refusal::TooLarge {
            size: u64::from(u32::MAX) - 13,
            limit: 65_536
        }
    );
    assert_eq!(raw.next().await, None);
    a.fault("b", "too_large").await;
}

#[tokio::test]
async fn garbled_frames_end_their_connection_with_a_word() {
    let a = alone(plain("a")).await;
    let reply = |id| Frame::Reply {
        id,
        body: Bytes::new(),
    };
    for garbled in [
        vec![0, 0, 0, 13, 99],
        vec![0, 0, 0, 1, 4],
        vec![0, 0, 0, 13, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
        reply(1).encode().0.to_vec(),
        Frame::Hello(Bytes::new()).encode().0.to_vec(),
    ] {
        let mut raw = let_in(&a).await;
        raw.send(&garbled).await;
        let refusal = raw.goodbye().await;
        assert_eq!(refusal.code(), "garbled", "{garbled:?}: {refusal}");
    }
    a.fault("b", "garbled").await;
    // The cluster goes on.
    let mut raw = let_in(&a).await;
    let body = Bytes::from_static(b"x");
    raw.frame(Frame::Request {
        id: 0,
        within_ms: 10_000,
        body,
    })
    .await;
    loop {
        match raw.next().await {
            Some(Frame::Reply { id, body }) => {
                assert_eq!((id, &body[..]), (0, &b"a to b on votes: x"[..]));
                break;
            }
            Some(_) => {}
            None => panic!("closed"),
        }
    }
}

#[tokio::test]
async fn strangers_are_told_off() {
    let a = alone(plain("a")).await;
    for first in [
        &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x11\x01\0\0\0\0\0\0\0\0\0\0\0\0{}{}",
        b"\x00\x00\x00\x0d\x04\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        let mut raw = Raw::connect(a.address()).await;
        raw.send(first).await;
        let refusal = raw.goodbye().await;
        assert_eq!(refusal.code(), "garbled", "{refusal}");
    }
    until("all are counted", || {
        (a.net.refusals().get("garbled") == Some(&4)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn another_protocol_says_which() {
    let a = alone(plain("a")).await;
    let mut raw = Raw::connect(a.address()).await;
    let hello = Bytes::from_static(b"failoverd-peer\n{\"protocol\":9,\"new\":true}");
    raw.frame(Frame::Hello(hello)).await;
    assert_eq!(
        raw.goodbye().await,
        Refusal::Protocol { ours: 1, theirs: 9 }
    );
}

#[tokio::test]
async fn who_says_nothing_is_closed_without_being_let_in() {
    let mut quick = plain("a");
    quick.limits.handshake = Duration::from_millis(20);
    let a = alone(quick).await;
    let mut raw = Raw::connect(a.address()).await;
    assert_eq!(raw.next().await, None);
}

#[tokio::test]
async fn more_than_may_be_greeting_at_once_are_closed() {
    let mut few = plain("a");
    few.limits.handshakes = 1;
    few.limits.handshake = PATIENCE;
    let a = alone(few).await;
    let _first = Raw::connect(a.address()).await;
    let mut second = Raw::connect(a.address()).await;
    assert_eq!(second.next().await, None);
}

#[tokio::test]
async fn one_address_that_says_nothing_locks_no_member_out() {
    let mut few = plain("a");
    few.limits.handshakes = 4;
    few.limits.handshake = PATIENCE;
    let a = alone(few).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
        silent.push(socket.connect(a.address()).await.unwrap());
    }
    let _raw = let_in(&a).await;
    assert_eq!(silent.len(), 8, "they are still there");
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_dropped() {
    let mut quick = plain("a");
    quick.limits.stall = Duration::from_millis(100);
    let a = alone(quick).await;
    let mut raw = let_in(&a).await;
    // Questions whose answers nobody takes, until they fit nowhere.
    let body = Bytes::from_static(b"0123456789012345678901234567890123456789");
    let ask = async {
        for id in 0.. {
            let (header, _) = Frame::Request {
                id,
                within_ms: 60_000,
                body: body.clone(),
            }
            .encode();
            if raw.stream.write_all(&header).await.is_err()
                || raw.stream.write_all(&body).await.is_err()
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ask).await.unwrap();
    let message = a.fault("b", "lost").await;
    assert!(
        message.contains("nothing was taken for 100 ms"),
        "{message}"
    );
}

#[tokio::test]
async fn who_falls_silent_is_lost() {
    let mut quick = plain("a");
    quick.limits.silence = Duration::from_millis(100);
    let a = alone(quick).await;
    let _raw = let_in(&a).await;
    let message = a.fault("b", "lost").await;
    assert!(message.contains("not a byte came for 100 ms"), "{message}");
}

#[tokio::test]
async fn calls_in_flight_are_bounded_on_both_sides() {
    let (a, b) = pair(plain("a"), plain("b")).await;
    a.connected("b").await;
    let to = MemberId::from("b");
    let wait = || {
        let wait = Bytes::from_static(b"wait");
        a.net.call(&to, Channel::Operator, wait, PATIENCE)
    };
    let both = async { tokio::join!(wait(), wait()) };
    let mut waits = b.echo.waiting.subscribe();
    let third = async {
        waits.wait_for(|n| *n == 2).await.unwrap();
        let third = wait().await.unwrap_err();
        assert!(
            matches!(
                third,
                PeerError::NotSent {
                    why: NotSent::Busy { limit: 2, .. },
                    ..
                }
            ),
            "{third}"
        );
        b.echo.go.notify_waiters();
    };
    let ((one, two), ()) = tokio::join!(both, third);
    assert!(one.is_ok() && two.is_ok());

    // A caller that does not keep to it is told so.
    let a = alone(plain("a")).await;
    let mut raw = let_in(&a).await;
    for id in 0..5 {
        let body = Bytes::from_static(b"wait");
        raw.frame(Frame::Request {
            id,
            within_ms: 60_000,
            body,
        })
        .await;
    }
    let refused = loop {
        match raw.next().await {
            Some(Frame::Refuse { id, body }) => break (id, Refusal::decode(&body)),
            Some(_) => {}
            None => panic!("closed"),
        }
    };
    assert_eq!(
        refused,
        (
            4,
            Refusal::Busy {
                channel: Channel::Votes,
                limit: 4
            }
        )
    );
}

#[tokio::test]
async fn a_refusal_of_the_handler_reaches_the_caller() {
    let (a, b) = pair(plain("a"), plain("b")).await;
    let refusal = Refusal::Other {
        code: "not_leader".to_owned(),
        message: "ask c".to_owned(),
    };
    *b.echo.refuse.lock().unwrap() = Some(refusal.clone());
    assert_eq!(
        a.ask("b", Channel::Operator, "x").await,
        Err(PeerError::Refused {
            member: MemberId::from("b"),
            refusal
        })
    );
}
