//! What a test tells a scripted backend, and what it was asked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshkat_model::mesh::Container;

use crate::{NetworkFault, RuntimeError, Target};

/// One call of a backend or a lease that changes something.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// A mesh of that name was leased.
    Lease(String),
    /// A pod was added to that group.
    Add(String),
    /// That pod was removed.
    Remove(String),
    /// That was started.
    Start(Target),
    /// That was stopped.
    Stop(Target),
    /// That was killed.
    Kill(Target),
    /// That was paused.
    Pause(Target),
    /// That was resumed.
    Resume(Target),
    /// What that pod's application keeps was removed.
    Forget(String),
    /// What a pod and its peers send one another was harmed.
    HarmNetwork {
        /// The pod.
        pod: String,
        /// The peers; none are all other pods.
        peers: Vec<String>,
        /// How.
        fault: NetworkFault,
    },
    /// All harm to the network that that pod has a part in was undone.
    HealNetwork(String),
    /// The lease was given back.
    Release,
}

/// What a test tells and asks a backend. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Script {
    notes: Arc<Mutex<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    addresses: HashMap<String, IpAddr>,
    logs: HashMap<(String, Container), String>,
    failures: Vec<(Call, String)>,
    calls: Vec<Call>,
}

impl Script {
    /// Gives the pod of that name an address, whether it is there from the start or added later.
    #[must_use]
    pub fn address(self, pod: &str, address: IpAddr) -> Self {
        self.notes().addresses.insert(pod.to_owned(), address);
        self
    }

    /// Gives a container a log.
    #[must_use]
    pub fn log(self, pod: &str, container: Container, text: &str) -> Self {
        self.notes().logs.insert((pod.to_owned(), container), text.to_owned());
        self
    }

    /// Makes the next such call fail with that message.
    pub fn fail(&self, call: Call, message: &str) {
        self.notes().failures.push((call, message.to_owned()));
    }

    /// Every call so far, in order, those that failed too.
    pub fn calls(&self) -> Vec<Call> {
        self.notes().calls.clone()
    }

    /// Notes a call, and fails it where that was asked for.
    pub(super) fn note(&self, call: Call) -> Result<(), RuntimeError> {
        let mut notes = self.notes();
        let failure = notes.failures.iter().position(|(failing, _)| *failing == call);
        notes.calls.push(call);
        match failure.map(|at| notes.failures.remove(at)) {
            Some((_, message)) => Err(RuntimeError::Other { message, help: None }),
            None => Ok(()),
        }
    }

    pub(super) fn address_of(&self, pod: &str) -> Result<IpAddr, RuntimeError> {
        self.notes()
            .addresses
            .get(pod)
            .copied()
            .ok_or_else(|| RuntimeError::Other {
                message: format!("the script has no address for the pod `{pod}`"),
                help: None,
            })
    }

    pub(super) fn log_of(&self, pod: &str, container: Container) -> String {
        self.notes()
            .logs
            .get(&(pod.to_owned(), container))
            .cloned()
            .unwrap_or_default()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
