//! How one node sees all resources.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::world::{Layers, Resources, World};
use crate::resources::{Kind, Resource};

/// All resources at one moment, as one node sees them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    world: &'a World,
    cluster: &'a str,
    turn: u64,
    since: Option<Instant>,
}

impl World {
    /// How the nodes with a `node.cluster` see it.
    pub(crate) fn view<'a>(&'a self, cluster: &'a str) -> View<'a> {
        View {
            world: self,
            cluster,
            turn: 0,
            since: None,
        }
    }
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
