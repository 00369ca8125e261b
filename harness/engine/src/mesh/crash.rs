//! Containers that ended without having been asked to.

use meshkat_envoy::config::Refusal;
use meshkat_model::mesh::Container;
use meshkat_runtime::{ContainerState, Pod};

use super::{RunningMesh, error::MeshError, refusal};

/// How much of a log is shown when a container ended by itself.
const LOG_TAIL: usize = 2_000;
/// How much of it is searched for what Envoy says of its configuration, parts of which it may quote.
const WHOLE_LOG: usize = 1 << 20;

impl RunningMesh {
    /// A container that ended without having been asked to, if there is one.
    pub async fn crashed(&self) -> Option<MeshError> {
        self.crashed_of(|_| true).await
    }

    /// The same of some pods alone.
    pub(crate) async fn crashed_of(&self, whose: impl Fn(&Pod) -> bool) -> Option<MeshError> {
        let (pod, container, state) = self.pods().into_iter().filter(whose).find_map(|pod| {
            Container::BOTH.into_iter().find_map(|container| {
                let state = pod.container(container).filter(|state| state.is_crashed())?;
                Some((pod.clone(), container, state.clone()))
            })
        })?;
        Some(self.crash_of(&pod, container, &state).await)
    }

    /// What is told of a container that ended.
    pub(super) async fn crash_of(&self, pod: &Pod, container: Container, state: &ContainerState) -> MeshError {
        self.crash(pod, container, state.predicate()).await
    }

    pub(super) async fn crash(&self, pod: &Pod, container: Container, state: String) -> MeshError {
        let log = async |bytes| {
            let log = self.lease.log(&pod.name, container, bytes).await;
            log.unwrap_or_else(|error| error.to_string())
        };
        let group = self.spec.groups.get(&pod.group);
        let file = group.and_then(|group| group.envoy.as_ref());
        let refused = match (container, file) {
            (Container::Envoy, Some(file)) => refusal::find(&log(WHOLE_LOG).await).map(|said| (file, said)),
            _ => None,
        };
        match refused {
            Some((file, said)) => {
                let overlays = group.map_or(&[][..], |group| &group.overlays);
                let Refusal { message, place } = Refusal::of(file, overlays, &said);
                MeshError::Refused {
                    pod: pod.name.clone(),
                    file: file.display().to_string(),
                    message,
                    place: place.map(|(file, line)| (file.display().to_string(), line)),
                }
            }
            None => MeshError::Crashed {
                pod: pod.name.clone(),
                container,
                state,
                log: log(LOG_TAIL).await,
            },
        }
    }
}
