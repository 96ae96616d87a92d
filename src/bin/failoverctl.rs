//! `failoverctl`: see `failoverd::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    failoverd::cli::failoverctl(std::env::args_os())
}
