//! What is told of a night.

use std::sync::Arc;

use super::*;
use crate::model::{
    AppId, DrillEnd, DrillId, DrillOutcome, DrillReport, LiveDrill, LivePhase, State, Tally,
    Verdict, Wall, fixtures,
};

fn me() -> Member {
    fixtures::members().remove(1)
}

fn view(phase: Phase, down: bool) -> AppView {
    AppView {
        application: "shop".into(),
        active: fixtures::FROM.into(),
        phase,
        verdicts: vec![Verdict {
            region: fixtures::FROM.into(),
            state: if down {
                VerdictState::Down
            } else {
                VerdictState::Up
            },
            tally: Tally {
                members: 3,
                down: vec!["m2".into(), "m3".into()],
                ..Tally::default()
            },
            since: Mono(0),
            failing_since: None,
        }],
        guards: Vec::new(),
        decision: None,
    }
}

fn snapshot(secs: u64, leads: bool, view: AppView) -> Snapshot {
    let at = Now {
        mono: Mono(secs * 1_000),
        wall: Wall(1_790_000_000_000 + secs * 1_000),
    };
    let mut snapshot = Snapshot::starting(at, Arc::new(State::default()));
    snapshot.views.insert(AppId::from("shop"), view);
    snapshot.leads = leads;
    snapshot.cluster.quorum.reachable = true;
    snapshot
}

fn blocked() -> Phase {
    Phase::Blocked {
        region: fixtures::FROM.into(),
        reason: HoldReason::AutomationPaused {
            reason: "release".to_owned(),
            by: "Ada".to_owned(),
        },
    }
}

fn said(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|m| format!("{} {} {}", m.standing.as_str(), m.urgency.as_str(), m.key))
        .collect()
}

#[test]
fn a_loss_is_told_at_once_and_a_hold_when_it_lasts() {
    let mut news = News::new(me());
    assert!(
        news.look(&snapshot(0, true, view(Phase::Steady, false)))
            .is_empty()
    );
    let told = news.look(&snapshot(20, true, view(blocked(), true)));
    assert_eq!(said(&told), ["begun critical shop/region/eu-west-1"]);
    assert!(
        told[0]
            .text
            .starts_with("2 of 3 members see it down: m2, m3.")
    );
    assert!(
        news.look(&snapshot(29, true, view(blocked(), true)))
            .is_empty()
    );
    let told = news.look(&snapshot(30, true, view(blocked(), true)));
    assert_eq!(said(&told), ["begun critical shop/held"]);
    assert!(told[0].text.contains("paused by Ada: release"));
    assert!(
        told[0]
            .remedy
            .as_deref()
            .unwrap()
            .contains("resume-automation")
    );
    // Told once.
    assert!(
        news.look(&snapshot(90, true, view(blocked(), true)))
            .is_empty()
    );
    let told = news.look(&snapshot(99, true, view(Phase::Steady, false)));
    assert_eq!(
        said(&told),
        [
            "over critical shop/held",
            "over critical shop/region/eu-west-1"
        ]
    );
}

#[test]
fn a_hold_that_passes_at_once_is_no_news() {
    let mut news = News::new(me());
    let mut told = news.look(&snapshot(0, true, view(blocked(), false)));
    told.extend(news.look(&snapshot(9, true, view(Phase::Steady, false))));
    told.extend(news.look(&snapshot(12, true, view(blocked(), false))));
    told.extend(news.look(&snapshot(21, true, view(Phase::Steady, false))));
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_follower_is_silent_and_tells_what_is_recent_once_it_leads() {
    let mut news = News::new(me());
    let lost = || view(Phase::Steady, true);
    assert!(news.look(&snapshot(0, false, lost())).is_empty());
    let told = news.look(&snapshot(119, true, lost()));
    assert_eq!(said(&told), ["begun critical shop/region/eu-west-1"]);

    let mut news = News::new(me());
    assert!(news.look(&snapshot(0, false, lost())).is_empty());
    // The leader of that time has told it.
    assert!(news.look(&snapshot(121, true, lost())).is_empty());
    let told = news.look(&snapshot(130, true, view(Phase::Steady, false)));
    assert_eq!(said(&told), ["over critical shop/region/eu-west-1"]);
}

#[test]
fn that_the_quorum_is_lost_is_told_by_whoever_sees_it() {
    let mut news = News::new(me());
    let mut alone = snapshot(0, false, view(Phase::Steady, false));
    alone.cluster.quorum.reachable = false;
    alone.cluster.quorum_lost = true;
    let told = news.look(&alone);
    assert_eq!(said(&told), ["begun critical member/m2/quorum_lost"]);
    let told = news.look(&snapshot(60, false, view(Phase::Steady, false)));
    assert_eq!(said(&told), ["over critical member/m2/quorum_lost"]);
}

#[test]
fn a_certificate_is_told_of_again_when_it_becomes_urgent() {
    let mut news = News::new(me());
    let mut told = Vec::new();
    for days_left in [40_i64, 29, 28, 2, 1] {
        let mut snapshot = snapshot(0, false, view(Phase::Steady, false));
        let now = i64::try_from(snapshot.at.wall.0).unwrap();
        snapshot.cluster.certificate = Some(crate::peer::CertificateStatus {
            not_after_ms: now + days_left * DAY_MS,
            names: Vec::new(),
            reload_error: None,
            reloads: 0,
        });
        told.extend(news.look(&snapshot));
    }
    assert_eq!(
        said(&told),
        [
            "begun warning member/m2/certificate_expiry",
            "begun critical member/m2/certificate_expiry"
        ]
    );
}

/// A live drill that is on its way there, as the state shows it.
fn live_drill() -> Drill {
    Drill {
        id: DrillId::from("shop-drill-1"),
        number: 1,
        application: "shop".into(),
        mode: DrillMode::Live,
        from: fixtures::FROM.into(),
        to: Some(fixtures::TO.into()),
        by: "ada".to_owned(),
        reason: "game day".to_owned(),
        begun_at: Wall(1_790_000_000_000),
        max_duration: Millis::from_mins(30),
        live: Some(LiveDrill {
            soak: Millis::from_mins(5),
            phase: LivePhase::Switching,
            there: None,
            back: None,
            arrived_at: None,
            turned_at: None,
            cut: None,
        }),
        end: None,
    }
}

#[test]
fn a_live_drill_is_told_as_one_and_so_is_its_end() {
    let mut news = News::new(me());
    let with = |secs, drill: &Drill| {
        let mut state = State::default();
        let drills = state.drills.entry("shop".into()).or_default();
        match &drill.end {
            None => drills.open = Some(drill.clone()),
            Some(_) => drills.closed.push_back(drill.clone()),
        }
        let mut told = snapshot(secs, true, view(Phase::Steady, false));
        told.state = Arc::new(state);
        told
    };
    let mut drill = live_drill();
    let told = news.look(&with(0, &drill));
    assert_eq!(said(&told), ["begun info shop/drill"]);
    assert!(told[0].drill && told[0].title.contains("live drill shop-drill-1"));

    drill.end = Some(DrillEnd {
        at: Wall(1_790_000_060_000),
        outcome: DrillOutcome::Passed,
        cause: None,
        report: DrillReport {
            summary: "there and back".to_owned(),
            ..DrillReport::default()
        },
    });
    let told = news.look(&with(60, &drill));
    assert_eq!(said(&told), ["over info shop/drill"]);
    assert!(told[0].drill && told[0].title.ends_with("passed"));
    assert_eq!(told[0].text, "there and back.");
}
