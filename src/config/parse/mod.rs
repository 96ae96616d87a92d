//! From the layered tree to a [`Config`]: sections, then applications, then everything at once.

mod access;
mod application;
mod auth;
mod checks;
mod notify;
mod order;
mod peering;
mod probe;
mod readiness;
mod routing;
mod sections;
mod shares;
mod steer;
mod values;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{Application, Member, MemberId, RunKind};
use crate::runbook::ParsedRunbook;
use crate::runbook::spanned::{
    Diagnostic, Diagnostics, Document, Findings, Located, Place, Source, Table, read,
};

use super::types::Config;
use super::{Loaded, hash, layers};
use application::AppDraft;
use sections::Sections;

/// A configuration that was read but has not met its runbooks yet.
#[derive(Debug)]
pub struct Draft {
    findings: Findings,
    syntax: Vec<Diagnostic>,
    sections: Option<Sections>,
    applications: Vec<AppDraft>,
    base: PathBuf,
}

/// Reads the file and the environment. `base` is the folder that relative paths start from: the
/// file's own.
pub fn draft(source: &Arc<Source>, environment: &[(String, String)], base: &Path) -> Draft {
    let document = Document::parse(source, "config");
    let findings = Findings::new("config");
    let root = layers::overlay(&findings, &document, environment);
    let mut sections = None;
    let mut applications = Vec::new();
    if let Some(root) = &root {
        Table::walk(&findings, root, "the configuration", |table| {
            let read_sections = sections::read(table, base);
            let context = application::Context {
                detection: &read_sections.detection,
                guards: &read_sections.guards,
                aws: &read_sections.aws,
                extra_regions: &read_sections.extra_regions,
                base,
            };
            applications = table
                .or("application", Vec::new(), |f, n| {
                    read::list(|f, n| application::read(f, n, &context))(f, n)
                })
                .unwrap_or_default();
            if table.get("application").is_none() {
                findings.push(
                    findings
                        .warning(
                            "no_application",
                            table.place(),
                            "no application is configured: nothing is watched",
                        )
                        .help("Add an [[application]] with its Regions."),
                );
            }
            sections = Some(read_sections);
            Some(())
        });
    }
    Draft {
        findings,
        syntax: document.syntax,
        sections,
        applications,
        base: base.to_owned(),
    }
}

impl Draft {
    /// The folder of runbooks, and whether the file asked for it: one that was asked for must exist.
    pub fn runbook_dir(&self) -> (PathBuf, Option<Place>) {
        match self.sections.as_ref().and_then(|s| s.runbook_dir.as_ref()) {
            Some(dir) => (dir.value.clone(), Some(dir.place.clone())),
            None => (self.base.join("runbooks"), None),
        }
    }

    /// Every member that could be read.
    pub fn member_ids(&self) -> Vec<MemberId> {
        self.sections
            .iter()
            .flat_map(|sections| &sections.members)
            .map(|member| member.value.id.clone())
            .collect()
    }

    /// Records what went wrong while the runbooks were fetched.
    pub fn record(&self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    /// Joins the configuration with its runbooks and checks both together.
    pub fn finish(self, runbooks: &[Arc<Source>]) -> Result<Loaded, Diagnostics> {
        let runbooks = read_runbooks(&self.findings, runbooks);
        if let Some(sections) = &self.sections {
            checks::check(&self.findings, sections, &self.applications);
            notify::check(&self.findings, sections, &self.applications);
            access::check(&self.findings, sections, &self.applications);
            steer::check_address(&self.findings, sections);
        }
        let peering = self
            .sections
            .as_ref()
            .and_then(|sections| peering::finish(&self.findings, sections));
        for draft in &self.applications {
            check_runbooks(&self.findings, self.sections.as_ref(), draft, &runbooks);
        }
        let failed = !self.syntax.is_empty() || self.findings.has_errors();
        let node = self
            .sections
            .as_ref()
            .and_then(|sections| sections.node.clone());
        let (Some(sections), Some(node), false) = (self.sections, node, failed) else {
            return Err(self.findings.into_diagnostics(self.syntax));
        };
        let order = order::finish(&self.applications);
        let members: Vec<Member> = sections.members.into_iter().map(|m| m.value).collect();
        let runbook = |name: &str| runbooks.get(name).map(|parsed| &parsed.runbook);
        let applications: Vec<Application> = self
            .applications
            .into_iter()
            .map(|draft| hash::stamp(draft.app, &members, runbook, &sections.auth))
            .collect();
        Ok(Loaded {
            config: Config {
                node: node.value,
                members,
                references: sections.references.into_iter().map(|r| r.probe).collect(),
                applications,
                order,
                windows: sections.windows.into_iter().map(|w| w.window).collect(),
                nag_after: sections.nag_after,
                runbooks: runbooks
                    .into_iter()
                    .map(|(name, parsed)| (name, parsed.runbook))
                    .collect(),
                cluster: sections.cluster,
                readiness: sections.readiness,
                peering,
                notifications: sections.sinks.into_iter().map(|sink| sink.sink).collect(),
                heartbeat: sections.heartbeat,
                auth: sections.auth,
                tracing: sections.tracing,
                callers: sections.access.auth,
                api_tls: sections.access.api_tls.map(|tls| tls.value),
            },
            warnings: self.findings.into_diagnostics(Vec::new()),
        })
    }
}

/// Reads every runbook; the built-in ones stand aside for a file with their name.
fn read_runbooks(findings: &Findings, files: &[Arc<Source>]) -> BTreeMap<String, ParsedRunbook> {
    let mut runbooks: BTreeMap<String, ParsedRunbook> = BTreeMap::new();
    for source in files {
        match crate::runbook::parse(source) {
            Err(mistakes) => findings.extend(mistakes.into_vec()),
            Ok(parsed) => {
                let name = parsed.runbook.name.clone();
                if let Some(first) = runbooks.get(&name) {
                    findings.push(
                        Diagnostic::error(
                            "runbook::duplicate",
                            parsed.name_place.clone(),
                            format!("two runbooks are called `{name}`"),
                        )
                        .label("called so again")
                        .help(format!(
                            "Rename one of them; the first is at {}.",
                            first.name_place
                        )),
                    );
                } else {
                    runbooks.insert(name, parsed);
                }
            }
        }
    }
    for &(name, text) in super::BUILT_IN_RUNBOOKS {
        if runbooks.contains_key(name) {
            continue;
        }
        match crate::runbook::parse(&Source::new(format!("built-in runbook {name}"), text)) {
            Ok(parsed) => {
                runbooks.insert(name.to_owned(), parsed);
            }
            Err(mistakes) => findings.extend(mistakes.into_vec()),
        }
    }
    runbooks
}

fn check_runbooks(
    findings: &Findings,
    sections: Option<&Sections>,
    draft: &AppDraft,
    runbooks: &BTreeMap<String, ParsedRunbook>,
) {
    let mut used: BTreeMap<&str, BTreeSet<RunKind>> = BTreeMap::new();
    for (kind, name) in &draft.app.runbooks {
        let place = draft.runbook_places.get(kind).unwrap_or(&draft.place);
        let known: Vec<&str> = runbooks.keys().map(String::as_str).collect();
        let Some(parsed) = runbooks.get(name) else {
            // A runbook with mistakes is known by them, not by its name.
            let help = match crate::runbook::spanned::closest(name, &known) {
                Some(word) => format!("Did you mean \"{word}\"?"),
                None => format!("The runbooks are {}.", known.join(", ")),
            };
            findings.push(
                findings
                    .error(
                        "no_such_runbook",
                        place,
                        format!(
                            "application `{}` uses the runbook \"{name}\" for a {kind}, and there \
                             is none of that name (or it has mistakes of its own)",
                            draft.app.name
                        ),
                    )
                    .label("no such runbook")
                    .help(help),
            );
            continue;
        };
        if !parsed.runbook.kinds.contains(kind) {
            findings.push(
                findings
                    .error(
                        "runbook_not_for",
                        place,
                        format!("the runbook \"{name}\" is not for a {kind}"),
                    )
                    .label(format!("not for a {kind}"))
                    .help(format!(
                        "Choose another one, or add \"{kind}\" to its `for` at {}.",
                        parsed.name_place
                    )),
            );
            continue;
        }
        used.entry(name).or_default().insert(*kind);
        checks::moves_users(findings, draft, *kind, &parsed.runbook, place);
        if kind.is_automatic() {
            checks::objective(findings, draft, &parsed.runbook, place);
        }
    }
    for (name, kinds) in used {
        if let Some(parsed) = runbooks.get(name) {
            let fit = Findings::new("runbook");
            parsed.fit(&fit, &draft.app, &kinds);
            findings.extend(fit.into_diagnostics(Vec::new()).into_vec());
            if let Some(sections) = sections {
                steer::check_runbook(findings, sections, draft, parsed, &kinds);
            }
        }
    }
}

/// Every kind of run with its runbook, and where the file says so.
type RunbookChoice = (BTreeMap<RunKind, String>, BTreeMap<RunKind, Place>);

fn runbook_choice(table: &Table<'_>) -> RunbookChoice {
    let mut names: BTreeMap<RunKind, String> = BTreeMap::new();
    let mut places = BTreeMap::new();
    for (kind, key) in [
        (RunKind::Failover, "failover"),
        (RunKind::Switchover, "switchover"),
        (RunKind::Failback, "failback"),
        (RunKind::Shift, "shift"),
        (RunKind::Return, "return"),
    ] {
        let chosen: Option<Located<String>> = table.located(key, read::text);
        // What is not named depends on whether several Regions serve side by side: see `shares`.
        if let Some(chosen) = chosen {
            names.insert(kind, chosen.value);
            places.insert(kind, chosen.place);
        }
    }
    (names, places)
}
