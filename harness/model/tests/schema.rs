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
use serde_json::{Value, json};

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

/// The blocks of YAML in the reference that are scenarios, or steps of one.
#[test]
fn the_examples_of_the_reference_are_let_through() {
    let page = project().root.join("docs/reference/scenario.md");
    let page = fs::read_to_string(page).expect("the reference is there");
    let validator = validator("scenario");
    let blocks = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let mut number = 0;
    for block in blocks {
        let text = match block {
            block if block.starts_with("promise:") => block.to_owned(),
            block if block.starts_with("steps:") => format!("promise: p\nmesh: petshop\n{block}"),
            _ => continue,
        };
        let document = parse(&Source::new("scenario.md", text)).expect("it is YAML").to_json();
        assert_eq!(told(&validator, &document), Vec::<String>::new(), "{block}");
        number += 1;
    }
    assert!(number > 15, "{number} examples");
}

#[test]
fn an_old_spelling_is_let_through_in_place_of_the_new_one() {
    let scenario = validator("scenario");
    let is_valid = |step: Value| {
        let document = json!({"promise": "p", "mesh": "petshop", "steps": [step]});
        scenario.is_valid(&document)
    };
    assert!(is_valid(json!({"get": "/", "direct": "pet-1", "status": 200})));
    assert!(is_valid(json!({"get": "/", "straight-to": "pet-1", "status": 200})));
    assert!(!is_valid(
        json!({"get": "/", "direct": "pet-1", "straight-to": "pet-1", "status": 200})
    ));
    assert!(!is_valid(json!({"get": "/", "straight-to": ["pet-1"], "status": 200})));
}

#[test]
fn what_is_misspelt_missing_or_of_another_kind_is_not() {
    let scenario = validator("scenario");
    for name in [
        "misspelt-key-at-the-top",
        "misspelt-key-of-allows",
        "allows-unknown-invariant",
        "allows-without-a-reason",
        "allows-a-word",
        "misspelt-optional-key-at-the-top",
        "misspelt-key-in-the-mesh",
        "misspelt-verb",
        "misspelt-verb-of-a-request",
        "admin-unknown-method",
        "admin-without-path",
        "misspelt-key-of-a-request",
        "tls-misspelt-key",
        "tls-version-of-old",
        "protocol-unknown",
        "misspelt-key-of-admin",
        "misspelt-key-of-envoy",
        "misspelt-key-of-grpc",
        "grpc-unknown-status",
        "grpc-status-of-http",
        "websocket-misspelt-frame",
        "tcp-unknown-end",
        "proxy-protocol-version-3",
        "source-not-an-address",
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
        "received-misspelt-key",
        "received-unknown-protocol",
        "received-since-an-unknown-word",
        "logged-misspelt-key",
        "rates-a-misspelt-key",
        "cookies-of-a-load",
        "capacity-without-at-least",
        "expect-an-error-window-without-unit",
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

/// The files of a kind that must be refused.
fn refused(kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(project().scenarios().join("invalid").join(kind)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_a_schema_can_know_it_tells() {
    // What is wrong by its shape; names that are not there, expressions and sums are for `lint`.
    let scenario = validator("scenario");
    for name in [
        "admin-keep-of-two",
        "admin-path-without-slash",
        "admin-without-expectation",
        "axis-with-a-bad-name",
        "axis-with-a-bracket-in-a-value",
        "axis-with-a-value-twice",
        "check-nothing",
        "discovery-delay-that-does-not-belong",
        "discovery-only-for-a-killed-one",
        "envoy-in-an-unknown-state",
        "envoy-keep-of-two",
        "envoy-without-expectation",
        "expect-a-window-without-within",
        "expect-an-unknown-status",
        "expect-since-with-for",
        "expression-empty",
        "fault-probability-in-percent",
        "fault-status-and-abort",
        "fault-without-effect",
        "grpc-message-and-messages",
        "grpc-status-and-error",
        "grpc-without-expectation",
        "websocket-without-expectation",
        "tcp-open-for-no-time",
        "tcp-without-a-port",
        "tcp-without-expectation",
        "raw-status-and-statuses",
        "raw-with-a-host",
        "header-host",
        "header-with-a-blank",
        "include-of-nothing",
        "keep-a-name-that-is-taken",
        "keep-a-name-with-a-hyphen",
        "network-between-itself",
        "network-lossy-without-loss",
        "network-of-and-between",
        "network-slow-without-delay",
        "nobody-to-kill",
        "certificate-of-nothing",
        "cookies-without-a-name",
        "in-a-row-of-one",
        "in-a-row-without-within",
        "received-a-method-in-small-letters",
        "received-a-path-without-slash",
        "received-certificate-of-nothing",
        "received-host-as-a-header",
        "received-nobody-named",
        "received-nothing-said",
        "received-within-and-for",
        "logged-contains-nothing",
        "logged-nothing-said",
        "load-of-no-clients",
        "load-of-no-paths",
        "load-of-two-methods",
        "load-with-a-path-without-slash",
        "load-with-a-rate-and-clients",
        "rates-half-a-ramp",
        "rates-of-nothing",
        "capacity-between-one-rate",
        "capacity-of-nothing",
        "parallel-alone",
        "to-and-at",
        "to-without-a-port",
        "rate-zero",
        "tag-of-two-words",
        "too-many-replicas",
        "two-ways",
        "unknown-container",
    ] {
        let document = read(&broken("scenarios", name)).to_json();
        assert!(!scenario.is_valid(&document), "the schema lets {name} through");
    }
    let minimal = |step: &str| {
        let text = format!("promise: x\nmesh: m\nsteps:\n  - {step}\n");
        parse(&Source::new("x.yaml", text)).unwrap().to_json()
    };
    for step in [
        "{get: 'http://x/', status: 200}",
        "{get: /, times: 0, status: 200}",
        "{get: /, within: 1s, for: 1s, status: 200}",
        "{get: /, error: any, status: 200}",
    ] {
        assert!(!scenario.is_valid(&minimal(step)), "the schema lets {step} through");
    }
    let empty = parse(&Source::new("x.yaml", "promise: x\nmesh: m\nsteps: []\n")).unwrap();
    assert!(!scenario.is_valid(&empty.to_json()));
    // What the tool takes is let through.
    for step in [
        "{get: /, headers: {x: 1, y: true}, status: 200}",
        "{get: /, to: 'pet-1:10443', protocol: h2, tls: {ca: ca.pem, min: 1.2, max: '1.3', alpn: h2}, alpn: h2}",
        "{get: /, protocol: '${protocol}', tls: {verify: false, min: '${version}'}, certificate: {names: foo.com}}",
        "{'${how}': pet-1}",
        "{get: '${path}', status: '${status}'}",
        "{get: /, keep: first, times: '${n}', text: 7}",
        "{network: '${what}', of: pet, delay: 50ms}",
        "{grpc: a.B/C, host: x, messages: [{}, {a: 1}], status: [OK, 14], replies: [], proxy-protocol: {version: 1, source: '1.2.3.4:5'}}",
        "{grpc: '${method}', source: '${ip}', status: '${status}'}",
        "{websocket: /, send: [a, 1, {json: {}}, {binary: {hex: 00}}, {close: 1000, reason: x}], receive: {contains: a}, close: 1000}",
        "{tcp: 'pet-1:1', send: {base64: AA==}, half-close: true, receive: {bytes: 1}, ends: closed}",
        "{raw: x, line-ends: as-written, statuses: [200, [400, 404]], ends: reset}",
    ] {
        assert_eq!(told(&scenario, &minimal(step)), Vec::<String>::new(), "{step}");
    }
    let all = refused("scenarios");
    let let_through = all.iter().filter_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        let document = parse(&Source::new("x.yaml", text)).ok()?.to_json();
        scenario.is_valid(&document).then_some(())
    });
    let let_through = let_through.count();
    assert!(
        let_through * 2 < all.len(),
        "{let_through} of {} are let through",
        all.len()
    );
}

#[test]
fn what_is_wrong_with_a_step_is_told_of_its_verb() {
    let text = "promise: x\nmesh: m\nsteps:\n  - {get: /, statsu: 200}\n";
    let errors = told(
        &validator("scenario"),
        &parse(&Source::new("x.yaml", text)).unwrap().to_json(),
    );
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("/steps/0: ") && errors[0].contains("statsu"),
        "{errors:?}"
    );
}

#[test]
fn axes_overlays_and_files_for_cover_have_schemas() {
    let (axes, overlay, cover) = (validator("axes"), validator("overlay"), validator("cover"));
    assert_eq!(told(&axes, &read(&project().axes()).to_json()), Vec::<String>::new());
    for file in project().overlay_files().unwrap().values() {
        assert_eq!(
            told(&overlay, &read(file).to_json()),
            Vec::<String>::new(),
            "{}",
            file.display()
        );
    }
    // What is no mapping at all is refused by the parser, before any schema is asked.
    for name in ["not-a-list", "odd-weight", "twice", "empty"] {
        assert!(!axes.is_valid(&read(&broken("axes", name)).to_json()), "{name}");
    }
    for name in [
        "merge-a-word",
        "misspelt-key",
        "no-about",
        "no-changes",
        "set-without-a-place",
        "two-actions",
    ] {
        assert!(!overlay.is_valid(&read(&broken("overlays", name)).to_json()), "{name}");
    }
    let is_valid = |text: &str| cover.is_valid(&parse(&Source::new("x.yaml", text)).unwrap().to_json());
    assert!(is_valid(
        "axes: {os: [linux, {value: mac, weight: 3}], bits: [32, 64]}\nconstraints: os != 'mac'\nstrength: 2\n"
    ));
    assert!(is_valid(
        "axes: {a: [1, 2]}\nstronger: [{axes: [a], strength: full}]\nexclude: [{a: 1}]\n"
    ));
    for wrong in [
        "{}",
        "axes: {}",
        "axes: {a: 1}",
        "axes: {a: []}",
        "axes: {a: [1]}\nstrenght: 2",
        "axes: {a: [1, 1]}",
    ] {
        assert!(!is_valid(wrong), "{wrong}");
    }
    let mesh = validator("mesh");
    for name in [
        "bad-group-name",
        "empty-pod",
        "empty-pods",
        "envoy-config-outside",
        "sds-with-replicas",
        "sds-by-another-name",
        "too-many-replicas",
    ] {
        assert!(!mesh.is_valid(&read(&broken("meshes", name)).to_json()), "{name}");
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
