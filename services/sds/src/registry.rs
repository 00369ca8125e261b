//! What is true: the services and their hosts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::host::Service;
use crate::name::ServiceName;
use crate::resources::Cache;
use crate::state::{StateError, StateFile};

/// The registry at one moment. It never changes; a change makes another.
pub type Snapshot = BTreeMap<ServiceName, Arc<Service>>;

/// The services and their hosts, on disk too if it was opened there.
#[derive(Debug)]
pub struct Registry {
    /// Held while a change is made, so that changes come one after the other.
    file: Mutex<Option<StateFile>>,
    current: watch::Sender<Arc<Snapshot>>,
    /// What the registry's services are to Envoys, and everything else that they are told.
    resources: Arc<Cache>,
}

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

impl Change {
    /// The service that it is about.
    pub fn name(&self) -> &ServiceName {
        match self {
            Self::Create(name, _) | Self::Put(name, _) | Self::Delete(name) => name,
        }
    }
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The service was not there before.
    Created,
    /// The service was there, and is another now.
    Replaced,
    /// The service is not there any more.
    Deleted,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
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

impl Registry {
    /// An empty registry that is gone with its process.
    pub fn in_memory() -> Self {
        Self::new(None, Snapshot::new())
    }

    /// The registry that a file holds, or an empty one if there is no such file yet.
    ///
    /// # Errors
    /// The file cannot be read or does not hold; it is left as it is.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let (file, snapshot) = StateFile::open(path)?;
        Ok(Self::new(Some(file), snapshot))
    }

    fn new(file: Option<StateFile>, snapshot: Snapshot) -> Self {
        let resources = Arc::<Cache>::default();
        for (name, service) in &snapshot {
            resources.register(name, Some(service));
        }
        Self {
            file: Mutex::new(file),
            current: watch::Sender::new(Arc::new(snapshot)),
            resources,
        }
    }

    /// The cache that this registry's services go into.
    pub(crate) fn resources(&self) -> &Arc<Cache> {
        &self.resources
    }

    /// The registry now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.borrow())
    }

    /// Makes a change: on disk first, if there is a file, then for everybody to see. Blocks on the disk.
    ///
    /// # Errors
    /// Nothing was changed, neither on disk nor here.
    pub fn apply(&self, change: Change) -> Result<Outcome, RegistryError> {
        // A panic elsewhere cannot have left anything half done: the snapshot is replaced as a whole.
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let name = change.name().clone();
        let (after, outcome) = changed(&before, change)?;
        if let Some(file) = &*file {
            file.replace(&after, &before)?;
        }
        self.resources.register(&name, after.get(&name));
        self.current.send_replace(Arc::new(after));
        Ok(outcome)
    }
}

fn changed(before: &Snapshot, change: Change) -> Result<(Snapshot, Outcome), RegistryError> {
    let mut after = before.clone();
    let outcome = match change {
        Change::Create(name, _) if before.contains_key(&name) => return Err(RegistryError::Exists(name)),
        Change::Create(name, service) | Change::Put(name, service) => match after.insert(name, Arc::new(service)) {
            None => Outcome::Created,
            Some(_) => Outcome::Replaced,
        },
        Change::Delete(name) => match after.remove(&name) {
            None => return Err(RegistryError::Unknown(name)),
            Some(_) => Outcome::Deleted,
        },
    };
    Ok((after, outcome))
}
