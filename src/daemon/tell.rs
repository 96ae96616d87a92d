//! What the log says when something turns: a probe, this member's vote, who leads. The moments between
//! a Region's loss and its failover are all told, so that a log alone shows where the time went.

use std::collections::BTreeMap;

use crate::controller::Controller;
use crate::detect::Level;
use crate::model::{Audit, MemberId, Opinion, Sample, SampleOutcome, Target, VoteSheet};

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Teller {
    /// Opinions in the order of the sheet, which never changes.
    votes: BTreeMap<MemberId, Vec<Opinion>>,
    led: bool,
    /// The number of the newest entry of the audit; nothing until the first look: what the snapshot of
    /// an earlier life holds was told by that life.
    audited: Option<u64>,
}

/// A probe that a sample may turn.
pub(super) struct Turning {
    member: MemberId,
    sample: Sample,
    was: Level,
}

impl Turning {
    /// Nearly every sample says what is known: only one that contradicts it is kept.
    pub fn by(controller: &Controller, member: &MemberId, sample: &Sample) -> Option<Self> {
        let was = controller.probe_level(member, &sample.target)?;
        let contradicts = match (&sample.result.outcome, was) {
            (SampleOutcome::Success, Level::Up)
            | (SampleOutcome::Failure(_), Level::Down)
            | (SampleOutcome::Unknown(_), _) => false,
            (SampleOutcome::Success, Level::Down | Level::Undetermined)
            | (SampleOutcome::Failure(_), Level::Up | Level::Undetermined) => true,
        };
        contradicts.then(|| Self {
            member: member.clone(),
            sample: sample.clone(),
            was,
        })
    }

    /// After the sample was taken in: says so if the probe has turned.
    pub fn tell(self, controller: &Controller) {
        let Self {
            member,
            sample,
            was,
        } = self;
        let Some(is) = controller.probe_level(&member, &sample.target) else {
            return;
        };
        if is == was {
            return;
        }
        let why = match &sample.result.outcome {
            SampleOutcome::Failure(reason) => reason.to_string(),
            SampleOutcome::Success | SampleOutcome::Unknown(_) => String::new(),
        };
        match (&sample.target, is) {
            (Target::Region { app, region, probe }, Level::Down) => {
                tracing::warn!(%member, %app, %region, %probe, why, "the probe is down");
            }
            (Target::Region { app, region, probe }, Level::Up | Level::Undetermined) => {
                tracing::info!(%member, %app, %region, %probe, "the probe is up");
            }
            (Target::Reference(reference), Level::Down) => {
                tracing::warn!(%member, %reference, why, "the reference target is down");
            }
            (Target::Reference(reference), Level::Up | Level::Undetermined) => {
                tracing::info!(%member, %reference, "the reference target is up");
            }
        }
    }
}

impl Teller {
    /// Says which votes are others than in the round before.
    pub fn votes(&mut self, sheets: &[VoteSheet]) {
        for sheet in sheets {
            let now = sheet.votes.iter().map(|vote| vote.opinion);
            let Some(then) = self.votes.get_mut(&sheet.member) else {
                self.votes.insert(sheet.member.clone(), now.collect());
                continue;
            };
            for (vote, said) in sheet.votes.iter().zip(then) {
                let was = std::mem::replace(said, vote.opinion);
                if was != vote.opinion {
                    tracing::info!(
                        member = %sheet.member,
                        app = %vote.app,
                        region = %vote.region,
                        vote = %vote.opinion,
                        %was,
                        reason = ?vote.reason,
                        "the vote has turned"
                    );
                }
            }
        }
    }

    /// Tells every new entry of the audit, at every member: the ledger forgets the oldest, the logs do
    /// not, and whoever alters one log is contradicted by the others.
    pub fn audit(&mut self, audit: &Audit) {
        let told = self.audited.replace(audit.number).unwrap_or(audit.number);
        if told == audit.number {
            return;
        }
        let mut expected = told + 1;
        for entry in audit.after(told) {
            if entry.number > expected {
                let missed = entry.number - expected;
                tracing::warn!(target: "audit", missed, "entries were gone before they were seen here");
            }
            expected = entry.number + 1;
            let call = &entry.call;
            tracing::info!(
                target: "audit",
                number = entry.number,
                at = entry.at.0,
                who = call.who,
                how = call.how,
                role = call.role,
                from = call.from,
                via = %call.via,
                call = call.call,
                application = call.application.as_ref().map(|app| app.as_str()),
                reason = call.reason,
                said = call.said,
                outcome = call.outcome.as_str(),
                detail = call.detail,
                answers = call.answers,
                previous = %entry.previous,
                hash = %entry.hash,
                "audit"
            );
        }
    }

    /// Says whether this member has begun or ceased to lead.
    pub fn leads(&mut self, leads: bool, term: u64) {
        if std::mem::replace(&mut self.led, leads) == leads {
            return;
        }
        if leads {
            tracing::info!(term, "this member leads");
        } else {
            tracing::info!(term, "this member does not lead any more");
        }
    }
}
