//! Every ledger is lost, and one member begins anew with a backup that is older than what happened.

use std::time::Duration;

use crate::drill::report::Invariant;
use crate::drill::stage::DrillError;
use crate::ledger::Backup;
use crate::model::{
    CommandBody, DataLossApproval, Event, NeedsOperator, Origin, RegionId, Rejection, Run,
    RunLimits, RunStatus, State, Wall,
};

use super::{Director, PERSON};

/// Real time until the restored member has read the epoch and the others have joined: each of them
/// follows first, and then votes.
const TOGETHER_WITHIN: Duration = Duration::from_secs(90);

/// Real time between two looks.
const LOOK: Duration = Duration::from_millis(20);

impl Director<'_> {
    /// What the ledger holds now, as the file would.
    pub(super) fn ledger_backup(&mut self, now: Wall) {
        let Some(snapshot) = self.stage.cast.snapshot() else {
            return self.note(now, "no backup: no member runs");
        };
        let Some(leader) = self.stage.cast.leader() else {
            return self.note(now, "no backup: nobody leads");
        };
        let state = State::clone(&snapshot.state);
        let backup = Backup {
            cluster: None,
            member: leader.id.clone(),
            made_at: now,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: crate::ledger::SCHEMA,
            ledger: state.ledger(),
            applied: snapshot.ledger.last_log_index.unwrap_or(0),
            term: snapshot.ledger.term,
            state,
        };
        self.backup = Some(backup.encode());
    }

    /// Everybody's data folder is gone; that member begins with the backup, and the others join it.
    pub(super) async fn ledger_restore(
        &mut self,
        on: &RegionId,
        now: Wall,
    ) -> Result<(), DrillError> {
        let failed = |why: String| DrillError::Scenario {
            why: format!("ledger restore: {why}"),
        };
        let file = self.backup.take();
        let file = file.ok_or_else(|| failed("there is no backup".to_owned()))?;
        let backup = Backup::decode(&file).map_err(|error| failed(error.to_string()))?;
        // What the lost ledgers knew stays as evidence of what was done.
        let known = self.seen.runs.iter().filter(|run| !run.is_open());
        self.lost = known.cloned().collect();
        self.state = std::sync::Arc::default();
        let open: Vec<Run> = backup.state.runs.values().cloned().collect();
        let open: Vec<Run> = open.into_iter().filter(Run::is_open).collect();
        let begun = self.stage.cast.restore(on, backup.state, now).await?;
        self.first_moment(&begun, &open);

        let app = self.app.clone();
        let known = tokio::time::timeout(TOGETHER_WITHIN, async {
            loop {
                let leader = self.stage.cast.snapshot().filter(|seen| seen.leads);
                if let Some(seen) = leader
                    && seen.state.epoch_is_known(&app)
                {
                    return seen.state.clone();
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        let known = known
            .await
            .map_err(|_elapsed| failed("the epoch is not read".to_owned()))?;
        self.epoch_is_above(&known);
        self.stale_plan().await;
        let joined = tokio::time::timeout(TOGETHER_WITHIN, self.stage.cast.join_all(on));
        joined
            .await
            .map_err(|_elapsed| failed("the others have not joined".to_owned()))?
    }

    fn holds(&mut self, name: &str, broken: Option<String>) {
        self.seen.begun_anew.push(Invariant {
            name: name.to_owned(),
            held: broken.is_none(),
            seen: broken,
        });
    }

    /// Before any daemon has seen it.
    fn first_moment(&mut self, begun: &State, open: &[Run]) {
        let broken = begun.automation_paused.is_none();
        self.holds(
            "a restored ledger begins with automation paused",
            broken.then(|| "it is not paused".to_owned()),
        );
        let waits = |run: &Run| {
            begun.runs.get(&run.id).is_some_and(|now| {
                matches!(
                    now.status,
                    RunStatus::NeedsOperator {
                        reason: NeedsOperator::Inherited { .. }
                    }
                )
            })
        };
        let broken = match open.iter().find(|run| !waits(run)) {
            Some(run) => Some(format!("run {} does not wait", run.id)),
            None if open.is_empty() => Some("the backup held no open run".to_owned()),
            None => None,
        };
        self.holds("its open runs wait for a person", broken);
        let broken = begun.epoch_is_known(&self.app);
        self.holds(
            "no epoch is known before the zone was read",
            broken.then(|| "one is".to_owned()),
        );
    }

    /// Once the zone was read.
    fn epoch_is_above(&mut self, state: &State) {
        let used = self.lost.iter().map(|run| run.epoch).max();
        let now = state.apps.get(&self.app).map(|app| app.epoch);
        let broken = (now <= used).then(|| {
            let number = |epoch: Option<crate::model::Epoch>| {
                epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string())
            };
            format!("{} was used, it is {}", number(used), number(now))
        });
        self.holds("the epoch is above all that were ever used", broken);
        let overtaken = state.runs.values().find(|run| run.is_open());
        self.holds(
            "a run that was overtaken is over",
            overtaken.map(|run| format!("run {} is {}", run.id, run.status.as_str())),
        );
    }

    /// A plan of before the loss, by a person's word.
    async fn stale_plan(&mut self) {
        let Some(last) = self.lost.iter().max_by_key(|run| run.epoch).cloned() else {
            return self.holds(
                "a plan of before the loss is refused",
                Some("nothing happened after the backup".to_owned()),
            );
        };
        let body = CommandBody::OpenRun {
            plan: Box::new(last.plan),
            origin: Origin::Operator {
                name: PERSON.to_owned(),
                reason: "a plan from before".to_owned(),
            },
            limits: RunLimits {
                cool_down: crate::model::Millis(0),
                brake: u32::MAX,
                quarantine: false,
                soak: last.soak,
                data_loss_approval: DataLossApproval::Anyone,
            },
        };
        let answer = self.stage.cast.command(body).await;
        let broken = match answer {
            Ok(Err(Rejection::WrongEpoch { .. })) => None,
            Ok(Err(other)) => Some(format!("it is refused for another reason: {other}")),
            Ok(Ok(Event::RunOpened { run })) => Some(format!("run {run} was opened")),
            Ok(Ok(event)) => Some(format!("it was taken: {event:?}")),
            Err(error) => Some(error.to_string()),
        };
        self.holds("a plan of before the loss is refused", broken);
    }
}
