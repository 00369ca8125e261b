//! What an Envoy's configuration asks the discovery service for.

use serde_json::Value;

use super::{Kind, Transport};

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) kind: Kind,
    pub(super) transport: Transport,
    /// `None` is everything.
    pub(super) name: Option<String>,
    /// For endpoints, the cluster that they are for.
    pub(super) cluster: Option<String>,
    /// What the names of its statistics begin with.
    pub(super) stat: String,
}

/// What a bootstrap, clusters and listeners ask for, each as proto3 JSON with the names of the protocol's fields.
pub(super) fn asks<'a>(
    bootstrap: &Value,
    clusters: impl IntoIterator<Item = &'a Value>,
    listeners: impl IntoIterator<Item = &'a Value>,
) -> Vec<Ask> {
    let dynamic = &bootstrap["dynamic_resources"];
    let ads = match dynamic["ads_config"]["api_type"].as_str() {
        Some("GRPC") => Some(Transport::Ads),
        Some("DELTA_GRPC") => Some(Transport::DeltaAds),
        _ => None,
    };
    let mut found = Vec::new();
    for (kind, source, stat) in [
        (Kind::Clusters, "cds_config", "cluster_manager.cds"),
        (Kind::Listeners, "lds_config", "listener_manager.lds"),
    ] {
        found.extend(transport(&dynamic[source], ads).map(|transport| Ask {
            kind,
            transport,
            name: None,
            cluster: None,
            stat: stat.to_owned(),
        }));
    }
    found.extend(clusters.into_iter().filter_map(|cluster| endpoints(cluster, ads)));
    for listener in listeners {
        routes(listener, ads, &mut found);
    }
    let mut once: Vec<Ask> = Vec::new();
    for ask in found {
        // A cluster that is replaced is there twice, as it was and as it is to be.
        if !once.contains(&ask) {
            once.push(ask);
        }
    }
    once
}

fn endpoints(cluster: &Value, ads: Option<Transport>) -> Option<Ask> {
    let eds = cluster.get("eds_cluster_config")?;
    let name = cluster["name"].as_str()?;
    let stat = cluster["alt_stat_name"].as_str().unwrap_or(name);
    let service = eds["service_name"].as_str().filter(|service| !service.is_empty());
    Some(Ask {
        kind: Kind::Endpoints,
        transport: transport(&eds["eds_config"], ads)?,
        name: Some(service.unwrap_or(name).to_owned()),
        cluster: Some(name.to_owned()),
        // Envoy writes names of statistics without colons.
        stat: format!("cluster.{}", stat.replace(':', "_")),
    })
}

/// Wherever in a listener a filter takes its routes from discovery.
fn routes(value: &Value, ads: Option<Transport>, found: &mut Vec<Ask>) {
    match value {
        Value::Object(fields) => {
            if let Some(rds) = fields.get("rds")
                && let Some(name) = rds["route_config_name"].as_str()
                && let Some(transport) = transport(&rds["config_source"], ads)
            {
                let prefix = fields.get("stat_prefix").and_then(Value::as_str).unwrap_or_default();
                found.push(Ask {
                    kind: Kind::Routes,
                    transport,
                    name: Some(name.to_owned()),
                    cluster: None,
                    stat: format!("http.{prefix}.rds.{name}").replace(':', "_"),
                });
            }
            fields.values().for_each(|value| routes(value, ads, found));
        }
        Value::Array(items) => items.iter().for_each(|value| routes(value, ads, found)),
        _ => {}
    }
}

/// How a ConfigSource is fed; none where it is a file or this version does not know it.
fn transport(source: &Value, ads: Option<Transport>) -> Option<Transport> {
    if source.get("ads").is_some() {
        return ads;
    }
    match source["api_config_source"]["api_type"].as_str()? {
        "REST" => Some(Transport::Rest),
        "GRPC" => Some(Transport::Grpc),
        "DELTA_GRPC" => Some(Transport::DeltaGrpc),
        _ => None,
    }
}
