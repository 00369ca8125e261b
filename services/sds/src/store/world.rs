//! All resources at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::host::Service;
use crate::resources::{Kind, Resource};

pub(super) type Resources = BTreeMap<Arc<str>, Arc<Resource>>;

/// All resources at one moment.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(super) kinds: BTreeMap<Kind, Layers>,
}

/// The resources of one type. A layer hides what an earlier one has under the same name.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    /// Counts the changes.
    pub(super) generation: u64,
    /// When the last change was made.
    pub(super) changed: Instant,
    pub(super) registered: Arc<Resources>,
    /// The same under further names. Whoever asks for one of these gets it; whoever asks for everything does not.
    pub(super) aliases: Arc<Resources>,
    pub(super) written: Arc<Resources>,
    pub(super) written_for: Arc<BTreeMap<String, Resources>>,
}

/// Where a resource is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer<'a> {
    /// What the registry knows.
    Registered,
    /// What the registry knows, under another of its names.
    Alias,
    /// What was written for all nodes.
    Written,
    /// What was written for the nodes with this `node.cluster`.
    WrittenFor(&'a str),
}

impl<'a> Layer<'a> {
    /// What was written for the nodes of a `node.cluster`, or for all.
    pub(crate) fn written(node_cluster: Option<&'a str>) -> Self {
        node_cluster.map_or(Self::Written, Self::WrittenFor)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let empty = || Layers {
            generation: 0,
            changed: Instant::now(),
            registered: Arc::default(),
            aliases: Arc::default(),
            written: Arc::default(),
            written_for: Arc::default(),
        };
        Self {
            kinds: Kind::ALL.into_iter().map(|kind| (kind, empty())).collect(),
        }
    }

    pub(crate) fn find(&self, kind: Kind, layer: Layer<'_>, name: &str) -> Option<&Arc<Resource>> {
        let layers = self.kinds.get(&kind)?;
        match layer {
            Layer::Registered => layers.registered.get(name),
            Layer::Alias => layers.aliases.get(name),
            Layer::Written => layers.written.get(name),
            Layer::WrittenFor(cluster) => layers.written_for.get(cluster)?.get(name),
        }
    }

    /// Puts a resource where it belongs, or takes it away, unless it is so already; tells whether there was one.
    pub(super) fn place(&mut self, kind: Kind, layer: Layer<'_>, name: &str, resource: Option<Arc<Resource>>) -> bool {
        let known = self.find(kind, layer, name);
        let is_same = match (known, &resource) {
            (Some(known), Some(resource)) => known.is(resource),
            (None, None) => true,
            _ => false,
        };
        let is_known = known.is_some();
        if !is_same {
            self.set(kind, layer, name, resource);
        }
        is_known
    }

    fn set(&mut self, kind: Kind, layer: Layer<'_>, name: &str, resource: Option<Arc<Resource>>) {
        let Some(layers) = self.kinds.get_mut(&kind) else {
            return;
        };
        layers.generation += 1;
        layers.changed = Instant::now();
        match layer {
            Layer::Registered => exchange(Arc::make_mut(&mut layers.registered), name, resource),
            Layer::Alias => exchange(Arc::make_mut(&mut layers.aliases), name, resource),
            Layer::Written => exchange(Arc::make_mut(&mut layers.written), name, resource),
            Layer::WrittenFor(cluster) => {
                let all = Arc::make_mut(&mut layers.written_for);
                let resources = all.entry(cluster.to_owned()).or_default();
                exchange(resources, name, resource);
                if resources.is_empty() {
                    all.remove(cluster);
                }
            }
        }
    }

    /// Whether something was changed between the two, of which one came of the other.
    pub(super) fn is_other_than(&self, before: &Self) -> bool {
        let mut both = self.kinds.values().zip(before.kinds.values());
        both.any(|(own, before)| own.generation != before.generation)
    }

    /// The services that are registered, by name; each once, whatever other names it has.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &Arc<Service>)> {
        let registered = self.kinds.get(&Kind::Endpoints).into_iter();
        let registered = registered.flat_map(|layers| layers.registered.iter());
        registered.filter_map(|(name, resource)| Some((&**name, resource.service()?)))
    }

    /// Everything that was written: its type, the `node.cluster` that it is for or `None` for all, its name, and itself.
    pub(crate) fn written(&self) -> impl Iterator<Item = (Kind, Option<&str>, &str, &Arc<Resource>)> {
        self.kinds.iter().flat_map(|(&kind, layers)| {
            let general = std::iter::once((None, &*layers.written));
            let own = layers.written_for.iter();
            let own = own.map(|(cluster, resources)| (Some(cluster.as_str()), resources));
            general.chain(own).flat_map(move |(cluster, resources)| {
                resources
                    .iter()
                    .map(move |(name, resource)| (kind, cluster, &**name, resource))
            })
        })
    }

    /// The same without what was written.
    pub(crate) fn unwritten(&self) -> Self {
        let mut world = self.clone();
        for layers in world.kinds.values_mut() {
            layers.written = Arc::default();
            layers.written_for = Arc::default();
        }
        world
    }

    /// Another world, with what `alter` makes of each resource; without those of which it makes nothing.
    ///
    /// A type that is the same in `before`, a world and what was made of it, is taken from there.
    pub(crate) fn altered(
        &self,
        before: Option<(&Self, &Self)>,
        alter: impl Fn(Kind, &str, &Resource) -> Option<Arc<Resource>>,
    ) -> Self {
        let kinds = self.kinds.iter().map(|(&kind, layers)| {
            let known = before
                .filter(|(of, _)| of.kinds.get(&kind).map(|of| of.generation) == Some(layers.generation))
                .and_then(|(_, made)| made.kinds.get(&kind));
            let layers = known.cloned().unwrap_or_else(|| layers.altered(kind, &alter));
            (kind, layers)
        });
        Self { kinds: kinds.collect() }
    }
}

impl Layers {
    fn altered(&self, kind: Kind, alter: impl Fn(Kind, &str, &Resource) -> Option<Arc<Resource>>) -> Self {
        let altered = |resources: &Resources| -> Resources {
            let altered = resources
                .iter()
                .filter_map(|(name, resource)| Some((Arc::clone(name), alter(kind, name, resource)?)));
            altered.collect()
        };
        let written_for = self
            .written_for
            .iter()
            .map(|(cluster, resources)| (cluster.clone(), altered(resources)));
        Self {
            generation: self.generation,
            changed: self.changed,
            registered: Arc::new(altered(&self.registered)),
            aliases: Arc::new(altered(&self.aliases)),
            written: Arc::new(altered(&self.written)),
            written_for: Arc::new(written_for.collect()),
        }
    }
}

fn exchange(resources: &mut Resources, name: &str, resource: Option<Arc<Resource>>) {
    match resource {
        Some(resource) => resources.insert(name.into(), resource),
        None => resources.remove(name),
    };
}
