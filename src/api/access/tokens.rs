//! The file of hashed tokens.
//!
//! ```toml
//! [[token]]
//! name = "ada"
//! role = "operator"
//! applications = ["shop"]
//! sha256 = "…"
//! expires = "2027-06-30T00:00:00Z"
//! ```
//!
//! Invariant: how long a comparison takes tells nothing about the tokens: every hash is compared, whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::caller::Scope;
use super::token::{Hash, PREFIX, hash};
use crate::api::wire::AccessRole;
use crate::model::{AppId, Wall};
use crate::runbook::spanned::{
    Diagnostics, Document, Findings, Kind, Node, Place, Source, Table, read,
};

/// More than any team has, and far from what a scan of it could take.
const MOST: usize = 10_000;

/// One of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: String,
    pub role: AccessRole,
    pub scope: Scope,
    pub expires: Option<Wall>,
    hash: Hash,
}

/// All of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    entries: Vec<Entry>,
}

impl Tokens {
    /// Reads the file's text. Everything that is wrong with it is told at once.
    pub fn parse(name: &str, text: &str) -> Result<Self, Diagnostics> {
        let source: Arc<Source> = Source::new(name, text);
        let document = Document::parse(&source, "tokens");
        let findings = Findings::new("tokens");
        let mut entries = Vec::new();
        Table::walk(&findings, &document.root, "the file of tokens", |table| {
            entries = table
                .or("token", Vec::new(), read::list(entry))
                .unwrap_or_default();
            Some(())
        });
        unique(&findings, &entries);
        if !document.syntax.is_empty() || findings.has_errors() {
            return Err(findings.into_diagnostics(document.syntax));
        }
        let entries = entries.into_iter().map(|(entry, _)| entry).collect();
        Ok(Self { entries })
    }

    /// Whose it is, whether expired or not.
    pub fn find(&self, token: &str) -> Option<&Entry> {
        let presented = hash(token);
        let mut found = u32::MAX;
        for (place, entry) in (0_u32..).zip(&self.entries) {
            let same: Choice = entry.hash.ct_eq(&presented);
            found.conditional_assign(&place, same);
        }
        self.entries.get(usize::try_from(found).ok()?)
    }

    /// Applications that tokens are for and that nobody knows here.
    pub fn unknown_applications(&self, known: &BTreeSet<AppId>) -> BTreeSet<AppId> {
        let scopes = self.entries.iter().filter_map(|entry| match &entry.scope {
            Scope::Everything => None,
            Scope::Only(apps) => Some(apps),
        });
        scopes
            .flatten()
            .filter(|app| !known.contains(*app))
            .cloned()
            .collect()
    }

    /// How many of each role are good at that moment.
    pub fn by_role(&self, now: Wall) -> BTreeMap<AccessRole, u64> {
        let mut roles: BTreeMap<_, u64> = ROLES.iter().map(|(_, role)| (*role, 0)).collect();
        for entry in &self.entries {
            if entry.expires.is_none_or(|expires| expires > now) {
                *roles.entry(entry.role).or_default() += 1;
            }
        }
        roles
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The words of the roles.
const ROLES: &[(&str, AccessRole)] = &[
    ("viewer", AccessRole::Viewer),
    ("operator", AccessRole::Operator),
    ("admin", AccessRole::Admin),
];

fn entry(findings: &Findings, node: &Node) -> Option<(Entry, Place)> {
    Table::walk(findings, node, "a token", |table| {
        let name = table.required("name", "name = \"ada\"", caller_name);
        if let Some(name) = &name {
            table.rename(format!("token `{name}`"));
        }
        let role = table.required("role", "role = \"operator\"", read::one_of(ROLES));
        let apps = table.optional("applications", read::list(read::name));
        if let Some(raw) = table.get("token") {
            raw_token(findings, raw);
        }
        let hash = table.required(
            "sha256",
            "sha256 = \"…\" (failoverctl token new prints it)",
            sha256,
        );
        let expires = table.or("expires", None, |f, n| moment(f, n).map(Some));
        let entry = Entry {
            name: name?,
            role: role?,
            scope: match (apps, table.get("applications")) {
                (Some(apps), _) => Scope::Only(apps.into_iter().map(AppId).collect()),
                (None, None) => Scope::Everything,
                (None, Some(_)) => return None,
            },
            expires: expires?,
            hash: hash?,
        };
        Some((entry, table.place().clone()))
    })
}

/// A name that stands in the audit: one line, and none that means somebody else there.
pub(crate) fn caller_name(findings: &Findings, node: &Node) -> Option<String> {
    let name = read::text(findings, node)?;
    let plain = name.chars().count() <= 64 && !name.chars().any(char::is_control);
    if plain && name != "quorum" {
        return Some(name);
    }
    read::bad_value(
        findings,
        node,
        format!("`name` cannot be {name:?}"),
        "not a caller's name",
        "Up to 64 characters in one line; `quorum` is what runs that nobody asked for are marked with.",
    );
    None
}

fn raw_token(findings: &Findings, node: &Node) {
    // Without its line: that would put the token into the log as well.
    let place = Place::File(node.place.to_string());
    findings.push(
        findings
            .error("raw_token", &place, "a token stands here in the clear")
            .help(
                "Take it as known to others: make another with failoverctl token new, and keep only \
                 its sha256 here.",
            ),
    );
}

fn sha256(findings: &Findings, node: &Node) -> Option<Hash> {
    let text = read::text(findings, node)?;
    if text.starts_with(PREFIX) {
        raw_token(findings, node);
        return None;
    }
    let mut hash = Hash::default();
    if hex::decode_to_slice(&text, &mut hash).is_ok() {
        return Some(hash);
    }
    read::bad_value(
        findings,
        node,
        "`sha256` is no hash".to_owned(),
        "64 hexadecimal digits belong here",
        "Use the block that failoverctl token new prints, or: printf %s \"$TOKEN\" | sha256sum",
    );
    None
}

fn moment(findings: &Findings, node: &Node) -> Option<Wall> {
    let text = match &node.kind {
        Kind::Date => None,
        Kind::Text(_)
        | Kind::Given(_)
        | Kind::Whole(_)
        | Kind::Float
        | Kind::Flag(_)
        | Kind::List(_)
        | Kind::Table(_) => Some(read::text(findings, node)?),
    };
    let parsed = text.and_then(|text| crate::api::view::parse_moment(&text));
    if parsed.is_none() {
        read::bad_value(
            findings,
            node,
            "`expires` is no moment".to_owned(),
            "not a moment",
            "Write it in quotes, in UTC: expires = \"2027-06-30T00:00:00Z\".",
        );
    }
    parsed
}

/// Two tokens of one name could not be told apart in the audit; one hash of two names is one token.
fn unique(findings: &Findings, entries: &[(Entry, Place)]) {
    let mut names = BTreeMap::new();
    let mut hashes = BTreeMap::new();
    for (entry, place) in entries {
        if let Some(first) = names.insert(entry.name.as_str(), place) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        place,
                        format!("two tokens are called `{}`", entry.name),
                    )
                    .label("called so again")
                    .help(format!(
                        "Rename one of them; the first is at {first}. For a change of tokens let the \
                         old one expire under a name of its own."
                    )),
            );
        }
        if let Some(first) = hashes.insert(entry.hash, entry.name.as_str()) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        place,
                        format!("`{first}` and `{}` have the same token", entry.name),
                    )
                    .label("the same hash")
                    .help("Give each person or program a token of its own: failoverctl token new."),
            );
        }
    }
    if entries.len() > MOST
        && let Some((_, place)) = entries.last()
    {
        findings.push(
            findings
                .error(
                    "too_many",
                    place,
                    format!("there are more than {MOST} tokens"),
                )
                .help("Remove those that have expired."),
        );
    }
}
