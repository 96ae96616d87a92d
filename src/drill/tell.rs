//! From what was seen to the report.

use std::collections::BTreeMap;

use crate::actuate::policy::PolicyDocument;
use crate::model::{DataLossGrant, Millis, Objective, RegionId, Run, Wall};
use crate::sandbox::users::UserTally;
use crate::sandbox::{Change as WorldChange, LoggedRequest, SandboxSetup, World};

use super::DrillOptions;
use super::direct::{Seen, report_marks};
use super::invariants::{Evidence, MemberEvidence, executed_calls, writes_by};
use super::report::{
    Change, Hold, Mark, MarkKind, ObjectiveResult, RegionSeries, Report, RunReport, Timeline,
    UserPoint, Users, seconds_after,
};
use super::scenario::{Outcome, Places, Scenario, Seen as Observed};

/// Everything a report is made of.
pub(super) struct Told<'a> {
    pub scenario: &'a Scenario,
    pub options: &'a DrillOptions,
    pub places: &'a Places,
    pub setup: &'a SandboxSetup,
    pub objective: Objective,
    pub lease: Millis,
    pub world: &'a World,
    pub tally: &'a UserTally,
    pub log: &'a [LoggedRequest],
    pub policy: &'a PolicyDocument,
}

impl Told<'_> {
    /// The report.
    pub fn report(&self, mut seen: Seen) -> Report {
        seen.runs.sort_by_key(|run| run.epoch);
        let whole = self.whole_at(&seen);
        seen.marks.whole = whole;
        let zero = seen.zero;
        let lost_rows = self.world.lost_writes();
        let lost_writes = self.tally.lost_writes(|row| !lost_rows.contains(&row));
        let active = seen
            .active
            .clone()
            .unwrap_or_else(|| self.places.home.clone());
        let checks = self.scenario.expect.check(&Observed {
            runs: &seen.runs,
            reasons: &seen.reasons,
            asked: seen.asked,
            waits: seen.waits.as_deref(),
            active: &active,
            places: self.places,
            calls: &executed_calls(self.log),
            lost_writes,
            writes: &writes_by(self.log, &seen.callers),
            leaders: seen.first_and_last_leader(),
            alarms: &seen.alarms,
            unusable: &seen.unusable,
            drill: seen.drill.as_ref(),
            evacuated: seen.evacuated,
        });
        let invariants = Evidence {
            world: self.world,
            setup: self.setup,
            runs: &seen.fleet,
            disorder: (self.scenario.app.fleet > 0).then_some(seen.disorder.as_deref()),
            log: self.log,
            policy: self.policy,
            two_open: seen.two_open,
            waits: seen.waits.is_some(),
            members: MemberEvidence {
                callers: &seen.callers,
                reigns: &seen.reigns,
                lease: self.lease,
                disagreement: seen.disagreement.as_deref(),
            },
            database: self.scenario.app.database,
        }
        .invariants();
        let invariants: Vec<_> = invariants
            .into_iter()
            .chain(seen.begun_anew.clone())
            .collect();
        let passed = checks.iter().all(|check| check.held)
            && invariants.iter().all(|invariant| invariant.held);
        let clocks = seen.marks.clocks();
        let mut marks = report_marks(&seen);
        if let Some(at) = whole {
            marks.push(Mark {
                at_s: seconds_after(zero, at),
                kind: MarkKind::Whole,
                text: "users are served as before".to_owned(),
            });
        }
        let last = seen.runs.last();
        let mut told: Vec<RunReport> = seen
            .runs
            .iter()
            .map(|run| RunReport::new(run, zero))
            .collect();
        let run = told.pop();
        Report {
            scenario: self.scenario.name.clone(),
            passed,
            speed: self.options.speed,
            clocks,
            users: Users {
                requests: self.tally.requests,
                failed: self.tally.failed,
                read_downtime_s: seconds(self.tally.read_downtime().seconds),
                write_downtime_s: seconds(self.tally.write_downtime().seconds),
                lost_writes,
            },
            objective: ObjectiveResult::judge(
                &self.objective,
                last.is_some(),
                clocks.total_s,
                lost_s(last, lost_writes),
            ),
            invariants,
            run,
            title: self.scenario.title.clone(),
            description: self.scenario.description.clone(),
            seed: self.options.seed,
            expectation: expectation(self.scenario),
            checks,
            hold: seen
                .reasons
                .iter()
                .rev()
                .find(|reason| self.scenario.expect.reason.as_deref() == Some(reason.code()))
                .or(seen.reasons.last())
                .filter(|_| last.is_none())
                .map(Hold::from),
            votes: seen.votes.clone(),
            earlier_runs: told,
            timeline: self.timeline(&seen, marks),
        }
    }

    /// When users were whole again, if they ever suffered.
    fn whole_at(&self, seen: &Seen) -> Option<Wall> {
        let second = self.tally.all_good_again_s()?;
        let at = self.tally.started.wall + Millis::from_secs(second);
        (at >= seen.zero).then_some(at)
    }

    fn timeline(&self, seen: &Seen, marks: Vec<Mark>) -> Timeline {
        let zero = seen.zero;
        let begin = self.tally.started.wall;
        let users = (0_u64..)
            .zip(&self.tally.series)
            .map(|(second, stat)| UserPoint {
                at_s: seconds_after(zero, begin + Millis::from_secs(second)),
                reads: stat.reads.succeeded + stat.reads.failed,
                reads_ok: stat.reads.succeeded,
                writes: stat.writes.succeeded + stat.writes.failed,
                writes_ok: stat.writes.succeeded,
            })
            .collect();
        let mut dials: BTreeMap<RegionId, Vec<(f64, f64)>> = BTreeMap::new();
        let mut groups: BTreeMap<(RegionId, String), u32> = BTreeMap::new();
        let mut nodes: BTreeMap<RegionId, Vec<(f64, f64)>> = BTreeMap::new();
        let (mut writer, mut dns) = (Vec::new(), Vec::new());
        for event in self.world.timeline() {
            let at_s = seconds_after(zero, event.at);
            match event.what {
                WorldChange::Dial { region, percent } => {
                    dials
                        .entry(region)
                        .or_default()
                        .push((at_s, f64::from(percent)));
                }
                WorldChange::NodesInService {
                    region,
                    nodegroup,
                    count,
                } => {
                    groups.insert((region.clone(), nodegroup), count);
                    let total: u32 = groups
                        .iter()
                        .filter(|((of, _), _)| of == &region)
                        .map(|(_, count)| count)
                        .sum();
                    nodes
                        .entry(region)
                        .or_default()
                        .push((at_s, f64::from(total)));
                }
                WorldChange::Writers { regions } => writer.push(Change {
                    at_s,
                    value: joined(&regions),
                }),
                WorldChange::DnsAnswer { region, .. } => dns.push(Change {
                    at_s,
                    value: region.map(|region| region.to_string()),
                }),
                WorldChange::Region { .. }
                | WorldChange::Weight { .. }
                | WorldChange::RecordWeight { .. }
                | WorldChange::FaultInjected { .. }
                | WorldChange::FaultCleared { .. } => {}
            }
        }
        Timeline {
            from_s: seconds_after(zero, seen.steady_at),
            to_s: seconds_after(zero, seen.ended_at),
            users,
            dials: series(dials),
            nodes: series(nodes),
            writer,
            dns,
            phases: seen
                .phases
                .iter()
                .map(|(at, phase)| Change {
                    at_s: seconds_after(zero, *at),
                    value: Some(phase.clone()),
                })
                .collect(),
            leaders: seen
                .leaders
                .iter()
                .map(|(at, leader)| Change {
                    at_s: seconds_after(zero, *at),
                    value: leader.as_ref().map(ToString::to_string),
                })
                .collect(),
            marks,
        }
    }
}

fn series(of: BTreeMap<RegionId, Vec<(f64, f64)>>) -> Vec<RegionSeries> {
    of.into_iter()
        .map(|(region, points)| RegionSeries {
            region: region.to_string(),
            points,
        })
        .collect()
}

fn joined(regions: &[RegionId]) -> Option<String> {
    let names: Vec<&str> = regions.iter().map(RegionId::as_str).collect();
    (!names.is_empty()).then(|| names.join(" + "))
}

/// How much time's worth of writes was lost: as far as the replica was behind when it was promoted,
/// if anything was lost at all.
fn lost_s(run: Option<&Run>, lost_writes: u64) -> f64 {
    if lost_writes == 0 {
        return 0.0;
    }
    match run.and_then(|run| run.plan.data_loss.as_ref()) {
        Some(DataLossGrant::WithinRpo { lag, .. }) => seconds(lag.0.div_ceil(1_000)),
        Some(DataLossGrant::Operator(_) | DataLossGrant::AskedBy(_)) | None => 0.0,
    }
}

fn seconds(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// What must come of the scenario, in a sentence.
fn expectation(scenario: &Scenario) -> String {
    let expect = &scenario.expect;
    let runs = match expect.runs {
        1 => "one run is opened and".to_owned(),
        n => format!("{n} runs are opened, the last"),
    };
    let what = match expect.outcome {
        Outcome::Completed => format!("{runs} completes"),
        Outcome::Held => "nothing is done".to_owned(),
        Outcome::Asked => "nothing is done without a person's word".to_owned(),
        Outcome::NeedsOperator => format!("{runs} stops and asks a person"),
        Outcome::Aborted => format!("{runs} is aborted"),
    };
    match &expect.reason {
        Some(reason) => format!("{what}; the reason shown is `{reason}`"),
        None => what,
    }
}
