//! One mistake, where it stands and how to mend it; and all of them together.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::Style;

/// A text and the name a person knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's path as given, or `built-in runbook active-passive`.
    pub name: String,
    pub text: String,
}

impl Source {
    /// A text under that name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
        })
    }
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bytes `start..end` of a file.
    Span {
        source: Arc<Source>,
        start: usize,
        end: usize,
    },
    /// An environment variable, by name.
    Variable(String),
    /// A file or folder as a whole.
    File(String),
}

impl Place {
    /// Line and column, both from 1, columns in characters. Only a span has them.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        match self {
            Self::Span { source, start, .. } => {
                let before = source.text.get(..*start)?;
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next()?.chars().count() + 1;
                Some((line, column))
            }
            Self::Variable(_) | Self::File(_) => None,
        }
    }
}

impl fmt::Display for Place {
    /// `failoverd.toml:12:5`, `environment variable FAILOVERD_NODE__ID`, `failoverd.toml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span { source, .. } => match self.line_column() {
                Some((line, column)) => write!(f, "{}:{line}:{column}", source.name),
                None => f.write_str(&source.name),
            },
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::File(name) => f.write_str(name),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing starts with it.
    Error,
    /// It starts, and somebody should know.
    Warning,
    /// Worth knowing; nothing is wrong.
    Note,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable, for machines and for searching: `config::unknown_key`.
    pub code: String,
    pub place: Place,
    /// What is wrong, as a sentence.
    pub message: String,
    /// A few words that stand at the place itself.
    pub label: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding that stops everything.
    pub fn error(code: impl Into<String>, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.into(),
            place,
            message: message.into(),
            label: "here".to_owned(),
            help: None,
        }
    }

    /// The same, less severe.
    pub fn at(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// With these words at the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With this remedy.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `failoverd.toml:12:5: message (remedy)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A finding as `--output json` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlatDiagnostic {
    pub severity: &'static str,
    pub code: String,
    /// A file, or an environment variable.
    pub place: String,
    /// From 1, where the place is a part of a file; likewise `column`, in characters.
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub message: String,
    pub help: Option<String>,
}

/// Every finding, in the order in which they stand in their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// These, sorted: the configuration, its variables, then its runbooks, each by place.
    pub fn new(mut list: Vec<Diagnostic>) -> Self {
        // Stable: what has no place within its file keeps the order in which it was found.
        list.sort_by_key(|d| {
            let (name, start) = match &d.place {
                Place::Span { source, start, .. } => (source.name.clone(), *start),
                Place::File(name) | Place::Variable(name) => (name.clone(), 0),
            };
            let variable = matches!(d.place, Place::Variable(_));
            (!d.code.starts_with("config::"), variable, name, start)
        });
        Self(list)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many are that severe.
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|d| d.severity == severity).count()
    }

    /// The findings themselves.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }

    /// For machines: one flat record each.
    pub fn flat(&self) -> Vec<FlatDiagnostic> {
        self.0
            .iter()
            .map(|d| {
                let (line, column) = d.place.line_column().unzip();
                FlatDiagnostic {
                    severity: d.severity.as_str(),
                    code: d.code.clone(),
                    place: match &d.place {
                        Place::Span { source, .. } => source.name.clone(),
                        Place::File(name) | Place::Variable(name) => name.clone(),
                    },
                    line,
                    column,
                    message: d.message.clone(),
                    help: d.help.clone(),
                }
            })
            .collect()
    }

    /// For people: each with the source line under it, then a line that counts them.
    pub fn render(&self, style: Style) -> String {
        super::render::render(self, style)
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(list: I) -> Self {
        Self::new(list.into_iter().collect())
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}

impl std::error::Error for Diagnostics {}
