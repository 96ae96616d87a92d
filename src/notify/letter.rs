//! A message as each kind of receiver reads it. Pure: a function of the message and its sender.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::message::{Message, Standing};
use crate::config::Urgency;
use crate::model::{Member, Wall};

/// Characters of a summary that PagerDuty takes.
const SUMMARY: usize = 1_024;

/// Who writes.
#[derive(Clone, Debug)]
pub struct Sender {
    pub member: Member,
    /// The cluster's name: part of what an incident is known by.
    pub cluster: String,
}

/// The generic body, documented in `docs/notifications.md`.
pub(super) fn webhook(sender: &Sender, message: &Message) -> Value {
    json!({
        "schema": 1,
        "kind": message.kind,
        "key": message.key,
        "standing": message.standing.as_str(),
        "urgency": message.urgency.as_str(),
        "drill": message.drill,
        "at": date(message.at),
        "cluster": sender.cluster,
        "member": sender.member.id.as_str(),
        "member_region": sender.member.region.as_str(),
        "application": message.application.as_ref().map(ToString::to_string),
        "region": message.region.as_ref().map(ToString::to_string),
        "run": message.run.as_ref().map(ToString::to_string),
        "title": message.title,
        "text": message.text,
        "remedy": message.remedy,
    })
}

/// `v1=` and the HMAC-SHA256 of `timestamp.body`, in hexadecimal: a receiver that checks both cannot
/// be given an old body anew.
///
/// # Errors
///
/// If the secret is no key, which HMAC does not know: it hashes long ones and pads short ones.
pub(super) fn signature(secret: &[u8], timestamp: u64, body: &[u8]) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|error| error.to_string())?;
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(format!("v1={}", hex::encode(mac.finalize().into_bytes())))
}

/// An incoming webhook of Slack, or of what speaks like it (Mattermost, Rocket.Chat).
pub(super) fn slack(sender: &Sender, message: &Message) -> Value {
    let mut fields = Vec::new();
    let mut field = |title: &str, value: &str| {
        fields.push(json!({ "title": title, "value": escaped(value), "short": true }));
    };
    if let Some(application) = &message.application {
        field("Application", application.as_str());
    }
    if let Some(region) = &message.region {
        field("Region", region.as_str());
    }
    if let Some(run) = &message.run {
        field("Run", run.as_str());
    }
    field(
        "Told by",
        &format!("{} of {}", sender.member.id, sender.cluster),
    );
    if let Some(remedy) = &message.remedy {
        fields.push(json!({ "title": "What to do", "value": escaped(remedy), "short": false }));
    }
    let head = escaped(&headline(message));
    json!({
        "text": head,
        "attachments": [{
            "color": colour(message),
            "fallback": head,
            "text": escaped(&message.text),
            "fields": fields,
            "ts": message.at.0 / 1_000,
        }],
    })
}

/// Events v2. `None` for what is neither the beginning nor the end of anything: a pager is not a log.
pub(super) fn pagerduty(sender: &Sender, message: &Message, routing_key: &str) -> Option<Value> {
    let key = format!("{}/{}", sender.cluster, message.key);
    match message.standing {
        Standing::Told => None,
        // Nobody is woken by a game day.
        Standing::Begun if message.drill => None,
        Standing::Over => Some(json!({
            "routing_key": routing_key,
            "event_action": "resolve",
            "dedup_key": key,
        })),
        Standing::Begun => Some(json!({
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": key,
            "client": "failoverd",
            "payload": {
                "summary": short(&headline(message), SUMMARY),
                "source": sender.member.id.as_str(),
                "severity": match message.urgency {
                    Urgency::Info => "info",
                    Urgency::Warning => "warning",
                    Urgency::Critical => "critical",
                },
                "timestamp": date(message.at),
                "component": message.application.as_ref().map(ToString::to_string),
                "group": sender.cluster,
                "class": message.kind,
                "custom_details": {
                    "text": message.text,
                    "remedy": message.remedy,
                    "region": message.region.as_ref().map(ToString::to_string),
                    "run": message.run.as_ref().map(ToString::to_string),
                },
            },
        })),
    }
}

fn headline(message: &Message) -> String {
    let drill = if message.drill { "[DRILL] " } else { "" };
    let over = match message.standing {
        Standing::Over => "over: ",
        Standing::Begun | Standing::Told => "",
    };
    format!("{drill}{over}{}", message.title)
}

fn colour(message: &Message) -> &'static str {
    if message.drill {
        return "#6b7280";
    }
    match (message.standing, message.urgency) {
        (Standing::Over, _) => "#15803d",
        (Standing::Begun | Standing::Told, Urgency::Info) => "#2563eb",
        (Standing::Begun | Standing::Told, Urgency::Warning) => "#b45309",
        (Standing::Begun | Standing::Told, Urgency::Critical) => "#b91c1c",
    }
}

/// Slack's three control characters: a reason that a person typed mentions nobody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn short(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters - 1).chain(['…']).collect()
}

/// RFC 3339, in UTC.
fn date(at: Wall) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| at.0.to_string(), |stamp| stamp.to_string())
}
