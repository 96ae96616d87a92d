//! Health as a health check sees it: the truth, so many checks late.

use crate::model::{Millis, Wall};

/// One checked thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    believed: bool,
    seen: bool,
    since: Wall,
}

impl Health {
    /// Long known.
    pub(super) const fn known(healthy: bool) -> Self {
        Self {
            believed: healthy,
            seen: healthy,
            since: Wall(0),
        }
    }

    /// What the checks have come to believe.
    pub(super) const fn believed(self) -> bool {
        self.believed
    }

    /// Tells the truth; if it differs from the belief, says when that will follow, unless it
    /// changes back before.
    pub(super) fn see(&mut self, healthy: bool, now: Wall, delay: Millis) -> Option<Wall> {
        self.settle(now, delay);
        if self.seen == healthy {
            return None;
        }
        self.seen = healthy;
        self.since = now;
        (self.seen != self.believed).then(|| now + delay)
    }

    /// Takes over what has been true for long enough.
    pub(super) fn settle(&mut self, now: Wall, delay: Millis) {
        if self.seen != self.believed && now.since(self.since) >= delay {
            self.believed = self.seen;
        }
    }
}
