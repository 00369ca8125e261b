//! Clusters that an Envoy makes warm again.

use std::collections::BTreeSet;

use super::session::Scope;
use super::subscription::Wanted;
use crate::resources::{Kind, Resource};

/// The endpoints that clusters wait for on an aggregated stream.
///
/// An Envoy that is sent a changed cluster keeps the old one until the new one has endpoints, and takes only those that
/// come after it, even if it has the same ones already. Over delta it does not ask for them either: without being sent
/// them once more, it would use the old cluster until `initial_fetch_timeout`.
#[derive(Debug, Clone)]
pub(super) struct Warming {
    /// On a stream of its own, a type knows nothing of the others, and its Envoy opens a stream for each cluster.
    aggregated: bool,
    waiting: BTreeSet<String>,
}

impl Warming {
    pub(super) fn new(scope: Scope) -> Self {
        Self {
            aggregated: scope == Scope::Aggregated,
            waiting: BTreeSet::new(),
        }
    }

    /// Resources of a type go out: all that the client wants, some of which it does not have yet.
    pub(super) fn sent(&mut self, kind: Option<Kind>, wanted: &Wanted<'_>, is_new: impl Fn(&str, &Resource) -> bool) {
        match kind {
            Some(Kind::Clusters) if self.aggregated => {
                let awaited: BTreeSet<&str> = wanted
                    .values()
                    .filter_map(|cluster| cluster.awaits.as_deref())
                    .collect();
                self.waiting.retain(|name| awaited.contains(name.as_str()));
                let new = wanted.iter().filter(|(name, cluster)| is_new(name, cluster));
                self.waiting
                    .extend(new.filter_map(|(_, cluster)| cluster.awaits.clone()));
            }
            Some(Kind::Endpoints) => {
                let is_new = |name: &str| wanted.get(name).is_some_and(|resource| is_new(name, resource));
                self.waiting.retain(|name| !is_new(name));
            }
            _ => {}
        }
    }

    /// The names, of a type, that have to be sent once more.
    pub(super) fn again(&self, kind: Option<Kind>) -> impl Iterator<Item = &String> {
        self.waiting.iter().filter(move |_| kind == Some(Kind::Endpoints))
    }
}
