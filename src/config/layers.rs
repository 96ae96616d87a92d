//! The file, and over it the environment.
//!
//! ```text
//!  failoverd.toml ─▶ Document ──┐
//!                               ├─ figment ─▶ which layer won, key by key ─▶ Node tree
//!  FAILOVERD_NODE__REGION=… ────┘
//! ```
//!
//! figment decides who wins; the tree keeps where the winner was written, so that a mistake in a
//! variable names the variable and a mistake in the file shows its line.

use figment::value::{Dict, Empty, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use crate::runbook::spanned::{Document, Field, Findings, Kind, Node, Place};

/// What our variables begin with.
const PREFIX: &str = "FAILOVERD_";

/// Separates a table from its key. Variables without it are not ours: Kubernetes injects
/// `FAILOVERD_SERVICE_HOST` for a service of our name.
const SEPARATOR: &str = "__";

/// What the environment layer is called within figment.
const ENVIRONMENT: &str = "environment";

/// One variable that is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Override {
    variable: String,
    /// Lower-case keys from the top.
    path: Vec<String>,
    value: String,
}

/// Lays the environment over the document. `None` only where figment itself fails, which is recorded.
pub(super) fn overlay(
    findings: &Findings,
    document: &Document,
    environment: &[(String, String)],
) -> Option<Node> {
    let overrides: Vec<Override> = environment
        .iter()
        .filter_map(|(name, value)| parse(name, value))
        .filter(|given| allowed(findings, &document.root, given))
        .collect();
    let figment = Figment::new()
        .merge(FileLayer(document))
        .merge(EnvironmentLayer(&overrides));
    match figment.find_value("") {
        Ok(merged) => Some(join(
            &figment,
            &merged,
            Some(&document.root),
            "",
            &mut Vec::new(),
        )),
        Err(error) => {
            findings.push(findings.error(
                "layers",
                &document.root.place,
                format!("the file and the environment cannot be joined: {error}"),
            ));
            None
        }
    }
}

fn parse(name: &str, value: &str) -> Option<Override> {
    let keys = name.strip_prefix(PREFIX)?;
    if !keys.contains(SEPARATOR) {
        return None;
    }
    Some(Override {
        variable: name.to_owned(),
        path: keys.split(SEPARATOR).map(str::to_ascii_lowercase).collect(),
        value: value.to_owned(),
    })
}

/// A variable may replace one value; it may not wipe out a list, nor a whole table.
fn allowed(findings: &Findings, root: &Node, given: &Override) -> bool {
    let place = Place::Variable(given.variable.clone());
    let refuse = |message: String, help: String| {
        findings.push(findings.error("bad_override", &place, message).help(help));
        false
    };
    if given.path.iter().any(String::is_empty) {
        return refuse(
            "it names no key".to_owned(),
            format!("Write it as {PREFIX}<SECTION>{SEPARATOR}<KEY>, such as FAILOVERD_NODE__ID."),
        );
    }
    let mut node = root;
    for (depth, key) in given.path.iter().enumerate() {
        let last = depth + 1 == given.path.len();
        let found = match &node.kind {
            Kind::Table(fields) => fields.iter().find(|f| &f.key == key),
            Kind::Text(_)
            | Kind::Whole(_)
            | Kind::Float
            | Kind::Flag(_)
            | Kind::Date
            | Kind::List(_)
            | Kind::Given(_) => None,
        };
        let Some(field) = found else { return true };
        match (&field.node.kind, last) {
            (Kind::List(_), _) => {
                return refuse(
                    format!(
                        "`{}` is a list, and lists stand in the file only",
                        field.key
                    ),
                    format!(
                        "Unset it, and edit `{}` at {} instead.",
                        field.key, field.node.place
                    ),
                );
            }
            (Kind::Table(_), true) => {
                return refuse(
                    format!("`{}` is a table, not a single value", field.key),
                    format!(
                        "Override its keys one by one: {}{SEPARATOR}<KEY>.",
                        given.variable
                    ),
                );
            }
            (
                Kind::Text(_)
                | Kind::Whole(_)
                | Kind::Float
                | Kind::Flag(_)
                | Kind::Date
                | Kind::Given(_),
                false,
            ) if field.key != "region_down" => {
                return refuse(
                    format!("`{}` is a single value and has no keys", field.key),
                    "Check the double underscores in its name.".to_owned(),
                );
            }
            (
                Kind::Table(_)
                | Kind::Text(_)
                | Kind::Whole(_)
                | Kind::Float
                | Kind::Flag(_)
                | Kind::Date
                | Kind::Given(_),
                _,
            ) => node = &field.node,
        }
    }
    true
}

/// The tree of what won, each value with its place.
fn join(
    figment: &Figment,
    merged: &Value,
    file: Option<&Node>,
    key: &str,
    path: &mut Vec<String>,
) -> Node {
    let variable = |path: &[String]| format!("{PREFIX}{}", path.join(SEPARATOR).to_uppercase());
    let from_environment = figment
        .get_metadata(merged.tag())
        .is_some_and(|m| m.name == ENVIRONMENT);
    match (merged, file) {
        (Value::Dict(_, dict), _) => {
            let of_file: &[Field] = match file.map(|f| &f.kind) {
                Some(Kind::Table(fields)) => fields,
                Some(
                    Kind::Text(_)
                    | Kind::Whole(_)
                    | Kind::Float
                    | Kind::Flag(_)
                    | Kind::Date
                    | Kind::List(_)
                    | Kind::Given(_),
                )
                | None => &[],
            };
            let mut fields = Vec::new();
            for field in of_file {
                if let Some(value) = dict.get(&field.key) {
                    path.push(field.key.clone());
                    fields.push(Field {
                        key: field.key.clone(),
                        place: field.place.clone(),
                        node: join(figment, value, Some(&field.node), &field.key, path),
                    });
                    path.pop();
                }
            }
            for (new, value) in dict {
                if of_file.iter().all(|f| &f.key != new) {
                    path.push(new.clone());
                    let node = join(figment, value, None, new, path);
                    fields.push(Field {
                        key: new.clone(),
                        place: node.place.clone(),
                        node,
                    });
                    path.pop();
                }
            }
            let place = match file {
                Some(file) if matches!(file.kind, Kind::Table(_)) => file.place.clone(),
                Some(_) | None => fields
                    .first()
                    .map_or_else(|| Place::Variable(variable(path)), |f| f.place.clone()),
            };
            Node {
                key: key.to_owned(),
                place,
                kind: Kind::Table(fields),
            }
        }
        (Value::String(_, text), _) if from_environment => Node {
            key: key.to_owned(),
            place: Place::Variable(variable(path)),
            kind: Kind::Given(text.clone()),
        },
        (_, Some(file)) => file.clone(),
        // Not reachable through our two layers: what is not from the file is text or a table.
        (other, None) => Node {
            key: key.to_owned(),
            place: Place::Variable(variable(path)),
            kind: Kind::Given(other.as_str().unwrap_or_default().to_owned()),
        },
    }
}

/// The parsed file as a layer.
struct FileLayer<'a>(&'a Document);

impl Provider for FileLayer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.source.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = match value(&self.0.root) {
            Value::Dict(_, dict) => dict,
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => Dict::new(),
        };
        Ok(Profile::Default.collect(dict))
    }
}

fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Text(text) | Kind::Given(text) => Value::from(text.as_str()),
        Kind::Whole(Some(number)) => Value::from(*number),
        Kind::Flag(flag) => Value::from(*flag),
        // Only their place in the tree matters; the value is read from the tree itself.
        Kind::Whole(None) | Kind::Float | Kind::Date => Value::Empty(Tag::Default, Empty::Unit),
        Kind::List(list) => Value::Array(Tag::Default, list.iter().map(value).collect()),
        Kind::Table(fields) => Value::Dict(
            Tag::Default,
            fields
                .iter()
                .map(|field| (field.key.clone(), value(&field.node)))
                .collect(),
        ),
    }
}

/// Our variables as a layer.
struct EnvironmentLayer<'a>(&'a [Override]);

impl Provider for EnvironmentLayer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(ENVIRONMENT)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut dict = Dict::new();
        for given in self.0 {
            insert(&mut dict, &given.path, &given.value);
        }
        Ok(Profile::Default.collect(dict))
    }
}

fn insert(dict: &mut Dict, path: &[String], text: &str) {
    match path {
        [] => {}
        [last] => {
            dict.insert(last.clone(), Value::from(text));
        }
        [first, rest @ ..] => {
            let below = dict
                .entry(first.clone())
                .or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
            if !matches!(below, Value::Dict(..)) {
                *below = Value::Dict(Tag::Default, Dict::new());
            }
            if let Value::Dict(_, below) = below {
                insert(below, rest, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::spanned::Source;

    fn overlaid(file: &str, variables: &[(&str, &str)]) -> (Node, Vec<String>) {
        let findings = Findings::new("config");
        let document = Document::parse(&Source::new("failoverd.toml", file), "config");
        let environment: Vec<(String, String)> = variables
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let node = overlay(&findings, &document, &environment).unwrap();
        let messages = findings
            .into_diagnostics(Vec::new())
            .iter()
            .map(ToString::to_string)
            .collect();
        (node, messages)
    }

    fn leaf<'n>(node: &'n Node, path: &[&str]) -> &'n Node {
        path.iter().fold(node, |node, key| {
            let Kind::Table(fields) = &node.kind else {
                panic!("{key}: not in a table")
            };
            &fields.iter().find(|f| f.key == *key).unwrap().node
        })
    }

    #[test]
    fn a_variable_wins_over_the_file_and_keeps_its_name() {
        let (node, messages) = overlaid(
            "[node]\nid = \"a\"\nregion = \"eu-west-1\"\n",
            &[("FAILOVERD_NODE__ID", "b"), ("FAILOVERD_AWS__PROFILE", "p")],
        );
        assert!(messages.is_empty(), "{messages:?}");
        let id = leaf(&node, &["node", "id"]);
        assert_eq!(id.kind, Kind::Given("b".to_owned()));
        assert_eq!(id.place, Place::Variable("FAILOVERD_NODE__ID".to_owned()));
        let region = leaf(&node, &["node", "region"]);
        assert_eq!(region.kind, Kind::Text("eu-west-1".to_owned()));
        assert_eq!(region.place.line_column(), Some((3, 10)));
        assert_eq!(
            leaf(&node, &["aws", "profile"]).kind,
            Kind::Given("p".to_owned())
        );
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let (node, messages) = overlaid(
            "",
            &[
                ("FAILOVERD_SERVICE_HOST", "10.0.0.1"),
                ("FAILOVERD_CONFIG", "x"),
                ("PATH__X", "y"),
            ],
        );
        assert!(messages.is_empty(), "{messages:?}");
        assert_eq!(node.kind, Kind::Table(Vec::new()));
    }

    #[test]
    fn lists_and_tables_are_not_wiped_out() {
        let file = "[node]\nid = \"a\"\n[[member]]\nid = \"a\"\n";
        for variable in [
            "FAILOVERD_MEMBER__ID",
            "FAILOVERD_NODE__ID__X",
            "FAILOVERD___ID",
        ] {
            let (node, messages) = overlaid(file, &[(variable, "b")]);
            assert_eq!(messages.len(), 1, "{variable}");
            assert!(messages[0].contains(variable), "{messages:?}");
            assert_eq!(
                leaf(&node, &["node", "id"]).kind,
                Kind::Text("a".to_owned())
            );
        }
    }
}
