//! Where findings are written down, each under the same rules.

use crate::model::{ReadinessCode, ReadinessFinding, ReadinessLevel, RegionId};
use crate::ports::ReadError;

/// The codes by which services say that the caller may not.
const DENIALS: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
];

/// What a finding is about.
#[derive(Clone, Debug)]
pub(super) struct About {
    code: ReadinessCode,
    region: Option<RegionId>,
    subject: String,
}

impl About {
    /// Something of no Region.
    pub(super) fn all(code: ReadinessCode, subject: impl Into<String>) -> Self {
        Self {
            code,
            region: None,
            subject: subject.into(),
        }
    }

    /// Something of that Region.
    pub(super) fn of(code: ReadinessCode, region: &RegionId, subject: impl Into<String>) -> Self {
        Self {
            code,
            region: Some(region.clone()),
            subject: subject.into(),
        }
    }
}

/// Who needs what could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A step would read it too, and could not go on.
    Steps,
    /// Only this look.
    Check,
}

/// The findings of one look.
#[derive(Debug)]
pub(super) struct Book {
    active: RegionId,
    findings: Vec<ReadinessFinding>,
}

impl Book {
    pub(super) fn new(active: RegionId) -> Self {
        Self {
            active,
            findings: Vec::new(),
        }
    }

    pub(super) fn extend(&mut self, other: Option<Self>) {
        self.findings
            .extend(other.into_iter().flat_map(|book| book.findings));
    }

    /// What no outage's runbook touches stands in no outage's way.
    pub(super) fn softened(mut self) -> Self {
        for finding in &mut self.findings {
            finding.level = finding.level.min(ReadinessLevel::Warning);
        }
        self
    }

    pub(super) fn into_findings(self) -> Vec<ReadinessFinding> {
        self.findings
    }

    /// All is well.
    pub(super) fn passed(&mut self, about: About, text: impl Into<String>) {
        self.write(about, ReadinessLevel::Passed, text.into(), None);
    }

    /// It could not be looked at.
    pub(super) fn unknown(
        &mut self,
        about: About,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.write(
            about,
            ReadinessLevel::Unknown,
            text.into(),
            Some(remedy.into()),
        );
    }

    /// Worth seeing to.
    pub(super) fn warning(
        &mut self,
        about: About,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.write(
            about,
            ReadinessLevel::Warning,
            text.into(),
            Some(remedy.into()),
        );
    }

    /// Nobody should go there like this. Of the Region that serves now it is a warning: nobody does.
    pub(super) fn blocking(
        &mut self,
        about: About,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let serves = about.region.as_ref() == Some(&self.active);
        let level = if serves {
            ReadinessLevel::Warning
        } else {
            ReadinessLevel::Blocking
        };
        self.write(about, level, text.into(), Some(remedy.into()));
    }

    /// A read came back without an answer, or with a no. `action` is what a policy calls it.
    pub(super) fn unread(
        &mut self,
        about: About,
        error: &ReadError,
        action: &'static str,
        reader: Reader,
    ) {
        match error {
            ReadError::Unobservable { .. } => self.unknown(
                about,
                error.to_string(),
                "wait for the next check: what cannot be read stands in nobody's way",
            ),
            ReadError::Refused { code, .. } if DENIALS.contains(&code.as_str()) => {
                let about = About {
                    code: ReadinessCode::Permission,
                    subject: action.to_owned(),
                    ..about
                };
                let text = format!("{action} is refused ({code})");
                let remedy =
                    format!("allow {action} in the policy of the role that failoverd uses");
                match reader {
                    Reader::Steps => self.blocking(about, text, remedy),
                    Reader::Check => self.unknown(about, text, remedy),
                }
            }
            ReadError::Refused { code, message, .. } => {
                let remedy = format!("see that it exists and is named right ({code})");
                self.blocking(about, message.clone(), remedy);
            }
        }
    }

    fn write(&mut self, about: About, level: ReadinessLevel, text: String, remedy: Option<String>) {
        let About {
            code,
            region,
            subject,
        } = about;
        self.findings.push(ReadinessFinding {
            code,
            level,
            region,
            subject,
            text,
            remedy,
        });
    }
}
