//! The rules in force and what is used up of their limits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use envoy_types::pb::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::Entry;
use meshkat_kit::Problem;
use serde::Serialize;
use serde_json::{Value, json};

use crate::counters::{Counted, Counters, Shown};
use crate::descriptor::{Descriptor, TooLong};
use crate::rules::{Domain, Limit};

/// How many domains there may be.
const MOST_DOMAINS: usize = 100;

/// The rules and the counters. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    domains: BTreeMap<String, Domain>,
    counters: Counters,
}

/// All that is counted.
#[derive(Debug, Serialize)]
pub(crate) struct Counting {
    counters: Vec<Shown>,
}

impl Limits {
    /// Counts hits of a descriptor; `None` if nothing limits it. A limit that it brings itself goes before the rules.
    ///
    /// # Errors
    /// It is too long.
    pub(crate) fn hit(
        &self,
        domain: &str,
        entries: &[Entry],
        own: Option<Limit>,
        hits: u64,
    ) -> Result<Option<(Limit, Counted)>, TooLong> {
        let mut inner = self.lock();
        let limit = own.or_else(|| inner.domains.get(domain)?.limit(entries));
        let Some(limit) = limit else { return Ok(None) };
        let descriptor = Descriptor::new(domain, entries)?;
        let counted = inner.counters.hit(descriptor, limit, hits, Instant::now());
        Ok(Some((limit, counted)))
    }

    /// Replaces the rules of a domain. What was counted by then is forgotten.
    ///
    /// # Errors
    /// There are too many domains.
    pub(crate) fn replace(&self, domain: Domain) -> Result<(), Problem> {
        let mut inner = self.lock();
        if inner.domains.len() >= MOST_DOMAINS && !inner.domains.contains_key(&domain.domain) {
            return Err(Problem::bad_request(format!(
                "there are at most {MOST_DOMAINS} domains"
            )));
        }
        inner.counters.clear();
        inner.domains.insert(domain.domain.clone(), domain);
        Ok(())
    }

    pub(crate) fn forget_rules(&self) {
        *self.lock() = Inner::default();
    }

    pub(crate) fn forget_counters(&self) {
        self.lock().counters.clear();
    }

    pub(crate) fn rules(&self) -> Value {
        json!({"domains": self.lock().domains.values().collect::<Vec<_>>()})
    }

    /// As it is told.
    pub(crate) fn counters(&self) -> Counting {
        Counting {
            counters: self.lock().counters.shown(Instant::now()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Changed in single steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
