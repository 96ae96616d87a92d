//! Readiness, as it is told.

use super::{Look, count, moment};
use crate::api::wire;
use crate::model::{AppId, Application, HeldReadiness, Now, ReadinessLevel};

impl Look<'_> {
    /// What this member last found.
    pub fn readiness(&self, app: &Application) -> wire::ReadinessReport {
        report(&app.name, self.found(app), self.snapshot.at)
    }

    /// The same in a few numbers.
    pub(super) fn readiness_summary(&self, app: &Application) -> wire::ReadinessSummary {
        summary(self.found(app), self.snapshot.at)
    }

    fn found(&self, app: &Application) -> Option<&HeldReadiness> {
        self.snapshot.checks.get(&app.name).map(AsRef::as_ref)
    }
}

/// What was found a moment ago.
pub(in crate::api) fn just_checked(held: &HeldReadiness) -> wire::ReadinessReport {
    let then = Now {
        mono: held.looked_at,
        wall: held.report.checked_at,
    };
    report(&held.report.application, Some(held), then)
}

/// As of `at`; of an application that nobody has looked at yet, that.
fn report(app: &AppId, held: Option<&HeldReadiness>, at: Now) -> wire::ReadinessReport {
    wire::ReadinessReport {
        application: app.to_string(),
        checked_by: held.map(|held| held.report.checked_by.to_string()),
        summary: summary(held, at),
        findings: held.map(findings).unwrap_or_default(),
    }
}

fn summary(held: Option<&HeldReadiness>, at: Now) -> wire::ReadinessSummary {
    let Some(held) = held else {
        return wire::ReadinessSummary::default();
    };
    let of = |level| count(held.report.count(level));
    wire::ReadinessSummary {
        blocking: of(ReadinessLevel::Blocking),
        warnings: of(ReadinessLevel::Warning),
        unknown: of(ReadinessLevel::Unknown),
        passed: of(ReadinessLevel::Passed),
        checked_at: Some(moment(held.report.checked_at)),
        age_ms: Some(at.mono.since(held.looked_at).0),
    }
}

fn findings(held: &HeldReadiness) -> Vec<wire::ReadinessFinding> {
    let findings = held.report.findings.iter();
    findings
        .map(|finding| wire::ReadinessFinding {
            code: finding.code.to_string(),
            level: match finding.level {
                ReadinessLevel::Passed => wire::ReadinessLevel::Passed,
                ReadinessLevel::Unknown => wire::ReadinessLevel::Unknown,
                ReadinessLevel::Warning => wire::ReadinessLevel::Warning,
                ReadinessLevel::Blocking => wire::ReadinessLevel::Blocking,
            },
            region: finding.region.as_ref().map(ToString::to_string),
            subject: finding.subject.clone(),
            text: finding.text.clone(),
            remedy: finding.remedy.clone(),
        })
        .collect()
}
