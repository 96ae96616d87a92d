//! A no, as an AWS service says it, before its protocol gives it a shape.

use crate::model::Millis;

/// Why an operation was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Refusal {
    /// HTTP.
    pub(in crate::sandbox) status: u16,
    /// As it stands on the wire.
    pub(in crate::sandbox) code: String,
    pub(in crate::sandbox) message: String,
    /// How long the service takes to say so.
    pub(in crate::sandbox) after: Millis,
}

impl Refusal {
    pub(in crate::sandbox) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            after: Millis::ZERO,
        }
    }

    /// The caller's fault.
    pub(in crate::sandbox) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// There is no such thing.
    pub(in crate::sandbox) fn missing(code: &str, message: impl Into<String>) -> Self {
        Self::new(404, code, message)
    }

    /// Said only after a while.
    pub(in crate::sandbox) fn after(mut self, after: Millis) -> Self {
        self.after = after;
        self
    }
}
