//! A project around a configuration that is there: written, and run as it is.

use rcgen::{CertificateParams, KeyPair};

use crate::lab::Lab;

/// Two services at other ports than ours have, a redirect, a header, weights, and a route that no request can be thought out for.
const SHOP: &str = r#"
static_resources:
  listeners:
  - address: {socket_address: {address: 0.0.0.0, port_value: 80}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: shop
          route_config:
            virtual_hosts:
            - name: shop
              domains: [shop.example.com]
              routes:
              - {match: {prefix: /cart}, route: {cluster: cart_service}}
              - {match: {path: /old}, redirect: {path_redirect: /new, response_code: FOUND}}
              - {match: {prefix: /, headers: [{name: x-beta, string_match: {exact: "yes"}}]}, route: {cluster: beta}}
              - {match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: web, weight: 90}, {name: beta, weight: 10}]}}}
            - name: rest
              domains: ["*"]
              routes: [{match: {safe_regex: {regex: "/v[0-9]+"}}, direct_response: {status: 418}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - {name: cart_service, type: STRICT_DNS, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: cart_service, port_value: 7070}}}}]}]}}
  - {name: web, type: STRICT_DNS, load_assignment: {cluster_name: w, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: web.shop.svc.cluster.local, port_value: 8080}}}}]}]}}
  - {name: beta, type: LOGICAL_DNS, load_assignment: {cluster_name: b, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: beta, port_value: 81}}}}]}]}}
"#;

#[test]
fn a_project_around_a_configuration_passes_as_it_is_written() {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write("shop.yaml", SHOP);
    let told = lab.tell(&["init", "--envoy-config", "shop.yaml"]).exits(0);
    told.says(&[
        "wrote ./scenarios/shop/shop-example-com-cart.yaml",
        "1 question for you:",
        "no scenario was written for the route with `safe_regex`",
        "run 'shop/*'",
    ]);
    lab.tell(&[
        "lint",
        "scenarios/shop",
        "scenarios/meshes/shop.yaml",
        "envoy-configs/shop.yaml",
    ])
    .exits(0);
    lab.run(&["shop/*"]).exits(0).says(&["4 cases: 4 passed"]);
    // Nothing that is there is written over.
    lab.write("scenarios/shop/shop-example-com.yaml", "# mine\n");
    lab.tell(&["init", "--envoy-config", "shop.yaml"])
        .exits(2)
        .says(&["is there already, and 7 more; nothing was written"]);
}

#[test]
fn who_has_no_configuration_gets_one_and_a_broken_one_is_told_at_its_place() {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.tell(&["init"]).exits(0).says(&["run 'first/*'"]);
    lab.run(&["first/*"]).exits(0).says(&["1 case: 1 passed"]);
    lab.write("broken.yaml", "static_resources:\n  listeners: [\n");
    lab.tell(&["init", "--envoy-config", "broken.yaml"])
        .exits(2)
        .says(&["broken.yaml:"]);
    lab.tell(&["init", "--envoy-config", "nowhere.yaml"])
        .exits(2)
        .says(&["nowhere.yaml"]);
}

#[test]
fn no_name_in_a_configuration_leads_out_of_the_project() {
    let lab = Lab::new();
    lab.remove_scenarios();
    let outside = lab.path("outside");
    let host = format!("\"{}\"", outside.display());
    lab.write(
        "shop.yaml",
        &SHOP.replace("address: beta,", &format!("address: {host},")),
    );
    lab.tell(&["init", "--envoy-config", "shop.yaml"])
        .exits(0)
        .says(&["which no pod is called"]);
    let written = outside.with_file_name("outside-stand-in.yaml");
    assert!(!written.exists(), "{}", written.display());
    // What lies about under the name of the first mesh is not taken for it.
    lab.write("first.yaml", "admin: {}\n");
    lab.tell(&["init"]).exits(0);
    lab.run(&["first/*"]).exits(0).says(&["1 case: 1 passed"]);
}

/// A listener in front of `web` with TLS, and one that passes bytes on to it.
fn with_tls_and_tcp() -> String {
    let key = KeyPair::generate().expect("a key is made");
    let params = CertificateParams::new(vec!["shop.example.com".to_owned()]).expect("it is a name");
    let pem = params.self_signed(&key).expect("it is signed").pem();
    let quoted = |text: String| serde_json::Value::from(text).to_string();
    let (head, clusters) = SHOP.split_once("  clusters:\n").expect("there are clusters");
    format!(
        r#"{head}  - address: {{socket_address: {{address: 0.0.0.0, port_value: 443}}}}
    filter_chains:
    - filter_chain_match: {{server_names: [shop.example.com]}}
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates: [{{certificate_chain: {{inline_string: {}}}, private_key: {{inline_string: {}}}}}]
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: tls
          route_config:
            virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: web}}}}]}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
    listener_filters:
    - name: envoy.filters.listener.tls_inspector
      typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}
  - address: {{socket_address: {{address: 0.0.0.0, port_value: 9000}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: tcp
          cluster: cart_service
  clusters:
{clusters}"#,
        quoted(pem),
        quoted(key.serialize_pem()),
    )
}

#[test]
fn listeners_with_tls_and_of_bytes_have_their_scenarios() {
    let lab = Lab::new();
    lab.remove_scenarios();
    lab.write("shop.yaml", &with_tls_and_tcp());
    lab.tell(&["init", "--envoy-config", "shop.yaml"]).exits(0).says(&[
        "1 question for you:",
        "wrote ./scenarios/shop/443.yaml",
        "wrote ./scenarios/shop/port-9000.yaml",
    ]);
    let read = |file: &str| std::fs::read_to_string(lab.project().join(file)).expect("it is written");
    let tls = read("scenarios/shop/443.yaml");
    assert!(
        tls.contains("{get: /, to: \"ingress:443\", tls: {verify: false, server-name: shop.example.com}, status: 200, served-by: web}"),
        "{tls}"
    );
    let mesh = read("scenarios/meshes/shop.yaml");
    assert!(
        mesh.contains(
            "#   beta: {command: [./beta, --listen, \"${MESHKAT_ADDRESS}:${MESHKAT_PORT}\"], files: [beta], ports: 81}"
        ),
        "{mesh}"
    );
    lab.run(&["shop/*"]).exits(0).says(&["6 cases: 6 passed"]);
    // They fail where the listener is another.
    lab.edit(
        "envoy-configs/shop.yaml",
        "cluster: cart_service\n  clusters:",
        "cluster: web\n  clusters:",
    );
    lab.run(&["shop/*"]).exits(1);
    let actual = lab.failure("shop/port-9000").actual;
    assert!(actual.starts_with("200, served by web"), "{actual}");
}

/// A guard and a collector are who can answer as such, and not an echo that answers everything.
#[test]
fn who_is_asked_for_leave_and_told_of_traces_is_the_service_that_can() {
    let lab = Lab::new();
    lab.remove_scenarios();
    let guard = r#"          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              grpc_service: {envoy_grpc: {cluster_name: guard}}
          - name: envoy.filters.http.router"#;
    let text = SHOP.replacen("          - name: envoy.filters.http.router", guard, 1)
        + r#"  - name: guard
    type: STRICT_DNS
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment: {cluster_name: g, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: guard, port_value: 9001}}}}]}]}
"#;
    lab.write("shop.yaml", &text);
    lab.tell(&["init", "--envoy-config", "shop.yaml"]).exits(0);
    let mesh = std::fs::read_to_string(lab.project().join("scenarios/meshes/shop.yaml")).expect("it was written");
    assert!(
        mesh.contains("guard: {service: authz, envoy: guard-stand-in.yaml}"),
        "{mesh}"
    );
    assert!(mesh.contains("beta: {service: echo"), "{mesh}");
    lab.run(&["shop/*"]).exits(0).says(&["4 cases: 4 passed"]);
}

#[test]
fn nothing_is_lost_in_silence_and_nothing_is_written_elsewhere() {
    let lab = Lab::new();
    lab.remove_scenarios();
    // The file of the stand-in for `beta` would be the configuration itself.
    lab.write("beta-stand-in.yaml", SHOP);
    lab.tell(&["init", "--envoy-config", "beta-stand-in.yaml"])
        .exits(2)
        .says(&["beta-stand-in.yaml would be two files", "nothing was written"]);
    let outside = lab.path("outside");
    std::fs::create_dir_all(&outside).expect("the folder is the test's own");
    lab.write("other/shop.yaml", SHOP);
    std::os::unix::fs::symlink(&outside, lab.project().join("other/envoy-configs")).expect("a link is made");
    lab.tell(&["init", "other", "--envoy-config", "other/shop.yaml"])
        .exits(2)
        .says(&["other/envoy-configs is a link; nothing was written"]);
    assert_eq!(crate::lab::names(&outside), Vec::<String>::new());
    lab.write("third/scenarios", "a file\n");
    lab.tell(&["init", "third", "--envoy-config", "other/shop.yaml"])
        .exits(2)
        .says(&["third/scenarios is no folder; nothing was written"]);
    assert!(!lab.project().join("third/envoy-configs").exists());
}

/// Files that a configuration names come along from wherever it is named, and a key stays its owner's.
#[test]
fn what_lies_beside_a_configuration_comes_along_from_any_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let lab = Lab::new();
    lab.write("brought/answer.html", "<p>\n");
    let key = lab.project().join("brought/answer.html");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("it is the test's own");
    let text = SHOP.replace("status: 418", "status: 418, body: {filename: answer.html}");
    lab.write("brought/shop.yaml", &text);
    lab.write("work/note", "");
    let mut init = lab.command(&["init", "--envoy-config", "../brought/shop.yaml"]);
    init.current_dir(lab.project().join("work"));
    lab.tell_command(init)
        .exits(0)
        .says(&["wrote ./envoy-configs/answer.html"]);
    let copy = lab.project().join("work/envoy-configs/answer.html");
    let mode = std::fs::metadata(copy).expect("it came along").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
