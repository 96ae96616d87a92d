//! The decoder on bytes of any kind.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::peer::Refusal;
use crate::peer::frame::{self, Frame, FrameError};
use crate::peer::hello::Hello;

fn any_frame() -> impl Strategy<Value = Frame> {
    let body = proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    (0..8, any::<u64>(), any::<u32>(), body).prop_map(|(kind, id, within_ms, body)| match kind {
        0 => Frame::Hello(body),
        1 => Frame::Welcome(body),
        2 => Frame::Goodbye(body),
        3 => Frame::Request {
            id,
            within_ms,
            body,
        },
        4 => Frame::Reply { id, body },
        5 => Frame::Refuse { id, body },
        6 => Frame::Ping(id),
        _ => Frame::Pong(id),
    })
}

fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        let (header, body) = frame.clone().encode();
        bytes.extend(header);
        bytes.extend(body);
    }
    bytes
}

/// Decodes what comes in pieces.
fn decode_all(bytes: &[u8], pieces: &[usize], limit: u32) -> Result<Vec<Frame>, FrameError> {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    let mut rest = bytes;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let piece = pieces.next().copied().unwrap_or(1).clamp(1, rest.len());
        buffer.extend_from_slice(&rest[..piece]);
        rest = &rest[piece..];
        while let Some(frame) = frame::decode(&mut buffer, limit)? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        frames in proptest::collection::vec(any_frame(), 0..8),
        pieces in proptest::collection::vec(1..64_usize, 1..16),
    ) {
        let read = decode_all(&bytes_of(&frames), &pieces, 200);
        prop_assert_eq!(read, Ok(frames));
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        pieces in proptest::collection::vec(1..64_usize, 1..16),
        limit in prop_oneof![Just(0), Just(100), Just(u32::MAX)],
    ) {
        // In pieces or at once: the same.
        let at_once = decode_all(&bytes, &[usize::MAX], limit);
        prop_assert_eq!(decode_all(&bytes, &pieces, limit), at_once);
    }

    #[test]
    fn one_wrong_bit_is_read_as_something_or_refused(
        frames in proptest::collection::vec(any_frame(), 1..4),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let mut bytes = bytes_of(&frames);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(read) = decode_all(&bytes, &[7], 200) {
            prop_assert!(read.len() <= bytes.len() / frame::HEADER);
        }
    }

    #[test]
    fn no_hello_and_no_goodbye_makes_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = Refusal::decode(&bytes);
        let _ = Hello::decode(&bytes);
        let mut magic = b"failoverd-peer\n".to_vec();
        magic.extend(bytes);
        let _ = Hello::decode(&magic);
    }
}

#[test]
fn a_size_is_refused_before_anything_of_it_came() {
    let mut buffer = BytesMut::from(&[0, 0, 1, 0][..]);
    assert_eq!(
        frame::decode(&mut buffer, 242),
        Err(FrameError::TooLarge {
            size: 243,
            limit: 242
        })
    );
    let mut buffer = BytesMut::from(&[0, 0, 1, 0][..]);
    assert_eq!(frame::decode(&mut buffer, 243), Ok(None));
}

#[test]
fn a_refusal_of_a_later_version_keeps_its_words() {
    let later = br#"{"code":"new_reason","message":"because","refusal":{"new_reason":{"x":1}}}"#;
    assert_eq!(
        Refusal::decode(later),
        Refusal::Other {
            code: "new_reason".to_owned(),
            message: "because".to_owned()
        }
    );
    let known = Refusal::Schema { ours: 1, theirs: 3 };
    assert_eq!(Refusal::decode(&known.encode()), known);
    assert_eq!(
        Refusal::decode(&Refusal::ShuttingDown.encode()),
        Refusal::ShuttingDown
    );
}
