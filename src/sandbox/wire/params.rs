//! Reading decoded parameters, whatever protocol they came by.

use serde_json::Value;

use super::super::world::Refusal;

/// The code of everything that the sandbox does not know; the caller also finds it in
/// `World::unknown_operations`.
pub(super) const UNKNOWN: &str = "SandboxNotImplemented";

/// Nothing but these members, or the sandbox would pass over what it was asked.
pub(super) fn only(params: &Value, known: &[&str]) -> Result<(), Refusal> {
    let Value::Object(members) = params else {
        return Ok(());
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(unknown_thing(&format!("parameter {unknown}"))),
    }
}

/// Loud: this is a gap in the sandbox.
pub(super) fn unknown_thing(what: &str) -> Refusal {
    Refusal::new(
        501,
        UNKNOWN,
        format!("the sandbox does not know {what}; see World::unknown_operations"),
    )
}

/// A text that must be there; `code` is the service's word for a bad request.
pub(super) fn text<'a>(params: &'a Value, name: &str, code: &str) -> Result<&'a str, Refusal> {
    optional(params, name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| {
            Refusal::bad(
                code,
                format!("1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"),
            )
        })
}

/// A text that may be there.
pub(super) fn optional<'a>(params: &'a Value, name: &str) -> Option<&'a str> {
    params.get(name).and_then(Value::as_str)
}

/// A whole number, as itself or as text.
pub(super) fn number(params: &Value, name: &str, code: &str) -> Result<Option<u64>, Refusal> {
    let Some(value) = params.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        .map(Some)
        .ok_or_else(|| Refusal::bad(code, format!("{name}: {value} is not a whole number")))
}

/// A truth value, as itself or as text; absent is false.
pub(super) fn flag(params: &Value, name: &str) -> bool {
    params
        .get(name)
        .is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"))
}

/// A list of texts; absent is empty.
pub(super) fn texts(params: &Value, name: &str) -> Vec<String> {
    list(params, name)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// A list; absent is empty.
pub(super) fn list<'a>(params: &'a Value, name: &str) -> &'a [Value] {
    params
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
