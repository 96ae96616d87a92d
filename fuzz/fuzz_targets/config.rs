//! Any text, under any environment, is a configuration or has diagnostics that can be shown.
//!
//! Lines of the input before a line `---` are the environment, as `NAME=value`; the rest is the file.

#![no_main]

use std::path::Path;

use failoverd::config::from_sources;
use failoverd::runbook::spanned::{Source, Style};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (environment, text) = input.split_once("\n---\n").unwrap_or(("", input));
    let environment: Vec<(String, String)> = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let source = Source::new("fuzz.toml", text);
    match from_sources(&source, &environment, &[], Path::new("/etc/failoverd")) {
        Ok(loaded) => {
            assert!(!loaded.warnings.has_errors(), "accepted with an error");
            for app in &loaded.config.applications {
                assert!(app.region(&app.home).is_some(), "a home that is no Region");
            }
            let _shown = loaded.warnings.render(Style::Plain);
        }
        Err(diagnostics) => {
            assert!(diagnostics.has_errors(), "refused without an error");
            assert!(!diagnostics.render(Style::Plain).is_empty());
        }
    }
});
