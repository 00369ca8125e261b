//! The pods of a mesh around a configuration: who stands in for whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use meshkat_envoy::config::Bootstrap;
use meshkat_model::{
    host::{Meaning, meanings},
    mesh::Port,
};

use super::{roles, yaml::comments};

/// Who is in the mesh.
pub(super) struct Pods {
    /// The name of the group that has the configuration.
    pub(super) edge: String,
    /// Whether one of our services is beside its Envoy, as it has endpoints at the local host.
    has_own: bool,
    /// The groups of the hosts, each with the ports that somebody asks it at.
    groups: BTreeMap<String, BTreeSet<u16>>,
    /// Those of them that are asked for something that `echo` cannot answer, each with the service of ours that can.
    roles: BTreeMap<String, &'static str>,
    /// The group of the discovery service, if there is one.
    discovery: Option<String>,
    /// Who answers for each cluster of which that is known.
    pub(super) served: BTreeMap<String, BTreeSet<String>>,
}

impl Pods {
    /// The pods that a configuration needs. What has no place in a mesh is asked.
    pub(super) fn of(config: &Bootstrap, name: &str, questions: &mut Vec<String>) -> Self {
        let mut pods = Self {
            edge: String::new(),
            has_own: false,
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            discovery: None,
            served: BTreeMap::new(),
        };
        let with_tls = config.clusters_with_tls();
        let application = Port::Application.number();
        let mut own = Vec::new();
        let mut unknown: BTreeSet<&str> = BTreeSet::new();
        let asked = config.discovery_clusters();
        let endpoints = config.all_endpoints();
        for endpoint in &endpoints {
            let cluster = endpoint.cluster.as_str();
            let place = format!("the cluster `{cluster}` asks {}", endpoint.host);
            let Some(port) = endpoint.port.filter(|_| !endpoint.is_udp) else {
                unknown.insert(cluster);
                continue;
            };
            if with_tls.iter().any(|name| name == cluster) {
                questions.push(format!("{place} over TLS, and ours answers in clear text: take `transport_socket` out, or bring who answers"));
                unknown.insert(cluster);
            }
            if ["localhost", "127.0.0.1", "::1"].contains(&endpoint.host.as_str()) {
                pods.has_own |= port == application;
                own.push(cluster);
                if port != application {
                    questions.push(format!("{place}:{port}, in its own pod, where ours answers at {application}: change the port, or bring who answers"));
                    unknown.insert(cluster);
                }
                continue;
            }
            let is_address = endpoint.host.parse::<IpAddr>().is_ok();
            let group = meanings(&endpoint.host)
                .into_iter()
                .next()
                .map(group_of)
                .filter(|group| !is_address && is_name(group));
            let Some(group) = group else {
                questions.push(format!(
                    "{place}, which no pod is called: give it a name such as `{}`",
                    cluster.to_lowercase().replace(['_', '.'], "-")
                ));
                unknown.insert(cluster);
                continue;
            };
            if asked.contains(cluster) && port == application {
                pods.discovery = Some(group);
                continue;
            }
            if asked.contains(cluster) {
                questions.push(format!("{place}:{port} for discovery, and ours answers at {application}: change the port, or bring who answers"));
                unknown.insert(cluster);
                continue;
            }
            pods.groups.entry(group.clone()).or_default().insert(port);
            pods.served.entry(cluster.to_owned()).or_default().insert(group);
        }
        for eds in config.eds_clusters() {
            match meanings(&eds.service).into_iter().next().map(group_of) {
                Some(group) if pods.discovery.is_some() && group == eds.service && is_name(&group) => {
                    pods.groups.entry(group.clone()).or_default();
                    pods.served.entry(eds.cluster).or_default().insert(group);
                }
                _ => questions.push(format!(
                    "the cluster `{}` asks a discovery service for `{}`, which no pod can be called, or there is none",
                    eds.cluster, eds.service
                )),
            }
        }
        let is_free = |edge: &&str| !pods.groups.contains_key(*edge) && pods.discovery.as_deref() != Some(*edge);
        pods.edge = ["ingress", "gate", "edge"]
            .iter()
            .find(|edge| is_free(edge))
            .map_or_else(|| format!("{name}-edge"), |edge| (*edge).to_owned());
        if let Some(discovery) = &pods.discovery {
            pods.groups.remove(discovery);
        }
        for cluster in own {
            pods.served
                .entry(cluster.to_owned())
                .or_default()
                .insert(pods.edge.clone());
        }
        let roles = roles::of(config);
        for (cluster, groups) in &pods.served {
            let role = roles.get(cluster);
            pods.roles.extend(
                role.into_iter()
                    .flat_map(|role| groups.iter().map(|group| (group.clone(), *role))),
            );
        }
        pods.served.retain(|cluster, _| !unknown.contains(cluster.as_str()));
        pods
    }

    /// The configurations of the Envoys that stand before ours where they are asked at other ports, by their files.
    pub(super) fn configs(&self) -> impl Iterator<Item = (String, String)> {
        self.groups.iter().filter_map(|(group, ports)| {
            let text = stand_in(&others(ports))?;
            Some((format!("{group}-stand-in.yaml"), text))
        })
    }

    /// The groups that refuse everything until they are told otherwise.
    pub(super) fn guards(&self) -> impl Iterator<Item = &str> {
        let guards = self.roles.iter().filter(|(_, role)| **role == roles::GUARD);
        guards.map(|(group, _)| group.as_str())
    }

    /// The mesh file.
    pub(super) fn mesh(&self, config: &str, questions: &[String]) -> String {
        let mut text = comments(questions);
        text.push_str("about: >\n  An Envoy of the configuration, and one of meshkat's own services in the place of each host that it names.\npods:\n");
        if let Some(discovery) = &self.discovery {
            text.push_str(&format!("  {discovery}: {{service: sds}}\n"));
        }
        let own = if self.has_own { "service: echo, " } else { "" };
        text.push_str(&format!("  {}: {{{own}envoy: {config}}}\n", self.edge));
        for (group, ports) in &self.groups {
            let envoy = match others(ports).is_empty() {
                true => String::new(),
                false => format!(", envoy: {group}-stand-in.yaml"),
            };
            let service = self.roles.get(group).copied().unwrap_or(roles::USUAL);
            text.push_str(&format!("  {group}: {{service: {service}{envoy}}}\n"));
        }
        if let Some((group, ports)) = self.groups.iter().next() {
            let port = ports.first().copied().unwrap_or(Port::Application.number());
            text.push_str(&format!(
                "# A program of your own takes the place of one of ours; it is told by MESHKAT_ADDRESS and MESHKAT_PORT where to listen:\n\
                 #   {group}: {{command: [./{group}, --listen, \"${{MESHKAT_ADDRESS}}:${{MESHKAT_PORT}}\"], files: [{group}], ports: {port}}}\n"
            ));
        }
        text
    }
}

/// Whether a group can have this name: files are called by it, too, and nothing that a host is called may lead elsewhere.
fn is_name(group: &str) -> bool {
    let is_label = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    !group.is_empty() && group.len() <= 63 && group.chars().all(is_label)
}

fn group_of(meaning: Meaning) -> String {
    match meaning {
        Meaning::Either(group) | Meaning::Group(group) | Meaning::Pod { group, .. } => group,
    }
}

/// The ports at which an application of ours is not asked by itself.
fn others(ports: &BTreeSet<u16>) -> Vec<u16> {
    ports
        .iter()
        .copied()
        .filter(|port| *port != Port::Application.number())
        .collect()
}

/// An Envoy that passes what comes in at these ports to the application beside it; none for no ports.
fn stand_in(ports: &[u16]) -> Option<String> {
    if ports.is_empty() {
        return None;
    }
    let mut text =
        "# Stands before an application that is asked at other ports than its own.\nstatic_resources:\n  listeners:\n"
            .to_owned();
    for port in ports {
        text.push_str(&format!(
            r#"  - address: {{socket_address: {{address: 0.0.0.0, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: at_{port}
          cluster: application
"#
        ));
    }
    text.push_str(
        "  clusters:\n  - name: application\n    connect_timeout: 1s\n    load_assignment:\n      cluster_name: application\n      endpoints:\n      - \
         lb_endpoints:\n        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8080}}}\n",
    );
    Some(text)
}
