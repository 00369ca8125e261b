//! A mesh that notes what it is asked.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use meshkat_model::mesh::Container;
use tokio::sync::watch;

use super::driver::ScriptedDriver;
use super::script::{Call, Script};
use crate::pods::lease::PodLease;
use crate::{Lease, NetworkFault, Pod, Released, RuntimeError, Target, Usage};

/// What every scripted mesh's applications ask for.
pub const AUTHORIZATION: &str = "Bearer of a scripted mesh";

/// A mesh of which only the states exist. It notes every call, and fails where the script says so.
#[derive(Debug)]
pub struct ScriptedLease {
    pub(super) id: String,
    pub(super) script: Script,
    pub(super) pods: Arc<PodLease<ScriptedDriver>>,
}

impl ScriptedLease {
    /// Makes a container end by itself.
    ///
    /// # Errors
    /// When there is no such container.
    pub fn crash(&self, pod: &str, container: Container, code: i32) -> Result<(), RuntimeError> {
        self.pods.crash(&Target::container(pod, container), code)
    }

    /// Freezes a container as somebody does who asks no lease; whether it lives.
    pub fn freeze(&self, pod: &str, container: Container) -> bool {
        let run = self.pods.id().parse();
        run.is_ok_and(|run| self.script.freeze(&run, &Target::container(pod, container), true))
    }
}

#[async_trait]
impl Lease for ScriptedLease {
    fn id(&self) -> &str {
        &self.id
    }

    fn authorization(&self) -> Option<&str> {
        Some(AUTHORIZATION)
    }

    fn pods(&self) -> Vec<Pod> {
        self.pods.pods()
    }

    async fn look_again(&self) {
        self.pods.look_again().await;
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.pods.changes()
    }

    async fn add(&self, group: &str) -> Result<Pod, RuntimeError> {
        self.script.note(Call::Add(group.to_owned()))?;
        self.pods.add(group).await
    }

    async fn remove(&self, pod: &str) -> Result<(), RuntimeError> {
        self.script.note(Call::Remove(pod.to_owned()))?;
        self.pods.remove(pod).await
    }

    async fn start(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Start(target.clone()))?;
        self.pods.start(target).await
    }

    async fn stop(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Stop(target.clone()))?;
        self.pods.stop(target).await
    }

    async fn kill(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Kill(target.clone()))?;
        self.pods.kill(target).await
    }

    async fn pause(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Pause(target.clone()))?;
        self.pods.pause(target).await
    }

    async fn resume(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Resume(target.clone()))?;
        self.pods.resume(target).await
    }

    async fn name(&self, group: &str, pods: &[String]) -> Result<(), RuntimeError> {
        self.pods.name(group, pods).await
    }

    async fn forget(&self, pod: &str) -> Result<(), RuntimeError> {
        self.script.note(Call::Forget(pod.to_owned()))?;
        self.pods.forget(pod).await
    }

    async fn harm_network(&self, pod: &str, peers: &[String], fault: NetworkFault) -> Result<(), RuntimeError> {
        self.script.note(Call::HarmNetwork {
            pod: pod.to_owned(),
            peers: peers.to_vec(),
            fault,
        })?;
        self.pods.harm_network(pod, peers, fault).await
    }

    async fn heal_network(&self, pod: &str) -> Result<(), RuntimeError> {
        self.script.note(Call::HealNetwork(pod.to_owned()))?;
        self.pods.heal_network(pod).await
    }

    async fn log(&self, pod: &str, container: Container, tail_bytes: usize) -> Result<String, RuntimeError> {
        self.pods.log(pod, container, tail_bytes).await
    }

    async fn log_since(&self, pod: &str, container: Container, from: u64) -> Result<(Vec<u8>, u64), RuntimeError> {
        self.pods.log_since(pod, container, from).await
    }

    async fn usage(&self, pod: &str, container: Container) -> Option<Usage> {
        self.pods.usage(pod, container).await
    }

    fn done_by_hand(&self) -> Vec<String> {
        self.pods.done_by_hand()
    }

    async fn release(&self, keep: Option<&Path>) -> Result<Released, RuntimeError> {
        self.script.note(Call::Release)?;
        self.pods.release(keep).await
    }
}
