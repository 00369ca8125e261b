//! What is true: the services and their hosts, and everything else that Envoys are told. One store, of which a change makes
//! another world, for everybody to see at once.

mod change;
mod names;
mod state;
#[cfg(test)]
mod tests;
mod view;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::host::Service;
use crate::resources::{Kind, Resource};
use state::StateFile;

pub(crate) use change::Followed;
pub use change::{Change, Outcome, StoreError};
pub(crate) use names::{Names, ServiceKey, is_domain, is_label};
pub use state::StateError;
pub(crate) use view::View;
pub(crate) use world::{Layer, World};

/// The services and all other resources, on disk too if it was opened there.
#[derive(Debug)]
pub struct Store {
    /// Held while a change is made, so that changes come one after the other.
    file: Mutex<Option<StateFile>>,
    current: watch::Sender<Arc<World>>,
    /// What its services are called besides, if they are those of Kubernetes.
    names: Option<Names>,
}

impl Store {
    /// An empty store that is gone with its process.
    pub fn in_memory() -> Self {
        Self::new(None, World::new(), None)
    }

    /// An empty store whose services follow Kubernetes, and are written by nobody else.
    pub(crate) fn of_kubernetes(names: Names) -> Self {
        Self::new(None, World::new(), Some(names))
    }

    /// What a file holds, or an empty store if there is no such file yet.
    ///
    /// # Errors
    /// The file cannot be read or is invalid; it is left as it is.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let (file, world) = StateFile::open(path)?;
        Ok(Self::new(Some(file), world, None))
    }

    /// A store that is gone with its process, and begins with what a file holds, in the shape in which [`Store::open`] keeps
    /// it. The file is left as it is.
    ///
    /// # Errors
    /// The file cannot be read or is invalid.
    pub fn seeded(path: &Path) -> Result<Self, StateError> {
        Ok(Self::new(None, state::read(path)?, None))
    }

    fn new(file: Option<StateFile>, world: World, names: Option<Names>) -> Self {
        Self {
            file: Mutex::new(file),
            current: watch::Sender::new(Arc::new(world)),
            names,
        }
    }

    /// Whether its services only follow Kubernetes, so that nobody can write them.
    pub(crate) fn follows_kubernetes(&self) -> bool {
        self.names.is_some()
    }

    /// All of it now. It never changes; a change makes another.
    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.current.borrow())
    }

    /// Sees every change from now on; changes that come in quick succession are seen as one.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<World>> {
        self.current.subscribe()
    }

    /// All services by name, each once.
    pub fn services(&self) -> BTreeMap<String, Arc<Service>> {
        let world = self.world();
        let services = world.services();
        services
            .map(|(name, service)| (name.to_owned(), Arc::clone(service)))
            .collect()
    }

    /// The service that somebody calls by a name, which may be any that it has.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Service>> {
        let world = self.world();
        let mut found = [Layer::Registered, Layer::Alias].into_iter();
        let found = found.find_map(|layer| world.find(Kind::Endpoints, layer, name));
        found?.service().cloned()
    }

    /// Makes a change of a service: on disk first, if there is a file, then for everybody to see. Blocks on the disk.
    ///
    /// # Errors
    /// Nothing was changed, neither on disk nor here.
    pub fn apply(&self, change: Change) -> Result<Outcome, StoreError> {
        let (kind, layer) = (Kind::Endpoints, Layer::Registered);
        let (name, service, may_replace) = match change {
            Change::Create(name, service) => (name, service, false),
            Change::Put(name, service) => (name, service, true),
            Change::Delete(name) => {
                return match self.remove(kind, layer, name.as_str())? {
                    true => Ok(Outcome::Deleted),
                    false => Err(StoreError::Unknown(name)),
                };
            }
        };
        let resource = Arc::new(Resource::of_service(name.as_str(), &Arc::new(service)));
        self.change(|world| {
            if !may_replace && world.find(kind, layer, name.as_str()).is_some() {
                return Err(StoreError::Exists(name));
            }
            Ok(placed(world.place(kind, layer, name.as_str(), Some(resource))))
        })
    }

    /// Puts a resource in its place, in the same way.
    ///
    /// # Errors
    /// Nothing was changed, neither on disk nor here.
    pub(crate) fn put(
        &self,
        kind: Kind,
        layer: Layer<'_>,
        name: &str,
        resource: Arc<Resource>,
    ) -> Result<Outcome, StateError> {
        self.change(|world| Ok(placed(world.place(kind, layer, name, Some(resource)))))
    }

    /// Takes a resource away, in the same way; tells whether it was there.
    ///
    /// # Errors
    /// Nothing was changed, neither on disk nor here.
    pub(crate) fn remove(&self, kind: Kind, layer: Layer<'_>, name: &str) -> Result<bool, StateError> {
        self.change(|world| Ok(world.place(kind, layer, name, None)))
    }

    /// What Kubernetes now says of services, as one change: their hosts, or that they are not there.
    pub(crate) fn follow(&self, changes: Vec<Followed>) {
        let Some(names) = &self.names else { return };
        let followed: Result<(), StateError> = self.change(|world| {
            let mut place = |layer, name: &str, service: Option<&Arc<Service>>| {
                let resource = service.map(|service| Arc::new(Resource::of_service(name, service)));
                world.place(Kind::Endpoints, layer, name, resource);
            };
            for Followed { key, service, ports } in changes {
                let service = service.map(Arc::new);
                for alias in names.aliases(&key) {
                    place(Layer::Alias, &alias, service.as_ref());
                }
                for (port, service) in ports {
                    let service = service.map(Arc::new);
                    for alias in names.at_port(&key, &port) {
                        place(Layer::Alias, &alias, service.as_ref());
                    }
                }
                place(Layer::Registered, key.listed().as_str(), service.as_ref());
            }
            Ok(())
        });
        if let Err(error) = followed {
            tracing::error!("{error}");
        }
    }

    /// Makes a change: on disk first, if there is a file, then for everybody to see. What changes nothing is told to nobody.
    fn change<T, E: From<StateError>>(&self, make: impl FnOnce(&mut World) -> Result<T, E>) -> Result<T, E> {
        // A panic elsewhere cannot have left anything half done: the world is replaced as a whole.
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.world();
        let mut after = World::clone(&before);
        let made = make(&mut after)?;
        if after.is_other_than(&before) {
            if let Some(file) = &*file {
                file.replace(&after, &before)?;
            }
            self.current.send_replace(Arc::new(after));
        }
        Ok(made)
    }
}

fn placed(was_there: bool) -> Outcome {
    if was_there { Outcome::Replaced } else { Outcome::Created }
}
