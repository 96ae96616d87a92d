//! The audit: a chain of what people asked, each link bound to the one before it.
//!
//! ```text
//!   hash(n) = SHA-256( previous=64:<hash(n-1)>\n
//!                      number=1:7\n
//!                      at=13:1700000000000\n            milliseconds since 1970
//!                      who=3:ana\n …                    in the order of `canonical`
//!                      reason=17:drill before peak\n )  absent: no line; the number counts bytes
//! ```
//!
//! The lengths make the bytes unambiguous whatever the texts hold, and the form is so simple that
//! anybody can check an exported chain with a few lines of a script.
//!
//! Invariant: an entry is never changed and never taken out of the middle; the oldest leave as new
//! ones come. Whoever keeps one hash can later prove that what came after it is whole.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::model::{Audit, AuditCall, AuditEntry, AuditHash, Event, Wall};

/// Entries that are kept: the calls of some months of quiet and of many nights that were not, as one
/// call makes two. They go into every snapshot of the state, where a thousand of ordinary length are
/// half a megabyte, and at their longest three. What is older stands in the members' logs, each of
/// which tells every entry.
pub const KEPT_AUDIT: usize = 1_000;

/// Bytes of a name, an address, an outcome's word.
const NAME: usize = 128;
/// Bytes of a call, a reason, a detail.
const LINE: usize = 512;
/// Bytes of a call's body in short.
const BODY: usize = 1_024;

/// Adds a link. Its texts are bounded, and hold no control characters: they are shown at terminals.
pub(super) fn record(audit: &mut Audit, now: Wall, call: &AuditCall) -> Event {
    let number = audit.number + 1;
    let mut entry = AuditEntry {
        number,
        at: now,
        call: bounded(call),
        previous: audit.head.clone(),
        hash: AuditHash::default(),
    };
    entry.hash = hash(&entry);
    audit.number = number;
    audit.head = entry.hash.clone();
    audit.entries.push_back(Arc::new(entry));
    while audit.entries.len() > KEPT_AUDIT {
        audit.entries.pop_front();
    }
    Event::Audited { number }
}

/// Where a chain does not hold together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditBreak {
    #[error("entry {number} is not what was written: its hash does not fit what it says")]
    Changed { number: u64 },
    #[error("entry {number} does not follow the one before it: it names another hash")]
    Detached { number: u64 },
    #[error("entry {number} follows entry {after}: what was between them is missing")]
    Gap { after: u64, number: u64 },
}

/// Finds the first break of a chain, oldest entry first. Where the chain begins is taken on trust:
/// older entries leave the ledger in time.
///
/// # Errors
///
/// The first entry that is not, or does not stand, as it was written.
pub fn verify_audit<'a>(
    entries: impl IntoIterator<Item = &'a AuditEntry>,
) -> Result<(), AuditBreak> {
    let mut before: Option<&AuditEntry> = None;
    for entry in entries {
        let number = entry.number;
        if let Some(before) = before {
            if number != before.number + 1 {
                let after = before.number;
                return Err(AuditBreak::Gap { after, number });
            }
            if entry.previous != before.hash {
                return Err(AuditBreak::Detached { number });
            }
        } else if number == 1 && entry.previous != AuditHash::default() {
            return Err(AuditBreak::Detached { number });
        }
        if hash(entry) != entry.hash {
            return Err(AuditBreak::Changed { number });
        }
        before = Some(entry);
    }
    Ok(())
}

fn hash(entry: &AuditEntry) -> AuditHash {
    AuditHash(hex::encode(Sha256::digest(canonical(entry))))
}

/// Every field but the hash itself, in a form that cannot be read in two ways.
fn canonical(entry: &AuditEntry) -> String {
    let AuditEntry {
        number,
        at,
        call,
        previous,
        hash: _,
    } = entry;
    let AuditCall {
        who,
        how,
        role,
        from,
        via,
        call,
        application,
        reason,
        said,
        outcome,
        detail,
        answers,
    } = call;
    let mut text = String::new();
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{name}={}:{value}", value.len());
        }
    };
    line("previous", Some(&previous.0));
    line("number", Some(&number.to_string()));
    line("at", Some(&at.0.to_string()));
    line("who", Some(who));
    line("how", Some(how));
    line("role", Some(role));
    line("from", Some(from));
    line("via", Some(via.as_str()));
    line("call", Some(call));
    line("application", application.as_ref().map(|app| app.as_str()));
    line("reason", reason.as_deref());
    line("said", Some(said));
    line("outcome", Some(outcome.as_str()));
    line("detail", detail.as_deref());
    line("answers", answers.map(|n| n.to_string()).as_deref());
    text
}

fn bounded(call: &AuditCall) -> AuditCall {
    AuditCall {
        who: cut(&call.who, NAME),
        how: cut(&call.how, NAME),
        role: cut(&call.role, NAME),
        from: cut(&call.from, NAME),
        via: cut(call.via.as_str(), NAME).as_str().into(),
        call: cut(&call.call, LINE),
        application: call
            .application
            .as_ref()
            .map(|app| cut(app.as_str(), NAME).as_str().into()),
        reason: call.reason.as_deref().map(|text| cut(text, LINE)),
        said: cut(&call.said, BODY),
        outcome: call.outcome,
        detail: call.detail.as_deref().map(|text| cut(text, LINE)),
        answers: call.answers,
    }
}

/// At most `longest` bytes, whole characters, on one line; what was cut shows as an ellipsis.
pub(super) fn cut(text: &str, longest: usize) -> String {
    const MARK: char = '…';
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    if text.len() <= longest {
        return text.chars().map(plain).collect();
    }
    let mut kept = String::new();
    for c in text.chars().map(plain) {
        if kept.len() + c.len_utf8() + MARK.len_utf8() > longest {
            break;
        }
        kept.push(c);
    }
    kept.push(MARK);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AuditOutcome;

    fn call(who: &str) -> AuditCall {
        AuditCall {
            who: who.to_owned(),
            how: "token".to_owned(),
            role: "operator".to_owned(),
            from: "10.0.0.7:50122".to_owned(),
            via: "ireland".into(),
            call: "POST /v1/applications/shop/runs".to_owned(),
            application: Some("shop".into()),
            reason: Some("drill before the peak".to_owned()),
            said: "switchover to eu-west-1".to_owned(),
            outcome: AuditOutcome::Asked,
            detail: None,
            answers: None,
        }
    }

    fn chain(length: usize) -> Audit {
        let mut audit = Audit::default();
        for n in 0..length {
            let number = n as u64 + 1;
            let recorded = record(&mut audit, Wall(number * 10), &call(&format!("p{n}")));
            assert_eq!(recorded, Event::Audited { number });
        }
        audit
    }

    fn entries(audit: &Audit) -> Vec<AuditEntry> {
        audit.entries.iter().map(|e| AuditEntry::clone(e)).collect()
    }

    /// What a person would do with `sha256sum`, spelled out: the form is a promise to whoever exports.
    #[test]
    fn the_hashed_bytes_are_as_documented() {
        let audit = chain(1);
        let said = "previous=0:\nnumber=1:1\nat=2:10\nwho=2:p0\nhow=5:token\nrole=8:operator\n\
                    from=14:10.0.0.7:50122\nvia=7:ireland\ncall=31:POST /v1/applications/shop/runs\n\
                    application=4:shop\nreason=21:drill before the peak\n\
                    said=23:switchover to eu-west-1\noutcome=5:asked\n";
        assert_eq!(canonical(&audit.entries[0]), said);
        assert_eq!(audit.head.0, hex::encode(Sha256::digest(said)));
    }

    #[test]
    fn the_ring_is_bounded_and_its_rest_still_verifies() {
        let audit = chain(KEPT_AUDIT + 3);
        assert_eq!(audit.entries.len(), KEPT_AUDIT);
        assert_eq!(audit.number, KEPT_AUDIT as u64 + 3);
        assert_eq!(audit.entries[0].number, 4);
        assert_eq!(verify_audit(&entries(&audit)), Ok(()));
        let after: Vec<u64> = audit.after(audit.number - 2).map(|e| e.number).collect();
        assert_eq!(after, [audit.number - 1, audit.number]);
        assert_eq!(audit.after(0).count(), KEPT_AUDIT);
        assert_eq!(audit.after(audit.number).count(), 0);
        assert_eq!(audit.after(u64::MAX - 1).count(), 0);
    }

    /// Every field of every entry: none may be changed unseen.
    #[test]
    fn whatever_is_changed_is_found_where_it_was_changed() {
        let changes: [fn(&mut AuditEntry); 15] = [
            |e| e.at = Wall(1),
            |e| e.call.who.push('x'),
            |e| e.call.how = "certificate".to_owned(),
            |e| e.call.role = "admin".to_owned(),
            |e| e.call.from.clear(),
            |e| e.call.via = "oregon".into(),
            |e| e.call.call = "POST /v1/automation/pause".to_owned(),
            |e| e.call.application = None,
            |e| e.call.reason = None,
            |e| e.call.reason = Some(String::new()),
            |e| e.call.said.clear(),
            |e| e.call.outcome = AuditOutcome::Done,
            |e| e.call.detail = Some(String::new()),
            |e| e.call.answers = Some(1),
            |e| e.hash = AuditHash("0".repeat(64)),
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut chain = entries(&chain(5));
            change(&mut chain[2]);
            let found = verify_audit(&chain);
            assert_eq!(found, Err(AuditBreak::Changed { number: 3 }), "change {n}");
        }
    }

    #[test]
    fn what_is_taken_out_put_in_or_put_elsewhere_is_found() {
        let whole = entries(&chain(5));
        let mut without = whole.clone();
        without.remove(2);
        let gap = AuditBreak::Gap {
            after: 2,
            number: 4,
        };
        assert_eq!(verify_audit(&without), Err(gap));

        // Told anew with a hash of its own, and numbered as if nothing were missing.
        let mut forged = whole.clone();
        forged[2].call.who = "somebody else".to_owned();
        forged[2].hash = hash(&forged[2]);
        let found = verify_audit(&forged);
        assert_eq!(found, Err(AuditBreak::Detached { number: 4 }));

        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        assert!(verify_audit(&swapped).is_err());

        let mut first = whole;
        first[0].previous = AuditHash("0".repeat(64));
        first[0].hash = hash(&first[0]);
        let found = verify_audit(&first);
        assert_eq!(found, Err(AuditBreak::Detached { number: 1 }));
    }

    #[test]
    fn long_and_hostile_texts_are_bounded() {
        let mut audit = Audit::default();
        let long = "ä".repeat(5_000);
        let hostile = AuditCall {
            who: long.clone(),
            via: long.as_str().into(),
            application: Some(long.as_str().into()),
            reason: Some("\u{1b}[2Jcleared\nwho=3:ana".to_owned()),
            said: long.clone(),
            detail: Some(long),
            ..call("ana")
        };
        record(&mut audit, Wall(1), &hostile);
        let kept = &audit.entries[0].call;
        assert!(
            kept.who.len() <= NAME && kept.who.ends_with('…'),
            "{kept:?}"
        );
        assert!(kept.said.len() <= BODY && kept.said.len() > BODY - 4);
        assert_eq!(kept.reason.as_deref(), Some(" [2Jcleared who=3:ana"));
        assert_eq!(verify_audit(&entries(&audit)), Ok(()));
    }
}
