//! `[[notify]]`, `[heartbeat]` and `[tracing]`: who is told what happens, who is called while all is well,
//! and who collects spans.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::types::{Heartbeat, NotifySink, SinkAddress, SinkKind, Tracing, Urgency};
use crate::model::{AppId, Millis};
use crate::runbook::spanned::{self, Findings, Located, Place, Table, closest, read};

use super::application::AppDraft;
use super::sections::Sections;
use super::values;

/// Often enough that whoever listens notices within minutes, seldom enough to be cheap.
const INTERVAL: Millis = Millis::from_secs(60);

/// One receiver, and where it is written.
#[derive(Debug)]
pub(super) struct SinkDraft {
    pub sink: NotifySink,
    id_place: Place,
    applications: Vec<Located<String>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Webhook,
    Slack,
    PagerDuty,
}

/// Where PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

pub(super) fn sink(findings: &Findings, node: &spanned::Node, base: &Path) -> Option<SinkDraft> {
    Table::walk(findings, node, "a [[notify]]", |table| {
        let id = table.required("id", "id = \"ops-chat\"", read::located(read::name));
        if let Some(id) = &id {
            table.rename(format!("[[notify]] `{}`", id.value));
        }
        let kind = table.required(
            "kind",
            "kind = \"slack\"",
            read::one_of(&[
                ("webhook", Kind::Webhook),
                ("slack", Kind::Slack),
                ("pagerduty", Kind::PagerDuty),
            ]),
        );
        let default = match kind {
            Some(Kind::PagerDuty) => Some(PAGERDUTY),
            Some(Kind::Webhook | Kind::Slack) | None => None,
        };
        let address = address(table, base, default);
        let kind = match kind {
            Some(Kind::Webhook) => Some(SinkKind::Webhook {
                secret_file: table.optional("secret_file", values::path(base)),
            }),
            Some(Kind::Slack) => Some(SinkKind::Slack),
            Some(Kind::PagerDuty) => table
                .required(
                    "routing_key_file",
                    "routing_key_file = \"/run/secrets/pagerduty\"",
                    values::path(base),
                )
                .map(|routing_key_file| SinkKind::PagerDuty { routing_key_file }),
            None => {
                // Asked for, so that they are not told of as unknown besides.
                let _ = (table.get("secret_file"), table.get("routing_key_file"));
                None
            }
        };
        let applications: Option<Vec<Located<String>>> =
            table.optional("applications", read::list(read::located(read::name)));
        let least = table.or(
            "least",
            Urgency::Info,
            read::one_of(&[
                ("info", Urgency::Info),
                ("warning", Urgency::Warning),
                ("critical", Urgency::Critical),
            ]),
        );
        let id = id?;
        Some(SinkDraft {
            sink: NotifySink {
                id: id.value,
                kind: kind?,
                address: address?,
                applications: applications
                    .as_ref()
                    .map(|list| list.iter().map(|app| AppId(app.value.clone())).collect()),
                least: least?,
            },
            id_place: id.place,
            applications: applications.unwrap_or_default(),
        })
    })
}

/// `url`, or `url_file` where the URL itself is the secret; one of the two.
fn address(table: &Table<'_>, base: &Path, default: Option<&str>) -> Option<SinkAddress> {
    let written = (table.get("url").is_some(), table.get("url_file").is_some());
    let url = table.optional("url", read::http_url);
    let file = table.located("url_file", values::path(base));
    match (written, url, file) {
        ((true, true), _, Some(file)) => {
            let findings = table.findings();
            findings.push(
                findings
                    .error(
                        "two_addresses",
                        &file.place,
                        format!("{} has `url` and `url_file`", table.what()),
                    )
                    .label("one of the two")
                    .help("Keep `url_file` where the URL is a secret, `url` where it is none."),
            );
            None
        }
        (_, Some(url), _) => Some(SinkAddress::Url(url)),
        (_, None, Some(file)) => Some(SinkAddress::File(file.value)),
        ((false, false), None, None) => match default {
            Some(url) => Some(SinkAddress::Url(url.to_owned())),
            None => {
                table.missing(
                    "url",
                    "url_file = \"/run/secrets/webhook-url\", or url = \"https://…\" where it is no secret",
                );
                None
            }
        },
        // What was written has been refused.
        (_, None, None) => None,
    }
}

pub(super) fn heartbeat(
    findings: &Findings,
    node: &spanned::Node,
    base: &Path,
) -> Option<Heartbeat> {
    Table::walk(findings, node, "[heartbeat]", |table| {
        let interval = table.or(
            "interval",
            INTERVAL,
            read::duration(Millis::from_secs(5)..=Millis::from_mins(60)),
        );
        Some(Heartbeat {
            address: address(table, base, None)?,
            interval: interval?,
        })
    })
}

pub(super) fn tracing(findings: &Findings, node: &spanned::Node) -> Option<Tracing> {
    Table::walk(findings, node, "[tracing]", |table| {
        let otlp_url = table.required(
            "otlp_url",
            "otlp_url = \"http://127.0.0.1:4318\"",
            read::http_url,
        );
        let probes = table.or("probes", true, read::flag);
        Some(Tracing {
            otlp_url: otlp_url?,
            probes: probes?,
        })
    })
}

/// No two of one name, and no application that is not there.
pub(super) fn check(findings: &Findings, sections: &Sections, applications: &[AppDraft]) {
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    let known: BTreeSet<&str> = applications
        .iter()
        .map(|app| app.app.name.as_str())
        .collect();
    for draft in &sections.sinks {
        if let Some(first) = seen.insert(&draft.sink.id, &draft.id_place) {
            findings.push(
                findings
                    .error(
                        "duplicate_sink",
                        &draft.id_place,
                        format!("two [[notify]] are called `{}`", draft.sink.id),
                    )
                    .label("called so again")
                    .help(format!("Rename one of them; the first is at {first}.")),
            );
        }
        for app in &draft.applications {
            if known.contains(app.value.as_str()) {
                continue;
            }
            let names: Vec<&str> = known.iter().copied().collect();
            let help = match closest(&app.value, &names) {
                Some(word) => format!("Did you mean \"{word}\"?"),
                None => format!("The applications are {}.", names.join(", ")),
            };
            findings.push(
                findings
                    .error(
                        "no_such_application",
                        &app.place,
                        format!(
                            "[[notify]] `{}` names the application `{}`, and there is none of that \
                             name",
                            draft.sink.id, app.value
                        ),
                    )
                    .label("no such application")
                    .help(help),
            );
        }
    }
}
