//! What a runbook may say and should not: traffic before its data, and data loss nobody was asked
//! about.

use std::collections::BTreeSet;

use crate::model::{ActionSpec, PromoteMethod, RunKind, Side, WeightSpec};
use crate::runbook::spanned::Findings;

use super::graph::ByName;
use super::step::StepDraft;

/// Runs every lint.
pub(super) fn check(
    findings: &Findings,
    steps: &[StepDraft],
    by_name: &ByName<'_>,
    kinds: &BTreeSet<RunKind>,
    traffic_before_data: bool,
) {
    for step in steps {
        others_of_one(findings, step, kinds);
        if !traffic_before_data
            && let Some(kind) = kinds
                .iter()
                .find(|kind| raises_too_early(step, steps, by_name, **kind))
        {
            let promotes: Vec<String> = promotions(steps, *kind)
                .map(|s| format!("`{}`", s.name()))
                .collect();
            findings.push(
                findings
                    .error(
                        "traffic_before_data",
                        &step.place,
                        format!(
                            "step `{}` sends traffic to the new Region before {} has promoted its \
                             data (in a {kind})",
                            step.name(),
                            promotes.join(" or ")
                        ),
                    )
                    .label("traffic would reach a reader")
                    .help(format!(
                        "Add {} to its `needs`. Where that is meant, say why at the top of the \
                         runbook: traffic_before_data = \"reads are served meanwhile\".",
                        promotes.join(" and ")
                    )),
            );
        }
        if let Some(kind) = kinds
            .iter()
            .find(|kind| loses_data_unasked(step, by_name, **kind))
        {
            findings.push(
                findings
                    .error(
                        "data_loss_unasked",
                        &step.uses,
                        format!(
                            "step `{}` may lose data in a {kind}, and nobody is asked first",
                            step.name()
                        ),
                    )
                    .label("nothing is lost unasked")
                    .help(match &step.action {
                        Some(action) if action.name() == "aurora.detach" => {
                            "Let the step need an `approval` step."
                        }
                        Some(_) | None => {
                            "Use graceful = \"switchover\", or let the step need an `approval` step."
                        }
                    }),
            );
        }
    }
}

/// Where one Region serves at a time there are no others that take over.
fn others_of_one(findings: &Findings, step: &StepDraft, kinds: &BTreeSet<RunKind>) {
    let aims_at_others = match &step.action {
        Some(
            ActionSpec::Dial { region, .. }
            | ActionSpec::Weight { region, .. }
            | ActionSpec::ScaleNodegroup { region, .. },
        ) => *region == Side::Others,
        Some(
            ActionSpec::Route53Failover { .. }
            | ActionSpec::Route53Weights { .. }
            | ActionSpec::RoutingControl { .. }
            | ActionSpec::Steer { .. }
            | ActionSpec::AuroraPromote { .. }
            | ActionSpec::HttpCheck { .. }
            | ActionSpec::HttpRequest { .. }
            | ActionSpec::Approval { .. }
            | ActionSpec::Wait { .. },
        )
        | None => false,
    };
    let Some(kind) = kinds
        .iter()
        .find(|kind| aims_at_others && !kind.moves_share() && step.runs_in(**kind))
    else {
        return;
    };
    findings.push(
        findings
            .error(
                "others_of_one",
                &step.uses,
                format!(
                    "step `{}` is about the other Regions that serve, and in a {kind} there are none",
                    step.name()
                ),
            )
            .label("region = \"others\"")
            .help(
                "Use region = \"to\", or leave only \"shift\" and \"return\" in the runbook's `for`.",
            ),
    );
}

fn promotions(steps: &[StepDraft], kind: RunKind) -> impl Iterator<Item = &StepDraft> {
    steps.iter().filter(move |step| {
        step.runs_in(kind)
            && matches!(
                step.action,
                Some(ActionSpec::AuroraPromote {
                    region: Side::To,
                    ..
                })
            )
    })
}

/// Whether the step gives traffic to the `to` Region.
fn raises(step: &StepDraft) -> bool {
    match &step.action {
        Some(ActionSpec::Dial { region, percent }) => *region == Side::To && *percent > 0,
        // What is given back makes an ordinary standby of a Region whose dial is 0; where it is not,
        // the action itself waits for the promotion.
        Some(ActionSpec::Weight { region, weight }) => match weight {
            WeightSpec::Absolute(weight) => *region == Side::To && *weight > 0,
            WeightSpec::Recorded { .. } => false,
        },
        Some(ActionSpec::Route53Failover { primary }) => *primary == Side::To,
        Some(ActionSpec::Steer { region, serve }) => *region == Side::To && *serve,
        Some(ActionSpec::Route53Weights { region, percent }) => *region == Side::To && *percent > 0,
        Some(ActionSpec::RoutingControl { on, .. }) => *on == Side::To,
        Some(
            ActionSpec::AuroraPromote { .. }
            | ActionSpec::ScaleNodegroup { .. }
            | ActionSpec::HttpCheck { .. }
            | ActionSpec::HttpRequest { .. }
            | ActionSpec::Approval { .. }
            | ActionSpec::Wait { .. },
        )
        | None => false,
    }
}

fn raises_too_early(
    step: &StepDraft,
    steps: &[StepDraft],
    by_name: &ByName<'_>,
    kind: RunKind,
) -> bool {
    if !step.runs_in(kind) || !raises(step) {
        return false;
    }
    let before = before(step, steps, by_name, kind);
    // Another way of a promotion is not waited for by itself: the promotion stands for both.
    let is_other_way = |name: &str| {
        steps
            .iter()
            .any(|s| s.or_else.as_ref().is_some_and(|e| e.value == name))
    };
    promotions(steps, kind).any(|p| !is_other_way(p.name()) && !before.contains(p.name()))
}

/// Every step that is certainly over when this one starts. A step that is skipped in such a run
/// holds nobody up, so what stands before it does not count.
fn before<'a>(
    step: &'a StepDraft,
    steps: &'a [StepDraft],
    by_name: &ByName<'a>,
    kind: RunKind,
) -> BTreeSet<&'a str> {
    let mut over = BTreeSet::new();
    let mut open = vec![step];
    while let Some(current) = open.pop() {
        // Another way starts after its step was tried, so what that needed is over; the step is not.
        let owner = steps.iter().find(|s| {
            s.or_else
                .as_ref()
                .is_some_and(|e| e.value == current.name())
        });
        let needs = current
            .needs
            .iter()
            .chain(owner.into_iter().flat_map(|s| &s.needs));
        for need in needs {
            if let Some(next) = by_name.get(need.value.as_str()).copied()
                && next.runs_in(kind)
                && over.insert(next.name())
            {
                open.push(next);
            }
        }
    }
    over
}

fn loses_data_unasked(step: &StepDraft, by_name: &ByName<'_>, kind: RunKind) -> bool {
    let Some(ActionSpec::AuroraPromote { graceful, .. }) = &step.action else {
        return false;
    };
    let lossy = match graceful {
        PromoteMethod::Switchover => false,
        PromoteMethod::Failover | PromoteMethod::SwitchoverThenFailover => kind.is_graceful(),
        // Nothing leads back from it: a person's word in every kind of run. For another way of a
        // promotion a person is asked in any case.
        PromoteMethod::Detach => !by_name.values().any(|other| {
            let other_way = other.or_else.as_ref();
            other_way.is_some_and(|way| way.value == step.name())
        }),
    };
    if !lossy || !step.runs_in(kind) {
        return false;
    }
    let asked = before(step, &[], by_name, kind).into_iter().any(|name| {
        by_name
            .get(name)
            .is_some_and(|s| matches!(s.action, Some(ActionSpec::Approval { .. })))
    });
    !asked
}
