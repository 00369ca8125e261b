use super::*;

fn answer(headers: &[(&str, &str)], text: &str) -> Answer {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Answer {
        status: 200,
        headers,
        text: text.to_owned(),
    }
}

fn response(outcome: Result<Answer, NoAnswer>) -> Response {
    Response {
        outcome,
        took: Duration::from_micros(1500),
    }
}

#[test]
fn who_answered_comes_before_those_that_it_asked() {
    assert_eq!(answer(&[], "").served_by(), Vec::<&str>::new());
    let asked = answer(
        &[("x-upstream-served-by", "pet-1, pet-2"), ("x-served-by", "petstore-1")],
        "",
    );
    assert_eq!(asked.served_by(), ["petstore-1", "pet-1", "pet-2"]);
    assert_eq!(answer(&[("x-served-by", " , a ,")], "").served_by(), ["a"]);
}

#[test]
fn every_name_that_expressions_may_use_is_there() {
    let names = |variables: Variables| {
        let mut names: Vec<String> = variables.into_keys().collect();
        names.sort();
        names
    };
    let no_answer = NoAnswer {
        kind: Some(NoAnswerKind::Reset),
        message: "reset".to_owned(),
    };
    assert_eq!(names(response(Ok(answer(&[], ""))).variables()), RESPONSE_VARIABLES);
    assert_eq!(names(response(Err(no_answer)).variables()), RESPONSE_VARIABLES);
    assert_eq!(names(Window::default().variables()), WINDOW_VARIABLES);
    assert_eq!(names(EnvoyView::default().variables()), ENVOY_VARIABLES);
}

#[test]
fn an_answer_as_expressions_see_it() {
    let variables = response(Ok(answer(&[("x-served-by", "pet-1")], "{\"id\": 1}"))).variables();
    assert_eq!(variables["status"], json!(200));
    assert_eq!(variables["duration_ms"], json!(1.5));
    assert_eq!(variables["json"], json!({"id": 1}));
    assert_eq!(variables["headers"], json!({"x-served-by": "pet-1"}));
    assert_eq!(variables["served_by"], json!(["pet-1"]));
    assert_eq!(variables["error"], Value::Null);
    assert_eq!(response(Ok(answer(&[], "no json"))).variables()["json"], Value::Null);
}

#[test]
fn whole_counters_are_whole_numbers() {
    let stats = IndexMap::from([("count".to_owned(), 7.0), ("share".to_owned(), 0.5)]);
    let variables = EnvoyView {
        stats,
        ..EnvoyView::default()
    }
    .variables();
    assert_eq!(variables["stats"], json!({"count": 7, "share": 0.5}));
}

#[test]
fn summaries_are_one_line_of_what_matters() {
    let by = answer(&[("x-served-by", "a"), ("x-envoy-overloaded", "true")], "  body\n");
    assert_eq!(response(Ok(by)).summary(), "200, served by a, overloaded: body");
    let failures = (0..5).map(|n| (format!("failure {n}"), n)).collect();
    let window = Window {
        requests: 9,
        errors: 4,
        failures,
        ..Window::default()
    };
    assert_eq!(
        window.summary(),
        "9 requests, 4 errors; 0 × failure 0; 1 × failure 1; 2 × failure 2; p50 0.0ns, p99 0.0ns, max 0.0ns"
    );
}

#[test]
fn a_text_is_cut_between_characters_and_says_so() {
    assert_eq!(shorten("žluť", 4), "žluť");
    assert_eq!(shorten("žluťoučký", 4), "žluť… (13 bytes)");
    assert_eq!(shorten("", 0), "");
}

#[test]
fn a_very_large_body_is_not_read_as_json_and_is_not_none_either() {
    let large = |items: usize| response(Ok(answer(&[], &format!("[{}1]", "1,".repeat(items)))));
    assert!(large(100).variables()["json"].is_array());
    let variables = large(5 << 20).variables();
    assert!(!variables.contains_key("json") && variables.contains_key("text"));
}
