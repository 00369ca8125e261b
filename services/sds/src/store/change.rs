//! What may be changed, what came of it, and why not.

use super::names::ServiceKey;
use super::state::StateError;
use crate::host::Service;
use crate::name::ServiceName;

/// A change that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Register a service that is not there yet.
    Create(ServiceName, Service),
    /// Register a service, or replace the one that is there.
    Put(ServiceName, Service),
    /// Forget a service.
    Delete(ServiceName),
}

/// What a change did to a service or a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there before.
    Created,
    /// It was there, and is replaced.
    Replaced,
    /// It is not there any more.
    Deleted,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Only known services can be deleted.
    #[error("there is no service {0}")]
    Unknown(ServiceName),
    /// Only unknown services can be created.
    #[error("there is a service {0} already")]
    Exists(ServiceName),
    /// The change could not be put on disk.
    #[error("{0}")]
    State(#[from] StateError),
}

/// What became of a service of Kubernetes.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) key: ServiceKey,
    /// Its hosts, or `None` if it is gone.
    pub(crate) service: Option<Service>,
    /// The same at each of its ports, by the port's name. One that no slice has any more has no hosts.
    pub(crate) ports: Vec<(String, Option<Service>)>,
}
