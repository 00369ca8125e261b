//! Writing resources of any type, and polling them.

mod common;

use common::{ask, start};
use meshkat_kit::testing::Running;
use reqwest::Method;
use sds::Store;
use serde_json::{Value, json};

const TYPES: [(&str, &str, &str); 5] = [
    ("clusters", "name", "config.cluster.v3.Cluster"),
    ("endpoints", "cluster_name", "config.endpoint.v3.ClusterLoadAssignment"),
    ("secrets", "name", "extensions.transport_sockets.tls.v3.Secret"),
    ("listeners", "name", "config.listener.v3.Listener"),
    ("routes", "name", "config.route.v3.RouteConfiguration"),
];

async fn poll(sds: &Running, kind: &str, cluster: &str, names: &[&str]) -> Value {
    let request = json!({"node": {"id": "envoy-a", "cluster": cluster}, "resource_names": names}).to_string();
    let (status, answer) = ask(sds.url(&format!("/v3/discovery:{kind}")), Method::POST, &request).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn names(answer: &Value, field: &str) -> Vec<String> {
    let resources = answer["resources"].as_array().unwrap();
    resources
        .iter()
        .map(|resource| resource[field].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_resource_of_any_type_is_written_read_polled_and_taken_away() {
    let sds = start(Store::in_memory()).await;
    for (kind, field, message) in TYPES {
        let url = |query: &str| sds.url(&format!("/xds/v3/{kind}/a{query}"));
        let body = json!({field: "a"});
        assert_eq!(ask(url(""), Method::GET, "").await.0, 404);
        assert_eq!(ask(url(""), Method::DELETE, "").await.0, 404);
        assert_eq!(ask(url(""), Method::PUT, &body.to_string()).await, (201, body.clone()));
        assert_eq!(ask(url(""), Method::PUT, &body.to_string()).await.0, 200);
        assert_eq!(ask(url(""), Method::GET, "").await, (200, body.clone()));

        let type_url = format!("type.googleapis.com/envoy.{message}");
        let answer = poll(&sds, kind, "demo", &["a", "missing"]).await;
        assert_eq!(answer["type_url"], type_url);
        assert_eq!(answer["resources"], json!([{"@type": type_url, field: "a"}]));
        assert_eq!(poll(&sds, kind, "other", &[]).await, answer);

        assert_eq!(ask(url("?node_cluster=demo"), Method::GET, "").await.0, 404);
        let own = json!({"@type": type_url, field: "a"}).to_string();
        assert_eq!(ask(url("?node_cluster=demo"), Method::PUT, &own).await.0, 201);
        assert_eq!(ask(url(""), Method::DELETE, "").await.0, 204);
        assert_eq!(names(&poll(&sds, kind, "demo", &[]).await, field), ["a"]);
        assert_eq!(poll(&sds, kind, "other", &["a"]).await["resources"], json!([]));
    }
}

#[tokio::test]
async fn any_is_written_and_read_with_its_type() {
    let sds = start(Store::in_memory()).await;
    let options = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 7}},
    }});
    let body = json!({"name": "a", "typed_extension_protocol_options": options});
    let url = || sds.url("/xds/v3/clusters/a");
    assert_eq!(ask(url(), Method::PUT, &body.to_string()).await, (201, body.clone()));
    assert_eq!(ask(url(), Method::GET, "").await, (200, body));
}

#[tokio::test]
async fn any_is_read_as_envoy_reads_it() {
    let sds = start(Store::in_memory()).await;
    let tcp = json!({"@type": "type.googleapis.com/xds.type.v3.TypedStruct",
        "type_url": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "value": {"stat_prefix": "s", "cluster": "c"}});
    for (path, body) in [
        // An `Any` of nothing.
        (
            "routes/r",
            json!({"name": "r", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{
                "match": {"prefix": "/"}, "direct_response": {"status": 200},
                "typed_per_filter_config": {"lua": {
                    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}}}]}]}),
        ),
        (
            "listeners/l",
            json!({"name": "l", "filter_chains": [{"filters": [{"name": "tcp", "typed_config": tcp}]}]}),
        ),
        // A type of no fields.
        (
            "listeners/a",
            json!({"name": "a", "metadata": {"typed_filter_metadata": {"x": {
                "@type": "type.googleapis.com/google.protobuf.Empty"}}}}),
        ),
    ] {
        let url = || sds.url(&format!("/xds/v3/{path}"));
        assert_eq!(ask(url(), Method::PUT, &body.to_string()).await, (201, body.clone()));
        assert_eq!(ask(url(), Method::GET, "").await, (200, body));
    }
}

#[tokio::test]
async fn keys_are_told_to_envoys_and_shown_to_nobody() {
    let sds = start(Store::in_memory()).await;
    let key = json!({"private_key": {"inline_string": "KEY"}, "certificate_chain": {"inline_string": "chain"}});
    let url = |path: &str| sds.url(&format!("/xds/v3/{path}"));
    let mut shown = json!({"name": "server", "tls_certificate": key});
    let (status, answer) = ask(url("secrets/server"), Method::PUT, &shown.to_string()).await;
    shown["tls_certificate"]["private_key"]["inline_string"] = json!("[redacted]");
    assert_eq!((status, &answer), (201, &shown));
    assert_eq!(ask(url("secrets/server"), Method::GET, "").await, (200, shown));
    let told = poll(&sds, "secrets", "demo", &["server"]).await;
    assert_eq!(told["resources"][0]["tls_certificate"], key);

    // Where it stands in something else.
    let tls = json!({"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {"tls_certificates": [key]}}});
    let cluster = json!({"name": "a", "transport_socket": tls});
    ask(url("clusters/a"), Method::PUT, &cluster.to_string()).await;
    let (_, answer) = ask(url("clusters/a"), Method::GET, "").await;
    assert!(
        !answer.to_string().contains("KEY") && answer.to_string().contains("chain"),
        "{answer}"
    );
    let told = poll(&sds, "clusters", "demo", &["a"]).await;
    assert_eq!(told["resources"][0]["transport_socket"], tls);

    let (_, clients) = ask(url("clients"), Method::GET, "").await;
    assert!(!clients.to_string().contains("KEY"), "{clients}");
    let broken = json!({"name": "server", "tls_certificate": {"private_key": "KEY"}}).to_string();
    let (status, problem) = ask(url("secrets/server"), Method::PUT, &broken).await;
    assert_eq!(
        (status, &problem["field"]),
        (400, &json!("tls_certificate.private_key"))
    );
    assert!(!problem.to_string().contains("KEY"), "{problem}");
}

#[tokio::test]
async fn a_page_in_a_browser_is_not_told_secrets() {
    let sds = start(Store::in_memory()).await;
    for (path, expected) in [
        ("/v3/discovery:secrets", 403),
        ("/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets", 403),
        (
            "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
            403,
        ),
        // As ever: there is nothing in it that the page could not guess.
        ("/v3/discovery:endpoints", 200),
    ] {
        let page = common::client()
            .post(sds.url(path))
            .header("origin", "http://rebound.example.org");
        let response = page.body("{}").send().await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_resource_is_a_problem_that_names_the_field() {
    let sds = start(Store::in_memory()).await;
    for (path, body, status, detail, field) in [
        ("clusters/a", "{", 400, "EOF", json!(null)),
        ("clusters/a", "[]", 400, "not an array", json!(null)),
        (
            "clusters/a",
            r#"{"name": "b"}"#,
            400,
            "\"a\" in the path",
            json!("name"),
        ),
        ("endpoints/a", "{}", 400, "cluster_name", json!("cluster_name")),
        (
            "endpoints/a",
            r#"{"cluster_name": "a", "endpoints": [{"priority": "high"}]}"#,
            400,
            "endpoints[0].priority: ",
            json!("endpoints[0].priority"),
        ),
        ("routes/*", r#"{"name": "*"}"#, 400, "all resources", json!(null)),
        (
            "routes/a?node_cluster=",
            r#"{"name": "a"}"#,
            400,
            "node_cluster",
            json!(null),
        ),
        ("routes/a?cluster=x", r#"{"name": "a"}"#, 400, "cluster", json!(null)),
        (
            "endpoints/a",
            r#"{"cluster_name": "a", "endpoints": [{"load_balancing_weight": 1, "loadBalancingWeight": 1}]}"#,
            400,
            "as \"load_balancing_weight\" and as \"loadBalancingWeight\"",
            json!("endpoints[0].loadBalancingWeight"),
        ),
        (
            "clusters/a",
            r#"{"name": "a", "connect_timeout": "1s", "connect_timeout": "2s"}"#,
            400,
            "the key \"connect_timeout\" is there twice",
            json!(null),
        ),
        (
            "runtimes/a",
            r#"{"name": "a"}"#,
            404,
            "clusters, endpoints, secrets, listeners and routes",
            json!(null),
        ),
    ] {
        let (found, problem) = ask(sds.url(&format!("/xds/v3/{path}")), Method::PUT, body).await;
        assert_eq!((found, &problem["field"]), (status, &field), "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    for (kind, _, _) in TYPES {
        assert_eq!(poll(&sds, kind, "", &[]).await["resources"], json!([]));
    }
}

#[tokio::test]
async fn written_endpoints_hide_the_registrys() {
    let sds = start(Store::in_memory()).await;
    let hosts = r#"{"hosts": [{"ip_address": "10.0.0.1", "port": 1}]}"#;
    ask(sds.url("/edsservice/pet"), Method::PUT, hosts).await;
    let registered = poll(&sds, "endpoints", "demo", &["pet"]).await;
    let url = || sds.url("/xds/v3/endpoints/pet");
    // The registry is another place.
    assert_eq!(ask(url(), Method::GET, "").await.0, 404);
    ask(
        url(),
        Method::PUT,
        r#"{"cluster_name": "pet", "policy": {"weighted_priority_health": true}}"#,
    )
    .await;
    let written = poll(&sds, "endpoints", "demo", &["pet"]).await;
    assert_eq!(
        written["resources"][0]["policy"],
        json!({"weighted_priority_health": true})
    );
    assert_ne!(written["version_info"], registered["version_info"]);
    ask(url(), Method::DELETE, "").await;
    assert_eq!(poll(&sds, "endpoints", "demo", &["pet"]).await, registered);
}

#[tokio::test]
async fn a_client_that_polls_is_listed_with_what_it_says() {
    let sds = start(Store::in_memory()).await;
    ask(sds.url("/xds/v3/clusters/a"), Method::PUT, r#"{"name": "a"}"#).await;
    let version = poll(&sds, "clusters", "demo", &[]).await["version_info"].clone();
    let refused = json!({"node": {"id": "envoy-a", "cluster": "demo"}, "version_info": version,
                         "error_detail": {"code": 3, "message": "no"}});
    ask(sds.url("/v3/discovery:clusters"), Method::POST, &refused.to_string()).await;
    ask(
        sds.url("/xds/v3/clusters/a"),
        Method::PUT,
        r#"{"name": "a", "alt_stat_name": "b"}"#,
    )
    .await;
    let (status, told) = ask(sds.url("/xds/v3/clients"), Method::GET, "").await;
    let topic = &told["clients"][0]["types"]["clusters"];
    assert_ne!(topic["version_intended"], version);
    assert_eq!(
        (status, &told),
        (
            200,
            &json!({"clients": [{
                "node": {"id": "envoy-a", "cluster": "demo"},
                "transport": "rest",
                "types": {"clusters": {
                    "wildcard": true,
                    "names": [],
                    "version_intended": topic["version_intended"],
                    "version_sent": version,
                    "version_acknowledged": version,
                    "last_nack": {"version": version, "code": 3, "message": "no"},
                }},
            }]})
        )
    );
}

#[tokio::test]
async fn each_poll_of_a_node_is_told() {
    let sds = start(Store::in_memory()).await;
    for name in ["pet", "petstore"] {
        ask(sds.url(&format!("/edsservice/{name}")), Method::PUT, r#"{"hosts": []}"#).await;
    }
    let told = async || {
        let (_, mut told) = ask(sds.url("/xds/v3/clients"), Method::GET, "").await;
        let clients = told["clients"].as_array_mut().unwrap();
        assert_eq!(clients.len(), 1, "{clients:?}");
        clients[0]["types"]["endpoints"].take()
    };
    let poll = async |name: &str, has: &Value, error: Value| {
        let request = json!({"node": {"id": "envoy-a", "cluster": "demo"}, "resource_names": [name],
                             "version_info": has, "error_detail": error});
        let (_, answer) = ask(sds.url("/v3/discovery:endpoints"), Method::POST, &request.to_string()).await;
        answer["version_info"].clone()
    };
    let pet = poll("pet", &json!(""), json!(null)).await;
    let alone = told().await;
    assert_eq!(
        (&alone["version_intended"], &alone["version_sent"], &alone["polls"]),
        (&pet, &pet, &json!(null))
    );
    let petstore = poll("petstore", &json!(""), json!(null)).await;
    poll("pet", &pet, json!(null)).await;
    let half = told().await;
    assert_eq!(half["names"], json!(["pet", "petstore"]));
    assert_eq!(half["version_intended"], half["version_sent"]);
    assert_eq!(half["version_acknowledged"], json!(null));
    let polls = json!([
        {"names": ["pet"], "version_intended": pet, "version_sent": pet, "version_acknowledged": pet, "last_nack": null},
        {"names": ["petstore"], "version_intended": petstore, "version_sent": petstore, "version_acknowledged": null,
         "last_nack": null},
    ]);
    assert_eq!(half["polls"], polls);
    poll("petstore", &petstore, json!(null)).await;
    let whole = told().await;
    assert_eq!(whole["version_intended"], whole["version_acknowledged"]);

    let host = r#"{"hosts": [{"ip_address": "10.0.0.1", "port": 1}]}"#;
    ask(sds.url("/edsservice/pet"), Method::PUT, host).await;
    let behind = told().await;
    assert_ne!(behind["version_intended"], behind["version_sent"]);
    let changed = poll("pet", &pet, json!(null)).await;
    poll("pet", &pet, json!({"code": 3, "message": "no"})).await;
    let refused = told().await;
    assert_eq!(refused["version_intended"], refused["version_sent"]);
    assert_ne!(refused["version_sent"], refused["version_acknowledged"]);
    assert_eq!(
        refused["last_nack"],
        json!({"version": changed, "code": 3, "message": "no"})
    );
    let text = common::client()
        .get(sds.url("/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        r#"sds_acks_total{transport="Rest",resources="Endpoints"} 2"#,
        r#"sds_nacks_total{transport="Rest",resources="Endpoints"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_name_may_have_slashes_and_whatever_else_a_url_can_say() {
    let sds = start(Store::in_memory()).await;
    for (path, name) in [
        ("a/b", "a/b"),
        ("a%2Fc", "a/c"),
        ("50%25", "50%"),
        ("a%20b%3Fc%23d", "a b?c#d"),
        ("z%C3%BCrich", "zürich"),
        (
            "xdstp://authority/envoy.config.cluster.v3.Cluster/pets/pet",
            "xdstp://authority/envoy.config.cluster.v3.Cluster/pets/pet",
        ),
        (
            "xdstp:%2F%2Fauthority%2Fenvoy.config.cluster.v3.Cluster%2Fpet%3Fa=b",
            "xdstp://authority/envoy.config.cluster.v3.Cluster/pet?a=b",
        ),
        ("clients", "clients"),
    ] {
        let url = |query: &str| sds.url(&format!("/xds/v3/clusters/{path}{query}"));
        let body = json!({"name": name});
        for query in ["", "?node_cluster=demo"] {
            assert_eq!(
                ask(url(query), Method::PUT, &body.to_string()).await,
                (201, body.clone()),
                "{path}"
            );
            assert_eq!(ask(url(query), Method::GET, "").await, (200, body.clone()));
        }
        let answer = poll(&sds, "clusters", "demo", &[name]).await;
        assert_eq!(names(&answer, "name"), [name]);
        for query in ["", "?node_cluster=demo"] {
            assert_eq!(ask(url(query), Method::DELETE, "").await.0, 204);
        }
    }
    assert_eq!(
        ask(sds.url("/xds/v3/clusters/"), Method::PUT, r#"{"name": ""}"#)
            .await
            .0,
        404
    );
}
