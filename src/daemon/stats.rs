//! What the daemon counts: everything that is an event and would be lost between two snapshots.
//!
//! Invariant: label values come from the configuration or from closed lists of words, never from an
//! answer of the world, so the number of series is bounded.
//! Invariant: counting never waits for a scrape longer than it takes to copy one family.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::model::{
    CallOutcome, Event, Goal, Intent, MemberId, Millis, Rejection, Run, Sample, SampleOutcome,
    StepStatus, Target,
};
use crate::ports::LedgerError;
use crate::probe::Tilt;

/// Upper bounds in real seconds: from an answer next door to a probe's longest usual timeout.
const PROBE_BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds in world seconds: from one API call to a database that takes its quarter of an hour.
const STEP_BUCKETS: [f64; 11] = [
    1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0,
];

/// Upper bounds in world seconds: around the objectives people set, one minute to an hour.
const RUN_BUCKETS: [f64; 10] = [
    15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
];

/// Cumulative counters since this process started. Cheap to share: put it in an `Arc`.
#[derive(Debug)]
pub struct Stats {
    samples: Family<SampleLabels, Counter>,
    probe_duration: Family<ProbeLabels, Histogram, Buckets>,
    reference_samples: Family<ReferenceLabels, Counter>,
    dropped_samples: Family<MemberLabel, Counter>,
    tilts: Family<TiltLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    observations: Family<ObservationLabels, Counter>,
    proposals: Family<ProposalLabels, Counter>,
    runs_closed: Family<RunLabels, Counter>,
    run_duration: Family<RunLabels, Histogram, Buckets>,
    step_duration: Family<StepLabels, Histogram, Buckets>,
}

impl Default for Stats {
    fn default() -> Self {
        Self::new()
    }
}

impl Stats {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self {
            samples: Family::default(),
            probe_duration: Family::new_with_constructor(Buckets(&PROBE_BUCKETS)),
            reference_samples: Family::default(),
            dropped_samples: Family::default(),
            tilts: Family::default(),
            calls: Family::default(),
            observations: Family::default(),
            proposals: Family::default(),
            runs_closed: Family::default(),
            run_duration: Family::new_with_constructor(Buckets(&RUN_BUCKETS)),
            step_duration: Family::new_with_constructor(Buckets(&STEP_BUCKETS)),
        }
    }

    /// A vantage of this process: what may befall it is counted from 0, because a series that begins
    /// with 1 has not risen for whoever asks by how much it did.
    pub fn hosts(&self, member: &MemberId) {
        for cause in ["stall", "gap", "clock_step"] {
            drop(self.tilts.get_or_create(&TiltLabels {
                member: member.0.clone(),
                cause,
            }));
        }
        self.samples_dropped(member, 0);
    }

    /// A vantage took a sample.
    pub fn sampled(&self, member: &MemberId, sample: &Sample) {
        let result = sample_word(&sample.result.outcome);
        match &sample.target {
            Target::Region { app, region, probe } => {
                let probe = ProbeLabels {
                    application: app.0.clone(),
                    region: region.0.clone(),
                    probe: probe.0.clone(),
                    member: member.0.clone(),
                };
                let real = std::time::Duration::from_micros(sample.result.timings.total_us);
                self.probe_duration
                    .get_or_create(&probe)
                    .observe(real.as_secs_f64());
                self.samples
                    .get_or_create(&SampleLabels {
                        application: probe.application,
                        region: probe.region,
                        probe: probe.probe,
                        member: probe.member,
                        result,
                    })
                    .inc();
            }
            Target::Reference(probe) => {
                self.reference_samples
                    .get_or_create(&ReferenceLabels {
                        probe: probe.0.clone(),
                        member: member.0.clone(),
                        result,
                    })
                    .inc();
            }
        }
    }

    /// So many samples of a vantage were lost because the loop did not keep up.
    pub fn samples_dropped(&self, member: &MemberId, count: u64) {
        self.dropped_samples
            .get_or_create(&MemberLabel {
                member: member.0.clone(),
            })
            .inc_by(count);
    }

    /// A vantage stopped trusting itself.
    pub fn tilted(&self, member: &MemberId, tilt: &Tilt) {
        let cause = match tilt {
            Tilt::Stall(_) => "stall",
            Tilt::Gap(_) => "gap",
            Tilt::ClockStep(_) => "clock_step",
        };
        self.tilts
            .get_or_create(&TiltLabels {
                member: member.0.clone(),
                cause,
            })
            .inc();
    }

    /// A mutating call came back.
    pub fn called(&self, intent: &Intent, outcome: &CallOutcome) {
        self.calls
            .get_or_create(&CallLabels {
                action: intent.name(),
                outcome: call_word(outcome),
            })
            .inc();
    }

    /// A goal was looked at.
    pub fn observed(&self, intent: &Intent, goal: &Goal) {
        self.observations
            .get_or_create(&ObservationLabels {
                action: intent.name(),
                goal: goal_word(goal),
            })
            .inc();
    }

    /// The ledger answered a proposal, or did not.
    pub fn proposed(&self, answer: &Result<Result<Event, Rejection>, LedgerError>) {
        let result = match answer {
            Ok(Ok(_)) => "committed",
            Ok(Err(_)) => "rejected",
            Err(LedgerError::NotLeader) => "not_leader",
            Err(LedgerError::Unknown { .. }) => "unknown",
            Err(LedgerError::Stopped { .. }) => "stopped",
        };
        self.proposals
            .get_or_create(&ProposalLabels { result })
            .inc();
    }

    /// A run has closed. Its duration is that of its execution, without the soak.
    pub fn run_closed(&self, run: &Run) {
        let labels = RunLabels {
            application: run.application.0.clone(),
            kind: run.plan.kind.as_str(),
            status: run.status.as_str(),
        };
        if let Some(end) = run.executed_at.or(run.closed_at) {
            self.run_duration
                .get_or_create(&labels)
                .observe(world_seconds(end.since(run.opened_at)));
        }
        self.runs_closed.get_or_create(&labels).inc();
        for (step, record) in run.in_order() {
            let status = match &record.status {
                StepStatus::Done { .. } | StepStatus::Failed { .. } => record.status.as_str(),
                // Never performed, or how long it took is not known.
                StepStatus::Skipped { .. }
                | StepStatus::Waiting
                | StepStatus::AwaitingApproval
                | StepStatus::Intent { .. }
                | StepStatus::Unknown { .. } => continue,
            };
            if let (Some(start), Some(end)) = (record.started_at, record.ended_at) {
                self.step_duration
                    .get_or_create(&StepLabels {
                        action: step.intent.name(),
                        status,
                    })
                    .observe(world_seconds(end.since(start)));
            }
        }
    }

    /// Hands the counters to a registry, whose prefix goes before these names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "probe_samples",
            "Outcomes of probes, by result: success, unknown, or how they failed",
            self.samples.clone(),
        );
        registry.register_with_unit(
            "probe_duration",
            "How long probes took, in real time",
            Unit::Seconds,
            self.probe_duration.clone(),
        );
        registry.register(
            "reference_samples",
            "Outcomes of the probes of reference targets",
            self.reference_samples.clone(),
        );
        registry.register(
            "samples_dropped",
            "Samples lost because the daemon did not keep up",
            self.dropped_samples.clone(),
        );
        registry.register(
            "tilts",
            "How often a vantage stopped trusting itself, by cause",
            self.tilts.clone(),
        );
        registry.register(
            "action_calls",
            "Mutating calls, by action and what became of them",
            self.calls.clone(),
        );
        registry.register(
            "action_observations",
            "Looks at a step's goal, by action and what was found",
            self.observations.clone(),
        );
        registry.register(
            "ledger_proposals",
            "Commands proposed to the ledger, by its answer",
            self.proposals.clone(),
        );
        registry.register(
            "runs_closed",
            "Runs that have ended, by application, kind and status",
            self.runs_closed.clone(),
        );
        registry.register_with_unit(
            "run_duration",
            "From a run's opening to the end of its last step, in world time",
            Unit::Seconds,
            self.run_duration.clone(),
        );
        registry.register_with_unit(
            "step_duration",
            "From a step's start to its end, in world time, of runs that have closed",
            Unit::Seconds,
            self.step_duration.clone(),
        );
    }
}

fn sample_word(outcome: &SampleOutcome) -> &'static str {
    match outcome {
        SampleOutcome::Success => "success",
        SampleOutcome::Failure(reason) => reason.label(),
        SampleOutcome::Unknown(_) => "unknown",
    }
}

fn call_word(outcome: &CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Accepted => "accepted",
        CallOutcome::Refused { .. } => "refused",
        CallOutcome::Busy { .. } => "busy",
        CallOutcome::Unknown { .. } => "unknown",
        CallOutcome::NotSent { .. } => "not_sent",
    }
}

fn goal_word(goal: &Goal) -> &'static str {
    match goal {
        Goal::Met => "met",
        Goal::PartlyMet => "partly_met",
        Goal::UnderWay => "under_way",
        Goal::NotMet => "not_met",
        Goal::Impossible { .. } => "impossible",
        Goal::StaleEpoch { .. } => "stale_epoch",
        Goal::Unobservable { .. } => "unobservable",
    }
}

fn world_seconds(length: Millis) -> f64 {
    length.as_duration().as_secs_f64()
}

/// Makes the histograms of one family.
#[derive(Clone, Copy, Debug)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SampleLabels {
    application: String,
    region: String,
    probe: String,
    member: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProbeLabels {
    application: String,
    region: String,
    probe: String,
    member: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReferenceLabels {
    probe: String,
    member: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MemberLabel {
    member: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TiltLabels {
    member: String,
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    action: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObservationLabels {
    action: &'static str,
    goal: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProposalLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    application: String,
    kind: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    action: &'static str,
    status: &'static str,
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::model::fixtures;
    use crate::model::{ProbeId, UnknownReason};

    fn text(stats: &Stats) -> String {
        let mut registry = Registry::with_prefix("failoverd");
        stats.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing into a String");
        text
    }

    #[track_caller]
    fn holds(text: &str, line: &str) {
        assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
    }

    #[test]
    fn samples_are_counted_by_their_result() {
        let stats = Stats::new();
        let member = MemberId::from("m1");
        let target = fixtures::region_target(fixtures::FROM, "web");
        let outcomes = [
            SampleOutcome::Success,
            SampleOutcome::Success,
            fixtures::failure(),
            SampleOutcome::Unknown(UnknownReason::Local("no sockets".to_owned())),
        ];
        for outcome in outcomes {
            stats.sampled(&member, &fixtures::sample(target.clone(), 0, outcome));
        }
        let reference = Target::Reference(ProbeId::from("example"));
        stats.sampled(
            &member,
            &fixtures::sample(reference, 0, SampleOutcome::Success),
        );
        stats.samples_dropped(&member, 3);
        stats.tilted(&member, &Tilt::Stall(Millis(300)));

        let text = text(&stats);
        let labels = r#"application="shop",region="eu-west-1",probe="web",member="m1""#;
        for (result, count) in [("success", 2), ("timeout", 1), ("unknown", 1)] {
            holds(
                &text,
                &format!("failoverd_probe_samples_total{{{labels},result=\"{result}\"}} {count}"),
            );
        }
        holds(
            &text,
            &format!("failoverd_probe_duration_seconds_count{{{labels}}} 4"),
        );
        holds(
            &text,
            r#"failoverd_reference_samples_total{probe="example",member="m1",result="success"} 1"#,
        );
        holds(&text, r#"failoverd_samples_dropped_total{member="m1"} 3"#);
        holds(
            &text,
            r#"failoverd_tilts_total{member="m1",cause="stall"} 1"#,
        );
    }

    #[test]
    fn what_was_done_is_counted_by_its_outcome() {
        let stats = Stats::new();
        let intent = Intent::Wait {
            duration: Millis(1),
        };
        stats.called(&intent, &CallOutcome::Accepted);
        stats.called(
            &intent,
            &CallOutcome::Unknown {
                why: "reset".to_owned(),
            },
        );
        stats.observed(&intent, &Goal::NotMet);
        stats.proposed(&Ok(Ok(Event::Recorded)));
        stats.proposed(&Err(LedgerError::NotLeader));

        let text = text(&stats);
        holds(
            &text,
            r#"failoverd_action_calls_total{action="wait",outcome="accepted"} 1"#,
        );
        holds(
            &text,
            r#"failoverd_action_calls_total{action="wait",outcome="unknown"} 1"#,
        );
        holds(
            &text,
            r#"failoverd_action_observations_total{action="wait",goal="not_met"} 1"#,
        );
        holds(
            &text,
            r#"failoverd_ledger_proposals_total{result="committed"} 1"#,
        );
        holds(
            &text,
            r#"failoverd_ledger_proposals_total{result="not_leader"} 1"#,
        );
    }
}
