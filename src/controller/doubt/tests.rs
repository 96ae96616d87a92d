//! A leader gives way to a better one, and only then.

use std::collections::BTreeMap;

use crate::controller::{Controller, Effect, Input, Setup};
use crate::model::fixtures::*;
use crate::model::*;
use crate::run::Timing;

const S: u64 = 1_000;

/// `m2`, at home in the standby Region.
fn controller() -> Controller {
    let setup = Setup {
        me: "m2".into(),
        boot: BootId(2),
        members: members(),
        hosted: vec!["m2".into()],
        applications: vec![application()],
        references: vec![probe("r1", false)],
        runbooks: BTreeMap::new(),
        windows: Vec::new(),
        timing: Timing {
            poll: Millis(2 * S),
            call_timeout: Millis(10 * S),
            lease: Millis(3 * S),
            soak_poll: Millis(30 * S),
            steady_poll: Millis(300 * S),
        },
        data_loss_approval: DataLossApproval::default(),
    };
    Controller::new(setup, now(0))
}

fn now(at: u64) -> Now {
    Now {
        mono: Mono(1_000 * S + at),
        wall: Wall(at),
    }
}

/// What a member says of the two Regions, at that time.
fn says(member: &str, at: u64, of: [(&str, Opinion, VoteReason); 2]) -> Input {
    let votes = of
        .into_iter()
        .map(|(region, opinion, reason)| Vote {
            app: "shop".into(),
            region: region.into(),
            opinion,
            reason,
            evidence_at: now(at).mono,
            failing_since: None,
            config: application().config,
            probes: Vec::new(),
        })
        .collect();
    Input::Sheet {
        sheet: VoteSheet {
            member: member.into(),
            boot: BootId(7),
            sequence: at + 1,
            sent_at: now(at).mono,
            aws_reachable: Some(true),
            votes,
        },
        asked_at: now(at).mono,
    }
}

fn well(member: &str, at: u64) -> Input {
    let up = |region| (region, Opinion::Up, VoteReason::Probes);
    says(member, at, [up(FROM), up(TO)])
}

fn isolated(member: &str, at: u64) -> Input {
    let unknown = |region| (region, Opinion::Unknown, VoteReason::Isolated);
    says(member, at, [unknown(FROM), unknown(TO)])
}

fn sees_suspect(member: &str, at: u64, regions: &[&str]) -> Input {
    let vote = |region| match regions.contains(&region) {
        true => (region, Opinion::Suspect, VoteReason::Probes),
        false => (region, Opinion::Up, VoteReason::Probes),
    };
    says(member, at, [vote(FROM), vote(TO)])
}

/// Why it gives way, if it does.
fn leading(controller: &mut Controller, at: u64, input: Input) -> Option<StandDownReason> {
    let effects = controller.step(now(at), &State::default(), true, input);
    effects.into_iter().find_map(|effect| match effect {
        Effect::StandDown(reason) => Some(reason),
        Effect::Gossip(_)
        | Effect::ReadTraffic { .. }
        | Effect::OpenRun { .. }
        | Effect::Evacuate { .. }
        | Effect::Perform { .. }
        | Effect::Publish(_)
        | Effect::Drill(_)
        | Effect::Answer { .. } => None,
    })
}

fn follow(controller: &mut Controller, at: u64) {
    controller.step(now(at), &State::default(), false, Input::Tick);
}

/// Its only reference target does not answer.
fn cut_off(controller: &mut Controller, at: u64) -> Option<StandDownReason> {
    let silent = sample(
        Target::Reference("r1".into()),
        now(at).mono.0 - 20,
        failure(),
    );
    let input = Input::Sample {
        member: "m2".into(),
        sample: silent,
    };
    leading(controller, at, input)
}

#[test]
fn where_everybody_is_isolated_somebody_leads() {
    let mut controller = controller();
    assert_eq!(leading(&mut controller, 0, isolated("m1", 0)), None);
    assert_eq!(leading(&mut controller, 10, isolated("m3", 10)), None);
    assert_eq!(cut_off(&mut controller, 100), None);
    assert_eq!(leading(&mut controller, 2 * S, Input::Tick), None);
    // One that has not been heard for long is no better.
    assert_eq!(
        leading(&mut controller, 5 * S, well("m1", 5 * S)).as_ref(),
        Some(&StandDownReason::Isolated)
    );
    assert_eq!(leading(&mut controller, 60 * S, Input::Tick), None);
}

#[test]
fn where_every_region_fails_somebody_leads() {
    let mut controller = controller();
    let witness = |at, reaches| {
        let mut seen = sees_suspect("m3", at, &[FROM, TO]);
        if let Input::Sheet { sheet, .. } = &mut seen {
            sheet.aws_reachable = Some(reaches);
        }
        seen
    };
    for at in (0..60).step_by(5) {
        let at = at * S;
        let seen = sees_suspect("m1", at, &[FROM, TO]);
        assert_eq!(leading(&mut controller, at, seen), None, "{at}");
        // The witness stands outside of all that, but it could not act.
        let seen = witness(at + 1, false);
        assert_eq!(leading(&mut controller, at + 1, seen), None, "{at}");
    }
    let given_way = leading(&mut controller, 60 * S, witness(60 * S, true));
    assert!(
        matches!(given_way, Some(StandDownReason::OwnRegionSuspect { .. })),
        "{given_way:?}"
    );
}

#[test]
fn one_whose_place_nobody_takes_leads_for_a_while_before_it_gives_way_again() {
    let mut controller = controller();
    leading(&mut controller, 0, well("m1", 0));
    cut_off(&mut controller, 100);
    let again = leading(&mut controller, 2 * S, Input::Tick);
    assert_eq!(again, Some(StandDownReason::Isolated));
    follow(&mut controller, 3 * S);
    for at in 15..75 {
        let at = at * S;
        assert_eq!(leading(&mut controller, at, well("m1", at)), None, "{at}");
    }
    let again = leading(&mut controller, 76 * S, well("m1", 76 * S));
    assert_eq!(again, Some(StandDownReason::Isolated));
}
