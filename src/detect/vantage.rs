//! One member's eyes: every probe of every application, and the votes they add up to.

use std::collections::BTreeMap;

use crate::model::{
    AppId, Application, BootId, ConfigHash, MemberId, Mono, Opinion, Probe, RegionDownRule,
    RegionId, Sample, Target, Vote, VoteReason, VoteSheet,
};

use super::opinion::believe;
use super::references::References;
use super::track::{Level, ProbeTrack};

/// What one member sees. Pure: the caller probes, keeps time, and notices its own stalls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Vantage {
    member: MemberId,
    boot: BootId,
    sequence: u64,
    apps: BTreeMap<AppId, WatchedApp>,
    references: References,
    /// The last moment at which this member could not trust itself.
    tilted_at: Option<Mono>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct WatchedApp {
    config: ConfigHash,
    rule: RegionDownRule,
    regions: BTreeMap<RegionId, WatchedRegion>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct WatchedRegion {
    tracks: Vec<ProbeTrack>,
    /// The opinion on the last sheet.
    said: Option<Opinion>,
}

impl WatchedApp {
    fn new(app: &Application) -> Self {
        let watched = |probes: &[Probe]| WatchedRegion {
            tracks: probes.iter().cloned().map(ProbeTrack::new).collect(),
            said: None,
        };
        Self {
            config: app.config.clone(),
            rule: app.detection.region_down,
            regions: app
                .regions
                .iter()
                .map(|region| (region.name.clone(), watched(&region.probes)))
                .collect(),
        }
    }
}

impl Vantage {
    /// The eyes of `member` in this life of its process, having seen nothing yet.
    pub fn new(member: MemberId, boot: BootId, apps: &[Application], references: &[Probe]) -> Self {
        Self {
            member,
            boot,
            sequence: 0,
            apps: apps
                .iter()
                .map(|app| (app.name.clone(), WatchedApp::new(app)))
                .collect(),
            references: References::new(references),
            tilted_at: None,
        }
    }

    /// Whose eyes these are.
    pub fn member(&self) -> &MemberId {
        &self.member
    }

    /// Takes one sample in; says whether it counted. It does not if nobody watches its target, if
    /// it is no newer than what is known or claims to come from the future, or if it was under way
    /// during a tilt: then it measured our own stall.
    pub fn observe(&mut self, now: Mono, sample: &Sample) -> bool {
        let stalled = self.tilted_at.is_some_and(|tilt| sample.started <= tilt);
        if stalled || sample.ended > now {
            return false;
        }
        match &sample.target {
            Target::Reference(id) => self.references.observe(id, sample),
            Target::Region { app, region, probe } => self
                .apps
                .get_mut(app)
                .and_then(|app| app.regions.get_mut(region))
                .and_then(|region| {
                    region
                        .tracks
                        .iter_mut()
                        .find(|track| &track.probe().id == probe)
                })
                .is_some_and(|track| track.observe(sample)),
        }
    }

    /// Where a probe stands; `None` if nobody watches it.
    pub fn level(&self, target: &Target) -> Option<Level> {
        match target {
            Target::Reference(id) => self.references.level(id),
            Target::Region { app, region, probe } => {
                let watched = self.apps.get(app)?.regions.get(region)?;
                let track = watched.tracks.iter().find(|t| &t.probe().id == probe)?;
                Some(track.level())
            }
        }
    }

    /// Whether `down` cannot be said of the Region of `target` only because no reference target has
    /// answered since it fell.
    pub fn lacks_reference(&self, now: Mono, target: &Target) -> bool {
        let Target::Region { app, region, .. } = target else {
            return false;
        };
        self.apps
            .get(app)
            .and_then(|app| Some((app.rule, app.regions.get(region)?)))
            .is_some_and(|(rule, watched)| {
                let references = &self.references;
                let belief = believe(now, self.tilted_at, rule, &watched.tracks, references);
                belief.reason == VoteReason::NoReference
            })
    }

    /// Whether this member would now say of a Region something else than on its last sheet, as far
    /// as `target` bears on it: a reference target bears on all of them.
    pub fn has_news(&self, now: Mono, target: &Target) -> bool {
        let differs = |app: &WatchedApp, region: &WatchedRegion| {
            let rule = app.rule;
            let belief = believe(now, self.tilted_at, rule, &region.tracks, &self.references);
            region.said != Some(belief.opinion)
        };
        match target {
            Target::Reference(_) => self
                .apps
                .values()
                .any(|app| app.regions.values().any(|region| differs(app, region))),
            Target::Region { app, region, .. } => self
                .apps
                .get(app)
                .and_then(|app| Some((app, app.regions.get(region)?)))
                .is_some_and(|(app, region)| differs(app, region)),
        }
    }

    /// This member's event loop stalled, or its clock stepped, until `now`: it votes `unknown` on a
    /// Region until each probe that counts there has evidence from a sample started after this.
    pub fn tilt(&mut self, now: Mono) {
        self.tilted_at = self.tilted_at.max(Some(now));
    }

    /// Whether all reference targets have been asked and none answers: it is probably us.
    pub fn isolated(&self, now: Mono) -> bool {
        self.references.isolated(now)
    }

    /// The next sheet: one vote per Region of each application, by name.
    pub fn vote_sheet(&mut self, now: Mono) -> VoteSheet {
        self.sequence += 1;
        let mut votes = Vec::new();
        for (name, app) in &mut self.apps {
            for (region, watched) in &mut app.regions {
                let tracks = &watched.tracks;
                let belief = believe(now, self.tilted_at, app.rule, tracks, &self.references);
                watched.said = Some(belief.opinion);
                votes.push(Vote {
                    app: name.clone(),
                    region: region.clone(),
                    opinion: belief.opinion,
                    reason: belief.reason,
                    evidence_at: belief.evidence_at,
                    failing_since: belief.failing_since,
                    config: app.config.clone(),
                    probes: tracks.iter().map(ProbeTrack::state).collect(),
                });
            }
        }
        VoteSheet {
            member: self.member.clone(),
            boot: self.boot,
            sequence: self.sequence,
            sent_at: now,
            // The vantage knows probes only; its controller knows the rest.
            aws_reachable: None,
            votes,
        }
    }
}
