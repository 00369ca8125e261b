//! What of the work of an Envoy its counters and gauges tell of, by its configuration.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::{
    Bootstrap, DocPath,
    path::walk,
    value::{dig, get, items, text},
};

/// What ends the filters of a listener that takes HTTP.
const HTTP: &str = ".HttpConnectionManager";

impl Bootstrap {
    /// Whether each request that an Envoy with this configuration takes at any of its listeners is counted once in
    /// `http.PREFIX.downstream_rq_total`: all listeners are known here, all of them take HTTP alone, and no request is sent a second time
    /// through the same listener, as an internal redirect does.
    pub fn counts_each_request(&self) -> bool {
        let listeners = self.listener_values();
        let is_known = dig(self.document(), &["dynamic_resources", "lds_config"]).is_none();
        let mut redirects = false;
        walk(self.document(), &DocPath::root(), &mut |_, value| {
            redirects |=
                get(value, "internal_redirect_policy").is_some() || get(value, "internal_redirect_action").is_some();
        });
        is_known && !redirects && listeners.iter().all(takes_http_alone)
    }

    /// The clusters to which something may stay open for ever: those that it speaks gRPC to by itself, wherever in it, for discovery,
    /// logs, statistics; and those to which it passes bytes on, of which each connection is a request.
    pub fn clusters_of_streams(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        walk(self.document(), &DocPath::root(), &mut |_, value| {
            found.extend(get(value, "envoy_grpc").and_then(|grpc| text(grpc, "cluster_name")));
            let kind = value.as_mapping().and_then(|fields| fields.get("@type")?.as_str());
            if kind.is_some_and(|kind| kind.ends_with(".TcpProxy")) {
                found.extend(text(value, "cluster"));
                let weighted = get(value, "weighted_clusters").map_or(&[][..], |weighted| items(weighted, "clusters"));
                found.extend(weighted.iter().filter_map(|cluster| text(cluster, "name")));
            }
        });
        found
    }
}

fn takes_http_alone(listener: &Value) -> bool {
    let chains = items(listener, "filter_chains").iter();
    let mut chains = chains.chain(get(listener, "default_filter_chain")).peekable();
    let is_http = |chain: &Value| {
        let last = items(chain, "filters").last();
        let kind = last.and_then(|filter| dig(filter, &["typed_config"])?.get("@type")?.as_str());
        kind.is_some_and(|kind| kind.ends_with(HTTP))
    };
    chains.peek().is_some() && chains.all(is_http)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(listeners: &str) -> Bootstrap {
        Bootstrap::parse(Path::new("x.yaml"), listeners).unwrap()
    }

    #[test]
    fn listeners_that_are_not_known_or_take_something_else_are_not_counted() {
        let chain =
            |kind: &str| format!("{{filters: [{{name: a, typed_config: {{'@type': type.googleapis.com/{kind}}}}}]}}");
        let (http, tcp) = (chain("x.v3.HttpConnectionManager"), chain("x.v3.TcpProxy"));
        let of = |chains: &str, more: &str| {
            config(&format!(
                "static_resources: {{listeners: [{{name: l, filter_chains: [{chains}]}}]}}\n{more}"
            ))
            .counts_each_request()
        };
        assert!(of(&http, ""));
        assert!(!of(&tcp, "") && !of(&format!("{http}, {tcp}"), "") && !of("", ""));
        assert!(!of(&http, "dynamicResources: {ldsConfig: {ads: {}}}"));
        assert!(!of(&http, "x: [{internal_redirect_policy: {}}]"));
    }

    #[test]
    fn clusters_of_streams_are_found_in_both_spellings() {
        let config = config("a: [{envoy_grpc: {cluster_name: one}}, {grpcService: {envoyGrpc: {clusterName: two}}}]");
        assert_eq!(
            config.clusters_of_streams().into_iter().collect::<Vec<_>>(),
            ["one", "two"]
        );
        let tcp = "b: {'@type': x.v3.TcpProxy, cluster: three, weightedClusters: {clusters: [{name: four}]}}\nc: {cluster: no}";
        let found = self::config(tcp).clusters_of_streams();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["four", "three"]);
    }
}
