//! Walking a table. The keys that are asked for *are* the keys that are known: whatever nobody asked
//! for is an unknown key, and the known ones are what its suggestion is drawn from. So the list of
//! keys can never fall behind the code that reads them.

use std::cell::RefCell;

use super::{Diagnostic, Diagnostics, Field, Kind, Node, Place, Severity};

/// Where findings gather while a file is walked.
#[derive(Debug)]
pub struct Findings {
    /// Begins every code: `config` or `runbook`.
    room: &'static str,
    list: RefCell<Vec<Diagnostic>>,
}

impl Findings {
    /// None yet.
    pub fn new(room: &'static str) -> Self {
        Self {
            room,
            list: RefCell::default(),
        }
    }

    /// Records one.
    pub fn push(&self, finding: Diagnostic) {
        self.list.borrow_mut().push(finding);
    }

    /// Records many.
    pub fn extend(&self, findings: impl IntoIterator<Item = Diagnostic>) {
        self.list.borrow_mut().extend(findings);
    }

    /// An error with this room's code, not yet recorded.
    pub fn error(&self, code: &str, place: &Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(format!("{}::{code}", self.room), place.clone(), message)
    }

    /// A warning with this room's code, not yet recorded.
    pub fn warning(&self, code: &str, place: &Place, message: impl Into<String>) -> Diagnostic {
        self.error(code, place, message).at(Severity::Warning)
    }

    /// A note with this room's code, not yet recorded.
    pub fn note(&self, code: &str, place: &Place, message: impl Into<String>) -> Diagnostic {
        self.error(code, place, message).at(Severity::Note)
    }

    /// Whether an error is among them.
    pub fn has_errors(&self) -> bool {
        self.list
            .borrow()
            .iter()
            .any(|d| d.severity == Severity::Error)
    }

    /// The errors alone, where there are any: a warning drawn from half a file may be wrong, and will
    /// be told once the errors are mended. Where the text itself has syntax errors, what follows from the missing rest is
    /// left out: nobody should be told to add a key that stands on the broken line.
    pub fn into_diagnostics(self, syntax: Vec<Diagnostic>) -> Diagnostics {
        let mut list = self.list.into_inner();
        if !syntax.is_empty() || list.iter().any(|d| d.severity == Severity::Error) {
            list.retain(|d| d.severity == Severity::Error);
        }
        if syntax.is_empty() {
            return Diagnostics::new(list);
        }
        let broken: Vec<Option<(usize, usize)>> =
            syntax.iter().map(|d| d.place.line_column()).collect();
        let on_broken_line = |d: &Diagnostic| {
            let line = d.place.line_column().map(|(line, _)| line);
            broken
                .iter()
                .any(|b| b.map(|(line, _)| line) == line && line.is_some())
        };
        let stands_alone = |d: &Diagnostic| {
            [
                "bad_arn",
                "bad_override",
                "bad_template",
                "bad_value",
                "out_of_range",
                "unknown_action",
                "unknown_key",
                "unknown_region",
                "wrong_type",
            ]
            .iter()
            .any(|code| d.code.ends_with(code))
        };
        let kept: Vec<Diagnostic> = list
            .into_iter()
            .filter(|d| stands_alone(d) && !on_broken_line(d))
            .collect();
        Diagnostics::new(syntax.into_iter().chain(kept).collect())
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    pub value: T,
    pub place: Place,
}

/// One table being read.
pub struct Table<'a> {
    findings: &'a Findings,
    /// What it describes, for messages: `step \`flip-dns\``, `[node]`.
    what: RefCell<String>,
    place: &'a Place,
    fields: &'a [Field],
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    /// Reads `node` as a table through `read`, then reports every key that was not asked for.
    pub fn walk<T>(
        findings: &'a Findings,
        node: &'a Node,
        what: &str,
        read: impl FnOnce(&Table<'a>) -> Option<T>,
    ) -> Option<T> {
        let fields = Self::fields_of(findings, node, what)?;
        let table = Self {
            findings,
            what: RefCell::new(what.to_owned()),
            place: &node.place,
            fields,
            asked: RefCell::default(),
        };
        let value = read(&table);
        table.report_unknown();
        value
    }

    /// Reads a section that may be absent: `read` sees an empty table then, and gives its defaults.
    pub fn section<T>(
        &self,
        key: &'static str,
        what: &str,
        read: impl FnOnce(&Table<'a>) -> T,
    ) -> T {
        let (place, fields) = match self.get(key) {
            None => (self.place, None),
            Some(node) => (&node.place, Self::fields_of(self.findings, node, what)),
        };
        let table = Self {
            findings: self.findings,
            what: RefCell::new(what.to_owned()),
            place,
            fields: fields.unwrap_or_default(),
            asked: RefCell::default(),
        };
        let value = read(&table);
        table.report_unknown();
        value
    }

    fn fields_of(findings: &Findings, node: &'a Node, what: &str) -> Option<&'a [Field]> {
        if let Kind::Table(fields) = &node.kind {
            return Some(fields);
        }
        let message = format!("{what} must be a table, but is {}", node.kind.describe());
        findings.push(
            findings
                .error("wrong_type", &node.place, message)
                .label("a table belongs here")
                .help(format!(
                    "Write it as [{0}] with its keys below, or as {0} = {{ … }}.",
                    node.key
                )),
        );
        None
    }

    /// Where findings go.
    pub fn findings(&self) -> &'a Findings {
        self.findings
    }

    /// Where the table stands.
    pub fn place(&self) -> &'a Place {
        self.place
    }

    /// Gives it a better name once that is known.
    pub fn rename(&self, what: impl Into<String>) {
        *self.what.borrow_mut() = what.into();
    }

    /// What it is called in messages.
    pub fn what(&self) -> String {
        self.what.borrow().clone()
    }

    /// Every field, asked for; for tables whose keys are the author's own.
    pub fn fields(&self) -> &'a [Field] {
        self.fields
    }

    /// The value of a key, if it is there. From now on the key is a known one.
    pub fn get(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().push(key);
        self.fields.iter().find(|f| f.key == key).map(|f| &f.node)
    }

    /// The value of a key, where it is there and `read` accepts it.
    pub fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&'a Findings, &'a Node) -> Option<T>,
    ) -> Option<T> {
        read(self.findings, self.get(key)?)
    }

    /// Likewise; `default` where it is not there. `None` only where `read` refused it.
    pub fn or<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&'a Findings, &'a Node) -> Option<T>,
    ) -> Option<T> {
        match self.get(key) {
            Some(node) => read(self.findings, node),
            None => Some(default),
        }
    }

    /// Likewise, with its place.
    pub fn located<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&'a Findings, &'a Node) -> Option<T>,
    ) -> Option<Located<T>> {
        let node = self.get(key)?;
        Some(Located {
            value: read(self.findings, node)?,
            place: node.place.clone(),
        })
    }

    /// The value of a key that must be there; `example` shows how it is written.
    pub fn required<T>(
        &self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&'a Findings, &'a Node) -> Option<T>,
    ) -> Option<T> {
        match self.get(key) {
            Some(node) => read(self.findings, node),
            None => {
                self.missing(key, example);
                None
            }
        }
    }

    /// Records that a key is missing.
    pub fn missing(&self, key: &str, example: &str) {
        // Of a misspelled key only the spelling is reported: its suggestion is the remedy.
        let asked = self.asked.borrow();
        let misspelled = self
            .fields
            .iter()
            .any(|f| !asked.contains(&f.key.as_str()) && closest(&f.key, &[key]).is_some());
        if misspelled {
            return;
        }
        let message = format!("{} has no `{key}`", self.what.borrow());
        self.findings.push(
            self.findings
                .error("missing_key", self.place, message)
                .label(format!("`{key}` is missing here"))
                .help(format!("Add it like this: {example}")),
        );
    }

    fn report_unknown(&self) {
        let asked = self.asked.borrow();
        for field in self.fields {
            if asked.contains(&field.key.as_str()) {
                continue;
            }
            let what = self.what.borrow();
            // The variable that brought it, where it came from the environment.
            let place = &field.place;
            let message = match place {
                Place::Variable(_) => format!("{what} has no key `{}` to override", field.key),
                Place::Span { .. } | Place::File(_) => {
                    format!("{what} has no key `{}`", field.key)
                }
            };
            let mut known: Vec<&str> = asked.clone();
            known.sort_unstable();
            known.dedup();
            let help = match (closest(&field.key, &known), place) {
                (Some(known), Place::Variable(name)) => format!(
                    "Did you mean {}?",
                    name.strip_suffix(&field.key.to_ascii_uppercase())
                        .map(|stem| format!("{stem}{}", known.to_ascii_uppercase()))
                        .unwrap_or_else(|| known.to_owned())
                ),
                (Some(known), Place::Span { .. } | Place::File(_)) => {
                    format!("Did you mean `{known}`?")
                }
                (None, _) if known.is_empty() => "Remove it.".to_owned(),
                (None, _) => format!("Remove it, or use one of: {}.", known.join(", ")),
            };
            self.findings.push(
                self.findings
                    .error("unknown_key", place, message)
                    .label("unknown key")
                    .help(help),
            );
        }
    }
}

/// The known word that was probably meant.
pub fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        // A third of the letters may differ: `timout` is `timeout`, `url` is not `uses`.
        .filter(|(distance, candidate)| {
            *distance * 3 <= candidate.chars().count().max(word.chars().count())
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(
            closest("timout", &["timeout", "needs", "uses"]),
            Some("timeout")
        );
        assert_eq!(
            closest("neds", &["timeout", "needs", "uses"]),
            Some("needs")
        );
        assert_eq!(closest("colour", &["timeout", "needs", "uses"]), None);
        assert_eq!(closest("x", &[]), None);
    }
}
