//! What is true: the services and their hosts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::host::Service;
use crate::kept::{Kept, KeptResource};
use crate::kubernetes::{Change as KubernetesChange, Names};
use crate::name::ServiceName;
use crate::resources::{Cache, Kind, Layer, Placed, Resource};
use crate::state::{self, StateError, StateFile};

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
    /// What its services are called besides, if they are those of Kubernetes.
    names: Option<Names>,
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
        Self::new(None, Snapshot::new(), None)
    }

    /// An empty registry that follows Kubernetes, and that nobody else writes to.
    pub(crate) fn of_kubernetes(names: Names) -> Self {
        Self::new(None, Snapshot::new(), Some(names))
    }

    /// The registry that a file holds, or an empty one if there is no such file yet.
    ///
    /// # Errors
    /// The file cannot be read or does not hold; it is left as it is.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let (file, kept) = StateFile::open(path)?;
        Ok(Self::holding(Some(file), kept))
    }

    /// A registry that is gone with its process, and begins with what a file holds, in the shape in which
    /// [`Registry::open`] keeps it. The file is left as it is.
    ///
    /// # Errors
    /// The file cannot be read or does not hold.
    pub fn seeded(path: &Path) -> Result<Self, StateError> {
        Ok(Self::holding(None, state::read(path)?))
    }

    fn holding(file: Option<StateFile>, kept: Kept) -> Self {
        let registry = Self::new(file, Arc::unwrap_or_clone(kept.services), None);
        for placed in &kept.resources {
            let resource = Arc::clone(&placed.resource);
            registry
                .resources
                .put(placed.kind, placed.layer(), &placed.name, resource);
        }
        registry
    }

    fn new(file: Option<StateFile>, snapshot: Snapshot, names: Option<Names>) -> Self {
        let resources = Arc::<Cache>::default();
        for (name, service) in &snapshot {
            resources.register(name, Some(service));
        }
        Self {
            file: Mutex::new(file),
            current: watch::Sender::new(Arc::new(snapshot)),
            resources,
            names,
        }
    }

    /// Whether it only follows Kubernetes, so that nothing can be written to it.
    pub(crate) fn follows_kubernetes(&self) -> bool {
        self.names.is_some()
    }

    /// The service that somebody calls by a name, which may be any that it has.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Service>> {
        let snapshot = self.snapshot();
        match &self.names {
            None => snapshot.get(name).cloned(),
            Some(names) => match names.listed(name) {
                Some(listed) if !name.contains(':') => snapshot.get(&*listed).cloned(),
                // At one of its ports a service is found, and not listed.
                _ => {
                    let world = self.resources.world();
                    world.find(Kind::Endpoints, Layer::Alias, name)?.service().cloned()
                }
            },
        }
    }

    /// The services that are called by these names; all of them if there are no names.
    pub(crate) fn asked(&self, names: &[String]) -> BTreeMap<String, Arc<Service>> {
        if names.is_empty() {
            let all = self.snapshot();
            return all
                .iter()
                .map(|(name, service)| (name.to_string(), Arc::clone(service)))
                .collect();
        }
        names
            .iter()
            .filter_map(|name| Some((name.clone(), self.find(name)?)))
            .collect()
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
        let after = Arc::new(after);
        if let Some(file) = &*file {
            let resources = KeptResource::all(&self.resources.world());
            let mut kept = Kept {
                services: before,
                resources,
            };
            let before = kept.clone();
            kept.services = Arc::clone(&after);
            file.replace(&kept, &before)?;
        }
        self.resources.register(&name, after.get(&name));
        self.current.send_replace(after);
        Ok(outcome)
    }

    /// Puts a resource in its place: on disk first, if there is a file, then for everybody to see. Blocks on the disk.
    ///
    /// # Errors
    /// Nothing was changed, neither on disk nor here.
    pub(crate) fn write(
        &self,
        kind: Kind,
        layer: Layer<'_>,
        name: &str,
        resource: Arc<Resource>,
    ) -> Result<Placed, StateError> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let world = self.resources.world();
        let known = world.find(kind, layer, name).map(|known| known.version);
        if known != Some(resource.version) {
            self.keep(file.as_ref(), kind, layer, name, Some(Arc::clone(&resource)))?;
        }
        Ok(self.resources.put(kind, layer, name, resource))
    }

    /// Takes a resource away, in the same way; tells whether it was there.
    ///
    /// # Errors
    /// Nothing was changed, neither on disk nor here.
    pub(crate) fn withdraw(&self, kind: Kind, layer: Layer<'_>, name: &str) -> Result<bool, StateError> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if self.resources.world().find(kind, layer, name).is_some() {
            self.keep(file.as_ref(), kind, layer, name, None)?;
        }
        Ok(self.resources.remove(kind, layer, name))
    }

    fn keep(
        &self,
        file: Option<&StateFile>,
        kind: Kind,
        layer: Layer<'_>,
        name: &str,
        resource: Option<Arc<Resource>>,
    ) -> Result<(), StateError> {
        let Some(file) = file else { return Ok(()) };
        let world = self.resources.world();
        let kept = |world| Kept {
            services: self.snapshot(),
            resources: KeptResource::all(world),
        };
        let before = kept(&world);
        let mut world = (*world).clone();
        world.set(kind, layer, name, resource);
        file.replace(&kept(&world), &before)
    }

    /// What Kubernetes now says of services, as one change: their hosts, or that they are not there.
    pub(crate) fn follow(&self, changes: Vec<KubernetesChange>) {
        let Some(names) = &self.names else { return };
        let mut after = (*self.snapshot()).clone();
        let mut resources = Vec::new();
        let resource = |name: &str, service: Option<&Arc<Service>>| {
            service.map(|service| Arc::new(Resource::of_service(name, service)))
        };
        for KubernetesChange { key, service, ports } in changes {
            let service = service.map(Arc::new);
            for alias in names.aliases(&key) {
                let resource = resource(&alias, service.as_ref());
                resources.push((Layer::Alias, alias, resource));
            }
            for (port, service) in ports {
                let service = service.map(Arc::new);
                for alias in names.at_port(&key, &port) {
                    let resource = resource(&alias, service.as_ref());
                    resources.push((Layer::Alias, alias, resource));
                }
            }
            let listed = key.listed();
            let told = resource(listed.as_str(), service.as_ref());
            resources.push((Layer::Registered, listed.to_string(), told));
            match service {
                Some(service) => after.insert(listed, service),
                None => after.remove(&listed),
            };
        }
        self.resources.register_all(resources);
        self.current.send_replace(Arc::new(after));
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
