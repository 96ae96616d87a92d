//! What `/metrics` says of a snapshot in which everything happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::openmetrics::{Series, read};
use super::support::{Served, checked, starting};
use crate::api::metrics::applications::PHASES;
use crate::daemon::snapshot::{ClusterView, LedgerFigures, Readiness, Snapshot};
use crate::daemon::stats::Stats;
use crate::ledger::{CommitTimes, Quorum, VoterSeen};
use crate::model::*;
use crate::peer::{CertificateStatus, Channel, ChannelTraffic, PeerStatus};
use crate::probe::Tilt;

/// Two minutes after the epoch of both clocks.
const NOW: u64 = 120_000;

fn vote(member: &str, opinion: Opinion, reason: VoteReason) -> (MemberId, HeldVote) {
    let down = opinion == Opinion::Down;
    let vote = Vote {
        app: "shop".into(),
        region: fixtures::FROM.into(),
        opinion,
        reason,
        evidence_at: Mono(1),
        failing_since: None,
        config: ConfigHash("c0ffee".into()),
        probes: vec![
            ProbeState {
                probe: r#"the "web" one\"#.into(),
                critical: true,
                up: Some(!down),
                failures_in_row: if down { 4 } else { 0 },
                successes_in_row: 0,
                last_failure: Some("answered 500".to_owned()),
                last_sample_at: None,
            },
            ProbeState {
                probe: "api".into(),
                critical: true,
                up: None,
                failures_in_row: 0,
                successes_in_row: 0,
                last_failure: None,
                last_sample_at: None,
            },
        ],
    };
    let held = HeldVote {
        vote,
        evidence_at: Mono(NOW - 2_500),
        failing_since: None,
    };
    (member.into(), held)
}

fn view() -> AppView {
    let lag = HoldReason::LagUnknown {
        why: "no sample".to_owned(),
    };
    AppView {
        application: "shop".into(),
        active: fixtures::FROM.into(),
        phase: Phase::Blocked {
            region: fixtures::FROM.into(),
            reason: HoldReason::NoRunbook {
                kind: RunKind::Failover,
            },
        },
        verdicts: vec![Verdict {
            region: fixtures::FROM.into(),
            state: VerdictState::Down,
            tally: Tally {
                members: 3,
                down: vec!["m2".into(), "m3".into()],
                dissent: Vec::new(),
                unusable: Vec::new(),
                inside: vec!["m1".into()],
            },
            since: Mono(NOW - 31_000),
            failing_since: None,
        }],
        guards: vec![
            GuardVerdict {
                guard: Guard::Quorum,
                ruling: Ruling::Pass,
            },
            GuardVerdict {
                guard: Guard::DataGuard,
                ruling: Ruling::Ask(lag.clone()),
            },
        ],
        decision: Some(Decision::Ask {
            from: fixtures::FROM.into(),
            to: fixtures::TO.into(),
            reasons: vec![lag],
        }),
    }
}

fn run() -> Run {
    let dial = |id: &str, percent| PlannedStep {
        id: id.into(),
        intent: Intent::Dial {
            region: fixtures::TO.into(),
            endpoint_group_arn: "arn:group".to_owned(),
            percent,
        },
        needs: Vec::new(),
        timeout: Millis::from_mins(5),
        on_failure: OnFailure::Hold,
        or_else: None,
        stands_in_for: None,
        best_effort: false,
        restore: None,
        before: None,
    };
    let plan = Plan {
        carriers: Vec::new(),
        application: "shop".into(),
        kind: RunKind::Failover,
        from: fixtures::FROM.into(),
        to: fixtures::TO.into(),
        runbook: "active-passive".to_owned(),
        objective: Objective {
            rto: Millis::from_mins(5),
            rpo: Millis::from_secs(10),
        },
        config: ConfigHash("c0ffee".into()),
        epoch: Epoch(7),
        steps: vec![dial("raise", 100), dial("lower", 0)],
        notes: Vec::new(),
        data_loss: None,
        made_at: Wall(NOW - 60_000),
        hash: PlanHash("hash".into()),
    };
    let raised = StepRecord {
        status: StepStatus::Done {
            wrote: true,
            partly: false,
        },
        attempts: 2,
        started_at: Some(Wall(NOW - 60_000)),
        ended_at: Some(Wall(NOW - 45_000)),
        ..StepRecord::waiting()
    };
    Run {
        id: "shop-7".into(),
        application: "shop".into(),
        epoch: Epoch(7),
        plan,
        origin: Origin::Operator {
            name: "ada".to_owned(),
            reason: "test".to_owned(),
        },
        opened_at: Wall(NOW - 60_000),
        closed_at: None,
        executed_at: None,
        status: RunStatus::Executing,
        abort: None,
        soak: Millis::ZERO,
        data_loss_approval: DataLossApproval::default(),
        paused: None,
        steps: BTreeMap::from([
            ("raise".into(), raised),
            ("lower".into(), StepRecord::waiting()),
        ]),
        restoring: Vec::new(),
        findings: Vec::new(),
        drill: None,
    }
}

fn state() -> State {
    let app = AppState {
        epoch: Epoch(7),
        open_run: Some("shop-7".into()),
        brake_latched: true,
        quarantined: BTreeMap::from([(fixtures::FROM.into(), Wall(1))]),
        lag: BTreeMap::from([(
            fixtures::TO.into(),
            vec![LagSample {
                at: Wall(NOW - 60_000),
                lag: Millis(850),
            }],
        )]),
        capacity: BTreeMap::from([(
            fixtures::TO.into(),
            BTreeMap::from([(
                "shop/web".to_owned(),
                Seen {
                    value: NodegroupSize {
                        min: 1,
                        desired: 6,
                        max: 9,
                        in_service: 4,
                    },
                    at: Wall(NOW - 30_000),
                },
            )]),
        )]),
        traffic: Some(Seen {
            value: Traffic {
                records: Vec::new(),
                routing: Vec::new(),
                groups: vec![(
                    fixtures::TO.into(),
                    EndpointGroup {
                        dial_percent: 55,
                        endpoints: Vec::new(),
                    },
                )],
            },
            at: Wall(NOW - 20_000),
        }),
        ..AppState::default()
    };
    let gone = AppState {
        brake_latched: true,
        ..AppState::default()
    };
    State {
        time: Wall(NOW),
        dated_at: Wall(NOW),
        apps: BTreeMap::from([("shop".into(), app), ("not-configured".into(), gone)]),
        runs: BTreeMap::from([("shop-7".into(), run())]),
        closed: VecDeque::new(),
        automation_paused: Some(AutomationPause {
            by: "ada".to_owned(),
            reason: "migration".to_owned(),
            since: Wall(1),
            until: Some(Wall(NOW + 1)),
        }),
        disks: BTreeMap::new(),
        audit: Audit::default(),
        restored: None,
        evacuations: BTreeMap::new(),
        drills: BTreeMap::from([("shop".into(), drills())]),
    }
}

/// One that passed, one that real life ended, and one under way.
fn drills() -> Drills {
    let drill = |number: u64, outcome: Option<DrillOutcome>| Drill {
        id: DrillId(format!("shop-drill-{number}")),
        number,
        application: "shop".into(),
        mode: DrillMode::Rehearse,
        from: fixtures::FROM.into(),
        to: None,
        by: "ada".to_owned(),
        reason: "weekly".to_owned(),
        begun_at: Wall(NOW - 1_000),
        max_duration: Millis::from_mins(15),
        live: None,
        end: outcome.map(|outcome| DrillEnd {
            at: Wall(NOW - 100 + number),
            outcome,
            cause: None,
            report: DrillReport::default(),
        }),
    };
    Drills {
        count: 3,
        open: Some(drill(3, None)),
        closed: VecDeque::from([
            drill(1, Some(DrillOutcome::Passed)),
            drill(2, Some(DrillOutcome::Ended)),
        ]),
        completed: BTreeMap::from([(
            DrillMode::Rehearse,
            CompletedDrill {
                drill: DrillId::from("shop-drill-1"),
                mode: DrillMode::Rehearse,
                at: Wall(NOW - 99),
                passed: true,
            },
        )]),
        away: None,
    }
}

fn cluster() -> ClusterView {
    ClusterView {
        quorum: Quorum {
            voters: ["m1", "m2", "m3"]
                .map(|member| VoterSeen {
                    member: member.into(),
                    is_self: member == "m1",
                    silent_for: None,
                })
                .into(),
            reachable: true,
            ..Quorum::default()
        },
        peers: vec![PeerStatus {
            member: "m2".into(),
            address: "frankfurt.example.org:7400".to_owned(),
            connected: true,
            outgoing: BTreeSet::new(),
            incoming: BTreeSet::new(),
            last_heard: Some(Duration::from_millis(40)),
            identity: None,
            refuses: None,
            last_error: None,
            round_trip: Some(Duration::from_millis(22)),
            round_trip_worst: Some(Duration::from_millis(31)),
            traffic: BTreeMap::from([(
                Channel::Votes,
                ChannelTraffic {
                    frames_sent: 5,
                    frames_received: 4,
                    bytes_sent: 900,
                    bytes_received: 700,
                },
            )]),
        }],
        certificate: Some(CertificateStatus {
            not_after_ms: 1_900_000_000_000,
            names: vec!["m1".to_owned()],
            reload_error: None,
            reloads: 0,
        }),
        refusals: BTreeMap::from([("disk".to_owned(), 2)]),
        ..ClusterView::default()
    }
}

pub fn snapshot() -> Snapshot {
    Snapshot {
        cluster: cluster(),
        at: Now {
            mono: Mono(NOW),
            wall: Wall(NOW),
        },
        views: BTreeMap::from([("shop".into(), view())]),
        state: Arc::new(state()),
        leads: true,
        votes: vec![
            vote("m1", Opinion::Up, VoteReason::Probes),
            vote("m2", Opinion::Down, VoteReason::Probes),
            vote("m3", Opinion::Unknown, VoteReason::Isolated),
        ],
        checks: BTreeMap::from([("shop".into(), Arc::new(checked("shop", Mono(NOW - 72_000))))]),
        activities: BTreeMap::from([(("shop-7".into(), "lower".into()), StepActivity::Observing)]),
        ledger: LedgerFigures {
            term: 3,
            last_log_index: Some(41),
            last_commit_us: Some(2_300),
            commits: CommitTimes {
                counts: [1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1],
                sum_us: 1_512_300,
            },
            size_bytes: 1_048_576,
            free_bytes: Some(7_000_000_000),
        },
        ready: Readiness::default(),
        told: crate::notify::Tally::default(),
    }
}

fn value(series: &Series, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    series.get(&(format!("failoverd_{name}"), labels)).copied()
}

#[tokio::test]
async fn metrics_are_open_metrics_and_say_what_the_snapshot_says() {
    let api = Served::start(snapshot()).await;
    count_everything(&api.stats);
    let answer = api.scrape().await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .head
            .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{}",
        answer.head
    );
    let series = read(&answer.body).unwrap_or_else(|why| panic!("{why}\n{}", answer.body));
    let vote = |member, state| {
        value(
            &series,
            "vote",
            &[
                ("application", "shop"),
                ("region", fixtures::FROM),
                ("member", member),
                ("state", state),
            ],
        )
    };
    assert_eq!(vote("m2", "down"), Some(1.0));
    assert_eq!(vote("m2", "up"), Some(0.0));
    assert_eq!(vote("m3", "unknown"), Some(1.0));
    insta::assert_snapshot!(answer.body.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[tokio::test]
async fn before_the_first_turn_there_is_little_to_say_and_that_is_valid() {
    let api = Served::start(starting()).await;
    let answer = api.scrape().await;
    let series = read(&answer.body).unwrap();
    assert_eq!(value(&series, "ready", &[]), Some(0.0));
    assert_eq!(value(&series, "leader", &[]), Some(0.0));
    assert!(!answer.body.contains("{}"), "{}", answer.body);
}

/// One of each, so that the order within a family is fixed.
pub fn count_everything(stats: &Stats) {
    let member = MemberId::from("m1");
    let target = fixtures::region_target(fixtures::FROM, "web");
    stats.sampled(&member, &fixtures::sample(target, 0, fixtures::failure()));
    stats.sampled(
        &member,
        &fixtures::sample(
            Target::Reference("example".into()),
            0,
            SampleOutcome::Success,
        ),
    );
    stats.samples_dropped(&member, 2);
    stats.tilted(&member, &Tilt::Gap(Millis(5_000)));
    let wait = Intent::Wait {
        duration: Millis(1),
    };
    stats.called(&wait, &CallOutcome::Accepted);
    stats.observed(&wait, &Goal::Met);
    stats.proposed(&Ok(Ok(Event::Recorded)));
    let mut closed = run();
    closed.status = RunStatus::Completed;
    closed.executed_at = Some(Wall(NOW - 10_000));
    closed.closed_at = Some(Wall(NOW));
    stats.run_closed(&closed);
}

#[tokio::test]
async fn plain_text_says_the_same() {
    let api = Served::start(snapshot()).await;
    count_everything(&api.stats);
    let open = api.scrape().await;
    let plain = api.get("/metrics").await;
    assert!(
        plain
            .head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        plain.head
    );
    // What they say of the scrapes themselves differs.
    let samples = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !line.starts_with('#') && !line.starts_with("failoverd_api_"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(samples(&open.body), samples(&plain.body));
    assert!(
        plain
            .body
            .contains("# TYPE failoverd_runs_closed_total counter\n")
    );
    assert!(plain.body.contains("# TYPE failoverd_build_info gauge\n"));
}

#[tokio::test]
async fn what_is_asked_of_the_api_is_counted() {
    let api = Served::start(snapshot()).await;
    api.get("/livez").await;
    api.get("/nothing/here").await;
    api.get("/v1/nothing").await;
    api.ask("BREW", "/livez").await;
    let series = read(&api.scrape().await.body).unwrap();
    let requests = |route, method, status| {
        value(
            &series,
            "api_requests_total",
            &[("route", route), ("method", method), ("status", status)],
        )
    };
    assert_eq!(requests("/livez", "GET", "2xx"), Some(1.0));
    assert_eq!(requests("none", "GET", "4xx"), Some(2.0));
    assert_eq!(requests("/livez", "other", "4xx"), Some(1.0));
    let rejected = |reason| value(&series, "api_rejected_total", &[("reason", reason)]);
    assert_eq!(rejected("no_such_page"), Some(1.0));
    assert_eq!(rejected("other"), Some(2.0));
    assert_eq!(value(&series, "api_requests_in_flight", &[]), Some(1.0));
}

#[test]
fn every_phase_has_its_series() {
    let region = RegionId::from("r");
    let run = RunId::from("r-1");
    let all = [
        Phase::Steady,
        Phase::Suspect {
            region: region.clone(),
        },
        Phase::Confirmed {
            region: region.clone(),
        },
        Phase::Blocked {
            region: region.clone(),
            reason: HoldReason::NotLeader,
        },
        Phase::Planned { region },
        Phase::Executing { run: run.clone() },
        Phase::Soaking { run },
        Phase::CoolDown {
            remaining: Millis(1),
        },
        Phase::NeedsOperator {
            run: None,
            reason: String::new(),
        },
    ];
    assert_eq!(all.each_ref().map(Phase::as_str), PHASES);
}
