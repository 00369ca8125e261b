//! What a runtime is: how the pods of one mesh get a network, and how their containers start, are signalled, waited for and
//! removed. States, orders, the ledger and the taking of turns are not its business: those are [`PodLease`]'s.
//!
//! [`PodLease`]: super::lease::PodLease

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use futures::future::BoxFuture;
use meshkat_envoy::config::{Hosts, Rebind};
use meshkat_model::mesh::{Application, Container, Port};

use super::address::{PodAddress, PodName};
use super::bootstraps::Configuration;
use super::partition::Network;
use crate::{InstanceId, RuntimeError, Usage};

/// A life of a container.
pub struct Life {
    /// Which.
    pub instance: InstanceId,
    /// Ends with it. It is watched from the moment on at which it was given, by whoever else it is waited for.
    pub ended: BoxFuture<'static, Ended>,
}

/// What a container does that another process may have started.
pub enum Look {
    /// It never ran.
    NeverRan,
    /// It lives.
    Lives {
        /// Its life.
        life: Life,
        /// Whether it is frozen.
        is_paused: bool,
    },
    /// It ended.
    Ended(Ended),
}

/// How a life ended, as far as the runtime knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// What a container can be sent. Not all runtimes know more signals, and none is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// To end in its own time.
    Terminate,
    /// To end at once.
    Kill,
    /// To stand still; done when it does.
    Pause,
    /// To go on.
    Resume,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "stop",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Resume => "resume",
        })
    }
}

/// One container of a pod, as its runtime has it. Never asked for two things at once, but for [`Order::Kill`].
#[async_trait]
pub trait DriverContainer: fmt::Debug + Send + Sync + 'static {
    /// Starts it, whether it ran before or not. What it writes is added to its log.
    async fn start(&self) -> Result<Life, RuntimeError>;

    /// What it does now, whoever started it.
    ///
    /// # Errors
    /// [`RuntimeError::NotOurs`]: nothing proves that it is the mesh's.
    async fn look(&self) -> Result<Look, RuntimeError>;

    /// Sends it an order. That it has ended meanwhile is well; `false` is that there was nothing to send it to.
    async fn order(&self, order: Order) -> Result<bool, RuntimeError>;

    /// Kills it without waiting for anything, where a runtime can: for when nobody can wait.
    fn kill_now(&self) {}

    /// Removes what it has kept on a disk of its own. It does not run.
    async fn discard(&self) -> Result<(), RuntimeError>;

    /// The end of what it wrote: whole lines, at most so many bytes.
    async fn log(&self, tail_bytes: usize) -> Result<String, RuntimeError>;

    /// What it wrote behind the first `from` bytes, in whole lines, and how many bytes there are with them.
    async fn log_since(&self, from: u64) -> Result<(Vec<u8>, u64), RuntimeError>;

    /// What it has of its machine, if it runs; none where the runtime cannot tell.
    async fn usage(&self) -> Option<Usage> {
        None
    }
}

/// A runtime's part in one mesh.
#[async_trait]
pub trait Driver: fmt::Debug + Send + Sync + Sized + 'static {
    /// One container of a pod.
    type Container: DriverContainer;

    /// Where the containers of each pod reach one another; none is at the pod's address.
    fn loopback(&self) -> Option<IpAddr>;

    /// Gives a pod an address that nobody else has. A runtime that does not choose addresses makes the pod, and tells its.
    async fn place(&self, pod: &PodName) -> Result<IpAddr, RuntimeError>;

    /// Sees to it that a pod has its network, started or not; where this machine reaches its ports, if not at its address.
    async fn connect(&self, pod: &PodAddress) -> Result<BTreeMap<Port, SocketAddr>, RuntimeError> {
        let _ = pod;
        Ok(BTreeMap::new())
    }

    /// How the configuration of a pod's Envoy is made; `hosts` is whom names mean now.
    fn rebind(&self, pod: &PodAddress, hosts: Hosts) -> Rebind;

    /// A pod's application.
    fn application(&self, pod: &PodAddress, application: &Application) -> Self::Container;

    /// A pod's Envoy with a configuration.
    fn envoy(&self, pod: &PodAddress, configuration: &Configuration) -> Self::Container;

    /// A container that another process has made; [`DriverContainer::start`] is not asked of it.
    fn made(&self, pod: &PodAddress, container: Container) -> Self::Container;

    /// Removes what a pod has besides its containers. Its address is free.
    async fn remove(&self, pod: &PodAddress) -> Result<(), RuntimeError>;

    /// What can harm the network between pods.
    ///
    /// # Errors
    /// Why nothing can.
    fn network(&self) -> Result<&dyn Network, &'static str>;

    /// Ends and removes all at once. Nothing is being started, and nothing will be. `kill` kills every container and waits until it
    /// is gone, for a runtime that has no way of its own.
    async fn end_all(&self, kill: BoxFuture<'_, Result<(), RuntimeError>>) -> Result<(), RuntimeError>;

    /// The same of a mesh that nobody gave back, whose containers were killed already where that can be done without waiting.
    fn abandon(&self);
}
