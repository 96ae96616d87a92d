//! Floor 7: the command lines of both programs, in two stages: raw arguments as typed, then what they
//! mean. Only what has a meaning is acted upon.
//!
//! ```text
//!  argv ──args (clap)──▶ Raw… ──▶ Command ──▶ drill, validate, … ──▶ stdout, Exit
//!                                        └─▶ Ask ──frame══ HTTP ══▶ a daemon
//! ```
//!
//! Invariant: standard output holds the answer and nothing else; everything about the way to it goes
//! to standard error.

mod alive;
mod args;
mod ask;
mod audit;
mod automation;
mod break_glass;
mod check;
mod completions;
mod dev_certs;
#[cfg(test)]
mod document;
mod drill;
mod drill_remote;
mod evacuate;
mod exit;
pub mod failoverd;
mod follow;
mod frame;
mod heads;
mod iam_policy;
mod ledger;
mod man;
mod member;
mod output;
mod plan;
mod runs;
#[cfg(test)]
mod sample;
mod serve;
mod show;
mod start;
mod status;
mod steer;
#[cfg(test)]
mod tests;
mod token;
mod validate;
mod votes;
mod whoami;
mod why;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;

use self::args::{Command, RawArgs};
pub use self::exit::Exit;
use self::frame::Frame;
pub use self::serve::serve;

/// `failoverctl`.
pub fn failoverctl(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    perform(argv).into()
}

/// Does what was typed, and says how that ended.
fn perform(argv: impl IntoIterator<Item = OsString>) -> Exit {
    let parsed = args::definition()
        .try_get_matches_from(argv)
        .and_then(|matches| RawArgs::from_arg_matches(&matches));
    let raw = match parsed {
        Ok(raw) => raw,
        Err(error) => return output::usage(&error),
    };
    match Command::from(raw) {
        Command::Drill(play) => drill::play(play),
        Command::ListScenarios => drill::list(),
        Command::Validate { config } => validate::validate(&config),
        Command::IamPolicy(asked) => iam_policy::print(&asked),
        Command::Ledger(verb) => ledger::ledger(&verb),
        Command::BreakGlass(asked) => break_glass::break_glass(&asked),
        Command::DevCerts { config, out, days } => dev_certs::make(&config, &out, days),
        Command::Ask { global, verb } => Frame::with(&global, |frame| verb.run(frame)),
        Command::NewToken(asked) => token::new(&asked),
        Command::Completions { shell } => completions::print(shell),
        Command::Man { out } => man::write(out.as_deref()),
        Command::Version => output::answer(&format!("failoverctl {VERSION}\n"), Exit::Good),
    }
}

/// This build's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
