//! One step of the model: a copy of a scene in which something happens.

use failoverd::controller::{Effect, Input};
use failoverd::model::{Command, CommandBody, Event, Millis, Mono, Now, Rejection, VoteSheet};
use failoverd::run::Move;

use crate::bugs::{self, Bug};
use crate::scene::{Job, Letter, Member, Progress, Scene, Stage, Task};
use crate::setting::{self, MEMBERS, clocks, date};
use crate::shared::Shared;
use crate::watch;

/// A scene that is changing.
pub struct Turn {
    pub scene: Scene,
    bug: Option<Bug>,
    lowers: bool,
    /// Members that have been touched: sealed, and hashed, once.
    loose: [Option<Member>; MEMBERS],
    /// The last sheet that each member has sent in this turn.
    pub sheets: [Option<VoteSheet>; MEMBERS],
}

impl Turn {
    pub fn of(scene: &Scene, bug: Option<Bug>, lowers: bool) -> Self {
        Self {
            scene: scene.clone(),
            bug,
            lowers,
            loose: [None, None, None],
            sheets: [None, None, None],
        }
    }

    pub fn end(mut self) -> Scene {
        for (index, member) in self.loose.into_iter().enumerate() {
            if let Some(member) = member {
                self.scene.members[index] = Shared::new(member);
            }
        }
        self.scene.tasks.sort_by(|one, other| (**one).cmp(other));
        self.scene
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub fn member(&mut self, index: usize) -> &mut Member {
        let sealed = &self.scene.members[index];
        self.loose[index].get_or_insert_with(|| Member::clone(sealed))
    }

    pub fn now(&self, member: usize, before: Millis) -> Now {
        clocks(member, self.scene.round, before, self.scene.leapt)
    }

    pub fn challenged_at(&self, member: usize) -> Mono {
        self.now(member, Millis::ZERO).mono
    }

    /// Something happens to a member; what it wants done becomes tasks.
    pub fn step(&mut self, index: usize, input: Input) {
        self.step_before(index, Millis::ZERO, input);
    }

    pub fn step_before(&mut self, index: usize, before: Millis, input: Input) {
        let now = self.now(index, before);
        let committed = self.scene.committed.clone();
        let member = self.member(index);
        let state = member.stale.clone().unwrap_or(committed);
        let leads = member.leads;
        let Some(controller) = &mut member.controller else {
            return;
        };
        for effect in controller.step(now, &state, leads, input) {
            self.perform(index, effect);
        }
    }

    fn perform(&mut self, by: usize, effect: Effect) {
        match effect {
            Effect::Gossip(sheets) => self.sheets[by] = sheets.into_iter().next_back(),
            Effect::StandDown(_) => self.stand_down(by),
            Effect::ReadTraffic { .. } => self.begin(by, Job::ReadTraffic),
            Effect::OpenRun { body, .. } => {
                watch::opening(&mut self.scene, by, &body);
                let progress = Progress::Proposed;
                self.begin(by, Job::Open { body, progress });
            }
            Effect::Evacuate { body } => unreachable!("nobody evacuates here: {body:?}"),
            Effect::Perform { run, act, .. } => match act {
                Move::Observe { step, intent } => {
                    // What a closed run left is only watched: nothing is written for it any more.
                    let closed = self.scene.committed.runs.get(&run);
                    if closed.is_some_and(|run| !run.is_open()) {
                        return;
                    }
                    let was_met = self.scene.world.is_met(&intent);
                    self.begin(
                        by,
                        Job::Observe {
                            run,
                            step,
                            intent,
                            was_met,
                        },
                    );
                }
                Move::Commit { step, body } => {
                    let progress = Progress::Proposed;
                    self.begin(
                        by,
                        Job::Commit {
                            run,
                            step,
                            body,
                            progress,
                        },
                    );
                }
                Move::Call {
                    step,
                    attempt,
                    intent,
                    variant,
                } => self.begin(
                    by,
                    Job::Call {
                        run,
                        step,
                        attempt,
                        intent,
                        variant,
                        stage: Stage::Asked,
                    },
                ),
            },
            // For people.
            Effect::Publish(_) | Effect::Answer { .. } | Effect::Drill(_) => {}
        }
    }

    fn begin(&mut self, by: usize, job: Job) {
        let life = self.member(by).life;
        self.scene.tasks.push(Shared::new(Task {
            by,
            boot: setting::boot(by, life),
            asked: self.scene.round,
            job,
        }));
    }

    pub fn take_task(&mut self, index: usize) -> Task {
        Task::clone(&self.scene.tasks.remove(index))
    }

    pub fn put_task(&mut self, task: Task) {
        self.scene.tasks.push(Shared::new(task));
    }

    /// It shuts its own log core down: nobody leads until another is elected.
    fn stand_down(&mut self, index: usize) {
        if self.scene.leader == Some(index) {
            self.scene.leader = None;
        }
        let member = self.member(index);
        member.leads = false;
        member.stale = None;
    }

    /// A deposed leader learns of it.
    pub fn notice(&mut self, index: usize) {
        self.stand_down(index);
        self.step(index, Input::Tick);
    }

    /// Another member is elected; of what the last leader had not committed it has the first `kept`,
    /// and commits them. The rest is gone for ever.
    pub fn elect(&mut self, index: usize, kept: usize) {
        if let Some(old) = self.scene.leader
            && old != index
        {
            let committed = self.scene.committed.clone();
            let old = self.member(old);
            if old.controller.is_some() {
                old.stale = Some(committed);
            }
        }
        self.scene.leader = Some(index);
        self.scene.tail.truncate(kept);
        self.commit_tail();
        let member = self.member(index);
        member.leads = true;
        member.stale = None;
        self.scene.truth.led.insert(index);
        self.step(index, Input::Tick);
    }

    pub fn crash(&mut self, index: usize) {
        if self.scene.leader == Some(index) {
            self.scene.leader = None;
        }
        let member = self.member(index);
        member.controller = None;
        member.leads = false;
        member.stale = None;
        // What it was doing is gone with it, but for what is on the wire already.
        self.scene.tasks.retain(|task| task.by != index);
        for told in &mut self.scene.truth.told[index] {
            *told = None;
        }
    }

    pub fn start(&mut self, index: usize) {
        let now = self.now(index, Millis::ZERO);
        let (lowers, bug) = (self.lowers, self.bug);
        let member = self.member(index);
        member.life += 1;
        let controller = setting::controller(index, member.life, now, lowers, bug);
        member.controller = Some(controller);
    }

    /// Commits what is uncommitted, in the order of the log.
    pub fn commit_tail(&mut self) {
        for command in std::mem::take(&mut self.scene.tail) {
            let _ = self.apply(&command);
        }
    }

    /// Commits one command after what is uncommitted yet.
    pub fn commit(&mut self, body: CommandBody) -> Result<Event, Rejection> {
        self.commit_tail();
        let at = date(self.scene.leapt);
        self.apply(&Command { at, body })
    }

    fn apply(&mut self, command: &Command) -> Result<Event, Rejection> {
        let bug = self.bug;
        let before = self.scene.committed.clone();
        let result = self
            .scene
            .committed
            .change(|state| bugs::apply(bug, state, command));
        watch::applied(&mut self.scene, &before, command, &result);
        result
    }

    /// The leader sees what was committed.
    pub fn tell_leader(&mut self) {
        if let Some(leader) = self.scene.leader {
            self.step(leader, Input::Tick);
        }
    }

    /// A sheet arrives.
    pub fn deliver(&mut self, letter: &Letter) {
        let Letter { from, to, .. } = *letter;
        watch::told(&mut self.scene, from, to, letter.evidence);
        let asked_at = if self.has(Bug::AgedByDelivery) {
            self.challenged_at(to)
        } else {
            letter.asked_at
        };
        let sheet = letter.sheet.clone();
        self.step(to, Input::Sheet { sheet, asked_at });
    }
}
