//! `${application.x}`, `${from.x}` and `${to.x}`.

use std::collections::BTreeMap;

use crate::model::Template;

use super::{Lack, Scene};

/// The text with every template in it replaced.
pub(super) fn fill(scene: &Scene<'_>, template: &Template) -> Result<String, Lack> {
    let mut filled = String::new();
    let mut rest = template.0.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            return Err(Lack::Configuration(format!(
                "`${{{after}` is not closed: write `}}` after the name"
            )));
        };
        filled.push_str(value(scene, name.trim())?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value<'a>(scene: &Scene<'a>, name: &str) -> Result<&'a str, Lack> {
    let (whose, key) = name.split_once('.').unwrap_or((name, ""));
    let region = match whose {
        "application" => {
            let app = scene.app();
            return match key {
                "name" => Ok(app.name.as_str()),
                key => look_up(&app.vars, key)
                    .ok_or_else(|| missing(name, &format!("the application `{}`", app.name), key)),
            };
        }
        "from" => scene.from,
        "to" => scene.to,
        _ => {
            return Err(Lack::Configuration(format!(
                "`${{{name}}}` names nothing: it must begin with `application.`, `from.` or `to.`"
            )));
        }
    };
    match key {
        "name" | "region" => Ok(region.name.as_str()),
        key => look_up(&region.vars, key)
            .ok_or_else(|| missing(name, &format!("the Region `{}`", region.name), key)),
    }
}

fn look_up<'a>(vars: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    vars.get(key).map(String::as_str)
}

fn missing(name: &str, owner: &str, key: &str) -> Lack {
    Lack::Configuration(format!(
        "`${{{name}}}` has no value: add `{key}` to the `vars` of {owner}"
    ))
}
