mod envoy;
mod load;
mod split;

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::json;

use super::*;
use crate::{
    expression::Variables,
    observation::{Answer, NoAnswer, NoAnswerKind, Response, Served},
    scenario::verb::check::CheckStep,
    source::Source,
    yaml::{from_node, parse},
};

/// A step as it is read from a file.
fn step<T: serde::de::DeserializeOwned>(text: &str) -> T {
    from_node(&parse(&Source::new("s.yaml", text)).unwrap()).unwrap()
}

fn surroundings() -> Surroundings {
    let groups = [
        ("pet-1", "pet"),
        ("pet-2", "pet"),
        ("pet-3", "pet"),
        ("petstore-1", "petstore"),
        ("ingress", "ingress"),
    ];
    Surroundings {
        variables: Variables::from([
            ("params".to_owned(), json!({"pets": 3})),
            ("first".to_owned(), json!({"status": 200})),
        ]),
        groups: groups
            .iter()
            .map(|(pod, group)| ((*pod).to_owned(), (*group).to_owned()))
            .collect(),
    }
}

fn answer(status: u16, text: &str) -> Response {
    let headers = [
        ("x-served-by", "petstore-1"),
        ("x-upstream-served-by", "pet-2"),
        ("content-type", "application/json"),
    ];
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let text = text.to_owned();
    Response {
        outcome: Ok(Answer {
            status,
            headers,
            text,
            ..Answer::default()
        }),
        took: Duration::from_millis(12),
    }
}

fn no_answer(kind: NoAnswerKind) -> Response {
    let message = "connection refused".to_owned();
    Response {
        outcome: Err(NoAnswer {
            kind: Some(kind),
            message,
        }),
        took: Duration::ZERO,
    }
}

/// The only check of a request, which has one expectation.
fn one(expectation: &str, seen: &Response) -> Check {
    let mut checks = response(&step(&format!("get: /stores\n{expectation}\n")), seen, &surroundings());
    assert_eq!(checks.len(), 1, "{checks:?}");
    checks.remove(0)
}

#[track_caller]
fn holds(expectation: &str, seen: &Response) {
    let check = one(expectation, seen);
    assert!(check.passed, "{expectation}: {check:?}");
    assert_eq!(check.line, 2);
}

/// That an expectation does not hold, and what is said of it.
#[track_caller]
fn fails(expectation: &str, seen: &Response, expected: &str, actual: &str) {
    let check = one(expectation, seen);
    assert!(!check.passed, "{expectation}: {check:?}");
    assert_eq!(
        (check.line, check.expected.as_str(), check.actual.as_str()),
        (2, expected, actual),
        "{expectation}"
    );
    assert!(!check.message.is_empty());
}

const SUMMARY: &str = "200, served by petstore-1 via pet-2: {\"id\":1}";

#[test]
fn a_status() {
    let seen = answer(200, "{\"id\":1}");
    holds("status: 200", &seen);
    holds("status: [503, 200]", &seen);
    fails("status: 404", &seen, "status 404", SUMMARY);
    fails("status: [404, 503]", &seen, "status 404 or 503", SUMMARY);
    fails(
        "status: 200",
        &no_answer(NoAnswerKind::Refused),
        "status 200",
        "no answer: connection refused",
    );
}

#[test]
fn an_answer_that_is_too_much_is_no_error_that_can_be_expected() {
    let given_up = Response {
        outcome: Err(NoAnswer {
            kind: None,
            message: "it was given up".to_owned(),
        }),
        took: Duration::ZERO,
    };
    for (expectation, expected) in [
        ("error: any", "no answer: for any reason"),
        ("error: reset", "no answer: reset"),
        ("status: 200", "status 200"),
    ] {
        fails(expectation, &given_up, expected, "no answer: it was given up");
    }
}

#[test]
fn an_error() {
    let refused = no_answer(NoAnswerKind::Refused);
    holds("error: refused", &refused);
    holds("error: any", &refused);
    fails(
        "error: timeout",
        &refused,
        "no answer: timeout",
        "no answer: connection refused",
    );
    fails(
        "error: reset",
        &refused,
        "no answer: reset",
        "no answer: connection refused",
    );
    fails(
        "error: any",
        &answer(200, "{\"id\":1}"),
        "no answer: for any reason",
        SUMMARY,
    );
}

#[test]
fn headers_of_an_answer() {
    let seen = answer(200, "{\"id\":1}");
    holds("response-headers: {Content-Type: application/json}", &seen);
    holds("response-headers: {x-other: ~}", &seen);
    fails(
        "response-headers: {content-type: text/plain}",
        &seen,
        "content-type: text/plain",
        "content-type: application/json",
    );
    fails(
        "response-headers: {x-other: a}",
        &seen,
        "x-other: a",
        "no header x-other",
    );
    fails(
        "response-headers: {content-type: ~}",
        &seen,
        "no header content-type",
        "content-type: application/json",
    );
    // Without an answer there is no header, but nobody knows what it would have been.
    fails(
        "response-headers: {x-other: ~}",
        &no_answer(NoAnswerKind::Reset),
        "no header x-other",
        "no answer: connection refused",
    );
}

#[test]
fn a_body() {
    let seen = answer(200, "Hello, World!");
    let summary = "200, served by petstore-1 via pet-2: Hello, World!";
    holds("text: Hello, World!", &seen);
    fails("text: Hello", &seen, "Hello", summary);
    holds("contains: World", &seen);
    fails("contains: Moon", &seen, "a body with Moon", summary);
    let nothing = no_answer(NoAnswerKind::Timeout);
    fails("text: ''", &nothing, "", "no answer: connection refused");
    fails(
        "contains: ''",
        &nothing,
        "a body with ",
        "no answer: connection refused",
    );
    let checks = response(&step("get: /\ncontains: [Hello, Moon]\n"), &seen, &surroundings());
    assert_eq!(
        checks.iter().map(|check| check.passed).collect::<Vec<_>>(),
        [true, false],
        "each part is a check"
    );
}

#[test]
fn a_json_body_has_at_least_what_is_asked_for() {
    let seen = answer(
        200,
        r#"{"id": 1, "name": "Rex", "pets": [{"id": 7, "store": 1}, {"id": 8.0}], "none": null}"#,
    );
    for fine in [
        "json: {id: 1}",
        "json: {}",
        "json: {pets: [{id: 7}, {id: 8}]}",
        "json: {none: ~}",
        "json: {name: Rex, pets: [{store: 1}, {}]}",
    ] {
        holds(fine, &seen);
    }
    fails("json: {id: 2}", &seen, r#"{"id":2}"#, "`id` is 1");
    fails("json: {id: '1'}", &seen, r#"{"id":"1"}"#, "`id` is 1");
    fails(
        "json: {pets: [{id: 7}, {id: 9}]}",
        &seen,
        r#"{"pets":[{"id":7},{"id":9}]}"#,
        "`pets[1].id` is 8.0",
    );
    fails(
        "json: {cats: 1}",
        &seen,
        r#"{"cats":1}"#,
        "`cats` is not there; there are: id, name, pets, none",
    );
    fails(
        "json: {pets: [{cat: 1}, {}]}",
        &seen,
        r#"{"pets":[{"cat":1},{}]}"#,
        "`pets[0].cat` is not there; there are: id, store",
    );
    let pets = r#"`pets` is [{"id":7,"store":1},{"id":8.0}]"#;
    fails("json: {pets: [{id: 7}]}", &seen, r#"{"pets":[{"id":7}]}"#, pets);
    fails("json: 5", &answer(200, "6"), "5", "6");
    let text = "a body that is not JSON: 200, served by petstore-1 via pet-2: oops";
    fails("json: {id: 1}", &answer(200, "oops"), r#"{"id":1}"#, text);
    fails(
        "json: {id: 1}",
        &no_answer(NoAnswerKind::Reset),
        r#"{"id":1}"#,
        "no answer: connection refused",
    );
}

#[test]
fn who_served() {
    let seen = answer(200, "{\"id\":1}");
    holds("served-by: petstore", &seen);
    holds("served-by: petstore-1", &seen);
    holds("served-by: [ingress, petstore]", &seen);
    // Whom the answering pod asked did not answer.
    fails("served-by: pet", &seen, "served by pet", SUMMARY);
    fails(
        "served-by: [pet, petstore-2]",
        &seen,
        "served by pet or petstore-2",
        SUMMARY,
    );
    let mut nobody = answer(404, "");
    if let Ok(answer) = &mut nobody.outcome {
        answer.headers.clear();
    }
    fails("served-by: petstore", &nobody, "served by petstore", "404: ");
    fails(
        "served-by: petstore",
        &no_answer(NoAnswerKind::Reset),
        "served by petstore",
        "no answer: connection refused",
    );
}

#[test]
fn expressions_over_an_answer() {
    let seen = answer(200, "{\"id\":1}");
    for fine in [
        "status == 200",
        "json.id == params.pets - 2",
        "first.status == status",
        "duration_ms < 13.0",
    ] {
        holds(&format!("that: {fine}"), &seen);
    }
    let and_seen = |actual: &str| format!("{actual}; seen: {}", seen.summary());
    fails(
        "that: json.id == 2",
        &seen,
        "json.id == 2",
        &and_seen("1 == 2 is false"),
    );
    fails(
        "that: status",
        &seen,
        "status",
        &and_seen("neither true nor false: 200"),
    );
    let together = response(
        &step("{get: /, that: [json.id == 2, json.id == 3]}"),
        &seen,
        &surroundings(),
    );
    assert_eq!(together[1].actual, "1 == 3 is false", "what was seen is told once");
    let together = response(
        &step("{get: /, status: 404, that: json.id == 3}"),
        &seen,
        &surroundings(),
    );
    assert_eq!(together[1].actual, "1 == 3 is false", "what was seen is told once");
    let check = one("that: json.cat == 2", &seen);
    assert!(
        !check.passed && check.actual.starts_with("it cannot be evaluated"),
        "{check:?}"
    );
    let refused = no_answer(NoAnswerKind::Refused);
    holds(
        "that: status == 0 && json == null && error.contains('refused')",
        &refused,
    );
    // What was just seen hides what was kept under the same name.
    let mut around = surroundings();
    around.variables.insert("status".to_owned(), json!(1));
    assert!(response(&step("{get: /, that: status == 200}"), &seen, &around)[0].passed);
}

#[test]
fn how_many_pods_took_part() {
    let mut seen = Served::default();
    seen.add(["petstore-1", "pet-1"], 2);
    seen.add(["stranger", "pet-3"], 1);
    let distinct = |text: &str, seen: &Served| {
        let mut checks = took_part(
            &step(&format!("get: /\ndistinct: {{pet: {text}}}\n")),
            seen,
            &surroundings(),
        );
        assert_eq!(checks.len(), 1);
        checks.remove(0)
    };
    for fine in ["2", "'>= 1'", "< 3"] {
        assert!(distinct(fine, &seen).passed, "{fine}");
    }
    let check = distinct("3", &seen);
    assert_eq!((check.passed, check.line), (false, 2));
    assert_eq!(check.expected, "3 different pods of `pet`");
    assert_eq!(check.actual, "2: pet-1, pet-3");
    assert_eq!(distinct("1", &Served::default()).actual, "0: none");
    assert!(distinct("0", &Served::default()).passed);
}

#[test]
fn every_expectation_of_a_step_is_a_check_in_the_line_that_asked() {
    let text =
        "get: /stores\nstatus: 200\nserved-by: pet\njson:\n  id: 2\nthat:\n  - status == 200\n  - status == 404\n";
    let checks = response(&step(text), &answer(200, "{\"id\":1}"), &surroundings());
    let seen: Vec<(usize, bool)> = checks.iter().map(|check| (check.line, check.passed)).collect();
    assert_eq!(seen, [(2, true), (5, false), (3, false), (7, true), (8, false)]);
}

#[test]
fn expressions_alone() {
    let passed = |text: &str| {
        let step: CheckStep = step(&format!("check: {text}\n"));
        expressions(&step.check, &surroundings())
            .iter()
            .map(|check| check.passed)
            .collect::<Vec<_>>()
    };
    assert_eq!(passed("params.pets == 3 && first.status == 200"), [true]);
    assert_eq!(
        passed("[params.pets == 4, nobody == 4, params.pets == 3]"),
        [false, false, true]
    );
}

#[test]
fn all_that_does_not_hold_is_told_and_one_by_itself_as_it_is() {
    let check = |line, passed, message: &str| Check {
        line,
        passed,
        message: message.to_owned(),
        expected: format!("{message} expected"),
        actual: format!("{message} actual"),
    };
    assert_eq!(Unmet::of(vec![check(1, true, "a")]), None);
    let one = Unmet::of(vec![check(1, true, "a"), check(2, false, "b")]).unwrap();
    let as_it_is = Unmet {
        line: Some(2),
        message: "b".to_owned(),
        expected: "b expected".to_owned(),
        actual: "b actual".to_owned(),
    };
    assert_eq!(one, as_it_is);
    let told = Unmet::of(vec![check(3, false, "a"), check(1, true, "b"), check(7, false, "c")]).unwrap();
    assert_eq!(
        (
            told.line,
            told.message.as_str(),
            told.expected.as_str(),
            told.actual.as_str()
        ),
        (
            Some(3),
            "2 expectations do not hold: (1) a; (2) c",
            "(1) a expected\n(2) c expected",
            "(1) a actual\n(2) c actual"
        )
    );
    let many = Unmet::of((1..=12).map(|line| check(line, false, "x")).collect()).unwrap();
    assert!(
        many.message.starts_with("12 expectations do not hold: (1) x; ")
            && many.message.ends_with("; (10) x; and 2 more")
    );
}
