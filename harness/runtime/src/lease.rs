//! A running mesh and what can be done to it.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use meshkat_model::mesh::Container;
use tokio::sync::watch;

use crate::{NetworkFault, Pod, RuntimeError, Target, Usage};

/// What [`Lease::release`] left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// The folder with the logs and configurations, where they were kept.
    pub kept: Option<PathBuf>,
}

/// A running mesh. Whoever holds it may fault it; giving it back removes all of it.
///
/// A target without a container is the whole pod. Every call may run beside every other; two that concern the same
/// container take turns, but for [`Lease::kill`] and [`Lease::release`], which wait for nobody.
#[async_trait]
pub trait Lease: Send + Sync {
    /// The lease's name, unique on this machine.
    fn id(&self) -> &str;

    /// The value of the `Authorization` header that the applications of its pods ask for before they change what they do;
    /// none if they ask for none.
    fn authorization(&self) -> Option<&str>;

    /// Every pod as it is now, by the order of its group in the mesh and then by its number.
    fn pods(&self) -> Vec<Pod>;

    /// The pod of that name as it is now.
    fn pod(&self, name: &str) -> Option<Pod> {
        self.pods().into_iter().find(|pod| pod.name == name)
    }

    /// Sees which containers somebody else has frozen, or let go on, which nobody tells the lease; [`Lease::pods`] has it then.
    async fn look_again(&self);

    /// The folder of the certificates that were made for the mesh, on this machine; none where it has none.
    fn certificates(&self) -> Option<PathBuf> {
        None
    }

    /// A counter that moves whenever what [`Lease::pods`] gives has changed, so that who waits for a condition also
    /// sees a container exit.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Adds a pod to a group, under the lowest number that is free, and starts it.
    async fn add(&self, group: &str) -> Result<Pod, RuntimeError>;

    /// Takes a pod away: what is in flight finishes, then it stops, is forgotten, and its name and address are free.
    async fn remove(&self, pod: &str) -> Result<(), RuntimeError>;

    /// Starts what does not run. What already runs is left alone.
    ///
    /// # Errors
    /// Also when a container is paused: that is [`Lease::resume`]'s.
    async fn start(&self, target: &Target) -> Result<(), RuntimeError>;

    /// Asks to end and waits; what has not ended when the grace is over is killed. What does not run is left alone.
    async fn stop(&self, target: &Target) -> Result<(), RuntimeError>;

    /// Ends at once, without any goodbye, and waits until it is gone. What does not run is left alone.
    async fn kill(&self, target: &Target) -> Result<(), RuntimeError>;

    /// Freezes: connections stay open and nothing answers. Returns when it is frozen.
    ///
    /// # Errors
    /// Also when nothing of the target runs.
    async fn pause(&self, target: &Target) -> Result<(), RuntimeError>;

    /// Undoes [`Lease::pause`].
    ///
    /// # Errors
    /// Also when nothing of the target runs.
    async fn resume(&self, target: &Target) -> Result<(), RuntimeError>;

    /// Removes what a pod's application has kept on disk, such as the registry of `sds`, so that it starts with nothing.
    ///
    /// # Errors
    /// Also when the application lives: it would write it again.
    async fn forget(&self, pod: &str) -> Result<(), RuntimeError>;

    /// Makes a group's host name mean these of its pods, in the configurations of all Envoys: at first it means all of them, and a
    /// pod that is added is not meant before this says so. Returns when it is written; that an Envoy has followed is for the caller
    /// to find out.
    async fn name(&self, group: &str, pods: &[String]) -> Result<(), RuntimeError>;

    /// Harms all that a pod and its `peers` send one another, in both directions, until [`Lease::heal_network`]. No peers
    /// are all other pods that there are. What was done between the same two pods before is replaced. Returns when it is so.
    ///
    /// # Errors
    /// Also where the backend has no such capability.
    async fn harm_network(&self, pod: &str, peers: &[String], fault: NetworkFault) -> Result<(), RuntimeError>;

    /// Undoes all [`Lease::harm_network`] that a pod has a part in, and returns when the pod and its peers reach one another
    /// again.
    ///
    /// # Errors
    /// Also when they do not.
    async fn heal_network(&self, pod: &str) -> Result<(), RuntimeError>;

    /// The end of what a container wrote to its standard output and error: whole lines, at most `tail_bytes`.
    /// Empty when it never ran.
    async fn log(&self, pod: &str, container: Container, tail_bytes: usize) -> Result<String, RuntimeError>;

    /// What a container wrote behind the first `from` bytes of its log, in whole lines, and how long the log is with them. Of a log that
    /// was cut meanwhile, as one is that grows too large, what came behind the cut. Empty when it never ran.
    async fn log_since(&self, pod: &str, container: Container, from: u64) -> Result<(Vec<u8>, u64), RuntimeError>;

    /// What a container has of its machine; none where it does not run, or the runtime cannot tell.
    async fn usage(&self, pod: &str, container: Container) -> Option<Usage>;

    /// What others did to the mesh from outside of this lease, as far as it was noted: a sentence for each.
    fn done_by_hand(&self) -> Vec<String>;

    /// Stops everything and removes everything; again is harmless. With `keep`, the logs and configurations go to that
    /// folder, which is made where it is missing.
    async fn release(&self, keep: Option<&Path>) -> Result<Released, RuntimeError>;
}
