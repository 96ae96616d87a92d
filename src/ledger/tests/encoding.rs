//! Whatever the model can say survives the disk: the log and the snapshot are JSON, and a value that
//! cannot be read back would keep a member from ever starting again.

use std::sync::Arc;

use super::support::{PATIENCE, lead, options};
use crate::ledger::RaftLedger;
use crate::ledger::store::to_json;
use crate::model::*;
use crate::ports::Ledger;

fn step(id: &str, intent: Intent) -> PlannedStep {
    PlannedStep {
        id: StepId::from(id),
        restore: Some(intent.clone()),
        intent,
        needs: Vec::new(),
        timeout: Millis(u64::MAX),
        on_failure: OnFailure::Compensate,
        or_else: None,
        stands_in_for: None,
        best_effort: true,
        before: Some("dial 0 %, \"quoted\" \u{1f30d}\n".to_owned()),
    }
}

fn record_set(failover: Option<FailoverRole>) -> RecordSet {
    RecordSet {
        name: "*.shop.example.".to_owned(),
        record_type: "A".to_owned(),
        set_identifier: Some("a".to_owned()),
        failover,
        weight: None,
        ttl: None,
        values: vec!["\"heritage=failoverd\"".to_owned()],
        alias: Some(AliasTarget {
            hosted_zone_id: "Z2".to_owned(),
            dns_name: "lb.example.".to_owned(),
            evaluate_target_health: true,
        }),
        health_check_id: None,
    }
}

fn endpoint_group() -> EndpointGroup {
    EndpointGroup {
        dial_percent: 100,
        endpoints: vec![Endpoint {
            id: "arn:lb".to_owned(),
            weight: 255,
            client_ip_preservation: Some(false),
        }],
    }
}

fn nodegroup() -> NodegroupRef {
    NodegroupRef {
        cluster: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

fn intents() -> Vec<Intent> {
    let region = RegionId::from("us-west-2");
    let statuses = vec![StatusRange {
        low: 200,
        high: 299,
    }];
    vec![
        Intent::Dial {
            region: region.clone(),
            endpoint_group_arn: "arn:dial".to_owned(),
            percent: 100,
        },
        Intent::Weight {
            region: region.clone(),
            endpoint_group_arn: "arn:weight".to_owned(),
            endpoints: endpoint_group().endpoints,
        },
        Intent::Route53Failover {
            hosted_zone_id: "Z1".to_owned(),
            primary: region.clone(),
            delete: vec![record_set(Some(FailoverRole::Primary)), record_set(None)],
            create: vec![record_set(Some(FailoverRole::Secondary))],
            epoch_name: "_failoverd.shop.example.".to_owned(),
            epoch: Epoch(u64::MAX),
        },
        Intent::Route53Weights {
            hosted_zone_id: "Z1".to_owned(),
            region: region.clone(),
            weight: 255,
            delete: vec![record_set(None)],
            create: vec![RecordSet {
                weight: Some(255),
                ..record_set(None)
            }],
            epoch_name: "_failoverd.shop.example.".to_owned(),
            epoch: Epoch(u64::MAX),
        },
        Intent::AuroraPromote {
            global_cluster: "shop".to_owned(),
            target_arn: "arn:cluster".to_owned(),
            target_region: region.clone(),
            source_region: RegionId::from("eu-west-1"),
            method: Promotion::FailoverWithDataLoss,
            escalate_after: Some(Millis(1)),
        },
        Intent::ScaleNodegroup {
            region: region.clone(),
            nodegroup: nodegroup(),
            min: 0,
            desired: 6,
            max: u32::MAX,
            ready: 4,
            min_ready: Some(2),
        },
        Intent::Steer {
            application: "shop".into(),
            region: region.clone(),
            serve: true,
            open_by_role: vec!["eu-west-1".into()],
        },
        Intent::HttpCheck {
            url: "https://shop.example/check".to_owned(),
            method: "GET".to_owned(),
            expect_status: statuses.clone(),
            body_contains: Some("ok".to_owned()),
            expect_region: Some(region.clone()),
        },
        Intent::HttpRequest {
            url: "https://shop.example/fence".to_owned(),
            method: "POST".to_owned(),
            body: Some("{}".to_owned()),
            expect_status: statuses,
        },
        Intent::Approval {
            message: "sure?".to_owned(),
        },
        Intent::Bake {
            region: region.clone(),
            duration: Millis(u64::MAX),
        },
        Intent::Wait {
            duration: Millis(0),
        },
    ]
}

fn plan(data_loss: DataLossGrant) -> Plan {
    let steps = intents()
        .into_iter()
        .enumerate()
        .map(|(n, intent)| step(&format!("step/{n}"), intent))
        .collect();
    Plan {
        carriers: Vec::new(),
        application: AppId::from("shop"),
        kind: RunKind::Failover,
        from: RegionId::from("eu-west-1"),
        to: RegionId::from("us-west-2"),
        runbook: "active-passive".to_owned(),
        objective: Objective {
            rto: Millis::from_mins(5),
            rpo: Millis::from_secs(10),
        },
        config: ConfigHash::from("c0"),
        epoch: Epoch(1),
        steps,
        notes: vec![PlanNote {
            text: "lag 800ms".to_owned(),
            seen_at: Wall(4),
        }],
        data_loss: Some(data_loss),
        made_at: Wall(5),
        hash: PlanHash::from("5eed"),
    }
}

fn origins() -> [Origin; 2] {
    let member = MemberId::from("ireland");
    let unusable = [
        Unusable::NeverHeard,
        Unusable::Stale(Millis(16_000)),
        Unusable::SaysUnknown(VoteReason::Isolated),
        Unusable::ConfigDiffers,
    ];
    [
        Origin::Quorum {
            tally: Tally {
                members: 3,
                down: vec![member.clone()],
                dissent: Vec::new(),
                unusable: unusable.map(|why| (member.clone(), why)).to_vec(),
                inside: vec![member],
            },
            evidence: vec!["connect timed out".to_owned()],
        },
        Origin::Operator {
            name: "Ada".to_owned(),
            reason: "exercise".to_owned(),
        },
    ]
}

fn outcomes() -> Vec<Outcome> {
    let why = "seen".to_owned();
    let step = StepId::from("step/0");
    let failures = [
        Failure::Refused {
            code: "AccessDenied".to_owned(),
            message: why.clone(),
        },
        Failure::Impossible {
            code: "drifted".to_owned(),
            message: why.clone(),
        },
        Failure::TimedOut { seen: why.clone() },
        Failure::Unobservable { why: why.clone() },
        Failure::StaleEpoch { seen: 3 },
        Failure::NeedsUnmet { step },
        Failure::Declined { by: why.clone() },
    ];
    let skips = [
        SkipReason::NotNeeded,
        SkipReason::Operator("Ada".to_owned()),
        SkipReason::Aborted,
    ];
    let mut all = vec![
        Outcome::Done { partly: true },
        Outcome::Unknown { why: why.clone() },
        Outcome::AwaitingApproval,
        Outcome::NotSent { why },
    ];
    all.extend(failures.map(|failure| Outcome::Failed { failure }));
    all.extend(skips.map(|why| Outcome::Skipped { why }));
    all
}

/// One of each command at least, the opening of a run first.
pub(super) fn commands() -> Vec<Command> {
    let limits = RunLimits {
        cool_down: Millis(1),
        brake: 2,
        quarantine: true,
        soak: Millis(3),
        data_loss_approval: DataLossApproval::default(),
    };
    let grants = [
        DataLossGrant::WithinRpo {
            lag: Millis(1),
            rpo_max: Millis(2),
        },
        DataLossGrant::Operator("Ada".to_owned()),
    ];
    let run = RunId::from("shop-1");
    let step = StepId::from("step/0");
    let app = AppId::from("shop");
    let region = RegionId::from("us-west-2");
    let by = "Ada".to_owned();
    let reason = "because".to_owned();
    let evacuation = EvacuationId::from("us-west-2-1");

    let mut bodies: Vec<CommandBody> = grants
        .into_iter()
        .zip(origins())
        .map(|(grant, origin)| CommandBody::OpenRun {
            plan: Box::new(plan(grant)),
            origin,
            limits,
        })
        .collect();
    bodies.push(CommandBody::OpenDrillRun {
        drill: DrillId::from("shop-drill-1"),
        plan: Box::new(plan(DataLossGrant::Operator("Ada".to_owned()))),
        origin: Box::new(origins()[0].clone()),
        limits,
    });
    bodies.extend([Variant::AsPlanned, Variant::Escalated].map(|variant| {
        CommandBody::StepIntent {
            run: run.clone(),
            step: step.clone(),
            attempt: 1,
            member: MemberId::from("ireland"),
            boot: BootId(u64::MAX),
            epoch: Epoch(1),
            variant,
            before: Some("dial 0 %".to_owned()),
        }
    }));
    bodies.extend(
        outcomes()
            .into_iter()
            .map(|outcome| CommandBody::StepOutcome {
                run: run.clone(),
                step: step.clone(),
                attempt: 1,
                outcome,
                after: Some("dial 100 %".to_owned()),
            }),
    );
    bodies.extend([
        CommandBody::PauseRun {
            run: run.clone(),
            by: by.clone(),
            reason: reason.clone(),
        },
        CommandBody::ResumeRun {
            run: run.clone(),
            by: by.clone(),
        },
        CommandBody::RetryStep {
            run: run.clone(),
            step: step.clone(),
            by: by.clone(),
            reason: None,
        },
        CommandBody::SkipStep {
            run: run.clone(),
            step: step.clone(),
            by: by.clone(),
            reason: None,
        },
        CommandBody::Approve {
            run: run.clone(),
            step: StepId::from("step/7"),
            by: by.clone(),
            granted: true,
            reason: None,
        },
        CommandBody::RecordDrift {
            run: run.clone(),
            step,
            seen: "dial 0 %".to_owned(),
        },
        CommandBody::PauseAutomation {
            app: None,
            by: by.clone(),
            reason: reason.clone(),
            until: Some(Wall(9)),
        },
        CommandBody::PauseAutomation {
            app: Some(app.clone()),
            by: by.clone(),
            reason: reason.clone(),
            until: None,
        },
        CommandBody::ResumeAutomation {
            app: None,
            by: by.clone(),
        },
        CommandBody::Acknowledge {
            app: app.clone(),
            by: by.clone(),
        },
        CommandBody::RecordLag {
            app: app.clone(),
            region: region.clone(),
            samples: vec![LagSample {
                at: Wall(7),
                lag: Millis(800),
            }],
        },
        CommandBody::RecordCapacity {
            app: app.clone(),
            region: region.clone(),
            nodegroup: nodegroup(),
            size: NodegroupSize {
                min: 1,
                desired: 2,
                max: 3,
                in_service: 2,
            },
        },
        CommandBody::RecordTraffic {
            app: app.clone(),
            traffic: Traffic {
                records: vec![record_set(Some(FailoverRole::Primary))],
                groups: vec![(region.clone(), endpoint_group())],
                routing: vec![(region.clone(), true)],
            },
        },
        CommandBody::FoundCluster {
            disks: [(MemberId::from("ireland"), DiskId(u128::MAX))]
                .into_iter()
                .collect(),
        },
        CommandBody::RecordDisk {
            member: MemberId::from("frankfurt"),
            disk: DiskId(1),
        },
        CommandBody::Readmit {
            member: MemberId::from("frankfurt"),
            by: by.clone(),
        },
        CommandBody::RaiseEpoch {
            app: app.clone(),
            to: Epoch(3),
            active: Some(region.clone()),
            by: by.clone(),
            reason: reason.clone(),
            seen: Some(Epoch(2)),
        },
        CommandBody::Restored {
            how: RestoredHow::ForcedQuorum,
            by: by.clone(),
            reason: reason.clone(),
            disks: [(MemberId::from("ireland"), DiskId(u128::MAX))]
                .into_iter()
                .collect(),
        },
        CommandBody::RecordAudit {
            call: Box::new(AuditCall {
                who: by.clone(),
                how: "token".to_owned(),
                role: "operator".to_owned(),
                from: "[::1]:50122".to_owned(),
                via: MemberId::from("ireland"),
                call: "POST /v1/runs/shop-1/abort".to_owned(),
                application: Some(app.clone()),
                reason: Some(reason.clone()),
                said: "\"quoted\" \u{1f30d}\n".to_owned(),
                outcome: AuditOutcome::Refused,
                detail: None,
                answers: Some(u64::MAX),
            }),
        },
        CommandBody::BeginEvacuation {
            id: evacuation.clone(),
            region: RegionId::from("us-west-2"),
            by: by.clone(),
            reason: reason.clone(),
            parallel: 5,
            allow_data_loss: true,
            waves: vec![vec![Departure {
                application: AppId::from("till"),
                priority: 100,
                depends_on: [].into(),
                home: RegionId::from("us-west-2"),
            }]],
        },
        CommandBody::HoldEvacuee {
            evacuation: evacuation.clone(),
            app: AppId::from("till"),
            reason: HoldReason::BeingEvacuated {
                region: region.clone(),
                evacuation: evacuation.clone(),
            },
        },
        CommandBody::StopEvacuation {
            id: evacuation.clone(),
            by: by.clone(),
            reason: reason.clone(),
        },
        CommandBody::CloseEvacuation { id: evacuation },
        CommandBody::BeginDrill {
            id: DrillId::from("shop-drill-1"),
            app: app.clone(),
            mode: DrillMode::Rehearse,
            from: region.clone(),
            to: None,
            by: by.clone(),
            reason: reason.clone(),
            max_duration: Millis(1),
            soak: None,
        },
        CommandBody::MoveDrill {
            id: DrillId::from("shop-drill-1"),
            cause: DrillCause::RealOutage,
            why: "eu-west-1 is lost".to_owned(),
        },
        CommandBody::CloseDrill {
            id: DrillId::from("shop-drill-1"),
            outcome: DrillOutcome::Ended,
            report: Box::default(),
        },
        CommandBody::Abort {
            run: run.clone(),
            by: by.clone(),
            reason,
        },
        CommandBody::AbandonStale { run: run.clone() },
        CommandBody::AbortRecovered { run: run.clone() },
        CommandBody::AbortWorsened {
            run: run.clone(),
            why: "suspect for 20s".to_owned(),
        },
        CommandBody::Steer {
            run: run.clone(),
            step: "open".into(),
            attempt: 1,
            boot: BootId(1),
        },
        CommandBody::CloseRun { run },
        CommandBody::Rejoin { app, region, by },
    ]);
    bodies
        .into_iter()
        .enumerate()
        .map(|(n, body)| Command {
            at: Wall(1_700_000_000_000 + n as u64),
            body,
        })
        .collect()
}

#[test]
fn every_command_reads_back_as_it_was_written() {
    for command in commands() {
        let bytes = to_json(&command);
        let back: Command = serde_json::from_slice(&bytes).expect("reads back");
        assert_eq!(back, command);
    }
}

#[test]
fn the_state_after_every_command_reads_back_as_it_was_written() {
    let mut state = State::default();
    let mut applied = 0;
    for command in commands() {
        applied += usize::from(crate::run::apply(&mut state, &command).is_ok());
        let bytes = to_json(&state);
        let back: State = serde_json::from_slice(&bytes).expect("reads back");
        assert_eq!(back, state);
    }
    assert!(
        applied > 10,
        "only {applied} were applied: not much of a test"
    );
    assert_eq!(state.runs.len(), 1);
}

#[tokio::test]
async fn the_true_transition_survives_log_and_snapshot() {
    let dir = tempfile::tempdir().expect("a folder");
    let start = || async {
        let mut options = options(dir.path());
        options.transition = Arc::new(crate::run::apply);
        let ledger = RaftLedger::start(options).await.expect("starts");
        lead(&ledger).await;
        ledger
    };
    let mut plain = State::default();
    let mut ledger = start().await;
    let endless = |command: &Command| {
        matches!(
            &command.body,
            CommandBody::PauseAutomation { until: None, .. }
        )
    };
    // A pause without an end is refused before the log.
    let proposed = commands().into_iter().filter(|command| !endless(command));
    for (n, command) in proposed.enumerate() {
        let expected = crate::run::apply(&mut plain, &command);
        assert_eq!(ledger.propose(command).await, Ok(expected));
        if n % 5 == 4 {
            if n % 10 == 9 {
                let raft = ledger.raft_for_tests();
                let upto = ledger.metrics().last_applied_index;
                raft.trigger().snapshot().await.expect("runs");
                raft.wait(Some(PATIENCE))
                    .metrics(
                        |m| m.snapshot.map(|id| id.index) >= upto,
                        "a snapshot of this moment",
                    )
                    .await
                    .expect("in time");
            }
            ledger.shutdown().await;
            ledger = start().await;
            assert_eq!(*ledger.prove().await.expect("proves"), plain);
        }
    }
    ledger.shutdown().await;
}
