//! The JSON Schemas, by which editors complete and check a file while it is written.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{file::ScenarioFile, when::WHEN};
use crate::{mesh_file::MeshFile, yaml::OLD_SPELLINGS};

/// What a schema says beside the types, such as which keys go together, by the name of the definition; that of the whole has none.
const OF_SCENARIOS: &str = include_str!("schema/scenario-rules.json");
const OF_MESHES: &str = include_str!("schema/mesh-rules.json");
/// Files that are not read into types of their own.
const WRITTEN: [(&str, &str); 3] = [
    ("axes", include_str!("schema/axes.json")),
    ("overlay", include_str!("schema/overlay.json")),
    ("cover", include_str!("schema/cover.json")),
];

/// The verbs of a request: all of them are one kind of step.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// The JSON Schemas for editors, by the name of the file: `scenario`, `mesh`, `axes`, `overlay` and `cover`.
pub fn schemas() -> IndexMap<&'static str, Value> {
    let mut scenario = schemars::schema_for!(ScenarioFile).to_value();
    if let Some(definitions) = scenario.get_mut("$defs").and_then(Value::as_object_mut) {
        conditions(definitions);
        one_method(definitions);
        old_spellings(definitions);
    }
    let axes = scenario.pointer("/properties/axes").cloned();
    references(&mut scenario);
    // The values of axes are values, and refer to none.
    if let (Some(axes), Some(place)) = (axes, scenario.pointer_mut("/properties/axes")) {
        *place = axes;
    }
    scalars(&mut scenario);
    if let Some(definitions) = scenario.get_mut("$defs").and_then(Value::as_object_mut) {
        by_verb(definitions);
    }
    add_rules(&mut scenario, OF_SCENARIOS);
    let mut mesh = schemars::schema_for!(MeshFile).to_value();
    scalars(&mut mesh);
    add_rules(&mut mesh, OF_MESHES);
    let mut all = IndexMap::from([("scenario", scenario), ("mesh", mesh)]);
    all.extend(WRITTEN.map(|(name, text)| (name, json(text))));
    all
}

/// A file of this crate.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// A step is judged by its verb alone: what is wrong with a request is told of a request, and not that it is no load either. A verb may
/// be the value of an axis; then nothing is known of the rest.
fn by_verb(definitions: &mut Map<String, Value>) {
    let Some(kinds) = definitions
        .get("Step")
        .and_then(|step| step.get("anyOf"))
        .and_then(Value::as_array)
    else {
        return;
    };
    let mut verbs: Vec<String> = METHODS.map(str::to_owned).to_vec();
    let request = "#/$defs/RequestStep";
    let is_request: Vec<Value> = METHODS.iter().map(|method| json!({ "required": [method] })).collect();
    // A load, and a search for the rate that it may have, say what they send by the same word.
    let of_loads = json!([{ "required": ["load"] }, { "required": ["capacity"] }]);
    let mut rules = vec![json!({
        "if": { "anyOf": is_request, "not": { "anyOf": of_loads } },
        "then": { "$ref": request },
    })];
    for to in kinds
        .iter()
        .filter_map(|kind| kind.get("$ref")?.as_str())
        .filter(|to| *to != request)
    {
        let definition = to.rsplit('/').next().and_then(|name| definitions.get(name));
        let verb = definition.and_then(|definition| definition.pointer("/required/0")?.as_str());
        let Some(verb) = verb else { continue };
        verbs.push(verb.to_owned());
        rules.push(match verb {
            // Of a request, it is an expectation.
            "received" => json!({
                "if": { "required": [verb], "not": { "anyOf": is_request } },
                "then": { "$ref": to },
            }),
            _ => json!({ "if": { "required": [verb] }, "then": { "$ref": to } }),
        });
    }
    let one: Vec<Value> = verbs.iter().map(|verb| json!({ "required": [verb] })).collect();
    let step = json!({
        "description": "What is done, or expected: one verb a step.",
        "type": "object",
        "if": { "propertyNames": { "not": { "pattern": r"\$\{" } } },
        "then": { "anyOf": one, "allOf": rules },
    });
    definitions.insert("Step".to_owned(), step);
}

/// Where a text is asked for, what reads like a number or a truth is a text as well.
fn scalars(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(scalars),
        Value::Object(fields) => {
            let is_free = !["pattern", "const", "enum"].iter().any(|key| fields.contains_key(*key));
            let types = match fields.get("type") {
                Some(Value::String(own)) if own == "string" => Some(json!(["string", "number", "boolean"])),
                Some(Value::Array(own)) if *own == ["string", "null"] => {
                    Some(json!(["string", "number", "boolean", "null"]))
                }
                _ => None,
            };
            if let (Some(types), true) = (types, is_free) {
                fields.insert("type".to_owned(), types);
            }
            fields.values_mut().for_each(scalars);
        }
        _ => {}
    }
}

/// Adds the rules of a file to the definitions that they are about.
fn add_rules(schema: &mut Value, rules: &str) {
    let Value::Object(rules) = json(rules) else { return };
    for (name, rule) in rules {
        let place = if name.is_empty() {
            String::new()
        } else {
            format!("/$defs/{name}")
        };
        let Some(definition) = schema.pointer_mut(&place) else {
            continue;
        };
        for one in rule["allOf"].as_array().into_iter().flatten() {
            must_also(definition, one);
        }
        for (key, one) in rule["properties"].as_object().into_iter().flatten() {
            if let Some(property) = definition.get_mut("properties").and_then(|all| all.get_mut(key)) {
                must_also(property, one);
            }
        }
    }
}

fn must_also(schema: &mut Value, rule: &Value) {
    if let Some(fields) = schema.as_object_mut() {
        let all = fields.entry("allOf").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.push(rule.clone());
        }
    }
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
    if let Some(request) = definitions.get_mut("RequestStep").and_then(Value::as_object_mut) {
        let one: Vec<Value> = METHODS.iter().map(|method| json!({ "required": [method] })).collect();
        request.insert("oneOf".to_owned(), Value::Array(one));
    }
}

/// What has an old spelling may be written so, too.
fn old_spellings(definitions: &mut Map<String, Value>) {
    for properties in definitions
        .values_mut()
        .filter_map(|definition| definition.get_mut("properties")?.as_object_mut())
    {
        for (old, new) in OLD_SPELLINGS {
            if let Some(mut property) = properties.get(new).cloned() {
                property["description"] = Value::from(format!("The old spelling of `{new}`."));
                property["deprecated"] = Value::Bool(true);
                properties.insert(old.to_owned(), property);
            }
        }
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
