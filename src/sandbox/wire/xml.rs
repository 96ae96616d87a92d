//! XML both ways: what AWS's XML protocols need of it and no more.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_xml_entity};
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::super::world::Refusal;

/// Writes `value` as the element `name`. Objects become child elements and lists become
/// `<name><item>…</item></name>`, where `item(name)` names the item.
pub(super) fn element(out: &mut String, name: &str, value: &Value, item: &dyn Fn(&str) -> String) {
    match value {
        Value::Null => {}
        Value::Array(values) => {
            let each = item(name);
            open(out, name);
            for value in values {
                element(out, &each, value, item);
            }
            close(out, name);
        }
        Value::Object(members) => {
            open(out, name);
            for (name, value) in members {
                element(out, name, value, item);
            }
            close(out, name);
        }
        Value::Bool(_) | Value::Number(_) => {
            open(out, name);
            out.push_str(&value.to_string());
            close(out, name);
        }
        Value::String(text) => {
            open(out, name);
            out.push_str(&escape(text.as_str()));
            close(out, name);
        }
    }
}

fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// An error as the XML protocols say it.
pub(super) fn error(namespace: &str, refusal: &Refusal) -> String {
    let kind = if refusal.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{kind}</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>",
        escape(refusal.code.as_str()),
        escape(refusal.message.as_str()),
    )
}

/// The id that stands in bodies; the header's is the real one.
pub(super) const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// How deep elements may lie within each other. No operation here goes beyond ten; a value is
/// dropped by recursion, so that without a bound one request could end the process by its stack.
const DEEPEST: usize = 64;

/// An element that is not closed yet: its name, its children so far, its text so far.
type Open = (String, Vec<(String, Value)>, String);

/// Reads a document: an element with children becomes an object, an element named in `lists` an
/// array of its children, any other its text.
pub(super) fn parse(body: &[u8], lists: &[&str]) -> Result<Value, String> {
    let mut reader = Reader::from_reader(body);
    let mut open: Vec<Open> = vec![(String::new(), Vec::new(), String::new())];
    loop {
        let event = reader.read_event().map_err(|e| e.to_string())?;
        let depth = open.len();
        let top = open.last_mut().ok_or("unbalanced")?;
        match event {
            Event::Start(_) if depth > DEEPEST => {
                return Err(format!("elements nested more than {DEEPEST} deep"));
            }
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                open.push((name, Vec::new(), String::new()));
            }
            Event::Empty(empty) => {
                let name = String::from_utf8_lossy(empty.local_name().as_ref()).into_owned();
                let value = if lists.contains(&name.as_str()) {
                    Value::Array(Vec::new())
                } else {
                    Value::String(String::new())
                };
                top.1.push((name, value));
            }
            Event::Text(text) => top.2.push_str(&text.decode().map_err(|e| e.to_string())?),
            Event::CData(text) => top.2.push_str(&text.decode().map_err(|e| e.to_string())?),
            Event::GeneralRef(entity) => {
                if let Some(c) = entity.resolve_char_ref().map_err(|e| e.to_string())? {
                    top.2.push(c);
                } else {
                    let name = entity.decode().map_err(|e| e.to_string())?;
                    top.2
                        .push_str(resolve_xml_entity(&name).ok_or("unknown entity")?);
                }
            }
            Event::End(_) => {
                let (name, children, text) = open.pop().ok_or("unbalanced")?;
                let value = if lists.contains(&name.as_str()) {
                    Value::Array(children.into_iter().map(|(_, value)| value).collect())
                } else if children.is_empty() {
                    Value::String(text)
                } else {
                    Value::Object(children.into_iter().collect::<Map<_, _>>())
                };
                open.last_mut().ok_or("unbalanced")?.1.push((name, value));
            }
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match open.pop() {
        Some((_, mut roots, _)) if open.is_empty() && roots.len() == 1 => Ok(roots.remove(0).1),
        _other => Err("not one document element".to_owned()),
    }
}
