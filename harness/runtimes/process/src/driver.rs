//! A mesh of processes, as a driver.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::future::BoxFuture;
use meshkat_envoy::config::{Hosts, Rebind};
use meshkat_model::mesh::{Application, Container, MeshSpec};
use meshkat_runtime::pods::{Addresses, Bootstraps, Configuration, Driver, Network, PodAddress, PodName};
use meshkat_runtime::run::{
    Begun, LeaseId, Ledger, LedgerProcess, LogKeeper, Token, certificates, log_file, resources, sds_state,
};
use meshkat_runtime::{RuntimeError, Target, failed};

use crate::block::Block;
use crate::container::{Ground, ProcessContainer};
use crate::core::Core;
use crate::prepare::{self, Command};

/// Why it leaves the network between pods alone.
pub(crate) const SHARED: &str = "its pods share the machine's loopback interface, where only root can drop packets";

/// A mesh of processes.
#[derive(Debug)]
pub(crate) struct ProcessDriver {
    core: Arc<Core>,
    run: LeaseId,
    folder: PathBuf,
    /// None of a mesh that another process holds.
    holder: Option<Holder>,
    /// The processes of such a mesh.
    processes: Vec<LedgerProcess>,
}

/// What starts processes.
#[derive(Debug)]
struct Holder {
    ground: Arc<Ground>,
    addresses: Mutex<Addresses>,
    token: Token,
    /// Where meshes have an Envoy.
    envoy: PathBuf,
    _logs: LogKeeper,
}

impl ProcessDriver {
    /// Takes a block of addresses for a mesh, and gives it, too.
    pub(crate) fn new(
        core: Arc<Core>,
        begun: &Begun,
        token: &Token,
        mesh: &MeshSpec,
        bootstraps: &Bootstraps,
    ) -> Result<(Self, String), RuntimeError> {
        let block = Block::take()?;
        block.check_ports(bootstraps.all_ports())?;
        let logs = begun.folder.logs();
        let keeper = LogKeeper::start(logs.clone(), core.options.log_limit).map_err(failed("watch", &logs))?;
        let name = block.to_string();
        let holder = Holder {
            addresses: Mutex::new(block.addresses()),
            ground: Arc::new(Ground::new(core.spawner.clone(), block, Arc::clone(&begun.ledger))),
            token: token.clone(),
            envoy: core.options.envoys.of(mesh).cloned().unwrap_or_default(),
            _logs: keeper,
        };
        let driver = Self {
            core,
            run: begun.id.clone(),
            folder: begun.folder.path().to_owned(),
            holder: Some(holder),
            processes: Vec::new(),
        };
        Ok((driver, name))
    }

    /// Of a mesh that another process holds.
    pub(crate) fn guest(core: Arc<Core>, ledger: &Ledger, folder: PathBuf) -> Self {
        Self {
            core,
            run: ledger.id.clone(),
            folder,
            holder: None,
            processes: ledger.processes.clone(),
        }
    }

    fn container(
        &self,
        pod: &PodAddress,
        container: Container,
        command: impl FnOnce(&Holder) -> Command,
    ) -> ProcessContainer {
        let target = Target::container(&pod.name, container);
        let log = log_file(&self.folder, &pod.name, container);
        let keeps = (container == Container::Application).then(|| sds_state(&self.folder, &pod.name));
        let holder = self.holder.as_ref();
        let launch = holder.map(|holder| (command(holder), Arc::clone(&holder.ground)));
        ProcessContainer::new(self.run.clone(), target, log, keeps, launch)
    }
}

#[async_trait]
impl Driver for ProcessDriver {
    type Container = ProcessContainer;

    fn loopback(&self) -> Option<IpAddr> {
        None
    }

    async fn place(&self, _: &PodName) -> Result<IpAddr, RuntimeError> {
        let holder = self.holder.as_ref().ok_or(RuntimeError::Released)?;
        holder.addresses.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn rebind(&self, pod: &PodAddress, hosts: Hosts) -> Rebind {
        Rebind {
            address: Some(pod.address),
            node_id: pod.name.clone(),
            group: pod.group.clone(),
            hosts,
            ports: pod.ports.clone(),
            folder: Some(resources(&self.folder, &pod.name)),
            carried: None,
            certificates: certificates(&self.folder),
        }
    }

    fn application(&self, pod: &PodAddress, application: &Application) -> ProcessContainer {
        let options = &self.core.options;
        self.container(pod, Container::Application, |holder| match application {
            Application::Service(service) => {
                let state = sds_state(&self.folder, &pod.name);
                prepare::service(options, &self.run, &holder.token, pod, *service, state)
            }
            Application::Program(program) => prepare::program(options, &self.run, pod, program, &self.folder),
        })
    }

    fn envoy(&self, pod: &PodAddress, configuration: &Configuration) -> ProcessContainer {
        self.container(pod, Container::Envoy, |holder| {
            prepare::envoy(&self.core.options, &holder.envoy, &self.run, &configuration.file)
        })
    }

    fn made(&self, pod: &PodAddress, container: Container) -> ProcessContainer {
        let made = self.container(pod, container, |_| Command::default());
        let mut known = self.processes.iter();
        if let Some(process) = known.find(|process| process.pod == pod.name && process.container == container) {
            made.adopt(process.identity.clone());
        }
        made
    }

    async fn remove(&self, pod: &PodAddress) -> Result<(), RuntimeError> {
        if let Some(holder) = &self.holder {
            let mut addresses = holder.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.give_back(pod.address);
        }
        Ok(())
    }

    fn network(&self) -> Result<&dyn Network, &'static str> {
        Err(SHARED)
    }

    async fn end_all(&self, kill: BoxFuture<'_, Result<(), RuntimeError>>) -> Result<(), RuntimeError> {
        kill.await?;
        self.abandon();
        Ok(())
    }

    fn abandon(&self) {
        if let Some(holder) = &self.holder {
            holder.ground.give_up_block();
        }
    }
}
