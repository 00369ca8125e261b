//! Endpoints at ports of the mesh's own pods at which nobody listens.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_model::mesh::{Application, GroupSpec, MeshSpec, Port};
use serde_yaml::Value;

use super::{
    Bootstrap, Diagnostic,
    fits::MeshLint,
    place::Files,
    ports::{owners, socket_of},
    query::NamedEndpoint,
    value::{dig, get},
    written::written,
};

impl MeshLint {
    /// Endpoints that are at a port of a pod of the mesh at which neither its Envoy nor its application listens. That may be on
    /// purpose. Of pods whose Envoys get listeners from a control plane, and of what is no pod of the mesh, nothing is told.
    pub fn unheard(&mut self, mesh: &MeshSpec) -> Vec<Diagnostic> {
        let mut heard = BTreeMap::new();
        for (name, group) in &mesh.groups {
            let config = self.read(group).map(|read| &read.config);
            heard.extend(listened_at(group, config).map(|ports| (name.as_str(), ports)));
        }
        let (mut found, mut files): (Vec<Diagnostic>, Files) = Default::default();
        for (name, group) in &mesh.groups {
            let Some(read) = self.read(group) else { continue };
            let named = read
                .named
                .iter()
                .map(|endpoint| (endpoint, mesh.groups_of_host(&endpoint.host)));
            // Beside an Envoy alone there may be a program of somebody else's.
            let own = read.local.iter().filter(|_| group.application.is_some());
            let own = own.map(|endpoint| (endpoint, vec![name.as_str()]));
            for (endpoint, meant) in named.chain(own) {
                let Some(port) = endpoint.port.filter(|_| !endpoint.is_udp) else {
                    continue;
                };
                let ports: Option<Vec<&BTreeSet<u16>>> = meant.iter().map(|group| heard.get(group)).collect();
                let Some(ports) = ports.filter(|all| !all.is_empty() && all.iter().all(|ports| !ports.contains(&port)))
                else {
                    continue;
                };
                let problem = tell(&mut files, mesh, group, endpoint, (port, ports.as_slice()));
                if !found.contains(&problem) {
                    found.push(problem);
                }
            }
        }
        found
    }
}

fn tell(
    files: &mut Files,
    mesh: &MeshSpec,
    group: &GroupSpec,
    endpoint: &NamedEndpoint,
    (port, ports): (u16, &[&BTreeSet<u16>]),
) -> Diagnostic {
    let at = endpoint.path.parent().field("port_value");
    let found = written(files, &endpoint.file, &at, &Value::from(port), &group.overlays);
    let (file, place) = found.map_or((endpoint.file.clone(), None), |(file, place)| (file, Some(place)));
    let there: BTreeSet<u16> = ports.iter().copied().flatten().copied().collect();
    let there: Vec<String> = there.iter().map(u16::to_string).collect();
    Diagnostic {
        file,
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
        message: format!(
            "in the mesh `{}` nobody listens at port {port} of `{}`",
            mesh.name, endpoint.host
        ),
        help: Some(format!("it is listened at {}", there.join(", "))),
    }
}

/// The ports at which a group's pods are reached; none where that is not known. `config` is what their Envoys have.
fn listened_at(group: &GroupSpec, config: Option<&Bootstrap>) -> Option<BTreeSet<u16>> {
    let own = group.application.iter().flat_map(Application::ports);
    let mut ports: BTreeSet<u16> = own.collect();
    if group.envoy.is_none() {
        return Some(ports);
    }
    let config = config?;
    if by_a_control_plane(config) {
        return None;
    }
    let mut is_known = true;
    config.each_listener(&mut |_, path, listener| {
        for (_, owner) in owners(listener, path) {
            match socket_of(owner).filter(|socket| socket.port != 0) {
                // Who asks over UDP need not say so in an endpoint.
                Some(socket) => drop(ports.insert(socket.port)),
                None => is_known = false,
            }
        }
    });
    ports.insert(config.admin_port().unwrap_or(Port::Admin.number()));
    is_known.then_some(ports)
}

/// Whether listeners come from somewhere else than the configuration and its files.
fn by_a_control_plane(config: &Bootstrap) -> bool {
    let dynamic = |name: &str| dig(config.document(), &["dynamic_resources", name]);
    let lds = dynamic("lds_config");
    dynamic("lds_resources_locator").is_some()
        || lds.is_some_and(|lds| ["path", "path_config_source"].iter().all(|of| get(lds, of).is_none()))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use meshkat_model::mesh::Service;

    use super::*;

    fn listener(port: u16) -> String {
        format!("{{address: {{socket_address: {{address: 0.0.0.0, port_value: {port}}}}}}}")
    }

    fn cluster(host: &str, port: u16) -> String {
        let socket = format!("{{address: {host}, port_value: {port}}}");
        format!(
            "  - {{name: c, load_assignment: {{endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {socket}}}}}}}]}}]}}}}\n"
        )
    }

    fn group(service: Option<Service>, envoy: Option<&Path>) -> GroupSpec {
        GroupSpec {
            application: service.map(Into::into),
            envoy: envoy.map(Path::to_owned),
            overlays: Vec::new(),
            replicas: None,
            started: true,
            registered: false,
        }
    }

    /// What is told of an edge with these clusters, and whose pod `pet` has this more in its configuration.
    fn told(clusters: &[(&str, u16)], of_pet: &str) -> Vec<(usize, String)> {
        let folder = tempfile::tempdir().unwrap();
        let (edge, pet) = (folder.path().join("edge.yaml"), folder.path().join("pet.yaml"));
        let clusters: String = clusters.iter().map(|(host, port)| cluster(host, *port)).collect();
        let text = format!(
            "static_resources:\n  listeners: [{}]\n  clusters:\n{clusters}",
            listener(10_000)
        );
        fs::write(&edge, text).unwrap();
        let text = format!(
            "static_resources: {{listeners: [{}, {}]}}\n{of_pet}",
            listener(10_000),
            listener(10_001)
        );
        fs::write(&pet, text).unwrap();
        let groups = [
            ("edge", group(None, Some(&edge))),
            ("pet", group(Some(Service::Pet), Some(&pet))),
            ("sds", group(Some(Service::Sds), None)),
        ];
        let mesh = MeshSpec {
            name: "m".to_owned(),
            groups: groups.map(|(name, group)| (name.to_owned(), group)).into(),
            envoy: None,
            fixed: Default::default(),
            certificates: None,
            alone: None,
        };
        let found = MeshLint::default().unheard(&mesh).into_iter();
        found
            .map(|told| (told.line.unwrap_or_default(), told.message))
            .collect()
    }

    #[test]
    fn a_port_at_which_nobody_listens_is_told_at_its_line() {
        let fine = [
            ("pet", 10_000),
            ("pet", 10_001),
            ("pet", 8081),
            ("pet", 8080),
            ("sds", 8080),
            ("edge", 10_000),
        ];
        assert_eq!(told(&fine, ""), []);
        // What is no pod of the mesh may be anybody's.
        assert_eq!(told(&[("example.org", 1), ("127.0.0.1", 2), ("10.0.0.1", 3)], ""), []);
        let message = |port: u16, host: &str| format!("in the mesh `m` nobody listens at port {port} of `{host}`");
        assert_eq!(
            told(&[("pet", 10_000), ("pet", 10_002), ("sds", 8081)], ""),
            [(5, message(10_002, "pet")), (6, message(8081, "sds"))]
        );
        let elsewhere = "dynamic_resources: {lds_config: {ads: {}}}\n";
        assert_eq!(
            told(&[("pet", 10_002)], elsewhere),
            [],
            "its listeners come from elsewhere"
        );
    }
}
