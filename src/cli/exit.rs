//! How a program ends: DESIGN section 10's exit codes, the same for every verb.

use std::process::ExitCode;

/// The answer in a number, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Good,
    /// The answer is no: a drill failed, a check found problems.
    No,
    /// What was typed, or what a file says, makes no sense.
    Usage,
    /// Nobody answers.
    Unreachable,
    /// A guard says no.
    Refused,
    NotAuthorised,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::NotAuthorised => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
