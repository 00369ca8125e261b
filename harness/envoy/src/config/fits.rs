//! Whether configurations fit into a mesh.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use meshkat_model::{
    mesh::{GroupSpec, MeshSpec, Port, Service},
    suggest::did_you_mean,
};
use serde_yaml::Value;

use super::{Bootstrap, Diagnostic, DocPath, NamedEndpoint, document::LARGEST, place::Places, ports::socket_of, yaml};

/// Looks at whether the configurations of meshes, each with its overlays, fit into them: that somebody has the name of each
/// host, and that the application beside has the ports that it needs. Starts nothing, and asks no Envoy. Each is read once.
#[derive(Debug, Default)]
pub struct MeshLint(HashMap<(PathBuf, Vec<PathBuf>), Option<Read>>);

#[derive(Debug)]
struct Read {
    config: Bootstrap,
    named: Vec<NamedEndpoint>,
}

impl MeshLint {
    /// What does not fit. What cannot be read is left to [`super::lint`].
    pub fn check(&mut self, mesh: &MeshSpec) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = Vec::new();
        for group in mesh.groups.values() {
            let Some(file) = &group.envoy else { continue };
            let key = (file.clone(), group.overlays.clone());
            let read = self.0.entry(key).or_insert_with(|| {
                let config = Bootstrap::read_with(file, &group.overlays).ok()?;
                let named = config.named_endpoints();
                Some(Read { config, named })
            });
            let Some(read) = read else { continue };
            let told = unknown_hosts(mesh, group, &read.named);
            for problem in told.into_iter().chain(ports(group, &read.config)) {
                if !found.contains(&problem) {
                    found.push(problem);
                }
            }
        }
        found
    }
}

fn unknown_hosts(mesh: &MeshSpec, group: &GroupSpec, named: &[NamedEndpoint]) -> Vec<Diagnostic> {
    named
        .iter()
        .filter(|endpoint| !mesh.has_host(&endpoint.host))
        .map(|endpoint| {
            let (file, place) = written(&endpoint.file, &endpoint.path, &endpoint.host, &group.overlays);
            let mut known: Vec<String> = mesh.groups.keys().cloned().collect();
            known.extend(mesh.pods().into_iter().map(|(_, pod)| pod));
            known.dedup();
            let help = did_you_mean(&endpoint.host, known.iter().map(String::as_str));
            Diagnostic {
                file,
                line: place.map(|(line, _)| line),
                column: place.map(|(_, column)| column),
                message: format!("nobody in the mesh `{}` is called `{}`", mesh.name, endpoint.host),
                help: Some(format!(
                    "{help}; `GROUP.NAMESPACE.svc.cluster.local` is a group, too. For a host outside of the mesh, add a group that \
                     stands for it"
                )),
            }
        })
        .collect()
}

/// The file, and the place in it, in which a value of a configuration with overlays was written.
fn written(file: &Path, path: &DocPath, value: &str, overlays: &[PathBuf]) -> (PathBuf, Option<(usize, usize)>) {
    let read = |file: &Path| meshkat_files::read_to_string(file, LARGEST).ok();
    let own = read(file).and_then(|text| {
        let (document, _) = yaml::read(&text).ok()?;
        let is_there = path.look(&document).and_then(Value::as_str) == Some(value);
        is_there.then(|| Places::of(&text).find(path)).flatten()
    });
    let of_overlay = || {
        overlays.iter().rev().find_map(|overlay| {
            let text = read(overlay)?;
            let (document, _) = yaml::read(&text).ok()?;
            let path = super::blame::of_value(&document, value)?;
            Some((overlay.clone(), Places::of(&text).find(&path)))
        })
    };
    match own {
        Some(place) => (file.to_owned(), Some(place)),
        None => of_overlay().unwrap_or_else(|| (file.to_owned(), None)),
    }
}

/// What the application beside the Envoy needs.
fn ports(group: &GroupSpec, config: &Bootstrap) -> Vec<Diagnostic> {
    let Some(service) = group.service else {
        return Vec::new();
    };
    let places = meshkat_files::read_to_string(config.file(), LARGEST).map(|text| Places::of(&text));
    let at = |path: &DocPath| places.as_ref().ok().and_then(|places| places.find(path));
    let tell = |path: &DocPath, message: String, help: &str| Diagnostic {
        file: config.file().to_owned(),
        line: at(path).map(|(line, _)| line),
        column: at(path).map(|(_, column)| column),
        message,
        help: Some(help.to_owned()),
    };
    let all = DocPath::root().field("static_resources").field("listeners");
    let listeners = config.listener_values();
    let mut found = Vec::new();
    for (index, listener) in listeners.iter().enumerate() {
        let port = Port::Application.number();
        if socket_of(listener).is_some_and(|socket| socket.port == port && !socket.is_udp) {
            let path = all
                .item(index)
                .field("address")
                .field("socket_address")
                .field("port_value");
            let message = format!("port {port} is the application's ({})", service.name());
            found.push(tell(&path, message, "give the listener another port"));
        }
    }
    let outbound = Port::Outbound.number();
    let has_outbound = listeners
        .iter()
        .filter_map(socket_of)
        .any(|socket| socket.port == outbound);
    if service == Service::Petstore && !has_outbound {
        let message = format!("no listener is on port {outbound}, where the pod's application reaches others");
        found.push(tell(&all, message, "add one that routes by host name"));
    }
    found
}
