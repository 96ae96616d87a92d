//! Floor 7: the command lines of both programs, in two stages: raw arguments as typed, then what they
//! mean. Only what has a meaning is acted upon.
//!
//! ```text
//!  argv ──args (clap)──▶ Raw… ──▶ Command ──▶ drill, validate, … ──▶ stdout, Exit
//!                                             └─▶ client ══ HTTP ══▶ a daemon
//! ```
//!
//! Invariant: standard output holds the answer and nothing else; everything about the way to it goes
//! to standard error.

mod args;
mod client;
mod dev_certs;
mod drill;
mod exit;
pub mod failoverd;
mod member;
mod output;
mod serve;
mod table;
mod validate;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Command, RawArgs};
pub use self::exit::Exit;
pub use self::serve::serve;

/// `failoverctl`.
pub fn failoverctl(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let raw = match RawArgs::try_parse_from(argv) {
        Ok(raw) => raw,
        Err(error) => return output::usage(&error).into(),
    };
    match Command::from(raw) {
        Command::Drill(play) => drill::play(play),
        Command::ListScenarios => drill::list(),
        Command::Validate { config } => validate::validate(&config),
        Command::DevCerts { config, out, days } => dev_certs::make(&config, &out, days),
        Command::ListMembers { remote } => member::list(&remote),
        Command::ChangeMembers { remote, change } => member::change(&remote, &change),
        Command::Version => output::answer(&format!("failoverctl {VERSION}\n"), Exit::Good),
    }
    .into()
}

/// This build's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
