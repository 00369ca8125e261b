//! The JSON Schemas, which editors use while a person writes: what holds is let through, and what is misspelt is not.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use jsonschema::Validator;
use meshkat_model::{
    project::Project,
    scenario::schemas,
    source::Source,
    yaml::{Node, parse},
};
use serde_json::Value;

fn project() -> Project {
    Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("the project is there")
}

fn validator(name: &str) -> Validator {
    jsonschema::validator_for(&schemas()[name]).expect("the schema holds")
}

fn read(path: &Path) -> Node {
    parse(&Source::new(
        path.display().to_string(),
        fs::read_to_string(path).unwrap(),
    ))
    .unwrap()
}

fn told(validator: &Validator, document: &Value) -> Vec<String> {
    validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn broken(kind: &str, name: &str) -> PathBuf {
    project()
        .scenarios()
        .join("invalid")
        .join(kind)
        .join(format!("{name}.yaml"))
}

#[test]
fn every_scenario_and_every_mesh_is_let_through() {
    let files: [(&str, BTreeMap<String, PathBuf>); 2] = [
        ("scenario", project().scenario_files().unwrap()),
        ("mesh", project().mesh_files().unwrap()),
    ];
    for (name, files) in files {
        let validator = validator(name);
        assert!(files.len() > 2, "{files:?}");
        for path in files.values() {
            assert_eq!(
                told(&validator, &read(path).to_json()),
                Vec::<String>::new(),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn what_is_misspelt_missing_or_of_another_kind_is_not() {
    let scenario = validator("scenario");
    for name in [
        "misspelt-key-at-the-top",
        "misspelt-optional-key-at-the-top",
        "misspelt-key-in-the-mesh",
        "misspelt-verb",
        "misspelt-verb-of-a-request",
        "misspelt-key-of-a-request",
        "misspelt-key-of-envoy",
        "misspelt-key-of-expect",
        "misspelt-key-of-fault",
        "missing-promise",
        "missing-mesh",
        "missing-steps",
        "load-without-rate",
        "load-with-an-expectation",
        "mesh-without-use",
        "network-unknown",
        "network-between-three",
        "network-between-a-word",
        "network-loss-without-percent",
        "step-a-word",
        "step-without-verb",
        "steps-a-mapping",
        "two-verbs",
        "two-verbs-request-and-kill",
        "tags-a-word",
        "deadline-without-unit",
        "timeout-without-unit",
        "rate-without-unit",
        "rate-a-minute",
        "status-out-of-range",
        "status-a-word",
        "unknown-error",
        "expect-a-word",
        "expect-an-exact-time",
        "expect-since-an-unknown-word",
        "envoy-endpoints-a-word",
        "envoy-stats-a-word",
        "times-a-word",
        "replicas-a-word",
        "headers-a-list",
        "distinct-a-list",
        "axis-with-a-null",
        "axis-with-an-odd-weight",
        "axis-with-negative-a-word",
        "axis-with-a-misspelt-weight",
        "axis-with-a-weight-of-nothing",
        "stronger-a-word",
        "stronger-without-strength",
        "stronger-with-an-odd-strength",
    ] {
        let document = read(&broken("scenarios", name)).to_json();
        assert!(!scenario.is_valid(&document), "the schema lets {name} through");
    }
    let mesh = validator("mesh");
    for name in [
        "misspelt-key-at-the-top",
        "misspelt-key-of-a-group",
        "missing-pods",
        "pods-a-list",
        "replicas-a-word",
        "unknown-service",
    ] {
        let document = read(&broken("meshes", name)).to_json();
        assert!(!mesh.is_valid(&document), "the schema lets {name} through");
    }
}

#[test]
fn every_verb_and_every_key_is_explained() {
    fn unexplained(schema: &Value, path: &str, found: &mut Vec<String>) {
        for (name, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            // What is only a reference may be explained where it leads.
            if property.get("description").is_none() && property.get("$ref").is_none() {
                found.push(format!("{path}.{name}"));
            }
        }
        for (name, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            unexplained(definition, name, found);
        }
    }
    for (name, schema) in schemas() {
        let mut found = Vec::new();
        unexplained(&schema, name, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
