//! What the reference says of answers, backends, access logs and loads is so on a real Envoy: its examples are run as they stand, and
//! what they expect can fail.

use std::{fs, path::Path};

use crate::lab::Lab;

/// The examples of the reference of the scenario language that are whole scenarios, by the heading above each.
fn examples() -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/scenario.md");
    let page = fs::read_to_string(page).expect("the reference is there");
    let (mut heading, mut found, mut block) = (String::new(), Vec::new(), None::<String>);
    for line in page.lines() {
        match &mut block {
            Some(text) if line == "```" => {
                found.push((heading.clone(), std::mem::take(text)));
                block = None;
            }
            Some(text) => text.extend([line, "\n"]),
            None if line == "```yaml" => block = Some(String::new()),
            None => {
                if let Some(title) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
                    title.clone_into(&mut heading);
                }
            }
        }
    }
    found.retain(|(_, text)| text.starts_with("promise:"));
    found
}

/// The example below a heading.
#[track_caller]
fn example(heading: &str) -> String {
    let found = examples().into_iter().find(|(own, _)| own == heading);
    found.unwrap_or_else(|| panic!("no example below {heading}")).1
}

/// The sections whose examples are run here.
const SECTIONS: [&str; 6] = [
    "Values of an earlier answer",
    "Cookies",
    "`received`",
    "`load`, `expect`, `stop-load`",
    "`capacity`",
    "Access logs",
];

#[test]
fn the_examples_of_the_reference_hold() {
    let lab = Lab::new();
    lab.remove_scenarios();
    for (number, section) in SECTIONS.iter().enumerate() {
        lab.write(&format!("scenarios/reference/{number}.yaml"), &example(section));
    }
    lab.run(&["reference/*"]).exits(0).says(&["6 cases: 6 passed"]);
    let load = &lab.case("reference/3").loads;
    assert_eq!(
        load.iter().map(|load| load.name.as_str()).collect::<Vec<_>>(),
        ["writers", "readers"]
    );
    assert!(
        load.iter()
            .all(|load| load.errors == 0 && load.requests > 100 && load.spans.len() > 3),
        "{load:?}"
    );
    let found = lab.case("reference/4").loads[0]
        .capacity
        .clone()
        .expect("it was searched for");
    assert!(found.rate >= 200.0 && found.trials.len() > 1, "{found:?}");
}

/// A part of an example, what it is broken to, and what is told then.
const BROKEN: [(&str, &str, &str, &str); 10] = [
    (
        "Values of an earlier answer",
        "body: {seen: \"${made.json.body_bytes}\"",
        "body: {seen: \"${made.json.body_size}\"",
        "`made.json` has no `body_size`: there are ",
    ),
    (
        "Values of an earlier answer",
        "headers: {x-token: \"<a b>\"}",
        "headers: {x-token: \"<a c>\"}",
        "`headers.x-token` is \"<a b>\"",
    ),
    (
        "Cookies",
        "Path=/; HttpOnly",
        "Path=/other; HttpOnly",
        "`headers.cookie` is not there",
    ),
    (
        "`received`",
        "count: 3\n        method",
        "count: 2\n        method",
        "3: POST /things?id=7 for foo.com in HTTP/1.1 at echo-",
    ),
    (
        "`received`",
        "x-forwarded-proto: http,",
        "x-forwarded-proto: https,",
        "(its x-forwarded-proto is http)",
    ),
    (
        "`received`",
        "status: 404, received: {echo: {count: 0}}",
        "status: 404, received: {echo: {count: 1}}",
        "nothing came",
    ),
    ("Access logs", "flags: NR", "flags: UF", "(its flags are NR)"),
    (
        "Access logs",
        "upstream: echo}}",
        "upstream: ingress}}",
        "(its upstream is echo-",
    ),
    ("`load`, `expect`, `stop-load`", "gap: < 1s", "gap: \"> 1s\"", "gap "),
    ("`capacity`", "p99: < 200ms", "p99: < 0.001ms", "0/s ("),
];

#[test]
fn what_they_expect_can_fail() {
    let lab = Lab::new();
    lab.remove_scenarios();
    for (number, (section, from, to, _)) in BROKEN.iter().enumerate() {
        let text = example(section);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {section}");
        let text = text
            .replace(from, to)
            .replace("    at-least:", "    because: it is to fail\n    at-least:");
        lab.write(&format!("scenarios/broken/{number}.yaml"), &text);
    }
    lab.run(&["broken/*"]).exits(1).says(&["10 cases: 0 passed, 10 failed"]);
    for (number, (section, .., told)) in BROKEN.iter().enumerate() {
        let failure = lab.failure(&format!("broken/{number}"));
        assert!(
            failure.actual.contains(told),
            "{section}: {told} is not in {}",
            failure.actual
        );
    }
}
