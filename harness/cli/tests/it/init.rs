//! A project around a configuration that is there: written, and run as it is.

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
