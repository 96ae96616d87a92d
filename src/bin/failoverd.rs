//! `failoverd`: arguments, configuration, run.

use std::process::ExitCode;

use failoverd::cli;

fn main() -> ExitCode {
    match cli::failoverd::parse(std::env::args_os()) {
        Ok(start) => cli::serve(start).into(),
        Err(exit) => exit.into(),
    }
}
