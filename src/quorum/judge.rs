//! The quorum: what the votes on one Region amount to at this moment.

use crate::model::{
    Agreement, Application, HeldVote, Member, Mono, Opinion, RegionId, Tally, Unusable,
    VerdictState,
};

use super::matrix::Matrix;

/// A verdict of this very moment; [`super::Verdicts`] knows since when it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub region: RegionId,
    pub state: VerdictState,
    pub tally: Tally,
    /// The start of the earliest run of failures behind the `down` votes, on our clock.
    pub failing_since: Option<Mono>,
}

/// More than half of so many members.
pub fn majority(members: u32) -> u32 {
    members / 2 + 1
}

/// Counts the votes of the configured `members` on `region`. Members at home in the Region do not
/// count: they fall silent with it, and what they see from inside is not what users see.
///
/// `Up` needs one usable vote and no doubt: a success that one member saw is a success. `Down`
/// needs a majority of all members, whether heard of or not, so that no two halves of a cut cluster
/// can each find one.
pub fn judge(
    now: Mono,
    matrix: &Matrix,
    members: &[Member],
    app: &Application,
    region: &RegionId,
) -> Judgement {
    let mut tally = Tally {
        members: u32::try_from(members.len()).unwrap_or(u32::MAX),
        ..Tally::default()
    };
    let mut failing_since = None;
    let mut suspected = false;
    for member in members {
        if &member.region == region {
            tally.inside.push(member.id.clone());
            continue;
        }
        let held = match usable(now, matrix, member, app, region) {
            Ok(held) => held,
            Err(why) => {
                tally.unusable.push((member.id.clone(), why));
                continue;
            }
        };
        match held.vote.opinion {
            Opinion::Down => {
                tally.down.push(member.id.clone());
                failing_since = earliest(failing_since, held.failing_since);
            }
            Opinion::Suspect => {
                tally.dissent.push(member.id.clone());
                suspected = true;
            }
            Opinion::Up => tally.dissent.push(member.id.clone()),
            Opinion::Unknown => {
                let why = Unusable::SaysUnknown(held.vote.reason.clone());
                tally.unusable.push((member.id.clone(), why));
            }
        }
    }
    Judgement {
        region: region.clone(),
        state: state(&tally, suspected, app.guards.agreement),
        tally,
        failing_since,
    }
}

/// The fresh vote of one member under our own configuration, or why there is none.
pub(super) fn usable<'a>(
    now: Mono,
    matrix: &'a Matrix,
    member: &Member,
    app: &Application,
    region: &RegionId,
) -> Result<&'a HeldVote, Unusable> {
    let held = matrix
        .vote(&member.id, &app.name, region)
        .ok_or(Unusable::NeverHeard)?;
    let age = held.age(now);
    if age > app.guards.freshness {
        return Err(Unusable::Stale(age));
    }
    if held.vote.config != app.config {
        return Err(Unusable::ConfigDiffers);
    }
    Ok(held)
}

fn state(tally: &Tally, suspected: bool, agreement: Agreement) -> VerdictState {
    let down = u32::try_from(tally.down.len()).unwrap_or(u32::MAX);
    let agreed = match agreement {
        Agreement::Unanimous => tally.dissent.is_empty(),
        // More than half of all members have already outvoted whoever dissents.
        Agreement::Majority => true,
    };
    if down >= majority(tally.members) && agreed {
        VerdictState::Down
    } else if down > 0 || suspected {
        VerdictState::Suspect
    } else if tally.dissent.is_empty() {
        VerdictState::Unknown
    } else {
        VerdictState::Up
    }
}

fn earliest(one: Option<Mono>, other: Option<Mono>) -> Option<Mono> {
    one.into_iter().chain(other).min()
}
