//! The TXT record in which Route 53 itself keeps the epoch of the last run that moved a name.
//!
//! Route 53 knows nothing of our log. A run therefore writes its epoch beside the records it flips,
//! in the same atomic batch, and a run that finds a newer one there has been overtaken:
//!
//! ```text
//! _failoverd.www.example.com.  TXT  "failoverd epoch=7 app=shop"
//! ```
//!
//! Invariant: [`parse_epoch_txt`] of [`epoch_txt_value`] gives back the same epoch and application.

use super::{AppId, Epoch, RecordSet};

/// Time to live of the epoch record, in seconds. Nobody resolves it: it is read through the API.
pub const EPOCH_TXT_TTL_SECS: u64 = 60;

/// The name of the epoch record that goes with the record set `name`. A leading `*` label becomes
/// `_wildcard`: Route 53 takes `*` only as the leftmost label.
pub fn epoch_txt_name(name: &str) -> String {
    let dot = if name.ends_with('.') { "" } else { "." };
    match name.strip_prefix("*.") {
        Some(parent) => format!("_failoverd._wildcard.{parent}{dot}"),
        None => format!("_failoverd.{name}{dot}"),
    }
}

/// The value of the epoch record as Route 53 keeps it, quotes included.
pub fn epoch_txt_value(app: &AppId, epoch: Epoch) -> String {
    format!("\"failoverd epoch={epoch} app={app}\"")
}

/// What an epoch record's value says, or `None` where it is not one of ours.
pub fn parse_epoch_txt(value: &str) -> Option<(Epoch, AppId)> {
    let text = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    let text = text.strip_prefix("failoverd epoch=")?;
    let (number, app) = text.split_once(" app=")?;
    if app.is_empty() {
        return None;
    }
    Some((Epoch(number.parse().ok()?), AppId::from(app)))
}

/// The whole epoch record set for the record set `name`.
pub fn epoch_record(name: &str, app: &AppId, epoch: Epoch) -> RecordSet {
    RecordSet {
        name: epoch_txt_name(name),
        record_type: "TXT".to_owned(),
        set_identifier: None,
        failover: None,
        weight: None,
        ttl: Some(EPOCH_TXT_TTL_SECS),
        values: vec![epoch_txt_value(app, epoch)],
        alias: None,
        health_check_id: None,
    }
}

/// The newest epoch that stands in `set`, if it is an epoch record.
pub fn epoch_of(set: &RecordSet) -> Option<Epoch> {
    set.values
        .iter()
        .filter_map(|value| parse_epoch_txt(value))
        .map(|(epoch, _)| epoch)
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for (epoch, app) in [(0, "shop"), (7, "shop-eu"), (u64::MAX, "a b")] {
            let value = epoch_txt_value(&AppId::from(app), Epoch(epoch));
            assert_eq!(
                parse_epoch_txt(&value),
                Some((Epoch(epoch), AppId::from(app)))
            );
        }
        let set = epoch_record("www.example.com.", &AppId::from("shop"), Epoch(7));
        assert_eq!(set.name, "_failoverd.www.example.com.");
        assert_eq!(set.values, ["\"failoverd epoch=7 app=shop\""]);
        assert_eq!(epoch_of(&set), Some(Epoch(7)));
    }

    #[test]
    fn a_wildcard_keeps_its_star_out_of_the_middle() {
        assert_eq!(
            epoch_txt_name("*.example.com"),
            "_failoverd._wildcard.example.com."
        );
    }

    #[test]
    fn strangers_are_not_epochs() {
        for value in [
            "",
            "\"",
            "\"v=spf1 -all\"",
            "failoverd epoch=1 app=shop",
            "\"failoverd epoch=x app=shop\"",
            "\"failoverd epoch=-1 app=shop\"",
            "\"failoverd epoch=1 app=\"",
            "\"failoverd epoch=1\"",
        ] {
            assert_eq!(parse_epoch_txt(value), None, "{value}");
        }
    }
}
