//! A service as Envoy's ClusterLoadAssignment, for REST.

use std::net::IpAddr;

use serde::Serialize;

use crate::host::{Health, Host, Service, zones};
use crate::resources::Kind;

/// The endpoints of one service, by zone.
#[derive(Debug, Serialize)]
pub(crate) struct ClusterLoadAssignment<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    cluster_name: &'a str,
    /// There even if it is empty: an explicit empty assignment takes every endpoint away.
    endpoints: Vec<LocalityLbEndpoints<'a>>,
}

#[derive(Debug, Serialize)]
struct LocalityLbEndpoints<'a> {
    /// There even without a zone.
    locality: Locality<'a>,
    lb_endpoints: Vec<LbEndpoint>,
    load_balancing_weight: u32,
    #[serde(skip_serializing_if = "is_zero")]
    priority: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Locality<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    zone: &'a str,
}

#[derive(Debug, Serialize)]
struct LbEndpoint {
    endpoint: Endpoint,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_status: Option<&'static str>,
    load_balancing_weight: u32,
    metadata: Metadata,
}

#[derive(Debug, Serialize)]
struct Endpoint {
    address: Address,
}

#[derive(Debug, Serialize)]
struct Address {
    socket_address: SocketAddress,
}

#[derive(Debug, Serialize)]
struct SocketAddress {
    address: IpAddr,
    port_value: u16,
}

#[derive(Debug, Serialize)]
struct Metadata {
    filter_metadata: FilterMetadata,
}

/// What subset load balancing and the `canary` statistics look at.
#[derive(Debug, Serialize)]
struct FilterMetadata {
    #[serde(rename = "envoy.lb")]
    lb: LbMetadata,
}

#[derive(Debug, Serialize)]
struct LbMetadata {
    canary: bool,
}

impl<'a> ClusterLoadAssignment<'a> {
    pub(crate) fn new(name: &'a str, service: &'a Service) -> Self {
        let endpoints = zones(service.hosts.as_slice())
            .into_iter()
            .map(|zone| LocalityLbEndpoints {
                locality: Locality { zone: zone.az },
                lb_endpoints: zone.hosts.into_iter().map(lb_endpoint).collect(),
                load_balancing_weight: zone.weight.get(),
                priority: zone.priority,
            })
            .collect();
        Self {
            kind: Kind::Endpoints.type_url(),
            cluster_name: name,
            endpoints,
        }
    }
}

fn lb_endpoint(host: &Host) -> LbEndpoint {
    LbEndpoint {
        endpoint: Endpoint {
            address: Address {
                socket_address: SocketAddress {
                    address: host.ip_address,
                    port_value: host.port.get(),
                },
            },
        },
        health_status: host.tags.health.map(status),
        load_balancing_weight: host.tags.load_balancing_weight.get(),
        metadata: Metadata {
            filter_metadata: FilterMetadata {
                lb: LbMetadata {
                    canary: host.tags.canary,
                },
            },
        },
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn status(health: Health) -> &'static str {
    match health {
        Health::Healthy => "HEALTHY",
        Health::Unhealthy => "UNHEALTHY",
        Health::Draining => "DRAINING",
        Health::Timeout => "TIMEOUT",
        Health::Degraded => "DEGRADED",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn assignment(hosts: Value) -> Value {
        let service: Service = serde_json::from_value(json!({"hosts": hosts})).unwrap();
        serde_json::to_value(ClusterLoadAssignment::new("pet", &service)).unwrap()
    }

    fn endpoint(address: &str, weight: u32, canary: bool) -> Value {
        json!({
            "endpoint": {"address": {"socket_address": {"address": address, "port_value": 80}}},
            "load_balancing_weight": weight,
            "metadata": {"filter_metadata": {"envoy.lb": {"canary": canary}}},
        })
    }

    #[test]
    fn hosts_are_grouped_by_zone() {
        let found = assignment(json!([
            {"ip_address": "10.0.0.1", "port": 80, "tags": {"az": "b", "load_balancing_weight": 7}},
            {"ip_address": "10.0.0.2", "port": 80},
            {"ip_address": "::1", "port": 80, "tags": {"az": "b", "canary": true}},
        ]));
        assert_eq!(
            found,
            json!({
                "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
                "cluster_name": "pet",
                "endpoints": [
                    {"locality": {"zone": "b"},
                     "lb_endpoints": [endpoint("10.0.0.1", 7, false), endpoint("::1", 1, true)], "load_balancing_weight": 8},
                    {"locality": {}, "lb_endpoints": [endpoint("10.0.0.2", 1, false)], "load_balancing_weight": 1},
                ],
            })
        );
    }

    #[test]
    fn priority_and_health_are_there_if_they_were_given() {
        let found = assignment(json!([
            {"ip_address": "10.0.0.1", "port": 80},
            {"ip_address": "10.0.0.2", "port": 80, "tags": {"priority": 1, "health": "draining"}},
        ]));
        let mut draining = endpoint("10.0.0.2", 1, false);
        draining["health_status"] = json!("DRAINING");
        assert_eq!(
            found["endpoints"],
            json!([
                {"locality": {}, "lb_endpoints": [endpoint("10.0.0.1", 1, false)], "load_balancing_weight": 1},
                {"locality": {}, "lb_endpoints": [draining], "load_balancing_weight": 1, "priority": 1},
            ])
        );
    }

    #[test]
    fn no_hosts_are_an_explicit_empty_assignment() {
        assert_eq!(assignment(json!([]))["endpoints"], json!([]));
    }
}
