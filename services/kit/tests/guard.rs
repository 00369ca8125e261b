//! Who may change what a service does, over real sockets and as real users.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use axum::routing::get;
use meshkat_kit::testing::Running;
use meshkat_kit::{App, Guard, Identity, Token, router, serve};
use reqwest::{Client, Method, RequestBuilder};
use rustix::process::geteuid;
use serde_json::Value;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const FAULT: &str = r#"{"status": 503}"#;

async fn service(guard: Guard) -> Running {
    let identity = Identity::new("small", "small-1").unwrap().guarded(guard);
    let app = App::new(identity, router().route("/hello", get(|| async { "hello" })));
    Running::start(|listener, shutdown| serve(listener, app, shutdown)).await
}

fn request(service: &Running, method: Method) -> RequestBuilder {
    let client = Client::builder().no_proxy().build().unwrap();
    client.request(method, service.url("/faults"))
}

fn put(service: &Running) -> RequestBuilder {
    request(service, Method::PUT).body(FAULT)
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn fault_of(service: &Running) -> Value {
    answer(request(service, Method::GET)).await.1
}

#[tokio::test]
async fn without_a_token_this_user_may_write_and_what_a_proxy_brings_may_not() {
    let service = service(Guard::default()).await;
    assert_eq!(
        answer(put(&service).header("content-type", "application/json")).await.0,
        200
    );
    assert_eq!(answer(request(&service, Method::DELETE)).await.0, 204);
    for (name, value) in [
        ("via", "1.1 proxy"),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-for", "10.0.0.1"),
    ] {
        let (status, problem) = answer(put(&service).header(name, value)).await;
        assert_eq!(status, 403, "{name}");
        let detail = problem["detail"].as_str().unwrap();
        for part in ["MESHKAT_TOKEN", "--allow-writes-from-anyone"] {
            assert!(detail.contains(part), "{detail}");
        }
    }
    assert_eq!(fault_of(&service).await, serde_json::json!({}));
}

/// What `curl` is told as another user of this machine. Only root can be somebody else.
fn as_user(user: u32, arguments: &[&str]) -> String {
    let told = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--write-out", "%{http_code}"])
        .args(arguments)
        .uid(user)
        .gid(user)
        .current_dir("/")
        .output()
        .unwrap();
    String::from_utf8(told.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_another_user_may_read_and_not_write() {
    let service = service(Guard::default()).await;
    let url = service.url("/faults");
    let write = ["-X", "PUT", "-d", FAULT, &url];
    if !geteuid().is_root() {
        assert!(as_user(geteuid().as_raw(), &write).ends_with("200"));
        return;
    }
    for other in [4242, 65_534] {
        let told = as_user(other, &write);
        assert!(
            told.ends_with("403") && told.contains(&format!("the user {other}")),
            "{told}"
        );
        let told = as_user(other, &["-X", "DELETE", &url]);
        assert!(told.ends_with("403"), "{told}");
        assert!(as_user(other, &[&url]).ends_with("200"));
    }
    assert_eq!(fault_of(&service).await, serde_json::json!({}));
    assert!(as_user(0, &write).ends_with("200"));
}

#[tokio::test]
async fn with_a_token_whoever_brings_it_may_write() {
    let service = service(Guard::of_token(Token::new(TOKEN).unwrap())).await;
    let response = put(&service).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["www-authenticate"]),
        (401, &"Bearer".parse().unwrap())
    );
    for wrong in [
        format!("Bearer {TOKEN}0"),
        format!("Basic {TOKEN}"),
        TOKEN.to_owned(),
        "Bearer".to_owned(),
    ] {
        assert_eq!(
            answer(put(&service).header("authorization", &wrong)).await.0,
            401,
            "{wrong}"
        );
    }
    let twice = put(&service)
        .bearer_auth(TOKEN)
        .header("authorization", "Bearer other-one-of-16-chars");
    assert_eq!(answer(twice).await.0, 401);
    assert_eq!(fault_of(&service).await, serde_json::json!({}));
    assert_eq!(answer(put(&service).bearer_auth(TOKEN)).await.0, 200);
    // Whoever brings it through a proxy has it as well.
    assert_eq!(
        answer(put(&service).bearer_auth(TOKEN).header("via", "1.1 proxy"))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn no_page_of_a_browser_may_write_whatever_it_brings() {
    for guard in [Guard::default(), Guard::of_token(Token::new(TOKEN).unwrap())] {
        let service = service(guard).await;
        let put = || put(&service).bearer_auth(TOKEN);
        for origin in ["http://evil.example", "null", "http://localhost:8080"] {
            assert_eq!(answer(put().header("origin", origin)).await.0, 403, "{origin}");
        }
        for kind in [
            "text/plain",
            "multipart/form-data; boundary=x",
            "text/plain; a=application/json",
        ] {
            let (status, problem) = answer(put().header("content-type", kind)).await;
            assert_eq!(status, 415, "{kind}");
            assert!(
                problem["detail"].as_str().unwrap().contains("application/json"),
                "{problem}"
            );
        }
        let marked = put()
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "cross-site");
        assert_eq!(answer(marked).await.0, 415);
        // A name that was made to lead here, also to read.
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.nip.io"] {
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                let request = request(&service, method.clone())
                    .bearer_auth(TOKEN)
                    .header("host", host);
                assert_eq!(answer(request).await.0, 421, "{method} {host}");
            }
        }
        assert_eq!(fault_of(&service).await, serde_json::json!({}));
        for host in ["localhost:8080", "pet", "pet.shop.svc.cluster.local", "lab.localhost"] {
            assert_eq!(answer(put().header("host", host)).await.0, 200, "{host}");
        }
    }
}
