//! Values of earlier answers in later steps, and cookies.

use std::sync::{Arc, Mutex};

use axum::{
    Json,
    http::StatusCode,
    response::{AppendHeaders, IntoResponse},
};
use meshkat_model::mesh::Port;
use serde_json::json;

use crate::{
    servers::{Asked, application, serve},
    world::World,
};

/// A world whose application makes things, and keeps what reached it.
async fn shop() -> (World, Arc<Mutex<Vec<Asked>>>) {
    let world = World::new();
    let kept: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let all = Arc::clone(&kept);
    let answer = move |asked: Asked| {
        all.lock().expect("nobody panicked").push(asked.clone());
        let cookies = |all: &[&str]| {
            let all = all.iter().map(|cookie| ("set-cookie", (*cookie).to_owned()));
            AppendHeaders(all.collect::<Vec<_>>())
        };
        async move {
            let made = json!({"id": 7, "name": "a b", "line": "a\r\nb", "none": null, "list": [{"id": "x/../y"}], "nothing": {}});
            match asked.uri.path() {
                "/things" => ([("x-token", "t 1"), ("location", "/things/7?x=%2e#'")], Json(made)).into_response(),
                "/login" => (cookies(&["session=7; Path=/", "deep=1; Path=/deep"]), "in").into_response(),
                "/again" => (cookies(&["session=8; Path=/"]), "in").into_response(),
                "/logout" => (cookies(&["session=; Path=/; Max-Age=0"]), "out").into_response(),
                "/empty" => "".into_response(),
                "/missing" => (StatusCode::NOT_FOUND, "nothing here").into_response(),
                path => Json(json!({"path": path, "body": asked.body})).into_response(),
            }
        }
    };
    serve(world.socket("echo", Port::Application), application(answer)).await;
    (world, kept)
}

const MADE: &str = "  - {post: /things, direct: echo, status: 200, keep: made}\n";

#[tokio::test]
async fn values_are_sent_byte_by_byte_and_keep_their_type_where_they_stand_alone() {
    let (world, kept) = shop().await;
    let steps = format!(
        "{MADE}  - get: \"${{made.headers.location}}\"
    direct: echo
    status: 200
  - put: /things/${{made.json.id}}/${{made.json.list[0].id}}?q='
    direct: echo
    host: h${{made.json.id}}.com
    headers: {{X-Token: '<${{made.headers[\"x-token\"]}}>', x-status: '${{made.status}}'}}
    body: {{id: '${{made.json.id}}', list: '${{made.json.list}}', text: 'no. ${{made.json.id}}', body: '${{made.json.name}}'}}
    json: {{body: '{{\"id\":7,\"list\":[{{\"id\":\"x/../y\"}}],\"text\":\"no. 7\",\"body\":\"a b\"}}'}}
    contains: ['things/${{made.json.id}}', '${{made.json.name}}']
  - {{get: /x, direct: echo, text: '{{\"path\":\"/x\",\"body\":\"\"}}'}}
"
    );
    let ran = world.run(vec![world.one("a/values", &steps)]).await;
    ran.passed();
    let kept = kept.lock().expect("nobody panicked");
    assert_eq!(
        kept[1].uri.to_string(),
        "/things/7?x=%2e",
        "what is behind the # is nobody's"
    );
    assert_eq!(kept[2].uri.to_string(), "/things/7/x/../y?q='");
    assert_eq!(kept[2].headers["host"], "h7.com");
    assert_eq!(kept[2].headers["x-token"], "<t 1>");
    assert_eq!(kept[2].headers["x-status"], "200");
}

/// Each expectation with a value in it, which does not hold.
#[tokio::test]
async fn what_is_expected_with_a_value_can_fail() {
    let table = [
        ("text: 'no. ${made.json.id}'", "wrong body", "no. 7"),
        (
            "contains: 'no. ${made.json.id}'",
            "the body lacks a part",
            "a body with no. 7",
        ),
        (
            "json: {id: '${made.json.id}'}",
            "the JSON body lacks a part",
            "{\"id\":7}",
        ),
        (
            "response-headers: {x-token: '${made.headers[''x-token'']}'}",
            "wrong header in the answer",
            "x-token: t 1",
        ),
    ];
    for (expectation, message, expected) in table {
        let (world, _) = shop().await;
        let steps = format!("{MADE}  - {{get: /x, direct: echo, {expectation}}}\n");
        let ran = world.run(vec![world.one("a/values", &steps)]).await;
        let failure = ran.failed();
        assert_eq!(
            (failure.message.as_str(), failure.expected.as_str(), failure.line),
            (message, expected, 5),
            "{expectation}"
        );
    }
}

/// Each value that cannot be put in, with what is told.
#[tokio::test]
async fn a_value_that_is_not_there_fails_the_step_with_what_is_there_instead() {
    let table = [
        (
            "get: '/x/${made.json.di}', status: 200",
            "${made.json.di}",
            "`made.json` has no `di`: there are id, name, line, none, list, nothing",
        ),
        (
            "get: '/x/${made.json.none}', status: 200",
            "${made.json.none}",
            "`made.json.none` is null",
        ),
        (
            "get: '/x/${made.json.list}', status: 200",
            "${made.json.list}",
            "`made.json.list` is no text and no number: it is a list of 1",
        ),
        (
            "get: '/x/${made.json.name}', status: 200",
            "/x/${made.json.name}",
            "`/x/a b` cannot be sent as a path: it has a space or a control character in it",
        ),
        (
            "get: '${made.json.name}', status: 200",
            "${made.json.name}",
            "`a b` cannot be sent as a path: it does not begin with a slash",
        ),
        (
            "get: /x, headers: {x-a: '${made.json.line}'}, status: 200",
            "${made.json.line}",
            "\"a\\r\\nb\" cannot be sent in a header: a line break ends a header",
        ),
        (
            "get: /x, contains: '${empty.text}'",
            "${empty.text}",
            "the value is empty, and every body has an empty part",
        ),
        (
            "get: /x, json: '${made.json.nothing}'",
            "${made.json.nothing}",
            "`made.json.nothing` is an empty object, and every object has at least that",
        ),
        (
            "get: '/x/${lost.json.id}', status: 200",
            "${lost.json.id}",
            "`lost.json` is null: the body of the answer, a 404, is no JSON: nothing here",
        ),
    ];
    for (step, expected, actual) in table {
        let (world, _) = shop().await;
        let steps = format!(
            "{MADE}  - {{get: /empty, direct: echo, keep: empty}}\n  - {{get: /missing, direct: echo, keep: lost}}\n  - {{direct: echo, {step}}}\n  - {{get: /x, direct: echo, status: 200}}\n"
        );
        let ran = world.run(vec![world.one("a/values", &steps)]).await;
        let failure = ran.failed();
        assert_eq!(
            failure.message, "what an earlier answer was to have cannot be put in",
            "{step}"
        );
        let told = (failure.expected.as_str(), failure.actual.as_str(), failure.line);
        assert_eq!(
            told,
            (format!("a value for `{expected}`").as_str(), actual, 7),
            "{step}"
        );
    }
}

#[tokio::test]
async fn a_load_sends_values_too() {
    let (world, kept) = shop().await;
    let steps = format!(
        "{MADE}  - {{load: visitors, get: '/things/${{made.json.id}}', direct: echo, rate: 100/s}}\n  - {{expect: visitors, for: 100ms, errors: 0}}\n"
    );
    world.run(vec![world.one("a/values", &steps)]).await.passed();
    let kept = kept.lock().expect("nobody panicked");
    assert!(kept[1..].iter().all(|asked| asked.uri.path() == "/things/7") && kept.len() > 2);
}

#[tokio::test]
async fn cookies_are_kept_by_the_name_of_their_jar_and_sent_again() {
    let (world, kept) = shop().await;
    let steps = "
  - {get: /login, direct: echo, cookies: alice, status: 200}
  - {get: /deep/x, direct: echo, cookies: alice, headers: {x-a: b}, status: 200}
  - {get: /x, direct: echo, cookies: bob, times: 2, status: 200}
  - {get: /x, direct: echo, status: 200}
  - {get: /again, direct: echo, cookies: alice, times: 2, status: 200}
  - {get: /x, direct: echo, cookies: alice, times: 3, parallel: 3, status: 200}
  - {get: /logout, direct: echo, cookies: alice, status: 200}
  - {get: /x, direct: echo, cookies: alice, status: 200}
";
    world.run(vec![world.one("a/cookies", steps)]).await.passed();
    let kept = kept.lock().expect("nobody panicked");
    let sent: Vec<(&str, Option<&str>)> = kept
        .iter()
        .map(|asked| {
            let cookie = asked
                .headers
                .get("cookie")
                .map(|value| value.to_str().expect("it is text"));
            (asked.uri.path(), cookie)
        })
        .collect();
    let expected = [
        ("/login", None),
        ("/deep/x", Some("deep=1; session=7")),
        ("/x", None),
        ("/x", None),
        ("/x", None),
        ("/again", Some("session=7")),
        ("/again", Some("session=8")),
        ("/x", Some("session=8")),
        ("/x", Some("session=8")),
        ("/x", Some("session=8")),
        ("/logout", Some("session=8")),
        ("/x", None),
    ];
    assert_eq!(sent, expected);
}

/// Nobody has the cookies of another case.
#[tokio::test]
async fn a_jar_ends_with_its_case() {
    let (world, kept) = shop().await;
    let log_in = "  - {get: /login, direct: echo, cookies: alice, times: 2, status: 200}\n";
    let cases = vec![
        world.one("a/one", log_in),
        world.one(
            "a/two",
            "  - {get: /x, direct: echo, cookies: alice, times: 2, status: 200}\n",
        ),
    ];
    world.run(cases).await;
    let kept = kept.lock().expect("nobody panicked");
    let has_cookies: Vec<bool> = kept.iter().map(|asked| asked.headers.contains_key("cookie")).collect();
    assert_eq!(has_cookies, [false, true, false, false]);
}
