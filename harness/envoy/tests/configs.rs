//! The project's configurations: whole as they lie there, and whole after they were given to a pod.

mod support;

use std::{net::IpAddr, path::Path};

use meshkat_envoy::config::{Bootstrap, ConfigError, EdsCluster, Rebind, Use, lint, lint_overlay};
use support::{CONFIGS, file, rebound, validator};

const POD: &str = "127.77.3.4";
const SDS: &str = "127.77.0.9";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn envoy_takes_each_file_as_it_lies_there() {
    for name in CONFIGS {
        validator()
            .validate_file(&file(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(lint(&file(name), Some(&validator())), [], "{name}");
    }
}

#[test]
fn every_overlay_is_taken_by_envoy_and_holds_once_it_is_a_pods() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envoy-configs/overlays");
    let mut overlays: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    overlays.sort();
    assert!(overlays.len() >= 6, "{overlays:?}");
    let configs = CONFIGS.map(file);
    for overlay in &overlays {
        // One that refines another is put over that.
        let before: Vec<_> = match overlay.ends_with("default-backoff.yaml") {
            true => vec![overlay.with_file_name("xds-grpc.yaml")],
            false => Vec::new(),
        };
        let uses: Vec<Use> = configs
            .iter()
            .map(|config| Use {
                config: config.clone(),
                before: before.clone(),
            })
            .collect();
        assert_eq!(lint_overlay(overlay, &uses, Some(&validator())), [], "{overlay:?}");
        if overlay.ends_with("default-backoff.yaml") {
            continue;
        }
        for name in ["ingress", "petstore"] {
            let rebind = Rebind {
                address: Some(ip(POD)),
                node_id: name.to_owned(),
                hosts: [("sds".to_owned(), ip(SDS))].into(),
                ..Rebind::default()
            };
            let config = Bootstrap::read_with(&file(name), std::slice::from_ref(overlay)).unwrap();
            let config = config.rebind(&rebind).unwrap();
            validator()
                .validate(&config)
                .unwrap_or_else(|error| panic!("{name} with {overlay:?}: {error}"));
        }
    }
}

#[test]
fn rebound_to_a_pod() {
    for name in CONFIGS {
        let config = rebound(name, &format!("{name}-1"), ip(POD), ip(SDS));
        validator()
            .validate(&config)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let yaml = config.to_yaml().unwrap();
        for elsewhere in ["0.0.0.0", "127.0.0.1", "STRICT_DNS", "address: sds"] {
            assert!(!yaml.contains(elsewhere), "{name} still has {elsewhere}");
        }
        insta::assert_snapshot!(name, yaml);
    }
}

#[test]
fn what_is_one_pods_is_not_given_to_another() {
    for name in CONFIGS {
        let config = rebound(name, "pod", ip(POD), ip(SDS));
        let other = Rebind {
            address: Some(ip("127.77.3.5")),
            node_id: "other".to_owned(),
            ..Rebind::default()
        };
        let error = config.rebind(&other).unwrap_err().to_string();
        assert!(
            error.contains("admin.address.socket_address.address: `127.77.3.4`"),
            "{error}"
        );
    }
}

#[test]
fn questions_about_a_configuration() {
    let ingress = Bootstrap::read(&file("ingress")).unwrap();
    let ports: Vec<u16> = ingress.listeners().iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [10000]);
    assert_eq!(ingress.admin(), Some(("0.0.0.0".to_owned(), 8081)));
    assert_eq!(ingress.clusters(), ["petstore", "pet", "echo", "sds"]);
    let eds: Vec<String> = ingress.eds_clusters().into_iter().map(|eds| eds.service).collect();
    assert_eq!(eds, ["petstore", "pet", "echo"]);

    let own_name = "static_resources: {clusters: [{name: a, type: EDS, edsClusterConfig: {serviceName: b}}, {name: c, eds_cluster_config: {}}]}";
    let config = Bootstrap::parse(Path::new("x.yaml"), own_name).unwrap();
    let pair = |cluster: &str, service: &str| EdsCluster {
        cluster: cluster.to_owned(),
        service: service.to_owned(),
    };
    assert_eq!(config.eds_clusters(), [pair("a", "b"), pair("c", "c")]);
}

fn rebind_error(text: &str) -> String {
    let config = Bootstrap::parse(Path::new("x.yaml"), text).unwrap();
    let rebind = Rebind {
        address: Some(ip(POD)),
        node_id: "pod".to_owned(),
        hosts: [("sds".to_owned(), ip(SDS))].into(),
        ..Rebind::default()
    };
    config.rebind(&rebind).unwrap_err().to_string()
}

#[test]
fn what_is_missing_or_out_of_place_is_named_with_its_place() {
    let head = "node: {id: a, cluster: a}\nadmin: {address: {socket_address: {address: 0.0.0.0, port_value: 8081}}}\n";
    assert_eq!(rebind_error("node: x"), "x.yaml: node: is a mapping");
    assert_eq!(rebind_error("admin: x"), "x.yaml: admin: is a mapping");
    for (resources, told) in [
        (
            "listeners: [{name: a}]",
            "listeners[0].address.socket_address: missing: a listener of a pod has a socket address",
        ),
        (
            "listeners: [{address: {socket_address: {address: 10.0.0.1, port_value: 1}}}]",
            "listeners[0].address.socket_address.address: `10.0.0.1`: a listener stands at 0.0.0.0, so that it can be given its \
             pod's address",
        ),
        ("listeners: {}", "listeners: is a list"),
        (
            "clusters: [{load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: db}}}}]}]}}]",
            "clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: nobody in this mesh \
             is called `db`; known are: sds",
        ),
    ] {
        let text = format!("{head}static_resources:\n  {resources}\n");
        assert_eq!(rebind_error(&text), format!("x.yaml: static_resources.{told}"));
    }
}

#[test]
fn a_file_that_is_no_yaml_is_told_with_its_place() {
    let error = Bootstrap::parse(Path::new("x.yaml"), "node:\n  id: [a\nadmin: b\n").unwrap_err();
    assert!(matches!(error, ConfigError::NotYaml { line: Some(_), .. }), "{error:?}");
    assert!(error.to_string().starts_with("failed to parse x.yaml:3:"), "{error}");
}

#[test]
fn what_envoy_refuses_is_told_in_its_words_alone() {
    let mut config = Bootstrap::read(&file("pet")).unwrap();
    let clusters = &mut config.document_mut()["static_resources"]["clusters"];
    clusters[0]["name"] = "other".into();
    let error = validator().validate(&config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Envoy refuses the configuration: route: unknown cluster 'local_service'"
    );
}
