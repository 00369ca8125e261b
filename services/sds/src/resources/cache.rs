//! The one cache that everything is answered from.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::{Kind, Layer, Resource, World};
use crate::host::Service;
use crate::name::ServiceName;

/// All resources now, and word of each change.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Held while a change is made, so that changes come one after the other.
    change: Mutex<()>,
    current: watch::Sender<Arc<World>>,
}

/// What became of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    Created,
    Replaced,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            change: Mutex::default(),
            current: watch::Sender::new(Arc::new(World::new())),
        }
    }
}

impl Cache {
    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.current.borrow())
    }

    /// Sees every change from now on; changes that come in quick succession are seen as one.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<World>> {
        self.current.subscribe()
    }

    /// Puts a resource in its place. Nobody is told if it is the one that is there already.
    pub(crate) fn put(&self, kind: Kind, layer: Layer<'_>, name: &str, resource: Arc<Resource>) -> Placed {
        let _changing = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.world().find(kind, layer, name).map(|known| known.version);
        if known != Some(resource.version) {
            self.set(kind, layer, name, Some(resource));
        }
        if known.is_some() {
            Placed::Replaced
        } else {
            Placed::Created
        }
    }

    /// Takes a resource away; tells whether it was there.
    pub(crate) fn remove(&self, kind: Kind, layer: Layer<'_>, name: &str) -> bool {
        let _changing = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.world().find(kind, layer, name).is_some();
        if known {
            self.set(kind, layer, name, None);
        }
        known
    }

    /// What the registry now says of a service: its hosts, or that it is not there.
    pub(crate) fn register(&self, name: &ServiceName, service: Option<&Arc<Service>>) {
        let layer = Layer::Registered;
        match service {
            Some(service) => {
                self.put(
                    Kind::Endpoints,
                    layer,
                    name.as_str(),
                    Arc::new(Resource::of_service(name.as_str(), service)),
                );
            }
            None => {
                self.remove(Kind::Endpoints, layer, name.as_str());
            }
        }
    }

    /// What the registry now says of several endpoints, as one change: what each is, or that it is not there.
    pub(crate) fn register_all(&self, changes: Vec<(Layer<'_>, String, Option<Arc<Resource>>)>) {
        let kind = Kind::Endpoints;
        let _changing = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.send_if_modified(|world| {
            let mut changed = false;
            for (layer, name, resource) in changes {
                let known = world.find(kind, layer, &name).map(|known| known.version);
                if known != resource.as_ref().map(|resource| resource.version) {
                    Arc::make_mut(world).set(kind, layer, &name, resource);
                    changed = true;
                }
            }
            changed
        });
    }

    fn set(&self, kind: Kind, layer: Layer<'_>, name: &str, resource: Option<Arc<Resource>>) {
        self.current.send_modify(|world| {
            Arc::make_mut(world).set(kind, layer, name, resource);
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assignment(name: &str, port: u16) -> Arc<Resource> {
        let endpoint =
            json!({"endpoint": {"address": {"socket_address": {"address": "10.0.0.1", "port_value": port}}}});
        let text = json!({"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}).to_string();
        Arc::new(Resource::from_json(Kind::Endpoints, name, text.as_bytes()).unwrap())
    }

    fn service(port: u16) -> Arc<Service> {
        Arc::new(serde_json::from_value(json!({"hosts": [{"ip_address": "10.0.0.1", "port": port}]})).unwrap())
    }

    #[test]
    fn what_is_written_hides_the_registry_and_what_is_for_the_node_hides_both() {
        let cache = Cache::default();
        let pet: ServiceName = "pet".parse().unwrap();
        let seen = |cluster: &str| {
            let world = cache.world();
            let view = world.view(cluster);
            let found = view.get(Kind::Endpoints, "pet").map(|(_, resource)| resource.version);
            assert_eq!(
                view.all(Kind::Endpoints).get("pet").map(|resource| resource.version),
                found
            );
            found
        };
        let (general, own) = (assignment("pet", 2), assignment("pet", 3));
        let (general_version, own_version) = (general.version, own.version);

        cache.register(&pet, Some(&service(1)));
        let registered = seen("demo").unwrap();
        cache.put(Kind::Endpoints, Layer::WrittenFor("demo"), "pet", own);
        cache.put(Kind::Endpoints, Layer::Written, "pet", general);
        assert_eq!(
            (seen("demo"), seen("other")),
            (Some(own_version), Some(general_version))
        );
        assert!(cache.remove(Kind::Endpoints, Layer::WrittenFor("demo"), "pet"));
        assert_eq!(seen("demo"), Some(general_version));
        assert!(cache.remove(Kind::Endpoints, Layer::Written, "pet"));
        assert_eq!(seen("demo"), Some(registered));
        cache.register(&pet, None);
        assert_eq!(seen("demo"), None);
    }

    #[test]
    fn an_alias_is_found_and_not_listed_and_what_changes_together_is_told_once() {
        let cache = Cache::default();
        let mut watch = cache.watch();
        let changes = |port: Option<u16>| {
            [(Layer::Registered, "pet.shop"), (Layer::Alias, "pet")]
                .map(|(layer, name)| (layer, name.to_owned(), port.map(|port| assignment(name, port))))
                .to_vec()
        };
        cache.register_all(changes(Some(1)));
        let world = Arc::clone(&watch.borrow_and_update());
        let view = world.view("");
        assert!(view.get(Kind::Endpoints, "pet").is_some() && view.get(Kind::Endpoints, "pet.shop").is_some());
        assert_eq!(view.all(Kind::Endpoints).into_keys().collect::<Vec<_>>(), ["pet.shop"]);
        cache.register_all(changes(Some(1)));
        assert!(!watch.has_changed().unwrap());
        cache.register_all(changes(None));
        assert!(watch.has_changed().unwrap());
        assert!(cache.world().view("").get(Kind::Endpoints, "pet").is_none());
    }

    #[test]
    fn only_a_change_is_told_and_only_of_its_type() {
        let cache = Cache::default();
        let mut watch = cache.watch();
        assert_eq!(
            cache.put(Kind::Endpoints, Layer::Written, "pet", assignment("pet", 1)),
            Placed::Created
        );
        assert!(watch.has_changed().unwrap());
        let before = Arc::clone(&watch.borrow_and_update());
        assert_eq!(
            cache.put(Kind::Endpoints, Layer::Written, "pet", assignment("pet", 1)),
            Placed::Replaced
        );
        assert!(!cache.remove(Kind::Endpoints, Layer::Written, "other"));
        assert!(!watch.has_changed().unwrap());
        cache.put(Kind::Endpoints, Layer::Written, "pet", assignment("pet", 2));
        let after = Arc::clone(&watch.borrow_and_update());
        assert_ne!(
            before.view("").generation(Kind::Endpoints),
            after.view("").generation(Kind::Endpoints)
        );
        assert_eq!(
            before.view("").generation(Kind::Routes),
            after.view("").generation(Kind::Routes)
        );
    }
}
