//! Why automation stands still, and who knows: what the caller may know of it.

use super::Look;
use crate::api::access::Caller;
use crate::api::automation;
use crate::api::wire::{AutomationPause, AutomationReport, Warning};
use crate::model::MemberId;

impl Look<'_> {
    /// Every pause that is in force, and every planned window that is open.
    pub(super) fn pauses(&self, caller: &Caller) -> Vec<AutomationPause> {
        let state = &self.snapshot.state;
        let all = automation::pauses(state, self.now(), &self.source.windows);
        let known = |pause: &AutomationPause| self.knows(caller, pause.application.as_deref());
        all.into_iter().filter(known).collect()
    }

    /// The pauses that somebody has probably forgotten.
    pub(super) fn nags(&self, caller: &Caller) -> Vec<Warning> {
        let state = &self.snapshot.state;
        let all = automation::nags(state, self.now(), self.source.nag_after);
        let known = |nag: &Warning| self.knows(caller, nag.application.as_deref());
        all.into_iter().filter(known).collect()
    }

    pub fn automation(&self, caller: &Caller) -> AutomationReport {
        let configured = self.source.configured.iter();
        let members: Vec<MemberId> = configured.map(|member| member.id.clone()).collect();
        let report = automation::report(self.snapshot, &members, &self.source.windows);
        AutomationReport {
            pauses: self.pauses(caller),
            ..report
        }
    }

    /// What is about all applications everybody may know.
    fn knows(&self, caller: &Caller, application: Option<&str>) -> bool {
        application.is_none_or(|name| {
            self.applications_of(caller)
                .any(|app| app.name.as_str() == name)
        })
    }
}
