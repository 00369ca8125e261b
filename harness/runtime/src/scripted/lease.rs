//! A mesh that is only told about.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use meshkat_model::mesh::{Container, MeshSpec, PodPorts};
use tokio::sync::watch;

use super::script::{Call, Script};
use crate::{ContainerState, Lease, NetworkFault, Pod, Released, RuntimeError, Target};

/// What every scripted mesh's applications ask for.
pub const AUTHORIZATION: &str = "Bearer of a scripted mesh";

/// A mesh of which only the states exist. The process numbers are made up.
#[derive(Debug)]
pub struct ScriptedLease {
    id: String,
    mesh: MeshSpec,
    script: Script,
    /// With the order that [`Lease::pods`] keeps.
    pods: Mutex<Vec<((usize, u32), Pod)>>,
    pids: AtomicU32,
    changes: watch::Sender<u64>,
}

/// From one state to the next; none is no change.
type Step = fn(&ContainerState, u32) -> Result<Option<ContainerState>, ()>;

impl ScriptedLease {
    pub(super) fn start(id: String, mesh: MeshSpec, script: Script) -> Result<Self, RuntimeError> {
        let changes = watch::Sender::new(0);
        let lease = Self {
            id,
            mesh,
            script,
            pods: Mutex::default(),
            pids: AtomicU32::new(1000),
            changes,
        };
        for (group, spec) in &lease.mesh.groups {
            for ordinal in 1..=crate::pods::roster::initial(spec) {
                let name = crate::pods::roster::pod_name(group, spec, ordinal);
                lease.insert(group, ordinal, name, spec.started)?;
            }
        }
        Ok(lease)
    }

    /// Makes a container end by itself.
    ///
    /// # Errors
    /// When there is no such container.
    pub fn crash(&self, pod: &str, container: Container, code: i32) -> Result<(), RuntimeError> {
        let state = ContainerState::Exited {
            code: Some(code),
            signal: None,
            expected: false,
        };
        let mut pods = self.all();
        *state_of(find(&mut pods, pod)?, container)? = state;
        drop(pods);
        self.changed();
        Ok(())
    }

    fn insert(&self, group: &str, ordinal: u32, name: String, started: bool) -> Result<Pod, RuntimeError> {
        let unknown = || RuntimeError::UnknownGroup {
            group: group.to_owned(),
        };
        let (index, _, spec) = self.mesh.groups.get_full(group).ok_or_else(unknown)?;
        let address = self.script.address_of(&name)?;
        let state = || {
            if started {
                ContainerState::Running { pid: self.pid() }
            } else {
                ContainerState::NotStarted
            }
        };
        let pod = Pod {
            name,
            group: group.to_owned(),
            address,
            published: std::collections::BTreeMap::new(),
            loopback: address,
            ports: PodPorts::default(),
            application: spec.service.map(|_| state()),
            envoy: spec.envoy.as_ref().map(|_| state()),
        };
        let mut pods = self.all();
        let at = pods.partition_point(|(order, _)| *order < (index, ordinal));
        pods.insert(at, ((index, ordinal), pod.clone()));
        drop(pods);
        self.changed();
        Ok(pod)
    }

    /// Takes the containers of a target to their next states.
    fn step(&self, target: &Target, action: &'static str, step: Step) -> Result<(), RuntimeError> {
        let mut pods = self.all();
        let pod = find(&mut pods, &target.pod)?;
        let containers: Vec<_> = match target.container {
            Some(container) => vec![container],
            None => Container::BOTH
                .into_iter()
                .filter(|container| pod.container(*container).is_some())
                .collect(),
        };
        for container in containers {
            let state = state_of(pod, container)?;
            match step(state, self.pid()) {
                Ok(Some(next)) => *state = next,
                Ok(None) => {}
                Err(()) => {
                    let target = Target::container(&target.pod, container);
                    return Err(RuntimeError::WrongState {
                        action,
                        target,
                        state: state.clone(),
                    });
                }
            }
        }
        drop(pods);
        self.changed();
        Ok(())
    }

    fn pid(&self) -> u32 {
        self.pids.fetch_add(1, Ordering::Relaxed)
    }

    fn all(&self) -> MutexGuard<'_, Vec<((usize, u32), Pod)>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn find<'a>(pods: &'a mut [((usize, u32), Pod)], name: &str) -> Result<&'a mut Pod, RuntimeError> {
    let found = pods.iter_mut().map(|(_, pod)| pod).find(|pod| pod.name == name);
    found.ok_or_else(|| RuntimeError::UnknownPod { pod: name.to_owned() })
}

fn state_of(pod: &mut Pod, container: Container) -> Result<&mut ContainerState, RuntimeError> {
    let target = Target::container(&pod.name, container);
    let state = match container {
        Container::Application => pod.application.as_mut(),
        Container::Envoy => pod.envoy.as_mut(),
    };
    state.ok_or(RuntimeError::UnknownContainer { target })
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
        self.all().iter().map(|(_, pod)| pod.clone()).collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    async fn add(&self, group: &str) -> Result<Pod, RuntimeError> {
        self.script.note(Call::Add(group.to_owned()))?;
        let unknown = || RuntimeError::UnknownGroup {
            group: group.to_owned(),
        };
        let spec = self.mesh.groups.get(group).ok_or_else(unknown)?;
        let names: Vec<_> = self.pods().into_iter().map(|pod| pod.name).collect();
        let (ordinal, name) =
            crate::pods::roster::next_free(group, spec, |name| names.iter().any(|taken| taken == name));
        self.insert(group, ordinal, name, true)
    }

    async fn remove(&self, pod: &str) -> Result<(), RuntimeError> {
        self.script.note(Call::Remove(pod.to_owned()))?;
        find(&mut self.all(), pod)?;
        self.all().retain(|(_, other)| other.name != pod);
        self.changed();
        Ok(())
    }

    async fn start(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Start(target.clone()))?;
        self.step(target, "start", |state, pid| match state {
            ContainerState::Running { .. } => Ok(None),
            ContainerState::Paused { .. } => Err(()),
            ContainerState::NotStarted | ContainerState::Exited { .. } => Ok(Some(ContainerState::Running { pid })),
        })
    }

    async fn stop(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Stop(target.clone()))?;
        self.step(target, "stop", |state, _| {
            Ok(state.is_alive().then_some(ContainerState::Exited {
                code: Some(0),
                signal: None,
                expected: true,
            }))
        })
    }

    async fn kill(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Kill(target.clone()))?;
        self.step(target, "kill", |state, _| {
            Ok(state.is_alive().then_some(ContainerState::Exited {
                code: None,
                signal: Some(9),
                expected: true,
            }))
        })
    }

    async fn pause(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Pause(target.clone()))?;
        self.step(target, "pause", |state, _| match state {
            ContainerState::Running { pid } => Ok(Some(ContainerState::Paused { pid: *pid })),
            ContainerState::Paused { .. } => Ok(None),
            ContainerState::NotStarted | ContainerState::Exited { .. } => Err(()),
        })
    }

    async fn resume(&self, target: &Target) -> Result<(), RuntimeError> {
        self.script.note(Call::Resume(target.clone()))?;
        self.step(target, "resume", |state, _| match state {
            ContainerState::Paused { pid } => Ok(Some(ContainerState::Running { pid: *pid })),
            ContainerState::Running { .. } => Ok(None),
            ContainerState::NotStarted | ContainerState::Exited { .. } => Err(()),
        })
    }

    async fn forget(&self, pod: &str) -> Result<(), RuntimeError> {
        self.script.note(Call::Forget(pod.to_owned()))?;
        find(&mut self.all(), pod).map(|_| ())
    }

    async fn harm_network(&self, pod: &str, peers: &[String], fault: NetworkFault) -> Result<(), RuntimeError> {
        self.script.note(Call::HarmNetwork {
            pod: pod.to_owned(),
            peers: peers.to_vec(),
            fault,
        })?;
        let mut pods = self.all();
        find(&mut pods, pod)?;
        peers.iter().try_for_each(|peer| find(&mut pods, peer).map(drop))
    }

    async fn heal_network(&self, pod: &str) -> Result<(), RuntimeError> {
        self.script.note(Call::HealNetwork(pod.to_owned()))?;
        find(&mut self.all(), pod).map(drop)
    }

    fn log(&self, pod: &str, container: Container, tail_bytes: usize) -> Result<String, RuntimeError> {
        state_of(find(&mut self.all(), pod)?, container)?;
        let text = self.script.log_of(pod, container);
        let start = (text.len().saturating_sub(tail_bytes)..=text.len()).find(|at| text.is_char_boundary(*at));
        Ok(text.get(start.unwrap_or_default()..).unwrap_or_default().to_owned())
    }

    async fn release(&self, _keep: Option<&Path>) -> Result<Released, RuntimeError> {
        self.script.note(Call::Release)?;
        let kill = |state: &mut Option<ContainerState>| {
            if let Some(state) = state.as_mut().filter(|state| state.is_alive()) {
                *state = ContainerState::Exited {
                    code: None,
                    signal: Some(9),
                    expected: true,
                };
            }
        };
        for (_, pod) in self.all().iter_mut() {
            kill(&mut pod.application);
            kill(&mut pod.envoy);
        }
        self.changed();
        Ok(Released::default())
    }
}
