//! Before anything was ever listed.

use meshkat_kit::testing::Running;
use reqwest::Method;
use serde_json::json;

use crate::api::{Api, Mode, ready, slice};
use crate::common::ask;
use crate::setting::{HASTY, Setting, until};
use crate::streams::{Delta, Sotw};

async fn is_closed(sds: &Running) {
    for (path, method) in [
        ("/edsservice", Method::GET),
        ("/edsservice/pet", Method::GET),
        ("/v1/registration/pet", Method::GET),
        ("/v2/discovery:endpoints", Method::POST),
        ("/v3/discovery:endpoints", Method::POST),
    ] {
        let (status, problem) = ask(sds.url(path), method, "{}").await;
        assert_eq!(status, 503, "{path}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("the EndpointSlices were never listed"), "{detail}");
    }
    // What is not answered from Kubernetes is.
    assert_eq!(ask(sds.url("/xds/v3/clients"), Method::GET, "").await.0, 200);
    let cluster = json!({"name": "pet"}).to_string();
    assert!(ask(sds.url("/xds/v3/clusters/pet"), Method::PUT, &cluster).await.0 < 300);
}

#[tokio::test]
async fn an_api_server_that_is_away_is_waited_for() {
    let mut api = Api::start();
    api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
    api.go_away();
    let mut setting = Setting::start(api, HASTY).await;
    let said = setting.says(503, "the API server cannot be reached: ").await;
    assert!(said.contains("the EndpointSlices were never listed"), "{said}");
    assert_eq!(setting.metric("sds_kubernetes_synced").await, 0.0);
    is_closed(&setting.sds).await;

    // Streams that are opened meanwhile wait, and are answered when there is something to answer.
    let sds = &setting.sds;
    let answers = async {
        let mut sotw = Sotw::subscribed(sds, false, &["pet"]).await;
        let mut delta = Delta::subscribed(sds, true, &["pet"]).await;
        (sotw.next(&["pet"]).await, delta.next().await)
    };
    let api = &mut setting.api;
    let back = async {
        // Both are under way before the server is back, as far as can be said.
        tokio::task::yield_now().await;
        api.come_back();
    };
    let ((sotw, (delta, removed)), ()) = tokio::join!(answers, back);
    assert_eq!(sotw["pet"], ["10.0.0.1:10000 HEALTHY"]);
    assert_eq!((delta, removed), (sotw, vec![]));
    setting.followed().await;
}

#[tokio::test]
async fn until_it_is_let_in_it_is_not_ready_and_says_why() {
    for (mode, why) in [
        (Mode::Refusing(403, "Forbidden"), "403 Forbidden: no, not now"),
        (Mode::Refusing(401, "Unauthorized"), "401 Unauthorized: no, not now"),
        (
            Mode::Refusing(500, "InternalError"),
            "the API server answered 500: no, not now",
        ),
        (Mode::Page, "the API server cannot be understood: "),
    ] {
        let api = Api::start();
        api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
        api.mode(mode);
        let setting = Setting::start(api, HASTY).await;
        setting.says(503, why).await;
        is_closed(&setting.sds).await;
        setting.api.mode(Mode::Normal);
        setting.followed().await;
        setting.has("pet", Some(&["10.0.0.1"])).await;
    }
}

#[tokio::test]
async fn an_api_server_that_never_answers_is_given_up_and_asked_again() {
    let api = Api::start();
    api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
    api.mode(Mode::Hung);
    let mut pace = HASTY;
    pace.answer = std::time::Duration::from_millis(300);
    let setting = Setting::start(api, pace).await;
    setting.says(503, "the API server said nothing for 300ms").await;
    let asked = setting.api.requests().len();
    until(async || {
        let now = setting.api.requests().len();
        (now > asked).then_some(()).ok_or(now)
    })
    .await;
    setting.api.mode(Mode::Normal);
    setting.followed().await;
}

#[tokio::test]
async fn a_list_that_expires_between_pages_begins_anew() {
    let api = Api::start();
    for number in 0..1001 {
        api.put(slice("shop", &format!("s{number}"), &ready(&["10.0.0.1"])));
    }
    api.pages(1);
    let setting = Setting::start(api, HASTY).await;
    setting.followed().await;
    assert_eq!(setting.metric("sds_registry_services").await, 1001.0);
    assert_eq!(setting.metric("sds_kubernetes_errors_total{kind=\"Gone\"}").await, 1.0);
}

#[tokio::test]
async fn streams_that_wait_do_not_keep_it_from_stopping() {
    let mut api = Api::start();
    api.go_away();
    let setting = Setting::start(api, HASTY).await;
    setting.says(503, "cannot be reached").await;
    // gRPC is refused over anything else.
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let url = setting
        .sds
        .url("/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints");
    let waiting = client.post(url).header("content-type", "application/grpc").send();
    let waiting = tokio::spawn(waiting);
    let stopping = async {
        tokio::task::yield_now().await;
        setting.sds.stop().await.unwrap().unwrap();
    };
    tokio::time::timeout(meshkat_kit::testing::DEADLINE, stopping)
        .await
        .unwrap();
    // Refused, or not even taken any more.
    if let Ok(response) = waiting.await.unwrap() {
        assert_eq!(response.status(), 503);
    }
}
