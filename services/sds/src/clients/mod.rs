//! Who is connected, and how far each has come.

mod report;
mod rest;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(crate) use report::{ClientReport, NodeName};
use rest::Pollers;
pub(crate) use rest::{Poll, Said};

use crate::store::World;

/// A stream that can tell how far it is.
pub(crate) trait Observed: Send + Sync {
    /// What there is to tell, if the resources are these.
    fn report(&self, world: &World) -> ClientReport;
}

/// Everybody who is connected.
#[derive(Default)]
pub(crate) struct Clients {
    next: AtomicU64,
    streams: Mutex<BTreeMap<u64, Arc<dyn Observed>>>,
    pollers: Mutex<Pollers>,
}

/// A place among the clients, given up when it is dropped.
pub(crate) struct Place {
    clients: Arc<Clients>,
    number: u64,
}

impl Clients {
    /// Lists a stream for as long as the place is kept.
    pub(crate) fn join(self: &Arc<Self>, stream: Arc<dyn Observed>) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.streams).insert(number, stream);
        Place {
            clients: Arc::clone(self),
            number,
        }
    }

    /// A REST client was answered; gives what it said of the answer before.
    pub(crate) fn polled(&self, poll: Poll) -> Said {
        lock(&self.pollers).polled(poll, Instant::now())
    }

    /// Everybody, streams first, each in the order in which they came.
    pub(crate) fn report(&self, world: &World) -> Vec<ClientReport> {
        let streams: Vec<_> = lock(&self.streams).values().cloned().collect();
        let mut reports: Vec<_> = streams.iter().map(|stream| stream.report(world)).collect();
        reports.extend(lock(&self.pollers).report(world, Instant::now()));
        reports
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.clients.streams).remove(&self.number);
    }
}

/// What is behind these locks is changed in single steps, so a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
