//! Which requests a configuration answers, and how: what can be read of its routes.

use serde_yaml::Value;

use super::{
    Bootstrap, number,
    value::{dig, get, items, text},
};

/// What listeners do with what reaches them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ways {
    /// The routes, in the order in which an Envoy tries them: by listener and virtual host.
    pub routes: Vec<Route>,
    /// The listeners that pass bytes on.
    pub passed: Vec<Passed>,
    /// What no routes are known of, in words.
    pub others: Vec<String>,
}

/// What a listener expects below what it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Nothing.
    Plain,
    /// TLS.
    Tls {
        /// The names for which it is; none is any.
        names: Vec<String>,
        /// Whether a client has to show a certificate.
        asks_for_certificate: bool,
    },
    /// Something else, by its name.
    Other(String),
}

/// Where a listener passes bytes on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The port of the listener, as it is written.
    pub port: u16,
    /// What it expects.
    pub transport: Transport,
    /// The clusters, of which each connection goes to one.
    pub clusters: Vec<String>,
}

/// A route of a listener that speaks HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The port of the listener, as it is written.
    pub port: u16,
    /// What the listener expects.
    pub transport: Transport,
    /// The number of its virtual host among all of the configuration: routes of one are tried one after the other.
    pub host: usize,
    /// The domains of its virtual host.
    pub domains: Vec<String>,
    /// Which paths it matches.
    pub path: PathMatch,
    /// Headers that must have exactly this value.
    pub headers: Vec<(String, String)>,
    /// Other conditions, by the names of their fields.
    pub conditions: Vec<String>,
    /// What becomes of the request.
    pub answer: Answer,
    /// Filters before the router, which may answer themselves.
    pub filters: Vec<String>,
}

/// Which paths a route matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// All that begin so.
    Prefix(String),
    /// This one, and all below it.
    Segments(String),
    /// This one.
    Exact(String),
    /// In another way, by the name of its field.
    Other(String),
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It goes to one of these clusters.
    Clusters(Vec<String>),
    /// Envoy answers it with this status.
    Status(u16),
    /// Something else, by the name of its field.
    Other(String),
}

/// How a redirect's code is written, and its number (`RedirectAction.RedirectResponseCode`).
const REDIRECTS: [(&str, u16); 5] = [
    ("MOVED_PERMANENTLY", 301),
    ("FOUND", 302),
    ("SEE_OTHER", 303),
    ("TEMPORARY_REDIRECT", 307),
    ("PERMANENT_REDIRECT", 308),
];

const CONNECTIONS: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

impl PathMatch {
    /// Whether a path, without a query, is one of these; none where that is not known.
    pub fn has(&self, path: &str) -> Option<bool> {
        match self {
            Self::Prefix(prefix) => Some(path.starts_with(prefix.as_str())),
            Self::Segments(parent) => {
                let rest = path.strip_prefix(parent.as_str());
                Some(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            }
            Self::Exact(exact) => Some(path == exact),
            Self::Other(_) => None,
        }
    }
}

impl Bootstrap {
    /// What its listeners do, those in files of resources, too. What a control plane would tell is not known.
    pub fn ways(&self) -> Ways {
        let mut ways = Ways::default();
        let tables = self.resources_of("RouteConfiguration");
        let mut hosts = 0;
        for listener in self.listener_values() {
            let Some(port) = dig(&listener, &["address", "socket_address", "port_value"]).and_then(number::port) else {
                continue;
            };
            let chains = items(&listener, "filter_chains").iter();
            for chain in chains.chain(get(&listener, "default_filter_chain")) {
                let transport = transport(chain);
                for filter in items(chain, "filters") {
                    if let Some(clusters) = passes_on(filter) {
                        let transport = transport.clone();
                        let passed = Passed {
                            port,
                            transport,
                            clusters,
                        };
                        ways.passed.push(passed);
                        continue;
                    }
                    match routes_of(filter, &tables) {
                        Ok((table, filters)) => {
                            for host in items(&table, "virtual_hosts") {
                                let read = |route| read((port, &transport), (hosts, host), route, &filters);
                                ways.routes.extend(items(host, "routes").iter().map(read));
                                hosts += 1;
                            }
                        }
                        Err(Some(why)) => ways.others.push(format!("the listener at port {port} {why}")),
                        Err(None) => {}
                    }
                }
            }
        }
        ways
    }
}

/// The clusters among which what comes is divided, but for those that get nothing.
fn weighted_clusters(of: &Value) -> Vec<String> {
    let weighted = get(of, "weighted_clusters").map_or(&[][..], |weighted| items(weighted, "clusters"));
    let has_weight = |cluster: &&Value| get(cluster, "weight").is_none_or(|weight| weight.as_u64() != Some(0));
    let clusters = weighted.iter().filter(has_weight);
    clusters.filter_map(|cluster| text(cluster, "name")).collect()
}

/// What a filter chain expects.
fn transport(chain: &Value) -> Transport {
    let Some(socket) = get(chain, "transport_socket") else {
        return Transport::Plain;
    };
    let config = get(socket, "typed_config");
    let kind = config
        .and_then(|config| config.get("@type")?.as_str())
        .unwrap_or_default();
    if kind.ends_with(".RawBuffer") {
        return Transport::Plain;
    }
    if !kind.ends_with(".DownstreamTlsContext") {
        return Transport::Other(text(socket, "name").unwrap_or_default());
    }
    let matched = get(chain, "filter_chain_match").map_or(&[][..], |matched| items(matched, "server_names"));
    let asks = config.and_then(|config| get(config, "require_client_certificate"));
    Transport::Tls {
        names: matched.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        asks_for_certificate: asks.is_some_and(|asks| asks.as_bool() != Some(false)),
    }
}

/// The clusters to which a filter passes bytes on; none of another filter, or where that is not known.
fn passes_on(filter: &Value) -> Option<Vec<String>> {
    let config = get(filter, "typed_config")?;
    let kind = config.get("@type")?.as_str()?;
    let clusters = match text(config, "cluster") {
        Some(cluster) => vec![cluster],
        None => weighted_clusters(config),
    };
    (kind.ends_with(".TcpProxy") && !clusters.is_empty()).then_some(clusters)
}

/// The routes of a filter of a listener, with the filters before its router; why they are not known, if that says something.
fn routes_of(filter: &Value, tables: &[Value]) -> Result<(Value, Vec<String>), Option<String>> {
    let Some(config) = get(filter, "typed_config") else {
        return Err(None);
    };
    let kind = config.get("@type").and_then(Value::as_str).unwrap_or_default();
    if !kind.ends_with(CONNECTIONS) {
        let is_tcp = kind.ends_with(".TcpProxy");
        return Err(is_tcp.then(|| "passes bytes on, and speaks no HTTP".to_owned()));
    }
    let filters = items(config, "http_filters")
        .iter()
        .filter_map(|filter| text(filter, "name"));
    let filters = filters.filter(|name| !name.ends_with("router")).collect();
    if let Some(table) = get(config, "route_config") {
        return Ok((table.clone(), filters));
    }
    let name = get(config, "rds").and_then(|rds| text(rds, "route_config_name"));
    let table = tables.iter().find(|table| text(table, "name") == name);
    match table {
        Some(table) => Ok((table.clone(), filters)),
        None => Err(Some("gets its routes from a control plane".to_owned())),
    }
}

fn read((port, transport): (u16, &Transport), (host, of): (usize, &Value), route: &Value, filters: &[String]) -> Route {
    let texts = |value: &Value, name| {
        items(value, name)
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let empty = Value::Null;
    let matched = get(route, "match").unwrap_or(&empty);
    let fields = matched.as_mapping().into_iter().flatten();
    let named = |name: &str| text(matched, name);
    let mut conditions: Vec<String> = Vec::new();
    let mut other_path = String::new();
    for name in fields.filter_map(|(name, _)| name.as_str()) {
        match name {
            "prefix"
            | "path"
            | "path_separated_prefix"
            | "pathSeparatedPrefix"
            | "headers"
            | "case_sensitive"
            | "caseSensitive" => {}
            "safe_regex" | "safeRegex" | "connect_matcher" | "connectMatcher" | "path_match_policy"
            | "pathMatchPolicy" => {
                other_path = name.to_owned();
            }
            other => conditions.push(other.to_owned()),
        }
    }
    let path = if let Some(prefix) = named("prefix") {
        PathMatch::Prefix(prefix)
    } else if let Some(parent) = named("path_separated_prefix") {
        PathMatch::Segments(parent)
    } else if let Some(exact) = named("path") {
        PathMatch::Exact(exact)
    } else {
        PathMatch::Other(other_path)
    };
    let mut headers = Vec::new();
    for header in items(matched, "headers") {
        let exact = dig(header, &["string_match", "exact"]).or_else(|| get(header, "exact_match"));
        match (text(header, "name"), exact.and_then(Value::as_str)) {
            (Some(name), Some(value)) if !name.starts_with(':') && get(header, "invert_match").is_none() => {
                headers.push((name, value.to_owned()));
            }
            (name, _) => conditions.push(format!("header {}", name.unwrap_or_default())),
        }
    }
    Route {
        port,
        transport: transport.clone(),
        host,
        domains: texts(of, "domains"),
        path,
        headers,
        conditions,
        answer: answer(route),
        filters: filters.to_vec(),
    }
}

fn answer(route: &Value) -> Answer {
    if let Some(direct) = get(route, "direct_response") {
        let status = get(direct, "status").and_then(number::port);
        return status.map_or_else(|| Answer::Other("direct_response".to_owned()), Answer::Status);
    }
    if let Some(redirect) = get(route, "redirect") {
        let code = text(redirect, "response_code");
        let code = code.map_or(Some(301), |code| {
            REDIRECTS
                .iter()
                .find(|(name, _)| *name == code)
                .map(|(_, number)| *number)
        });
        return code.map_or_else(|| Answer::Other("redirect".to_owned()), Answer::Status);
    }
    let Some(action) = get(route, "route") else {
        return Answer::Other("no action".to_owned());
    };
    if let Some(cluster) = text(action, "cluster") {
        return Answer::Clusters(vec![cluster]);
    }
    let clusters = weighted_clusters(action);
    match clusters.is_empty() {
        true => Answer::Other("cluster_header".to_owned()),
        false => Answer::Clusters(clusters),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_listeners_expect_and_pass_on_is_read() {
        let tls = "transport_socket: {name: t, typed_config: {'@type': x.DownstreamTlsContext, require_client_certificate: true}}";
        let proxy = "'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
        let text = format!(
            "static_resources: {{listeners: [{{address: {{socket_address: {{address: 0.0.0.0, port_value: 90}}}}, filter_chains: [\
             {{{tls}, filter_chain_match: {{server_names: [a.com]}}, filters: [{{name: t, typed_config: {{{proxy}, cluster: db}}}}]}}, \
             {{filters: [{{name: t, typed_config: {{{proxy}, weighted_clusters: {{clusters: [{{name: p, weight: 1}}]}}}}}}]}}]}}]}}"
        );
        let ways = Bootstrap::parse(Path::new("x.yaml"), &text).unwrap().ways();
        let passed = |transport, cluster: &str| Passed {
            port: 90,
            transport,
            clusters: vec![cluster.to_owned()],
        };
        let tls = Transport::Tls {
            names: vec!["a.com".to_owned()],
            asks_for_certificate: true,
        };
        assert_eq!(ways.passed, [passed(tls, "db"), passed(Transport::Plain, "p")]);
    }

    #[test]
    fn routes_are_read_in_the_order_in_which_they_are_tried() {
        let text = r#"
static_resources:
  listeners:
  - address: {socket_address: {address: 0.0.0.0, port_value: "80"}}
    filter_chains:
    - transport_socket: {name: tls}
      filters:
      - name: http
        typedConfig:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          httpFilters: [{name: envoy.filters.http.cors}, {name: envoy.filters.http.router}]
          routeConfig:
            virtualHosts:
            - domains: [a.com, "*"]
              routes:
              - {match: {prefix: /x, headers: [{name: x-a, string_match: {exact: b}}, {name: x-c, present_match: true}]}, route: {cluster: x}}
              - {match: {path_separated_prefix: /y}, redirect: {path_redirect: /z, response_code: FOUND}}
              - {match: {path: /z, grpc: {}}, direct_response: {status: 404}}
              - {match: {safe_regex: {regex: a}}, route: {weightedClusters: {clusters: [{name: p, weight: 1}, {name: q, weight: 0}]}}}
  - address: {socket_address: {address: 0.0.0.0, port_value: 81}}
    filter_chains: [{filters: [{name: t, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy}}]}]
"#;
        let ways = Bootstrap::parse(Path::new("x.yaml"), text).unwrap().ways();
        assert_eq!(
            ways.others,
            ["the listener at port 81 passes bytes on, and speaks no HTTP"]
        );
        let [x, y, z, other] = ways.routes.as_slice() else {
            panic!("{ways:?}")
        };
        assert!(matches!(x.transport, Transport::Other(_)));
        assert!(x.port == 80 && x.domains == ["a.com", "*"] && x.filters == ["envoy.filters.http.cors"]);
        assert_eq!(
            (&x.path, &x.answer),
            (
                &PathMatch::Prefix("/x".to_owned()),
                &Answer::Clusters(vec!["x".to_owned()])
            )
        );
        assert_eq!(
            (x.headers.clone(), x.conditions.clone()),
            (vec![("x-a".to_owned(), "b".to_owned())], vec!["header x-c".to_owned()])
        );
        assert_eq!(
            (&y.answer, y.path.has("/y/1"), y.path.has("/yy")),
            (&Answer::Status(302), Some(true), Some(false))
        );
        assert_eq!(
            (&z.answer, z.conditions.clone()),
            (&Answer::Status(404), vec!["grpc".to_owned()])
        );
        assert_eq!(
            (&other.path, &other.answer),
            (
                &PathMatch::Other("safe_regex".to_owned()),
                &Answer::Clusters(vec!["p".to_owned()])
            )
        );
    }
}
