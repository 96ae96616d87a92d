//! `failoverctl man`: the manual, made of the same definition as the help.

use std::io::Write as _;
use std::path::Path;

use clap_mangen::Man;

use super::{Exit, args, output};

/// The main page on standard output, or a page per verb in a folder.
pub fn write(folder: Option<&Path>) -> Exit {
    let Some(folder) = folder else {
        return match page(args::definition()) {
            Ok(text) => output::answer(&text, Exit::Good),
            Err(error) => cannot("the manual", &error),
        };
    };
    let mut pages = Vec::new();
    collect("failoverctl", args::definition(), &mut pages);
    if let Err(error) = std::fs::create_dir_all(folder) {
        return cannot(&folder.display().to_string(), &error);
    }
    let count = pages.len();
    for (name, command) in pages {
        let path = folder.join(format!("{name}.1"));
        let written = page(command).and_then(|text| {
            let mut file = std::fs::File::create(&path)?;
            file.write_all(text.as_bytes())
        });
        if let Err(error) = written {
            return cannot(&path.display().to_string(), &error);
        }
    }
    let text = format!("{count} pages in {}\n", folder.display());
    output::answer(&text, Exit::Good)
}

/// Each verb's page, and its verbs'.
fn collect(name: &str, command: clap::Command, pages: &mut Vec<(String, clap::Command)>) {
    for verb in command.get_subcommands() {
        if verb.get_name() != "help" && !verb.is_hide_set() {
            collect(&format!("{name}-{}", verb.get_name()), verb.clone(), pages);
        }
    }
    pages.push((name.to_owned(), command.display_name(name.to_owned())));
}

fn page(command: clap::Command) -> std::io::Result<String> {
    let mut text = Vec::new();
    Man::new(command)
        .manual("failoverd")
        .source(concat!("failoverctl ", env!("CARGO_PKG_VERSION")))
        .render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn cannot(what: &str, error: &std::io::Error) -> Exit {
    output::complain(&format!("error: {what} cannot be written: {error}"));
    Exit::No
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page_that_names_its_options() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(write(Some(folder.path())), Exit::Good);
        for verb in args::definition().get_subcommands() {
            if verb.get_name() == "help" {
                continue;
            }
            let path = folder
                .path()
                .join(format!("failoverctl-{}.1", verb.get_name()));
            let text = std::fs::read_to_string(&path).expect("a page");
            assert!(text.starts_with(".ie"), "roff: {text}");
            for option in verb.get_arguments().filter(|arg| !arg.is_hide_set()) {
                if let Some(long) = option.get_long() {
                    assert!(text.contains(&long.replace('-', "\\-")), "{path:?}: {long}");
                }
            }
        }
    }
}
