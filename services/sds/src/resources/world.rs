//! All resources at one moment, and how one node sees them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::{Kind, Resource};

type Resources = BTreeMap<Arc<str>, Arc<Resource>>;

/// All resources at one moment.
#[derive(Debug, Clone)]
pub(crate) struct World {
    kinds: BTreeMap<Kind, Layers>,
}

/// The resources of one type. A layer hides what an earlier one has under the same name.
#[derive(Debug, Clone)]
struct Layers {
    /// Counts the changes.
    generation: u64,
    /// When the last change was made.
    changed: Instant,
    registered: Arc<Resources>,
    /// The same under further names. Whoever asks for one of these gets it; whoever asks for everything does not.
    aliases: Arc<Resources>,
    written: Arc<Resources>,
    written_for: Arc<BTreeMap<String, Resources>>,
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

    /// Puts a resource where it belongs, or takes it away; gives what was there.
    pub(crate) fn set(
        &mut self,
        kind: Kind,
        layer: Layer<'_>,
        name: &str,
        resource: Option<Arc<Resource>>,
    ) -> Option<Arc<Resource>> {
        let layers = self.kinds.get_mut(&kind)?;
        layers.generation += 1;
        layers.changed = Instant::now();
        match layer {
            Layer::Registered => exchange(Arc::make_mut(&mut layers.registered), name, resource),
            Layer::Alias => exchange(Arc::make_mut(&mut layers.aliases), name, resource),
            Layer::Written => exchange(Arc::make_mut(&mut layers.written), name, resource),
            Layer::WrittenFor(cluster) => {
                let all = Arc::make_mut(&mut layers.written_for);
                let resources = all.entry(cluster.to_owned()).or_default();
                let before = exchange(resources, name, resource);
                if resources.is_empty() {
                    all.remove(cluster);
                }
                before
            }
        }
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

    /// How the nodes with a `node.cluster` see it.
    pub(crate) fn view<'a>(&'a self, cluster: &'a str) -> View<'a> {
        View {
            world: self,
            cluster,
            turn: 0,
            since: None,
        }
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

fn exchange(resources: &mut Resources, name: &str, resource: Option<Arc<Resource>>) -> Option<Arc<Resource>> {
    match resource {
        Some(resource) => resources.insert(name.into(), resource),
        None => resources.remove(name),
    }
}

/// All resources at one moment, as one node sees them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    world: &'a World,
    cluster: &'a str,
    turn: u64,
    since: Option<Instant>,
}

impl<'a> View<'a> {
    /// The same after it was turned so many times into what another world has, and back: the last time at `since`.
    pub(crate) fn turned(self, turn: u64, since: Instant) -> Self {
        Self {
            turn,
            since: Some(since),
            ..self
        }
    }

    fn layers(self, kind: Kind) -> Option<(&'a Layers, Option<&'a Resources>)> {
        let layers = self.world.kinds.get(&kind)?;
        Some((layers, layers.written_for.get(self.cluster)))
    }

    pub(crate) fn get(self, kind: Kind, name: &str) -> Option<(&'a str, &'a Arc<Resource>)> {
        let (layers, own) = self.layers(kind)?;
        own.and_then(|own| own.get_key_value(name))
            .or_else(|| layers.written.get_key_value(name))
            .or_else(|| layers.registered.get_key_value(name))
            .or_else(|| layers.aliases.get_key_value(name))
            .map(|(name, resource)| (&**name, resource))
    }

    /// All resources of a type, by name; each once, whatever other names it has.
    pub(crate) fn all(self, kind: Kind) -> BTreeMap<&'a str, &'a Arc<Resource>> {
        let Some((layers, own)) = self.layers(kind) else {
            return BTreeMap::new();
        };
        let layers = [Some(&*layers.registered), Some(&*layers.written), own];
        layers
            .into_iter()
            .flatten()
            .flatten()
            .map(|(name, resource)| (&**name, resource))
            .collect()
    }

    /// A number that differs if the resources of a type may differ.
    pub(crate) fn generation(self, kind: Kind) -> u64 {
        // Neither number ever comes near the other's bits.
        self.layers(kind)
            .map_or(0, |(layers, _)| layers.generation ^ (self.turn << 40))
    }

    /// When the resources of a type were last changed.
    pub(crate) fn changed(self, kind: Kind) -> Option<Instant> {
        let (layers, _) = self.layers(kind)?;
        Some(self.since.map_or(layers.changed, |since| since.max(layers.changed)))
    }
}
