//! The reference targets: things outside every application that tell whether *we* see at all.
//!
//! A member whose own line is cut sees every Region fail. It must not believe it: only a reference
//! target that answered *after* the failures shows that the line was good.

use std::collections::BTreeMap;

use crate::model::{Mono, Probe, ProbeId, Sample, SampleOutcome};

use super::track::{Level, ProbeTrack};

/// What is known of the reference targets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct References {
    targets: BTreeMap<ProbeId, ProbeTrack>,
    /// When the newest answer of any of them had arrived.
    answered_at: Option<Mono>,
}

impl References {
    pub(super) fn new(probes: &[Probe]) -> Self {
        Self {
            targets: probes
                .iter()
                .map(|probe| (probe.id.clone(), ProbeTrack::new(probe.clone())))
                .collect(),
            answered_at: None,
        }
    }

    pub(super) fn observe(&mut self, id: &ProbeId, sample: &Sample) -> bool {
        let Some(track) = self.targets.get_mut(id) else {
            return false;
        };
        let counted = track.observe(sample);
        if counted && sample.result.outcome == SampleOutcome::Success {
            // The whole way there and back was good when the answer arrived, so its end counts.
            self.answered_at = self.answered_at.max(Some(sample.ended));
        }
        counted
    }

    pub(super) fn level(&self, id: &ProbeId) -> Option<Level> {
        self.targets.get(id).map(ProbeTrack::level)
    }

    /// Whether one of them answered after `moment`.
    pub(super) fn answered_after(&self, moment: Mono) -> bool {
        self.answered_at.is_some_and(|at| at > moment)
    }

    /// Whether all of them have been asked and none answers now. Not merely "none has answered
    /// yet": a member that has just started is not isolated, it only cannot say `down`.
    ///
    /// One missed answer of each is enough; several independent targets do not fail together, so
    /// waiting for `fall` of them would only let a wrong `suspect` veto in the meantime.
    pub(super) fn isolated(&self, now: Mono) -> bool {
        !self.targets.is_empty()
            && self
                .targets
                .values()
                .all(|target| target.was_sampled() && !target.answers(now))
    }
}
