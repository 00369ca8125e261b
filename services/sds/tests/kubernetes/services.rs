//! What Kubernetes says, as Envoys are told.

use reqwest::Method;
use sds::KubernetesSettings;
use serde_json::{Value, json};

use crate::api::{Api, ready, slice};
use crate::common::{ask, client};
use crate::setting::{HASTY, Setting, address};
use crate::streams::{Assignments, Delta, Sotw};

const NAMES: [&str; 4] = ["pet", "pet.shop", "pet.shop.svc", "pet.shop.svc.cluster.local"];

fn told(names: &[&str], hosts: &[&str]) -> Assignments {
    let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
    names.iter().map(|&name| (name.to_owned(), hosts.clone())).collect()
}

#[tokio::test]
async fn every_name_is_answered_over_every_transport_under_that_name() {
    let setting = Setting::synced().await;
    let healthy = told(&NAMES, &["10.0.0.1:10000 HEALTHY"]);
    let host = json!({"address": "10.0.0.1", "port_value": 10000});
    for name in NAMES {
        let (status, v1) = ask(setting.sds.url(&format!("/v1/registration/{name}")), Method::GET, "").await;
        assert_eq!(
            (status, &v1["hosts"][0]["ip_address"]),
            (200, &json!("10.0.0.1")),
            "{name}"
        );
        for version in ["v2", "v3"] {
            let assignment = setting.poll(version, name).await.unwrap();
            assert_eq!(assignment["cluster_name"], name);
            assert_eq!(
                *address(&assignment["endpoints"][0]["lb_endpoints"][0]),
                host,
                "{version} {name}"
            );
        }
    }
    for aggregated in [false, true] {
        let mut sotw = Sotw::subscribed(&setting.sds, aggregated, &NAMES).await;
        assert_eq!(sotw.next(&NAMES).await, healthy);
        let mut delta = Delta::subscribed(&setting.sds, aggregated, &NAMES).await;
        assert_eq!(delta.next().await, (healthy.clone(), vec![]));
    }
    for name in ["other", "pet.other", "pet.shop.pod"] {
        assert_eq!(setting.hosts(name).await, None, "{name}");
        assert_eq!(setting.poll("v2", name).await, None, "{name}");
        let (status, _) = ask(setting.sds.url(&format!("/v1/registration/{name}")), Method::GET, "").await;
        assert_eq!(status, 404, "{name}");
    }
}

#[tokio::test]
async fn a_change_is_pushed_under_every_name_and_a_service_that_goes_is_told() {
    let setting = Setting::synced().await;
    let mut sotw = Sotw::subscribed(&setting.sds, true, &NAMES).await;
    let mut delta = Delta::subscribed(&setting.sds, true, &NAMES).await;
    sotw.next(&NAMES).await;
    delta.next().await;

    // Nobody is ready any more: one pod finishes what it has, one is broken.
    let gone = json!([
        {"addresses": ["10.0.0.1"], "conditions": {"ready": false, "serving": true, "terminating": true}},
        {"addresses": ["10.0.0.2"], "conditions": {"ready": false, "serving": false, "terminating": false}},
    ]);
    setting.api.put(slice("shop", "pet", &gone));
    let unhealthy = told(&NAMES, &["10.0.0.1:10000 DRAINING", "10.0.0.2:10000 UNHEALTHY"]);
    assert_eq!(sotw.next(&NAMES).await, unhealthy);
    assert_eq!(delta.next().await, (unhealthy, vec![]));

    // The service is there, and has no pods.
    setting.api.put(slice("shop", "pet", &json!(null)));
    assert_eq!(sotw.next(&NAMES).await, told(&NAMES, &[]));
    assert_eq!(delta.next().await, (told(&NAMES, &[]), vec![]));
    assert_eq!(setting.hosts("pet").await, Some(vec![]));

    // The service is gone: State of the World leaves it out, and an Envoy keeps what it has.
    setting.api.delete("shop", "pet-x7k2p");
    let mut removed = delta.next().await;
    removed.1.sort();
    assert_eq!(removed, (told(&[], &[]), NAMES.map(str::to_owned).to_vec()));
    assert_eq!(setting.hosts("pet").await, None);
    setting.api.put(slice("shop", "pet", &ready(&["10.0.0.3"])));
    let back = told(&NAMES, &["10.0.0.3:10000 HEALTHY"]);
    assert_eq!(sotw.next(&NAMES).await, back);
    assert_eq!(delta.next().await, (back, vec![]));
}

#[tokio::test]
async fn a_service_is_listed_once_and_all_resources_are_each_service_once() {
    let setting = Setting::synced().await;
    let (_, listed) = ask(setting.sds.url("/edsservice"), Method::GET, "").await;
    let services: Vec<_> = listed["services"].as_object().unwrap().keys().collect();
    assert_eq!(services, ["pet.shop"]);
    for version in ["v2", "v3"] {
        let url = setting.sds.url(&format!("/{version}/discovery:endpoints"));
        let (_, all) = ask(url, Method::POST, "{}").await;
        let names: Vec<_> = all["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|all| &all["cluster_name"])
            .collect();
        assert_eq!(names, ["pet.shop"], "{version}");
    }
    let hosts = ["10.0.0.1:10000 HEALTHY"];
    let mut everything = Delta::subscribed(&setting.sds, false, &["*"]).await;
    assert_eq!(everything.next().await, (told(&["pet.shop"], &hosts), vec![]));
    let mut and_one = Delta::subscribed(&setting.sds, false, &["*", "pet"]).await;
    assert_eq!(and_one.next().await, (told(&["pet", "pet.shop"], &hosts), vec![]));
    let mut and_one = Sotw::subscribed(&setting.sds, false, &["*", "pet"]).await;
    assert_eq!(and_one.next(&["*", "pet"]).await, told(&["pet", "pet.shop"], &hosts));
}

#[tokio::test]
async fn all_namespaces_are_followed_and_a_name_alone_is_of_the_own() {
    let api = Api::start();
    api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
    api.put(slice("farm", "pet", &ready(&["10.0.9.1"])));
    let setting = Setting::everywhere(api).await;
    setting.followed().await;
    for (name, host) in [
        ("pet", "10.0.0.1"),
        ("pet.shop", "10.0.0.1"),
        ("pet.farm", "10.0.9.1"),
        ("pet.farm.svc.cluster.local", "10.0.9.1"),
    ] {
        assert_eq!(setting.hosts(name).await, Some(vec![host.to_owned()]), "{name}");
    }
    setting.api.put(slice("farm", "cow", &ready(&["10.0.9.2"])));
    setting.has("cow.farm", Some(&["10.0.9.2"])).await;
    assert_eq!(setting.hosts("cow").await, None);
}

#[tokio::test]
async fn only_the_namespace_that_is_named_is_asked_for() {
    let setting = Setting::synced().await;
    setting.api.put(slice("farm", "pet", &ready(&["10.0.9.1"])));
    setting.api.put(slice("shop", "pet", &ready(&["10.0.0.2"])));
    setting.has("pet", Some(&["10.0.0.2"])).await;
    assert_eq!(setting.hosts("pet.farm").await, None);
    let requests = setting.api.requests();
    let place = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?";
    assert!(
        requests.iter().all(|request| request.starts_with(place)),
        "{requests:?}"
    );
}

#[tokio::test]
async fn slices_of_a_service_are_one_and_zones_are_localities() {
    let setting = Setting::synced().await;
    let mut second = slice("shop", "pet", &json!([{"addresses": ["fd00::1"], "zone": "eu-1b"}]));
    second["metadata"]["name"] = json!("pet-second");
    second["addressType"] = json!("IPv6");
    setting.api.put(second);
    setting.has("pet", Some(&["10.0.0.1", "fd00::1"])).await;
    let assignment = setting.poll("v3", "pet").await.unwrap();
    let zones: Vec<_> = assignment["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| &zone["locality"])
        .collect();
    assert_eq!(zones, [&json!({"zone": "eu-1a"}), &json!({"zone": "eu-1b"})]);
    setting.api.delete("shop", "pet-second");
    setting.has("pet", Some(&["10.0.0.1"])).await;
}

#[tokio::test]
async fn the_port_may_be_another_or_one_of_the_slice() {
    for (port, found) in [("15006", 15006), ("http", 8080)] {
        let api = Api::start();
        api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
        let settings = KubernetesSettings {
            envoy_port: port.parse().unwrap(),
            pace: HASTY,
            ..KubernetesSettings::default()
        };
        let setting = Setting::with(api, settings).await;
        setting.followed().await;
        let assignment = setting.poll("v3", "pet").await.unwrap();
        assert_eq!(
            address(&assignment["endpoints"][0]["lb_endpoints"][0])["port_value"],
            found
        );
    }
}

#[tokio::test]
async fn the_registry_can_be_read_and_not_written() {
    let setting = Setting::synced().await;
    let url = setting.sds.url("/edsservice/pet");
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let request = client().request(method.clone(), &url).body(r#"{"hosts": []}"#);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 405, "{method}");
        assert!(response.headers()["allow"].to_str().unwrap().contains("GET"));
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("the services are those of Kubernetes"), "{detail}");
    }
    let (status, service) = ask(url, Method::GET, "").await;
    assert_eq!((status, &service["hosts"][0]["tags"]["az"]), (200, &json!("eu-1a")));

    // What is written for Envoys hides what Kubernetes says, under the name that it is written to.
    let assignment = json!({"cluster_name": "pet", "endpoints": []}).to_string();
    let url = setting.sds.url("/xds/v3/endpoints/pet");
    assert_eq!(ask(url.clone(), Method::PUT, &assignment).await.0, 201);
    assert_eq!(setting.hosts("pet").await, Some(vec![]));
    assert_eq!(setting.hosts("pet.shop").await, Some(vec!["10.0.0.1".to_owned()]));
    assert_eq!(ask(url, Method::DELETE, "").await.0, 204);
    assert_eq!(setting.hosts("pet").await, Some(vec!["10.0.0.1".to_owned()]));
}

#[tokio::test]
async fn nobody_is_asked_for_a_request_and_a_list_comes_in_pages() {
    let api = Api::start();
    for number in 0..1201 {
        api.put(slice("shop", &format!("s{number}"), &ready(&["10.0.0.1"])));
    }
    let setting = Setting::start(api, HASTY).await;
    setting.followed().await;
    let before = setting.api.requests();
    // Three pages, and a watch.
    assert_eq!(before.len(), 4, "{before:?}");
    for number in 0..20 {
        assert!(setting.hosts(&format!("s{}", number * 60)).await.is_some());
    }
    assert_eq!(setting.metric("sds_registry_services").await, 1201.0);
    assert_eq!(setting.api.requests().len(), 4);
}
