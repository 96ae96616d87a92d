//! What the steps say about each other: needs, other ways, and what can never happen.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ActionSpec, RunKind};
use crate::runbook::spanned::{Findings, Located, Place, closest};

use super::step::StepDraft;

/// Steps by name; of several with one name the first.
pub(super) type ByName<'a> = BTreeMap<&'a str, &'a StepDraft>;

/// Checks the graph. Gives the steps by name for further checks.
pub(super) fn check<'a>(
    findings: &Findings,
    steps: &'a [StepDraft],
    kinds: &BTreeSet<RunKind>,
) -> ByName<'a> {
    let by_name = names(findings, steps);
    let owners = other_ways(findings, steps, &by_name);
    needs(findings, steps, &by_name, &owners);
    cycles(findings, steps, &by_name);
    for step in steps {
        if !kinds.is_empty() && !kinds.iter().any(|kind| step.runs_in(*kind)) {
            let all: Vec<&str> = kinds.iter().map(|k| k.as_str()).collect();
            findings.push(
                findings
                    .error(
                        "never_runs",
                        &step.place,
                        format!(
                            "step `{}` never runs: its `run_if` excludes every kind of run this \
                             runbook is for ({})",
                            step.name(),
                            all.join(", ")
                        ),
                    )
                    .label("never runs")
                    .help("Change its `run_if`, add a kind to `for`, or remove the step."),
            );
        }
    }
    by_name
}

fn names<'a>(findings: &Findings, steps: &'a [StepDraft]) -> ByName<'a> {
    let mut by_name = ByName::new();
    for step in steps {
        let Some(id) = &step.id else { continue };
        if let Some(first) = by_name.get(id.value.as_str()) {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &id.place,
                        format!("two steps are called `{}`", id.value),
                    )
                    .label("called so again")
                    .help(format!(
                        "Rename one of them; the first is at {}.",
                        first.place
                    )),
            );
        } else {
            by_name.insert(&id.value, step);
        }
    }
    by_name
}

fn unknown_step(
    findings: &Findings,
    from: &StepDraft,
    key: &str,
    target: &Located<String>,
    by_name: &ByName<'_>,
) {
    let known: Vec<&str> = by_name.keys().copied().collect();
    let help = match closest(&target.value, &known) {
        Some(name) => format!("Did you mean `{name}`?"),
        None => format!("The steps are {}.", known.join(", ")),
    };
    findings.push(
        findings
            .error(
                "no_such_step",
                &target.place,
                format!(
                    "`{key}` of step `{}` names `{}`, and no step is called so",
                    from.name(),
                    target.value
                ),
            )
            .label("no such step")
            .help(help),
    );
}

/// Checks every `else`; gives each target's owner.
fn other_ways<'a>(
    findings: &Findings,
    steps: &'a [StepDraft],
    by_name: &ByName<'a>,
) -> BTreeMap<&'a str, &'a StepDraft> {
    let mut owners: BTreeMap<&str, &StepDraft> = BTreeMap::new();
    for step in steps {
        let Some(target_name) = &step.or_else else {
            continue;
        };
        let error = |code: &str, message: String| findings.error(code, &target_name.place, message);
        let Some(target) = by_name.get(target_name.value.as_str()) else {
            unknown_step(findings, step, "else", target_name, by_name);
            continue;
        };
        if let Some(first) = owners.get(target.name()) {
            findings.push(
                error(
                    "else_shared",
                    format!(
                        "`{}` is the other way of both `{}` and `{}`",
                        target.name(),
                        first.name(),
                        step.name()
                    ),
                )
                .label("taken already")
                .help("Give each step another way of its own."),
            );
            continue;
        }
        owners.insert(target.name(), step);
        if target.ramp.is_some() {
            findings.push(
                error(
                    "ramp_with_else",
                    format!(
                        "`{}` is a ramp, and cannot be the other way of `{}`",
                        target.name(),
                        step.name()
                    ),
                )
                .label("several steps")
                .help("Let the other way reach its goal in one step: percent = 100."),
            );
        }
        if let Some(further) = &target.or_else {
            findings.push(
                findings
                    .error(
                        "else_of_else",
                        &further.place,
                        format!(
                            "`{}` is already the other way of `{}` and cannot have an `else` of \
                             its own",
                            target.name(),
                            step.name()
                        ),
                    )
                    .label("a third way")
                    .help(format!(
                        "Remove it: when `{}` fails too, a person decides.",
                        target.name()
                    )),
            );
        }
        if target.run_if.is_some() && target.run_if != step.run_if {
            findings.push(
                error(
                    "else_never_taken",
                    format!(
                        "`{}` is the other way of `{}`, but its `run_if` differs",
                        target.name(),
                        step.name()
                    ),
                )
                .label("may not run when it is needed")
                .help(format!(
                    "Remove `run_if` from step `{}`: it runs only when `{}` fails anyway.",
                    target.name(),
                    step.name()
                )),
            );
        }
        if let (Some(first), Some(second)) = (&step.action, &target.action)
            && !same_goal(first, second)
        {
            findings.push(
                error(
                    "else_other_goal",
                    format!(
                        "`{}` ({}) does not reach the goal of `{}` ({}) another way",
                        target.name(),
                        second.name(),
                        step.name(),
                        first.name()
                    ),
                )
                .label("reaches another goal")
                .help(
                    "Traffic steps stand in for traffic steps, promotions for promotions; a hook \
                     (http.request) or a person (approval) may stand in for any.",
                ),
            );
        }
    }
    owners
}

/// What sort of goal an action has.
#[derive(PartialEq)]
enum GoalSort {
    Traffic,
    Data,
    Capacity,
    Answer,
    Time,
    /// A hook or a person: may do anything.
    Any,
}

fn goal_sort(action: &ActionSpec) -> GoalSort {
    match action {
        ActionSpec::Dial { .. }
        | ActionSpec::Weight { .. }
        | ActionSpec::Route53Failover { .. }
        | ActionSpec::Route53Weights { .. }
        | ActionSpec::RoutingControl { .. }
        | ActionSpec::Steer { .. } => GoalSort::Traffic,
        ActionSpec::AuroraPromote { .. } => GoalSort::Data,
        ActionSpec::ScaleNodegroup { .. } => GoalSort::Capacity,
        ActionSpec::HttpCheck { .. } => GoalSort::Answer,
        ActionSpec::Wait { .. } => GoalSort::Time,
        ActionSpec::HttpRequest { .. } | ActionSpec::Approval { .. } => GoalSort::Any,
    }
}

fn same_goal(first: &ActionSpec, second: &ActionSpec) -> bool {
    let (first, second) = (goal_sort(first), goal_sort(second));
    first == second || first == GoalSort::Any || second == GoalSort::Any
}

fn needs(
    findings: &Findings,
    steps: &[StepDraft],
    by_name: &ByName<'_>,
    owners: &BTreeMap<&str, &StepDraft>,
) {
    for step in steps {
        let mut seen = BTreeSet::new();
        for need in &step.needs {
            if !seen.insert(&need.value) {
                findings.push(
                    findings
                        .error(
                            "duplicate",
                            &need.place,
                            format!("step `{}` needs `{}` twice", step.name(), need.value),
                        )
                        .label("named already")
                        .help("Remove one of the two."),
                );
            } else if !by_name.contains_key(need.value.as_str()) {
                unknown_step(findings, step, "needs", need, by_name);
            } else if let Some(owner) = owners.get(need.value.as_str()) {
                findings.push(
                    findings
                        .error(
                            "needs_else",
                            &need.place,
                            format!(
                                "step `{}` needs `{}`, which runs only when `{}` fails",
                                step.name(),
                                need.value,
                                owner.name()
                            ),
                        )
                        .label("may never run")
                        .help(format!(
                            "Need `{}`: it counts as done when either of the two is.",
                            owner.name()
                        )),
                );
            }
        }
    }
}

/// Reports each circle once.
fn cycles(findings: &Findings, steps: &[StepDraft], by_name: &ByName<'_>) {
    let mut finished: BTreeSet<&str> = BTreeSet::new();
    for step in steps {
        if finished.contains(step.name()) {
            continue;
        }
        // Depth-first without recursion: a runbook of ten thousand steps must not end the process.
        // Each entry is a step and how many of its edges have been followed.
        let mut path: Vec<(&StepDraft, usize)> = vec![(step, 0)];
        while let Some((current, followed)) = path.last_mut() {
            let current = *current;
            let edges = edges(current);
            let Some(edge) = edges.get(*followed) else {
                finished.insert(current.name());
                path.pop();
                continue;
            };
            *followed += 1;
            let Some(next) = by_name.get(edge.value.as_str()).copied() else {
                continue;
            };
            if let Some(start) = path.iter().position(|(s, _)| std::ptr::eq(*s, next)) {
                report_cycle(findings, &path[start..], &edge.place);
                continue;
            }
            if !finished.contains(next.name()) {
                path.push((next, 0));
            }
        }
    }
}

/// What a step waits for. Who needs a step that has failed waits for its other way, so that way
/// must not wait for anybody who needs the step.
fn edges(step: &StepDraft) -> Vec<&Located<String>> {
    step.needs.iter().chain(step.or_else.as_ref()).collect()
}

fn report_cycle(findings: &Findings, circle: &[(&StepDraft, usize)], place: &Place) {
    let names: Vec<&str> = circle.iter().map(|(step, _)| step.name()).collect();
    let message = match names.as_slice() {
        [only] => format!("step `{only}` waits for itself"),
        several => {
            let first = several.first().copied().unwrap_or_default();
            format!(
                "steps wait for each other: {} -> {first}",
                several.join(" -> ")
            )
        }
    };
    findings.push(
        findings
            .error("cycle", place, message)
            .label("closes the circle")
            .help("None of them could ever start. Remove one of these `needs` or `else`."),
    );
}
