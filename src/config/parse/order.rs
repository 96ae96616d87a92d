//! `priority` and `depends_on`: the order in which applications leave a Region that is evacuated.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AppId, Precedence};
use crate::runbook::spanned::{Findings, Located, Table, closest, read};

use super::application::AppDraft;

/// What one application says, and where.
#[derive(Debug)]
pub(super) struct OrderDraft {
    pub priority: u32,
    pub depends_on: Vec<Located<String>>,
}

/// Of an `[[application]]`.
pub(super) fn read(table: &Table<'_>) -> OrderDraft {
    let default = Precedence::DEFAULT_PRIORITY;
    OrderDraft {
        priority: table
            .or("priority", default, read::whole(1..=10_000_u32))
            .unwrap_or(default),
        depends_on: table
            .optional("depends_on", read::list(read::located(read::name)))
            .unwrap_or_default(),
    }
}

/// Every name is an application's, and nothing waits for itself.
pub(super) fn check(findings: &Findings, applications: &[AppDraft]) {
    let known: BTreeSet<&str> = applications.iter().map(|a| a.app.name.as_str()).collect();
    for draft in applications {
        for needed in &draft.order.depends_on {
            let what = format!("application `{}` depends on", draft.app.name);
            check_known(findings, needed, &known, &what);
        }
    }
    circles(findings, applications);
}

/// That application is there.
pub(super) fn check_known(
    findings: &Findings,
    name: &Located<String>,
    known: &BTreeSet<&str>,
    what: &str,
) {
    if known.contains(name.value.as_str()) {
        return;
    }
    let all: Vec<&str> = known.iter().copied().collect();
    let help = match closest(&name.value, &all) {
        Some(word) => format!("Did you mean \"{word}\"?"),
        None => format!("The applications are {}.", all.join(", ")),
    };
    findings.push(
        findings
            .error(
                "no_such_application",
                &name.place,
                format!(
                    "{what} `{}`, and there is no application of that name",
                    name.value
                ),
            )
            .label("no such application")
            .help(help),
    );
}

/// What can be peeled off is no part of a circle.
fn circles(findings: &Findings, applications: &[AppDraft]) {
    let mut left: BTreeMap<&str, &AppDraft> = applications
        .iter()
        .map(|draft| (draft.app.name.as_str(), draft))
        .collect();
    loop {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, draft)| {
                let mut needs = draft.order.depends_on.iter();
                !needs.any(|needed| left.contains_key(needed.value.as_str()))
            })
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(name);
        }
    }
    // What merely waits for a circle is no part of it: follow the needs until one comes again.
    let Some(start) = left.keys().next().copied() else {
        return;
    };
    let mut way: Vec<&str> = Vec::new();
    let mut next = start;
    while !way.contains(&next) {
        way.push(next);
        let needs = left.get(next).map_or(&[][..], |d| &d.order.depends_on);
        let Some(needed) = needs.iter().find(|n| left.contains_key(n.value.as_str())) else {
            return;
        };
        next = needed.value.as_str();
    }
    let begin = way.iter().position(|name| *name == next).unwrap_or(0);
    let circle = &way[begin..];
    let mut needs = left[next].order.depends_on.iter();
    let Some(place) = needs.find(|n| circle.contains(&n.value.as_str())) else {
        return;
    };
    let place = &place.place;
    findings.push(
        findings
            .error(
                "dependency_circle",
                place,
                format!("`{}` would have to move before itself", next),
            )
            .label(format!("{} -> {next}", circle.join(" -> ")))
            .help("Remove one of these dependencies, or make them one application."),
    );
}

/// Whatever says anything.
pub(super) fn finish(applications: &[AppDraft]) -> BTreeMap<AppId, Precedence> {
    applications
        .iter()
        .map(|draft| {
            let needs = draft.order.depends_on.iter();
            let precedence = Precedence {
                priority: draft.order.priority,
                depends_on: needs.map(|n| AppId(n.value.clone())).collect(),
            };
            (draft.app.name.clone(), precedence)
        })
        .collect()
}
