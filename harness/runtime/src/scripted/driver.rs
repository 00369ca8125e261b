//! A mesh of which only the states exist, as a driver. It is the least that a runtime can be: addresses that are known when a pod
//! was made and not before, names that configurations keep, containers without processes, logs that have to be asked for.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use meshkat_envoy::config::{Hosts, Rebind};
use meshkat_model::mesh::{Application, Container};

use super::script::Script;
use crate::pods::address::{PodAddress, PodName};
use crate::pods::bootstraps::Configuration;
use crate::pods::driver::{Driver, DriverContainer, Ended, Life, Look, Order};
use crate::pods::partition::Network;
use crate::run::LeaseId;
use crate::run::folder::resources;
use crate::{NetworkFault, RuntimeError, Target, Usage};

/// A mesh of which only the states exist.
#[derive(Debug)]
pub(super) struct ScriptedDriver {
    pub(super) script: Script,
    pub(super) run: LeaseId,
    pub(super) folder: PathBuf,
}

/// A container of one.
#[derive(Debug)]
pub(super) struct ScriptedContainer {
    script: Script,
    run: LeaseId,
    target: Target,
}

impl ScriptedDriver {
    fn container(&self, pod: &PodAddress, container: Container) -> ScriptedContainer {
        ScriptedContainer {
            script: self.script.clone(),
            run: self.run.clone(),
            target: Target::container(&pod.name, container),
        }
    }
}

#[async_trait]
impl Driver for ScriptedDriver {
    type Container = ScriptedContainer;

    fn loopback(&self) -> Option<IpAddr> {
        None
    }

    async fn place(&self, pod: &PodName) -> Result<IpAddr, RuntimeError> {
        // As one that has to be waited for.
        tokio::task::yield_now().await;
        self.script.address_of(&pod.name)
    }

    fn rebind(&self, pod: &PodAddress, hosts: Hosts) -> Rebind {
        Rebind {
            address: Some(pod.address),
            node_id: pod.name.clone(),
            group: pod.group.clone(),
            // As where a name server answers for pods.
            hosts: hosts.kept(),
            ports: pod.ports.clone(),
            folder: Some(resources(&self.folder, &pod.name)),
            carried: None,
            certificates: None,
        }
    }

    fn application(&self, pod: &PodAddress, _: &Application) -> ScriptedContainer {
        self.container(pod, Container::Application)
    }

    fn envoy(&self, pod: &PodAddress, _: &Configuration) -> ScriptedContainer {
        self.container(pod, Container::Envoy)
    }

    fn made(&self, pod: &PodAddress, container: Container) -> ScriptedContainer {
        self.container(pod, container)
    }

    async fn remove(&self, _: &PodAddress) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn network(&self) -> Result<&dyn Network, &'static str> {
        Ok(self)
    }

    async fn end_all(&self, kill: BoxFuture<'_, Result<(), RuntimeError>>) -> Result<(), RuntimeError> {
        kill.await
    }

    fn abandon(&self) {}
}

#[async_trait]
impl DriverContainer for ScriptedContainer {
    async fn start(&self) -> Result<Life, RuntimeError> {
        self.script.start(&self.run, &self.target);
        match self.look().await? {
            Look::Lives { life, .. } => Ok(life),
            // It has just been started.
            Look::NeverRan | Look::Ended(_) => Err(RuntimeError::Released),
        }
    }

    async fn look(&self) -> Result<Look, RuntimeError> {
        Ok(self.script.look(&self.run, &self.target))
    }

    async fn order(&self, order: Order) -> Result<bool, RuntimeError> {
        let ended = |code, signal| self.script.end(&self.run, &self.target, Ended { code, signal });
        Ok(match order {
            Order::Terminate => ended(Some(0), None),
            Order::Kill => ended(None, Some(9)),
            Order::Pause => self.script.freeze(&self.run, &self.target, true),
            Order::Resume => self.script.freeze(&self.run, &self.target, false),
        })
    }

    async fn discard(&self) -> Result<(), RuntimeError> {
        Ok(())
    }

    async fn log(&self, tail_bytes: usize) -> Result<String, RuntimeError> {
        // As one that is fetched.
        tokio::task::yield_now().await;
        let text = self.script.log_of(&self.target);
        let start = (text.len().saturating_sub(tail_bytes)..=text.len()).find(|at| text.is_char_boundary(*at));
        Ok(text.get(start.unwrap_or_default()..).unwrap_or_default().to_owned())
    }

    async fn log_since(&self, from: u64) -> Result<(Vec<u8>, u64), RuntimeError> {
        let text = self.script.log_of(&self.target).into_bytes();
        let behind = usize::try_from(from).ok().and_then(|from| text.get(from..));
        Ok((behind.unwrap_or(&text).to_vec(), text.len() as u64))
    }

    async fn usage(&self) -> Option<Usage> {
        Some(self.script.usage_of(&self.target))
    }
}

#[async_trait]
impl Network for ScriptedDriver {
    fn check(&self, _: NetworkFault) -> Result<(), RuntimeError> {
        Ok(())
    }

    async fn apply(&self, _: &PodAddress, _: &[(IpAddr, NetworkFault)]) -> Result<(), RuntimeError> {
        Ok(())
    }

    async fn disconnect(&self, _: &PodAddress) -> Result<(), RuntimeError> {
        Ok(())
    }

    async fn reconnect(&self, _: &PodAddress) -> Result<(), RuntimeError> {
        Ok(())
    }

    async fn probe(&self, _: &PodAddress, _: &[SocketAddr], _: Duration) -> Result<(), RuntimeError> {
        Ok(())
    }
}
