//! Endpoints of Kubernetes that nobody can be told of, and why.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelValue;

use crate::text::cut;

/// How much is shown of what stands in a slice, in bytes.
const SHOWN: usize = 80;

/// Why an endpoint is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelValue)]
pub(crate) enum Reason {
    /// Its address is none.
    Address,
    /// Its slice has names of DNS in the place of addresses, or something newer.
    AddressType,
    /// Its slice has no port of the name that is asked for.
    Port,
    /// Its slice is of a service that cannot be called by its name.
    Service,
}

impl Reason {
    pub(super) const ALL: [Self; 4] = [Self::Address, Self::AddressType, Self::Port, Self::Service];
}

/// What of one slice is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Passed {
    /// How many endpoints, and what is wrong with one of them.
    reasons: BTreeMap<Reason, (usize, String)>,
}

impl Passed {
    pub(super) fn add(&mut self, reason: Reason, count: usize, why: impl FnOnce() -> String) {
        if count > 0 {
            self.reasons.entry(reason).or_insert_with(|| (0, why())).0 += count;
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.reasons.is_empty()
    }

    /// What is wrong, reason by reason.
    pub(super) fn whys(&self) -> impl Iterator<Item = &str> {
        self.reasons.values().map(|(_, why)| why.as_str())
    }
}

/// A text of a slice as it is shown.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", cut(text, SHOWN))
}

/// What is passed over of all slices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PassedOver {
    pub(super) counts: BTreeMap<Reason, usize>,
    /// Of which service, or slice, and what is wrong with it.
    pub(super) example: Option<(String, String)>,
}

impl PassedOver {
    pub(super) fn of<'a>(all: impl Iterator<Item = (&'a str, &'a Passed)>) -> Self {
        let mut over = Self::default();
        for (of, passed) in all {
            for (reason, (count, why)) in &passed.reasons {
                *over.counts.entry(*reason).or_default() += count;
                over.example.get_or_insert_with(|| (of.to_owned(), why.clone()));
            }
        }
        over
    }

    /// A line for `/readyz`.
    pub(super) fn note(&self) -> Option<String> {
        let (of, why) = self.example.as_ref()?;
        let count: usize = self.counts.values().sum();
        let endpoints = if count == 1 { "endpoint" } else { "endpoints" };
        let as_of = if count == 1 { "of" } else { "as of" };
        Some(format!(
            "passed over: {count} {endpoints} of Kubernetes, {as_of} {of}: {why}"
        ))
    }
}
