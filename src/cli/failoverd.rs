//! The command line of the daemon.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::{Exit, output};
use crate::config::{self, Config};
use crate::runbook::spanned::Severity;

/// Watches applications from one Region, and moves them to another when a quorum agrees.
#[derive(Debug, Parser)]
#[command(name = "failoverd", version, max_term_width = 100)]
struct RawArgs {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "FAILOVERD_CONFIG",
        required_unless_present = "print_default_config"
    )]
    config: Option<PathBuf>,
    /// How the log is written to standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Pretty)]
    log_format: LogFormat,
    /// Print an annotated configuration that is valid as it stands, and end
    #[arg(long, conflicts_with = "config")]
    print_default_config: bool,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Pretty,
    /// One object a line, for collectors
    Json,
}

/// What the daemon was told, already valid.
#[derive(Debug)]
pub struct Start {
    pub config: Config,
    pub log_format: LogFormat,
}

/// What was typed, as far as it is to start a daemon; otherwise how the program ends.
///
/// # Errors
/// Nothing is to be started: help, the default configuration, or a mistake, already told.
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Start, Exit> {
    let raw = RawArgs::try_parse_from(argv).map_err(|error| output::usage(&error))?;
    let Some(path) = raw.config else {
        return Err(output::answer(config::default_config_text(), Exit::Good));
    };
    match config::load(&path, config::environment()) {
        Ok(loaded) => {
            if loaded.warnings.count(Severity::Warning) > 0 {
                output::complain_findings(&loaded.warnings);
            }
            Ok(Start {
                config: loaded.config,
                log_format: raw.log_format,
            })
        }
        Err(error) => {
            output::complain_findings(&error.diagnostics());
            Err(Exit::Usage)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        RawArgs::command().debug_assert();
    }

    #[test]
    fn a_configuration_is_needed_unless_one_is_asked_for() {
        assert!(RawArgs::try_parse_from(["failoverd"]).is_err());
        assert!(RawArgs::try_parse_from(["failoverd", "--print-default-config"]).is_ok());
    }

    #[test]
    fn help_says_what_there_is() {
        insta::assert_snapshot!(RawArgs::command().render_long_help());
    }
}
