//! Endpoints: those of an assignment against those of a cluster.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use meshkat_envoy::admin::Host;
use serde_json::Value;

use crate::row::listed;

/// What is compared of an endpoint. What Envoy adds of its own, such as the state of its health checks, is not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint {
    health: String,
    weight: u64,
    priority: u64,
    zone: String,
}

type Endpoints = BTreeMap<String, Endpoint>;

/// How the endpoints of a cluster differ from a ClusterLoadAssignment, in words that follow the cluster's name. Endpoints
/// that are no sockets are not compared.
pub(crate) fn differences(intended: &Value, live: &[Host], name: &dyn Fn(&str) -> String) -> Vec<String> {
    let intended = of_assignment(intended);
    let leaving = |address: &str| {
        let mut same = live.iter().filter(|host| address_of(host).as_deref() == Some(address));
        same.any(|host| host.health.pending_dynamic_removal)
    };
    let live = of_hosts(live);
    let mut differences = Vec::new();
    let names = |addresses: Vec<&String>| {
        let names: Vec<String> = addresses.into_iter().map(|address| name(address)).collect();
        listed(&names)
    };
    let missing: Vec<_> = intended.keys().filter(|address| !live.contains_key(*address)).collect();
    let extra = live.keys().filter(|address| !intended.contains_key(*address));
    let (kept, extra): (Vec<_>, Vec<_>) = extra.partition(|address| leaving(address));
    if !missing.is_empty() {
        differences.push(format!("lacks {}", names(missing)));
    }
    if !extra.is_empty() {
        differences.push(format!("has {} too many", names(extra)));
    }
    if !kept.is_empty() {
        differences.push(format!("keeps {} while the health check passes", names(kept)));
    }
    for (address, wanted) in &intended {
        let Some(found) = live.get(address) else { continue };
        let mut differs = |what: &str, found: &str, wanted: &str| {
            if found != wanted {
                let shown = |text: &str| {
                    if text.is_empty() {
                        "none".to_owned()
                    } else {
                        text.to_owned()
                    }
                };
                let (found, wanted) = (shown(found), shown(wanted));
                differences.push(format!("has {} with {what} {found}, not {wanted}", name(address)));
            }
        };
        differs("health", &found.health, &wanted.health);
        differs("weight", &found.weight.to_string(), &wanted.weight.to_string());
        differs("priority", &found.priority.to_string(), &wanted.priority.to_string());
        differs("zone", &found.zone, &wanted.zone);
    }
    differences
}

/// The addresses of a cluster's endpoints.
pub(crate) fn addresses(live: &[Host]) -> Vec<String> {
    of_hosts(live).into_keys().collect()
}

fn of_assignment(assignment: &Value) -> Endpoints {
    let mut found = Endpoints::new();
    for locality in assignment["endpoints"].as_array().into_iter().flatten() {
        for endpoint in locality["lb_endpoints"].as_array().into_iter().flatten() {
            let socket = &endpoint["endpoint"]["address"]["socket_address"];
            let Some(address) = socket["address"].as_str() else {
                continue;
            };
            let port = match (socket["port_value"].as_u64(), socket["named_port"].as_str()) {
                (None, Some(name)) => name.to_owned(),
                (port, _) => port.unwrap_or_default().to_string(),
            };
            // Of two for the same address Envoy takes the first.
            found.entry(canonical(address, &port)).or_insert_with(|| Endpoint {
                health: health(endpoint["health_status"].as_str().unwrap_or_default()),
                weight: endpoint["load_balancing_weight"].as_u64().unwrap_or(1),
                priority: locality["priority"].as_u64().unwrap_or_default(),
                zone: locality["locality"]["zone"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    found
}

fn of_hosts(hosts: &[Host]) -> Endpoints {
    let found = hosts.iter().filter_map(|host| {
        let endpoint = Endpoint {
            health: health(&host.health.eds_health_status),
            weight: host.weight.into(),
            priority: host.priority.into(),
            zone: host.zone().to_owned(),
        };
        Some((address_of(host)?, endpoint))
    });
    found.collect()
}

fn address_of(host: &Host) -> Option<String> {
    host.socket().map(|socket| socket.to_string())
}

/// An address as Envoy writes it; what is no IP address stays as it is.
fn canonical(address: &str, port: &str) -> String {
    match (address.parse(), port.parse()) {
        (Ok(ip), Ok(port)) => SocketAddr::new(ip, port).to_string(),
        _ => format!("{address}:{port}"),
    }
}

/// What Envoy makes of a health status: it tells these four apart.
fn health(status: &str) -> String {
    match status {
        "" | "UNKNOWN" | "HEALTHY" => "HEALTHY",
        "TIMEOUT" | "UNHEALTHY" => "UNHEALTHY",
        other => other,
    }
    .to_owned()
}
