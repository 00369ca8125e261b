//! Who may change what is discovered. Who asks is nobody's business.

mod common;

use std::process::{Command, Output, Stdio};

use common::{ask, client, start};
use meshkat_kit::testing::Binary;
use reqwest::Method;
use sds::Store;

const BINARY: &str = env!("CARGO_BIN_EXE_sds");
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const WRITES: [(&str, &str, &str); 9] = [
    ("POST", "/edsservice/pet", r#"{"hosts": []}"#),
    ("PUT", "/edsservice/pet", r#"{"hosts": []}"#),
    ("DELETE", "/edsservice/pet", ""),
    ("PUT", "/xds/v3/clusters/pet", r#"{"name": "pet"}"#),
    ("DELETE", "/xds/v3/clusters/pet", ""),
    ("PUT", "/xds/v3/faults", r#"{"delay": "1ms"}"#),
    ("DELETE", "/xds/v3/faults", ""),
    ("PUT", "/faults", r#"{"status": 503, "paths": ["/nothing"]}"#),
    ("DELETE", "/faults", ""),
];
const READS: [(&str, &str, &str); 8] = [
    ("GET", "/edsservice", ""),
    ("GET", "/xds/v3/clients", ""),
    ("GET", "/xds/v3/faults", ""),
    ("GET", "/faults", ""),
    ("GET", "/metrics", ""),
    ("POST", "/v2/discovery:endpoints", "{}"),
    ("POST", "/v3/discovery:endpoints", "{}"),
    ("POST", "/v3/discovery:clusters", "{}"),
];

async fn status(binary: &Binary, (method, path, body): (&str, &str, &str), headers: &[(&str, &str)]) -> u16 {
    let mut request = client()
        .request(method.parse().unwrap(), binary.url(path))
        .body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_write_needs_the_token_and_no_question_does() {
    let binary = Binary::start_in(BINARY, &["--allow-faults"], &[("MESHKAT_TOKEN", TOKEN)]);
    let bearer = format!("Bearer {TOKEN}");
    for write in WRITES {
        assert_eq!(status(&binary, write, &[]).await, 401, "{write:?}");
        assert_eq!(
            status(&binary, write, &[("authorization", "Bearer 0123456789abcdef")]).await,
            401,
            "{write:?}"
        );
        let page = [("authorization", &*bearer), ("origin", "http://localhost:8080")];
        assert_eq!(status(&binary, write, &page).await, 403, "{write:?}");
    }
    for write in WRITES {
        let status = status(&binary, write, &[("authorization", &bearer)]).await;
        assert!((200..300).contains(&status), "{write:?}: {status}");
    }
    for read in READS {
        assert_eq!(status(&binary, read, &[]).await, 200, "{read:?}");
    }
    // A token is never shown, and nobody can read it off the command line.
    let shown = std::fs::read(format!("/proc/{}/cmdline", binary.id())).unwrap();
    assert!(!String::from_utf8_lossy(&shown).contains(TOKEN));
}

#[tokio::test]
async fn envoys_ask_under_any_name_and_people_under_its_own() {
    let binary = Binary::start(BINARY, &["--allow-faults", "--allow-host", "mesh.example"]);
    for question in READS {
        let is_for_envoys = question.1.contains("discovery:") || question.1 == "/metrics";
        let expected = if is_for_envoys { 200 } else { 421 };
        assert_eq!(
            status(&binary, question, &[("host", "sds.cluster.example")]).await,
            expected,
            "{question:?}"
        );
        assert_eq!(
            status(&binary, question, &[("host", "mesh.example")]).await,
            200,
            "{question:?}"
        );
    }
    for write in WRITES {
        assert_eq!(
            status(&binary, write, &[("host", "sds.cluster.example")]).await,
            421,
            "{write:?}"
        );
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_no_json_is_not_read() {
    let binary = Binary::start(BINARY, &["--allow-faults", "--allow-origin", "http://localhost:3000"]);
    for write in WRITES.into_iter().filter(|(_, _, body)| !body.is_empty()) {
        assert_eq!(
            status(&binary, write, &[("content-type", "text/plain")]).await,
            415,
            "{write:?}"
        );
    }
    for write in WRITES {
        let page = [
            ("origin", "http://localhost:3000"),
            ("content-type", "application/json"),
        ];
        let status = status(&binary, write, &page).await;
        assert!((200..300).contains(&status), "{write:?}: {status}");
    }
}

#[tokio::test]
async fn it_fails_on_purpose_only_where_that_is_allowed() {
    let sds = start(Store::in_memory()).await;
    for path in ["/faults", "/xds/v3/faults"] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_eq!(
                ask(sds.url(path), method.clone(), r#"{"status": 503}"#).await.0,
                404,
                "{method} {path}"
            );
        }
    }
}

/// How it ends that cannot be started so.
fn refused(arguments: &[&str], token: &str) -> Output {
    Command::new(BINARY)
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments)
        .env("MESHKAT_TOKEN", token)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn rules_that_cannot_hold_are_one_line_and_code_2() {
    for (arguments, token, part) in [
        (&[][..], "short", "MESHKAT_TOKEN: a token is 16 to"),
        (&["--allow-host", "*.example"][..], "", "--allow-host"),
        (&["--allow-origin", "localhost"][..], "", "--allow-origin"),
    ] {
        let output = refused(arguments, token);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(part) && told.lines().count() == 1, "{told}");
    }
}
