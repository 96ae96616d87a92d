//! What the port makes of any bytes: for whoever tries to hurt it with them (`fuzz/`).

use bytes::{Bytes, BytesMut};

use super::Refusal;
use super::frame::{self, Frame};
use super::hello::{GREETING_LIMIT, Hello};

/// Reads bytes as a connection does that gets so many of them at a time, and says what was
/// understood, up to the first mistake.
pub fn understand(bytes: &[u8], at_a_time: usize) -> Vec<String> {
    let mut understood = Vec::new();
    let mut buffer = BytesMut::new();
    for piece in bytes.chunks(at_a_time.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match frame::decode(&mut buffer, GREETING_LIMIT) {
                Ok(Some(frame)) => understood.push(read(&frame)),
                Ok(None) => break,
                Err(error) => {
                    understood.push(error.to_string());
                    return understood;
                }
            }
        }
    }
    understood
}

fn read(frame: &Frame) -> String {
    match frame {
        Frame::Hello(body) | Frame::Welcome(body) => match Hello::decode(body) {
            Ok(hello) => {
                // What is believed is what its sender meant.
                let again = Hello::decode(&hello.encode());
                assert_eq!(
                    again.as_ref(),
                    Ok(&hello),
                    "a hello that changes on its way"
                );
                format!("{hello:?}")
            }
            Err(refusal) => refusal.to_string(),
        },
        Frame::Goodbye(body) | Frame::Refuse { body, .. } => refusal(body),
        Frame::Request { .. } | Frame::Reply { .. } | Frame::Ping(_) | Frame::Pong(_) => {
            format!("{frame:?}")
        }
    }
}

fn refusal(body: &Bytes) -> String {
    format!("{:?}", Refusal::decode(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_of_the_search_is_a_greeting() {
        let seed = include_bytes!("../../fuzz/seeds/peer_port/hello");
        let read = understand(&seed[1..], 5);
        assert_eq!(read.len(), 3, "{read:?}");
        assert!(read[0].starts_with("Hello {"), "{read:?}");
    }

    #[test]
    fn bytes_mean_the_same_however_they_come() {
        let frames = [
            Frame::Goodbye(Refusal::ShuttingDown.encode()),
            Frame::Ping(7),
            Frame::Hello(Bytes::from_static(b"failoverd-peer\n{\"protocol\":1}")),
        ];
        let mut bytes = Vec::new();
        for frame in frames {
            let (head, body) = frame.encode();
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(&body);
        }
        bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
        let whole = understand(&bytes, usize::MAX);
        assert_eq!(whole.len(), 4, "{whole:?}");
        assert_eq!(whole[0], "ShuttingDown");
        assert!(whole[3].contains("a frame of"), "{whole:?}");
        for at_a_time in [1, 2, 3, 17] {
            assert_eq!(understand(&bytes, at_a_time), whole, "{at_a_time}");
        }
    }
}
