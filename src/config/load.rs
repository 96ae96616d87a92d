//! The only part of the configuration that touches the disk and the process's environment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::runbook::spanned::{Diagnostic, Diagnostics, Place, Source, Style};

use super::Loaded;
use super::parse;
use crate::model::MemberId;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file itself could not be read.
    #[error("{} cannot be read: {remedy}", path.display())]
    Unreadable {
        path: PathBuf,
        remedy: &'static str,
        #[source]
        source: io::Error,
    },
    /// It was read, and it has mistakes.
    #[error("{0}")]
    Invalid(Diagnostics),
}

impl LoadError {
    /// As findings, each with its remedy.
    pub fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Invalid(findings) => findings.clone(),
            Self::Unreadable {
                path,
                remedy,
                source,
            } => {
                let place = Place::File(path.display().to_string());
                let finding = Diagnostic::error(
                    "config::unreadable",
                    place,
                    format!("it cannot be read: {}", in_words(source)),
                );
                Diagnostics::new(vec![finding.help(*remedy)])
            }
        }
    }

    /// For people.
    pub fn render(&self, style: Style) -> String {
        self.diagnostics().render(style)
    }
}

/// Reads the configuration at `path` under `environment` (see [`environment`]), with its runbooks.
pub fn load(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, LoadError> {
    let draft = read(path, environment)?;
    let (dir, asked_for) = draft.runbook_dir();
    let runbooks = match runbooks(&dir) {
        Ok((runbooks, unreadable)) => {
            unreadable.into_iter().for_each(|f| draft.record(f));
            runbooks
        }
        // Nobody asked for it: the built-in ones do.
        Err(error) if asked_for.is_none() && error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let place = asked_for.unwrap_or_else(|| Place::File(dir.display().to_string()));
            let message = format!(
                "the runbooks in {} cannot be read: {}",
                dir.display(),
                in_words(&error)
            );
            draft.record(
                Diagnostic::error("config::unreadable", place, message)
                    .label("this folder")
                    .help(remedy(&error)),
            );
            Vec::new()
        }
    };
    draft.finish(&runbooks).map_err(LoadError::Invalid)
}

/// The members of the configuration at `path`, whatever else is still missing or wrong there: their
/// certificates are made before [tls] can name them.
pub fn member_ids(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Vec<MemberId>, LoadError> {
    let draft = read(path, environment)?;
    let members = draft.member_ids();
    if members.is_empty() {
        return match draft.finish(&[]) {
            Err(findings) => Err(LoadError::Invalid(findings)),
            // Without a member it is not valid.
            Ok(_) => Ok(members),
        };
    }
    Ok(members)
}

fn read(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<parse::Draft, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        remedy: remedy(&source),
        source,
    })?;
    let base = path.parent().unwrap_or(Path::new(""));
    let variables: Vec<(String, String)> = environment.collect();
    let source = Source::new(path.display().to_string(), text);
    Ok(parse::draft(&source, &variables, base))
}

/// The process's own variables that could be ours. What is not UTF-8 cannot be.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("FAILOVERD_"))
}

/// Every `*.toml` of a folder by name, and what could not be read of it.
fn runbooks(dir: &Path) -> io::Result<(Vec<Arc<Source>>, Vec<Diagnostic>)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    // The order of a folder differs from host to host; that of the findings should not.
    paths.sort();
    let mut sources = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => sources.push(Source::new(name, text)),
            Err(error) => unreadable.push(
                Diagnostic::error(
                    "config::unreadable",
                    Place::File(name),
                    format!("it cannot be read: {}", in_words(&error)),
                )
                .help(remedy(&error)),
            ),
        }
    }
    Ok((sources, unreadable))
}

/// The same on every system, unlike the system's own words.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        // The kinds of I/O errors are the standard library's, open-ended by its own declaration.
        _ => error.to_string(),
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "Check the path. `failoverd --print-default-config > failoverd.toml` writes an \
             annotated one to begin with."
        }
        io::ErrorKind::PermissionDenied => {
            "Let the user that runs failoverd read it, such as with chmod or a group."
        }
        io::ErrorKind::IsADirectory => "Name the file itself, such as failoverd.toml in it.",
        io::ErrorKind::InvalidData => "Save it as UTF-8 text.",
        // As above.
        _ => "Mend what the system reports, then try again.",
    }
}
