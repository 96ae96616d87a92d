//! The audit: from an entry of the ledger to the wire, and back, for whoever checks the chain.
//!
//! Invariant: what goes over the wire is enough to compute an entry's hash again.

use super::{moment, parse_moment};
use crate::api::wire::AuditEntry as WireEntry;
use crate::model::{AuditCall, AuditEntry, AuditHash, AuditOutcome};

/// An entry as the API tells it.
pub(in crate::api) fn audit_entry(entry: &AuditEntry) -> WireEntry {
    let AuditEntry {
        number,
        at,
        call,
        previous,
        hash,
    } = entry;
    WireEntry {
        number: *number,
        at: moment(*at),
        who: call.who.clone(),
        how: call.how.clone(),
        role: call.role.clone(),
        from: call.from.clone(),
        via: call.via.to_string(),
        call: call.call.clone(),
        application: call.application.as_ref().map(ToString::to_string),
        reason: call.reason.clone(),
        said: call.said.clone(),
        outcome: call.outcome.as_str().to_owned(),
        detail: call.detail.clone(),
        answers: call.answers,
        previous: previous.0.clone(),
        hash: hash.0.clone(),
    }
}

/// The entry that was told so; none where its moment or its outcome is nothing that a ledger holds.
pub fn recorded_audit(told: &WireEntry) -> Option<AuditEntry> {
    let outcome = AuditOutcome::ALL
        .into_iter()
        .find(|outcome| outcome.as_str() == told.outcome)?;
    Some(AuditEntry {
        number: told.number,
        at: parse_moment(&told.at)?,
        call: AuditCall {
            who: told.who.clone(),
            how: told.how.clone(),
            role: told.role.clone(),
            from: told.from.clone(),
            via: told.via.as_str().into(),
            call: told.call.clone(),
            application: told.application.as_deref().map(Into::into),
            reason: told.reason.clone(),
            said: told.said.clone(),
            outcome,
            detail: told.detail.clone(),
            answers: told.answers,
        },
        previous: AuditHash(told.previous.clone()),
        hash: AuditHash(told.hash.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Command, CommandBody, State, Wall};
    use crate::run::{apply, verify_audit};

    fn chain() -> Vec<AuditEntry> {
        let mut state = State::default();
        for (at, outcome) in [1_780_000_000_123, 1_780_000_000_124, 1_780_000_009_000]
            .into_iter()
            .zip(AuditOutcome::ALL)
        {
            let call = AuditCall {
                who: "ana".to_owned(),
                how: "token".to_owned(),
                role: "operator".to_owned(),
                from: "10.0.0.7:50122".to_owned(),
                via: "ireland".into(),
                call: "POST /v1/applications/shop/runs".to_owned(),
                application: Some("shop".into()),
                reason: Some("Übung vor der Spitze".to_owned()),
                said: "switchover to eu-west-1".to_owned(),
                outcome,
                detail: None,
                answers: (outcome != AuditOutcome::Asked).then_some(1),
            };
            let command = Command {
                at: Wall(at),
                body: CommandBody::RecordAudit {
                    call: Box::new(call),
                },
            };
            apply(&mut state, &command).expect("it is recorded");
        }
        let entries = state.audit.entries.iter();
        entries.map(|entry| AuditEntry::clone(entry)).collect()
    }

    /// Through JSON, as a client gets it: the hashes still fit.
    #[test]
    fn what_is_told_can_be_checked() {
        let recorded = chain();
        let told: Vec<WireEntry> = recorded.iter().map(audit_entry).collect();
        let text = serde_json::to_string(&told).expect("it is JSON");
        let told: Vec<WireEntry> = serde_json::from_str(&text).expect("it is our own");
        let read: Option<Vec<AuditEntry>> = told.iter().map(recorded_audit).collect();
        let read = read.expect("every entry is one of a ledger");
        assert_eq!(read, recorded);
        assert_eq!(verify_audit(&read), Ok(()));
    }

    #[test]
    fn what_no_ledger_says_is_no_entry() {
        let told = audit_entry(&chain()[0]);
        let strange = WireEntry {
            outcome: "perhaps".to_owned(),
            ..told.clone()
        };
        let undated = WireEntry {
            at: "yesterday".to_owned(),
            ..told
        };
        assert_eq!(recorded_audit(&strange), None);
        assert_eq!(recorded_audit(&undated), None);
    }
}
