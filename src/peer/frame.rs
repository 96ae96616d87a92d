//! Bytes on the wire, and back.
//!
//! ```text
//!  length: u32 │ kind: u8 │ id: u64 │ within: u32 │ body: length − 13 bytes        (big endian)
//! ```
//!
//! One header for all kinds: a stranger's bytes (an HTTP request, a port scan) fail in the first
//! five of them. What a kind has no use for must be zero.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What stands before each body, the length itself included.
pub(super) const HEADER: usize = 4 + REST;

/// The header without its length.
const REST: usize = 1 + 8 + 4;

/// One message of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The first of the side that dialled: who it is.
    Hello(Bytes),
    /// The answer: who it reached.
    Welcome(Bytes),
    /// The last of a connection: why it ends.
    Goodbye(Bytes),
    Request {
        id: u64,
        /// How long the caller waits for the answer.
        within_ms: u32,
        body: Bytes,
    },
    Reply {
        id: u64,
        body: Bytes,
    },
    Refuse {
        id: u64,
        body: Bytes,
    },
    Ping(u64),
    Pong(u64),
}

/// Bytes that are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a frame of {size} bytes, and at most {limit} are taken here")]
    TooLarge { size: u64, limit: u64 },
    #[error("garbled bytes: {why}")]
    Garbled { why: &'static str },
}

impl Frame {
    /// What goes before the body, and the body.
    pub fn encode(self) -> (BytesMut, Bytes) {
        let (kind, id, within_ms, body) = match self {
            Self::Hello(body) => (1, 0, 0, body),
            Self::Welcome(body) => (2, 0, 0, body),
            Self::Goodbye(body) => (3, 0, 0, body),
            Self::Request {
                id,
                within_ms,
                body,
            } => (4, id, within_ms, body),
            Self::Reply { id, body } => (5, id, 0, body),
            Self::Refuse { id, body } => (6, id, 0, body),
            Self::Ping(id) => (7, id, 0, Bytes::new()),
            Self::Pong(id) => (8, id, 0, Bytes::new()),
        };
        let mut header = BytesMut::with_capacity(HEADER);
        // A body near 4 GiB is refused before it gets here: limits are 32 bit themselves.
        let length = u32::try_from(body.len() + REST).unwrap_or(u32::MAX);
        header.put_u32(length);
        header.put_u8(kind);
        header.put_u64(id);
        header.put_u32(within_ms);
        (header, body)
    }
}

/// Takes the next whole frame off the front of `buffer`; `None` if it is not all there yet. After an
/// error there is no way to tell where the next frame begins: the connection is over.
pub(super) fn decode(buffer: &mut BytesMut, body_limit: u32) -> Result<Option<Frame>, FrameError> {
    // Checked as early as possible: nothing is kept for a frame that will be refused.
    let Some(mut head) = buffer.get(..buffer.len().min(HEADER)) else {
        return Ok(None);
    };
    if head.len() < 4 {
        return Ok(None);
    }
    let length = head.get_u32();
    let Some(size) = length.checked_sub(13) else {
        return Err(FrameError::Garbled {
            why: "a frame shorter than its header",
        });
    };
    if size > body_limit {
        return Err(FrameError::TooLarge {
            size: u64::from(size),
            limit: u64::from(body_limit),
        });
    }
    if let Some(kind) = head.first()
        && !(1..=8).contains(kind)
    {
        return Err(FrameError::Garbled {
            why: "a frame of no known kind",
        });
    }
    if head.len() < REST {
        return Ok(None);
    }
    let (kind, id, within_ms) = (head.get_u8(), head.get_u64(), head.get_u32());
    // 32 bits fit into a usize on everything this runs on.
    let size = size as usize;
    if matches!(kind, 1..=3) && id != 0 || kind != 4 && within_ms != 0 {
        return Err(FrameError::Garbled {
            why: "a field is set that this kind of frame does not have",
        });
    }
    if matches!(kind, 7 | 8) && size != 0 {
        return Err(FrameError::Garbled {
            why: "a ping with a body",
        });
    }
    if buffer.len() < HEADER + size {
        return Ok(None);
    }
    buffer.advance(HEADER);
    let body = buffer.split_to(size).freeze();
    Ok(Some(match kind {
        1 => Frame::Hello(body),
        2 => Frame::Welcome(body),
        3 => Frame::Goodbye(body),
        4 => Frame::Request {
            id,
            within_ms,
            body,
        },
        5 => Frame::Reply { id, body },
        6 => Frame::Refuse { id, body },
        7 => Frame::Ping(id),
        // 8: others were refused above.
        _ => Frame::Pong(id),
    }))
}
