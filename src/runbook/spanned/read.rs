//! Readers of single values. Each either gives the value or records why not, with an example of how
//! it is written. A value from the environment is taken as the type that is asked for.

use std::ops::RangeInclusive;

use super::{DurationError, Findings, Kind, Node, Place, closest, parse_duration};
use crate::model::{Millis, StatusRange};

/// What a reader calls the value: the variable that brought it, or its key.
pub fn subject(node: &Node) -> String {
    match &node.place {
        Place::Variable(_) => "its value".to_owned(),
        Place::Span { .. } | Place::File(_) => format!("`{}`", node.key),
    }
}

/// Records that the value is of another type.
pub fn wrong_type(findings: &Findings, node: &Node, wanted: &str, example: &str) {
    let is = match &node.kind {
        Kind::Given(text) => format!("`{text}`"),
        Kind::Whole(None) => "larger than 64 bits hold".to_owned(),
        Kind::Text(_)
        | Kind::Whole(Some(_))
        | Kind::Float
        | Kind::Flag(_)
        | Kind::Date
        | Kind::List(_)
        | Kind::Table(_) => node.kind.describe().to_owned(),
    };
    let message = format!("{} must be {wanted}, but is {is}", subject(node));
    let help = match &node.place {
        Place::Variable(name) => format!("Set {name} to something like {example}, or unset it."),
        Place::Span { .. } | Place::File(_) => {
            format!("Write it like this: {} = {example}", node.key)
        }
    };
    findings.push(
        findings
            .error("wrong_type", &node.place, message)
            .label(format!("not {wanted}"))
            .help(help),
    );
}

/// Records that the value is of the right type and still not a good one.
pub fn bad_value(
    findings: &Findings,
    node: &Node,
    message: impl Into<String>,
    label: impl Into<String>,
    help: impl Into<String>,
) {
    findings.push(
        findings
            .error("bad_value", &node.place, message)
            .label(label)
            .help(help),
    );
}

/// The bare text, where it is text at all.
fn raw<'n>(findings: &Findings, node: &'n Node, wanted: &str, example: &str) -> Option<&'n str> {
    match &node.kind {
        Kind::Text(text) | Kind::Given(text) => Some(text),
        Kind::Whole(_)
        | Kind::Float
        | Kind::Flag(_)
        | Kind::Date
        | Kind::List(_)
        | Kind::Table(_) => {
            wrong_type(findings, node, wanted, example);
            None
        }
    }
}

/// Text that is not empty.
pub fn text(findings: &Findings, node: &Node) -> Option<String> {
    let text = raw(findings, node, "text", "\"…\"")?;
    if text.trim().is_empty() {
        bad_value(
            findings,
            node,
            format!("{} is empty", subject(node)),
            "nothing in here",
            "Write something, or remove the key.",
        );
        return None;
    }
    Some(text.to_owned())
}

/// A name: letters, digits, `-`, `_` and `.`, so that it can stand in a path, a metric label and a
/// client token unchanged.
pub fn name(findings: &Findings, node: &Node) -> Option<String> {
    let text = text(findings, node)?;
    // Client tokens are cut at 64 characters by the shortest API; a run id adds its epoch.
    let short = text.len() <= 48;
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if short && plain {
        return Some(text);
    }
    bad_value(
        findings,
        node,
        format!("{} is no name: `{text}`", subject(node)),
        "not a name",
        "A name is up to 48 letters, digits, dashes, underscores and dots, such as `shop-web`.",
    );
    None
}

/// `true` or `false`.
pub fn flag(findings: &Findings, node: &Node) -> Option<bool> {
    match &node.kind {
        Kind::Flag(flag) => return Some(*flag),
        Kind::Given(text) if text == "true" => return Some(true),
        Kind::Given(text) if text == "false" => return Some(false),
        Kind::Given(_)
        | Kind::Text(_)
        | Kind::Whole(_)
        | Kind::Float
        | Kind::Date
        | Kind::List(_)
        | Kind::Table(_) => {}
    }
    wrong_type(findings, node, "true or false", "true");
    None
}

/// A whole number within `range`.
pub fn whole<T>(range: RangeInclusive<T>) -> impl Fn(&Findings, &Node) -> Option<T>
where
    T: TryFrom<i64> + Into<i64> + Copy,
{
    let (low, high): (i64, i64) = ((*range.start()).into(), (*range.end()).into());
    move |findings, node| {
        let number = match &node.kind {
            Kind::Whole(number) => *number,
            Kind::Given(text) => text.trim().parse().ok(),
            Kind::Text(_)
            | Kind::Float
            | Kind::Flag(_)
            | Kind::Date
            | Kind::List(_)
            | Kind::Table(_) => None,
        };
        let Some(number) = number else {
            wrong_type(findings, node, "a whole number", &low.max(1).to_string());
            return None;
        };
        let within = (low..=high).contains(&number);
        let Some(value) = T::try_from(number).ok().filter(|_| within) else {
            let message = format!("{} is {number}, outside {low} to {high}", subject(node));
            findings.push(
                findings
                    .error("out_of_range", &node.place, message)
                    .label(format!("must be {low} to {high}"))
                    .help(format!("Choose a whole number from {low} to {high}.")),
            );
            return None;
        };
        Some(value)
    }
}

/// A length of time within `range`.
pub fn duration(range: RangeInclusive<Millis>) -> impl Fn(&Findings, &Node) -> Option<Millis> {
    move |findings, node| {
        let wanted = "a length of time in quotes";
        let text = raw(findings, node, wanted, "\"30s\"")?;
        let length = match parse_duration(text) {
            Ok(length) => length,
            Err(why) => {
                let help = match why {
                    DurationError::NoUnit => format!("Did you mean \"{text}s\"?"),
                    DurationError::Empty
                    | DurationError::UnknownUnit
                    | DurationError::NoNumber
                    | DurationError::Order
                    | DurationError::TooLong => {
                        "Write it like \"250ms\", \"30s\", \"5m\" or \"1h5m\".".to_owned()
                    }
                };
                let message = format!("{} is no length of time: {why}", subject(node));
                bad_value(findings, node, message, "not a length of time", help);
                return None;
            }
        };
        if !range.contains(&length) {
            let (low, high) = (range.start(), range.end());
            let message = format!("{} is {length}, outside {low} to {high}", subject(node));
            findings.push(
                findings
                    .error("out_of_range", &node.place, message)
                    .label(format!("must be {low} to {high}"))
                    .help(format!("Choose a length of time from {low} to {high}.")),
            );
            return None;
        }
        Some(length)
    }
}

/// One of a few words.
pub fn one_of<T: Copy + 'static>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Findings, &Node) -> Option<T> {
    move |findings, node| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let all = known
            .iter()
            .map(|word| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let example = format!("\"{}\"", known.first().unwrap_or(&""));
        let text = raw(findings, node, &format!("one of {all}"), &example)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let help = match closest(text, &known) {
            Some(word) => format!("Did you mean \"{word}\"? It may be {all}."),
            None => format!("It may be {all}."),
        };
        let message = format!("{} is \"{text}\", which means nothing here", subject(node));
        bad_value(findings, node, message, "unknown word", help);
        None
    }
}

/// A list of whatever `read` reads; elements it refuses are left out.
pub fn list<'a, T>(
    read: impl Fn(&'a Findings, &'a Node) -> Option<T>,
) -> impl Fn(&'a Findings, &'a Node) -> Option<Vec<T>> {
    move |findings, node| match &node.kind {
        Kind::List(elements) => Some(
            elements
                .iter()
                .filter_map(|element| read(findings, element))
                .collect(),
        ),
        Kind::Text(_)
        | Kind::Whole(_)
        | Kind::Float
        | Kind::Flag(_)
        | Kind::Date
        | Kind::Table(_)
        | Kind::Given(_) => {
            match &node.place {
                Place::Variable(name) => findings.push(
                    findings
                        .error(
                            "wrong_type",
                            &node.place,
                            format!("`{}` is a list, and lists stand in the file only", node.key),
                        )
                        .help(format!(
                            "Unset {name} and edit `{}` in the file instead.",
                            node.key
                        )),
                ),
                Place::Span { .. } | Place::File(_) => {
                    let wanted = match &node.kind {
                        Kind::Table(_) => "a list of tables",
                        Kind::Text(_)
                        | Kind::Whole(_)
                        | Kind::Float
                        | Kind::Flag(_)
                        | Kind::Date
                        | Kind::List(_)
                        | Kind::Given(_) => "a list",
                    };
                    let message = format!(
                        "`{}` must be {wanted}, but is {}",
                        node.key,
                        node.kind.describe()
                    );
                    let help = match &node.kind {
                        Kind::Table(_) => format!(
                            "Write [[{0}]] with double brackets above each {0}.",
                            node.key
                        ),
                        Kind::Text(_)
                        | Kind::Whole(_)
                        | Kind::Float
                        | Kind::Flag(_)
                        | Kind::Date
                        | Kind::List(_)
                        | Kind::Given(_) => format!("Write it like this: {} = [ … ]", node.key),
                    };
                    findings.push(
                        findings
                            .error("wrong_type", &node.place, message)
                            .label("not a list")
                            .help(help),
                    );
                }
            }
            None
        }
    }
}

/// The value with its place.
pub fn located<'a, T>(
    read: impl Fn(&'a Findings, &'a Node) -> Option<T>,
) -> impl Fn(&'a Findings, &'a Node) -> Option<super::Located<T>> {
    move |findings, node| {
        Some(super::Located {
            value: read(findings, node)?,
            place: node.place.clone(),
        })
    }
}

/// An absolute `http://` or `https://` URL, without credentials in it.
pub fn http_url(findings: &Findings, node: &Node) -> Option<String> {
    let text = raw(
        findings,
        node,
        "a URL in quotes",
        "\"https://example.com/\"",
    )?;
    match check_http_url(text) {
        Ok(()) => Some(text.to_owned()),
        Err(why) => {
            bad_value(
                findings,
                node,
                format!("{} is no usable URL: {why}", subject(node)),
                "not a usable URL",
                "Write an absolute one, such as \"https://web.eu-west-1.example.com/healthz\".",
            );
            None
        }
    }
}

/// Why a text is no URL that can be asked; `Ok` if it is one.
pub fn check_http_url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            "it does not begin with http:// or https://".to_owned()
        }
        // The error is another library's, open-ended by its own declaration.
        other => other.to_string(),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "its scheme is `{}`, not http or https",
            url.scheme()
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds credentials, which would show up in logs".to_owned());
    }
    Ok(())
}

/// An HTTP method.
pub fn method(findings: &Findings, node: &Node) -> Option<String> {
    one_of(&[
        ("GET", "GET"),
        ("HEAD", "HEAD"),
        ("POST", "POST"),
        ("PUT", "PUT"),
        ("PATCH", "PATCH"),
        ("DELETE", "DELETE"),
        ("OPTIONS", "OPTIONS"),
    ])(findings, node)
    .map(str::to_owned)
}

/// Status codes: `200`, `"2xx"`, `"200-299"`, or a list of such.
pub fn statuses(findings: &Findings, node: &Node) -> Option<Vec<StatusRange>> {
    match &node.kind {
        Kind::List(elements) if elements.is_empty() => {
            bad_value(
                findings,
                node,
                format!("{} is empty: no answer would do", subject(node)),
                "no status",
                "Name at least one, such as 200 or \"2xx\".",
            );
            None
        }
        // Every element is looked at before any is refused.
        Kind::List(elements) => {
            let ranges: Vec<Option<StatusRange>> =
                elements.iter().map(|e| status(findings, e)).collect();
            ranges.into_iter().collect()
        }
        Kind::Text(_)
        | Kind::Whole(_)
        | Kind::Float
        | Kind::Flag(_)
        | Kind::Date
        | Kind::Table(_)
        | Kind::Given(_) => status(findings, node).map(|range| vec![range]),
    }
}

fn status(findings: &Findings, node: &Node) -> Option<StatusRange> {
    let range = match &node.kind {
        Kind::Whole(Some(code)) => u16::try_from(*code).ok().map(|c| (c, c)),
        Kind::Text(text) => match text.split_once('-') {
            Some((low, high)) => low.trim().parse().ok().zip(high.trim().parse().ok()),
            None => text
                .strip_suffix("xx")
                .and_then(|class| class.parse::<u16>().ok())
                .filter(|class| (1..=5).contains(class))
                .map(|class| (class * 100, class * 100 + 99)),
        },
        Kind::Whole(None)
        | Kind::Float
        | Kind::Flag(_)
        | Kind::Date
        | Kind::List(_)
        | Kind::Table(_)
        | Kind::Given(_) => None,
    };
    match range {
        Some((low, high)) if (100..=599).contains(&low) && (low..=599).contains(&high) => {
            Some(StatusRange { low, high })
        }
        Some(_) | None => {
            bad_value(
                findings,
                node,
                format!("{} names no HTTP status", subject(node)),
                "not a status",
                "Use a code from 100 to 599, a class such as \"2xx\", a range such as \"200-204\", \
                 or a list of these.",
            );
            None
        }
    }
}
