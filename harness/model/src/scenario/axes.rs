//! What varies: reading axes, and putting their values in.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    source::{Diagnostic, Source},
    suggest::did_you_mean,
    yaml::{Kind, Node},
};

/// Reads `axes:` of a scenario; none is an empty map.
pub(super) fn read(source: &Source, node: &Node) -> Result<IndexMap<String, Vec<Value>>, Vec<Diagnostic>> {
    let mut axes = IndexMap::new();
    let Some(written) = node.get("axes") else {
        return Ok(axes);
    };
    let Kind::Mapping(entries) = &written.kind else {
        return Err(vec![
            Diagnostic::new(
                source,
                written.place,
                "`axes` is a mapping of names to lists of values",
                "not a mapping",
            )
            .help("for example `axes: {pets: [1, 3]}`"),
        ]);
    };
    let mut wrong = Vec::new();
    for (key, values) in entries {
        let name = &key.text;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            wrong.push(
                Diagnostic::new(
                    source,
                    key.place,
                    format!("`{name}` is not a name for an axis"),
                    "not an axis' name",
                )
                .help("letters, digits, hyphens and underscores"),
            );
        }
        let Kind::Sequence(items) = &values.kind else {
            wrong.push(
                Diagnostic::new(
                    source,
                    values.place,
                    format!("the axis `{name}` needs a list of values"),
                    "not a list",
                )
                .help(format!("for example `{name}: [1, 3]`")),
            );
            continue;
        };
        if items.is_empty() {
            wrong.push(
                Diagnostic::new(
                    source,
                    values.place,
                    format!("the axis `{name}` has no values"),
                    "an empty list",
                )
                .help("a scenario with an axis without values has no cases; remove the axis or give it a value"),
            );
        }
        let mut all = Vec::new();
        for item in items {
            let value = item.to_json();
            if !matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)) {
                wrong.push(
                    Diagnostic::new(
                        source,
                        item.place,
                        "an axis' value is a word, a number, true or false",
                        "not one of these",
                    )
                    .help("name the variants by words"),
                );
            } else if text(&value).is_empty() || text(&value).contains(['[', ']', ',', '=', '\n', '/']) {
                wrong.push(
                    Diagnostic::new(source, item.place, format!("`{}` cannot be a value in a case's id", text(&value)), "not allowed")
                        .help("ids have the form name[axis=value,axis=value]: avoid brackets, commas, slashes and equals signs"),
                );
            } else if all.contains(&value) {
                wrong.push(
                    Diagnostic::new(
                        source,
                        item.place,
                        format!("the axis `{name}` has `{}` twice", text(&value)),
                        "the second one",
                    )
                    .help("remove one of them"),
                );
            }
            all.push(value);
        }
        axes.insert(name.clone(), all);
    }
    wrong.extend(unused(source, node, entries));
    if wrong.is_empty() { Ok(axes) } else { Err(wrong) }
}

/// Axes that nothing in the file refers to: they would only run the same case several times.
fn unused(source: &Source, node: &Node, axes: &[(crate::yaml::Key, Node)]) -> Vec<Diagnostic> {
    let text = source.text();
    let refers = |name: &str| text.contains(&format!("${{{name}}}")) || text.contains(&format!("params.{name}"));
    if node.get("steps").is_none() {
        return Vec::new();
    }
    axes.iter()
        .filter(|(key, _)| !refers(&key.text))
        .map(|(key, _)| {
            Diagnostic::new(
                source,
                key.place,
                format!("the axis `{}` varies nothing", key.text),
                "never used",
            )
            .help(format!(
                "use it as `${{{}}}` in the mesh or in a step, or remove it",
                key.text
            ))
        })
        .collect()
}

/// The file's tree with `${axis}` replaced by the case's values.
pub(super) fn substitute(source: &Source, node: &Node, params: &IndexMap<String, Value>) -> Result<Node, Diagnostic> {
    let mut node = node.clone();
    node.rewrite(&mut |written, plain, place| {
        let mut done = String::new();
        let mut rest = written.as_str();
        let mut whole = None;
        while let Some(start) = rest.find("${") {
            let Some(end) = rest[start..].find('}') else {
                return Err(
                    Diagnostic::new(source, place, "`${` without its `}`", "not closed").help("write `${axis}`")
                );
            };
            let name = &rest[start + 2..start + end];
            let value = params.get(name).ok_or_else(|| {
                Diagnostic::new(source, place, format!("there is no axis `{name}`"), "unknown axis")
                    .help(did_you_mean(name, params.keys().map(String::as_str)))
            })?;
            if start == 0 && rest.len() == written.len() && end + 1 == rest.len() {
                whole = Some(value);
            }
            done.push_str(&rest[..start]);
            done.push_str(&text(value));
            rest = &rest[start + end + 1..];
        }
        if let Some(value) = whole {
            // A value that stands alone keeps its type, whether or not the reference was quoted.
            *plain = !value.is_string();
        }
        done.push_str(rest);
        *written = done;
        Ok(())
    })?;
    Ok(node)
}

/// An axis' value as it stands in ids and texts.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
