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
        ..Answer::default()
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
        "9 requests, 4 errors; 0 × failure 0; 1 × failure 1; 2 × failure 2"
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

#[test]
fn what_a_time_limit_can_make_is_told_from_what_it_cannot() {
    let status = |status| {
        response(Ok(Answer {
            status,
            ..answer(&[], "")
        }))
        .may_be_of_a_limit()
    };
    assert!(status(503) && status(504) && status(408));
    assert!(!status(200) && !status(404) && !status(500));
    let lost = NoAnswer {
        kind: Some(NoAnswerKind::Timeout),
        message: "nothing".to_owned(),
    };
    assert!(response(Err(lost)).may_be_of_a_limit());
    let ms = Duration::from_millis;
    // Of a second with 100 requests, 100 ms without a processor explain 40.
    let window = |statuses: &[(u16, u64)]| {
        let window = Window {
            requests: 100,
            statuses: statuses.iter().copied().collect(),
            ..Window::default()
        };
        window
            .without_limits(ms(100), ms(1000))
            .map(|less| (less.requests, less.errors))
    };
    assert_eq!(window(&[(200, 99)]), Some((99, 0)), "one has no answer");
    assert_eq!(window(&[(200, 60), (503, 40)]), Some((60, 0)));
    assert_eq!(window(&[(200, 59), (503, 41)]), None);
    assert_eq!((window(&[(200, 99), (500, 1)]), window(&[(200, 100)])), (None, None));
}

#[test]
fn what_was_sent_late_is_no_latency_of_the_mesh() {
    let ms = Duration::from_millis;
    let window = Window {
        requests: 200,
        late: 4,
        send_delay: ms(40),
        latency: Latency {
            p50: ms(3),
            p95: ms(20),
            p99: ms(109),
            max: ms(120),
        },
        ..Window::default()
    };
    let less = window.without(|_| ms(2)).latency;
    assert_eq!(
        (less.p50, less.p95, less.p99, less.max),
        (ms(1), ms(18), ms(29), ms(40))
    );
}
