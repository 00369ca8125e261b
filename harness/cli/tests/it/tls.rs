//! Requests over TLS and HTTP/2 to an Envoy, by a project of somebody's own.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::lab::Lab;

const MESH: &str = "about: An edge with TLS.\npods:\n  edge: {envoy: edge.yaml}\n";

/// Who signs certificates.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key is made");
        let pem = params.self_signed(&key).expect("it is signed").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate that is valid before this year, and its key.
    fn leaf(&self, name: &str, until: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("it is a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key is made");
        let leaf = params.signed_by(&key, &self.issuer).expect("it is signed");
        (leaf.pem(), key.serialize_pem())
    }
}

/// A text of several lines within JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// A listener that answers every request itself.
fn listener(name: &str, port: u16, tls: &str) -> String {
    format!(
        "  - name: {name}
    address: {{socket_address: {{address: 0.0.0.0, port_value: {port}}}}}
    filter_chains:
    - {tls}filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
          route_config:
            name: {name}
            virtual_hosts:
            - name: all
              domains: [\"*\"]
              routes:
              - match: {{prefix: /}}
                direct_response: {{status: 200, body: {{inline_string: {name}}}}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"
    )
}

fn transport((certificate, key): &(String, String), more: &str) -> String {
    format!(
        "transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          {more}
            alpn_protocols: [h2, http/1.1]
            tls_certificates:
            - certificate_chain: {{inline_string: {}}}
              private_key: {{inline_string: {}}}
      ",
        quoted(certificate),
        quoted(key)
    )
}

/// A project with an edge that has three listeners of TLS, and the files that its clients need.
fn edge(scenario: &str) -> Lab {
    let (ca, other) = (Ca::new("Good CA"), Ca::new("Other CA"));
    let good = ca.leaf("foo.com", 2120);
    let asks = format!(
        "require_client_certificate: true
          common_tls_context:
            validation_context: {{trusted_ca: {{inline_string: {}}}}}",
        quoted(&ca.pem)
    );
    let old = "common_tls_context:
            tls_params: {tls_maximum_protocol_version: TLSv1_2}";
    let listeners = [
        listener("inbound", 10000, ""),
        listener("tls", 10443, &transport(&good, "common_tls_context:")),
        listener("mtls", 10444, &transport(&good, &asks)),
        listener("old", 10445, &transport(&ca.leaf("foo.com", 2021), old)),
    ];
    let lab = Lab::new();
    lab.remove_scenarios();
    let client = ca.leaf("client", 2120);
    for (name, text) in [
        ("ca", &ca.pem),
        ("other", &other.pem),
        ("client", &client.0),
        ("client-key", &client.1),
    ] {
        lab.write(&format!("certificates/{name}.pem"), text);
    }
    lab.write(
        "envoy-configs/edge.yaml",
        &format!(
            "node: {{id: edge, cluster: edge}}\nadmin:\n  address: {{socket_address: {{address: 0.0.0.0, port_value: 8081}}}}\n\
             static_resources:\n  listeners:\n{}",
            listeners.concat()
        ),
    );
    lab.write("scenarios/meshes/edge.yaml", MESH);
    lab.write("scenarios/tls.yaml", scenario);
    lab
}

#[test]
fn a_scenario_speaks_tls_and_http_2_to_an_envoy() {
    let lab = edge(
        r#"promise: The edge speaks TLS.
mesh: edge
steps:
  - get: /
    to: "edge:10443"
    host: foo.com:10443
    tls: {ca: certificates/ca.pem, alpn: [h2, http/1.1]}
    status: 200
    text: tls
    alpn: h2
    connection: new
    certificate: {subject: CN=foo.com, issuer: CN=Good CA, names: foo.com, not-after: "2120-01-01T00:00:00Z"}
    that:
      - protocol == 'HTTP/2' && tls_version == '1.3'
      - tls_ms != null && first_byte_ms <= duration_ms
  - {get: /, to: "edge:10443", host: foo.com:10443, tls: {ca: certificates/ca.pem, alpn: [h2, http/1.1]}, connection: used}
  - {get: /, to: "edge:10443", tls: {verify: false, alpn: [http/1.1]}, alpn: http/1.1, that: "protocol == 'HTTP/1.1'"}
  - {get: /, to: "edge:10443", tls: {verify: false, alpn: []}, that: "alpn == null && protocol == 'HTTP/1.1'"}
  - {get: /, to: "edge:10443", protocol: h2, tls: {verify: false, max: 1.2}, status: 200, that: tls_version == '1.2'}
  - {get: /, to: "edge:10443", host: foo.com, protocol: h2, tls: {ca: certificates/other.pem}, error: unknown-ca}
  - {get: /, to: "edge:10443", host: bar.com, tls: {ca: certificates/ca.pem}, error: wrong-name}
  - {get: /, to: "edge:10443", protocol: h2, tls: {verify: false, server-name: foo.com}, times: 50, parallel: 10, status: 200}
  - {get: /, to: "edge:10000", tls: {verify: false}, error: tls}
  - {get: /, to: "edge:10445", host: foo.com, tls: {ca: certificates/ca.pem}, error: expired}
  - {get: /, to: "edge:10445", tls: {verify: false, min: 1.3}, error: refused-version}
  - {get: /, to: "edge:10444", tls: {verify: false}, error: tls-alert, that: error.contains('certificate_required')}
  - get: /
    to: "edge:10444"
    protocol: h2
    tls: {verify: false, certificate: certificates/client.pem, key: certificates/client-key.pem}
    text: mtls
  - {get: /, at: edge, protocol: h2, text: inbound, that: "protocol == 'HTTP/2' && tls_version == null"}
  - {load: streams, get: /, to: "edge:10443", rate: 200/s, protocol: h2, tls: {verify: false}, connections: 2}
  - {expect: streams, for: 500ms, errors: 0, requests: "> 50"}
"#,
    );
    lab.run(&[]).exits(0).says(&["1 case: 1 passed"]);
}

#[test]
fn what_is_expected_of_tls_fails_with_what_was_seen() {
    for (step, message, expected, actual) in [
        (
            "tls: {verify: false, alpn: [http/1.1]}, alpn: none",
            "another protocol was chosen by ALPN",
            "alpn none",
            "alpn http/1.1",
        ),
        (
            "tls: {verify: false}, certificate: {names: bar.com}",
            "the peer's certificate is another one",
            "names bar.com",
            "names foo.com",
        ),
        (
            "tls: {verify: false}, connection: used",
            "wrong use of connections",
            "a used connection",
            "a new connection",
        ),
        (
            "tls: {verify: false}, trailers: {grpc-status: \"0\"}",
            "wrong trailer in the answer",
            "grpc-status: 0",
            "no trailer grpc-status",
        ),
        (
            "tls: {ca: certificates/other.pem, server-name: foo.com}, error: expired",
            "the request did not fail as it should",
            "no answer: expired",
            "no answer: the peer's certificate is of a CA that is not trusted",
        ),
    ] {
        let lab = edge(&format!(
            "promise: The edge speaks TLS.\nmesh: edge\nsteps:\n  - {{get: /, to: \"edge:10443\", {step}}}\n"
        ));
        lab.run(&[]).exits(1);
        let failure = lab.failure("tls");
        assert_eq!(
            (
                failure.message.as_str(),
                failure.expected.as_str(),
                failure.actual.as_str()
            ),
            (message, expected, actual)
        );
        assert_eq!(failure.line, 4);
    }
}
