//! A mesh as a file for `docker compose`, for people who want it without this program.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use meshkat_envoy::command;
use meshkat_envoy::config::Rebind;
use meshkat_model::mesh::{Container, MeshSpec, Port, Service};
use serde::Serialize;
use serde_json::{Value, json};

use super::image::{Images, POD};
use super::subnets::Subnet;
use crate::RuntimeError;
use crate::pods::addresses::Addresses;
use crate::pods::bootstraps::Bootstraps;
use crate::pods::members::{Place, Places, hosts};
use crate::run::folder::failed;

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
    /// with. Pods of groups that do not run from the start are left out.
    ///
    /// # Errors
    /// A configuration that does not hold, or a folder that cannot be written.
    pub fn write(&self, mesh: &MeshSpec, folder: &Path) -> Result<Exported, RuntimeError> {
        let bootstraps = Bootstraps::read(mesh)?;
        let mut places = Places::new(Addresses::new(self.network, 2, 254), Some(Ipv4Addr::LOCALHOST.into()));
        let all = places.initial(mesh)?;
        let configurations = folder.join("envoy");
        std::fs::create_dir_all(&configurations).map_err(failed("make the folder", &configurations))?;
        let names = hosts(&all);
        let mut services = BTreeMap::new();
        let mut edge = None;
        for place in &all {
            let Some(group) = mesh.groups.get(&place.group).filter(|group| group.started) else {
                continue;
            };
            let is_edge = group.service.is_none() && edge.is_none();
            if is_edge {
                edge = Some(format!("http://127.0.0.1:{}", self.port));
            }
            services.insert(place.name.clone(), self.sandbox(place, is_edge));
            if let Some(service) = group.service {
                let name = format!("{}-{}", place.name, Container::Application);
                services.insert(name, self.application(place, service));
            }
            let rebind = Rebind {
                address: None,
                node_id: place.name.clone(),
                hosts: names.clone(),
            };
            let path = configurations.join(format!("{}.json", place.name));
            if bootstraps.write_to(group, &rebind, &path)? {
                let name = format!("{}-{}", place.name, Container::Envoy);
                services.insert(name, self.envoy(place, mesh));
            }
        }
        self.write_seed(mesh, &all, bootstraps.services(), folder)?;
        let count = services.len();
        let file = File {
            services,
            networks: json!({NETWORK: {"ipam": {"config": [{"subnet": Subnet(self.network).to_string()}]}}}),
        };
        let path = folder.join("compose.yaml");
        let text = serde_yaml::to_string(&file).map_err(|error| RuntimeError::Other {
            message: format!("failed to write the compose file: {error}"),
            help: None,
        })?;
        let text = format!("# The mesh {}: docker compose up --detach\n{text}", mesh.name);
        std::fs::write(&path, text).map_err(failed("write", &path))?;
        Ok(Exported {
            file: path,
            services: count,
            edge,
        })
    }

    fn sandbox(&self, place: &Place, is_edge: bool) -> Value {
        let mut sandbox = json!({
            "image": self.images.services,
            "hostname": place.name,
            "entrypoint": [format!("/usr/local/bin/{POD}"), "sandbox"],
            "networks": {NETWORK: {"ipv4_address": place.address.to_string(), "aliases": [place.group]}},
            "cap_drop": ["ALL"],
        });
        if is_edge {
            sandbox["ports"] = json!([format!("127.0.0.1:{}:{}", self.port, Port::Inbound.number())]);
        }
        sandbox
    }

    fn application(&self, place: &Place, service: Service) -> Value {
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
            Service::Pet | Service::Echo => {}
        }
        let mut application = beside(place);
        application["image"] = json!(self.images.services);
        application["entrypoint"] = json!([format!("/usr/local/bin/{}", service.name())]);
        application["command"] = json!(command);
        if !volumes.is_empty() {
            application["volumes"] = json!(volumes);
        }
        application
    }

    fn envoy(&self, place: &Place, mesh: &MeshSpec) -> Value {
        let parameters: Vec<String> = command::parameters(&command::Options::default())
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut envoy = beside(place);
        envoy["image"] = json!(self.images.envoy);
        envoy["environment"] = json!({
            "ENVOY_CONFIG_PATH": CONFIGURATION,
            "ENVOY_STARTUP_PARAMS": parameters.join(" "),
        });
        envoy["volumes"] = json!([format!("./envoy/{}.json:{CONFIGURATION}:ro", place.name)]);
        // An Envoy asks the discovery service as soon as it runs, and if nobody answers, not again for a while.
        let discovery = mesh
            .groups
            .iter()
            .find(|(_, group)| group.service == Some(Service::Sds) && group.started);
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
        places: &[Place],
        asked: Vec<String>,
        folder: &Path,
    ) -> Result<(), RuntimeError> {
        let mut services = serde_json::Map::new();
        for absent in asked.into_iter().filter(|service| !mesh.groups.contains_key(service)) {
            services.insert(absent, json!({ "hosts": [] }));
        }
        for (name, _) in mesh.groups.iter().filter(|(_, group)| group.registered) {
            let hosts = places.iter().filter(|place| place.group == *name);
            let hosts: Vec<Value> = hosts
                .map(|place| json!({"ip_address": place.address, "port": Port::Inbound.number()}))
                .collect();
            services.insert(name.clone(), json!({ "hosts": hosts }));
        }
        let path = folder.join("sds.json");
        let text = json!({"version": 1, "services": services}).to_string();
        std::fs::write(&path, text).map_err(failed("write", &path))
    }
}

/// In the network of the pod.
fn beside(place: &Place) -> Value {
    json!({
        "network_mode": format!("service:{}", place.name),
        "depends_on": [place.name],
        "cap_drop": ["ALL"],
    })
}
