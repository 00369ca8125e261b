//! What a client wants of one type.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::weight::Weight;
use crate::resources::{Kind, Resource, Version};
use crate::store::View;

/// Resources by name.
pub(crate) type Wanted<'a> = BTreeMap<&'a str, &'a Arc<Resource>>;

/// The name that stands for all resources.
pub(super) const WILDCARD: &str = "*";

/// The names that a client wants, and whether it wants everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(super) wildcard: bool,
    /// Shared with what else is kept of each: a stream may have many.
    pub(super) names: BTreeSet<Arc<str>>,
}

impl Subscription {
    /// What a client wants that gives these names, and `everything` if it is so.
    pub(super) fn of(names: Vec<String>, everything: bool) -> Self {
        let mut names: BTreeSet<Arc<str>> = names.into_iter().map(Arc::from).collect();
        let wildcard = names.remove(WILDCARD) || everything;
        // No resource is without a name.
        names.remove("");
        Self { wildcard, names }
    }

    /// What its names take.
    pub(super) fn weight(&self) -> Weight {
        Weight::of(self.names.iter().map(|name| &**name))
    }

    /// A name, sharing its text if it is one of those that are named.
    pub(super) fn shared(&self, name: &str) -> Arc<str> {
        self.names.get(name).cloned().unwrap_or_else(|| name.into())
    }

    pub(super) fn covers(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    /// The resources that are wanted and there. A type that is not served has none.
    pub(super) fn wanted<'a>(&self, kind: Option<Kind>, view: View<'a>) -> Wanted<'a> {
        match kind {
            None => BTreeMap::new(),
            Some(kind) => {
                let mut wanted = if self.wildcard { view.all(kind) } else { BTreeMap::new() };
                // Besides everything too: it may be there under a name that everything leaves out.
                wanted.extend(self.names.iter().filter_map(|name| view.get(kind, name)));
                wanted
            }
        }
    }
}

/// The version of all resources that a client wants.
pub(super) fn version(wanted: &Wanted<'_>) -> Version {
    Version::of_set(wanted.iter().map(|(name, resource)| (*name, resource.version)))
}
