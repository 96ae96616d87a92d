//! `failoverctl validate`: would a daemon start with this?

use std::io::{IsTerminal, stdout};
use std::path::Path;

use super::{Exit, output};
use crate::config;

/// Says what was found. Nothing but files and the environment is looked at.
pub fn validate(path: &Path) -> Exit {
    let report = config::validate_report(path, config::environment());
    let text = report.render(output::style(stdout().is_terminal()));
    let exit = if report.passed() {
        Exit::Good
    } else {
        // The answer to what was asked, not a mistake in asking.
        Exit::No
    };
    output::answer(&text, exit)
}
