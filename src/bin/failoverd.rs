//! `failoverd`: arguments, configuration, run.

use std::process::ExitCode;

use failoverd::cli::failoverd as arguments;

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os()) {
        // Here the daemon starts, with this configuration and this log format.
        Ok(start) => arguments::describe(&start).into(),
        Err(exit) => exit.into(),
    }
}
