//! Configurations as people have them, in containers as on processes.

use std::fs;

use crate::yard::Yard;

/// A listener at port 80 of the pod itself, files beside the configuration, a log in a file, a name of a group.
const CONFIG: &str = r#"
static_resources:
  listeners:
  - address: {socket_address: {address: "::", port_value: 80, ipv4_compat: true}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress_http
          access_log:
          - name: envoy.access_loggers.file
            typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/stdout}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {match: {prefix: /file}, direct_response: {status: 200, body: {filename: /etc/envoy/texts/hello.txt}}}
              - {match: {prefix: /}, route: {cluster: echo, auto_host_rewrite: true}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: echo
    type: STRICT_DNS
    load_assignment: {cluster_name: echo, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: echo.shop, port_value: 8080}}}}]}]}
"#;

const SCENARIO: &str = "promise: It runs as it is.
mesh: gate
steps:
  - {get: /file, at: gate, within: 10s, status: 200, contains: from a file}
  - {get: /x, at: gate, times: 10, status: 200, distinct: {echo: 2}, json: {host: echo.shop}}
  - {scale: {echo: 3}}
  - {get: /x, at: gate, times: 12, status: 200, distinct: {echo: 3}}
  - {get: /x, at: gate, status: 418}
";

#[test]
fn a_configuration_runs_as_it_is_with_its_files_and_names() {
    let Some(yard) = Yard::open() else { return };
    yard.remove_scenarios();
    yard.write("envoy-configs/gate.yaml", CONFIG);
    yard.write("envoy-configs/texts/hello.txt", "from a file\n");
    let mesh = "pods:\n  gate: {envoy: gate.yaml}\n  echo: {service: echo, replicas: 2}\n";
    yard.write("scenarios/meshes/gate.yaml", mesh);
    yard.write("scenarios/as/gate.yaml", SCENARIO);
    let command = yard.run_command(&["--runtime", "docker", "as/gate"]);
    let told = yard.tell_command(command).exits(1);
    let failure = yard.failure("as/gate");
    // All but the last step, which is there so that evidence is kept.
    assert!(failure.expected.contains("418"), "{failure:?}\n{}", told.err);
    let log = yard.report().join("failures/as/gate/gate/access.log");
    let log = fs::read_to_string(log).expect("it is there");
    assert_eq!(log.matches("GET /x").count(), 23, "{log}");
}
