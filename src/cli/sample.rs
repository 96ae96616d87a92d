//! Wire values for the tests of what people read: an application in each state that matters.

use crate::api::wire::*;

pub const AT: &str = "2026-01-02T03:04:05.000Z";

pub fn reason(code: &str, text: &str, remedy: &str) -> Reason {
    Reason {
        code: code.to_owned(),
        text: text.to_owned(),
        remedy: remedy.to_owned(),
    }
}

pub fn status(applications: Vec<ApplicationStatus>) -> Status {
    Status {
        answered_by: "london".to_owned(),
        region: "eu-west-2".to_owned(),
        version: "0.1.0".to_owned(),
        at: AT.to_owned(),
        cluster: ClusterStatus {
            leader: Some("dublin".to_owned()),
            term: 7,
            quorum_reachable: true,
            quorum_lost: false,
            voters: 3,
            heard: 3,
            ready: true,
            unready: Vec::new(),
        },
        pauses: Vec::new(),
        warnings: Vec::new(),
        applications,
    }
}

pub fn steady(name: &str) -> ApplicationStatus {
    ApplicationStatus {
        name: name.to_owned(),
        active: "eu-central-1".to_owned(),
        home: "eu-central-1".to_owned(),
        phase: "steady".to_owned(),
        summary: "steady".to_owned(),
        reasons: Vec::new(),
        automation: "automatic".to_owned(),
        epoch: 3,
        regions: vec![
            region("eu-central-1", true, VerdictState::Up),
            region("eu-west-1", false, VerdictState::Up),
        ],
        open_run: None,
        last_run: Some(run_row(&format!("{name}-3"), "completed")),
        automatic_runs: 1,
        brake: 2,
        brake_latched: false,
        cool_down_ms: None,
        readiness: ReadinessSummary {
            passed: 21,
            warnings: 1,
            checked_at: Some(AT.to_owned()),
            age_ms: Some(142_000),
            ..ReadinessSummary::default()
        },
        last_drill: Some(LastDrill {
            id: "drill-7".to_owned(),
            mode: "rehearse".to_owned(),
            passed: true,
            ended_at: AT.to_owned(),
            age_ms: 864_000_000,
        }),
    }
}

pub fn executing(name: &str) -> ApplicationStatus {
    let run = run_row(&format!("{name}-4"), "executing");
    ApplicationStatus {
        phase: "executing".to_owned(),
        summary: format!("executing {name}-4 from eu-central-1 to eu-west-1"),
        regions: vec![
            region("eu-central-1", true, VerdictState::Down),
            region("eu-west-1", false, VerdictState::Up),
        ],
        open_run: Some(RunRow {
            steps_done: 3,
            summary: "executing".to_owned(),
            ..run
        }),
        ..steady(name)
    }
}

pub fn blocked(name: &str) -> ApplicationStatus {
    let text =
        "the replica in eu-west-1 was 42 s behind 12 s ago, which is more than rpo_max (10 s)";
    let mut away = region("eu-west-1", false, VerdictState::Up);
    away.lag = Some(lag(42_000));
    let mut lost = region("eu-central-1", true, VerdictState::Down);
    lost.quarantined_since = Some(AT.to_owned());
    ApplicationStatus {
        phase: "blocked".to_owned(),
        summary: format!("eu-central-1 is lost, but {text}"),
        reasons: vec![reason(
            "lag_too_high",
            text,
            &format!("failoverctl failover {name} --to eu-west-1 --allow-data-loss --reason …"),
        )],
        regions: vec![lost, away],
        cool_down_ms: Some(1_260_000),
        brake_latched: true,
        automatic_runs: 2,
        readiness: ReadinessSummary::default(),
        ..steady(name)
    }
}

pub fn lag(lag_ms: u64) -> Lag {
    Lag {
        lag_ms,
        at: AT.to_owned(),
        age_ms: 12_000,
    }
}

pub fn region(name: &str, serves: bool, verdict: VerdictState) -> RegionStatus {
    RegionStatus {
        share: None,
        away_by: None,
        steer: Some(if serves { "open" } else { "closed" }.to_owned()),
        steered: false,
        name: name.to_owned(),
        role: if serves { "active" } else { "standby" }.to_owned(),
        serves,
        verdict,
        verdict_for_ms: Some(42_000),
        opinions: Vec::new(),
        quarantined_since: None,
        dial: Some(if serves { 100 } else { 0 }),
        dns_role: Some(if serves { "PRIMARY" } else { "SECONDARY" }.to_owned()),
        writer: Some(serves),
        lag: (!serves).then(|| lag(420)),
        nodegroups: vec![NodegroupStatus {
            name: "shop/web".to_owned(),
            desired: 6,
            min: 2,
            max: 12,
            ready: Some(if serves { 6 } else { 2 }),
            age_ms: 31_000,
        }],
        traffic_age_ms: Some(31_000),
    }
}

pub fn run_row(id: &str, status: &str) -> RunRow {
    RunRow {
        id: id.to_owned(),
        application: id.rsplit_once('-').map_or(id, |(name, _)| name).to_owned(),
        kind: RunKind::Failover,
        from: "eu-central-1".to_owned(),
        to: "eu-west-1".to_owned(),
        status: status.to_owned(),
        summary: status.replace('_', " "),
        origin: "quorum".to_owned(),
        drill: false,
        opened_at: "2026-01-02T03:02:05.000Z".to_owned(),
        executed_at: None,
        closed_at: None,
        took_ms: Some(97_300),
        steps_done: 8,
        steps: 8,
    }
}

pub fn pause(application: Option<&str>) -> AutomationPause {
    AutomationPause {
        application: application.map(str::to_owned),
        planned: false,
        by: "ada".to_owned(),
        reason: "the database is upgraded".to_owned(),
        since: AT.to_owned(),
        until: Some("2026-01-02T05:04:05.000Z".to_owned()),
        age_ms: 1_800_000,
        remaining_ms: Some(5_400_000),
    }
}

pub fn warning() -> Warning {
    Warning {
        code: "certificate_expires".to_owned(),
        text: "the certificate of dublin is good for 6 days only".to_owned(),
        remedy: Some("Renew the certificate of dublin.".to_owned()),
        application: None,
    }
}

fn plan_step(id: &str, uses: &str, goal: &str, changes: Vec<Change>) -> PlanStep {
    PlanStep {
        id: id.to_owned(),
        uses: uses.to_owned(),
        goal: goal.to_owned(),
        resource: (!changes.is_empty()).then(|| format!("arn:aws:{id}")),
        writes: !changes.is_empty(),
        needs: Vec::new(),
        timeout_ms: 240_000,
        on_failure: "hold".to_owned(),
        or_else: None,
        stands_in_for: None,
        best_effort: false,
        changes,
    }
}

fn change(what: &str, before: Option<&str>, after: &str) -> Change {
    Change {
        what: what.to_owned(),
        before: before.map(str::to_owned),
        after: after.to_owned(),
    }
}

pub fn plan() -> Plan {
    Plan {
        hash: "9b1e5a7c0d2f4e6a8b0c1d2e3f405162738495a6b7c8d9e0f1a2b3c4d5e6f708".to_owned(),
        application: "shop".to_owned(),
        kind: RunKind::Failover,
        from: "eu-central-1".to_owned(),
        to: "eu-west-1".to_owned(),
        runbook: "active-passive".to_owned(),
        epoch: 4,
        made_at: AT.to_owned(),
        data_loss: None,
        objective_rto_ms: Some(300_000),
        objective_rpo_ms: Some(10_000),
        steps: vec![
            plan_step(
                "grow-standby/web",
                "eks.scale_nodegroup",
                "shop/web in eu-west-1 has 6 nodes, 60 % of them ready",
                vec![change("shop/web desired size", Some("2"), "6")],
            ),
            PlanStep {
                on_failure: "continue".to_owned(),
                best_effort: true,
                ..plan_step(
                    "fence-old",
                    "http.request",
                    "POST https://fence.eu-central-1.example.net/ is answered",
                    Vec::new(),
                )
            },
            PlanStep {
                needs: vec!["fence-old".to_owned()],
                ..plan_step(
                    "promote-database",
                    "aurora.promote",
                    "shop-global is written in eu-west-1",
                    vec![change(
                        "writer of shop-global",
                        Some("arn:aws:rds:eu-central-1:123456789012:cluster:shop-frankfurt"),
                        "arn:aws:rds:eu-west-1:123456789012:cluster:shop-dublin",
                    )],
                )
            },
            PlanStep {
                needs: vec!["grow-standby/web".to_owned(), "promote-database".to_owned()],
                or_else: Some("raise-weight".to_owned()),
                ..plan_step(
                    "raise-standby-dial",
                    "global_accelerator.dial",
                    "the dial of eu-west-1 stands at 100 %",
                    vec![change("dial of eu-west-1", None, "100 %")],
                )
            },
        ],
        notes: vec![PlanNote {
            text: "2 nodes of shop/web in eu-west-1".to_owned(),
            seen_at: AT.to_owned(),
            age_ms: 31_000,
        }],
    }
}

pub fn guards() -> Vec<GuardRow> {
    let guard = |guard: &str, ruling, reason| GuardRow {
        guard: guard.to_owned(),
        ruling,
        reason,
    };
    vec![
        guard("quorum", Ruling::Pass, None),
        guard(
            "hold_down",
            Ruling::Hold,
            Some(reason(
                "hold_down",
                "confirmed for 12 s of 30 s",
                "Wait, or start a run yourself.",
            )),
        ),
        guard(
            "data_guard",
            Ruling::Ask,
            Some(reason(
                "lag_too_high",
                "the replica in eu-west-1 was 42 s behind 12 s ago, which is more than rpo_max \
                 (10 s)",
                "Wait, or say --allow-data-loss.",
            )),
        ),
        guard(
            "cool_down",
            Ruling::Warn,
            Some(reason(
                "cool_down",
                "the last run ended 21 min ago",
                "failoverctl ack shop",
            )),
        ),
    ]
}

pub fn plan_report(refused: Vec<Reason>) -> PlanReport {
    PlanReport {
        application: "shop".to_owned(),
        at: AT.to_owned(),
        plan: Some(plan()),
        guards: guards(),
        would_start: refused.is_empty(),
        refused,
        lag: Some(lag(42_000)),
        rpo_max_ms: Some(10_000),
    }
}

pub fn votes() -> VoteMatrix {
    let probe = ProbeRow {
        probe: "checkout".to_owned(),
        critical: true,
        up: Some(false),
        failures_in_row: 9,
        successes_in_row: 0,
        last_failure: Some("connection refused".to_owned()),
        sample_age_ms: Some(2_100),
    };
    let vote = |member: &str, opinion| VoteRow {
        member: member.to_owned(),
        inside: false,
        opinion: Some(opinion),
        reason: Some("probes".to_owned()),
        age_ms: Some(1_200),
        failing_for_ms: None,
        unusable: None,
        probes: Vec::new(),
    };
    let members = [
        ("frankfurt", "eu-central-1"),
        ("dublin", "eu-west-1"),
        ("london", "eu-west-2"),
    ];
    VoteMatrix {
        application: "shop".to_owned(),
        answered_by: "london".to_owned(),
        at: AT.to_owned(),
        members: members
            .map(|(id, region)| VoteMember {
                id: id.to_owned(),
                region: region.to_owned(),
            })
            .to_vec(),
        regions: vec![
            RegionVotes {
                region: "eu-central-1".to_owned(),
                verdict: VerdictState::Down,
                verdict_for_ms: Some(42_000),
                down: 2,
                needed: 2,
                configured: 3,
                votes: vec![
                    VoteRow {
                        inside: true,
                        opinion: None,
                        reason: None,
                        age_ms: None,
                        unusable: Some("never_heard".to_owned()),
                        ..vote("frankfurt", Opinion::Up)
                    },
                    VoteRow {
                        failing_for_ms: Some(45_000),
                        probes: vec![probe.clone()],
                        ..vote("dublin", Opinion::Down)
                    },
                    VoteRow {
                        failing_for_ms: Some(44_000),
                        probes: vec![ProbeRow {
                            last_failure: Some("no answer within 3000 ms".to_owned()),
                            ..probe
                        }],
                        ..vote("london", Opinion::Down)
                    },
                ],
            },
            RegionVotes {
                region: "eu-west-1".to_owned(),
                verdict: VerdictState::Up,
                verdict_for_ms: Some(86_400_000),
                down: 0,
                needed: 2,
                configured: 3,
                votes: vec![
                    VoteRow {
                        opinion: Some(Opinion::Unknown),
                        age_ms: Some(61_000),
                        unusable: Some("stale".to_owned()),
                        ..vote("frankfurt", Opinion::Up)
                    },
                    VoteRow {
                        inside: true,
                        ..vote("dublin", Opinion::Up)
                    },
                    vote("london", Opinion::Up),
                ],
            },
        ],
    }
}

pub fn step(id: &str, status: &str) -> Step {
    Step {
        id: id.to_owned(),
        uses: "aurora.promote".to_owned(),
        goal: "shop-global is written in eu-west-1".to_owned(),
        status: status.to_owned(),
        activity: None,
        detail: None,
        needs: Vec::new(),
        attempts: 1,
        ready_at: None,
        started_at: Some("2026-01-02T03:02:15.000Z".to_owned()),
        ended_at: None,
        took_ms: None,
        timeout_ms: 300_000,
        before: None,
        after: None,
        approved_by: None,
    }
}

/// One that waits for a person.
pub fn run_needs_operator() -> Run {
    Run {
        row: RunRow {
            summary: "promote-database failed, and nothing new is begun".to_owned(),
            steps_done: 3,
            ..run_row("shop-4", "needs_operator")
        },
        epoch: 4,
        at: AT.to_owned(),
        plan: plan(),
        reason: None,
        evidence: vec![
            "dublin says eu-central-1 is down, failing for 45 s".to_owned(),
            "london says eu-central-1 is down, failing for 44 s".to_owned(),
        ],
        paused: None,
        held: Some(reason(
            "step_failed",
            "promote-database failed: not observable within 5 min",
            "Look at shop-global in the console; then retry or skip the step, or abort the run.",
        )),
        may: ["approve", "abort", "retry", "skip"]
            .map(str::to_owned)
            .to_vec(),
        progress: vec![
            Step {
                took_ms: Some(41_000),
                before: Some("2 nodes".to_owned()),
                after: Some("6 nodes".to_owned()),
                ..step("grow-standby/web", "done")
            },
            Step {
                took_ms: Some(30_000),
                detail: Some("no answer within 30 s".to_owned()),
                ..step("fence-old", "skipped")
            },
            Step {
                took_ms: Some(300_000),
                attempts: 2,
                detail: Some(
                    "not observable within 5 min: the control plane answers 503".to_owned(),
                ),
                ..step("promote-database", "failed")
            },
            Step {
                activity: Some("settling".to_owned()),
                ..step("lower-old-dial", "intent")
            },
            step("promote-another-way", "awaiting_approval"),
            step("raise-standby-dial", "waiting"),
        ],
        findings: vec![RunFinding {
            step: "grow-standby/web".to_owned(),
            text: "shop/web has 4 nodes now".to_owned(),
            at: AT.to_owned(),
        }],
    }
}

/// One that is done and soaks.
pub fn run_soaking() -> Run {
    let mut run = run_needs_operator();
    run.row = run_row("shop-4", "soaking");
    run.held = None;
    run.may = vec!["abort".to_owned()];
    run.findings = Vec::new();
    for step in &mut run.progress {
        step.status = "done".to_owned();
        step.activity = None;
        step.detail = None;
        step.took_ms = Some(12_000);
    }
    run
}
