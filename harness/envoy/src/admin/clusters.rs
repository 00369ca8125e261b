//! Clusters and their endpoints. Envoy prints protobuf's JSON: large numbers are texts, and what is zero is left out.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::{Deserialize, Deserializer};

/// Every cluster of an Envoy, in Envoy's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clusters(Vec<Cluster>);

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its endpoints.
    #[serde(default, rename = "host_statuses")]
    pub hosts: Vec<Host>,
}

/// An endpoint of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Host {
    #[serde(default)]
    address: Address,
    /// The name that it was found by, where it was found by one.
    #[serde(default)]
    pub hostname: String,
    /// What is known of its health.
    #[serde(default, rename = "health_status")]
    pub health: HostHealth,
    /// Its share of the load, against its neighbours'.
    #[serde(default)]
    pub weight: u32,
    /// Its priority; 0 is the highest.
    #[serde(default)]
    pub priority: u32,
    /// Where it stands.
    #[serde(default)]
    locality: Locality,
    /// Its counters and gauges, such as `rq_total`.
    #[serde(default, deserialize_with = "stats")]
    pub stats: BTreeMap<String, u64>,
}

/// What is known of an endpoint's health. Envoy sends requests to it when nothing speaks against it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct HostHealth {
    /// What the discovery service says: `HEALTHY`, `UNHEALTHY`, `DRAINING`, …; empty where it says nothing.
    pub eds_health_status: String,
    /// Envoy's own health check failed.
    pub failed_active_health_check: bool,
    /// Outlier detection has ejected it.
    pub failed_outlier_check: bool,
    /// Envoy's own health check found it degraded.
    pub failed_active_degraded_check: bool,
    /// It is gone from discovery, and kept as long as its health check passes.
    pub pending_dynamic_removal: bool,
    /// It was not checked yet.
    pub pending_active_hc: bool,
    /// It asked to be left out.
    pub excluded_via_immediate_hc_fail: bool,
    /// Its last health check timed out.
    pub active_hc_timeout: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
struct Address {
    socket_address: Option<Socket>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Socket {
    #[serde(default)]
    address: String,
    #[serde(default)]
    port_value: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
struct Locality {
    zone: String,
}

impl Clusters {
    /// The cluster of this name.
    pub fn get(&self, name: &str) -> Option<&Cluster> {
        self.0.iter().find(|cluster| cluster.name == name)
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Cluster> {
        self.0.iter()
    }

    /// Reads the JSON of `/clusters?format=json`.
    ///
    /// # Errors
    /// What is not JSON of this shape.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            cluster_statuses: Vec<Cluster>,
        }
        serde_json::from_slice(body).map(|answer: Answer| Self(answer.cluster_statuses))
    }
}

impl Host {
    /// Its address and port; `None` for a pipe or a listener inside Envoy.
    pub fn socket(&self) -> Option<SocketAddr> {
        let socket = self.address.socket_address.as_ref()?;
        Some(SocketAddr::new(socket.address.parse().ok()?, socket.port_value))
    }

    /// The zone of its locality; empty where it has none.
    pub fn zone(&self) -> &str {
        &self.locality.zone
    }

    /// Whether Envoy would send it requests by choice.
    pub fn is_healthy(&self) -> bool {
        let health = &self.health;
        let told = ["", "UNKNOWN", "HEALTHY"].contains(&health.eds_health_status.as_str());
        told && !(health.failed_active_health_check
            || health.failed_outlier_check
            || health.failed_active_degraded_check
            || health.pending_active_hc
            || health.excluded_via_immediate_hc_fail)
    }
}

fn stats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u64>, D::Error> {
    #[derive(Deserialize)]
    struct Stat {
        name: String,
        #[serde(default)]
        value: Option<String>,
    }
    let number = |stat: Stat| {
        let value = stat.value.map_or(Ok(0), |value| value.parse());
        value.map(|value| (stat.name, value)).map_err(serde::de::Error::custom)
    };
    Vec::<Stat>::deserialize(deserializer)?
        .into_iter()
        .map(number)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_zero_and_large_numbers_are_texts() {
        let body = br#"{"cluster_statuses":[{"name":"pet","circuit_breakers":{"thresholds":[{"max_connections":1024}]},
            "host_statuses":[{"address":{"socket_address":{"address":"127.1.0.3","port_value":10000}},
              "stats":[{"name":"rq_total","value":"12"},{"type":"GAUGE","name":"cx_active"}],
              "health_status":{"eds_health_status":"HEALTHY","failed_outlier_check":true},
              "weight":50,"locality":{"zone":"b"},"priority":1}]},{"name":"empty"}]}"#;
        let clusters = Clusters::parse(body).unwrap();
        let host = &clusters.get("pet").unwrap().hosts[0];
        assert_eq!(host.socket(), Some("127.1.0.3:10000".parse().unwrap()));
        assert_eq!((host.weight, host.priority, host.zone()), (50, 1, "b"));
        assert_eq!(
            host.stats,
            BTreeMap::from([("cx_active".to_owned(), 0), ("rq_total".to_owned(), 12)])
        );
        assert!(host.health.failed_outlier_check && !host.is_healthy());
        assert_eq!(clusters.get("empty").map(|cluster| cluster.hosts.len()), Some(0));
        assert_eq!(clusters.iter().count(), 2);
    }
}
