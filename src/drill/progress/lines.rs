//! One plain line per event, for pipes and logs.

use std::io::Write;

use super::{ProgressEvent, Stamp};

/// Writes lines to wherever they go.
pub(super) struct Lines {
    out: Box<dyn Write + Send>,
}

impl Lines {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }

    pub(super) fn push(&mut self, stamp: Stamp, event: &ProgressEvent) {
        // What a step is doing at this moment matters only while somebody watches.
        if matches!(event, ProgressEvent::StepActivity { .. }) {
            return;
        }
        // A reader that has gone away must not end the drill.
        let _ = writeln!(self.out, "{stamp:>8}  {:<8}  {event}", event.topic());
        let _ = self.out.flush();
    }
}
