//! The verbs that ask a daemon. Each lives in a file of its own: a variant and an arm here are all that
//! another one needs.

use clap::Subcommand;

use super::frame::{Ended, Frame};
use super::{member, runs, whoami};

/// As typed.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum Ask {
    /// See who is a member of the cluster, and change it
    ///
    /// Any member may be asked. Nobody becomes or ceases to be a member by itself.
    #[command(subcommand)]
    Member(member::RawMember),
    /// Show the runs there have been, the newest first
    Runs(runs::RawRuns),
    /// Show as whom the daemon knows you, and what you may do
    Whoami,
}

impl Ask {
    /// Has it done.
    ///
    /// # Errors
    /// Nobody answers, the answer is no, or it was not confirmed.
    pub fn run(&self, frame: &Frame) -> Ended {
        match self {
            Self::Member(raw) => raw.run(frame),
            Self::Runs(raw) => raw.run(frame),
            Self::Whoami => whoami::run(frame),
        }
    }
}
