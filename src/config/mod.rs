//! The configuration: raw file and environment in, a valid [`Config`] out, once, at the edge.
//!
//! ```text
//!  failoverd.toml ─┐                                   runbooks/*.toml, built-in ones
//!  FAILOVERD_*  ───┴─▶ layers ─▶ parse (sections, applications) ─▶ checks ◀─ runbook::parse
//!                                                                   │
//!                                       Config + warnings ◀─────────┴─────▶ every error at once
//! ```
//!
//! `types` stands on floor 1 and is what everybody uses; the rest stands on floor 5, and of that
//! only `load` touches the disk.
//!
//! Invariant: raw values never leave this room. A [`Config`] names only Regions, members, probes and
//! runbooks that exist, and every runbook it names fits its application.

mod aws_names;
mod hash;
mod layers;
mod load;
mod parse;
mod types;

use std::path::Path;
use std::sync::Arc;

use crate::runbook::spanned::{Diagnostics, Severity, Source, Style};

pub use load::{LoadError, environment, load, member_ids};
pub use types::*;

/// Runbooks that ship within the program, by name. A file of the same name takes precedence.
pub const BUILT_IN_RUNBOOKS: &[(&str, &str)] = &[
    (
        "active-passive",
        include_str!("../../runbooks/active-passive.toml"),
    ),
    (
        "active-passive-traffic-first",
        include_str!("../../runbooks/active-passive-traffic-first.toml"),
    ),
    (
        "arc-routing-controls",
        include_str!("../../runbooks/arc-routing-controls.toml"),
    ),
    (
        "approve-data-loss",
        include_str!("../../runbooks/approve-data-loss.toml"),
    ),
    (
        "pilot-light",
        include_str!("../../runbooks/pilot-light.toml"),
    ),
    (
        "warm-standby",
        include_str!("../../runbooks/warm-standby.toml"),
    ),
    (
        "planned-switchover",
        include_str!("../../runbooks/planned-switchover.toml"),
    ),
    ("failback", include_str!("../../runbooks/failback.toml")),
    ("steer", include_str!("../../runbooks/steer.toml")),
    ("read-only", include_str!("../../runbooks/read-only.toml")),
    (
        "database-only",
        include_str!("../../runbooks/database-only.toml"),
    ),
    ("detach", include_str!("../../runbooks/detach.toml")),
    (
        "active-active",
        include_str!("../../runbooks/active-active.toml"),
    ),
    (
        "active-active-return",
        include_str!("../../runbooks/active-active-return.toml"),
    ),
];

/// The annotated configuration that ships with failoverd; valid as it stands.
pub fn default_config_text() -> &'static str {
    include_str!("../../failoverd.toml")
}

/// A configuration and what is worth knowing about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub config: Config,
    /// Warnings and notes, never errors.
    pub warnings: Diagnostics,
}

/// Everything that [`load`] does, from texts instead of files: nothing is read or asked for.
/// `base` is the folder that relative paths start from.
pub fn from_sources(
    config: &Arc<Source>,
    environment: &[(String, String)],
    runbooks: &[Arc<Source>],
    base: &Path,
) -> Result<Loaded, Diagnostics> {
    parse::draft(config, environment, base).finish(runbooks)
}

/// What `failoverctl validate` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidateReport {
    /// Every finding: errors if there are any, warnings and notes otherwise.
    pub findings: Diagnostics,
    /// What was understood, a line each; empty if there are errors.
    pub summary: Vec<String>,
}

impl ValidateReport {
    /// Whether a daemon would start with it.
    pub fn passed(&self) -> bool {
        !self.findings.has_errors()
    }

    /// For people.
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        if !self.findings.is_empty() {
            text.push_str(&self.findings.render(style));
        }
        for line in &self.summary {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// Checks the configuration at `path` with its runbooks, offline.
pub fn validate_report(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> ValidateReport {
    match load(path, environment) {
        Err(error) => ValidateReport {
            findings: error.diagnostics(),
            summary: Vec::new(),
        },
        Ok(loaded) => ValidateReport {
            summary: summary(path, &loaded),
            findings: loaded.warnings,
        },
    }
}

fn summary(path: &Path, loaded: &Loaded) -> Vec<String> {
    let config = &loaded.config;
    let mut lines = vec![format!(
        "{}: valid. {} of {} members, {} runbooks, {} warning{}.",
        path.display(),
        config.node.id,
        config.members.len(),
        config.runbooks.len(),
        loaded.warnings.count(Severity::Warning),
        if loaded.warnings.count(Severity::Warning) == 1 {
            ""
        } else {
            "s"
        },
    )];
    for app in &config.applications {
        let regions: Vec<&str> = app.regions.iter().map(|r| r.name.as_str()).collect();
        let runbooks: Vec<String> = app
            .runbooks
            .iter()
            .map(|(kind, name)| format!("{kind} by {name}"))
            .collect();
        lines.push(format!(
            "  {}: {} (home {}); {}",
            app.name,
            regions.join(", "),
            app.home,
            runbooks.join(", ")
        ));
    }
    lines
}
