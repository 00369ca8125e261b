//! A running mesh: its pods, its registry, and what its Envoys say.

mod active_faults;
pub mod bring_up;
mod configurations;
mod converge;
mod crash;
pub mod discovery;
mod error;
mod logged;
mod lost;
mod network;
mod patience;
mod program;
mod proof;
mod refusal;
mod registry;
mod remarks;
mod repair;
mod scale;
mod see;
pub(crate) mod seen;
mod view;
mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use meshkat_driver::{ReadError, read_all};
use meshkat_envoy::{access::Access, admin::Admin};
use meshkat_model::mesh::{Container, MeshSpec, Port, Service};
use meshkat_model::program::Program;
use meshkat_runtime::{Lease, Pod, Released, RuntimeError, Target};
use serde_json::{Map, Value};

use active_faults::ActiveFaults;
use configurations::Configurations;
pub use error::{EndedProgram, Lost, MeshError};
use wanted::Wanted;

use crate::machine::Watch;

/// How long an admin interface, an application or the discovery service may take for one answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);
/// The longest answer of an application that is read, in bytes.
const LONGEST_ANSWER: usize = 8 << 20;

/// A mesh that runs, until it is released.
pub struct RunningMesh {
    lease: Arc<dyn Lease>,
    spec: MeshSpec,
    http: reqwest::Client,
    /// What the configuration of each group's Envoys says.
    configurations: Configurations,
    /// The machine on which it runs, where it is measured.
    watch: Option<Arc<Watch>>,
    state: Mutex<State>,
}

/// What changes while a mesh runs.
#[derive(Debug, Default)]
struct State {
    /// What the discovery service is to say.
    registry: Wanted,
    /// The pods that the host names of groups mean, of groups whose names do not mean all of them.
    named: BTreeMap<String, Vec<String>>,
    /// What is done to the network.
    network: ActiveFaults,
    /// How often the mesh was repaired.
    repairs: usize,
    /// How often groups were given other numbers of pods between two cases.
    scalings: usize,
    /// The cases that have run on it, in order.
    used_by: Vec<String>,
    /// What came only after its time because the machine was busy.
    late: Option<String>,
    /// How much programs had written when they were last started, by their pods, in bytes.
    written: BTreeMap<String, u64>,
    /// How it was when it was last looked at.
    seen: Option<Arc<seen::Seen>>,
    /// Whether something happened to it that no case may find.
    is_broken: bool,
}

impl RunningMesh {
    fn new(lease: Arc<dyn Lease>, spec: &MeshSpec, configurations: Configurations, http: reqwest::Client) -> Self {
        Self {
            lease,
            spec: spec.clone(),
            http,
            configurations,
            watch: None,
            state: Mutex::default(),
        }
    }

    /// The same on a machine that is measured.
    #[must_use]
    fn watched(mut self, watch: Arc<Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the mesh is to be: what it was made from, or, for a later case, the same with other numbers of pods.
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

    /// The discovery service, whose registry is known; none where there is none.
    pub(crate) fn sds(&self) -> Option<Pod> {
        self.pods().into_iter().find(|pod| self.is_sds(pod))
    }

    /// Whether it is the discovery service, and not a control plane of a user's own in its place.
    fn is_sds(&self, pod: &Pod) -> bool {
        let group = self.spec.groups.get(&pod.group);
        group.is_some_and(|group| group.service() == Some(Service::Sds))
    }

    /// The program of a user's own that is a pod's application.
    fn program(&self, pod: &Pod) -> Option<&Program> {
        self.spec.groups.get(&pod.group)?.program()
    }

    /// Whether a pod's application is a program of a user's own.
    fn is_ones_own(&self, pod: &Pod) -> bool {
        self.program(pod).is_some()
    }

    /// The admin interface of a pod's Envoy.
    pub fn admin(&self, pod: &Pod) -> Admin {
        Admin::with_client(pod.socket(Port::Admin), self.http.clone())
    }

    /// What an application does wrong on purpose; nothing is an empty object.
    async fn faults(&self, pod: &Pod) -> Result<Map<String, Value>, MeshError> {
        let url = format!("http://{}/faults", pod.socket(Port::Application));
        let response = self.http.get(&url).send().await?.error_for_status()?;
        let unreadable = |why: String| MeshError::Unreadable { url: url.clone(), why };
        let body = match read_all(response, LONGEST_ANSWER).await {
            Ok(body) => body,
            Err(ReadError::Lost(error)) => return Err(error.into()),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))
    }

    /// Ends the faults that an application was told to have.
    async fn end_faults(&self, pod: &Pod) -> Result<(), MeshError> {
        let mut request = self
            .http
            .delete(format!("http://{}/faults", pod.socket(Port::Application)));
        if let Some(authorization) = self.lease.authorization() {
            request = request.header(reqwest::header::AUTHORIZATION, authorization);
        }
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// What a line of the access log of a group's Envoys says; none of a line that is none.
    pub(crate) fn read_access(&self, group: &str, line: &str) -> Option<Access> {
        self.configurations.get(group)?.formats.read(line)
    }

    /// Whether the configuration of a group's Envoys has an access log that is written to where it can be read.
    pub(crate) fn keeps_access_log(&self, group: &str) -> bool {
        let configuration = self.configurations.get(group);
        configuration.is_some_and(|configuration| configuration.formats.is_any_kept())
    }

    /// What the formats of the access logs of a group's Envoys tell of a request.
    pub(crate) fn access_log_tells(&self, group: &str) -> BTreeSet<&'static str> {
        let configuration = self.configurations.get(group);
        configuration.map_or_else(BTreeSet::new, |configuration| configuration.formats.tells())
    }

    /// Whether a group's Envoys are told of listeners by a control plane, which may have access logs.
    pub(crate) fn finds_listeners(&self, group: &str) -> bool {
        self.configurations
            .get(group)
            .is_some_and(|configuration| configuration.asks)
    }

    /// The pod at an address with its port, or the address.
    pub(crate) fn name_of(&self, host: &str) -> String {
        let pods = self.pods();
        let socket = host.parse::<std::net::SocketAddr>().ok();
        let pod = socket.and_then(|socket| pods.iter().find(|pod| pod.address == socket.ip()));
        pod.map_or_else(|| host.to_owned(), |pod| pod.name.clone())
    }

    /// What runs the mesh.
    pub fn lease(&self) -> &dyn Lease {
        &*self.lease
    }

    /// How often the mesh was repaired.
    pub(crate) fn repairs(&self) -> usize {
        self.state().repairs
    }

    /// How often groups were given other numbers of pods between two cases.
    pub(crate) fn scalings(&self) -> usize {
        self.state().scalings
    }

    /// The cases that have run on it, in order.
    pub(crate) fn used_by(&self) -> Vec<String> {
        self.state().used_by.clone()
    }

    /// That a case has run on it.
    pub(crate) fn was_used_by(&self, case: &str) {
        self.state().used_by.push(case.to_owned());
    }

    /// That something happened to it that no other case may find.
    pub(crate) fn is_not_to_be_trusted(&self) {
        self.state().is_broken = true;
    }

    /// Whether a case that comes next gets another mesh: something of it has ended by itself, or something else happened to it.
    pub(crate) async fn is_broken(&self) -> bool {
        self.state().is_broken || self.crashed().await.is_some()
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
