//! From authored TOML to a [`Runbook`] that holds together.
//!
//! ```text
//!  text ─▶ spanned tree ─▶ step drafts ─▶ graph ─▶ lints ─▶ Runbook
//!                                                             └─ fit(application)
//! ```
//!
//! Invariant: of a [`Runbook`] from here every `needs` and `else` names a step, no step waits for
//! itself over any way, and traffic follows its data unless the runbook says in words why not.

mod action;
mod fit;
mod graph;
mod lint;
mod step;
pub mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{
    Millis, Objective, OnFailure, RunIf, RunKind, Runbook, RunbookStep, StepId, Template,
};

use super::spanned::{Diagnostics, Document, Findings, Located, Node, Place, Source, Table, read};
use step::StepDraft;

/// The only version of the format so far.
const SCHEMA: u32 = 1;

/// The most steps of one runbook. Far more than anyone reads at night, far less than what would
/// make planning slow.
const MOST_STEPS: usize = 1_000;

/// A runbook with the places its parts came from, so that later checks can still point at them.
#[derive(Clone, Debug)]
pub struct ParsedRunbook {
    pub runbook: Runbook,
    /// Where its name stands.
    pub name_place: Place,
    places: BTreeMap<StepId, StepPlaces>,
}

/// Where the parts of a step stand.
#[derive(Clone, Debug)]
struct StepPlaces {
    uses: Place,
    templates: Vec<Located<Template>>,
}

/// Reads one runbook. `name` is what the text is called in messages, usually its path.
pub fn parse_runbook(name: &str, source: &str) -> Result<Runbook, Diagnostics> {
    parse(&Source::new(name, source)).map(|parsed| parsed.runbook)
}

/// The same, keeping the places.
pub fn parse(source: &Arc<Source>) -> Result<ParsedRunbook, Diagnostics> {
    let document = Document::parse(source, "runbook");
    let findings = Findings::new("runbook");
    let parsed = Table::walk(&findings, &document.root, "the runbook", |table| {
        runbook(table, &document.root.place)
    });
    match parsed {
        Some(parsed) if document.syntax.is_empty() && !findings.has_errors() => Ok(parsed),
        Some(_) | None => Err(findings.into_diagnostics(document.syntax)),
    }
}

fn runbook(table: &Table<'_>, whole: &Place) -> Option<ParsedRunbook> {
    let findings = table.findings();
    let schema = table.required("schema", "schema = 1", schema);
    let name = match table.get("name") {
        Some(node) => read::located(read::name)(findings, node),
        None => {
            table.missing("name", "name = \"active-passive\"");
            None
        }
    };
    let description = table.required(
        "description",
        "description = \"What it does, in a sentence.\"",
        read::text,
    );
    let kinds = table.required("for", "for = [\"failover\", \"switchover\"]", run_kinds);
    let objective = table.required(
        "objective",
        "objective = { rto = \"5m\", rpo = \"10s\" }",
        objective,
    );
    let traffic_before_data = table.or("traffic_before_data", None, |f, n| {
        read::text(f, n).map(Some)
    });
    let steps = table.get("step").map(|node| {
        let steps = read::list(step::step)(findings, node);
        (node, steps)
    });
    let steps = match steps {
        None => {
            no_steps(table, whole);
            None
        }
        Some((node, Some(steps))) if steps.is_empty() => {
            no_steps(table, &node.place);
            None
        }
        Some((node, Some(steps))) if steps.len() > MOST_STEPS => {
            let message = format!("{} steps, more than {MOST_STEPS}", steps.len());
            read::bad_value(findings, node, message, "too many", "Split the runbook.");
            None
        }
        Some((_, steps)) => steps,
    }?;
    let known_kinds = kinds.clone().unwrap_or_default();
    let by_name = graph::check(findings, &steps, &known_kinds);
    // A reason that was refused above is an error already; the lint would only repeat it.
    let reason_given = !matches!(traffic_before_data, Some(None));
    lint::check(findings, &steps, &by_name, &known_kinds, reason_given);
    schema?;

    let mut places = BTreeMap::new();
    let mut finished = Vec::new();
    for draft in steps {
        let (step, place) = finish(draft)?;
        places.insert(step.id.clone(), place);
        finished.push(step);
    }
    let name = name?;
    Some(ParsedRunbook {
        runbook: Runbook {
            name: name.value,
            description: description?,
            kinds: kinds?,
            objective: objective?,
            steps: finished,
            traffic_before_data: traffic_before_data?,
        },
        name_place: name.place,
        places,
    })
}

fn schema(findings: &Findings, node: &Node) -> Option<()> {
    let schema = read::whole(0..=u32::MAX)(findings, node)?;
    if schema == SCHEMA {
        return Some(());
    }
    read::bad_value(
        findings,
        node,
        format!("`schema` is {schema}, which this failoverd does not know"),
        "unknown version of the format",
        format!("It knows version {SCHEMA}. For a newer one, update failoverd."),
    );
    None
}

fn no_steps(table: &Table<'_>, place: &Place) {
    let findings = table.findings();
    findings.push(
        findings
            .error("no_steps", place, "the runbook has no steps")
            .label("no steps")
            .help("Add at least one [[step]] with `id` and `uses`."),
    );
}

fn finish(draft: StepDraft) -> Option<(RunbookStep, StepPlaces)> {
    let step = RunbookStep {
        id: StepId(draft.id?.value),
        action: draft.action?,
        needs: draft.needs.into_iter().map(|n| StepId(n.value)).collect(),
        timeout: draft.timeout?,
        on_failure: draft.on_failure.unwrap_or(OnFailure::Hold),
        run_if: draft.run_if,
        or_else: draft.or_else.map(|e| StepId(e.value)),
        ramp: draft.ramp,
    };
    let places = StepPlaces {
        uses: draft.uses,
        templates: draft.templates,
    };
    Some((step, places))
}

fn run_kinds(findings: &Findings, node: &Node) -> Option<BTreeSet<RunKind>> {
    let word = read::one_of(&[
        ("failover", RunKind::Failover),
        ("switchover", RunKind::Switchover),
        ("failback", RunKind::Failback),
        ("shift", RunKind::Shift),
        ("return", RunKind::Return),
    ]);
    let kinds = read::list(read::located(word))(findings, node)?;
    let mut set = BTreeSet::new();
    for kind in &kinds {
        if !set.insert(kind.value) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &kind.place,
                        format!("`for` names {} twice", kind.value),
                    )
                    .label("named already")
                    .help("Remove one of the two."),
            );
        }
    }
    if let super::spanned::Kind::List(elements) = &node.kind
        && elements.is_empty()
    {
        read::bad_value(
            findings,
            node,
            "`for` is empty: the runbook would never run",
            "no kind of run",
            "Name at least one of \"failover\", \"switchover\", \"failback\", \"shift\", \"return\".",
        );
        return None;
    }
    Some(set)
}

fn objective(findings: &Findings, node: &Node) -> Option<Objective> {
    Table::walk(findings, node, "`objective`", |table| {
        let rto = table.required(
            "rto",
            "rto = \"5m\"",
            read::duration(Millis::from_secs(1)..=action::LONGEST),
        );
        let rpo = table.required(
            "rpo",
            "rpo = \"10s\"",
            read::duration(Millis::ZERO..=action::LONGEST),
        );
        Some(Objective {
            rto: rto?,
            rpo: rpo?,
        })
    })
}

fn runs_in(run_if: Option<RunIf>, kind: RunKind) -> bool {
    match run_if {
        None => true,
        Some(RunIf::Graceful) => kind.is_graceful(),
        Some(RunIf::Ungraceful) => !kind.is_graceful(),
    }
}
