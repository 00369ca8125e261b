//! The JSON Schemas, by which editors complete and check a file while it is written.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{ScenarioFile, when::WHEN};
use crate::mesh_file::MeshFile;

/// The JSON Schemas for editors, by the name of the file: `scenario` and `mesh`.
pub fn schemas() -> IndexMap<&'static str, Value> {
    let mut scenario = schemars::schema_for!(ScenarioFile).to_value();
    if let Some(definitions) = scenario.get_mut("$defs").and_then(Value::as_object_mut) {
        conditions(definitions);
        one_method(definitions);
        once_each(definitions);
    }
    let axes = scenario.pointer("/properties/axes").cloned();
    references(&mut scenario);
    // The values of axes are values, and refer to none.
    if let (Some(axes), Some(place)) = (axes, scenario.pointer_mut("/properties/axes")) {
        *place = axes;
    }
    IndexMap::from([
        ("scenario", scenario),
        ("mesh", schemars::schema_for!(MeshFile).to_value()),
    ])
}

/// Every kind of step may have a `when`, which is taken out before the step itself is read.
fn conditions(definitions: &mut Map<String, Value>) {
    for (_, definition) in definitions.iter_mut().filter(|(name, _)| name.ends_with("Step")) {
        if let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) {
            let about = "Only in cases of which this CEL expression over `params` is true.";
            properties.insert(WHEN.to_owned(), json!({ "description": about, "type": "string" }));
        }
    }
}

/// A request has one of the verbs that send one.
fn one_method(definitions: &mut Map<String, Value>) {
    let methods = ["get", "head", "post", "put", "patch", "delete"];
    if let Some(request) = definitions.get_mut("RequestStep").and_then(Value::as_object_mut) {
        let one: Vec<Value> = methods.iter().map(|method| json!({ "required": [method] })).collect();
        request.insert("oneOf".to_owned(), Value::Array(one));
    }
}

/// Of the kinds of steps, each once: all requests are of one kind.
fn once_each(definitions: &mut Map<String, Value>) {
    if let Some(kinds) = definitions
        .get_mut("Step")
        .and_then(|step| step.get_mut("anyOf"))
        .and_then(Value::as_array_mut)
    {
        let mut seen: Vec<Value> = Vec::new();
        kinds.retain(|kind| {
            let to = kind.get("$ref").cloned().unwrap_or_else(|| kind.clone());
            let is_new = !seen.contains(&to);
            seen.push(to);
            is_new
        });
    }
}

/// `${axis}` may stand for any number, word or truth.
fn references(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(references),
        Value::Object(fields) => {
            let is_typed = |kind: &str| match fields.get("type") {
                Some(Value::String(own)) => own == kind,
                Some(Value::Array(own)) => own.iter().any(|own| own == kind),
                _ => false,
            };
            // Words with an explanation each are alternatives of one constant.
            let words = fields.get("oneOf").and_then(Value::as_array);
            let narrow = ["integer", "number", "boolean"].into_iter().any(is_typed)
                || ["enum", "const", "pattern"]
                    .into_iter()
                    .any(|key| fields.contains_key(key))
                || words.is_some_and(|words| words.iter().all(|word| word.get("const").is_some()));
            if narrow {
                let mut own = std::mem::take(fields);
                let about = own.remove("description");
                let default = own.remove("default");
                let reference =
                    json!({ "description": "The value of an axis.", "type": "string", "pattern": r"\$\{[^}]+\}" });
                fields.extend(about.map(|about| ("description".to_owned(), about)));
                fields.extend(default.map(|default| ("default".to_owned(), default)));
                fields.insert("anyOf".to_owned(), json!([own, reference]));
            } else {
                fields.values_mut().for_each(references);
            }
        }
        _ => {}
    }
}
