//! A mesh of containers, as a driver.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use ipnet::Ipv4Net;
use meshkat_envoy::config::{Hosts, Rebind};
use meshkat_model::mesh::{Application, Container, Port};
use meshkat_runtime::pods::{Addresses, Configuration, Driver, Network, PodAddress, PodName};
use meshkat_runtime::{NetworkFault, RuntimeError};
use serde_json::json;

use crate::container::DockerContainer;
use crate::core::Core;
use crate::launch::{CERTIFICATES, FILES, Launch, Launcher};
use crate::reach::Reach;
use crate::remove;
use crate::sandbox::Sandbox;

/// The addresses of a network that pods have: the first is the daemon's, and the last is for all.
const PODS: (u8, u8) = (2, 254);

/// A mesh of containers.
#[derive(Debug)]
pub(crate) struct DockerDriver {
    core: Arc<Core>,
    launcher: Launcher,
    /// None of a mesh that another process holds.
    addresses: Option<Mutex<Addresses>>,
    sandboxes: Mutex<HashMap<String, Arc<Sandbox>>>,
    /// Held while a pod leaves the network: two that leave one at once can lock Docker up for ever, until 20.10.27
    /// (moby/moby#46661).
    leaving: tokio::sync::Mutex<()>,
}

impl DockerDriver {
    /// Of a mesh whose network has these addresses; without any, of one that another process holds.
    pub(crate) fn new(core: Arc<Core>, launcher: Launcher, subnet: Option<Ipv4Net>) -> Self {
        Self {
            core,
            launcher,
            addresses: subnet.map(|subnet| {
                let [a, b, c, _] = subnet.network().octets();
                Mutex::new(Addresses::new([a, b, c], PODS.0, PODS.1))
            }),
            sandboxes: Mutex::default(),
            leaving: tokio::sync::Mutex::default(),
        }
    }

    fn sandboxes(&self) -> MutexGuard<'_, HashMap<String, Arc<Sandbox>>> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What holds a pod's network.
    fn sandbox(&self, pod: &PodAddress) -> Arc<Sandbox> {
        let make = || {
            let launch = self.launcher.sandbox(pod);
            let run = self.launcher.run.clone();
            Arc::new(Sandbox::new(
                self.core.docker.clone(),
                launch,
                run,
                self.addresses.is_some(),
            ))
        };
        let mut sandboxes = self.sandboxes();
        Arc::clone(sandboxes.entry(pod.name.clone()).or_insert_with(make))
    }

    fn container(&self, pod: &PodAddress, container: Container, launch: Launch) -> DockerContainer {
        let docker = self.core.docker.clone();
        DockerContainer::new(
            docker,
            self.launcher.run.clone(),
            (&pod.name, container),
            launch,
            self.sandbox(pod),
        )
    }
}

#[async_trait]
impl Driver for DockerDriver {
    type Container = DockerContainer;

    fn loopback(&self) -> Option<IpAddr> {
        Some(Ipv4Addr::LOCALHOST.into())
    }

    async fn place(&self, _: &PodName) -> Result<IpAddr, RuntimeError> {
        let addresses = self.addresses.as_ref().ok_or(RuntimeError::Released)?;
        addresses.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn connect(&self, pod: &PodAddress) -> Result<BTreeMap<Port, SocketAddr>, RuntimeError> {
        let sandbox = self.sandbox(pod);
        sandbox.up().await?;
        match self.launcher.reach {
            Reach::Addresses => Ok(BTreeMap::new()),
            Reach::Published => sandbox.published(&pod.ports).await,
        }
    }

    fn rebind(&self, pod: &PodAddress, hosts: Hosts) -> Rebind {
        Rebind {
            // It has a network of its own, as the file expects.
            address: None,
            node_id: pod.name.clone(),
            group: pod.group.clone(),
            hosts,
            ports: pod.ports.clone(),
            folder: Some(FILES.into()),
            carried: Some(FILES.into()),
            certificates: self.launcher.has_certificates().then(|| CERTIFICATES.into()),
        }
    }

    fn application(&self, pod: &PodAddress, application: &Application) -> DockerContainer {
        let launch = match application {
            Application::Service(service) => self.launcher.service(pod, *service),
            Application::Program(program) => self.launcher.program(pod, program),
        };
        self.container(pod, Container::Application, launch)
    }

    fn envoy(&self, pod: &PodAddress, configuration: &Configuration) -> DockerContainer {
        let launch = self.launcher.envoy(&self.core.options, pod, configuration);
        self.container(pod, Container::Envoy, launch)
    }

    fn made(&self, pod: &PodAddress, container: Container) -> DockerContainer {
        self.container(pod, container, self.launcher.made(pod, container))
    }

    async fn remove(&self, pod: &PodAddress) -> Result<(), RuntimeError> {
        {
            let _alone = self.leaving.lock().await;
            remove::container(&self.core.docker, self.sandbox(pod).name()).await?;
        }
        self.sandboxes().remove(&pod.name);
        if let Some(addresses) = &self.addresses {
            let mut addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.give_back(pod.address);
        }
        Ok(())
    }

    fn network(&self) -> Result<&dyn Network, &'static str> {
        Ok(self)
    }

    async fn end_all(&self, _: BoxFuture<'_, Result<(), RuntimeError>>) -> Result<(), RuntimeError> {
        remove::run(&self.core.docker, &self.launcher.run).await.map(drop)
    }

    fn abandon(&self) {
        let run = &self.launcher.run;
        if let Err(error) = remove::dead_run(run) {
            tracing::warn!(id = %run, %error, "failed to remove a mesh that nobody gave back");
        }
    }
}

#[async_trait]
impl Network for DockerDriver {
    fn check(&self, fault: NetworkFault) -> Result<(), RuntimeError> {
        self.core.check(fault)
    }

    async fn apply(&self, pod: &PodAddress, faults: &[(IpAddr, NetworkFault)]) -> Result<(), RuntimeError> {
        let wire = |fault: &NetworkFault| match fault {
            NetworkFault::Latency { delay } => json!({"kind": "latency", "delay_ms": delay.as_millis()}),
            other => json!(other),
        };
        let peers = faults.iter();
        let peers = peers.map(|(address, fault)| json!({"address": address, "fault": wire(fault)}));
        let state = json!({ "peers": peers.collect::<Vec<_>>() }).to_string();
        let answer = self.sandbox(pod).run(&["net", "apply", &state]).await?;
        if answer.code == 0 {
            return Ok(());
        }
        Err(RuntimeError::other(format!(
            "the network of {} cannot be changed: {}",
            pod.name, answer.output
        )))
    }

    async fn disconnect(&self, pod: &PodAddress) -> Result<(), RuntimeError> {
        let _alone = self.leaving.lock().await;
        self.sandbox(pod).disconnect(&self.launcher.network()).await
    }

    async fn reconnect(&self, pod: &PodAddress) -> Result<(), RuntimeError> {
        self.sandbox(pod).connect(&self.launcher.network()).await
    }

    async fn probe(&self, pod: &PodAddress, peers: &[SocketAddr], within: Duration) -> Result<(), RuntimeError> {
        let mut words = vec!["net".to_owned(), "probe".to_owned()];
        words.extend(peers.iter().map(SocketAddr::to_string));
        words.extend(["--within-ms".to_owned(), within.as_millis().to_string()]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = self.sandbox(pod).run(&words).await?;
        if answer.code == 0 {
            return Ok(());
        }
        Err(RuntimeError::other(format!(
            "the network of {} was repaired, and yet it does not reach its peers within {} s: {}",
            pod.name,
            within.as_secs(),
            answer.output
        )))
    }
}
