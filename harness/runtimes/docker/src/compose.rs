//! A mesh as a file for `docker compose`, for people who want it without this program.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use meshkat_envoy::command;
use meshkat_envoy::config::Rebind;
use meshkat_model::mesh::{Container, MeshSpec, Port, Service};
use meshkat_runtime::pods::{Addresses, Bootstraps, PodAddress, PodName, hosts, write_files};
use meshkat_runtime::run::TOKEN;
use meshkat_runtime::{Printable, RuntimeError, failed};
use serde::Serialize;
use serde_json::{Value, json};

use crate::image::{Images, POD};
use crate::launch::FILES;
use crate::limits::Limits;

/// What a file begins with that an export has written.
const HEAD: &str = "# The mesh ";

/// How large a compose file may be that is looked at, in bytes.
const LARGEST: u64 = 16 << 20;

/// The network's name in the file.
const NETWORK: &str = "mesh";

/// Where a configuration or a registry is in its container.
const CONFIGURATION: &str = "/etc/envoy/envoy.json";
const SEED: &str = "/etc/sds/seed.json";

/// How a mesh is written.
#[derive(Debug, Clone)]
pub struct Compose {
    /// The images that the file names.
    pub images: Images,
    /// The first three bytes of the addresses of its network.
    pub network: [u8; 3],
    /// The port of 127.0.0.1 at which the first pod of a group that has no application, the edge, is published.
    pub port: u16,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The file.
    pub file: PathBuf,
    /// How many services it has.
    pub services: usize,
    /// Where the edge answers once it is up; none if the mesh has no edge.
    pub edge: Option<String>,
}

/// The whole file. A pod is three services: `NAME` holds its network, as a pod's sandbox does.
#[derive(Debug, Serialize)]
struct File {
    services: BTreeMap<String, Value>,
    networks: Value,
}

impl Compose {
    /// Writes `compose.yaml` into a folder, and beside it the Envoys' configurations and what the discovery service begins
    /// with. Pods of groups that do not run from the start are left out. An earlier export is replaced; nothing is written
    /// through a link in the folder.
    ///
    /// # Errors
    /// A configuration that does not hold, a folder that cannot be written, or one in which files of these names are that no
    /// export has written.
    pub fn write(&self, mesh: &MeshSpec, folder: &Path) -> Result<Exported, RuntimeError> {
        let bootstraps = Bootstraps::read(mesh, false)?;
        let mut addresses = Addresses::new(self.network, 2, 254);
        let pods = PodName::initial(mesh, &bootstraps)?.into_iter();
        let all = pods.map(|pod| Ok(pod.at(addresses.take()?, Some(Ipv4Addr::LOCALHOST.into()))));
        let all = all.collect::<Result<Vec<_>, RuntimeError>>()?;
        let path = folder.join("compose.yaml");
        check_folder(folder, &path)?;
        let configurations = meshkat_files::folder_below(folder, Path::new("envoy"));
        let configurations = configurations.map_err(failed("make the folder", &folder.join("envoy")))?;
        let names = hosts(mesh, &bootstraps, &all);
        let mut services = BTreeMap::new();
        let mut edge = None;
        for place in &all {
            let Some(group) = mesh.groups.get(&place.group).filter(|group| group.started) else {
                continue;
            };
            let is_edge = group.application.is_none() && edge.is_none();
            if is_edge {
                edge = Some(format!("http://127.0.0.1:{}", self.port));
            }
            services.insert(place.name.clone(), self.sandbox(place, is_edge));
            if let Some(application) = &group.application {
                let service = application.service().ok_or_else(|| {
                    RuntimeError::other(format!(
                        "`{}` is a program of your own, which no export writes",
                        place.group
                    ))
                    .with_help("export a mesh of services, or write this one into your compose file by hand".to_owned())
                })?;
                let name = format!("{}-{}", place.name, Container::Application);
                services.insert(name, self.application(place, service));
            }
            let rebind = Rebind {
                address: None,
                node_id: place.name.clone(),
                group: place.group.clone(),
                hosts: names.clone(),
                ports: place.ports.clone(),
                folder: Some(FILES.into()),
                carried: Some(FILES.into()),
                certificates: None,
            };
            let path = configurations.join(format!("{}.json", place.name));
            if let Some(rebound) = bootstraps.rebound(group, &rebind)? {
                let files = configurations.join(format!("{}.d", place.name));
                let has_files = write_files(&rebound, &files, false)?.is_some();
                write(&path, rebound.config.to_json()?)?;
                let name = format!("{}-{}", place.name, Container::Envoy);
                services.insert(name, self.envoy(place, mesh, has_files));
            }
        }
        self.write_seed(mesh, &all, bootstraps.services(), folder)?;
        let count = services.len();
        let [a, b, c] = self.network;
        let file = File {
            services,
            networks: json!({NETWORK: {"ipam": {"config": [{"subnet": format!("{a}.{b}.{c}.0/24")}]}}}),
        };
        let text = serde_yaml::to_string(&file)
            .map_err(|error| RuntimeError::other(format!("failed to write the compose file: {error}")))?;
        let text = format!("{HEAD}{}: docker compose up --detach\n{text}", Printable(&mesh.name));
        write(&path, text)?;
        Ok(Exported {
            file: path,
            services: count,
            edge,
        })
    }

    fn sandbox(&self, place: &PodAddress, is_edge: bool) -> Value {
        let mut sandbox = Limits::Sandbox.compose();
        sandbox["image"] = json!(self.images.services);
        sandbox["hostname"] = json!(place.name);
        sandbox["entrypoint"] = json!([format!("/usr/local/bin/{POD}"), "sandbox"]);
        sandbox["networks"] = json!({NETWORK: {"ipv4_address": place.address.to_string(), "aliases": [place.group]}});
        if is_edge {
            sandbox["ports"] = json!([format!("127.0.0.1:{}:{}", self.port, place.ports.inbound)]);
        }
        sandbox
    }

    fn application(&self, place: &PodAddress, service: Service) -> Value {
        let mut command = vec![
            "--listen".to_owned(),
            format!("0.0.0.0:{}", Port::Application.number()),
            "--instance".to_owned(),
            place.name.clone(),
        ];
        let mut volumes = Vec::new();
        match service {
            Service::Petstore => command.extend([
                "--egress".to_owned(),
                format!("http://localhost:{}", Port::Outbound.number()),
            ]),
            Service::Sds => {
                command.extend(["--seed".to_owned(), SEED.to_owned()]);
                volumes.push(format!("./sds.json:{SEED}:ro"));
            }
            Service::Pet | Service::Echo | Service::Authz | Service::Ratelimit | Service::Collector => {}
        }
        if let Some((flag, port)) = service.further_port() {
            command.extend([flag.to_owned(), format!("0.0.0.0:{port}")]);
        }
        let mut application = beside(place, Limits::Application);
        // Who sets it may change what the services do; without it, only who is in the pod.
        application["environment"] = json!({TOKEN: format!("${{{}:-}}", TOKEN)});
        application["image"] = json!(self.images.services);
        application["entrypoint"] = json!([format!("/usr/local/bin/{}", service.name())]);
        application["command"] = json!(command);
        if !volumes.is_empty() {
            application["volumes"] = json!(volumes);
        }
        application
    }

    fn envoy(&self, place: &PodAddress, mesh: &MeshSpec, has_files: bool) -> Value {
        let parameters: Vec<String> = command::parameters(&command::Options::default())
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut envoy = beside(place, Limits::Envoy);
        envoy["image"] = json!(self.images.envoy);
        envoy["environment"] = json!({
            "ENVOY_CONFIG_PATH": CONFIGURATION,
            "ENVOY_STARTUP_PARAMS": parameters.join(" "),
        });
        let mut volumes = vec![format!("./envoy/{}.json:{CONFIGURATION}:ro", place.name)];
        if has_files {
            volumes.push(format!("./envoy/{}.d:{FILES}:ro", place.name));
        }
        envoy["volumes"] = json!(volumes);
        // An Envoy asks the discovery service as soon as it runs, and if nobody answers, not again for a while.
        let discovery = mesh
            .groups
            .iter()
            .find(|(_, group)| group.service() == Some(Service::Sds) && group.started);
        if let Some((name, group)) = discovery {
            let needed = group
                .pod_names(name)
                .into_iter()
                .map(|pod| format!("{pod}-{}", Container::Application));
            let mut all = vec![place.name.clone()];
            all.extend(needed);
            envoy["depends_on"] = json!(all);
        }
        envoy
    }

    /// What the discovery service begins with: every pod that is registered, at its Envoy's port. Of the services that are
    /// asked for and that no group is, it says that they have no hosts: an Envoy that is told nothing waits as it comes up.
    fn write_seed(
        &self,
        mesh: &MeshSpec,
        places: &[PodAddress],
        asked: Vec<String>,
        folder: &Path,
    ) -> Result<(), RuntimeError> {
        let mut services = serde_json::Map::new();
        for absent in asked.into_iter().filter(|service| !mesh.groups.contains_key(service)) {
            services.insert(absent, json!({ "hosts": [] }));
        }
        for (name, group) in mesh.groups.iter().filter(|(_, group)| group.registered) {
            let hosts = places.iter().filter(|place| place.group == *name);
            let port = match group.envoy {
                Some(_) => Port::Inbound,
                None => Port::Application,
            };
            let hosts: Vec<Value> = hosts
                .map(|place| json!({"ip_address": place.address, "port": place.ports.number(port)}))
                .collect();
            services.insert(name.clone(), json!({ "hosts": hosts }));
        }
        let text = json!({"version": 1, "services": services}).to_string();
        write(&folder.join("sds.json"), text)
    }
}

/// In the network of the pod.
fn beside(place: &PodAddress, limits: Limits) -> Value {
    let mut service = limits.compose();
    service["network_mode"] = json!(format!("service:{}", place.name));
    service["depends_on"] = json!([place.name]);
    service
}

/// Fails where a file lies in the way that no export has written.
fn check_folder(folder: &Path, file: &Path) -> Result<(), RuntimeError> {
    std::fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
    let in_the_way = match meshkat_files::read_to_string(file, LARGEST) {
        Ok(text) if text.starts_with(HEAD) => None,
        Ok(_) => Some("compose.yaml"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => ["compose.yaml", "sds.json", "envoy"]
            .into_iter()
            .find(|name| std::fs::symlink_metadata(folder.join(name)).is_ok()),
        Err(_) => Some("compose.yaml"),
    };
    let Some(name) = in_the_way else { return Ok(()) };
    Err(RuntimeError::other(format!(
        "{} is there, and no export has written it",
        folder.join(name).display()
    ))
    .with_help("name another folder with --dir, or move away what is there".to_owned()))
}

/// For others to read: containers have another user.
fn write(path: &Path, text: String) -> Result<(), RuntimeError> {
    meshkat_files::write(path, text).map_err(failed("write", path))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn refusal(folder: &Path) -> String {
        let error = check_folder(folder, &folder.join("compose.yaml")).expect_err("it is in the way");
        assert!(error.help().is_some_and(|help| help.contains("--dir")));
        error.to_string()
    }

    #[test]
    fn an_export_replaces_an_export_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("compose.yaml");
        check_folder(folder.path(), &file).expect("it is empty");
        fs::create_dir(folder.path().join("envoy")).expect("the folder is ours");
        assert!(refusal(folder.path()).contains("envoy is there"));
        fs::write(folder.path().join("sds.json"), "mine").expect("the folder is ours");
        assert!(refusal(folder.path()).contains("sds.json is there"));
        fs::write(&file, "services: {mine: {}}").expect("the folder is ours");
        assert!(refusal(folder.path()).contains("compose.yaml is there"));
        fs::write(&file, format!("{HEAD}petshop: …\nservices: {{}}")).expect("the folder is ours");
        check_folder(folder.path(), &file).expect("an export wrote it");
        // A link to what is somebody's is in the way as well.
        fs::remove_file(&file).expect("it is there");
        symlink(folder.path().join("nowhere"), &file).expect("linked");
        assert!(refusal(folder.path()).contains("compose.yaml is there"));
    }
}
