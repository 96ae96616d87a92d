//! The query protocol: a form in, XML out (RDS, Auto Scaling, STS; CloudWatch of older clients).

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::super::world::Refusal;
use super::reply::Reply;
use super::xml;

/// A form as pairs.
pub(super) fn form(body: &[u8]) -> Vec<(String, String)> {
    body.split(|b| *b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let mut text = || {
                let half: Vec<u8> = halves
                    .next()
                    .unwrap_or_default()
                    .iter()
                    .map(|b| if *b == b'+' { b' ' } else { *b })
                    .collect();
                percent_decode(&half).decode_utf8_lossy().into_owned()
            };
            let name = text();
            (name, text())
        })
        .collect()
}

/// `A.member.1.B=c` as `{"A": [{"B": "c"}]}`; without `Action` and `Version`.
pub(super) fn parameters(form: &[(String, String)]) -> Value {
    let mut root = Map::new();
    for (name, value) in form {
        if name != "Action" && name != "Version" {
            insert(&mut root, name, value, DEEPEST);
        }
    }
    tidy(Value::Object(root))
}

/// How deep the dots of a name lead. No operation here goes beyond five; without a bound a megabyte
/// of dots would end the process by its stack.
const DEEPEST: usize = 16;

fn insert(into: &mut Map<String, Value>, path: &str, value: &str, room: usize) {
    match path.split_once('.').filter(|_| room > 0) {
        None => {
            into.insert(path.to_owned(), Value::String(value.to_owned()));
        }
        Some((head, rest)) => {
            let child = into
                .entry(head.to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(child) = child {
                insert(child, rest, value, room - 1);
            }
        }
    }
}

/// Numbered members become lists, and the word that AWS puts before the number disappears.
fn tidy(value: Value) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let mut numbered: Vec<(usize, Value)> = Vec::new();
    let mut named = Map::new();
    for (name, value) in members {
        let value = tidy(value);
        match name.parse() {
            Ok(number) => numbered.push((number, value)),
            Err(_word) => {
                named.insert(name, value);
            }
        }
    }
    if named.is_empty() && !numbered.is_empty() {
        numbered.sort_by_key(|(number, _)| *number);
        return Value::Array(numbered.into_iter().map(|(_, value)| value).collect());
    }
    if named.len() == 1 && named.values().all(Value::is_array) {
        let is_wrapper = named
            .keys()
            .all(|name| matches!(name.as_str(), "member" | "Filter" | "Value"));
        if is_wrapper && let Some(list) = named.values().next() {
            return list.clone();
        }
    }
    Value::Object(named)
}

/// `<OperationResponse><OperationResult>…`.
pub(super) fn answer(
    namespace: &str,
    operation: &str,
    result: &Value,
    item: &dyn Fn(&str) -> String,
) -> Reply {
    let mut body = format!("<{operation}Response xmlns=\"{namespace}\">");
    xml::element(&mut body, &format!("{operation}Result"), result, item);
    body.push_str(&format!(
        "<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{operation}Response>",
        xml::REQUEST_ID
    ));
    Reply::new(200, "text/xml", body.into_bytes())
}

/// An error in the same dress.
pub(super) fn refuse(namespace: &str, refusal: &Refusal) -> Reply {
    Reply::new(
        refusal.status,
        "text/xml",
        xml::error(namespace, refusal).into_bytes(),
    )
}
