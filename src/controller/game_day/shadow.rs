//! What one member makes up for a game day: failures, and votes on them, beside the real ones.
//!
//! Invariant: a made-up failure begins and ends when a real sample of the same probe did.

use std::collections::BTreeMap;

use crate::detect::Vantage;
use crate::model::{
    AppId, Application, Drill, DrillId, DrillOutcome, DrillReport, FailureReason, MemberId, Millis,
    Mono, Now, RehearsalSheet, Sample, SampleOutcome, Target,
};
use crate::quorum::{Matrix, Verdicts};

use super::closing;
use super::report::Found;
use crate::controller::{Controller, DrillMove, EARLY_ROUNDS, Effect, RETRY_AFTER};

/// The game days under way, as one member lives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::controller) struct GameDays {
    pub(super) open: BTreeMap<AppId, GameDay>,
    /// Rounds of its own: real votes are not cast sooner or later for it.
    pub(super) voted_at: Mono,
    pub(super) gossip_at: Mono,
    /// Whether the others may still be told something.
    pub(super) told: bool,
    /// A drill of an application that is not configured is not ended again before then.
    pub(super) forgotten_at: Mono,
}

/// One game day, as one member lives it. All of it may be lost: another member goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GameDay {
    pub(super) drill: Drill,
    /// By hosted member.
    pub(super) shadows: BTreeMap<MemberId, Vantage>,
    pub(super) made_up: Matrix,
    pub(super) verdicts: Verdicts,
    pub(super) marks: Marks,
    pub(super) stage: Stage,
    /// Why it is over, if real life has won.
    pub(super) over: Option<String>,
    /// Not ended again before then: the ledger may be answering yet.
    pub(super) close_at: Mono,
}

/// When it came how far, on this member's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The first made-up failure behind the verdict.
    pub(super) failing_since: Option<Mono>,
    pub(super) down_at: Option<Mono>,
    pub(super) decided_at: Option<Mono>,
    pub(super) planned_at: Option<Mono>,
}

/// What the leader waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// For the votes and the hold-down, as everybody does.
    Watching,
    /// For where traffic stands.
    Reading,
    /// For what is seen of the plan's steps.
    Looking(Box<Found>),
    /// For the ledger to take in the report.
    Closing(DrillOutcome, Box<DrillReport>),
}

impl GameDays {
    pub(in crate::controller) fn new(now: Now) -> Self {
        Self {
            open: BTreeMap::new(),
            voted_at: now.mono,
            gossip_at: now.mono,
            told: false,
            forgotten_at: now.mono,
        }
    }

    /// A real sample of a hosted vantage. What it says of the drilled Region is replaced; that it
    /// was taken, and when, is not.
    pub(in crate::controller) fn sampled(
        &mut self,
        now: Now,
        round: Millis,
        member: &MemberId,
        sample: &Sample,
    ) {
        for day in self.open.values_mut() {
            if day.sampled(now, member, sample) {
                let early = self.voted_at + Millis(round.0 / EARLY_ROUNDS);
                self.gossip_at = self.gossip_at.min(early);
            }
        }
    }

    /// This host did not see for a while: neither would it have in earnest.
    pub(in crate::controller) fn tilted(&mut self, now: Now, member: &MemberId) {
        for day in self.open.values_mut() {
            if let Some(shadow) = day.shadows.get_mut(member) {
                shadow.tilt(now.mono);
                day.verdicts.interrupt(now.mono);
            }
        }
    }

    /// Whether that target's samples are replaced for one of them.
    pub(super) fn concerns(&self, target: &Target) -> bool {
        self.open.values().any(|day| day.concerns(target))
    }

    pub(in crate::controller) fn lacks_reference(
        &self,
        now: Now,
        member: &MemberId,
        target: &Target,
    ) -> bool {
        self.open.values().any(|day| {
            let shadow = day.shadows.get(member);
            shadow.is_some_and(|shadow| shadow.lacks_reference(now.mono, target))
        })
    }

    /// A round of made-up votes.
    pub(super) fn vote(&mut self, now: Now, round: Millis) -> Effect {
        self.voted_at = now.mono;
        self.gossip_at = now.mono + round;
        let mut sheets = Vec::new();
        for day in self.open.values_mut().filter(|day| day.over.is_none()) {
            for shadow in day.shadows.values_mut() {
                let made_up = shadow.vote_sheet(now.mono);
                day.made_up.hold(&made_up);
                sheets.push(RehearsalSheet {
                    drill: day.drill.id.clone(),
                    made_up,
                });
            }
        }
        self.told = !sheets.is_empty();
        Effect::Drill(DrillMove::Gossip(sheets))
    }
}

impl GameDay {
    pub(super) fn new(drill: &Drill, app: &Application, controller: &Controller) -> Self {
        // Its eyes are for the drilled Region alone: of the others the real votes count.
        let mut narrow = app.clone();
        narrow.regions.retain(|region| region.name == drill.from);
        let setup = &controller.setup;
        let shadow = |member: &MemberId| {
            let apps = std::slice::from_ref(&narrow);
            Vantage::new(member.clone(), setup.boot, apps, &setup.references)
        };
        let hosted = setup.hosted.iter();
        Self {
            drill: drill.clone(),
            shadows: hosted.map(|m| (m.clone(), shadow(m))).collect(),
            made_up: Matrix::default(),
            verdicts: Verdicts::default(),
            marks: Marks::default(),
            stage: Stage::Watching,
            over: None,
            close_at: Mono::default(),
        }
    }

    pub(super) fn concerns(&self, target: &Target) -> bool {
        match target {
            Target::Region { app, region, .. } => {
                app == &self.drill.application && region == &self.drill.from
            }
            Target::Reference(_) => false,
        }
    }

    /// Says whether a made-up vote is other than on the last sheet.
    fn sampled(&mut self, now: Now, member: &MemberId, sample: &Sample) -> bool {
        let concerns = self.concerns(&sample.target);
        let Some(shadow) = self.shadows.get_mut(member) else {
            return false;
        };
        let counted = match &sample.target {
            Target::Reference(_) => shadow.observe(now.mono, sample),
            Target::Region { .. } if concerns => {
                shadow.observe(now.mono, &failing(sample, &self.drill.id))
            }
            Target::Region { .. } => false,
        };
        counted && shadow.has_news(now.mono, &sample.target)
    }

    /// What ends it, once the ledger has taken it in. Asked for now and then until it has.
    pub(super) fn close(
        &mut self,
        now: Now,
        outcome: DrillOutcome,
        report: Box<DrillReport>,
    ) -> Option<Effect> {
        if now.mono < self.close_at {
            return None;
        }
        self.close_at = now.mono + RETRY_AFTER;
        Some(closing(&self.drill.id, outcome, report))
    }
}

/// The same sample, but the endpoint did not answer. One that could not ask still could not.
fn failing(sample: &Sample, drill: &DrillId) -> Sample {
    let mut made_up = sample.clone();
    made_up.result.outcome = match &sample.result.outcome {
        SampleOutcome::Success | SampleOutcome::Failure(_) => {
            SampleOutcome::Failure(FailureReason::Protocol(format!("made up for {drill}")))
        }
        SampleOutcome::Unknown(why) => SampleOutcome::Unknown(why.clone()),
    };
    made_up
}
