//! `failoverctl completions`: what a shell needs to complete its words.

use clap_complete::Shell;

use super::{Exit, args, output};

/// Prints it.
pub fn print(shell: Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut args::words(), "failoverctl", &mut text);
    output::answer(&String::from_utf8_lossy(&text), Exit::Good)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_learns_every_verb() {
        for shell in Shell::value_variants() {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut args::words(), "failoverctl", &mut text);
            let text = String::from_utf8(text).expect("text");
            for verb in args::definition().get_subcommands() {
                assert!(text.contains(verb.get_name()), "{shell}: {verb}");
            }
        }
    }
}
