//! A round passes: every member probes, votes, and tells the others.

use failoverd::controller::Input;
use failoverd::model::{
    FailureReason, Millis, Mono, ProbeResult, Sample, SampleOutcome, Target, Timings,
};

use crate::scene::{Evidence, Letter, Scene};
use crate::setting::{FROM, MEMBERS, SAMPLED_BEFORE, TO, member, shop};
use crate::shared::Shared;
use crate::turn::Turn;
use crate::watch;

/// A second later than the last round plus nearly a round, all probe; then all vote; then the sheets
/// arrive, but for one that is `late`.
pub fn pass(turn: &mut Turn, late: Option<(usize, usize)>) {
    turn.scene.round += 1;
    watch::new_round(&mut turn.scene);
    for index in 0..MEMBERS {
        if turn.scene.is_up(index) {
            probe(turn, index);
        }
    }
    for index in 0..MEMBERS {
        turn.step(index, Input::Tick);
    }
    for from in 0..MEMBERS {
        let Some(sheet) = turn.sheets[from].take() else {
            continue;
        };
        for to in (0..MEMBERS).filter(|to| *to != from) {
            let letter = Letter {
                from,
                to,
                sheet: sheet.clone(),
                asked_at: turn.challenged_at(to),
                evidence: evidence(&turn.scene, from),
            };
            if late == Some((from, to)) {
                turn.scene.mail.push(Shared::new(letter));
            } else if turn.scene.is_up(to) {
                turn.deliver(&letter);
            }
        }
    }
}

fn evidence(scene: &Scene, of: usize) -> Evidence {
    Evidence {
        round: scene.round,
        failed: scene.lost || scene.cut.contains(&of),
    }
}

fn probe(turn: &mut Turn, index: usize) {
    let evidence = evidence(&turn.scene, index);
    watch::told(&mut turn.scene, index, index, evidence);
    let region = |region: &str| Target::Region {
        app: shop(),
        region: region.into(),
        probe: "web".into(),
    };
    let samples = [
        (region(FROM), evidence.failed, Millis(40)),
        (region(TO), false, Millis(40)),
        // After the others: only an answer from then on shows that it was not us.
        (Target::Reference("reference".into()), false, Millis(10)),
    ];
    let now = turn.now(index, SAMPLED_BEFORE).mono;
    for (target, failed, before) in samples {
        let sample = sample(target, failed, now - before);
        let member = member(index);
        turn.step_before(index, SAMPLED_BEFORE, Input::Sample { member, sample });
    }
}

fn sample(target: Target, failed: bool, ended: Mono) -> Sample {
    let outcome = if failed {
        SampleOutcome::Failure(FailureReason::ConnectTimeout)
    } else {
        SampleOutcome::Success
    };
    Sample {
        target,
        started: ended - Millis(20),
        ended,
        result: ProbeResult {
            outcome,
            timings: Timings::default(),
        },
    }
}
