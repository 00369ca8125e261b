//! Clusters, listeners and routes: the resource that is intended against the one that is live.

use meshkat_discovery::Kind;
use serde_json::{Map, Value};

use crate::{
    live::Found,
    row::shortened,
    sensitive::{has_sensitive, is_sensitive},
};

/// The longest value that is shown whole.
const LONGEST: usize = 60;

/// What Envoy shows in the place of a secret, as text and as bytes.
const REDACTED: [&str; 2] = ["[redacted]", "W3JlZGFjdGVkXQ=="];

/// How a resource that is intended differs from what the Envoy has of its name, in words that follow the name.
pub(crate) fn differences(kind: Kind, intended: &Value, found: Option<&Found>) -> Vec<String> {
    let Some(found) = found else {
        return vec![format!("is missing: the Envoy has no such {}", kind.singular())];
    };
    let mut differences = Vec::new();
    let warming = found.warming.as_ref();
    match &found.active {
        Some(active) => {
            if let Some((path, is, should)) = first_difference(intended, active, String::new()) {
                differences.push(
                    if warming.is_some_and(|warming| first_difference(intended, warming, String::new()).is_none()) {
                        format!(
                            "is still as it was: the new one waits for its {}",
                            waits_for(kind, intended)
                        )
                    } else if kind == Kind::Secrets || is_sensitive(&path) {
                        // What the Envoy hides is not hidden in what the discovery service says.
                        format!("has something else in `{path}`")
                    } else {
                        format!("has {} in `{path}`, not {}", shown(is), shown(should))
                    },
                );
            }
        }
        None if warming.is_some() => {
            differences.push(format!(
                "is not in use yet: it waits for its {}",
                waits_for(kind, intended)
            ));
        }
        None => differences.push("is not in use".to_owned()),
    }
    if let Some(error) = &found.error
        && !differences.is_empty()
    {
        differences.push(format!("was not taken: {}", shortened(error)));
    }
    differences
}

fn waits_for(kind: Kind, intended: &Value) -> &'static str {
    let has_secrets = intended.to_string().contains("\"sds_config\"");
    match (kind, has_secrets) {
        (Kind::Listeners, false) => "routes",
        (Kind::Listeners, true) => "routes or secrets",
        (_, false) => "endpoints",
        (_, true) => "endpoints or secrets",
    }
}

/// The first place where two resources differ, with what is there and what should be.
fn first_difference<'a>(intended: &'a Value, live: &'a Value, path: String) -> Option<(String, &'a Value, &'a Value)> {
    match (intended, live) {
        // A secret is not shown, and so not compared.
        (_, Value::String(text)) if REDACTED.contains(&text.as_str()) => None,
        (Value::Object(wanted), Value::Object(found)) => {
            let of = |name: &str| {
                if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                }
            };
            let mut names: Vec<&String> = wanted.keys().chain(found.keys()).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().find_map(|name| {
                let field = |fields: &'a Map<String, Value>| fields.get(name).unwrap_or(&Value::Null);
                first_difference(field(wanted), field(found), of(name))
            })
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(index, (wanted, found))| first_difference(wanted, found, format!("{path}[{index}]"))),
        (wanted, found) if wanted == found => None,
        (wanted, found) => Some((path, found, wanted)),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(items) => match items.len() {
            1 => "1 entry".to_owned(),
            several => format!("{several} entries"),
        },
        Value::Object(_) => {
            let text = value.to_string();
            if text.len() > LONGEST || has_sensitive(value) {
                "something else".to_owned()
            } else {
                text
            }
        }
        Value::String(text) => shortened(text),
        other => other.to_string(),
    }
}
