//! What passed between this member and another on one channel, counted as it passes.
//!
//! Invariant: counting takes no lock: the pulse of a connection must not wait for whoever reads figures.

use std::sync::atomic::{AtomicU64, Ordering};

/// Frames and bytes of one channel with one member, since this process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelTraffic {
    pub frames_sent: u64,
    pub frames_received: u64,
    /// Before encryption, headers included.
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

/// Where they are counted.
#[derive(Debug, Default)]
pub(super) struct Meter {
    frames_sent: AtomicU64,
    frames_received: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
}

impl Meter {
    /// A frame of so many bytes is on its way.
    pub fn sent(&self, bytes: usize) {
        self.frames_sent.fetch_add(1, Ordering::Relaxed);
        self.bytes_sent.fetch_add(wide(bytes), Ordering::Relaxed);
    }

    /// So many bytes came.
    pub fn received(&self, bytes: usize) {
        self.bytes_received
            .fetch_add(wide(bytes), Ordering::Relaxed);
    }

    /// A frame is whole.
    pub fn understood(&self) {
        self.frames_received.fetch_add(1, Ordering::Relaxed);
    }

    /// As it stands.
    pub fn read(&self) -> ChannelTraffic {
        ChannelTraffic {
            frames_sent: self.frames_sent.load(Ordering::Relaxed),
            frames_received: self.frames_received.load(Ordering::Relaxed),
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            bytes_received: self.bytes_received.load(Ordering::Relaxed),
        }
    }
}

/// No machine has more bytes than that.
fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
