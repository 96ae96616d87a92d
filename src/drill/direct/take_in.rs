//! What a drill sees of its members, turn by turn.

use std::sync::Arc;

use crate::controller::active_region;
use crate::drill::fleet;
use crate::drill::progress::ProgressEvent;
use crate::drill::report::MarkKind;
use crate::model::{Decision, HoldReason, Phase, Ruling, Run, StepStatus, VerdictState, Wall};

use super::{Director, newest, verifying_step};

impl Director<'_> {
    /// Takes in what failoverd shows.
    pub(super) fn take_in(&mut self, now: Wall) {
        for reason in self.stage.cast.record().take_declined() {
            self.note(now, &format!("declined: {reason}"));
            self.remember(&reason);
        }
        self.take_in_leader(now);
        let Some(snapshot) = self.stage.cast.snapshot() else {
            return;
        };
        // A follower that is asked while nobody leads may know less than was seen before.
        for (_, state) in self.stage.cast.states() {
            if state.time >= self.state.time {
                self.state = state;
            }
        }
        let own = self.alone.as_ref().map(|alone| alone.now().state.clone());
        let runs: Vec<Run> = [Some(&self.state), own.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|state| state.runs.values())
            .filter(|run| run.application == self.app)
            // What became of it stands in the lost ledger.
            .filter(|run| self.lost.iter().all(|lost| lost.id != run.id))
            .chain(&self.lost)
            .cloned()
            .collect();
        self.seen.two_open |= runs.iter().filter(|run| run.is_open()).count() > 1;
        let Some(view) = snapshot.views.get(&self.app) else {
            return;
        };
        let events = self.diff.next(view, newest(&runs), &snapshot.activities);
        for event in &events {
            self.mark(now, event, &runs);
        }
        self.progress.push_all(now, &events);
        for verdict in &view.guards {
            if let Ruling::Hold(reason) | Ruling::Ask(reason) = &verdict.ruling {
                self.remember(reason);
            }
        }
        self.seen.asked = matches!(view.decision, Some(Decision::Ask { .. }));
        self.seen.waits = match &view.phase {
            Phase::NeedsOperator {
                run: Some(_),
                reason,
            } => Some(reason.clone()),
            Phase::NeedsOperator { run: None, .. }
            | Phase::Steady
            | Phase::Suspect { .. }
            | Phase::Confirmed { .. }
            | Phase::Blocked { .. }
            | Phase::Planned { .. }
            | Phase::Executing { .. }
            | Phase::Soaking { .. }
            | Phase::CoolDown { .. } => None,
        };
        if let Phase::Blocked { reason, .. } = &view.phase {
            self.remember(reason);
        }
        let tallies = view.verdicts.iter().flat_map(|v| &v.tally.unusable);
        self.seen
            .unusable
            .extend(tallies.map(|(_, why)| why.code()));
        let word = view.phase.as_str();
        if self.seen.phases.last().is_none_or(|(_, last)| last != word) {
            self.seen.phases.push((now, word.to_owned()));
        }
        let app = self.stage.config.applications.first();
        self.seen.active = app.map(|app| active_region(app, &self.state).clone());
        self.seen.view = Some(view.clone());
        if self.scenario.app.fleet > 0 {
            self.take_in_fleet();
        } else {
            self.seen.fleet.clone_from(&runs);
        }
        self.seen.runs = runs;
        let drills = self.state.drills.get(&self.app);
        self.seen.drill = drills.and_then(|drills| drills.newest_first().next().cloned());
    }

    /// All applications, where anything was written since the last look.
    fn take_in_fleet(&mut self) {
        if Arc::ptr_eq(&self.fleet_of, &self.state) {
            return;
        }
        self.fleet_of = Arc::clone(&self.state);
        self.seen.fleet = self.state.runs.values().cloned().collect();
        self.seen.evacuated = fleet::evacuated(&self.state);
        self.seen.held.extend(fleet::held(&self.state).cloned());
        self.seen.disorder = fleet::disorder(&self.state, &self.seen.held);
    }

    /// Who leads, where that has changed.
    fn take_in_leader(&mut self, now: Wall) {
        let leader = self.stage.cast.leader().map(|m| m.region.clone());
        let known = self.seen.leaders.last().map(|(_, leader)| leader.clone());
        if known.as_ref() == Some(&leader) {
            return;
        }
        let event = ProgressEvent::LeaderChanged {
            leader: leader.clone(),
        };
        self.progress.push(now, &event);
        if known.is_some() {
            self.line(now, MarkKind::Leader, event.to_string());
        }
        self.seen.leaders.push((now, leader));
    }

    /// One of each sort: a hold-down counts down at every look.
    fn remember(&mut self, reason: &HoldReason) {
        match self
            .seen
            .reasons
            .iter_mut()
            .find(|known| known.code() == reason.code())
        {
            Some(known) => *known = reason.clone(),
            None => self.seen.reasons.push(reason.clone()),
        }
    }

    /// The moments between which the clocks run.
    fn mark(&mut self, now: Wall, event: &ProgressEvent, runs: &[Run]) {
        match event {
            ProgressEvent::VerdictChanged {
                region,
                verdict: VerdictState::Down,
            } => {
                if self.seen.marks.verdict.is_none() {
                    self.seen.marks.verdict = Some(now);
                }
                self.line(
                    now,
                    MarkKind::Verdict,
                    format!("{region} is agreed to be lost"),
                );
            }
            ProgressEvent::RunOpened { run, from, to, .. } => {
                let opened = newest(runs).map_or(now, |run| run.opened_at);
                self.seen.marks.opened = Some(opened);
                self.line(opened, MarkKind::Decision, format!("{run}: {from} → {to}"));
                self.seen.votes = self.votes();
            }
            ProgressEvent::StepMoved { step, status, .. } => {
                let verifies = newest(runs)
                    .and_then(verifying_step)
                    .is_some_and(|verifying| &verifying == step);
                if verifies && matches!(status, StepStatus::Done { .. }) {
                    self.seen.marks.verified = Some(now);
                    self.line(now, MarkKind::Verified, step.to_string());
                }
            }
            ProgressEvent::RunMoved { .. } => {
                self.seen.marks.executed = newest(runs).and_then(|run| run.executed_at);
            }
            ProgressEvent::VerdictChanged { .. }
            | ProgressEvent::VoteChanged { .. }
            | ProgressEvent::PhaseChanged { .. }
            | ProgressEvent::RunClosed { .. }
            | ProgressEvent::StepActivity { .. }
            | ProgressEvent::FaultInjected { .. }
            | ProgressEvent::FaultCleared { .. }
            | ProgressEvent::OperatorActed { .. }
            | ProgressEvent::LeaderChanged { .. }
            | ProgressEvent::Note { .. } => {}
        }
    }

    /// Who says what, a line per vote.
    fn votes(&self) -> Vec<String> {
        let Some(snapshot) = self.stage.cast.shown() else {
            return Vec::new();
        };
        snapshot
            .votes
            .iter()
            .filter(|(_, held)| held.vote.app == self.app)
            .map(|(member, held)| {
                let age = held.age(snapshot.at.mono);
                let why: Vec<String> = held
                    .vote
                    .probes
                    .iter()
                    .filter(|probe| probe.failures_in_row > 0)
                    .map(|probe| {
                        let failure = probe.last_failure.as_deref().unwrap_or("failing");
                        format!("{} {failure} ×{}", probe.probe, probe.failures_in_row)
                    })
                    .collect();
                let tail = if why.is_empty() {
                    String::new()
                } else {
                    format!(": {}", why.join(", "))
                };
                format!(
                    "{member} says {} is {} (evidence {age} old){tail}",
                    held.vote.region, held.vote.opinion
                )
            })
            .collect()
    }
}
