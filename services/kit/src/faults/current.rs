//! The fault that is in force.

use std::sync::Arc;

use tokio::sync::watch;

use super::spec::Fault;

/// The fault that is in force, if any. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Faults(Arc<watch::Sender<Option<Arc<Fault>>>>);

impl Default for Faults {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Faults {
    pub(super) fn current(&self) -> Option<Arc<Fault>> {
        self.0.borrow().clone()
    }

    pub(super) fn replace(&self, fault: Option<Arc<Fault>>) {
        self.0.send_replace(fault);
    }
}
