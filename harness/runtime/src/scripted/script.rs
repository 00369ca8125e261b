//! What a test tells a scripted backend, and what it was asked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use meshkat_model::mesh::Container;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::error::failed;
use crate::pods::driver::{Ended, Life, Look};
use crate::run::LeaseId;
use crate::{InstanceId, NetworkFault, RuntimeError, Target, Usage};

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
    usage: HashMap<Target, Usage>,
    failures: Vec<(Call, String)>,
    calls: Vec<Call>,
    lives: HashMap<(LeaseId, Target), ScriptedLife>,
    /// How many lives there were.
    instances: u64,
    /// Where the runs keep their folders.
    state_dir: Option<TempDir>,
}

#[derive(Debug)]
struct ScriptedLife {
    instance: InstanceId,
    is_paused: bool,
    ended: Option<Ended>,
    /// Who waits for its end.
    watchers: Vec<oneshot::Sender<Ended>>,
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

    /// Says what a container has of its machine from now on; nothing before.
    pub fn uses(&self, pod: &str, container: Container, usage: Usage) {
        self.notes().usage.insert(Target::container(pod, container), usage);
    }

    /// Adds a line to the log of a container.
    pub fn writes(&self, pod: &str, container: Container, line: &str) {
        let mut notes = self.notes();
        let log = notes.logs.entry((pod.to_owned(), container)).or_default();
        log.push_str(line);
        log.push('\n');
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
            Some((_, message)) => Err(RuntimeError::other(message)),
            None => Ok(()),
        }
    }

    pub(super) fn address_of(&self, pod: &str) -> Result<IpAddr, RuntimeError> {
        self.notes()
            .addresses
            .get(pod)
            .copied()
            .ok_or_else(|| RuntimeError::other(format!("the script has no address for the pod `{pod}`")))
    }

    pub(super) fn usage_of(&self, target: &Target) -> Usage {
        self.notes().usage.get(target).copied().unwrap_or_default()
    }

    pub(super) fn log_of(&self, target: &Target) -> String {
        let notes = self.notes();
        let mut logs = notes.logs.iter();
        let log = logs.find(|((pod, container), _)| *pod == target.pod && Some(*container) == target.container);
        log.map(|(_, text)| text.clone()).unwrap_or_default()
    }

    /// The folder in which the runs keep their folders; gone with the last clone of the script.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn state_dir(&self) -> Result<PathBuf, RuntimeError> {
        let mut notes = self.notes();
        let folder = match notes.state_dir.take() {
            Some(folder) => folder,
            None => tempfile::tempdir().map_err(failed("make a folder in", &std::env::temp_dir()))?,
        };
        Ok(notes.state_dir.insert(folder).path().to_owned())
    }

    pub(super) fn start(&self, run: &LeaseId, target: &Target) {
        let mut notes = self.notes();
        notes.instances += 1;
        let life = ScriptedLife {
            instance: InstanceId::named(format!("life {}", notes.instances)),
            is_paused: false,
            ended: None,
            watchers: Vec::new(),
        };
        notes.lives.insert((run.clone(), target.clone()), life);
    }

    /// What a container does.
    pub(super) fn look(&self, run: &LeaseId, target: &Target) -> Look {
        let mut notes = self.notes();
        let Some(life) = notes.lives.get_mut(&(run.clone(), target.clone())) else {
            return Look::NeverRan;
        };
        if let Some(ended) = life.ended {
            return Look::Ended(ended);
        }
        let (watcher, ended) = oneshot::channel();
        life.watchers.push(watcher);
        Look::Lives {
            life: Life {
                instance: life.instance.clone(),
                ended: ended.map(Result::unwrap_or_default).boxed(),
            },
            is_paused: life.is_paused,
        }
    }

    /// Freezes a container, or lets it go on; whether it lives.
    pub(super) fn freeze(&self, run: &LeaseId, target: &Target, is_paused: bool) -> bool {
        self.change(run, target, |life| life.is_paused = is_paused)
    }

    /// Ends a container; whether it lived.
    pub(super) fn end(&self, run: &LeaseId, target: &Target, ended: Ended) -> bool {
        self.change(run, target, |life| {
            life.ended = Some(ended);
            for watcher in life.watchers.drain(..) {
                // Who does not watch any more need not be told.
                let _ = watcher.send(ended);
            }
        })
    }

    fn change(&self, run: &LeaseId, target: &Target, change: impl FnOnce(&mut ScriptedLife)) -> bool {
        let mut notes = self.notes();
        let life = notes.lives.get_mut(&(run.clone(), target.clone()));
        life.filter(|life| life.ended.is_none()).map(change).is_some()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
