//! Writing for people and pipes. A reader that goes away early (`| head`) is no error and no panic.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};

use super::Exit;
use crate::runbook::spanned::{Diagnostics, Style};

/// Writes the answer to standard output; `exit` unless that fails.
pub fn answer(text: &str, exit: Exit) -> Exit {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => exit,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit,
        Err(error) => {
            complain(&format!("standard output cannot be written: {error}"));
            Exit::No
        }
    }
}

/// Writes some of the answer; false where nobody reads it any more.
pub fn more(text: &str) -> bool {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != ErrorKind::BrokenPipe {
                complain(&format!("standard output cannot be written: {error}"));
            }
            false
        }
    }
}

/// Writes one line to standard error, as far as anybody reads it.
pub fn complain(text: &str) {
    let _ = writeln!(stderr().lock(), "{text}");
}

/// An error with everything behind it, once.
pub fn complain_chain(error: &dyn Error) {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  because: {cause}");
        source = cause.source();
    }
    complain(&text);
}

/// Findings on standard error.
pub fn complain_findings(findings: &Diagnostics) {
    let text = findings.render(style(stderr().is_terminal()));
    let _ = write!(stderr().lock(), "{text}");
}

/// What clap has to say: help and version are answers, anything else is a mistake.
pub fn usage(error: &clap::Error) -> Exit {
    let printed = error.print();
    if error.use_stderr() {
        Exit::Usage
    } else {
        match printed {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::No,
            _ => Exit::Good,
        }
    }
}

/// Whether colour is wanted there.
pub fn colour(is_terminal: bool) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !no_color
}

/// How findings are drawn there.
pub fn style(is_terminal: bool) -> Style {
    if colour(is_terminal) {
        Style::Fancy
    } else {
        Style::Plain
    }
}
