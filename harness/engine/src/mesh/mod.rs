//! A running mesh: its pods, its registry, and what its Envoys say.

mod access;
mod bring_up;
mod converge;
mod discovery;
mod lost;
mod network;
mod proof;
mod refusal;
mod registry;
mod repair;
mod scale;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use meshkat_driver::{ReadError, read_all};
use meshkat_envoy::{
    access::{Access, AccessFormats},
    admin::Admin,
    config::{Bootstrap, ConfigError, EdsCluster, NamedEndpoint},
};
use meshkat_model::mesh::{Container, MeshSpec, Port};
use meshkat_runtime::{Lease, Pod, Released, RuntimeError, Target};
use serde::de::DeserializeOwned;

pub use bring_up::BringUp;
pub use discovery::Restored;
pub use lost::Lost;

/// How long an admin interface or the registry may take for one answer.
const ANSWER: Duration = Duration::from_secs(2);
/// The longest answer of an application or the discovery service that is read, in bytes: the registry, or the clients, of
/// a mesh that is far larger than a machine can run.
const LONGEST_ANSWER: usize = 8 << 20;
/// How much is told of an answer that is a refusal, in bytes.
const LONGEST_REFUSAL: usize = 64 << 10;
/// The longest configuration in which a place is looked for, in bytes.
const LONGEST_CONFIGURATION: u64 = 4 << 20;
/// How much of a log is shown when a container ended by itself.
const LOG_TAIL: usize = 2_000;
/// How much of it is searched for what Envoy says of its configuration, parts of which it may quote.
const WHOLE_LOG: usize = 1 << 20;

/// Why a mesh is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The environment does not let it run.
    #[error("{0}")]
    Runtime(#[from] RuntimeError),
    /// A configuration cannot be read.
    #[error("{0}")]
    Configuration(#[from] ConfigError),
    /// The HTTP library cannot be set up.
    #[error("failed to set up HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// An application or the discovery service answered something that cannot be read.
    #[error("{url}: {why}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// Why.
        why: String,
    },
    /// An Envoy ended because it does not take its configuration.
    #[error("the Envoy of {pod} refuses its configuration {file}: {message}")]
    Refused {
        /// The pod.
        pod: String,
        /// The configuration's file.
        file: String,
        /// What Envoy says.
        message: String,
    },
    /// An Envoy looks for its discovery service where it is not.
    #[error("{0}")]
    NoDiscovery(Box<Lost>),
    /// A container ended without having been asked to.
    #[error("the {container} of {pod} {state}; the end of its log:\n{log}")]
    Crashed {
        /// The pod.
        pod: String,
        /// Which of its two.
        container: Container,
        /// How it ended.
        state: String,
        /// The end of what it wrote.
        log: String,
    },
    /// The mesh did not become what was asked for in time.
    #[error("the mesh did not {what} within {limit:?}; last seen: {seen}")]
    NotInTime {
        /// What was waited for.
        what: &'static str,
        /// The limit.
        limit: Duration,
        /// The last look, in words.
        seen: String,
    },
    /// Something that a case did to the mesh cannot be undone.
    #[error("{0}")]
    NotUndone(String),
    /// The registry refused a change, or cannot be reached.
    #[error("{0}")]
    Registry(String),
}

impl MeshError {
    /// The way out, where one is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Runtime(error) => error.help(),
            Self::NoDiscovery(lost) => Some(format!(
                "give the cluster `{}` in {} the address `sds` and the port {}",
                lost.cluster,
                lost.file,
                Port::Application.number()
            )),
            _ => None,
        }
    }

    /// The line of the configuration that is wrong, from 1, where it is known.
    pub fn line(&self) -> Option<usize> {
        let Self::NoDiscovery(lost) = self else {
            return None;
        };
        let text = meshkat_files::read_to_string(Path::new(&lost.file), LONGEST_CONFIGURATION).ok()?;
        let port = format!("port_value: {}", lost.at.port());
        let has_port = |line: &str| {
            let rest = line.split_once(&port).map(|(_, rest)| rest);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let mut found = text.lines().zip(1..).filter(|(line, _)| has_port(line));
        match (found.next(), found.next()) {
            (Some((_, number)), None) => Some(number),
            // Of several, another cluster's may be the first.
            _ => None,
        }
    }

    /// The configuration's file and what is wrong, in a few words, where the mesh is wrong by its own files, and not the
    /// environment.
    pub fn of_the_mesh(&self) -> Option<(&str, &'static str)> {
        match self {
            Self::Refused { file, .. } => Some((file, "an Envoy refuses its configuration")),
            Self::NoDiscovery(lost) => Some((
                &lost.file,
                "an Envoy looks for its discovery service in the wrong place",
            )),
            _ => None,
        }
    }
}

/// A mesh that runs, until it is released.
pub struct RunningMesh {
    lease: Arc<dyn Lease>,
    spec: MeshSpec,
    http: reqwest::Client,
    /// The clusters of each group's Envoy that are found by EDS.
    eds: HashMap<String, Vec<EdsCluster>>,
    /// The clusters that each group's Envoy asks for discovery.
    discovery: HashMap<String, BTreeSet<String>>,
    /// The groups whose Envoys ask a control plane for anything.
    asking: HashSet<String>,
    /// The groups that run from the start and whose Envoys start when all others are ready.
    late: Vec<String>,
    /// The endpoints of each group's Envoy that are found by a host name.
    named: HashMap<String, Vec<NamedEndpoint>>,
    /// The formats of each group's access logs.
    formats: HashMap<String, AccessFormats>,
    state: Mutex<State>,
}

/// What changes while a mesh runs.
#[derive(Debug, Default)]
struct State {
    /// What the registry was told: for each service, the pods that are its hosts.
    registry: BTreeMap<String, Vec<String>>,
    /// The pods that the host names of groups mean, of groups whose names do not mean all of them.
    named: BTreeMap<String, Vec<String>>,
    /// The weights of pods in services whose hosts have some.
    weights: BTreeMap<String, BTreeMap<String, u32>>,
    /// Whether the registry has been told all of it. It has not before `sds` runs for the first time.
    told: bool,
    /// What is done to the network.
    harm: network::Harm,
    /// How often the mesh was harmed and repaired.
    repairs: usize,
    /// The cases that have run on it, in order.
    used_by: Vec<String>,
}

impl RunningMesh {
    fn new(lease: Arc<dyn Lease>, spec: &MeshSpec, late: &[String]) -> Result<Self, MeshError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER)
            .build()?;
        let (mut eds, mut discovery, mut asking) = (HashMap::new(), HashMap::new(), HashSet::new());
        let (mut named, mut formats) = (HashMap::new(), HashMap::new());
        for (group, of) in &spec.groups {
            if let Some(file) = &of.envoy {
                let config = Bootstrap::read_with(file, &of.overlays)?;
                eds.insert(group.clone(), config.eds_clusters());
                discovery.insert(group.clone(), config.discovery_clusters());
                if config.asks_a_control_plane() {
                    asking.insert(group.clone());
                }
                named.insert(group.clone(), config.named_endpoints());
                formats.insert(group.clone(), AccessFormats::of(&config));
            }
        }
        Ok(Self {
            lease,
            spec: spec.clone(),
            http,
            eds,
            discovery,
            asking,
            late: late.to_vec(),
            named,
            formats,
            state: Mutex::default(),
        })
    }

    /// A request that changes what an application does.
    fn write(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url);
        match self.lease.authorization() {
            Some(authorization) => request.header(reqwest::header::AUTHORIZATION, authorization),
            None => request,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the mesh was made from.
    pub fn spec(&self) -> &MeshSpec {
        &self.spec
    }

    /// Every pod as it is now.
    pub fn pods(&self) -> Vec<Pod> {
        self.lease.pods()
    }

    /// A pod by its name; a group's name is its first pod.
    pub fn pod(&self, name: &str) -> Option<Pod> {
        let pods = self.pods();
        let exact = pods.iter().find(|pod| pod.name == name);
        exact.or_else(|| pods.iter().find(|pod| pod.group == name)).cloned()
    }

    /// The pods that a name stands for: one pod, or all of a group.
    pub fn pods_of(&self, name: &str) -> Vec<Pod> {
        let mut pods = self.pods();
        if pods.iter().any(|pod| pod.name == name) {
            pods.retain(|pod| pod.name == name);
        } else {
            pods.retain(|pod| pod.group == name);
        }
        pods
    }

    /// The admin interface of a pod's Envoy.
    pub fn admin(&self, pod: &Pod) -> Admin {
        Admin::with_client(pod.socket(Port::Admin), self.http.clone())
    }

    /// Asks an application or the discovery service for something in JSON.
    async fn json<T: DeserializeOwned>(&self, url: &str) -> Result<T, MeshError> {
        let response = self.http.get(url).send().await?.error_for_status()?;
        let unreadable = |why: String| MeshError::Unreadable {
            url: url.to_owned(),
            why,
        };
        let body = match read_all(response, LONGEST_ANSWER).await {
            Ok(body) => body,
            Err(ReadError::Lost(error)) => return Err(error.into()),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))
    }

    /// What a line of the access log of a group's Envoys says; none of a line that is none.
    pub(crate) fn read_access(&self, group: &str, line: &str) -> Option<Access> {
        self.formats.get(group)?.read(line)
    }

    /// What runs the mesh.
    pub fn lease(&self) -> &dyn Lease {
        &*self.lease
    }

    /// A container that ended without having been asked to, if there is one.
    pub async fn crashed(&self) -> Option<MeshError> {
        let (pod, container, state) = self.pods().into_iter().find_map(|pod| {
            Container::BOTH.into_iter().find_map(|container| {
                let state = pod.container(container).filter(|state| state.is_crashed())?;
                Some((pod.clone(), container, state.to_string()))
            })
        })?;
        Some(self.crash(&pod, container, state).await)
    }

    async fn crash(&self, pod: &Pod, container: Container, state: String) -> MeshError {
        let log = async |bytes| {
            let log = self.lease.log(&pod.name, container, bytes).await;
            log.unwrap_or_else(|error| error.to_string())
        };
        let file = self.spec.groups.get(&pod.group).and_then(|group| group.envoy.as_ref());
        let refused = match (container, file) {
            (Container::Envoy, Some(file)) => refusal::find(&log(WHOLE_LOG).await).map(|message| (file, message)),
            _ => None,
        };
        match refused {
            Some((file, message)) => MeshError::Refused {
                pod: pod.name.clone(),
                file: file.display().to_string(),
                message,
            },
            None => MeshError::Crashed {
                pod: pod.name.clone(),
                container,
                state,
                log: log(LOG_TAIL).await,
            },
        }
    }

    /// How often the mesh was harmed and repaired.
    pub(crate) fn repairs(&self) -> usize {
        self.state().repairs
    }

    /// The cases that have run on it, in order.
    pub(crate) fn used_by(&self) -> Vec<String> {
        self.state().used_by.clone()
    }

    /// That a case has run on it.
    pub(crate) fn was_used_by(&self, case: &str) {
        self.state().used_by.push(case.to_owned());
    }

    /// Ends the mesh and removes all of it.
    ///
    /// # Errors
    /// What could not be removed.
    pub async fn release(&self, keep: Option<&Path>) -> Result<Released, RuntimeError> {
        self.lease.release(keep).await
    }

    /// A signal or the like for what a name stands for: each container, pod, or pod of a group.
    pub(crate) fn targets(&self, name: &str) -> Vec<Target> {
        let (pod, container) = match name.split_once('/') {
            Some((pod, "envoy")) => (pod, Some(Container::Envoy)),
            Some((pod, _)) => (pod, Some(Container::Application)),
            None => (name, None),
        };
        self.pods_of(pod)
            .into_iter()
            .map(|pod| Target {
                pod: pod.name,
                container,
            })
            .collect()
    }
}

/// What a refusal says, as far as it can be read.
async fn refusal_text(response: reqwest::Response) -> String {
    let read = read_all(response, LONGEST_REFUSAL).await;
    read.map_or_else(
        |why| why.to_string(),
        |body| String::from_utf8_lossy(&body).into_owned(),
    )
}
