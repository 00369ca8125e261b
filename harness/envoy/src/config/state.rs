//! What of a configuration makes an Envoy remember the requests that it has served, and what it waits for before it serves.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::{Bootstrap, DocPath, path::walk};

/// Extensions that keep something from one request to the next, by a part of the names of their messages, and what they keep.
const EXTENSIONS: [(&str, &str); 18] = [
    (".adaptive_concurrency.", "adaptive concurrency limits"),
    (".admission_control.", "the success rate of admission control"),
    (".bandwidth_limit.", "token buckets"),
    (".cache.", "a cache"),
    (".cache_v2.", "a cache"),
    (".client_side_weighted_round_robin.", "weights that backends report"),
    (".dynamic_forward_proxy.", "a cache of DNS names"),
    (".dynamic_modules.", "what a module remembers"),
    (".file_system_http_cache.", "a cache"),
    (".geoip.", "a cache"),
    (".golang.", "what a plugin remembers"),
    (".health_check.", "a cache of health"),
    (".local_ratelimit.", "token buckets"),
    (".lua.", "what a script remembers"),
    (".on_demand.", "clusters that were asked for"),
    (".rate_limit_quota.", "quotas"),
    (".redis_proxy.", "a cluster's slots"),
    (".wasm.", "what a module remembers"),
];

/// Fields that do, wherever they stand.
const FIELDS: [(&str, &str); 7] = [
    ("circuit_breakers", "open circuit breakers"),
    ("dns_cache_config", "a cache of DNS names"),
    ("jwt_cache_config", "a cache of tokens"),
    ("outlier_detection", "ejected endpoints"),
    ("overload_manager", "the state of the overload manager"),
    ("slow_start_config", "the age of endpoints"),
    ("token_bucket", "token buckets"),
];

impl Bootstrap {
    /// What an Envoy with this configuration remembers of the requests that it has served, in words, and that nobody can ask it to
    /// forget; nothing where it remembers nothing that is known here. What it gets from a discovery service is not looked at.
    pub fn keeps_state(&self) -> BTreeSet<&'static str> {
        let mut found = BTreeSet::new();
        walk(self.document(), &DocPath::root(), &mut |_, value| {
            let Some(mapping) = value.as_mapping() else { return };
            for (key, below) in mapping {
                let Some(key) = key.as_str() else { continue };
                if ["@type", "type_url", "typeUrl"].contains(&key) {
                    found.extend(below.as_str().and_then(of_extension));
                } else if is_said(below) {
                    let of_field = FIELDS.iter().find(|(name, _)| is_spelled(key, name));
                    found.extend(of_field.map(|(_, what)| *what));
                }
            }
        });
        found
    }

    /// Whether an Envoy with this configuration checks by itself whether endpoints are well.
    pub fn checks_health(&self) -> bool {
        let mut checks = false;
        walk(self.document(), &DocPath::root(), &mut |_, value| {
            let fields = value.as_mapping().into_iter().flatten();
            checks |= fields
                .filter_map(|(key, below)| Some((key.as_str()?, below)))
                .any(|(key, below)| is_spelled(key, "health_checks") && is_said(below));
        });
        checks
    }

    /// Whether an Envoy with this configuration asks a control plane for anything, and is live only when that has answered or has
    /// been waited for.
    pub fn asks_a_control_plane(&self) -> bool {
        let sources = ["ads", "ads_config", "api_config_source"];
        let mut asks = false;
        walk(self.document(), &DocPath::root(), &mut |_, value| {
            let mut fields = value
                .as_mapping()
                .into_iter()
                .flatten()
                .filter_map(|(key, _)| key.as_str());
            asks |= fields.any(|key| sources.iter().any(|name| is_spelled(key, name)));
        });
        asks
    }
}

fn of_extension(url: &str) -> Option<&'static str> {
    let name = url.rsplit('/').next().unwrap_or(url);
    let known = EXTENSIONS.iter().find(|(part, _)| name.contains(part));
    known.map(|(_, what)| *what)
}

/// Something is said in it: an empty message is none of these that matters.
fn is_said(value: &Value) -> bool {
    match value {
        Value::Mapping(mapping) => !mapping.is_empty(),
        Value::Sequence(items) => !items.is_empty(),
        _ => false,
    }
}

/// `outlierDetection` is `outlier_detection`.
fn is_spelled(key: &str, name: &str) -> bool {
    let letters = |text: &str| text.replace('_', "").to_lowercase();
    key.len() <= name.len() && letters(key) == letters(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn kept(text: &str) -> Vec<&'static str> {
        let config = Bootstrap::parse(Path::new("x.yaml"), text).unwrap();
        config.keeps_state().into_iter().collect()
    }

    #[test]
    fn what_remembers_requests_is_found_wherever_it_stands() {
        let url = "type.googleapis.com/envoy.extensions.filters.http";
        for (text, what) in [
            (
                format!("{{a: [{{typed_config: {{'@type': {url}.local_ratelimit.v3.LocalRateLimit}}}}]}}"),
                "token buckets",
            ),
            (
                format!("{{a: {{b: {{'@type': {url}.cache.v3.CacheConfig}}}}}}"),
                "a cache",
            ),
            (
                format!("{{a: {{type_url: {url}.admission_control.v3.AdmissionControl}}}}"),
                "the success rate of admission control",
            ),
            (
                format!("{{a: {{'@type': {url}.lua.v3.Lua}}}}"),
                "what a script remembers",
            ),
            (
                "{static_resources: {clusters: [{outlierDetection: {consecutive_5xx: 1}}]}}".to_owned(),
                "ejected endpoints",
            ),
            (
                "{static_resources: {clusters: [{circuit_breakers: {thresholds: [{}]}}]}}".to_owned(),
                "open circuit breakers",
            ),
        ] {
            assert_eq!(kept(&text), [what], "{text}");
        }
    }

    #[test]
    fn what_is_waited_for_is_known() {
        let config = |text: &str| Bootstrap::parse(Path::new("x.yaml"), text).unwrap();
        let checks = config("{static_resources: {clusters: [{healthChecks: [{timeout: 1s}]}]}}");
        assert!(checks.checks_health() && !checks.asks_a_control_plane());
        let asks = config(
            "{static_resources: {clusters: [{eds_cluster_config: {eds_config: {ads: {}}}}], x: {health_checks: []}}}",
        );
        assert!(asks.asks_a_control_plane() && !asks.checks_health());
    }

    #[test]
    fn what_only_routes_is_not() {
        let url = "type.googleapis.com/envoy.extensions.filters.http";
        let text = format!(
            "{{a: [{{'@type': {url}.router.v3.Router}}, {{'@type': {url}.fault.v3.HTTPFault}}], health_checks: [{{timeout: 1s}}]}}"
        );
        assert!(kept(&text).is_empty());
    }
}
