//! A TOML text as a tree of values that know where they stand.
//!
//! Our own small tree, not toml's: values from the environment join it, and those have a variable
//! for a place instead of a line.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::{Diagnostic, Place, Source};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The key it stands under; for a list's element the list's key.
    pub key: String,
    pub place: Place,
    pub kind: Kind,
}

/// What sort of value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Text(String),
    /// `None`: a whole number beyond what 64 bits hold.
    Whole(Option<i64>),
    Float,
    Flag(bool),
    Date,
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<Field>),
    /// From the environment: taken as whatever the key's type is.
    Given(String),
}

impl Kind {
    /// What a person calls it.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Whole(_) => "a whole number",
            Self::Float => "a number with a fraction",
            Self::Flag(_) => "true or false",
            Self::Date => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Given(_) => "a variable's value",
        }
    }
}

/// One key of a table and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

/// A parsed text.
#[derive(Clone, Debug)]
pub struct Document {
    pub source: Arc<Source>,
    /// Always a table. Holds what could be made out where the text has syntax errors.
    pub root: Node,
    /// What is no TOML.
    pub syntax: Vec<Diagnostic>,
}

impl Document {
    /// Parses, collecting every syntax error; `room` starts their code: `config::syntax`.
    pub fn parse(source: &Arc<Source>, room: &str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        let syntax = errors
            .into_iter()
            .map(|error| {
                let span = error.span().unwrap_or(0..0);
                let place = span_of(source, span);
                let twice = error.message() == "duplicate key";
                let help = if twice {
                    "Keep one of the two."
                } else {
                    "Text values stand in quotes; a list of tables begins with [[name]]. The format \
                     is described at https://toml.io."
                };
                Diagnostic::error(
                    format!("{room}::syntax"),
                    place,
                    if twice {
                        "this key stands in its table already".to_owned()
                    } else {
                        format!("this is not TOML: {}", error.message())
                    },
                )
                .label(if twice { "a second time" } else { "the parser stumbled here" })
                .help(help)
            })
            .collect();
        let fields = fields(source, table.get_ref());
        Self {
            source: Arc::clone(source),
            root: Node {
                key: String::new(),
                place: Place::File(source.name.clone()),
                kind: Kind::Table(fields),
            },
            syntax,
        }
    }
}

fn span_of(source: &Arc<Source>, span: std::ops::Range<usize>) -> Place {
    Place::Span {
        source: Arc::clone(source),
        start: span.start,
        end: span.end,
    }
}

fn fields(source: &Arc<Source>, table: &DeTable<'_>) -> Vec<Field> {
    let mut fields: Vec<(usize, Field)> = table
        .iter()
        .map(|(key, value)| {
            let name = key.get_ref().to_string();
            let field = Field {
                place: span_of(source, key.span()),
                node: node(source, &name, value.span(), value.get_ref()),
                key: name,
            };
            (key.span().start, field)
        })
        .collect();
    fields.sort_by_key(|(start, _)| *start);
    fields.into_iter().map(|(_, field)| field).collect()
}

fn node(
    source: &Arc<Source>,
    key: &str,
    span: std::ops::Range<usize>,
    value: &DeValue<'_>,
) -> Node {
    let kind = match value {
        DeValue::String(text) => Kind::Text(text.to_string()),
        DeValue::Integer(number) => {
            Kind::Whole(i64::from_str_radix(number.as_str(), number.radix()).ok())
        }
        DeValue::Float(_) => Kind::Float,
        DeValue::Boolean(flag) => Kind::Flag(*flag),
        DeValue::Datetime(_) => Kind::Date,
        DeValue::Array(list) => Kind::List(
            list.iter()
                .map(|element| node(source, key, element.span(), element.get_ref()))
                .collect(),
        ),
        DeValue::Table(table) => Kind::Table(fields(source, table)),
    };
    Node {
        key: key.to_owned(),
        place: span_of(source, span),
        kind,
    }
}
