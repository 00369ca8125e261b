//! Host names in a configuration that is given to a pod, and the files that it names.

mod support;

use std::{net::IpAddr, path::Path};

use meshkat_envoy::config::{Bootstrap, Hosts, Rebind};
use meshkat_model::mesh::PodPorts;
use serde_json::Value;
use support::validator;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn hosts() -> Hosts {
    let mut hosts = Hosts::default();
    let ports = PodPorts {
        moved: [(80, 10_080)].into(),
        ..PodPorts::default()
    };
    hosts.add_group("pet", true, ports);
    hosts.add_pod("pet", "pet-1", ip("127.77.3.11"));
    hosts.add_pod("pet", "pet-2", ip("127.77.3.12"));
    hosts.add_group("store", false, PodPorts::default());
    hosts.add_pod("store", "store", ip("127.77.3.20"));
    hosts
}

fn config(kind: &str, hosts: &[(&str, u16)]) -> Bootstrap {
    let endpoints: Vec<String> = hosts
        .iter()
        .map(|(host, port)| {
            format!(
                "{{endpoint: {{address: {{socket_address: {{address: '{host}', port_value: {port}}}}}}}, load_balancing_weight: 3}}"
            )
        })
        .collect();
    let text = format!(
        "static_resources: {{clusters: [{{name: a/b, {kind}, respect_dns_ttl: true, load_assignment: {{cluster_name: other, endpoints: \
         [{{priority: 0, lb_endpoints: [{}]}}]}}}}]}}",
        endpoints.join(", ")
    );
    Bootstrap::parse(Path::new("x.yaml"), &text).unwrap()
}

fn rebind(folder: Option<&Path>) -> Rebind {
    Rebind {
        address: Some(ip("127.77.3.4")),
        node_id: "gate".to_owned(),
        group: "gates".to_owned(),
        hosts: hosts(),
        folder: folder.map(Path::to_owned),
        ..Rebind::default()
    }
}

/// Each endpoint of an assignment as `hostname address:port`.
fn told(assignment: &Value) -> Vec<String> {
    let endpoints = assignment["endpoints"][0]["lb_endpoints"].as_array().unwrap();
    let one = |endpoint: &Value| {
        assert_eq!(endpoint["load_balancing_weight"], 3);
        let endpoint = &endpoint["endpoint"];
        let socket = &endpoint["address"]["socket_address"];
        let hostname = endpoint["hostname"].as_str().unwrap_or("-");
        format!(
            "{hostname} {}:{}",
            socket["address"].as_str().unwrap(),
            socket["port_value"]
        )
    };
    endpoints.iter().map(one).collect()
}

#[test]
fn a_name_that_may_mean_others_later_is_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let both = [
        ("pet.shop.svc", 80),
        ("pet-2", 8080),
        ("localhost", 8080),
        ("10.1.2.3", 80),
    ];
    let rebound = config("type: STRICT_DNS", &both)
        .rebind_with_files(&rebind(Some(folder.path())))
        .unwrap();
    let (name, text) = rebound.files.first_key_value().unwrap();
    assert_eq!((rebound.files.len(), name.as_str()), (1, "endpoints-0-a-b.json"));
    let file: Value = serde_json::from_str(text).unwrap();
    let assignment = &file["resources"][0];
    assert_eq!(assignment["cluster_name"], "a/b");
    assert_eq!(
        told(assignment),
        [
            "pet.shop.svc 127.77.3.11:10080",
            "pet.shop.svc 127.77.3.12:10080",
            "pet-2 127.77.3.12:8080",
            "localhost 127.77.3.4:8080",
            "10.1.2.3 10.1.2.3:80",
        ]
    );
    std::fs::write(folder.path().join(name), text).unwrap();
    let config: Value = serde_json::from_str(&rebound.config.to_json().unwrap()).unwrap();
    let cluster = &config["static_resources"]["clusters"][0];
    assert_eq!(
        (&cluster["type"], &cluster["respect_dns_ttl"]),
        (&"EDS".into(), &Value::Null)
    );
    assert_eq!(
        (&config["node"]["id"], &config["node"]["cluster"]),
        (&"gate".into(), &"gates".into())
    );
    assert_eq!(config["admin"]["address"]["socket_address"]["port_value"], 8081);
    validator().reads(folder.path()).validate(&rebound.config).unwrap();
}

#[test]
fn a_name_that_always_means_the_same_is_an_address() {
    let typed = "cluster_type: {name: envoy.clusters.dns, typed_config: {'@type': \
                 type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster, all_addresses_in_single_endpoint: true}}";
    for (kind, host, folder, expected) in [
        (
            "type: STRICT_DNS",
            "store.a.svc.cluster.local",
            true,
            &["store.a.svc.cluster.local 127.77.3.20:1"][..],
        ),
        (
            "type: STRICT_DNS",
            "pet",
            false,
            &["pet 127.77.3.11:1", "pet 127.77.3.12:1"],
        ),
        ("type: LOGICAL_DNS", "pet", false, &["pet 127.77.3.11:1"]),
        (typed, "pet", false, &["pet 127.77.3.11:1"]),
        ("type: STATIC", "127.0.0.1", true, &["- 127.77.3.4:1"]),
    ] {
        let folder = folder.then_some(Path::new("/nowhere"));
        let rebound = config(kind, &[(host, 1)]).rebind_with_files(&rebind(folder)).unwrap();
        assert!(rebound.files.is_empty(), "{kind}");
        let json: Value = serde_json::from_str(&rebound.config.to_json().unwrap()).unwrap();
        let cluster = &json["static_resources"]["clusters"][0];
        assert_eq!(cluster["type"], "STATIC", "{kind}");
        assert_eq!(told(&cluster["load_assignment"]), expected, "{kind}");
    }
}

#[test]
fn files_go_along_and_those_of_resources_are_given_to_the_pod() {
    let project = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = project.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    };
    std::fs::create_dir(project.path().join("scenarios")).unwrap();
    let certificate = write("envoy-configs/certs/a.pem", "x");
    write(
        "envoy-configs/xds/lds.yaml",
        "resources: [{'@type': type.googleapis.com/envoy.config.listener.v3.Listener, address: {socket_address: {address: 0.0.0.0, \
         port_value: 8000}}, x: {filename: certs/a.pem}}]",
    );
    let file = write(
        "envoy-configs/x.yaml",
        "{dynamic_resources: {lds_config: {path: /etc/xds/lds.yaml}}, a: {filename: certs/a.pem}, b: {filename: /etc/hostname}}",
    );
    let config = Bootstrap::read(&file).unwrap();
    assert_eq!(config.ports(true, &[]).inbound, 8000);
    let rebind = Rebind {
        folder: Some("/in/the/pod".into()),
        carried: Some("/in/the/pod".into()),
        certificates: None,
        ..rebind(None)
    };
    let rebound = config.rebind_with_files(&rebind).unwrap();
    assert_eq!(rebound.carried, [("0-a.pem".to_owned(), certificate)].into());
    let json: Value = serde_json::from_str(&rebound.config.to_json().unwrap()).unwrap();
    assert_eq!(json["a"]["filename"], "/in/the/pod/0-a.pem");
    assert_eq!(json["b"]["filename"], "/etc/hostname");
    assert_eq!(
        json["dynamic_resources"]["lds_config"]["path"],
        "/in/the/pod/resources-0-lds.json"
    );
    let listeners: Value = serde_json::from_str(&rebound.files["resources-0-lds.json"]).unwrap();
    let listener = &listeners["resources"][0];
    assert_eq!(listener["address"]["socket_address"]["address"], "127.77.3.4");
    assert_eq!(listener["x"]["filename"], "/in/the/pod/0-a.pem");
}

#[test]
fn addresses_of_both_kinds_at_one_port_become_one() {
    let text = "{static_resources: {listeners: [{address: {socket_address: {address: 0.0.0.0, port_value: 80}}, additional_addresses: \
                [{address: {socket_address: {address: '::', port_value: 80, ipv4_compat: false}}}, {address: {socket_address: {address: \
                127.0.0.1, port_value: 81}}}]}]}}";
    let config = Bootstrap::parse(Path::new("x.yaml"), text).unwrap();
    let rebind = Rebind {
        ports: config.ports(true, &[]),
        ..rebind(None)
    };
    let json: Value = serde_json::from_str(&config.rebind(&rebind).unwrap().to_json().unwrap()).unwrap();
    let listener = &json["static_resources"]["listeners"][0];
    assert_eq!(listener["address"]["socket_address"]["port_value"], 10_080);
    assert_eq!(listener["additional_addresses"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        listener["additional_addresses"][0]["address"]["socket_address"]["address"],
        "127.77.3.4"
    );
}
