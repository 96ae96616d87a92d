//! What the cluster has agreed on, kept by nobody: the first member to apply an entry writes it down
//! here, and every other must apply the same. Everything is judged by this and by the world's own
//! account, never by what a member believes.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use failoverd::model::*;
use failoverd::run::{apply, may_call};

use crate::coverage::Phase;
use crate::product::{self, SERVING};
use crate::raft::{Entry, Payload};
use crate::world::{World, say};

#[derive(Debug, Default)]
pub struct Ghost {
    log: Vec<Rc<Entry>>,
    pub state: State,
    /// AWS writes that changed something.
    pub writes: u64,
    pub handed: BTreeSet<(RunId, StepId, u32, BootId)>,
    pub opened: BTreeMap<RunId, Opened>,
    /// By the word of people, in the order of the log.
    paused: BTreeMap<Option<AppId>, Option<Wall>>,
    pub phase_is_stale: bool,
}

/// The world when a run was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    pub desired: [u32; SERVING],
}

impl Ghost {
    pub fn len(&self) -> usize {
        self.log.len()
    }
}

impl World {
    /// A member has applied the entry at `index`.
    pub fn committed(&mut self, index: usize, entry: &Rc<Entry>) {
        if let Some(known) = self.ghost.log.get(index - 1) {
            let same = Rc::ptr_eq(known, entry) || known == entry;
            assert!(same, "two different entries were committed at {index}");
            return;
        }
        assert_eq!(index, self.ghost.log.len() + 1, "an entry was skipped");
        self.ghost.log.push(Rc::clone(entry));
        let Payload::Command(command) = &entry.payload else {
            return;
        };
        self.note_allowed();
        let answer = apply(&mut self.ghost.state, command);
        self.ghost.phase_is_stale = true;
        say!(
            self,
            "log {index}: {} {}",
            word(&command.body),
            said(&answer)
        );
        if answer.is_ok() {
            self.note_pauses(&command.body);
        }
        match answer {
            Ok(Event::RunOpened { run }) => self.check_opened(&run),
            Ok(Event::RunClosed { run }) => self.check_closed(&run),
            Ok(_) | Err(_) => {}
        }
        self.check_one_run();
    }

    /// Which calls the state allows, before it changes: a proof may still stand on that.
    fn note_allowed(&mut self) {
        let state = &self.ghost.state;
        for call in self.calls.values_mut() {
            if call.handed_at.is_none()
                && may_call(state, &call.run, &call.step, call.attempt, call.boot).is_ok()
            {
                call.allowed_at = Some(self.now);
            }
        }
    }

    fn note_pauses(&mut self, body: &CommandBody) {
        match body {
            CommandBody::PauseAutomation { app, until, .. } => {
                self.ghost.paused.insert(app.clone(), *until);
            }
            CommandBody::ResumeAutomation { app, .. } => {
                self.ghost.paused.remove(app);
            }
            _ => {}
        }
    }

    fn check_opened(&mut self, id: &RunId) {
        let aws = self.aws.now();
        let opened = Opened {
            desired: [aws.nodes[0].desired, aws.nodes[1].desired],
        };
        self.ghost.opened.insert(id.clone(), opened);
        let run = &self.ghost.state.runs[id];
        let date = self.ghost.state.time;
        if run.origin.is_automatic() {
            let paused = self.ghost.paused.values();
            let holds = |until: &Option<Wall>| until.is_none_or(|until| date < until);
            assert!(
                !paused.into_iter().any(holds),
                "{id} was opened while automation was paused"
            );
        }
        assert_eq!(
            RunId(format!("{}-{}", product::app(), run.epoch)),
            *id,
            "a run's name tells its epoch"
        );
    }

    fn check_one_run(&self) {
        let open: Vec<&Run> = self
            .ghost
            .state
            .runs
            .values()
            .filter(|r| r.is_open())
            .collect();
        let mut apps = BTreeSet::new();
        let mut resources = BTreeSet::new();
        for run in open {
            assert!(apps.insert(&run.application), "two runs are open");
            let of_run: BTreeSet<String> = run
                .plan
                .steps
                .iter()
                .filter_map(|s| s.intent.resource())
                .collect();
            for resource in of_run {
                assert!(resources.insert(resource), "two runs share a resource");
            }
        }
    }

    /// Where the application serves from, by the log.
    pub fn active(&self) -> usize {
        let region = failoverd::controller::active_region(&self.application, &self.ghost.state);
        product::place_of(region)
    }

    /// Keeps the phase of the run, and begins what waits for it.
    pub fn notice_phase(&mut self) {
        if !std::mem::take(&mut self.ghost.phase_is_stale) {
            return;
        }
        let phase = self.phase();
        if phase != self.coverage.phase || self.now < 10 {
            self.coverage.phase = phase;
            self.phase_began(phase);
        }
    }

    fn phase(&self) -> Phase {
        let Some(run) = self.ghost.state.open_run(&product::app()) else {
            return Phase::NoRun;
        };
        if matches!(run.status, RunStatus::Soaking { .. }) {
            return Phase::Soaking;
        }
        let in_flight = self
            .calls
            .values()
            .any(|call| call.handed_at.is_some() && !call.answered);
        if in_flight {
            return Phase::InFlight;
        }
        let mut settling = false;
        for (step, record) in run.in_order() {
            match &record.status {
                StepStatus::Intent { attempt, boot, .. } => {
                    let key = (run.id.clone(), step.id.clone(), *attempt, *boot);
                    if !self.ghost.handed.contains(&key) {
                        return Phase::AtIntent;
                    }
                    settling = true;
                }
                StepStatus::Unknown { .. } => settling = true,
                StepStatus::Waiting
                | StepStatus::AwaitingApproval
                | StepStatus::Done { .. }
                | StepStatus::Skipped { .. }
                | StepStatus::Failed { .. } => {}
            }
        }
        match settling {
            true => Phase::Settling,
            false => Phase::Between,
        }
    }
}

/// A command in a word, for the trace.
fn word(body: &CommandBody) -> String {
    match body {
        CommandBody::OpenRun { plan, origin, .. } => {
            let by = if origin.is_automatic() {
                "quorum"
            } else {
                "person"
            };
            format!(
                "open {} {} to {} by {by}, epoch {}",
                plan.kind, plan.from, plan.to, plan.epoch
            )
        }
        CommandBody::StepIntent {
            step,
            attempt,
            member,
            variant,
            ..
        } => format!("intent {step} #{attempt} of {member} {variant:?}"),
        CommandBody::StepOutcome {
            step,
            attempt,
            outcome,
            ..
        } => format!("outcome {step} #{attempt} {outcome:?}"),
        CommandBody::Steer { step, attempt, .. } => format!("steer {step} #{attempt}"),
        CommandBody::CloseRun { .. } => "close".to_owned(),
        CommandBody::AbandonStale { .. } => "abandon".to_owned(),
        CommandBody::AbortWorsened { why, .. } => format!("abort: the Region is worse: {why}"),
        CommandBody::AbortRecovered { .. } => "abort: the Region is back".to_owned(),
        CommandBody::Approve { step, granted, .. } => format!("approve {step} {granted}"),
        CommandBody::Abort { .. } => "abort".to_owned(),
        CommandBody::PauseRun { .. } => "pause run".to_owned(),
        CommandBody::ResumeRun { .. } => "resume run".to_owned(),
        CommandBody::SkipStep { step, .. } => format!("skip {step}"),
        CommandBody::RetryStep { step, .. } => format!("retry {step}"),
        CommandBody::RecordDrift { step, seen, .. } => format!("drift {step}: {seen}"),
        CommandBody::PauseAutomation { until, .. } => format!("pause automation {until:?}"),
        CommandBody::ResumeAutomation { .. } => "resume automation".to_owned(),
        CommandBody::Acknowledge { .. } => "acknowledge".to_owned(),
        CommandBody::Rejoin { region, .. } => format!("rejoin {region}"),
        CommandBody::RecordLag { region, .. } => format!("lag of {region}"),
        CommandBody::RecordCapacity { region, size, .. } => {
            format!("capacity of {region} {}", size.desired)
        }
        CommandBody::RecordTraffic { .. } => "traffic".to_owned(),
        CommandBody::FoundCluster { .. } => "found".to_owned(),
        CommandBody::RecordDisk { member, .. } => format!("folder of {member}"),
        CommandBody::Readmit { member, .. } => format!("readmit {member}"),
        CommandBody::Restored { how, .. } => format!("restored: {how}"),
        CommandBody::RaiseEpoch { to, .. } => format!("epoch {to}"),
        CommandBody::RecordAudit { call } => format!("audit {} {}", call.who, call.call),
        CommandBody::BeginEvacuation { id, .. } => format!("evacuate {id}"),
        CommandBody::OpenEvacuationRun {
            evacuation, plan, ..
        } => format!("open {} of evacuation {evacuation}", plan.kind),
        CommandBody::HoldEvacuee { app, reason, .. } => format!("hold {app}: {reason}"),
        CommandBody::StopEvacuation { id, .. } => format!("stop evacuation {id}"),
        CommandBody::CloseEvacuation { id } => format!("close evacuation {id}"),
        CommandBody::BeginDrill { id, .. } => format!("begin {id}"),
        CommandBody::OpenDrillRun { drill, plan, .. } => format!("open {} of {drill}", plan.kind),
        CommandBody::MoveDrill { id, cause, .. } => format!("move {id}: {cause}"),
        CommandBody::CloseDrill { id, outcome, .. } => format!("close {id} {outcome:?}"),
    }
}

fn said(answer: &Result<Event, Rejection>) -> String {
    match answer {
        Ok(_) => "ok".to_owned(),
        Err(rejection) => format!("refused: {rejection}"),
    }
}
