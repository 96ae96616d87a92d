//! Readers of values that only the configuration has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::aws_names::{ArnKind, REGIONS, looks_like_region};
use crate::model::RegionId;
use crate::runbook::spanned::{Findings, Kind, Node, closest, read};

/// A Region that AWS has, or that `extra_regions` names.
pub(super) fn region<'e>(
    extra: &'e BTreeSet<String>,
) -> impl Fn(&Findings, &Node) -> Option<RegionId> + 'e {
    move |findings, node| {
        let text = read::text(findings, node)?;
        if REGIONS.contains(&text.as_str()) || extra.contains(&text) {
            return Some(RegionId(text));
        }
        let help = match (closest(&text, &REGIONS), looks_like_region(&text)) {
            (Some(known), true) => format!(
                "Did you mean \"{known}\"? If AWS has opened \"{text}\" since, add it to \
                 `extra_regions` under [aws]."
            ),
            (Some(known), false) => format!("Did you mean \"{known}\"?"),
            (None, true) => {
                format!(
                    "If AWS has opened it since, add \"{text}\" to `extra_regions` under [aws]."
                )
            }
            (None, false) => "A Region is written by its code, such as \"eu-west-1\".".to_owned(),
        };
        findings.push(
            findings
                .error(
                    "unknown_region",
                    &node.place,
                    format!("\"{text}\" is no AWS Region"),
                )
                .label("unknown Region")
                .help(help),
        );
        None
    }
}

/// Something shaped like a Region, for `extra_regions` itself.
pub(super) fn new_region(findings: &Findings, node: &Node) -> Option<String> {
    let text = read::text(findings, node)?;
    if looks_like_region(&text) {
        return Some(text);
    }
    read::bad_value(
        findings,
        node,
        format!("\"{text}\" is not shaped like a Region"),
        "not a Region",
        "A Region is written by its code, such as \"eu-west-1\".",
    );
    None
}

/// An ARN of that kind, in that Region where it has one. A wrong one is recorded and handed on all the
/// same: nothing starts with it, and nobody should be told that it is missing besides.
pub(super) fn arn(
    kind: ArnKind,
    region: Option<&str>,
) -> impl Fn(&Findings, &Node) -> Option<String> + '_ {
    move |findings, node| {
        let text = read::text(findings, node)?;
        let Err(why) = kind.check(&text, region) else {
            return Some(text);
        };
        findings.push(
            findings
                .error(
                    "bad_arn",
                    &node.place,
                    format!(
                        "{} is not the ARN of {}: {why}",
                        read::subject(node),
                        kind.describe()
                    ),
                )
                .label("another ARN belongs here")
                .help(format!("It looks like {}", kind.example())),
        );
        Some(text)
    }
}

/// A path; a relative one starts from the configuration's own folder.
pub(super) fn path(base: &Path) -> impl Fn(&Findings, &Node) -> Option<PathBuf> + '_ {
    move |findings, node| read::text(findings, node).map(|text| base.join(text))
}

/// `ip:port`.
pub(super) fn socket(findings: &Findings, node: &Node) -> Option<SocketAddr> {
    let text = read::text(findings, node)?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            read::bad_value(
                findings,
                node,
                format!("{} is no address: `{text}`", read::subject(node)),
                "not an address",
                "Write an IP address and a port, such as \"127.0.0.1:7400\" or \"[::1]:7400\".",
            );
            None
        }
    }
}

/// `host:port`.
pub(super) fn host_port(findings: &Findings, node: &Node) -> Option<String> {
    let text = read::text(findings, node)?;
    let good = text.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .map_or_else(
                || is_host(host),
                |v6| v6.parse::<std::net::Ipv6Addr>().is_ok(),
            );
        bare && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if good {
        return Some(text);
    }
    read::bad_value(
        findings,
        node,
        format!("{} is no host and port: `{text}`", read::subject(node)),
        "not host:port",
        "Write it like \"db.eu-west-1.example.com:5432\".",
    );
    None
}

/// A DNS name.
pub(super) fn dns_name(findings: &Findings, node: &Node) -> Option<String> {
    let text = read::text(findings, node)?;
    if is_host(&text) {
        return Some(text);
    }
    read::bad_value(
        findings,
        node,
        format!("{} is no DNS name: `{text}`", read::subject(node)),
        "not a DNS name",
        "Write it without scheme and path, such as \"shop.example.com\".",
    );
    None
}

fn is_host(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*'))
        })
}

/// Lower case, with the trailing dot: how Route 53 compares names.
pub(super) fn absolute(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if lower.ends_with('.') {
        lower
    } else {
        format!("{lower}.")
    }
}

/// A table of texts whose keys are the author's own, except for what failoverd itself fills in.
pub(super) fn vars(
    given: &'static [&'static str],
) -> impl FnOnce(&Findings, &Node) -> Option<BTreeMap<String, String>> {
    move |findings, node| {
        let Kind::Table(fields) = &node.kind else {
            read::wrong_type(findings, node, "a table", "{ key = \"value\" }");
            return None;
        };
        let mut vars = BTreeMap::new();
        for field in fields {
            let plain = field
                .key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !plain || field.key.is_empty() {
                findings.push(
                    findings
                        .error(
                            "bad_value",
                            &field.place,
                            format!("`{}` cannot be the name of a var", field.key),
                        )
                        .label("not a name")
                        .help("Use letters, digits and underscores, such as `fence_url`."),
                );
            } else if given.contains(&field.key.as_str()) {
                findings.push(
                    findings
                        .error(
                            "bad_value",
                            &field.place,
                            format!("the var `{}` is always there and cannot be set", field.key),
                        )
                        .label("filled in by failoverd")
                        .help("Remove it, or call it something else."),
                );
            } else if let Some(text) = read::text(findings, &field.node) {
                vars.insert(field.key.clone(), text);
            }
        }
        Some(vars)
    }
}
