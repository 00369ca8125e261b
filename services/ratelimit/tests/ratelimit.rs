//! Limits as an Envoy asks for them, and the rules.

use envoy_types::pb::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use envoy_types::pb::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::{Entry, RateLimitOverride};
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_response::Code;
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_service_client::RateLimitServiceClient;
use envoy_types::pb::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
use envoy_types::pb::envoy::r#type::v3::RateLimitUnit;
use meshkat_kit::Identity;
use meshkat_kit::testing::Running;
use reqwest::Client;
use serde_json::{Value, json};
use tonic::Status;
use tonic::transport::Channel;

type Calls = RateLimitServiceClient<Channel>;

async fn ratelimit() -> (Running, Calls) {
    let identity = Identity::new("ratelimit", "ratelimit-1").unwrap();
    let running = Running::start(|listener, shutdown| ratelimit::run(listener, identity, shutdown)).await;
    let calls = RateLimitServiceClient::connect(running.url("")).await.unwrap();
    (running, calls)
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn put(service: &Running, rules: &Value) -> u16 {
    let request = client().put(service.url("/rules")).json(rules);
    request.send().await.unwrap().status().as_u16()
}

async fn get(service: &Running, path: &str) -> Value {
    client()
        .get(service.url(path))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

fn descriptor(pairs: &[(&str, &str)]) -> RateLimitDescriptor {
    let entry = |(key, value): &(&str, &str)| Entry {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    RateLimitDescriptor {
        entries: pairs.iter().map(entry).collect(),
        ..RateLimitDescriptor::default()
    }
}

async fn ask(calls: &mut Calls, descriptors: Vec<RateLimitDescriptor>) -> Result<RateLimitResponse, Status> {
    let request = RateLimitRequest {
        domain: "edge".to_owned(),
        descriptors,
        hits_addend: 0,
    };
    calls.should_rate_limit(request).await.map(tonic::Response::into_inner)
}

fn rules() -> Value {
    json!({
        "domain": "edge",
        "descriptors": [
            {"key": "path", "value": "/slow", "rate_limit": {"unit": "day", "requests_per_unit": 2}},
            {"key": "user", "rate_limit": {"unit": "day", "requests_per_unit": 1}},
        ],
    })
}

#[tokio::test]
async fn what_is_over_a_limit_is_told_so() {
    let (service, mut calls) = ratelimit().await;
    let slow = || vec![descriptor(&[("path", "/slow")])];
    // Without rules nothing is limited.
    assert_eq!(ask(&mut calls, slow()).await.unwrap().overall_code(), Code::Ok);
    assert_eq!(put(&service, &rules()).await, 200);
    for (code, remaining) in [(Code::Ok, 1), (Code::Ok, 0), (Code::OverLimit, 0)] {
        let answer = ask(&mut calls, slow()).await.unwrap();
        let status = &answer.statuses[0];
        assert_eq!(
            (answer.overall_code(), status.code(), status.limit_remaining),
            (code, code, remaining)
        );
        assert_eq!(status.current_limit.as_ref().unwrap().requests_per_unit, 2);
        assert!((1..=86_400).contains(&status.duration_until_reset.as_ref().unwrap().seconds));
    }
    let shown = get(&service, "/counters").await;
    assert_eq!(shown["counters"][0]["descriptor"], "edge: path=/slow");
    assert_eq!(shown["counters"][0]["hits"], 3);
    client().delete(service.url("/counters")).send().await.unwrap();
    assert_eq!(ask(&mut calls, slow()).await.unwrap().overall_code(), Code::Ok);
}

#[tokio::test]
async fn each_value_is_counted_on_its_own_and_one_that_is_over_decides() {
    let (service, mut calls) = ratelimit().await;
    put(&service, &rules()).await;
    let user = |name| descriptor(&[("user", name)]);
    assert_eq!(ask(&mut calls, vec![user("a")]).await.unwrap().overall_code(), Code::Ok);
    assert_eq!(ask(&mut calls, vec![user("b")]).await.unwrap().overall_code(), Code::Ok);
    let answer = ask(&mut calls, vec![descriptor(&[("other", "x")]), user("a")])
        .await
        .unwrap();
    let codes: Vec<_> = answer.statuses.iter().map(|status| status.code()).collect();
    assert_eq!(
        (answer.overall_code(), codes),
        (Code::OverLimit, vec![Code::Ok, Code::OverLimit])
    );
}

#[tokio::test]
async fn no_text_in_one_descriptor_uses_up_the_limit_of_another() {
    let (service, mut calls) = ratelimit().await;
    let rules = json!({"domain": "edge", "descriptors": [{
        "key": "user", "rate_limit": {"unit": "day", "requests_per_unit": 1},
        "descriptors": [{"key": "path", "rate_limit": {"unit": "day", "requests_per_unit": 1}}],
    }]});
    assert_eq!(put(&service, &rules).await, 200);
    let forged = || vec![descriptor(&[("user", "bob, path=/pay")])];
    for code in [Code::Ok, Code::OverLimit] {
        assert_eq!(ask(&mut calls, forged()).await.unwrap().overall_code(), code);
    }
    let bob = vec![descriptor(&[("user", "bob"), ("path", "/pay")])];
    assert_eq!(ask(&mut calls, bob).await.unwrap().overall_code(), Code::Ok);
    let shown = get(&service, "/counters").await;
    let names: Vec<_> = shown["counters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|counter| &counter["descriptor"])
        .collect();
    assert_eq!(names, ["edge: user=bob, path=/pay", r"edge: user=bob\, path=/pay"]);
}

#[tokio::test]
async fn a_descriptor_may_bring_its_limit() {
    let (_service, mut calls) = ratelimit().await;
    let own = |unit: RateLimitUnit| RateLimitDescriptor {
        limit: Some(RateLimitOverride {
            requests_per_unit: 1,
            unit: unit.into(),
        }),
        ..descriptor(&[("any", "x")])
    };
    assert_eq!(
        ask(&mut calls, vec![own(RateLimitUnit::Day)])
            .await
            .unwrap()
            .overall_code(),
        Code::Ok
    );
    assert_eq!(
        ask(&mut calls, vec![own(RateLimitUnit::Day)])
            .await
            .unwrap()
            .overall_code(),
        Code::OverLimit
    );
    ask(&mut calls, vec![own(RateLimitUnit::Unknown)]).await.unwrap_err();
}

#[tokio::test]
async fn what_is_no_question_is_refused() {
    let (_service, mut calls) = ratelimit().await;
    ask(&mut calls, vec![]).await.unwrap_err();
    ask(&mut calls, vec![descriptor(&[("a", "b")]); 101]).await.unwrap_err();
    // Before any of it is looked at.
    let many = ask(&mut calls, vec![descriptor(&[]); 150_000]).await.unwrap_err();
    assert!(many.message().contains("too large"), "{many}");
}

#[tokio::test]
async fn rules_are_told_and_forgotten_and_are_not_reached_through_an_envoy() {
    let (service, _calls) = ratelimit().await;
    put(&service, &rules()).await;
    assert_eq!(get(&service, "/rules").await, json!({"domains": [rules()]}));
    assert_eq!(put(&service, &json!({"domain": "edge", "descriptors": [{"key": "a", "rate_limit": {"unit": "week", "requests_per_unit": 1}}]})).await, 400);
    assert_eq!(put(&service, &json!({"descriptors": []})).await, 400);
    assert_eq!(get(&service, "/rules").await, json!({"domains": [rules()]}));
    for path in ["/rules", "/counters", "/faults"] {
        let request = client().get(service.url(path)).header("x-forwarded-proto", "http");
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
    }
    client().delete(service.url("/rules")).send().await.unwrap();
    assert_eq!(get(&service, "/rules").await, json!({"domains": []}));
}
