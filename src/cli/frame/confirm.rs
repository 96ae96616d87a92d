//! Asking whoever is at the terminal whether that is meant.
//!
//! Invariant: without a terminal nobody is asked, and without `--yes` nothing is done then.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use super::{Stop, wrapped};
use crate::cli::{Exit, output};

/// Says `warning` on standard error and has `word` typed.
///
/// # Errors
/// Nobody can be asked, or it was typed wrong: told already, nothing was done.
pub fn confirm(warning: &str, word: &str) -> Result<(), Stop> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        output::complain(nobody(word).trim_end());
        return Err(Stop::Told(Exit::Usage));
    }
    match confirmed(warning, word, &mut stdin().lock(), &mut stderr().lock()) {
        Ok(true) => Ok(()),
        // Nobody there any more is no yes either.
        Ok(false) | Err(_) => {
            output::complain("not confirmed: nothing was done");
            Err(Stop::Told(Exit::No))
        }
    }
}

fn nobody(word: &str) -> String {
    let mut text = wrapped(
        "error: ",
        "nobody can be asked to confirm: this is not a terminal; nothing was done",
    );
    text += &wrapped(
        "  help: ",
        &format!("Add --yes to do it without having {word} typed."),
    );
    text
}

/// Says what will be done, and reads whether that is meant.
///
/// # Errors
/// The terminal cannot be written or read.
fn confirmed(
    warning: &str,
    word: &str,
    typed: &mut impl BufRead,
    shown: &mut impl Write,
) -> std::io::Result<bool> {
    write!(shown, "{warning}Type {word} to confirm: ")?;
    shown.flush()?;
    let mut line = String::new();
    typed.read_line(&mut line)?;
    Ok(line.trim() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_confirms() {
        for (typed, yes) in [
            ("eu-west-1\n", true),
            ("  eu-west-1\r\n", true),
            ("yes\n", false),
            ("y\n", false),
            ("eu-west-\n", false),
            ("EU-WEST-1\n", false),
            ("\n", false),
            ("", false),
        ] {
            let mut shown = Vec::new();
            let meant = confirmed("Careful.\n", "eu-west-1", &mut typed.as_bytes(), &mut shown);
            assert_eq!(meant.expect("memory"), yes, "{typed:?}");
            let shown = String::from_utf8(shown).expect("text");
            assert_eq!(shown, "Careful.\nType eu-west-1 to confirm: ");
        }
    }

    #[test]
    fn whoever_cannot_be_asked_is_told_what_to_add() {
        insta::assert_snapshot!("nobody_to_ask", nobody("eu-west-1"));
    }
}
