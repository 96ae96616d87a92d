//! Any text is a runbook or has diagnostics that can be shown; what was parsed can be parsed again.

#![no_main]

use failoverd::runbook::parse_runbook;
use failoverd::runbook::spanned::Style;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse_runbook("fuzz.toml", text) {
        Ok(runbook) => {
            let again = parse_runbook("fuzz.toml", text);
            assert_eq!(again.as_ref().ok(), Some(&runbook), "two readings differ");
            assert!(!runbook.steps.is_empty(), "a runbook without steps");
        }
        Err(diagnostics) => {
            assert!(diagnostics.has_errors(), "refused without an error");
            // Every place must lie in the text, or the rendering panics.
            let shown = diagnostics.render(Style::Plain);
            assert!(!shown.is_empty());
        }
    }
});
