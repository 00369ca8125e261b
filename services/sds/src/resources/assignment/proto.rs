//! A service as Envoy's ClusterLoadAssignment, for gRPC.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::address::Address as AddressKind;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{Address, HealthStatus, Locality, Metadata, SocketAddress};
use envoy_types::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints};
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, UInt32Value, Value};

use crate::host::{Health, Host, Service, zones};

/// The endpoints of a service, by zone and priority.
pub(in crate::resources) fn of_service(name: &str, service: &Service) -> ClusterLoadAssignment {
    let endpoints = zones(service.hosts.as_slice())
        .into_iter()
        .map(|zone| LocalityLbEndpoints {
            // There even without a zone: gRPC refuses an assignment in which one is missing.
            locality: Some(Locality {
                zone: zone.az.to_owned(),
                ..Default::default()
            }),
            load_balancing_weight: Some(UInt32Value {
                value: zone.weight.get(),
            }),
            lb_endpoints: zone.hosts.into_iter().map(lb_endpoint).collect(),
            priority: zone.priority,
            ..Default::default()
        })
        .collect();
    ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints,
        ..Default::default()
    }
}

fn lb_endpoint(host: &Host) -> LbEndpoint {
    let address = SocketAddress {
        address: host.ip_address.to_string(),
        port_specifier: Some(PortSpecifier::PortValue(host.port.get().into())),
        ..Default::default()
    };
    let canary = Value {
        kind: Some(Kind::BoolValue(host.tags.canary)),
    };
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(Address {
                address: Some(AddressKind::SocketAddress(address)),
            }),
            ..Default::default()
        })),
        health_status: host.tags.health.map_or(HealthStatus::Unknown, status).into(),
        // One entry in each map: their order can make no difference between two encodings.
        metadata: Some(Metadata {
            filter_metadata: HashMap::from([(
                "envoy.lb".to_owned(),
                Struct {
                    fields: HashMap::from([("canary".to_owned(), canary)]),
                },
            )]),
            ..Default::default()
        }),
        load_balancing_weight: Some(UInt32Value {
            value: host.tags.load_balancing_weight.get(),
        }),
    }
}

fn status(health: Health) -> HealthStatus {
    match health {
        Health::Healthy => HealthStatus::Healthy,
        Health::Unhealthy => HealthStatus::Unhealthy,
        Health::Draining => HealthStatus::Draining,
        Health::Timeout => HealthStatus::Timeout,
        Health::Degraded => HealthStatus::Degraded,
    }
}
