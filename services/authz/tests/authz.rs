//! Checks over HTTP and gRPC, as an Envoy makes them, and the rules.

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request as Asked};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use meshkat_kit::Identity;
use meshkat_kit::testing::Running;
use reqwest::Client;
use serde_json::{Value, json};
use tonic::Code;

async fn authz() -> Running {
    let identity = Identity::new("authz", "authz-1").unwrap();
    Running::start(|listener, shutdown| authz::run(listener, identity, shutdown)).await
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn put(authz: &Running, rules: &Value) -> u16 {
    let request = client().put(authz.url("/rules")).json(rules);
    request.send().await.unwrap().status().as_u16()
}

async fn call(authz: &Running, path: &str, headers: &[(&str, &str)]) -> CheckResponse {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let http = HttpRequest {
        method: "GET".to_owned(),
        host: "foo.com".to_owned(),
        path: path.to_owned(),
        headers: headers.collect(),
        ..HttpRequest::default()
    };
    check(authz, http).await
}

async fn check(authz: &Running, http: HttpRequest) -> CheckResponse {
    let mut calls = AuthorizationClient::connect(authz.url("")).await.unwrap();
    let attributes = AttributeContext {
        request: Some(Asked {
            http: Some(http),
            ..Asked::default()
        }),
        ..AttributeContext::default()
    };
    let request = CheckRequest {
        attributes: Some(attributes),
    };
    calls.check(request).await.unwrap().into_inner()
}

fn code(response: &CheckResponse) -> Code {
    Code::from_i32(response.status.as_ref().unwrap().code)
}

#[tokio::test]
async fn without_rules_a_header_allows() {
    let authz = authz().await;
    let allowed = client().get(authz.url("/check/orders")).header("x-ext-authz", "allow");
    assert_eq!(allowed.send().await.unwrap().status(), 200);
    assert_eq!(
        client().get(authz.url("/check/orders")).send().await.unwrap().status(),
        403
    );
    assert_eq!(code(&call(&authz, "/", &[("x-ext-authz", "allow")]).await), Code::Ok);
    assert_eq!(code(&call(&authz, "/", &[]).await), Code::PermissionDenied);
}

#[tokio::test]
async fn rules_are_the_same_over_http_and_grpc() {
    let authz = authz().await;
    let rules = json!({
        "rules": [
            {"path": "/open", "allow": true, "set": {"x-user": "nobody"}, "remove": ["cookie"]},
            {"path": "/closed", "allow": false, "status": 401, "body": "no", "set": {"www-authenticate": "Basic"}},
        ],
        "otherwise": "allow",
    });
    assert_eq!(put(&authz, &rules).await, 200);
    let open = client().post(authz.url("/check/open?x=1")).send().await.unwrap();
    assert_eq!(open.status(), 200);
    assert_eq!(open.headers()["x-user"], "nobody");
    assert_eq!(open.headers()["x-envoy-auth-headers-to-remove"], "cookie");
    let closed = client().get(authz.url("/check/closed/x")).send().await.unwrap();
    assert_eq!(
        (closed.status().as_u16(), &closed.headers()["www-authenticate"]),
        (401, &"Basic".parse().unwrap())
    );
    assert_eq!(closed.text().await.unwrap(), "no");

    match call(&authz, "/open", &[]).await.http_response {
        Some(HttpResponse::OkResponse(ok)) => {
            let header = ok.headers[0].header.as_ref().unwrap();
            assert_eq!((header.key.as_str(), header.value.as_str()), ("x-user", "nobody"));
            assert_eq!(ok.headers_to_remove, ["cookie"]);
        }
        other => panic!("{other:?}"),
    }
    let closed = call(&authz, "/closed", &[]).await;
    assert_eq!(code(&closed), Code::PermissionDenied);
    match closed.http_response {
        Some(HttpResponse::DeniedResponse(denied)) => {
            assert_eq!((denied.status.unwrap().code, denied.body.as_str()), (401, "no"));
            assert_eq!(denied.headers.len(), 1);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(code(&call(&authz, "/other", &[]).await), Code::Ok);

    let told: Value = client()
        .get(authz.url("/checks"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!((&told["count"], &told["left_out"]), (&json!(5), &json!(0)));
    let first = &told["checks"][0];
    assert_eq!(
        (&first["protocol"], &first["method"], &first["path"]),
        (&json!("http"), &json!("POST"), &json!("/open?x=1"))
    );
    assert_eq!((&first["allowed"], &first["rule"]), (&json!(true), &json!(0)));
    assert_eq!(
        (&told["checks"][4]["protocol"], &told["checks"][4]["rule"]),
        (&json!("grpc"), &Value::Null)
    );

    client().delete(authz.url("/rules")).send().await.unwrap();
    assert_eq!(code(&call(&authz, "/open", &[]).await), Code::PermissionDenied);
}

#[tokio::test]
async fn headers_are_seen_in_whichever_way_an_envoy_tells_them() {
    let authz = authz().await;
    let rules = json!({
        "rules": [{"headers": {"x-bad": "1"}, "allow": false}, {"headers": {"x-many": "a,b"}, "allow": false}],
        "otherwise": "allow",
    });
    assert_eq!(put(&authz, &rules).await, 200);
    let header = |key: &str, value: &str, raw_value: &[u8]| HeaderValue {
        key: key.to_owned(),
        value: value.to_owned(),
        raw_value: raw_value.to_vec(),
    };
    // With `encode_raw_headers` an Envoy has the bytes, as it has them.
    for (headers, code) in [
        (
            vec![header("x-good", "", b"1"), header("x-bad", "", b"1")],
            Code::PermissionDenied,
        ),
        (vec![header("x-bad", "1", b"")], Code::PermissionDenied),
        (vec![header("X-Bad", "", b"1")], Code::PermissionDenied),
        (
            vec![header("x-many", "", b"a"), header("x-many", "", b"b")],
            Code::PermissionDenied,
        ),
        (vec![header("x-bad", "", b"\xff")], Code::Ok),
        (vec![], Code::Ok),
    ] {
        let http = HttpRequest {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            header_map: Some(HeaderMap {
                headers: headers.clone(),
            }),
            ..HttpRequest::default()
        };
        let answer = check(&authz, http).await;
        assert_eq!(answer.status.unwrap().code, i32::from(code), "{headers:?}");
    }
    assert_eq!(
        self::code(&call(&authz, "/", &[("X-Bad", "1")]).await),
        Code::PermissionDenied
    );
    let told: Value = client()
        .get(authz.url("/checks"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(told["checks"][0]["headers"], json!({"x-good": "1", "x-bad": "1"}));
}

#[tokio::test]
async fn what_is_told_is_no_longer_than_what_is_kept() {
    let authz = authz().await;
    let escaped = "\u{1}".repeat(100_000);
    for _ in 0..20 {
        call(&authz, "/", &[("x-long", &escaped)]).await;
    }
    let told = client()
        .get(authz.url("/checks"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(told.len() <= 4 << 20, "{}", told.len());
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["count"], &told["left_out"]), (&json!(20), &json!(14)));
}

#[tokio::test]
async fn whatever_path_is_asked_about_is_no_path_of_the_service() {
    let authz = authz().await;
    assert_eq!(put(&authz, &json!({"otherwise": "deny"})).await, 200);
    for path in ["", "/", "/healthz", "/rules", "/faults", "/check"] {
        let asked = client().get(authz.url(&format!("/check{path}")));
        assert_eq!(asked.send().await.unwrap().status(), 403, "{path}");
    }
    // A configuration without the prefix allows nothing.
    assert_eq!(client().get(authz.url("/orders")).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_is_invalid_changes_nothing_and_nothing_is_reached_through_an_envoy() {
    let authz = authz().await;
    assert_eq!(
        put(
            &authz,
            &json!({"rules": [{"allow": true, "status": 500}], "otherwise": "allow"})
        )
        .await,
        400
    );
    assert_eq!(put(&authz, &json!({"otherwise": "perhaps"})).await, 400);
    assert_eq!(client().get(authz.url("/check/")).send().await.unwrap().status(), 403);
    for path in ["/rules", "/checks", "/faults"] {
        let request = client().get(authz.url(path)).header("x-forwarded-proto", "http");
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
    }
}
