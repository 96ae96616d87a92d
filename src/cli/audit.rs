//! `failoverctl audit`: who asked what of the cluster, and what came of it.

use clap::Args;

use super::frame::{
    Cell, ClientError, Ended, Frame, Palette, Table, Tone, moment, or_dash, wrapped,
};
use super::{Exit, output};
use crate::api::recorded_audit;
use crate::api::wire::{AuditEntry, Page};
use crate::run::verify_audit;

/// The most that one answer of the API holds.
const AT_ONCE: u32 = 500;

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawAudit {
    /// How many of the newest at the most
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Check that no entry was changed, taken out or put in: of all that are kept
    ///
    /// Ends with 1 if the chain is broken.
    #[arg(long)]
    verify: bool,
}

impl RawAudit {
    /// Shows it, the oldest of the newest first.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        let mut entries = fetch(frame)?;
        let checked = self.verify.then(|| check(&entries));
        let exit = match checked {
            Some(Err(_)) => Exit::No,
            Some(Ok(_)) | None => Exit::Good,
        };
        let left_out = entries.len().saturating_sub(self.limit as usize);
        let page = Page {
            items: entries.split_off(left_out),
            next: None,
        };
        let exit = frame.show(&page, exit, |page, palette| {
            render(&page.items, left_out, palette)
        });
        if let Some(Ok(text) | Err(text)) = checked {
            output::complain(wrapped("", &text).trim_end());
        }
        Ok(exit)
    }
}

/// All that the ledger keeps, page after page.
fn fetch(frame: &Frame) -> Result<Vec<AuditEntry>, ClientError> {
    let mut entries: Vec<AuditEntry> = Vec::new();
    let mut after = None;
    loop {
        let mut query = vec![("limit", AT_ONCE.to_string())];
        query.extend(after.take().map(|after| ("after", after)));
        let page: Page<AuditEntry> = frame.client.get_with(&["v1", "audit"], &query)?;
        let none = page.items.is_empty();
        entries.extend(page.items);
        after = page.next;
        if after.is_none() || none {
            return Ok(entries);
        }
    }
}

/// What is known of the chain, oldest entry first; as an error where it is broken.
fn check(told: &[AuditEntry]) -> Result<String, String> {
    let (Some(first), Some(last)) = (told.first(), told.last()) else {
        return Ok("The audit is empty: there is nothing to check.".to_owned());
    };
    let mut entries = Vec::new();
    for entry in told {
        entries.push(recorded_audit(entry).ok_or_else(|| {
            let number = entry.number;
            broken(&format!("entry {number} is nothing that a ledger writes"))
        })?);
    }
    verify_audit(&entries).map_err(|found| broken(&found.to_string()))?;
    let begins = if first.number == 1 {
        String::new()
    } else {
        " Older ones are not kept: what stood before is taken on trust.".to_owned()
    };
    Ok(format!(
        "The chain is whole from entry {} to entry {}.{begins} Keep the last hash to prove it later: {}",
        first.number, last.number, last.hash
    ))
}

fn broken(why: &str) -> String {
    format!(
        "THE CHAIN IS BROKEN: {why}. Ask another member (--server), and compare with what you have exported."
    )
}

fn render(entries: &[AuditEntry], left_out: usize, palette: Palette) -> String {
    if entries.is_empty() {
        return "Nobody has asked for anything yet.\n".to_owned();
    }
    let mut table = Table::new(["NO", "AT", "WHO", "OUTCOME", "WHAT"]);
    for entry in entries {
        table.row([
            entry.number.to_string().into(),
            moment(&entry.at).into(),
            format!("{} from {}", entry.who, entry.from).into(),
            outcome(&entry.outcome),
            what(entry).into(),
        ]);
    }
    let mut text = table.render(palette);
    if left_out > 0 {
        let older = format!("There are {left_out} older ones: ask with a larger --limit.");
        text += &wrapped("", &older);
    }
    text
}

fn outcome(word: &str) -> Cell {
    let tone = match word {
        "asked" => Tone::Plain,
        "done" => Tone::Good,
        "refused" => Tone::Bad,
        _ => Tone::Warn,
    };
    Cell::toned(tone, word)
}

/// What was asked and why; of an answer, what came of which.
fn what(entry: &AuditEntry) -> String {
    match entry.answers {
        Some(asked) => format!("of {asked}: {}", or_dash(entry.detail.as_deref())),
        None => match &entry.reason {
            Some(reason) => format!("{} because: {reason}", entry.call),
            None => entry.call.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a daemon tells them; the hashes were made by another program, as `run::audit` documents them.
    fn entries() -> Vec<AuditEntry> {
        serde_json::from_str(include_str!("audit_sample.json")).expect("entries")
    }

    #[test]
    fn the_audit_fits_a_terminal() {
        let text = render(&entries(), 3, Palette::PLAIN);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!("audit", text);
    }

    #[test]
    fn a_chain_is_whole_or_said_to_be_broken() {
        assert!(check(&[]).is_ok_and(|text| text.contains("empty")));
        let whole = entries();
        let text = check(&whole).expect("it is as it was written");
        assert!(text.contains("entry 1 to entry 3"), "{text}");
        assert!(text.contains(&whole[2].hash), "{text}");

        let text = check(&whole[1..]).expect("where it begins is taken on trust");
        assert!(text.contains("taken on trust"), "{text}");

        let mut changed = whole.clone();
        changed[1].who = "somebody else".to_owned();
        let text = check(&changed).expect_err("it was changed");
        assert!(text.contains("entry 2 is not what was written"), "{text}");

        let without = [whole[0].clone(), whole[2].clone()];
        let text = check(&without).expect_err("one is missing");
        assert!(text.contains("entry 3 follows entry 1"), "{text}");

        let mut strange = whole;
        strange[0].outcome = "perhaps".to_owned();
        let text = check(&strange).expect_err("no ledger says so");
        assert!(text.contains("entry 1 is nothing"), "{text}");
    }
}
