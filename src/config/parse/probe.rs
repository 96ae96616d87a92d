//! One probe: of a Region, or of a reference target.

use std::path::Path;

use crate::model::{Check, DnsType, HeaderMatch, Millis, Probe, ProbeId, RegionId, StatusRange};
use crate::runbook::spanned::{Findings, Kind, Located, Node, Place, Table, read};

use super::sections::Detection;
use super::values;

/// A probe and what later checks need to know of it.
#[derive(Clone, Debug)]
pub(super) struct ProbeDraft {
    pub probe: Probe,
    pub id_place: Place,
    /// The host it asks, where it names one; and where that stands.
    pub target: Located<ProbeTarget>,
    /// Of a reference target: where it is at home, if anywhere.
    pub region: Option<Located<RegionId>>,
}

/// What a probe aims at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProbeTarget {
    /// Lower case, without a trailing dot.
    pub host: String,
    /// The whole of it: two probes with one of these aim at the same thing.
    pub whole: String,
}

#[derive(Clone, Copy)]
enum CheckKind {
    Http,
    Tcp,
    Dns,
}

/// The shortest and longest timings: anything faster than ten probes a second is a load test, and
/// what is asked less than every ten minutes detects nothing.
pub(super) const INTERVAL: std::ops::RangeInclusive<Millis> = Millis(100)..=Millis::from_mins(10);
/// See [`INTERVAL`].
pub(super) const TIMEOUT: std::ops::RangeInclusive<Millis> = Millis(50)..=Millis::from_mins(1);
/// More samples in a row than that is no detection either.
pub(super) const IN_A_ROW: std::ops::RangeInclusive<u32> = 1..=100;

/// Reads one probe. `is_reference` allows `region` and forbids what only counts in a Region.
pub(super) fn read(
    findings: &Findings,
    node: &Node,
    detection: &Detection,
    base: &Path,
    reference: Option<&std::collections::BTreeSet<String>>,
) -> Option<ProbeDraft> {
    let what = if reference.is_some() {
        "a reference target"
    } else {
        "a probe"
    };
    Table::walk(findings, node, what, |table| {
        let id = match table.get("id") {
            Some(node) => read::located(read::name)(findings, node),
            None => {
                table.missing("id", "id = \"web\"");
                None
            }
        };
        if let Some(id) = &id {
            let what = if reference.is_some() {
                "reference target"
            } else {
                "probe"
            };
            table.rename(format!("{what} `{}`", id.value));
        }
        let kind = table.required(
            "kind",
            "kind = \"http\"",
            read::one_of(&[
                ("http", CheckKind::Http),
                ("tcp", CheckKind::Tcp),
                ("dns", CheckKind::Dns),
            ]),
        );
        let interval = table.or("interval", detection.interval, read::duration(INTERVAL));
        let timeout_place = table.located("timeout", read::duration(TIMEOUT));
        let timeout = match &timeout_place {
            Some(timeout) => Some(timeout.value),
            None if table.get("timeout").is_some() => None,
            None => Some(detection.timeout),
        };
        let fall = table.or("fall", detection.fall, read::whole(IN_A_ROW));
        let rise = table.or("rise", detection.rise, read::whole(IN_A_ROW));
        let (critical, weight, region) = match reference {
            None => (
                table.or("critical", true, read::flag),
                table.or("weight", 1, read::whole(0..=1_000_u32)),
                None,
            ),
            Some(extra) => (
                Some(false),
                Some(0),
                table.located("region", values::region(extra)),
            ),
        };
        let check = match kind {
            Some(CheckKind::Http) => http(table, base),
            Some(CheckKind::Tcp) => tcp(table),
            Some(CheckKind::Dns) => dns(table),
            None => {
                // Which keys are known depends on the kind: without it none is called unknown.
                ask_for_all(table);
                None
            }
        };
        if let (Some(interval), Some(timeout)) = (interval, timeout)
            && timeout > interval
        {
            let place = timeout_place
                .as_ref()
                .map_or_else(|| table.place(), |t| &t.place);
            findings.push(
                findings
                    .error(
                        "timeout_too_long",
                        place,
                        format!(
                            "{} may take {timeout}, longer than its interval of {interval}",
                            table.what()
                        ),
                    )
                    .label("longer than the interval")
                    .help("The next probe would start while this one still runs. Lower `timeout` or raise `interval`."),
            );
        }
        let id = id?;
        let (check, target) = check?;
        Some(ProbeDraft {
            probe: Probe {
                id: ProbeId(id.value),
                check,
                interval: interval?,
                timeout: timeout?,
                fall: fall?,
                rise: rise?,
                critical: critical?,
                weight: weight?,
            },
            id_place: id.place,
            target,
            region,
        })
    })
}

fn ask_for_all(table: &Table<'_>) {
    for key in [
        "url",
        "method",
        "expect_status",
        "body_contains",
        "expect_header",
        "headers",
        "keep_alive",
        "ca_file",
        "address",
        "name",
        "record_type",
        "resolver",
        "expect",
    ] {
        table.get(key);
    }
}

fn host(name: &str) -> String {
    name.to_ascii_lowercase().trim_end_matches('.').to_owned()
}

fn http(table: &Table<'_>, base: &Path) -> Option<(Check, Located<ProbeTarget>)> {
    let url = match table.get("url") {
        Some(node) => read::located(read::http_url)(table.findings(), node),
        None => {
            table.missing("url", "url = \"https://web.eu-west-1.example.com/healthz\"");
            None
        }
    };
    let method = table.or("method", "GET".to_owned(), read::method);
    let success = vec![StatusRange {
        low: 200,
        high: 299,
    }];
    let expect_status = table.or("expect_status", success, read::statuses);
    let body_contains = table.optional("body_contains", read::text);
    let expect_header = table.optional("expect_header", header_match);
    let headers = table.or("headers", Vec::new(), headers);
    let keep_alive = table.or("keep_alive", false, read::flag);
    let ca_file = table.optional("ca_file", values::path(base));
    let url = url?;
    let target = ProbeTarget {
        // The reader has parsed it already.
        host: url::Url::parse(&url.value)
            .ok()
            .and_then(|u| u.host_str().map(host))
            .unwrap_or_default(),
        whole: url.value.clone(),
    };
    Some((
        Check::Http {
            url: url.value,
            method: method?,
            expect_status: expect_status?,
            body_contains,
            expect_header,
            headers: headers?,
            keep_alive: keep_alive?,
            ca_file: ca_file.map(|path| path.display().to_string()),
        },
        Located {
            value: target,
            place: url.place,
        },
    ))
}

fn tcp(table: &Table<'_>) -> Option<(Check, Located<ProbeTarget>)> {
    let address = match table.get("address") {
        Some(node) => read::located(values::host_port)(table.findings(), node)?,
        None => {
            table.missing("address", "address = \"db.eu-west-1.example.com:5432\"");
            return None;
        }
    };
    let target = ProbeTarget {
        host: address
            .value
            .rsplit_once(':')
            .map_or_else(String::new, |(name, _)| host(name)),
        whole: address.value.to_ascii_lowercase(),
    };
    Some((
        Check::Tcp {
            address: address.value,
        },
        Located {
            value: target,
            place: address.place,
        },
    ))
}

fn dns(table: &Table<'_>) -> Option<(Check, Located<ProbeTarget>)> {
    let name = match table.get("name") {
        Some(node) => read::located(values::dns_name)(table.findings(), node),
        None => {
            table.missing("name", "name = \"web.eu-west-1.example.com\"");
            None
        }
    };
    let record_type = table.or(
        "record_type",
        DnsType::A,
        read::one_of(&[
            ("A", DnsType::A),
            ("AAAA", DnsType::Aaaa),
            ("CNAME", DnsType::Cname),
            ("TXT", DnsType::Txt),
        ]),
    );
    let resolver = match table.get("resolver") {
        None => Some(None),
        Some(node) => values::socket(table.findings(), node).map(|a| Some(a.to_string())),
    };
    let expect = table.or("expect", Vec::new(), read::list(read::text));
    let (name, resolver) = (name?, resolver?);
    let target = ProbeTarget {
        host: host(&name.value),
        whole: format!("{} at {resolver:?}", host(&name.value)),
    };
    Some((
        Check::Dns {
            name: name.value,
            record_type: record_type?,
            resolver,
            expect: expect?,
        },
        Located {
            value: target,
            place: name.place,
        },
    ))
}

/// `expect_header = "x-region"` or `{ name = "x-region", value = "eu-west-1" }`.
fn header_match(findings: &Findings, node: &Node) -> Option<HeaderMatch> {
    match &node.kind {
        Kind::Text(_) => Some(HeaderMatch {
            name: header_name(findings, node)?,
            value: None,
        }),
        Kind::Whole(_)
        | Kind::Float
        | Kind::Flag(_)
        | Kind::Date
        | Kind::List(_)
        | Kind::Table(_)
        | Kind::Given(_) => Table::walk(findings, node, "`expect_header`", |table| {
            let name = table.required("name", "name = \"x-region\"", header_name);
            let value = table.optional("value", read::text);
            Some(HeaderMatch { name: name?, value })
        }),
    }
}

fn header_name(findings: &Findings, node: &Node) -> Option<String> {
    let text = read::text(findings, node)?;
    if http::HeaderName::try_from(text.as_str()).is_ok() {
        return Some(text);
    }
    read::bad_value(
        findings,
        node,
        format!("`{text}` is no header name"),
        "not a header name",
        "Header names are letters, digits and dashes, such as \"x-region\".",
    );
    None
}

/// `headers = { name = "value" }`.
fn headers(findings: &Findings, node: &Node) -> Option<Vec<(String, String)>> {
    let Kind::Table(fields) = &node.kind else {
        read::wrong_type(findings, node, "a table", "{ accept = \"text/plain\" }");
        return None;
    };
    let mut headers = Vec::new();
    for field in fields {
        let value = read::text(findings, &field.node)?;
        let good = http::HeaderName::try_from(field.key.as_str()).is_ok()
            && http::HeaderValue::try_from(value.as_str()).is_ok();
        if !good {
            read::bad_value(
                findings,
                &field.node,
                format!("`{}` cannot be sent as a header", field.key),
                "not a header",
                "Header names are letters, digits and dashes; values are one line of visible text.",
            );
            return None;
        }
        headers.push((field.key.clone(), value));
    }
    Some(headers)
}
