//! `[node] steer`: where health checks ask, and whether anybody can where runbooks steer.

use std::collections::BTreeSet;

use crate::model::RunKind;
use crate::runbook::ParsedRunbook;
use crate::runbook::spanned::Findings;

use super::application::AppDraft;
use super::sections::Sections;

/// The one runbook finding: it steers, and this member tells nobody.
pub(super) fn check_runbook(
    findings: &Findings,
    sections: &Sections,
    draft: &AppDraft,
    parsed: &ParsedRunbook,
    kinds: &BTreeSet<RunKind>,
) {
    let (Some(node), None) = (&sections.node, &sections.steer) else {
        return;
    };
    let Some(step) = parsed.steering_step(kinds) else {
        return;
    };
    findings.push(
        findings
            .warning(
                "steer_not_served",
                &node.place,
                format!(
                    "step `{step}` of the runbook \"{}\" steers `{}`, and this member tells no health \
                     check",
                    parsed.runbook.name, draft.app.name
                ),
            )
            .label("has no `steer`")
            .help(
                "Add steer = \"0.0.0.0:9414\" under [node] of every member, and let the health checks \
                 ask http://MEMBER:9414/steer/APPLICATION/REGION.",
            ),
    );
}

/// What else listens there.
pub(super) fn check_address(findings: &Findings, sections: &Sections) {
    let Some(steer) = &sections.steer else {
        return;
    };
    let others = [("api", &sections.api), ("peer", &sections.peering.listen)];
    for (key, other) in others {
        if let Some(other) = other
            && other.value.port() == steer.value.port()
            && other.value.port() != 0
            && (other.value.ip() == steer.value.ip()
                || other.value.ip().is_unspecified()
                || steer.value.ip().is_unspecified())
        {
            findings.push(
                findings
                    .error(
                        "duplicate",
                        &steer.place,
                        format!("`steer` and `{key}` are to listen on one port"),
                    )
                    .label(format!("`{key}` at {} has it", other.place))
                    .help(
                        "Give it one of its own, such as 9414: health checks ask it without TLS.",
                    ),
            );
        }
    }
}
