//! Why automation stands still, and who knows.

use super::{Look, moment};
use crate::api::access::Caller;
use crate::api::wire::{AutomationPause as WirePause, AutomationReport, Confirmation};
use crate::model::{AppId, AutomationPause};

impl Look<'_> {
    /// Every pause that is in force and that the caller may know of.
    pub(super) fn pauses(&self, caller: &Caller) -> Vec<WirePause> {
        let state = &self.snapshot.state;
        let date = state.date(self.now());
        let all = state.automation_paused.iter().map(|pause| (None, pause));
        let apps = self.applications_of(caller).filter_map(|app| {
            let pause = state.apps.get(&app.name)?.automation_paused.as_ref()?;
            Some((Some(&app.name), pause))
        });
        all.chain(apps)
            .filter(|(_, pause)| pause.until.is_none_or(|until| date < until))
            .map(|(app, pause)| self.pause(app, pause))
            .collect()
    }

    fn pause(&self, app: Option<&AppId>, pause: &AutomationPause) -> WirePause {
        let date = self.date();
        WirePause {
            application: app.map(ToString::to_string),
            planned: false,
            by: pause.by.clone(),
            reason: pause.reason.clone(),
            since: moment(pause.since),
            until: pause.until.map(moment),
            age_ms: date.since(pause.since).0,
            remaining_ms: pause.until.map(|until| until.since(date).0),
        }
    }

    pub fn automation(&self, caller: &Caller) -> AutomationReport {
        let applied = self.snapshot.ledger.last_log_index.unwrap_or(0);
        let members = self.source.configured.iter().map(|member| {
            let own = member.id == self.source.member.id;
            Confirmation {
                member: member.id.to_string(),
                applied: own.then_some(applied),
                confirmed: own,
            }
        });
        AutomationReport {
            pauses: self.pauses(caller),
            applied,
            members: members.collect(),
        }
    }
}
