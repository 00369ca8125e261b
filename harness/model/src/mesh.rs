//! A mesh, resolved: every group of pods, with its application and its Envoy's configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{capability::Capability, certificates::Certificates, program::Program, source::Source};

/// The applications that a pod can hold; each is a binary of this workspace, of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// The pets of a store.
    Pet,
    /// A store and its pets, which it asks of `pet` through its own Envoy.
    Petstore,
    /// A backend that tells what reached it.
    Echo,
    /// The discovery service.
    Sds,
    /// An authorization service that Envoys ask.
    Authz,
    /// A rate limit service that Envoys ask.
    Ratelimit,
    /// What Envoys send out: traces, access logs and statistics.
    Collector,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pet,
        Self::Petstore,
        Self::Echo,
        Self::Sds,
        Self::Authz,
        Self::Ratelimit,
        Self::Collector,
    ];

    /// The name of the binary, and of the service in the registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pet => "pet",
            Self::Petstore => "petstore",
            Self::Echo => "echo",
            Self::Sds => "sds",
            Self::Authz => "authz",
            Self::Ratelimit => "ratelimit",
            Self::Collector => "collector",
        }
    }

    /// Where it listens beside the application's port, and the flag that says so; none if nowhere. Over TCP: `echo` sends bytes back, and
    /// `collector` takes statistics, over UDP as well.
    pub const fn further_port(self) -> Option<(&'static str, u16)> {
        match self {
            Self::Echo => Some(("--tcp-listen", 8082)),
            Self::Collector => Some(("--statsd-listen", 8125)),
            Self::Pet | Self::Petstore | Self::Sds | Self::Authz | Self::Ratelimit => None,
        }
    }
}

/// What a pod holds besides its Envoy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Application {
    /// A service of this workspace.
    Service(Service),
    /// A program of a user's own.
    Program(Box<Program>),
}

impl From<Service> for Application {
    fn from(service: Service) -> Self {
        Self::Service(service)
    }
}

impl Application {
    /// The service, if it is one of this workspace.
    pub fn service(&self) -> Option<Service> {
        match self {
            Self::Service(service) => Some(*service),
            Self::Program(_) => None,
        }
    }

    /// The program, if it is a user's own.
    pub fn program(&self) -> Option<&Program> {
        match self {
            Self::Service(_) => None,
            Self::Program(program) => Some(program),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Service(service) => service.name(),
            Self::Program(program) => program.name(),
        }
    }

    /// Where it listens over TCP; the first is where it is reached.
    pub fn ports(&self) -> Vec<u16> {
        match self {
            Self::Service(service) => {
                let further = service.further_port().map(|(_, port)| port);
                std::iter::once(Port::Application.number()).chain(further).collect()
            }
            Self::Program(program) => program.ports.clone(),
        }
    }

    /// Whether Envoys ask it for their configuration, so that it is started before them.
    pub fn is_control_plane(&self) -> bool {
        match self {
            Self::Service(service) => *service == Service::Sds,
            Self::Program(program) => program.is_control_plane,
        }
    }
}

/// The ports inside a pod, the same in every pod of every runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// Envoy's inbound listener: what other pods reach.
    Inbound,
    /// Envoy's outbound listener: how the pod's application reaches others.
    Outbound,
    /// Envoy's admin interface.
    Admin,
    /// The application itself.
    Application,
}

impl Port {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Inbound, Self::Outbound, Self::Admin, Self::Application];

    /// The number: 10000, 9900, 8081 and 8080, where an Envoy's configuration has no other.
    pub const fn number(self) -> u16 {
        match self {
            Self::Inbound => 10000,
            Self::Outbound => 9900,
            Self::Admin => 8081,
            Self::Application => 8080,
        }
    }
}

/// The numbers of a pod's ports: those of [`Port::number`], where its Envoy's configuration has no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodPorts {
    /// Where its Envoy is reached by other pods.
    pub inbound: u16,
    /// Where its application reaches others.
    pub outbound: u16,
    /// Where its Envoy's admin interface is.
    pub admin: u16,
    /// Where its application is reached.
    #[serde(default = "usual_application")]
    pub application: u16,
    /// The ports of the configuration that are elsewhere in the pod: where the configuration has them, and where they are.
    pub moved: BTreeMap<u16, u16>,
}

fn usual_application() -> u16 {
    Port::Application.number()
}

impl Default for PodPorts {
    fn default() -> Self {
        Self {
            inbound: Port::Inbound.number(),
            outbound: Port::Outbound.number(),
            admin: Port::Admin.number(),
            application: usual_application(),
            moved: BTreeMap::new(),
        }
    }
}

impl PodPorts {
    /// The number of a port.
    pub fn number(&self, port: Port) -> u16 {
        match port {
            Port::Inbound => self.inbound,
            Port::Outbound => self.outbound,
            Port::Admin => self.admin,
            Port::Application => self.application,
        }
    }

    /// Where what configurations call this port of the pod is.
    pub fn real(&self, port: u16) -> u16 {
        self.moved.get(&port).copied().unwrap_or(port)
    }
}

/// One of the two processes (or containers) of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// The application.
    Application,
    /// The Envoy beside it.
    Envoy,
}

impl Container {
    /// The two that a pod can have.
    pub const BOTH: [Self; 2] = [Self::Application, Self::Envoy];
}

impl std::fmt::Display for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::Envoy => "envoy",
        })
    }
}

/// Who is in a mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeshSpec {
    /// The mesh's name: its file's name without the ending.
    pub name: String,
    /// The groups of pods, by name, in the order of the file. A group's name is also its service's name in the registry.
    pub groups: IndexMap<String, GroupSpec>,
    /// Which Envoy its pods run, as the axis `envoy` names it, such as `1.38`; none is the run's own.
    pub envoy: Option<String>,
    /// The certificates that are made for a run; none where the mesh asks for none.
    pub certificates: Option<Certificates>,
    /// Why no two cases share such a mesh, in words; none where they may.
    pub alone: Option<String>,
    /// The groups whose number of pods stays what it is: an Envoy's configuration names them as hosts, and is another one with
    /// other pods.
    pub fixed: BTreeSet<String>,
}

/// Pods of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupSpec {
    /// The application; none for an Envoy alone.
    pub application: Option<Application>,
    /// The file of the Envoy's configuration; none for an application alone.
    pub envoy: Option<PathBuf>,
    /// The files of the overlays that are put over the configuration, in this order.
    pub overlays: Vec<PathBuf>,
    /// How many pods: `Some(3)` are named `pet-1` to `pet-3`; `None` is exactly one pod, named as the group.
    pub replicas: Option<u32>,
    /// Whether the pods run from the start.
    pub started: bool,
    /// Whether the pods are in the registry from the start.
    pub registered: bool,
}

impl GroupSpec {
    /// The service of this workspace that its pods hold, if they do.
    pub fn service(&self) -> Option<Service> {
        self.application.as_ref()?.service()
    }

    /// The program of a user's own that its pods hold, if they do.
    pub fn program(&self) -> Option<&Program> {
        self.application.as_ref()?.program()
    }

    /// The names of this group's pods at the start.
    pub fn pod_names(&self, group: &str) -> Vec<String> {
        match self.replicas {
            None => vec![group.to_owned()],
            Some(n) => (1..=n).map(|i| format!("{group}-{i}")).collect(),
        }
    }
}

impl MeshSpec {
    /// Whether all of it is there from the start: every pod runs, and every service is registered, where there is a registry.
    pub fn is_whole(&self) -> bool {
        let has_registry = self.has_registry();
        self.groups.values().all(|group| {
            let is_service = group.application.as_ref().is_some_and(|of| !of.is_control_plane());
            group.started && (group.registered || !is_service || !has_registry)
        })
    }

    /// Whether `sds` is in it, which has a registry that can be written.
    pub fn has_registry(&self) -> bool {
        self.groups.values().any(|group| group.service() == Some(Service::Sds))
    }

    /// What a runtime must be able to do to have its pods at all, each with where that is written.
    pub fn needs(&self) -> Vec<(Capability, &str)> {
        let programs = self.groups.values().filter_map(GroupSpec::program);
        programs
            .filter_map(|program| match (program.command.is_empty(), &program.image) {
                (false, None) => Some((Capability::Programs, program.place.as_str())),
                (true, Some(_)) => Some((Capability::Images, program.place.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The groups of which `other` has another number of pods, with that number. Meshes that are the same but for it have the
    /// same groups.
    pub fn scaled_to(&self, other: &Self) -> BTreeMap<String, u32> {
        let groups = other.groups.iter().filter_map(|(name, group)| {
            let replicas = group.replicas?;
            let now = self.groups.get(name)?.replicas;
            (now != Some(replicas)).then(|| (name.clone(), replicas))
        });
        groups.collect()
    }

    /// The mesh's name and those of the overlays over it: meshes of one kind take about as long as one another.
    pub fn kind(&self) -> String {
        let overlays = self.groups.values().flat_map(|group| &group.overlays);
        let mut names: Vec<&str> = overlays.filter_map(|file| file.file_stem()?.to_str()).collect();
        names.sort_unstable();
        names.dedup();
        std::iter::once(self.name.as_str())
            .chain(names)
            .collect::<Vec<_>>()
            .join(" + ")
    }

    /// Every pod of the mesh at the start: its group's name and its own.
    pub fn pods(&self) -> Vec<(String, String)> {
        self.groups
            .iter()
            .flat_map(|(name, group)| group.pod_names(name).into_iter().map(|pod| (name.clone(), pod)))
            .collect()
    }
}

/// Where scenarios find their meshes.
pub trait Meshes {
    /// The mesh of this name, or the names that there are.
    fn mesh(&self, name: &str) -> Result<&MeshSpec, Vec<String>>;

    /// Whether there is a mesh of this name whose file is invalid, which is told elsewhere.
    fn is_invalid(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// The file of the overlay of this name, or the names that there are.
    fn overlay(&self, name: &str) -> Result<&Path, Vec<String>>;

    /// The file that a scenario calls `name`, and what is in it; or why there is none, in a few words.
    ///
    /// # Errors
    /// It is not there, or it cannot be read.
    fn file(&self, scenario: &Source, name: &str) -> Result<(PathBuf, Vec<u8>), String> {
        let _ = (scenario, name);
        Err("there are no files here".to_owned())
    }
}
