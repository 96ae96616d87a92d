//! One `[[step]]` as it was written, with its mistakes recorded and its places kept.

use crate::model::{ActionSpec, Millis, OnFailure, Ramp, RunIf, RunKind, Template};
use crate::runbook::spanned::{Findings, Located, Node, Place, Table, read};

use super::action::{self, LONGEST};

/// A step as far as it could be read. A step with a bad argument still has an id, so that nobody is
/// told that the steps which need it need nothing.
#[derive(Debug)]
pub(super) struct StepDraft {
    pub id: Option<Located<String>>,
    pub place: Place,
    /// Where `uses` stands.
    pub uses: Place,
    pub action: Option<ActionSpec>,
    pub templates: Vec<Located<Template>>,
    pub needs: Vec<Located<String>>,
    pub timeout: Option<Millis>,
    pub on_failure: Option<OnFailure>,
    pub run_if: Option<RunIf>,
    pub or_else: Option<Located<String>>,
    pub ramp: Option<Ramp>,
}

impl StepDraft {
    /// Its id, or nothing where it has none.
    pub fn name(&self) -> &str {
        self.id.as_ref().map_or("", |id| id.value.as_str())
    }

    /// Whether it takes part in runs of that kind.
    pub fn runs_in(&self, kind: RunKind) -> bool {
        match self.run_if {
            None => true,
            Some(RunIf::Graceful) => kind.is_graceful(),
            Some(RunIf::Ungraceful) => !kind.is_graceful(),
        }
    }
}

pub(super) fn step(findings: &Findings, node: &Node) -> Option<StepDraft> {
    Table::walk(findings, node, "a step", |table| {
        let id = match table.get("id") {
            Some(id) => read::located(read::name)(findings, id),
            None => {
                table.missing("id", "id = \"raise-standby-dial\"");
                None
            }
        };
        if let Some(id) = &id {
            table.rename(format!("step `{}`", id.value));
        }
        let uses = table.get("uses");
        let with = table.get("with");
        let needs = table
            .or("needs", Vec::new(), read::list(read::located(read::text)))
            .unwrap_or_default();
        let timeout = table.located("timeout", read::duration(Millis::from_secs(1)..=LONGEST));
        let on_failure = table.located(
            "on_failure",
            read::one_of(&[
                ("hold", OnFailure::Hold),
                ("continue", OnFailure::Continue),
                ("compensate", OnFailure::Compensate),
            ]),
        );
        let run_if = table.optional(
            "run_if",
            read::one_of(&[
                ("graceful", RunIf::Graceful),
                ("ungraceful", RunIf::Ungraceful),
            ]),
        );
        let or_else = table.located("else", read::text);

        let read = match uses {
            Some(uses) => action::action(findings, uses, with, &table.what()),
            None => {
                table.missing("uses", "uses = \"global_accelerator.dial\"");
                None
            }
        };
        let (action, templates, ramp) = match read {
            Some(read) => (Some(read.spec), read.templates, read.ramp),
            None => (None, Vec::new(), None),
        };
        if let (Some(_), Some(other)) = (&ramp, &or_else) {
            findings.push(
                findings
                    .error(
                        "ramp_with_else",
                        &other.place,
                        format!("{} is a ramp, and a ramp has no other way", table.what()),
                    )
                    .label("no other way of several steps")
                    .help("Remove `else`, or replace `ramp` and `bake` by percent = 100."),
            );
        }
        if let Some(action) = &action {
            check_failure(table, action, on_failure.as_ref());
            check_timeout(table, action, timeout.as_ref());
        }
        Some(StepDraft {
            id,
            place: table.place().clone(),
            uses: uses.map_or_else(|| table.place().clone(), |u| u.place.clone()),
            timeout: timeout
                .map(|t| t.value)
                .or_else(|| action.as_ref().map(action::default_timeout)),
            action,
            templates,
            needs,
            on_failure: on_failure.map(|o| o.value),
            run_if,
            or_else,
            ramp,
        })
    })
}

fn check_failure(table: &Table<'_>, action: &ActionSpec, on_failure: Option<&Located<OnFailure>>) {
    let Some(on_failure) = on_failure else { return };
    let findings = table.findings();
    let (has_inverse, is_data) = match action {
        ActionSpec::Dial { .. }
        | ActionSpec::Weight { .. }
        | ActionSpec::Route53Failover { .. }
        | ActionSpec::Steer { .. }
        | ActionSpec::Route53Weights { .. }
        | ActionSpec::RoutingControl { .. }
        | ActionSpec::ScaleNodegroup { .. } => (true, false),
        ActionSpec::AuroraPromote { .. } => (false, true),
        ActionSpec::HttpCheck { .. }
        | ActionSpec::HttpRequest { .. }
        | ActionSpec::Approval { .. }
        | ActionSpec::Wait { .. } => (false, false),
    };
    let refused = match on_failure.value {
        OnFailure::Hold => None,
        OnFailure::Compensate if has_inverse => None,
        OnFailure::Compensate => Some((
            "no_inverse",
            format!(
                "{} cannot compensate: {} has no inverse",
                table.what(),
                action.name()
            ),
            "Only dials, weights, what is steered, node groups and record sets can be given back. Use \
             on_failure = \"hold\", or \"continue\" if the run may go on without it.",
        )),
        OnFailure::Continue if is_data => Some((
            "data_continues",
            format!(
                "{} would go on although its data was not promoted",
                table.what()
            ),
            "Traffic would arrive at a reader: leave on_failure at \"hold\", and a person decides.",
        )),
        OnFailure::Continue => None,
    };
    if let Some((code, message, help)) = refused {
        findings.push(
            findings
                .error(code, &on_failure.place, message)
                .label("not possible for this action")
                .help(help),
        );
    }
}

fn check_timeout(table: &Table<'_>, action: &ActionSpec, timeout: Option<&Located<Millis>>) {
    let Some(timeout) = timeout else { return };
    let inner = match action {
        ActionSpec::Wait { duration } => Some(("`duration`", *duration)),
        ActionSpec::AuroraPromote {
            graceful,
            ungraceful,
            switchover_timeout,
            ..
        } => {
            use crate::model::PromoteMethod::SwitchoverThenFailover;
            let bounded =
                *graceful == SwitchoverThenFailover || *ungraceful == SwitchoverThenFailover;
            bounded.then_some(("`switchover_timeout`", *switchover_timeout))
        }
        ActionSpec::Dial { .. }
        | ActionSpec::Weight { .. }
        | ActionSpec::Route53Failover { .. }
        | ActionSpec::Route53Weights { .. }
        | ActionSpec::RoutingControl { .. }
        | ActionSpec::ScaleNodegroup { .. }
        | ActionSpec::Steer { .. }
        | ActionSpec::HttpCheck { .. }
        | ActionSpec::HttpRequest { .. }
        | ActionSpec::Approval { .. } => None,
    };
    if let Some((what, inner)) = inner
        && inner >= timeout.value
    {
        let findings = table.findings();
        let message = format!(
            "{} times out after {}, before its {what} of {inner} is over",
            table.what(),
            timeout.value
        );
        findings.push(
            findings
                .error("timeout_too_short", &timeout.place, message)
                .label(format!("must be longer than {inner}"))
                .help("Raise `timeout`, or shorten what the step waits for."),
        );
    }
}
