//! Text with `${application.x}`, `${from.x}` and `${to.x}` in it, taken apart.

use std::fmt;

use crate::model::Template;

/// Whose value a reference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Application,
    From,
    To,
}

impl Scope {
    /// The word in front of the dot.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::From => "from",
            Self::To => "to",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What `${application.…}` always has.
pub const APPLICATION_VARS: [&str; 1] = ["name"];

/// What `${from.…}` and `${to.…}` always have: the Region's code, by either word.
pub const REGION_VARS: [&str; 2] = ["name", "region"];

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// Stands as it is.
    Text(String),
    /// Stands for a value.
    Reference { scope: Scope, name: String },
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum TemplateError {
    #[error("`${{{tail}` is never closed by `}}`")]
    Unclosed { tail: String },
    #[error("`${{{inside}}}` is no reference")]
    NoReference { inside: String },
    #[error("`${{{inside}}}` refers to `{scope}`, which does not exist")]
    UnknownScope { inside: String, scope: String },
}

/// Takes a template apart. A `$` that is not followed by `{` is just a dollar.
pub fn pieces(template: &Template) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = template.0.as_str();
    while let Some(start) = rest.find("${") {
        let (text, tail) = rest.split_at(start);
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        let tail = &tail[2..];
        let Some(end) = tail.find('}') else {
            return Err(TemplateError::Unclosed {
                tail: tail.to_owned(),
            });
        };
        pieces.push(reference(&tail[..end])?);
        rest = &tail[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn reference(inside: &str) -> Result<Piece, TemplateError> {
    let no_reference = || TemplateError::NoReference {
        inside: inside.to_owned(),
    };
    let (scope, name) = inside.split_once('.').ok_or_else(no_reference)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(no_reference());
    }
    let scope = match scope {
        "application" => Scope::Application,
        "from" => Scope::From,
        "to" => Scope::To,
        other => {
            return Err(TemplateError::UnknownScope {
                inside: inside.to_owned(),
                scope: other.to_owned(),
            });
        }
    };
    Ok(Piece::Reference {
        scope,
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Result<Vec<Piece>, TemplateError> {
        pieces(&Template(text.to_owned()))
    }

    #[test]
    fn references_are_found_between_text() {
        assert_eq!(
            of("https://${to.host}/$5"),
            Ok(vec![
                Piece::Text("https://".to_owned()),
                Piece::Reference {
                    scope: Scope::To,
                    name: "host".to_owned()
                },
                Piece::Text("/$5".to_owned()),
            ])
        );
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        assert!(matches!(
            of("${to.host"),
            Err(TemplateError::Unclosed { .. })
        ));
        assert!(matches!(
            of("${host}"),
            Err(TemplateError::NoReference { .. })
        ));
        assert!(matches!(
            of("${to.}"),
            Err(TemplateError::NoReference { .. })
        ));
        assert!(matches!(
            of("${app.x}"),
            Err(TemplateError::UnknownScope { .. })
        ));
    }

    proptest! {
        #[test]
        fn pieces_put_together_again_are_the_template(text in "[a-z$/{}.]{0,30}") {
            if let Ok(pieces) = of(&text) {
                let again: String = pieces.into_iter().map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Reference { scope, name } => format!("${{{scope}.{name}}}"),
                }).collect();
                prop_assert_eq!(again, text);
            }
        }
    }
}
