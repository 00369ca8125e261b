//! Endpoints that nobody can be told of, ports, and the domain of the cluster.

use sds::KubernetesSettings;
use serde_json::{Value, json};

use crate::api::{Api, ready, slice};
use crate::setting::{HASTY, Setting, address, until};
use crate::streams::{Delta, Sotw};

/// A slice of names in the place of addresses.
fn of_names(service: &str) -> Value {
    let mut names = slice("shop", service, &json!([{"addresses": ["pet.example.org"]}]));
    names["metadata"]["name"] = json!(format!("{service}-names"));
    names["addressType"] = json!("FQDN");
    names
}

async fn passed_over(setting: &Setting, reason: &str) -> f64 {
    let name = format!("sds_kubernetes_passed_over{{reason=\"{reason}\"}}");
    setting.metric(&name).await
}

#[tokio::test]
async fn a_service_of_which_nobody_can_be_told_has_no_hosts_and_that_is_said() {
    let setting = Setting::synced().await;
    let mut sotw = Sotw::subscribed(&setting.sds, true, &["pet"]).await;
    let mut delta = Delta::subscribed(&setting.sds, true, &["pet"]).await;
    sotw.next(&["pet"]).await;
    delta.next().await;

    setting.api.put(slice("shop", "pet", &ready(&["010.0.0.7"])));
    assert_eq!(sotw.next(&["pet"]).await["pet"], [""; 0]);
    assert_eq!(delta.next().await.0["pet"], [""; 0]);
    let said = setting
        .says(
            200,
            "passed over: 1 endpoint of Kubernetes, of pet.shop: the address \"010.0.0.7\" is no IP address",
        )
        .await;
    assert!(
        said.starts_with("ready\npassed over: ") && said.ends_with("write it without\n"),
        "{said}"
    );
    assert_eq!(passed_over(&setting, "Address").await, 1.0);

    // Beside others it takes nothing away, and a slice of names makes a service without hosts.
    setting.api.put(slice("shop", "pet", &ready(&["10.0.0.1", "10.0.0"])));
    assert_eq!(sotw.next(&["pet"]).await["pet"], ["10.0.0.1:10000 HEALTHY"]);
    setting.api.put(of_names("far"));
    setting.has("far.shop", Some(&[])).await;
    setting
        .says(200, "passed over: 2 endpoints of Kubernetes, as of far.shop: ")
        .await;
    assert_eq!(passed_over(&setting, "AddressType").await, 1.0);
    setting.api.put(of_names("pet"));
    setting.says(200, "passed over: 3 endpoints of Kubernetes").await;
    assert_eq!(setting.hosts("pet").await, Some(vec!["10.0.0.1".to_owned()]));

    // Put right, or gone, it is told no more.
    setting.api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
    setting.api.delete("shop", "pet-names");
    setting.api.delete("shop", "far-names");
    setting.followed().await;
    assert_eq!(setting.hosts("far.shop").await, None);
    assert_eq!(passed_over(&setting, "Address").await, 0.0);
    assert_eq!(passed_over(&setting, "AddressType").await, 0.0);
}

#[tokio::test]
async fn what_is_passed_over_is_said_also_while_the_api_server_is_away() {
    let mut setting = Setting::synced().await;
    setting
        .api
        .put(slice("shop", "pet", &ready(&["10.0.0.1", "010.0.0.7"])));
    setting.says(200, "passed over: ").await;
    setting.api.go_away();
    let said = setting.says(200, "stale: ").await;
    assert!(said.contains("\npassed over: 1 endpoint"), "{said}");
}

#[tokio::test]
async fn a_service_can_be_asked_for_at_each_of_its_ports() {
    let setting = Setting::synced().await;
    let port = async |version: &str, name: &str| {
        let assignment = setting.poll(version, name).await?;
        assert_eq!(assignment["cluster_name"], name);
        let port = address(&assignment["endpoints"][0]["lb_endpoints"][0])["port_value"].as_u64();
        Some(port.unwrap_or_default())
    };
    let mut own = slice("shop", "pet", &ready(&["10.0.0.1"]));
    own["ports"] = json!([{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": null, "port": 9090},
        {"name": "dns", "port": 53, "protocol": "UDP"}]);
    setting.api.put(own);
    until(async || match port("v3", "pet.shop:").await {
        Some(9090) => Ok(()),
        other => Err(other),
    })
    .await;
    for name in ["pet", "pet.shop", "pet.shop.svc", "pet.shop.svc.cluster.local"] {
        for version in ["v2", "v3"] {
            assert_eq!(port(version, name).await, Some(10000), "{version} {name}");
            assert_eq!(
                port(version, &format!("{name}:http")).await,
                Some(8080),
                "{version} {name}"
            );
            assert_eq!(port(version, &format!("{name}:")).await, Some(9090), "{version} {name}");
            assert_eq!(port(version, &format!("{name}:dns")).await, None, "{version} {name}");
        }
    }
    let mut delta = Delta::subscribed(&setting.sds, true, &["pet.shop:http", "*"]).await;
    let (told, _) = delta.next().await;
    assert_eq!(told.keys().collect::<Vec<_>>(), ["pet.shop", "pet.shop:http"]);

    // A service without endpoints has a slice without ports: nobody keeps the ones that there were.
    let mut none = slice("shop", "pet", &json!(null));
    none["ports"] = json!(null);
    setting.api.put(none);
    assert_eq!(delta.next().await.0["pet.shop:http"], [""; 0]);
    setting.api.delete("shop", "pet-x7k2p");
    let (_, mut removed) = delta.next().await;
    removed.sort();
    assert_eq!(removed, ["pet.shop", "pet.shop:http"]);
}

#[tokio::test]
async fn the_port_of_every_host_may_be_one_without_a_name() {
    let api = Api::start();
    let mut unnamed = slice("shop", "pet", &ready(&["10.0.0.1"]));
    unnamed["ports"] = json!([{"port": 8081}]);
    api.put(unnamed);
    api.put(slice("shop", "named", &ready(&["10.0.0.2"])));
    let settings = KubernetesSettings {
        envoy_port: ":".parse().unwrap(),
        pace: HASTY,
        ..KubernetesSettings::default()
    };
    let setting = Setting::with(api, settings).await;
    setting
        .says(
            200,
            "of named.shop: a slice has no TCP port of the name that envoy.port asks for, :",
        )
        .await;
    let assignment = setting.poll("v3", "pet").await.unwrap();
    assert_eq!(
        address(&assignment["endpoints"][0]["lb_endpoints"][0])["port_value"],
        8081
    );
    assert_eq!(setting.hosts("named").await, Some(vec![]));
    assert_eq!(passed_over(&setting, "Port").await, 1.0);
}

#[tokio::test]
async fn the_domain_of_the_cluster_may_be_another() {
    let api = Api::start();
    api.put(slice("shop", "pet", &ready(&["10.0.0.1"])));
    let settings = KubernetesSettings {
        cluster_domain: Some("k8s.example.org".to_owned()),
        pace: HASTY,
        ..KubernetesSettings::default()
    };
    let setting = Setting::with(api, settings).await;
    setting.followed().await;
    for name in [
        "pet",
        "pet.shop.svc",
        "pet.shop.svc.k8s.example.org",
        "pet.shop.svc.k8s.example.org:http",
    ] {
        assert_eq!(setting.hosts(name).await, Some(vec!["10.0.0.1".to_owned()]), "{name}");
        assert!(setting.poll("v2", name).await.is_some(), "{name}");
    }
    assert_eq!(setting.hosts("pet.shop.svc.cluster.local").await, None);
}
