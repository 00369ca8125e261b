//! The hosts of a service, in the shape of Envoy's v1 discovery service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A service as it is registered, listed and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Where it runs. None at all is allowed, and meant: the service is there and has nobody to answer.
    pub hosts: Hosts,
}

/// One address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// An IP address: Envoy refuses host names here.
    #[serde(deserialize_with = "ip_address")]
    pub ip_address: IpAddr,
    /// 1 to 65535.
    #[serde(deserialize_with = "port")]
    pub port: NonZeroU16,
    /// What Envoy is to know of the host.
    #[serde(default)]
    pub tags: Tags,
}

/// What Envoy is to know of a host. All of it is shown, even if it was not given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tags {
    /// The availability zone; empty if there is none.
    pub az: String,
    /// Whether the host runs a version on trial.
    pub canary: bool,
    /// The host's share of the load, against that of the others; 1 by default.
    #[serde(deserialize_with = "weight")]
    pub load_balancing_weight: NonZeroU32,
    /// What is known of the host's health; left out if nothing is, and then an Envoy takes it for healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Hosts with a higher number are used when too few with a lower one are healthy. Left out if it is 0.
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "priority")]
    pub priority: u32,
}

/// What is known of a host's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It can take requests.
    Healthy,
    /// It cannot.
    Unhealthy,
    /// It finishes what it has, and takes nothing new.
    Draining,
    /// Its health check timed out.
    Timeout,
    /// It can take requests, if need be.
    Degraded,
}

impl Default for Tags {
    fn default() -> Self {
        Self {
            az: String::new(),
            canary: false,
            load_balancing_weight: NonZeroU32::MIN,
            health: None,
            priority: 0,
        }
    }
}

/// Hosts that Envoy accepts together: no address twice, and no zone with more weight than a `uint32` holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Host>")]
pub struct Hosts(Vec<Host>);

/// Why hosts do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHosts {
    /// Two hosts are one.
    #[error("the host {ip_address} with port {port} is there twice")]
    Duplicate {
        /// The address.
        ip_address: IpAddr,
        /// The port.
        port: NonZeroU16,
    },
    /// Envoy would reject the whole assignment.
    #[error("the weights of the hosts in zone {az:?} sum to {sum}, more than {}", u32::MAX)]
    Weight {
        /// The zone.
        az: String,
        /// Its weights together.
        sum: u64,
    },
}

impl TryFrom<Vec<Host>> for Hosts {
    type Error = InvalidHosts;

    fn try_from(hosts: Vec<Host>) -> Result<Self, InvalidHosts> {
        let mut seen = BTreeSet::new();
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for host in &hosts {
            if !seen.insert((host.ip_address, host.port)) {
                return Err(InvalidHosts::Duplicate {
                    ip_address: host.ip_address,
                    port: host.port,
                });
            }
            let sum = sums.entry(&host.tags.az).or_default();
            *sum = sum.saturating_add(host.tags.load_balancing_weight.get().into());
        }
        if let Some((az, sum)) = sums.into_iter().find(|(_, sum)| *sum > u32::MAX.into()) {
            return Err(InvalidHosts::Weight { az: az.to_owned(), sum });
        }
        Ok(Self(hosts))
    }
}

impl Hosts {
    /// The hosts, in the order in which they were given.
    pub fn as_slice(&self) -> &[Host] {
        &self.0
    }
}

/// Hosts that are kept together: those with the same zone and priority.
#[derive(Debug)]
pub(crate) struct Zone<'a> {
    /// Empty if there is none.
    pub(crate) az: &'a str,
    /// The place of its priority among those that there are, from 0: gRPC refuses an assignment in which one is left out.
    pub(crate) priority: u32,
    /// Its share of the load of its priority: as much as its hosts have together. gRPC passes over a zone without one.
    pub(crate) weight: NonZeroU32,
    pub(crate) hosts: Vec<&'a Host>,
}

/// The hosts by zone and priority, all in the order in which they come.
pub(crate) fn zones(hosts: &[Host]) -> Vec<Zone<'_>> {
    let mut zones: Vec<Zone<'_>> = Vec::new();
    for host in hosts {
        let (az, priority) = (host.tags.az.as_str(), host.tags.priority);
        match zones.iter_mut().find(|zone| zone.az == az && zone.priority == priority) {
            Some(zone) => zone.hosts.push(host),
            None => zones.push(Zone {
                az,
                priority,
                weight: NonZeroU32::MIN,
                hosts: vec![host],
            }),
        }
    }
    let priorities: BTreeSet<u32> = zones.iter().map(|zone| zone.priority).collect();
    for (place, priority) in (0..).zip(priorities) {
        // No place is beyond the priority itself, so none that was not come to yet is taken for one that is done.
        let mut same: Vec<&mut Zone<'_>> = zones.iter_mut().filter(|zone| zone.priority == priority).collect();
        weigh(&mut same);
        for zone in same {
            zone.priority = place;
        }
    }
    zones
}

/// Gives zones of one priority their weights, which have to be a `uint32` together.
fn weigh(zones: &mut [&mut Zone<'_>]) {
    let weight = |zone: &Zone<'_>| -> u64 {
        let weights = zone.hosts.iter().map(|host| host.tags.load_balancing_weight.get());
        weights.map(u64::from).sum()
    };
    let sum: u64 = zones.iter().map(|zone| weight(zone)).sum();
    let most = u64::from(u32::MAX);
    // What is rounded up is one for each at the most.
    let room = most.saturating_sub(zones.len() as u64);
    for zone in zones {
        let own = weight(zone);
        let share = if sum <= most {
            own
        } else {
            let scaled = u128::from(own) * u128::from(room) / u128::from(sum);
            u64::try_from(scaled).unwrap_or(most)
        };
        zone.weight = u32::try_from(share)
            .ok()
            .and_then(NonZeroU32::new)
            .unwrap_or(NonZeroU32::MIN);
    }
}

/// The highest priority that Envoy takes.
const HIGHEST_PRIORITY: u32 = 128;

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn priority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = i64::deserialize(deserializer)?;
    u32::try_from(number)
        .ok()
        .filter(|number| *number <= HIGHEST_PRIORITY)
        .ok_or_else(|| D::Error::custom(format!("a priority is 0 to {HIGHEST_PRIORITY}, not {number}")))
}

fn ip_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom(format!("an IP address is asked for, not {text:?}")))
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU16, D::Error> {
    let number = i64::deserialize(deserializer)?;
    u16::try_from(number)
        .ok()
        .and_then(NonZeroU16::new)
        .ok_or_else(|| D::Error::custom(format!("a port is 1 to {}, not {number}", u16::MAX)))
}

fn weight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let number = i64::deserialize(deserializer)?;
    u32::try_from(number)
        .ok()
        .and_then(NonZeroU32::new)
        .ok_or_else(|| D::Error::custom(format!("a weight is 1 to {}, not {number}", u32::MAX)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(hosts: Value) -> Result<Service, String> {
        let text = json!({"hosts": hosts}).to_string();
        meshkat_kit::from_json(text.as_bytes()).map_err(|error| error.message)
    }

    #[test]
    fn tags_that_are_not_given_are_shown_all_the_same() {
        let service = service(json!([{"ip_address": "10.0.0.1", "port": 80},
                                     {"ip_address": "0:0::1", "port": 65535, "tags": {"canary": true}}]));
        assert_eq!(
            serde_json::to_value(service.unwrap()).unwrap(),
            json!({"hosts": [
                {"ip_address": "10.0.0.1", "port": 80, "tags": {"az": "", "canary": false, "load_balancing_weight": 1}},
                {"ip_address": "::1", "port": 65535, "tags": {"az": "", "canary": true, "load_balancing_weight": 1}},
            ]})
        );
    }

    fn zones_of(hosts: &[(&str, u32, u32)]) -> Vec<(String, u32, u32)> {
        let hosts = hosts.iter().zip(1..).map(|((az, priority, weight), port)| {
            let tags = json!({"az": az, "priority": priority, "load_balancing_weight": weight});
            json!({"ip_address": "10.0.0.1", "port": port, "tags": tags})
        });
        let service = service(hosts.collect()).unwrap();
        let told = |zone: &Zone<'_>| (zone.az.to_owned(), zone.priority, zone.weight.get());
        zones(service.hosts.as_slice()).iter().map(told).collect()
    }

    fn zone(az: &str, priority: u32, weight: u32) -> (String, u32, u32) {
        (az.to_owned(), priority, weight)
    }

    #[test]
    fn priorities_have_no_gaps_and_keep_their_order() {
        assert_eq!(
            zones_of(&[("a", 7, 1), ("b", 2, 1), ("a", 2, 1), ("a", 128, 1)]),
            [zone("a", 1, 1), zone("b", 0, 1), zone("a", 0, 1), zone("a", 2, 1)]
        );
        assert_eq!(zones_of(&[("", 5, 1)]), [zone("", 0, 1)]);
        assert_eq!(zones_of(&[("", 1, 1), ("", 0, 1)]), [zone("", 1, 1), zone("", 0, 1)]);
    }

    #[test]
    fn a_zone_weighs_what_its_hosts_do_and_all_of_a_priority_fit_together() {
        assert_eq!(
            zones_of(&[("a", 0, 3), ("b", 0, 5), ("a", 0, 4)]),
            [zone("a", 0, 7), zone("b", 0, 5)]
        );
        let found = zones_of(&[
            ("a", 0, u32::MAX),
            ("b", 0, u32::MAX / 2),
            ("c", 0, 1),
            ("d", 1, u32::MAX),
        ]);
        let sum: u64 = found[..3].iter().map(|(_, _, weight)| u64::from(*weight)).sum();
        assert!(sum <= u32::MAX.into(), "{found:?}");
        let ratio = f64::from(found[0].2) / f64::from(found[1].2);
        assert!((1.99..2.01).contains(&ratio) && found[2].2 == 1, "{found:?}");
        assert_eq!(found[3], zone("d", 1, u32::MAX));
    }

    #[test]
    fn what_envoy_would_refuse_is_refused_with_the_field() {
        let host = json!({"ip_address": "10.0.0.1", "port": 80});
        let heavy = json!({"ip_address": "10.0.0.2", "port": 80, "tags": {"load_balancing_weight": u32::MAX}});
        for (hosts, message) in [
            (
                json!([{"ip_address": "pet.local", "port": 80}]),
                "hosts[0].ip_address: an IP address is asked for, not \"pet.local\"",
            ),
            (
                json!([host, {"ip_address": "10.0.0.2", "port": 0}]),
                "hosts[1].port: a port is 1 to 65535, not 0",
            ),
            (
                json!([{"ip_address": "10.0.0.2", "port": 65536}]),
                "hosts[0].port: a port is 1 to 65535, not 65536",
            ),
            (json!([{"ip_address": "10.0.0.2"}]), "missing field `port`"),
            (
                json!([{"ip_address": "10.0.0.2", "port": 80, "tags": {"load_balancing_weight": 0}}]),
                "hosts[0].tags.load_balancing_weight: a weight is 1 to 4294967295, not 0",
            ),
            (
                json!([{"ip_address": "10.0.0.2", "port": 80, "tags": {"priority": 129}}]),
                "hosts[0].tags.priority: a priority is 0 to 128, not 129",
            ),
            (
                json!([{"ip_address": "10.0.0.2", "port": 80, "tags": {"health": "fine"}}]),
                "hosts[0].tags.health: unknown variant `fine`",
            ),
            (
                json!([{"ip_address": "10.0.0.2", "port": 80, "tags": {"zone": "a"}}]),
                "unknown field `zone`",
            ),
            (
                json!([{"ip_address": "10.0.0.2", "port": 80, "tag": {}}]),
                "unknown field `tag`",
            ),
            (json!([host, host]), "the host 10.0.0.1 with port 80 is there twice"),
            (json!([host, heavy]), "sum to 4294967296"),
        ] {
            let error = service(hosts.clone()).unwrap_err();
            assert!(error.contains(message), "{hosts}: {error}");
        }
        assert!(service(json!([heavy])).is_ok());
    }
}
