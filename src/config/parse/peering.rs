//! How the members reach each other: `[tls]`, `[node] peer`, `[cluster] name` and every member's
//! `address`, which only together make sense.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use rustls::pki_types::DnsName;

use crate::config::types::{PeerSecurity, Peering};
use crate::model::{MemberId, Millis};
use crate::runbook::spanned::{Findings, Located, Place, Table, read};

use super::sections::Sections;
use super::values;

/// What a cluster is called that is not given a name.
pub(super) const DEFAULT_CLUSTER: &str = "failoverd";

/// Beside the API's.
const PORT: u16 = 7401;

/// The longest way between two Regions and back that is usual: Cape Town and Sydney are further
/// apart, Europe and Asia are as far.
const ROUND_TRIP: Millis = Millis(250);

/// What was read, before it is looked at together.
#[derive(Debug, Default)]
pub(super) struct PeeringDraft {
    pub name: Option<String>,
    pub listen: Option<Located<SocketAddr>>,
    pub addresses: Vec<(MemberId, Given<String>)>,
    pub security: Given<PeerSecurity>,
    /// Of `heartbeat`, where it is written.
    pub heartbeat_place: Option<Place>,
}

/// What the file gives, so that a mistake is not told of as a lack besides.
#[derive(Debug, Default)]
pub(super) enum Given<T> {
    #[default]
    Absent,
    Mistaken,
    Good(Located<T>),
}

impl<T> Given<T> {
    fn good(&self) -> Option<&Located<T>> {
        match self {
            Self::Good(located) => Some(located),
            Self::Absent | Self::Mistaken => None,
        }
    }
}

/// A member's `address`.
pub(super) fn address(table: &Table<'_>) -> Given<String> {
    match (
        table.get("address"),
        table.located("address", values::host_port),
    ) {
        (None, _) => Given::Absent,
        (Some(_), None) => Given::Mistaken,
        (Some(_), Some(address)) => Given::Good(address),
    }
}

/// `[tls]`: three files, or `insecure = true`.
pub(super) fn security(table: &Table<'_>, base: &Path) -> Given<PeerSecurity> {
    let insecure = table.located("insecure", read::flag);
    let keys = ["ca_file", "cert_file", "key_file"];
    // All of them are asked for before one is missed: `key_file` is no misspelled `cert_file`.
    let written = keys.map(|key| table.get(key).is_some()).contains(&true);
    if let Some(insecure) = insecure
        && insecure.value
    {
        if written {
            let findings = table.findings();
            findings.push(
                findings
                    .error(
                        "insecure_with_files",
                        &insecure.place,
                        "[tls] has files and is `insecure` at the same time",
                    )
                    .label("one of the two")
                    .help("Remove `insecure`, or the files."),
            );
            return Given::Mistaken;
        }
        return Given::Good(Located {
            value: PeerSecurity::InsecureLoopback,
            place: insecure.place,
        });
    }
    if !written {
        return Given::Absent;
    }
    let file =
        |key: &'static str, example: &'static str| table.required(key, example, values::path(base));
    let [ca_file, cert_file, key_file] = [
        file("ca_file", "ca_file = \"tls/ca.pem\""),
        file("cert_file", "cert_file = \"tls/eu-west-1.pem\""),
        file("key_file", "key_file = \"tls/eu-west-1.key\""),
    ];
    let (Some(ca_file), Some(cert_file), Some(key_file)) = (ca_file, cert_file, key_file) else {
        return Given::Mistaken;
    };
    Given::Good(Located {
        value: PeerSecurity::MutualTls {
            ca_file,
            cert_file,
            key_file,
        },
        place: table.place().clone(),
    })
}

/// All of it together. `None` where there is nothing to reach, or where it is not good.
pub(super) fn finish(findings: &Findings, sections: &Sections) -> Option<Peering> {
    let draft = &sections.peering;
    let several = sections.members.len() > 1;
    if several {
        complete(findings, sections);
    }
    same_address(findings, draft);
    heartbeat(findings, sections);
    let security = draft.security.good()?;
    let listen = draft.listen.as_ref().map_or_else(
        || {
            let host = match security.value {
                PeerSecurity::MutualTls { .. } => Ipv4Addr::UNSPECIFIED,
                PeerSecurity::InsecureLoopback => Ipv4Addr::LOCALHOST,
            };
            SocketAddr::from((host, PORT))
        },
        |listen| listen.value,
    );
    match &security.value {
        PeerSecurity::MutualTls { .. } => certifiable(findings, sections),
        PeerSecurity::InsecureLoopback => this_host_only(findings, draft, security),
    }
    let addresses: BTreeMap<MemberId, String> = draft
        .addresses
        .iter()
        .filter_map(|(id, address)| Some((id.clone(), address.good()?.value.clone())))
        .collect();
    Some(Peering {
        cluster: draft.name.clone()?,
        listen,
        addresses,
        security: security.value.clone(),
    })
}

/// What several members need and one alone does not.
fn complete(findings: &Findings, sections: &Sections) {
    let draft = &sections.peering;
    let without: Vec<&str> = draft
        .addresses
        .iter()
        .filter(|(_, address)| matches!(address, Given::Absent))
        .map(|(id, _)| id.as_str())
        .collect();
    if let Some(first) = without.first() {
        let place = sections
            .members
            .iter()
            .find(|m| m.value.id.as_str() == *first)
            .map_or(&sections.members_place, |m| &m.place);
        findings.push(
            findings
                .error(
                    "no_address",
                    place,
                    format!(
                        "{} members, and {} {} no `address`: the others cannot reach {}",
                        sections.members.len(),
                        without.join(", "),
                        if without.len() == 1 { "has" } else { "have" },
                        if without.len() == 1 { "it" } else { "them" },
                    ),
                )
                .label("no address")
                .help(format!(
                    "Add where it listens for the other members to its [[member]]: \
                     address = \"{first}.failoverd.example.com:{PORT}\"."
                )),
        );
    }
    if matches!(draft.security, Given::Absent) {
        findings.push(
            findings
                .error(
                    "no_tls",
                    &sections.members_place,
                    format!(
                        "{} members, and nothing protects what they say to each other",
                        sections.members.len()
                    ),
                )
                .label("they talk over the network")
                .help(
                    "Add [tls] with ca_file, cert_file and key_file: a certificate of your own \
                     authority with this member's id as a DNS name. For a trial, `failoverctl \
                     dev-certs` makes a set; on one host alone, [tls] insecure = true will do.",
                ),
        );
    }
}

fn same_address(findings: &Findings, draft: &PeeringDraft) {
    let mut seen = BTreeMap::new();
    for (id, address) in &draft.addresses {
        let Some(address) = address.good() else {
            continue;
        };
        if let Some(first) = seen.insert(address.value.as_str(), id) {
            findings.push(
                findings
                    .error(
                        "same_address",
                        &address.place,
                        format!("`{first}` and `{id}` have the same address"),
                    )
                    .label("one of them can never be reached")
                    .help("Give each member the address where it listens itself."),
            );
        }
    }
}

/// Whether a heartbeat outlasts the way between two Regions and back: a linearizable read waits no
/// longer for the others.
fn heartbeat(findings: &Findings, sections: &Sections) {
    let draft = &sections.peering;
    let heartbeat = sections.cluster.heartbeat;
    let regions: BTreeSet<_> = sections.members.iter().map(|m| &m.value.region).collect();
    let addresses = draft.addresses.iter();
    let far = addresses
        .filter_map(|(_, address)| address.good())
        .any(|address| !PeerSecurity::is_this_host(&address.value));
    let Some(place) = &draft.heartbeat_place else {
        return;
    };
    if heartbeat > ROUND_TRIP || regions.len() < 2 || !far {
        return;
    }
    findings.push(
        findings
            .warning(
                "short_heartbeat",
                place,
                format!(
                    "`heartbeat` is {heartbeat}, and the way between two Regions and back may take \
                     {ROUND_TRIP}"
                ),
            )
            .label("must exceed the worst round trip between two members")
            .help(
                "Raise it (the default is 500ms), or make sure: failoverctl member list warns when \
                 a round trip was longer. Where it is, proofs of leadership fail and nothing is \
                 written.",
            ),
    );
}

/// A member's id stands in its certificate as a DNS name.
fn certifiable(findings: &Findings, sections: &Sections) {
    for member in &sections.members {
        let id = member.value.id.as_str();
        if DnsName::try_from(id).is_err() {
            findings.push(
                findings
                    .error(
                        "id_not_a_dns_name",
                        &member.place,
                        format!("`{id}` cannot stand in a certificate as a DNS name"),
                    )
                    .label("not a DNS name")
                    .help("Use letters, digits and dashes, such as \"eu-west-1\"."),
            );
        }
    }
}

fn this_host_only(findings: &Findings, draft: &PeeringDraft, security: &Located<PeerSecurity>) {
    let mut elsewhere = Vec::new();
    if let Some(listen) = &draft.listen {
        elsewhere.push((listen.value.to_string(), &listen.place));
    }
    for (_, address) in &draft.addresses {
        if let Some(address) = address.good() {
            elsewhere.push((address.value.clone(), &address.place));
        }
    }
    elsewhere.retain(|(address, _)| !PeerSecurity::is_this_host(address));
    for (address, place) in &elsewhere {
        findings.push(
            findings
                .error(
                    "insecure_beyond_loopback",
                    place,
                    format!("[tls] is `insecure`, and {address} is not this host alone"),
                )
                .label("not a loopback address")
                .help(format!(
                    "Whoever reaches an open port could vote for a failover. Give [tls] ca_file, \
                     cert_file and key_file instead of `insecure` (at {}), or use addresses such as \
                     127.0.0.1:{PORT}.",
                    security.place
                )),
        );
    }
    if elsewhere.is_empty() {
        findings.push(
            findings
                .warning(
                    "insecure",
                    &security.place,
                    "members talk to each other in plain text",
                )
                .label("for trials on one host")
                .help("Whoever can log in to this host can speak as any member."),
        );
    }
}
