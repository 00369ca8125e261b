//! Clusters and listeners that an Envoy makes warm again.

use std::collections::{BTreeMap, BTreeSet};

use super::session::Scope;
use super::subscription::Wanted;
use crate::resources::{Awaited, Kind, Resource};

/// What clusters and listeners wait for on an aggregated stream.
///
/// An Envoy that is sent a changed cluster keeps the old one until the new one has its endpoints and secrets, and takes only
/// those that come after it, even if it has the same ones already; so it does with a listener, its routes and its secrets,
/// wherever the listener asks for them in another way than before, or is another that asks for the same. It does not ask for
/// them again either: without being sent them once more, it would wait until `initial_fetch_timeout`, and then go on without.
#[derive(Debug, Clone)]
pub(crate) struct Warming {
    /// On a stream of its own, a type knows nothing of the others, and its Envoy opens a stream for each cluster.
    aggregated: bool,
    /// What is waited for, by the type of those who wait.
    waiting: BTreeMap<Kind, BTreeSet<Awaited>>,
}

impl Warming {
    pub(super) fn new(scope: Scope) -> Self {
        Self {
            aggregated: scope == Scope::Aggregated,
            waiting: BTreeMap::new(),
        }
    }

    /// Resources of a type go out: all that the client wants, some of which it does not have yet.
    pub(super) fn sent(&mut self, kind: Option<Kind>, wanted: &Wanted<'_>, is_new: impl Fn(&str, &Resource) -> bool) {
        let Some(kind) = kind.filter(|_| self.aggregated) else {
            return;
        };
        if matches!(kind, Kind::Clusters | Kind::Listeners) {
            let waiting = self.waiting.entry(kind).or_default();
            let awaited: BTreeSet<&Awaited> = wanted.values().flat_map(|resource| &resource.awaits).collect();
            waiting.retain(|of| awaited.contains(of));
            let new = wanted.iter().filter(|(name, resource)| is_new(name, resource));
            waiting.extend(new.flat_map(|(_, resource)| resource.awaits.iter().cloned()));
        } else {
            let is_new = |name: &str| wanted.get(name).is_some_and(|resource| is_new(name, resource));
            for waiting in self.waiting.values_mut() {
                waiting.retain(|of| of.kind != kind || !is_new(&of.name));
            }
        }
    }

    /// The names, of a type, that have to be sent once more.
    pub(super) fn again(&self, kind: Option<Kind>) -> impl Iterator<Item = &str> {
        let all = self.waiting.values().flatten();
        all.filter(move |of| kind == Some(of.kind)).map(|of| &*of.name)
    }
}
