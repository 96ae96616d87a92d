//! Who may ask over the API: `[auth]`, `[api_tls]` and `[node] api`, which only together make sense.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::types::{ApiTls, Auth, AuthCertificate, AuthRole};
use crate::model::AppId;
use crate::runbook::spanned::{Findings, Located, Node, Place, Table, read};

use super::application::AppDraft;
use super::sections::Sections;
use super::values;

/// What was read, before it is looked at together.
#[derive(Debug, Default)]
pub(super) struct AccessDraft {
    pub auth: Option<Auth>,
    pub auth_place: Option<Place>,
    certificates: Vec<(Located<String>, Vec<Located<String>>)>,
    insecure: Option<Place>,
    pub api_tls: Option<Located<ApiTls>>,
}

const ROLES: &[(&str, AuthRole)] = &[
    ("viewer", AuthRole::Viewer),
    ("operator", AuthRole::Operator),
    ("admin", AuthRole::Admin),
];

/// What `[auth]` says of callers.
pub(super) fn auth(table: &Table<'_>, base: &Path, draft: &mut AccessDraft) {
    let keys = ["tokens_file", "certificate", "metrics", "insecure"];
    // What else stands in the section asks nobody who they are.
    if !keys.map(|key| table.get(key).is_some()).contains(&true) {
        return;
    }
    draft.auth_place = Some(table.place().clone());
    let tokens_file = table.optional("tokens_file", values::path(base));
    let metrics = table.or("metrics", false, read::flag).unwrap_or(false);
    let insecure = table.located("insecure", read::flag);
    draft.insecure = insecure
        .as_ref()
        .filter(|i| i.value)
        .map(|i| i.place.clone());
    let rows = table
        .or("certificate", Vec::new(), read::list(certificate))
        .unwrap_or_default();
    let mut certificates = Vec::new();
    for (name, apps, certificate) in rows {
        draft.certificates.push((name, apps));
        certificates.push(certificate);
    }
    draft.auth = Some(Auth {
        tokens_file,
        certificates,
        metrics,
        insecure: draft.insecure.is_some(),
    });
}

type Row = (Located<String>, Vec<Located<String>>, AuthCertificate);

fn certificate(findings: &Findings, node: &Node) -> Option<Row> {
    Table::walk(findings, node, "a certificate", |table| {
        let name = table.required(
            "name",
            "name = \"ada.example.com\", a DNS name or the common name in it",
            read::located(read::text),
        );
        let role = table.required("role", "role = \"operator\"", read::one_of(ROLES));
        let asked = table.get("applications").is_some();
        let apps = table.optional("applications", read::list(read::located(read::name)));
        let (name, role) = (name?, role?);
        if asked && apps.is_none() {
            return None;
        }
        let certificate = AuthCertificate {
            name: name.value.clone(),
            role,
            applications: apps
                .as_ref()
                .map(|apps| apps.iter().map(|app| AppId(app.value.clone())).collect()),
        };
        Some((name, apps.unwrap_or_default(), certificate))
    })
}

/// `[api_tls]`, where it is written.
pub(super) fn api_tls(table: &Table<'_>, base: &Path) -> Option<Located<ApiTls>> {
    let cert_file = table.required(
        "cert_file",
        "cert_file = \"tls/api.pem\"",
        values::path(base),
    );
    let key_file = table.required("key_file", "key_file = \"tls/api.key\"", values::path(base));
    let client_ca_file = table.or("client_ca_file", None, |f, n| {
        values::path(base)(f, n).map(Some)
    });
    Some(Located {
        value: ApiTls {
            cert_file: cert_file?,
            key_file: key_file?,
            client_ca_file: client_ca_file?,
        },
        place: table.place().clone(),
    })
}

/// All of it together.
pub(super) fn check(findings: &Findings, sections: &Sections, applications: &[AppDraft]) {
    let draft = &sections.access;
    nobody_may(findings, draft);
    certificates(findings, draft, applications);
    shown(findings, draft);
    beyond_this_host(findings, sections);
}

/// Certificates that nobody can show, and such as nobody knows.
fn shown(findings: &Findings, draft: &AccessDraft) {
    let asked = draft
        .api_tls
        .as_ref()
        .filter(|tls| tls.value.client_ca_file.is_some());
    match (asked, draft.certificates.first()) {
        (None, Some((first, _))) => findings.push(
            findings
                .error(
                    "callers_certificates",
                    &first.place,
                    "certificates of callers are named, and none is asked for",
                )
                .label("never shown")
                .help(
                    "Add client_ca_file, the authority that signs them, to [api_tls]; or use tokens: \
                     tokens_file under [auth].",
                ),
        ),
        (Some(tls), None) => findings.push(
            findings
                .warning(
                    "callers_certificates",
                    &tls.place,
                    "callers may show certificates, and none is known",
                )
                .label("client_ca_file is given")
                .help(
                    "Add [[auth.certificate]] with its name and role, or remove client_ca_file.",
                ),
        ),
        (None, None) | (Some(_), Some(_)) => {}
    }
}

/// `[auth]` that lets nobody in.
fn nobody_may(findings: &Findings, draft: &AccessDraft) {
    let (Some(auth), Some(place)) = (&draft.auth, &draft.auth_place) else {
        return;
    };
    if auth.tokens_file.is_none() && auth.certificates.is_empty() {
        findings.push(
            findings
                .error("auth_lets_nobody_in", place, "[auth] lets nobody in")
                .label("neither tokens nor certificates")
                .help("Add tokens_file = \"tokens.toml\"; docs/api.md says what belongs in it."),
        );
    }
}

fn certificates(findings: &Findings, draft: &AccessDraft, applications: &[AppDraft]) {
    let known: BTreeSet<&str> = applications.iter().map(|a| a.app.name.as_str()).collect();
    let mut names = BTreeMap::new();
    for (name, apps) in &draft.certificates {
        if let Some(first) = names.insert(name.value.as_str(), &name.place) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &name.place,
                        format!("two certificates are called `{}`", name.value),
                    )
                    .label("called so again")
                    .help(format!("Remove one of them; the first is at {first}.")),
            );
        }
        for app in apps
            .iter()
            .filter(|app| !known.contains(app.value.as_str()))
        {
            findings.push(
                findings
                    .error(
                        "no_such_application",
                        &app.place,
                        format!("no application is called `{}`", app.value),
                    )
                    .label("unknown application")
                    .help(format!(
                        "The applications are {}.",
                        known.iter().copied().collect::<Vec<_>>().join(", ")
                    )),
            );
        }
    }
}

/// Beyond loopback everybody must show who they are, and nobody may read it on the way.
fn beyond_this_host(findings: &Findings, sections: &Sections) {
    let draft = &sections.access;
    let Some(api) = &sections.api else {
        return;
    };
    if api.value.ip().is_loopback() {
        return;
    }
    if draft.auth.is_none() {
        findings.push(
            findings
                .error(
                    "api_without_auth",
                    &api.place,
                    format!("the API on {} lets everybody in who reaches it", api.value),
                )
                .label("not a loopback address")
                .help(
                    "Set `api` under [node] to a loopback address; or add [auth] with a tokens_file, \
                     and [api_tls] with cert_file and key_file.",
                ),
        );
        return;
    }
    if draft.api_tls.is_some() {
        return;
    }
    match &draft.insecure {
        None => findings.push(
            findings
                .error(
                    "api_in_plain_text",
                    &api.place,
                    format!("tokens for the API on {} travel in plain text", api.value),
                )
                .label("not a loopback address")
                .help(
                    "Add [api_tls] with cert_file and key_file. Where a mesh or a proxy encrypts, set \
                     insecure = true under [auth].",
                ),
        ),
        Some(place) => findings.push(
            findings
                .warning(
                    "api_in_plain_text",
                    place,
                    format!("tokens for the API on {} travel in plain text", api.value),
                )
                .label("on your word")
                .help("Whoever can listen on the way can start a failover."),
        ),
    }
}
